"""One process at a time works in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from motionkit.errors import InputError, MediaError, MotionkitError

__all__ = ["locked"]

LOCK = ".lock"


@contextmanager
def locked(
    folder: Path, *, main: bool = True, does: str = "works", error: type[MotionkitError] = MediaError
) -> Iterator[None]:
    """Keep a folder for this process; a killed process keeps it no longer.

    Args:
        folder: Made if it is not there.
        main: Whether this is the main one of several processes; the others rely on it.
        does: What processes do there, for the error.
        error: What is raised where the folder cannot be written.

    Raises:
        InputError: Another process works there.
        MediaError: Or what ``error`` says: the folder cannot be made or written to.
    """
    from filelock import FileLock, Timeout

    if not main:
        yield
        return
    lock = FileLock(folder / LOCK)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        todo = "Wait for it, or give another folder"
        raise InputError(f"Another process {does} in this folder", got=folder, todo=todo) from None
    except NotImplementedError:
        pass  # a drive that has no locks, as some that are mounted over a network
    except OSError as failure:
        raise error(f"The folder cannot be written: {failure.strerror or failure}", got=folder) from failure
    try:
        yield
    finally:
        lock.release()
