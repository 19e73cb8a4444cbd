"""Frames: what they are, the one check of what is given for one, and how far apart two are."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from motionkit.errors import InputError

__all__ = ["Frame", "check_frame", "decibels"]

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


def decibels(squared_error: float) -> float:
    """Peak signal-to-noise ratio in dB, -10·log10 of the mean squared difference of pictures in [0, 1].

    Args:
        squared_error: The mean over all values, 0 or more. 0 gives infinity, NaN gives NaN.
    """
    return math.inf if squared_error == 0 else -10 * math.log10(squared_error)
