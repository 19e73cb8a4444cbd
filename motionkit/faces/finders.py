"""Faces in a picture, as boxes from about the brows to the chin, turned as they are; nothing is downloaded."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from motionkit.config import FINDERS
from motionkit.errors import InputError, MissingPackageError
from motionkit.frames import Frame
from motionkit.structures import Box

__all__ = ["UPRIGHT", "Finder", "find_faces", "find_near", "overlap"]

Finder = Literal["auto", "blazeface", "cascade", "mtcnn"] | Callable[[Frame], Iterable[Box]]
"""How faces are found, see ``find_faces``."""

# The cascade works on a picture of at most this many pixels a side: some 0.2 s, and small faces are still found.
WORK_SIDE = 512
CASCADE_SIDE = 24  # pixels of the smallest square that it knows
# So many overlapping finds make a face: with fewer, the cascade sees faces in clothes and cats.
CASCADE_NEIGHBOURS = 10
# MTCNN's boxes reach from the hairline to the chin; these parts of them are what the cascade would have found.
MTCNN_TRIM = (0.0, 0.18, 1.0, 0.96)
# Degrees by which a face may be turned before it counts as turned: people hold their heads like that, and finders are
# not exact.
UPRIGHT = 10
# Of the smallest face that the cascade looks for: BlazeFace's width of one that it may still find.
BLIND = 0.8
# Two boxes that overlap by more than this share of the smaller one show the same face.
SAME_FACE = 0.4
# A face of a clip is followed within so many of its widths, in a copy of so many pixels, if it is no smaller than this
# share of what it was.
NEARBY, NEARBY_SIDE, HARDLY_SMALLER = 1.7, 224, 0.7
AVERAGED = 0.6  # of the smallest face there: the smallest of the cascade's finds that a face is the mean of
ALIKE = 0.7  # the widths of two finders' boxes of one face, the smaller to the larger, differ less than that


def find_faces(image: Frame, *, finder: Finder = "auto", least: float = 0) -> list[Box]:
    """Faces in an H W 3 uint8 picture, largest first.

    Args:
        image: The picture.
        finder: "cascade" is scikit-image's LBP cascade for upright frontal faces; "blazeface" finds faces of any size
            at any turn and gives it as the boxes' roll; "auto" finds with BlazeFace, takes the cascade's boxes, which
            models are tried with, for the upright faces that the cascade finds as well, and the cascade alone where
            BlazeFace finds none; "mtcnn" needs facenet-pytorch; or a function from picture to boxes.
        least: Width in pixels of the smallest face that is looked for. Small ones take most of the time.

    Raises:
        MissingPackageError: "mtcnn" was asked for and facenet-pytorch is not installed.
        InputError: There is no such finder.
    """
    if callable(finder):
        boxes = list(finder(image))
    elif finder == "auto":
        boxes = _both(image, least)
    elif finder == "blazeface":
        boxes = _blazeface(image, least)
    elif finder == "mtcnn":
        boxes = _mtcnn(image)
    elif finder == "cascade":
        boxes = _cascade(image, least)
    else:
        raise InputError("Unknown face finder", got=repr(finder), expected=f"{', '.join(FINDERS)} or a function")
    return sorted((box for box in boxes if box.width >= least), key=lambda box: -box.area)


def find_near(image: Frame, known: Box, *, finder: Finder = "auto") -> list[Box]:
    """Look for a face near where it was in another frame of a clip, about as large: a fraction of ``find_faces``' time.

    Args:
        image: H W 3 uint8.
        known: Its box in the other frame.
        finder: As for ``find_faces``; nothing is found where it is not a built-in one, or the face was turned.

    Returns:
        As ``find_faces``; none where it is elsewhere, or much smaller.
    """
    from PIL import Image

    if finder not in ("auto", "cascade", "blazeface") or abs(known.roll) >= UPRIGHT:
        return []
    width = max(known.width, known.height)
    (x, y), reach = known.centre, round(NEARBY * width)
    left, top = max(round(x) - reach, 0), max(round(y) - reach, 0)
    part = image[top : max(round(y) + reach, 0), left : max(round(x) + reach, 0)]
    scale = min(NEARBY_SIDE / (2 * reach), 1)
    size = (round(part.shape[1] * scale), round(part.shape[0] * scale))
    if min(size) < CASCADE_SIDE:
        return []
    small = Image.fromarray(np.ascontiguousarray(part)).resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)
    picture, least = np.asarray(small), HARDLY_SMALLER * scale * known.width
    seen = [] if finder == "cascade" else _blazeface(picture, least, upright=True)
    if finder == "cascade" or (finder == "auto" and seen):
        cascade = _cascade(picture, AVERAGED * least)
        seen = _together(seen, cascade) if seen else cascade
    seen = [box for box in seen if box.width >= least]
    edges = ((b, [round(e / scale) for e in (b.left, b.top, b.right, b.bottom)]) for b in seen)
    boxes = [Box(a + left, b + top, c + left, d + top, roll=box.roll) for box, (a, b, c, d) in edges]
    return sorted(boxes, key=lambda box: -box.area)


def _both(image: Frame, smallest: float) -> list[Box]:
    """BlazeFace's faces, those of them that are upright and that the cascade finds too in the cascade's boxes.

    The cascade takes longer than BlazeFace. It is not asked where it is blind to all that is there; what it alone finds
    beside others is rarely a face.
    """
    seen = _blazeface(image, smallest)
    if not seen:
        return _cascade(image, smallest)
    upright = [face for face in seen if abs(face.roll) < UPRIGHT]
    if max((face.width for face in upright), default=0) < BLIND * _cascade_least(image):
        return seen
    return _together(seen, [box for box in _cascade(image, smallest) if any(_same(box, face) for face in upright)])


def _together(seen: list[Box], cascade: list[Box]) -> list[Box]:
    """BlazeFace's faces, in the cascade's boxes where it has found them too."""
    known = [box for box in cascade if any(_same(box, face) for face in seen)]
    return known + [face for face in seen if not any(_same(face, box) for box in known)]


def _same(one: Box, other: Box) -> bool:
    """Whether two finders' boxes show one face: a small face in front of a large one is another."""
    return overlap(one, other) > SAME_FACE and ALIKE < one.width / other.width < 1 / ALIKE


def _blazeface(image: Frame, smallest: float, *, upright: bool = False) -> list[Box]:
    from motionkit.faces.detection import detect

    return detect(image, least=smallest, upright=upright)


@lru_cache(maxsize=1)
def _cascade_detector() -> Any:
    from skimage import data
    from skimage.feature import Cascade

    return Cascade(data.lbp_frontal_face_cascade_filename())


def _cascade_size(image: Frame) -> tuple[float, int, int]:
    """The scale at which the cascade looks at a picture, and the width and height that this makes."""
    height, width = image.shape[:2]
    scale = min(1.0, WORK_SIDE / max(height, width))
    return scale, max(round(width * scale), 1), max(round(height * scale), 1)


def _cascade_least(image: Frame) -> float:
    """Width of the smallest face that the cascade looks for, in the picture's pixels."""
    scale, *size = _cascade_size(image)
    return max(CASCADE_SIDE, min(size) // 12) / scale


def _cascade(image: Frame, smallest: float) -> list[Box]:
    from PIL import Image

    scale, *size = _cascade_size(image)
    small = image
    if scale < 1:
        small = np.array(Image.fromarray(image).resize((size[0], size[1]), Image.Resampling.LANCZOS, reducing_gap=3.0))
    least, most = max(CASCADE_SIDE, min(size) // 12, math.floor(scale * smallest)), min(size)
    if most <= least:
        return []
    found = _cascade_detector().detect_multi_scale(
        small,
        scale_factor=1.1,
        step_ratio=1,
        min_size=(least, least),
        max_size=(most, most),
        min_neighbor_number=CASCADE_NEIGHBOURS,
    )
    boxes = [
        Box(*(round(v / scale) for v in (f["c"], f["r"], f["c"] + f["width"], f["r"] + f["height"]))) for f in found
    ]
    return _merged(boxes)


@lru_cache(maxsize=1)
def _mtcnn_detector() -> Any:
    try:
        from facenet_pytorch import MTCNN
    except ImportError:
        raise MissingPackageError(
            "The mtcnn finder needs another package", todo="Run: pip install --no-deps facenet-pytorch"
        ) from None
    return MTCNN(keep_all=True)


def _mtcnn(image: Frame) -> list[Box]:
    from PIL import Image

    found, _ = _mtcnn_detector().detect(Image.fromarray(image))
    if found is None:
        return []
    boxes = []
    for left, top, right, bottom in found:
        width, height = right - left, bottom - top
        a, b, c, d = MTCNN_TRIM
        edges = (left + a * width, top + b * height, left + c * width, top + d * height)
        boxes.append(Box(*(round(float(edge)) for edge in edges)))
    return boxes


def _merged(boxes: list[Box]) -> list[Box]:
    """Finds of one face averaged into one box, the largest groups' faces first."""
    groups: list[list[Box]] = []
    for box in sorted(boxes, key=lambda b: -b.area):
        group = next((g for g in groups if overlap(box, g[0]) > SAME_FACE), None)
        if group is None:
            groups.append([box])
        else:
            group.append(box)
    edges = [np.mean([(b.left, b.top, b.right, b.bottom) for b in group], axis=0) for group in groups]
    return [Box(*(round(float(v)) for v in mean)) for mean in edges]


def overlap(one: Box, other: Box) -> float:
    """Common area as a share of the smaller box, 0 to 1.

    Args:
        one: A box.
        other: Another.
    """
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    return max(width, 0) * max(height, 0) / min(one.area, other.area)
