"""Files that stand in their folder whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

__all__ = ["write_whole"]


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make a file of a temporary name beside `path`, and rename it once it is on the disk.

    The name is ``.NAME.PID.part``: processes that make the same file at once do not disturb each other, and what one
    of them left when it was killed is told by its name.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
