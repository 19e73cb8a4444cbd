"""Frames as JPEG in memory: what travels to a browser, is kept small, or is made to look compressed."""

from __future__ import annotations

import io

import numpy as np

from motionkit.errors import InputError
from motionkit.frames import Frame

__all__ = ["decode_jpeg", "encode_jpeg"]

QUALITY = 90


def encode_jpeg(frame: Frame, quality: int = QUALITY) -> bytes:
    """A frame as the bytes of a JPEG file.

    Args:
        frame: H W 3 uint8.
        quality: 1 to 95, as Pillow counts.
    """
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(frame).save(out, "JPEG", quality=quality)
    return out.getvalue()


def decode_jpeg(data: bytes) -> Frame:
    """The frame in the bytes of a JPEG file, H W 3 uint8.

    Raises:
        InputError: They are none.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as picture:
            return np.array(picture.convert("RGB"))
    except (UnidentifiedImageError, OSError):
        raise InputError("This is not a JPEG picture", got=f"{len(data)} bytes") from None
