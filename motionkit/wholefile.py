"""Files that stand in their folder whole or not at all."""

from __future__ import annotations

import itertools
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from motionkit.errors import InputError, MediaError

__all__ = ["check_replaceable", "leftovers", "make_folder", "part_path", "replace", "write_text", "write_whole"]

NAME_BYTES = 255  # of a file's name, on every file system that is met
_KEPT = 40  # characters of a target's name in its temporary one, which must not become too long
_PART = re.compile(r"\..*\.mk(\d+)-\d+\.part")
_numbers = itertools.count()


def part_path(target: Path, suffix: str = "") -> Path:
    """A hidden temporary name beside a target, ``.NAME.mkPID-NUMBER.part``, that no other writer has.

    Args:
        target: The file or folder to write.
        suffix: What the temporary name ends in, for writers that go by it.
    """
    return target.with_name(f".{target.name[:_KEPT]}.mk{os.getpid()}-{next(_numbers)}.part{suffix}")


def leftovers(folder: Path) -> Iterator[Path]:
    """The temporary files and folders in a folder that killed processes of motionkit left; the living ones' are none.

    Args:
        folder: Where to look, without the folders in it.
    """
    for path in folder.glob(".*.part*"):
        if (found := _PART.match(path.name)) and not _is_alive(int(found[1])):
            yield path


def check_replaceable(target: Path) -> None:
    """Raise unless a file can be put here: nothing is there, or a regular file.

    A device, pipe or socket would be gone, which as root takes /dev/null from the whole machine.

    Args:
        target: The file to write; a symbolic link counts as what it leads to.

    Raises:
        InputError: Something else is there, or the name is too long or none.
    """
    if target.name in ("", ".", ".."):
        raise InputError("The target has no name", got=repr(str(target)), expected="a file name")
    if len(os.fsencode(target.name)) > NAME_BYTES:
        name = f"{target.name[:_KEPT]}…"
        raise InputError("The target's name is too long", got=name, expected=f"at most {NAME_BYTES} bytes")
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError("The target cannot be used", got=f"{target} ({reason})") from None
    if stat.S_ISDIR(mode):
        raise InputError("The target is a folder where a file belongs", got=str(target))
    if not stat.S_ISREG(mode):
        raise InputError("The target is no regular file", got=str(target), expected="a new name, or a file")


def replace(part: Path, target: Path) -> None:
    """Rename a finished temporary file to its target, once it is certain that no more than a regular file is replaced.

    Args:
        part: The temporary file.
        target: The file.

    Raises:
        InputError: The target is there and no regular file.
        OSError: The file cannot be renamed.
    """
    check_replaceable(target)
    os.replace(part, target)


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file under a temporary name beside its own, and rename it once it is on the disk.

    The temporary name is ``part_path``'s: writers of the same file, processes or threads, do not disturb each other,
    and the name shows what a killed process left behind.

    Args:
        path: The file.
        write: Called with the temporary path; makes the file there.

    Raises:
        InputError: The path is there and no regular file, or its name is too long.
        OSError: The file cannot be written.
    """
    check_replaceable(path)
    part = part_path(path)
    try:
        write(part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text in UTF-8, with ``write_whole``.

    Args:
        path: The file.
        text: What it holds.

    Raises:
        InputError: The path is there and no regular file, or its name is too long.
        MediaError: The file cannot be written.
    """
    try:
        write_whole(path, lambda part: part.write_bytes(text.encode()))
    except OSError as error:
        raise MediaError("The file cannot be written", got=f"{path} ({error.strerror or error})") from error


def make_folder(path: Path) -> None:
    """Make a folder and those above it, unless it is there.

    Args:
        path: The folder.

    Raises:
        MediaError: It cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MediaError("The folder cannot be made", got=f"{path} ({error.strerror or error})") from error


def _is_alive(process: int) -> bool:
    if os.name == "nt":  # os.kill would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
