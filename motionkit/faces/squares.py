"""The squares that models see: around faces as they were trained on, or in the middle of the picture.

A finder's box covers about brows to chin; the square that face models see is some 2.2 times as wide and shifted up:
a head with its hair in the middle, neck and shoulders at the bottom.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np

from motionkit.errors import FaceNotFoundError, InputError, MotionkitWarning
from motionkit.faces.finders import UPRIGHT, Finder, find_faces, find_near, overlap
from motionkit.frames import Frame
from motionkit.structures import Box

__all__ = [
    "centred_square",
    "choose_clip_squares",
    "choose_square",
    "face_square",
    "from_left",
    "held_inside",
    "steady_box",
    "steady_boxes",
]

# Side of the model's square in widths of a finder's box, and how far its centre lies above the box's, in heights.
SQUARE_PER_FACE = 2.2
SHIFT_UP = 0.1
# A square follows a moving head's middle position; this share of its movement is added as room.
MOVEMENT_ROOM = 0.5
# A square that reaches beyond the picture is moved inside, and shrinks to this share of its side at most: less room
# around a head looks better than another head mirrored above it.
LEAST_ROOM = 0.7
# A clip's face hardly changes its size: one of less than this share of the width found before is looked for only where
# there is no other. The search for small ones takes most of the time.
MUCH_SMALLER, MUCH_LARGER = 1 / 3, 1.5


def face_square(face: Box) -> Box:
    """The square that a face model should see, turned with the face; it may reach beyond the picture.

    Args:
        face: A finder's box.
    """
    x, y = face.centre
    side = round(SQUARE_PER_FACE * max(face.width, face.height))
    if abs(face.roll) < UPRIGHT:  # the square turns with a turned face alone
        left, top = round(x - side / 2), round(y - SHIFT_UP * face.height - side / 2)
        return Box(left, top, left + side, top + side)
    up, angle = SHIFT_UP * face.height, math.radians(face.roll)
    left, top = round(x + math.sin(angle) * up - side / 2), round(y - math.cos(angle) * up - side / 2)
    return Box(left, top, left + side, top + side, roll=face.roll)


def held_inside(square: Box, width: int, height: int) -> Box:
    """A square moved into a picture of this size as far as it goes, and a little smaller if it does not fit.

    Where even that is not enough, the square covers the picture's shorter side and reaches beyond it. A turned square
    is held like an upright one of its size and middle: what its corners show beyond the picture is behind the head.

    Args:
        square: The square.
        width: The picture's, in pixels.
        height: The same.
    """
    side = max(min(square.width, width, height), round(LEAST_ROOM * square.width))
    edges = []
    for centre, length in zip(square.centre, (width, height), strict=True):
        low, high = sorted((0, length - side))
        edges.append(min(max(round(centre - side / 2), low), high))
    left, top = edges
    return Box(left, top, left + side, top + side, roll=square.roll)


def centred_square(width: int, height: int) -> Box:
    """The largest square in the middle of a picture.

    Args:
        width: The picture's, in pixels.
        height: The same.
    """
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return Box(left, top, left + side, top + side)


def steady_box(frames: Sequence[Frame], *, finder: Finder = "auto") -> Box | None:
    """One square for a whole clip, from a few of its frames; None where none of them shows a face.

    The face is followed from frame to frame by the overlap with the largest one found; the square has the median
    size, middle position and roll, with some room for movement.

    Args:
        frames: H W 3 uint8, spread over the clip.
        finder: As for ``find_faces``.
    """
    found: list[list[Box]] = []
    known: Box | None = None
    for number, frame in enumerate(frames):
        boxes = _followed(frame, known, finder)
        if known is not None and number == len(frames) // 2 and not callable(finder):  # is there a larger one by now?
            boxes += find_faces(frame, finder=finder, least=MUCH_LARGER * known.width)
        found.append(sorted(boxes, key=lambda box: -box.area))
        known = max([*boxes, *([known] if known else [])], key=lambda box: box.area, default=None)
    seen = [boxes for boxes in found if boxes]
    if not seen:
        return None
    anchor = max((boxes[0] for boxes in seen), key=lambda box: box.area)
    return _steady(anchor, [max(boxes, key=lambda box: (overlap(box, anchor), box.area)) for boxes in seen])


def _followed(frame: Frame, known: Box | None, finder: Finder) -> list[Box]:
    """The faces of a frame, largest first: that around ``known``, of another frame, if it is still there; else all."""
    if known is None or callable(finder):
        return find_faces(frame, finder=finder)
    found = find_near(frame, known, finder=finder) or find_faces(frame, finder=finder, least=MUCH_SMALLER * known.width)
    return found or find_faces(frame, finder=finder)


def steady_boxes(frames: Sequence[Frame], *, finder: Finder = "auto") -> list[Box]:
    """As ``steady_box``, a square for each face, from left to right.

    How many there are, and their order, is as in the first of the frames that show the most. A frame in which none
    overlaps with such a face says nothing about it.

    Args:
        frames: H W 3 uint8, spread over the clip.
        finder: As for ``find_faces``.
    """
    found = [find_faces(frame, finder=finder) for frame in frames]
    boxes = []
    for anchor in from_left(max(found, key=len, default=[])):
        nearest = [max(others, key=lambda box: overlap(box, anchor)) for others in found if others]
        boxes.append(_steady(anchor, [box for box in nearest if overlap(box, anchor) > 0]))
    return boxes


def from_left(faces: Sequence[Box]) -> list[Box]:
    """Faces in the order in which they are counted: by their middles, from left to right.

    Args:
        faces: A finder's boxes.
    """
    return sorted(faces, key=lambda box: box.centre)


def _steady(anchor: Box, followed: list[Box]) -> Box:
    """The square of a face whose boxes these are."""
    centres = np.array([box.centre for box in followed])
    # Around the anchor's: 179 and -179 degrees are neighbours.
    roll = anchor.roll + float(np.median([(box.roll - anchor.roll + 180) % 360 - 180 for box in followed]))
    side = float(np.median([max(box.width, box.height) for box in followed]))
    x, y = np.median(centres, axis=0)
    # Half the spread that most frames have, not interpolated: a single far-off find does not widen the square.
    spread = np.percentile(np.abs(centres - (x, y)), 75, axis=0, method="lower").max()
    side += MOVEMENT_ROOM * 2 * spread / SQUARE_PER_FACE
    half = side / 2
    edges = (round(x - half), round(y - half), round(x + half), round(y + half))
    return face_square(Box(*edges, roll=(roll + 180) % 360 - 180 if roll else 0.0))


def choose_square(
    image: Frame,
    *,
    crop: str = "auto",
    domain: str = "face",
    face: str | int = "largest",
    finder: Finder = "auto",
    name: str = "",
) -> list[Box]:
    """The squares of a picture that a model should see: one, or one for each face with ``face="all"``.

    Args:
        image: H W 3 uint8.
        crop: "auto" looks for a face if the model's domain is "face", or one was asked for, and takes the centred
            square, with a warning, if there is none; "face" insists on one; "centre" is the centred square; "none" the
            whole picture.
        domain: The model's.
        face: "largest", "all", or an index counted from the left.
        finder: As for ``find_faces``.
        name: What a message calls the picture, such as "the source face.jpg".

    Returns:
        Squares in pixels, which may reach beyond the picture; with "all" from left to right.

    Raises:
        FaceNotFoundError: A face, or all of them, was insisted on and none was found, or there is none of this index.
        InputError: "none", and the picture is not square.
    """
    plain = _plain_square(image, crop, domain, face, name)
    if plain is not None:
        return [plain]
    found = find_faces(image, finder=finder)
    if not found:
        return [_no_face(image, insisted=crop == "face" or face != "largest", name=name)]
    chosen = found[:1] if face == "largest" else _chosen(from_left(found), face, name)
    return [held_inside(face_square(box), image.shape[1], image.shape[0]) for box in chosen]


def choose_clip_squares(
    frames: Sequence[Frame],
    *,
    crop: str = "auto",
    domain: str = "face",
    face: str | int = "largest",
    finder: Finder = "auto",
    name: str = "",
) -> list[Box]:
    """As ``choose_square``, steady squares for a clip.

    Args:
        frames: H W 3 uint8, at least one, spread over the clip.
        crop: As for ``choose_square``.
        domain: The model's.
        face: "largest", "all", or an index counted from the left as in ``steady_boxes``.
        finder: As for ``find_faces``.
        name: As for ``choose_square``.

    Raises:
        FaceNotFoundError: A face was insisted on, and none was found, or there is none of this index.
        InputError: "none", and the frames are not square.
    """
    plain = _plain_square(frames[0], crop, domain, face, name)
    if plain is not None:
        return [plain]
    height, width = frames[0].shape[:2]
    if face == "largest":
        steady = steady_box(frames, finder=finder)
        found = [] if steady is None else [steady]
    else:
        found = _chosen(steady_boxes(frames, finder=finder), face, name)
    if not found:
        return [_no_face(frames[0], insisted=crop == "face" or face != "largest", name=name)]
    return [held_inside(box, width, height) for box in found]


def _chosen(boxes: list[Box], face: str | int, name: str) -> list[Box]:
    """Of boxes from left to right those that ``face`` names: one, or all; none where there is none."""
    if face == "all" or not boxes:
        return boxes
    assert isinstance(face, int)
    if not 0 <= face < len(boxes):
        known = f"0 to {len(boxes) - 1}, counted from the left"
        raise FaceNotFoundError(f"There is no such face{_in(name)}", got=f"index {face}", expected=known)
    return [boxes[face]]


def _plain_square(image: Frame, crop: str, domain: str, face: str | int, name: str) -> Box | None:
    """The square where no face is looked for, else None."""
    height, width = image.shape[:2]
    if crop == "none":
        if width != height:
            raise InputError(
                f'crop="none" takes the whole of {name or "the picture"}, which must be square',
                got=f"{width}x{height} pixels",
                todo='Set crop="centre", or give a box',
            )
        return Box(0, 0, width, height)
    if crop == "centre" or (crop == "auto" and domain != "face" and face == "largest"):
        return centred_square(width, height)
    return None


def _in(name: str) -> str:
    return f" in {name}" if name else ""


def _no_face(image: Frame, *, insisted: bool, name: str) -> Box:
    if insisted:
        raise FaceNotFoundError(f"No face was found{_in(name)}", todo="Give a box by hand, or take the centred square")
    warnings.warn(
        f"No face was found{_in(name)}; the centred square is used. Give a box by hand if it does not fit.",
        MotionkitWarning,
        stacklevel=4,
    )
    return centred_square(image.shape[1], image.shape[0])
