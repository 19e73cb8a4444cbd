"""Squares cut out of a picture, and pasted back into it.

Boxes are in pixels, half open, and may reach beyond the picture. A turned box is cut out upright and pasted back
turned.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from motionkit.errors import InputError
from motionkit.frames import Frame
from motionkit.structures import Box

__all__ = ["check_reach", "crop", "paste_back"]

REACH = 8  # sides of the picture that a box may have
FEATHER = 0.08  # width of the soft edge, as a share of the box


def crop(image: Frame, box: Box, *, size: int | None = None) -> Frame:
    """The part of an H W 3 uint8 picture inside a box, mirrored at the border where the box reaches beyond it.

    Args:
        image: The picture.
        box: The part, in pixels; a turned one comes out upright.
        size: Side in pixels to resize a square to, anti-aliased; None keeps the box's.

    Raises:
        InputError: ``size`` is given for a box that is not square, which would stretch it; or the box is far larger
            than the picture.
    """
    if size is not None and box.width != box.height:
        raise InputError(
            "The box is not square",
            got=f"{box.width}x{box.height} pixels",
            expected="a square, to resize it unstretched",
        )
    if box.roll:
        return _turned_crop(image, box, box.width if size is None else size)
    height, width = image.shape[:2]
    check_reach(box, width, height)
    if box.left >= 0 and box.top >= 0 and box.right <= width and box.bottom <= height:
        part = image[box.top : box.bottom, box.left : box.right]
    else:
        rows = _mirrored(box.top, box.bottom, height)
        columns = _mirrored(box.left, box.right, width)
        part = image[rows[:, None], columns[None, :]]
    if size is None or part.shape[0] == size:
        return np.ascontiguousarray(part)
    return _resize(part, size, size)


def check_reach(box: Box, width: int, height: int, *, name: str = "") -> None:
    """Raise where a box is far larger than the picture that it is cut out of.

    Args:
        box: Of any turn.
        width: The picture's, in pixels.
        height: The same.
        name: What the message calls the picture, such as "the source face.jpg".

    Raises:
        InputError: It is.
    """
    if max(box.width, box.height) > REACH * max(height, width):
        raise InputError(
            f"The box is far larger than {name or 'the picture'}",
            got=f"{box.width}x{box.height} pixels of {width}x{height}",
            expected=f"sides of at most {REACH * max(height, width)} pixels",
        )


def paste_back(picture: Frame, patch: Frame, box: Box, *, feather: float = FEATHER) -> Frame:
    """Blend an animated square into the full picture it was cropped from.

    Args:
        picture: H W 3 uint8; stays as it is.
        patch: The animated square, of any size.
        box: Where it was cropped; what lies beyond the picture is dropped.
        feather: Width of the soft edge, as a share of the box. Sides at the picture's border have none.

    Returns:
        A new H W 3 uint8 picture, equal to ``picture`` outside the box.
    """
    if box.roll:
        return _paste_turned(picture, patch, box, feather)
    height, width = picture.shape[:2]
    left, top, right, bottom = max(box.left, 0), max(box.top, 0), min(box.right, width), min(box.bottom, height)
    result: Frame = picture.copy()
    if left >= right or top >= bottom:
        return result
    if patch.shape[:2] != (box.height, box.width):
        patch = _resize(patch, box.width, box.height)
    inside = (slice(top - box.top, bottom - box.top), slice(left - box.left, right - box.left))
    mask = _feathered(box, (width, height), feather)[inside][..., None]
    below = result[top:bottom, left:right]
    blended = below + (patch[inside].astype(np.float32) - below) * mask
    result[top:bottom, left:right] = (blended + 0.5).astype(np.uint8)
    return result


def _turned_crop(image: Frame, box: Box, width: int) -> Frame:
    """A turned box cut out upright, ``width`` pixels wide."""
    around = _around(box)
    part = crop(image, around)
    scale = width / box.width
    if scale < 1:  # shrunk first, so that nothing between the samples is lost
        part = _resize(part, *(max(round(length * scale), 1) for length in (around.width, around.height)))
    height = round(box.height * scale)
    # From the result's pixels to the box's, which are turned about its middle into the part's.
    turn = _turn(box) / scale
    offset = np.array(box.centre) - (around.left, around.top) - turn @ (width / 2, height / 2)
    shrunk = np.diag([part.shape[1] / around.width, part.shape[0] / around.height])
    return _transformed(part, shrunk @ turn, shrunk @ offset, width, height)


def _paste_turned(picture: Frame, patch: Frame, box: Box, feather: float) -> Frame:
    """As ``paste_back``, for a turned box; all its sides have a soft edge."""
    height, width = picture.shape[:2]
    around = _around(box)
    left, top, right, bottom = (
        max(around.left, 0),
        max(around.top, 0),
        min(around.right, width),
        min(around.bottom, height),
    )
    result: Frame = picture.copy()
    if left >= right or top >= bottom:
        return result
    if patch.shape[:2] != (box.height, box.width):
        patch = _resize(patch, box.width, box.height)
    back = _turn(box).T
    offset = np.array([box.width, box.height]) / 2 - back @ (np.array(box.centre) - (left, top))
    turned = _transformed(patch, back, offset, right - left, bottom - top)
    mask = _turned_feather(box, (left, top, right, bottom), feather)[..., None]
    below = result[top:bottom, left:right]
    blended = below + (turned.astype(np.float32) - below) * mask
    result[top:bottom, left:right] = (blended + 0.5).astype(np.uint8)
    return result


def _turn(box: Box) -> npt.NDArray[np.float64]:
    """2 2: from directions in the upright box to those in the picture."""
    angle = math.radians(box.roll)
    return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


def _around(box: Box) -> Box:
    """The upright box around a turned one, with room for resampling at its edges."""
    x, y = box.centre
    half = np.abs(_turn(box)) @ (box.width / 2, box.height / 2) + 3
    return Box(math.floor(x - half[0]), math.floor(y - half[1]), math.ceil(x + half[0]), math.ceil(y + half[1]))


def _transformed(
    image: Frame, linear: npt.NDArray[np.float64], offset: npt.NDArray[np.float64], width: int, height: int
) -> Frame:
    """The picture whose place (x, y) shows that place of ``image`` to which the map takes it; black beyond."""
    from PIL import Image

    affine = tuple(float(value) for value in np.column_stack([linear, offset]).ravel())
    picture = Image.fromarray(image).transform(
        (width, height), Image.Transform.AFFINE, affine, Image.Resampling.BICUBIC
    )
    return np.array(picture)


@lru_cache(maxsize=8)
def _turned_feather(box: Box, region: tuple[int, int, int, int], feather: float) -> npt.NDArray[np.float32]:
    """Weights of a region (left, top, right, bottom): 1 inside the turned box, falling smoothly to 0 at its sides."""
    left, top, right, bottom = region
    y, x = np.mgrid[top:bottom, left:right] + 0.5
    inside = np.stack([x - box.centre[0], y - box.centre[1]], axis=-1) @ _turn(box)
    room = np.array([box.width, box.height])
    # The distance from the nearer side, in widths of the soft edge.
    near = (room / 2 - np.abs(inside)) / np.maximum(feather * room, 0.5)
    return _smooth(np.clip(near.min(axis=-1), 0, 1).astype(np.float32))


def _smooth(weight: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    rising: npt.NDArray[np.float32] = weight * weight * (3 - 2 * weight)
    return rising


def _mirrored(begin: int, end: int, length: int) -> npt.NDArray[np.intp]:
    """Indices begin … end-1, folded back into 0 … length-1 by reflection at the first and last pixel."""
    if length == 1:
        return np.zeros(end - begin, dtype=np.intp)
    period = 2 * (length - 1)
    index = np.arange(begin, end) % period
    folded: npt.NDArray[np.intp] = np.minimum(index, period - index)
    return folded


@lru_cache(maxsize=8)
def _feathered(box: Box, size: tuple[int, int], feather: float) -> npt.NDArray[np.float32]:
    """box.height box.width float32 weights, 1 inside, falling smoothly to 0 at sides within the picture."""
    width, height = size
    rows = _ramp(box.height, feather, first=box.top > 0, last=box.bottom < height)
    columns = _ramp(box.width, feather, first=box.left > 0, last=box.right < width)
    weights: npt.NDArray[np.float32] = np.minimum(rows[:, None], columns[None, :])
    return weights


def _ramp(length: int, feather: float, *, first: bool, last: bool) -> npt.NDArray[np.float32]:
    reach = max(feather * length, 0.5)  # half a pixel: a hard edge
    position = np.arange(length, dtype=np.float32) + 0.5
    weight: npt.NDArray[np.float32] = np.ones(length, dtype=np.float32)
    if first:
        weight = np.minimum(weight, position / reach)
    if last:
        weight = np.minimum(weight, (length - position) / reach)
    return _smooth(weight)


def _resize(image: Frame, width: int, height: int) -> Frame:
    from PIL import Image

    # BOX first takes care of strong shrinking at little cost; what remains is filtered well.
    return np.array(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0))
