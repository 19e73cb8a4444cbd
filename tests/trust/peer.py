"""The mark of invisible-watermark, for comparison: 32 bits in each frame by dwtDct, read by a vote of all frames.

Not a dependency: ``pip install --no-deps --target FOLDER invisible-watermark opencv-python-headless PyWavelets``, and
FOLDER in ``PYTHONPATH``.
"""

from __future__ import annotations

from importlib import import_module
from math import comb
from typing import Any

import numpy as np
from PIL import Image

from motionkit.frames import Frame

BITS = np.unpackbits(np.frombuffer(b"mkai", np.uint8))
SIDE = 256  # the library refuses smaller pictures, and does not know the size that it marked


def mark(frames: list[Frame]) -> list[Frame]:
    """The frames with its mark."""
    encoder = _library().WatermarkEncoder()
    encoder.set_watermark("bits", BITS.tolist())
    return [np.ascontiguousarray(encoder.encode(_reversed(frame), "dwtDct")[..., ::-1]) for frame in frames]


def chance(frames: list[Frame]) -> float:
    """Probability that so many of the bits are right in frames without its mark."""
    decoder = _library().WatermarkDecoder("bits", len(BITS))
    read = [decoder.decode(_reversed(_whole(frame)), "dwtDct") for frame in frames]
    right = int(((np.mean(read, axis=0) > 0.5) == BITS).sum())
    return float(sum(comb(len(BITS), k) for k in range(right, len(BITS) + 1)) / 2 ** len(BITS))


def _whole(frame: Frame) -> Frame:
    """A frame in the size that was marked: what nobody who finds a file knows."""
    if frame.shape[0] == SIDE:
        return frame
    return np.asarray(Image.fromarray(frame).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def _reversed(frame: Frame) -> Frame:
    return np.ascontiguousarray(frame[..., ::-1])


def _library() -> Any:
    return import_module("imwatermark")
