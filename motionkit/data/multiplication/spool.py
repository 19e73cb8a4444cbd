"""Arrays on their way from the model to the files: on the disk, so that a long clip takes no more memory."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

__all__ = ["Spool", "read_spooled"]

Shapes = dict[str, tuple[tuple[int, ...], str]]


class Spool:
    """Writes arrays part after part, each array to a file of its own; a context.

    Left by an exception, the folder is gone.

    Args:
        folder: Made anew.

    Attributes:
        folder: The folder.
        shapes: By name: the whole array's shape and type.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shapes: Shapes = {}
        self._files: dict[str, BinaryIO] = {}

    def __enter__(self) -> Spool:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            for file in self._files.values():
                file.close()
        finally:
            if kind is not None:
                shutil.rmtree(self.folder, ignore_errors=True)

    def add(self, name: str, part: npt.NDArray[np.generic]) -> None:
        """Append along the first axis.

        Args:
            name: The array's.
            part: T … .

        Raises:
            OSError: The disk is full.
        """
        if name not in self._files:
            self._files[name] = (self.folder / name).open("wb")
            self.shapes[name] = ((0, *part.shape[1:]), part.dtype.str)
        self._files[name].write(np.ascontiguousarray(part).data)
        (length, *rest), kind = self.shapes[name]
        self.shapes[name] = ((length + len(part), *rest), kind)


def read_spooled(folder: Path, shapes: Shapes, name: str) -> npt.NDArray[np.generic]:
    """An array that was spooled; its pages are read when they are used.

    Args:
        folder: The spool's.
        shapes: The spool's.
        name: The array's.
    """
    shape, kind = shapes[name]
    return np.memmap(folder / name, dtype=np.dtype(kind), mode="r", shape=shape)
