"""The folder in which fetched weights are kept: this user's alone."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from motionkit.errors import WeightsError

__all__ = ["cache_folder", "check_private"]

VARIABLE = "MOTIONKIT_CACHE"
_OTHERS_WRITE = stat.S_IWOTH


def cache_folder() -> Path:
    """Where fetched weights are kept: ``MOTIONKIT_CACHE`` if set, otherwise the user's cache folder. Not made here."""
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_cache_dir("motionkit", appauthor=False))


def check_private(folder: Path) -> None:
    """Raise for a cache folder in which others can exchange the files; one that is not there will be made private.

    The user's own cache folder is motionkit's: it is made private (0700) where it is not. A folder that was chosen with
    ``MOTIONKIT_CACHE`` stays as it is: a group may be meant to share it.

    Args:
        folder: As ``cache_folder`` gives it.

    Raises:
        WeightsError: It is another user's, but for the administrator's, or everyone can write to it.
    """
    try:
        found = folder.stat()
    except OSError:  # not there, or not to be looked at, which the download will say
        return
    if not hasattr(os, "getuid"):  # Windows gives each user a folder of their own
        return
    mode = stat.S_IMODE(found.st_mode)
    mine = found.st_uid == os.getuid()
    if not mine and found.st_uid != 0:
        raise WeightsError(
            "The cache folder is another user's, who can exchange what is in it",
            got=f"{folder} of user {found.st_uid}",
            todo=f"Make it your own (chown), or set {VARIABLE} to a folder of your own",
        )
    if mine and mode & 0o077 and not os.environ.get(VARIABLE):
        folder.chmod(0o700)
    elif mode & _OTHERS_WRITE and _keeps_modes(folder):
        raise WeightsError(
            "Everyone can write to the cache folder, and exchange what is in it",
            got=f"{folder} with mode {mode:o}",
            todo=f"Take that right away (chmod o-w), or set {VARIABLE} to a folder of your own",
        )


def _keeps_modes(folder: Path) -> bool:
    """Whether modes mean something there: some mounted drives show one and the same for every file."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".motionkit-") as file:
            return stat.S_IMODE(os.fstat(file.fileno()).st_mode) == stat.S_IRUSR | stat.S_IWUSR
    except OSError:
        return True
