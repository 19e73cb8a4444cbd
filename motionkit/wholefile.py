"""Files that stand in their folder whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

__all__ = ["write_whole"]


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file under a temporary name beside its own, and rename it once it is on the disk.

    The temporary name is ``.NAME.PID.part``: processes that write the same file at once do not disturb each other, and
    the name shows what a killed process left behind.

    Args:
        path: The file.
        write: Called with the temporary path; makes the file there.

    Raises:
        OSError: The file cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
