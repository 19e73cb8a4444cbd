"""One process at a time trains in a run's folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from motionkit.errors import InputError, TrainingError

__all__ = ["locked"]

LOCK = ".lock"


@contextmanager
def locked(folder: Path, *, main: bool) -> Iterator[None]:
    """Keep a run's folder for this process; a killed process keeps it no longer.

    Args:
        folder: The run's; made if it is not there.
        main: Whether this is the run's main process; the others rely on it.

    Raises:
        InputError: Another process trains there.
        TrainingError: The folder cannot be made or written to.
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
        raise InputError("Another process trains in this folder", got=folder, todo=todo) from None
    except NotImplementedError:
        pass  # a drive that has no locks, as some that are mounted over a network
    except OSError as error:
        raise TrainingError(f"Cannot write the run's folder: {error.strerror or error}", got=folder) from error
    try:
        yield
    finally:
        lock.release()
