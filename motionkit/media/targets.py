"""Where outputs go: what is checked before any work, and the temporary name beside the target."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from motionkit.config.checks import check_path
from motionkit.errors import InputError, MediaError
from motionkit.media.files import check_no_address
from motionkit.media.suffixes import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from motionkit.wholefile import check_replaceable, part_path

__all__ = ["Seal", "check_target", "explain", "part_name"]

Seal = Callable[[Path, Path], object]
"""Called with a finished file and the target that it becomes when that returns; may change it, as a signature does."""


def check_target(path: str | Path, *inputs: str | Path, any_suffix: bool = False) -> None:
    """Raise unless an output can be written here; to be called before any long work.

    Args:
        path: The target: a clip, a picture, or a folder of PNGs (no suffix).
        *inputs: Files, folders and globs of pictures that must not be overwritten.
        any_suffix: Accept any suffix or none, for files that are neither clip nor picture.

    Raises:
        InputError: The target is one of the inputs, a folder where a file belongs or the other way round, a device, of
            an unknown kind, or its name is none or too long.
        MediaError: Its folder is not there or cannot be written to.
    """
    target = check_path("target", path)
    check_no_address(path)
    if not str(path):
        raise InputError("The target has no name", got="''", expected="a file name")
    if any(_same(target, Path(other)) for other in inputs):
        raise InputError("The target would overwrite an input", got=str(path), todo="Give the output another name")
    suffix = target.suffix.lower()
    if suffix and not any_suffix and suffix not in VIDEO_SUFFIXES + IMAGE_SUFFIXES:
        known = " ".join(VIDEO_SUFFIXES + IMAGE_SUFFIXES)
        raise InputError("Unknown kind of output", got=target.name, expected=f"{known}, or a folder without a suffix")
    if suffix or any_suffix or not os.path.isdir(target):
        check_replaceable(target)
    if not suffix and not any_suffix:
        _check_folder(target)
    folder = target.absolute().parent
    if not os.path.isdir(folder):
        raise MediaError("The target's folder is not there", got=str(folder), todo="Make it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise MediaError("The target's folder cannot be written to", got=str(folder))


def _check_folder(target: Path) -> None:
    """Raise unless a folder of pictures can be put here."""
    if os.path.isdir(target):
        if target.name in ("", ".."):
            raise InputError("The target has no name", got=repr(str(target)), expected="a file name")
        if next(target.iterdir(), None) is not None:
            raise InputError("The target folder is not empty", got=str(target), todo="Name a new folder, or add .mp4")
    elif os.path.lexists(target):
        raise InputError(
            "The target is a file where a folder belongs",
            got=str(target),
            todo="Add .mp4 for a clip, or name a new one",
        )


def part_name(target: Path) -> Path:
    """A hidden temporary name beside the target, one for each writer, with its suffix."""
    return part_path(target, target.suffix)


def explain(error: BaseException) -> str:
    """The reason in an error of the operating system or FFmpeg, on one line, without numbers and paths."""
    return " ".join(str(getattr(error, "strerror", None) or str(error) or type(error).__name__).split())[:200]


def _same(one: Path, other: Path) -> bool:
    try:
        if os.path.isdir(other) and one.suffix and one.exists():  # a picture of an input folder
            return other.samefile(one.parent)
        if any(c in str(other) for c in "*?[") and not other.exists():
            return any(_same(one, Path(found)) for found in glob.glob(str(other)))
        return one.samefile(other)
    except (OSError, ValueError):
        with suppress(ValueError):  # a name that no file can have
            return os.path.realpath(one) == os.path.realpath(other)  # neither need be there
        return False
