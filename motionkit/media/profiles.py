"""Colour profiles of pictures: from what a camera or a printer means by a number to what a screen means by it, sRGB."""

from __future__ import annotations

import io
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from motionkit.errors import MotionkitWarning

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["to_srgb"]

# The profile's colour space to the mode that a picture must have for it.
MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}
STEP = 15  # between the colours on which a transform is tried; divides 255


def to_srgb(picture: Image.Image, profile: bytes | None, name: str) -> Image.Image:
    """A picture's colours as sRGB has them.

    Args:
        picture: Of mode RGB, L, CMYK or LAB.
        profile: Its ICC profile, None without.
        name: The file, for the warning.

    Returns:
        Mode RGB. A profile that is damaged, or made for pictures of another kind, is left out with a warning.
    """
    if profile and picture.mode in MODES.values():
        try:
            return _apply(picture, profile)
        except Exception as error:
            if not _is_damage(error):
                raise
            what = f"The colour profile of {name} cannot be used ({' '.join(str(error).split())[:120]})"
            warnings.warn(f"{what}; colours may be off", MotionkitWarning, stacklevel=3)
    if picture.mode == "LAB":
        return _from_lab(picture)
    return picture if picture.mode == "RGB" else picture.convert("RGB")  # which would copy it


def _is_damage(error: Exception) -> bool:
    from PIL import ImageCms

    return isinstance(error, (ImageCms.PyCMSError, OSError, ValueError, TypeError, ImportError))


def _apply(picture: Image.Image, profile: bytes) -> Image.Image:
    from PIL import ImageCms

    space = ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.xcolor_space.strip()
    mode = MODES.get(space)
    if mode == "RGB" and picture.mode == "L":  # grey pictures often carry their camera's profile
        picture = picture.convert("RGB")
    if mode != picture.mode:
        raise ValueError(f"it is for {space}, the picture is {picture.mode}")
    transform = _transform(profile, mode)
    if transform is None:
        return picture
    converted = ImageCms.applyTransform(picture, transform)
    assert converted is not None, "it was not asked to work in place"
    return converted


@lru_cache(maxsize=8)
def _transform(profile: bytes, mode: str) -> Any:
    """Pillow's transform to sRGB; None where it is sRGB already and would but round."""
    from PIL import Image, ImageCms

    given, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
    transform = ImageCms.buildTransform(given, srgb, mode, "RGB", renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC)
    if mode == "RGB":
        steps = np.arange(0, 256, STEP, dtype=np.uint8)
        cube = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(len(steps), -1, 3)
        converted = ImageCms.applyTransform(Image.fromarray(cube), transform)
        if np.abs(np.asarray(converted, dtype=np.int16) - cube).max() <= 1:
            return None
    return transform


def _from_lab(picture: Image.Image) -> Image.Image:
    from PIL import ImageCms

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.applyTransform(picture, ImageCms.buildTransform(lab, srgb, "LAB", "RGB"))
    assert converted is not None, "it was not asked to work in place"
    return converted
