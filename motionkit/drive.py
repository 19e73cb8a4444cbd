"""Google Drive, as notebooks need it: share links fetched, files of a mounted Drive copied in, results copied out."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from motionkit.errors import InputError
from motionkit.wholefile import write_whole

__all__ = [
    "MOUNT_POINT",
    "copy_in",
    "copy_out",
    "fetch_shared",
    "find_input",
    "in_colab",
    "is_link",
    "mount",
    "prepare_folder",
    "unmount",
]

MOUNT_POINT = Path("/content/drive")  # where Colab's own examples mount it; the user's files are in MyDrive

HOSTS = ("drive.google.com", "docs.google.com", "drive.usercontent.google.com")
LINKS_LOOK = "https://drive.google.com/file/d/…/view"
PAGE = re.compile(rb"\s*(?:<!doctype html|<html)", re.IGNORECASE)
_ours: dict[str, bool] = {}  # whether what mount() mounted can be written to, by mount point


def in_colab() -> bool:
    """Whether this is Google Colab. That google.colab can be imported is no proof: others have it too."""
    return "google.colab" in sys.modules or "COLAB_RELEASE_TAG" in os.environ


def find_input(given: str | Path, folder: str | Path, *, sample: str | Path | None = None) -> Path:
    """The file or folder on the local disk that a notebook's field means.

    Args:
        given: Empty for the sample; a Drive share link, which is fetched; a path below ``MOUNT_POINT``, which is copied
            in, after mounting the Drive if that is still to do; or any other path, which is taken as it is.
        folder: Gets what is fetched or copied.
        sample: What an empty field means.

    Raises:
        InputError: It is empty and there is no sample, cannot be fetched or mounted, or there is no such file.
    """
    text = str(given).strip()
    if not text:
        if sample is None:
            raise InputError("Nothing is given", expected="a path or a Google Drive share link")
        return Path(sample)
    if is_link(text):
        return fetch_shared(text, folder)
    path = Path(text).expanduser()
    if not _is_on_drive(path):
        return path
    if not os.path.exists(path) and in_colab():
        mount()
    return copy_in(path, folder)


def is_link(given: str | Path) -> bool:
    """Whether this is a web address rather than a path.

    Args:
        given: What a user gave for a file.
    """
    return re.match(r"https?://", str(given).strip(), re.IGNORECASE) is not None


def mount(*, writable: bool = False) -> Path:
    """Mount the user's Google Drive in Colab, which asks for permission; returns the folder of the files.

    Args:
        writable: Mount it for writing too, again if need be. Inputs want no more than reading.

    Raises:
        InputError: This is not Colab, or the Drive was not mounted.
    """
    here = str(MOUNT_POINT)
    mounted = (MOUNT_POINT / "MyDrive").is_dir()
    if mounted and (not writable or _ours.get(here)):
        return MOUNT_POINT / "MyDrive"
    _call_colab("mount", here, force_remount=mounted, readonly=not writable)
    _ours[here] = writable
    return MOUNT_POINT / "MyDrive"


def unmount() -> None:
    """Wait until all that was copied out has reached Google Drive, and unmount it; does nothing where none is mounted.

    Raises:
        InputError: Colab could not do so.
    """
    _ours.pop(str(MOUNT_POINT), None)
    if in_colab() and (MOUNT_POINT / "MyDrive").is_dir():
        _call_colab("flush_and_unmount")


def fetch_shared(link: str, folder: str | Path) -> Path:
    """Fetch what a Google Drive share link shows, without mounting; what was fetched once is not fetched again.

    Args:
        link: Of a file or a folder that anyone with the link may see.
        folder: Gets a sub-folder named after the link's id, and in it the file or folder under its own name, whole or
            not at all.

    Returns:
        The file or folder.

    Raises:
        InputError: This is no such link, or Google does not send the file (private, too many downloads).
    """
    key, is_folder = _parse(link)
    target = Path(folder) / key
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=target.parent) as scratch:
            part = Path(scratch) / "part"
            part.mkdir()
            _by_gdown(key, part, is_folder=is_folder, link=link)
            os.replace(part, target)
    (found,) = target.iterdir()
    return found


def copy_in(path: str | Path, folder: str | Path) -> Path:
    """Copy a file, or a folder with all that is in it, to a local disk, where reading frames is fast.

    What is there already, in the same size and of the same time, stays, so that a copy that was broken off goes on.

    Args:
        path: On a mounted drive, for instance.
        folder: Gets a sub-folder for the folder that ``path`` is in, so that two files of one name stay two, and in it
            the copy under the name it has.

    Returns:
        The copy.

    Raises:
        InputError: There is nothing at ``path``, or it cannot be copied.
    """
    if not str(path).strip():
        raise InputError("Nothing is given", expected="a path")
    source = Path(path).absolute()
    place = hashlib.sha256(os.fsencode(source.parent)).hexdigest()[:8]
    target = Path(folder) / place / source.name
    try:
        if not source.exists():
            raise InputError(
                "There is no such file or folder", got=str(source), todo="Mount the drive, or look at the name"
            )
        if source.is_dir() and target.absolute().is_relative_to(source):
            raise InputError("A folder cannot be copied into itself", got=f"{source} to {target}")
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, copy_function=_copy_new, dirs_exist_ok=True)
        else:
            _copy_new(source, target)
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        reason = getattr(error, "strerror", None) or str(error)[:300]
        raise InputError(f"It cannot be copied: {reason}", got=str(source)[:300]) from error
    return target


def copy_out(path: str | Path, folder: str | Path) -> Path:
    """Copy a file to a folder of the Drive, or any other, where it appears whole or not at all.

    ``unmount`` waits until all has reached Google.

    Args:
        path: The file.
        folder: Where the copy goes, under the name it has, replacing an older one; as for ``prepare_folder``.

    Returns:
        The copy.

    Raises:
        InputError: There is no such file, or the folder cannot be written to.
    """
    source = Path(path)
    if not os.path.isfile(source):
        raise InputError("There is no such file to copy", got=str(source))
    target = prepare_folder(folder) / source.name
    try:
        _copy(source, target)
    except OSError as error:
        raise _unwritable(target, error) from error
    return target


def prepare_folder(folder: str | Path) -> Path:
    """Make a folder to write to; in Colab the Drive is mounted for writing first, if the folder is on it.

    Args:
        folder: Made, with the folders above it, if it is not there.

    Returns:
        The folder, with ``~`` expanded.

    Raises:
        InputError: The Drive was not mounted, or the folder cannot be made.
    """
    path = Path(folder).expanduser()
    if _is_on_drive(path) and in_colab():
        mount(writable=True)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error
    return path


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(f"Cannot write here: {error.strerror or error}", got=str(path), todo="Choose another folder")


def _is_on_drive(path: Path) -> bool:
    return path.absolute().is_relative_to(MOUNT_POINT)


def _call_colab(verb: str, *arguments: Any, **options: Any) -> None:
    """Call a function of google.colab.drive; whatever it raises becomes an InputError."""
    elsewhere = "Give a path on this machine, or a share link; see the folder pane for uploads"
    if not in_colab():
        raise InputError("Google Drive can be mounted in Colab only", todo=elsewhere)
    try:
        from google.colab import drive

        getattr(drive, verb)(*arguments, **options)
    except (ImportError, NotImplementedError) as error:
        raise InputError("Google Drive cannot be mounted in this runtime", todo=elsewhere) from error
    except Exception as error:
        # Colab raises ValueError, and classes of its own where the user says no or the browser does not answer
        raise InputError(
            f"Google Drive: {verb.replace('_', ' ')} failed: {error}", todo="Run the cell again and allow the access"
        ) from error


def _parse(link: str) -> tuple[str, bool]:
    """The link's id, and whether it is a folder's."""
    parts = urlsplit(str(link).strip())
    if parts.hostname not in HOSTS:
        raise InputError(
            "This is not a Google Drive link",
            got=str(link),
            expected=LINKS_LOOK,
            todo="Download it, and give the file's path",
        )
    in_path = re.search(r"/(?:d|folders)/([-\w]+)", parts.path)
    key = in_path[1] if in_path else parse_qs(parts.query).get("id", [""])[0]
    if re.match(r"/(document|spreadsheets|presentation|forms)/", parts.path) or not re.fullmatch(r"[-\w]{10,}", key):
        raise InputError(
            "This Google Drive link shows no file or folder",
            got=str(link),
            expected=LINKS_LOOK,
            todo="In Drive, choose Share, then Copy link",
        )
    return key, "/folders/" in parts.path or "folderview" in parts.path


def _by_gdown(key: str, folder: Path, *, is_folder: bool, link: str) -> None:
    """Let gdown put the file or folder into an empty folder; the ways that 5.2 and 6 have in common."""
    import gdown

    into = f"{folder}{os.sep}"  # so that the name is kept
    try:
        if is_folder:
            done: Any = gdown.download_folder(id=key, output=into, quiet=True, use_cookies=False)
        else:
            done = gdown.download(f"https://drive.google.com/uc?id={key}", into, quiet=True, use_cookies=False)
    except Exception as error:
        # gdown raises classes of its own, of requests, and assertions, differing from version to version
        raise _refused(link, _gist(error)) from error
    files = [path for path in folder.rglob("*") if path.is_file()]
    if not done or not files:
        raise _refused(link, "nothing came")
    for path in files:
        _check_content(path, link)


def _check_content(path: Path, link: str) -> None:
    """Raise unless the file has content: Google sends a web page instead of it, at times under the file's name."""
    with path.open("rb") as file:
        head = file.read(1 << 16)
    if not head:
        raise _refused(link, f"{path.name} is empty")
    if PAGE.match(head):
        title = re.search(rb"<title>\s*(.*?)\s*</title>", head, re.IGNORECASE | re.DOTALL)
        heading = title[1].decode(errors="replace") if title else "no title"
        raise _refused(link, f"a web page came instead of the file ({heading})")


def _refused(link: str, reason: str) -> InputError:
    return InputError(
        f"Google Drive does not send the file: {reason}",
        got=link,
        todo='Share it as "Anyone with the link"; if too many have fetched it today, put a copy into your own Drive',
    )


def _gist(error: Exception) -> str:
    """The message of gdown without its frame, in one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    text = text.removeprefix("Failed to retrieve file url: ").split(" You may still be able")[0]
    return text.split(" Check FAQ")[0].rstrip(". ")


def _copy_new(source: str | Path, target: str | Path) -> None:
    """Copy, unless a file of the same size and time is there: an edited one may have the same size."""
    source, target = Path(source), Path(target)
    now = source.stat()
    if target.is_file() and _stamp(target.stat()) == _stamp(now):
        return
    _copy(source, target)
    os.utime(target, ns=(now.st_atime_ns, now.st_mtime_ns))


def _stamp(stat: os.stat_result) -> tuple[int, int]:
    return stat.st_size, stat.st_mtime_ns // 1000  # file systems differ in how exact they keep times


def _copy(source: Path, target: Path) -> None:
    write_whole(target, lambda part: shutil.copyfile(source, part))
