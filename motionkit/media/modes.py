"""From every mode that pictures are stored in to 8-bit RGB."""

from __future__ import annotations

import struct
import warnings
from typing import TYPE_CHECKING

import numpy as np

from motionkit.errors import MediaError, MotionkitWarning
from motionkit.frames import Frame
from motionkit.media.profiles import to_srgb

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["PILLOW_DAMAGE", "to_frame"]

ORIENTATION, TURNED = 0x0112, range(2, 9)  # of EXIF, and its values other than upright
# What Pillow's readers raise for damaged files, beside OSError and SyntaxError, which are meant.
PILLOW_DAMAGE = (
    OSError, SyntaxError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError, RuntimeError, EOFError,
    MemoryError, struct.error,
)  # fmt: skip


def to_frame(picture: Image.Image, name: str) -> Frame:
    """A picture as it is meant to be seen: upright, in sRGB, transparency on white.

    Args:
        picture: Pillow's, of any mode.
        name: The file, for errors and warnings.

    Returns:
        H W 3 uint8 RGB.

    Raises:
        MediaError: Its values have no known meaning.
    """
    from PIL import Image

    profile = picture.info.get("icc_profile")
    picture = _turned(picture, name)
    if picture.mode == "F" or picture.mode.startswith("I"):
        picture = _eight_bits(picture, name)
    if picture.mode not in ("RGBA", "LA", "PA", "RGBa", "La") and "transparency" not in picture.info:
        plain = picture if picture.mode in ("RGB", "L", "CMYK", "LAB") else picture.convert("RGB")
        return np.array(to_srgb(plain, profile, name))
    layer = picture.convert("RGBA")
    alpha, colours = layer.getchannel("A"), layer.convert("RGB")
    if picture.mode in ("LA", "La", "L"):
        colours = colours.getchannel(0)
    ground = Image.new("RGB", layer.size, "white")
    above = to_srgb(colours, profile, name).convert("RGBA")
    above.putalpha(alpha)
    return np.array(Image.alpha_composite(ground.convert("RGBA"), above).convert("RGB"))


def _turned(picture: Image.Image, name: str) -> Image.Image:
    from PIL import ImageOps

    picture.load()  # damage of the picture is told apart from that of its EXIF data
    try:
        if picture.getexif().get(ORIENTATION, 1) in TURNED:  # else it would be copied
            return ImageOps.exif_transpose(picture)
    except PILLOW_DAMAGE:
        message = f"The EXIF data of {name} is damaged; the picture may lie on its side"
        warnings.warn(message, MotionkitWarning, stacklevel=4)
    return picture


def _eight_bits(picture: Image.Image, name: str) -> Image.Image:
    """A picture of deeper values, grey, with 8 bits; a transparent value stays one."""
    from PIL import Image

    values = np.asarray(picture)
    white = 1 if picture.mode == "F" else 65535
    low, high = values.min(), values.max()
    if not (low >= 0 and high <= white):  # also NaN
        raise MediaError(
            "The picture's values have no known meaning",
            got=f"{low:g} to {high:g} in {name}",
            expected=f"0 to {white}",
            todo="Save it with 8 or 16 bits",
        )
    grey = Image.fromarray((values.astype(np.float64) * 255 / white + 0.5).astype(np.uint8))
    clear = picture.info.get("transparency")
    if isinstance(clear, int):
        grey.putalpha(Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)))
    return grey
