"""Captions in a picture's corner: light letters on a dark pill, readable on any ground."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from motionkit.frames import Frame

if TYPE_CHECKING:
    from PIL import ImageFont

__all__ = ["write_caption"]

TEXT_SIZE = 1 / 20  # of the panel's height
SMALLEST_TEXT = 9  # pixels
MARGIN = 1 / 32  # from the panel's corner, of its height
PILL, PILL_OPACITY = (16, 18, 22), 0.72  # dark enough for a contrast of 7 under TEXT even over white
TEXT = (245, 246, 248)
SMOOTHING = 4  # the pill is drawn this many times larger and reduced


def write_caption(picture: Frame, caption: str, *, bottom: bool) -> None:
    """Blend a caption into a picture's left corner, in place; leave the picture as it is where nothing fits.

    Args:
        picture: H W 3 uint8.
        caption: Printable ASCII, on one line; too long a one ends in an ellipsis, an empty one writes nothing.
        bottom: Whether in the lower corner, or in the upper one.
    """
    height, width = picture.shape[:2]
    label = _label(" ".join(caption.split()), width, height)
    if label is None:
        return
    keep, add = label
    margin = round(height * MARGIN)
    top = height - margin - len(keep) if bottom else margin
    region = picture[top : top + len(keep), margin : margin + keep.shape[1]]
    region[...] = (region * keep + add) // 255


@lru_cache(maxsize=64)
def _label(caption: str, width: int, height: int) -> tuple[np.ndarray, np.ndarray] | None:
    """A caption rendered for panels of this size, as what remains of the picture below and what is added to it.

    Returns:
        h w 1 uint16, the weight of the picture in 255ths, and h w 3 uint16, in 255ths of a grey level with the half
        that rounds; None where nothing fits.
    """
    from PIL import Image, ImageDraw, ImageFont

    size = max(SMALLEST_TEXT, round(height * TEXT_SIZE))
    font = ImageFont.load_default(size)
    pad, margin, tall = round(size * 0.65), round(height * MARGIN), round(size * 1.7)
    text = _fit(caption, width - 2 * margin - 2 * pad, font)
    if not text or tall + 2 * margin > height:
        return None
    wide = round(font.getlength(text)) + 2 * pad
    large = Image.new("L", (wide * SMOOTHING, tall * SMOOTHING))
    ImageDraw.Draw(large).rounded_rectangle(
        (0, 0, large.width - 1, large.height - 1), radius=large.height * 0.3, fill=round(255 * PILL_OPACITY)
    )
    pill = np.asarray(large.resize((wide, tall), Image.Resampling.BOX), dtype=np.float32)[..., None] / 255
    letters = Image.new("L", (wide, tall))
    cap_height = -font.getbbox("d", anchor="ls")[1]
    baseline = round((tall + cap_height) / 2 - size * 0.06)
    ImageDraw.Draw(letters).text((pad, baseline), text, fill=255, font=font, anchor="ls")
    ink = np.asarray(letters, dtype=np.float32)[..., None] / 255
    keep = np.rint(255 * (1 - pill) * (1 - ink))
    add = 255 * (np.array(PILL) * pill * (1 - ink) + np.array(TEXT) * ink)
    # The sum stays within 16 bits: keep and add belong to weights that sum to one.
    return keep.astype(np.uint16), (np.floor(np.minimum(add, 255 * (255 - keep))) + 127).astype(np.uint16)


def _fit(text: str, width: float, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """``text`` if it fits into ``width`` pixels, else as much of it as fits with an ellipsis; empty if nothing does."""
    if font.getlength(text) <= width:
        return text
    for end in range(len(text) - 1, 0, -1):
        if font.getlength(text[:end].rstrip() + "…") <= width:
            return text[:end].rstrip() + "…"
    return ""
