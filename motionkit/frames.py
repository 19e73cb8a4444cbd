"""Frames: what they are, and the one check of what is given for one."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from motionkit.errors import InputError

__all__ = ["Frame", "check_frame"]

Frame: TypeAlias = npt.NDArray[np.uint8]
"""A picture or a moment of a clip: H W 3 uint8, RGB. A batch of them is B H W 3."""


def check_frame(frame: object, *, what: str = "frame") -> Frame:
    """Return ``frame`` if it is a frame.

    Args:
        frame: What was given.
        what: What it is called in the error.

    Raises:
        InputError: It is not an H W 3 uint8 array, or an empty one.
    """
    if not isinstance(frame, np.ndarray):
        raise InputError(f"The {what} is not a picture", got=type(frame).__name__, expected="an H W 3 uint8 array")
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
        raise InputError(
            f"The {what} is not a picture",
            got=f"an array of shape {frame.shape} and type {frame.dtype}",
            expected="H W 3 uint8, RGB",
            todo="motionkit.media.read_image makes one from any picture file",
        )
    return frame
