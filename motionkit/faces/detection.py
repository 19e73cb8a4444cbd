"""Faces at any turn and of any size, by BlazeFace.

A coarse look at the picture in four turns, a fine one for small faces, and a second look at each face, turned upright.

Legend: N finds. A find is a score (logit) and 8 2 points in pixels, see ``BlazeFace``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from motionkit.faces.blazeface import STRIDE, load_blazeface
from motionkit.frames import Frame
from motionkit.structures import Box

__all__ = ["detect"]

Points = npt.NDArray[np.float64]

# Sides of the picture's copies, the largest first: for second looks at small faces, for the fine look, for the coarse.
SIDES = (1280, 640, 192)
FINE, COARSE = 1, 2
# The network was trained on faces with something around them: grey, where a face fills the picture.
MARGIN = 16
# Faces of fewer pixels than this share of the coarse copy's longer side are found by the fine look alone.
SMALL = 0.2
# A logit above which a find gets a second look, and above which the second look makes it a face.
LIKELY, SURE = -1.0, 0.75
# A face on its head, turned by more than 120 degrees, needs more: those that were ones had 1.0 to 3.0, upright faces
# with the chin cut off that were taken for one had 0.76 to 0.85.
ON_ITS_HEAD = 0.95
RIVAL = 2.0  # logits below the best at its place within which a find of another roll may be the right one
LOOK_SIDE, LOOK_PER_FACE = 96, 1.8  # the second look's square, in pixels and in widths of the network's box
MOST = 64  # second looks at a picture
SAME = 0.5  # finds whose centres are nearer than this share of the larger one show one face
TURN = 40  # finds whose rolls differ by fewer degrees agree
# The network's box, moved and scaled to what the cascade finds, about brows to chin: in its heights, along the face.
UP, WIDER = 0.09, 1.1


@dataclass(frozen=True)
class _Find:
    score: float
    points: Points  # 8 2: centre, (width, height), right eye, left eye, nose, mouth, right ear, left ear

    @property
    def roll(self) -> float:
        """Degrees clockwise from upright, by the eyes."""
        across = self.points[3] - self.points[2]
        return math.degrees(math.atan2(across[1], across[0]))

    @property
    def side(self) -> float:
        return float(self.points[1].max())

    def mapped(self, linear: Points, offset: Points) -> _Find:
        """The find under a turn, scale and shift; its box's size is scaled alone."""
        places = self.points @ linear.T + offset
        places[1] = self.points[1] * np.hypot(*linear[:, 0])
        return _Find(self.score, places)


def detect(image: Frame, *, least: float = 0, upright: bool = False) -> list[Box]:
    """Faces in an H W 3 uint8 picture, as turned boxes from about brows to chin, in no particular order.

    Args:
        image: The picture.
        least: Width in pixels of the smallest face that is looked for.
        upright: Look in the picture as it is alone, coarsely, and not in its turns.
    """
    longest = max(image.shape[:2])
    copies = list(_copies(image))
    if upright:
        faces = _confirmed(copies, _merged(_turned_looks(copies[COARSE], (0,), longest), turns=True), longest)
        return [_box(face) for face in faces]
    finds = _coarse(copies[COARSE], longest)
    small = copies[FINE].width > copies[COARSE].width and least < SMALL * longest
    if small:
        finds += _turned_looks(copies[FINE], (0,), longest)
    faces = _confirmed(copies, _merged(finds, turns=True), longest)
    if not faces and small:
        finds = _turned_looks(copies[FINE], (2,), longest) + _turned_looks(copies[FINE], (1, 3), longest)
        faces = _confirmed(copies, _merged(finds, turns=True), longest)
    return [_box(face) for face in faces]


def _copies(image: Frame) -> Iterator[Image.Image]:
    """The picture at each of ``SIDES``, or at its own size where that is smaller; the first may be up to twice that."""
    whole = max(image.shape[:2]) // SIDES[0]
    copy = Image.fromarray(_reduced(image, whole) if whole > 1 else image)
    yield copy
    for side in SIDES[1:]:
        scale = min(side / max(copy.size), 1)
        if scale < 1:
            size = (max(round(copy.width * scale), 1), max(round(copy.height * scale), 1))
            # BOX first takes care of strong shrinking at little cost; what remains is filtered well.
            copy = copy.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
        yield copy


def _reduced(image: Frame, factor: int) -> Frame:
    """Means of squares of so many pixels a side, in two threads: of a large picture nothing else is quick enough."""
    middle = image.shape[0] // 2 // factor * factor
    halves = [half for half in (image[:middle], image[middle:]) if len(half)]
    with ThreadPoolExecutor(2) as pool:
        return np.concatenate(list(pool.map(lambda half: np.asarray(Image.fromarray(half).reduce(factor)), halves)))


def _coarse(copy: Image.Image, longest: int) -> list[_Find]:
    return _turned_looks(copy, (0, 2), longest) + _turned_looks(copy, (1, 3), longest)


def _turned_looks(copy: Image.Image, turns: Sequence[int], longest: int) -> list[_Find]:
    """Likely faces of the picture turned by quarters counterclockwise, in pixels of the picture itself.

    Args:
        copy: The picture, at some size.
        turns: Numbers of quarters, all odd or all even.
        longest: The picture's own longer side.
    """
    height, width = np.rot90(np.asarray(copy), turns[0]).shape[:2]
    tall, wide = (-(-(length + 2 * MARGIN) // STRIDE) * STRIDE for length in (height, width))
    padded = np.full((len(turns), tall, wide, 3), 127, np.uint8)
    for number, turn in enumerate(turns):
        padded[number, MARGIN : MARGIN + height, MARGIN : MARGIN + width] = np.rot90(np.asarray(copy), turn)
    scale = longest / max(height, width)
    centre, middle = np.array([width, height]) / 2, np.array(copy.size) / 2
    finds: list[_Find] = []
    for turn, found in zip(turns, _look(padded), strict=True):
        back = np.linalg.matrix_power(np.array([[0, -1], [1, 0]]), turn)  # a quarter clockwise, with y down
        offset = scale * (middle - back @ (centre + MARGIN))
        finds += [find.mapped(scale * back, offset) for find in found]
    return finds


def _look(pictures: npt.NDArray[np.uint8]) -> list[list[_Find]]:
    """Likely faces in each of the pictures (B H W 3 uint8), in its pixels."""
    batch = torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
    with torch.inference_mode():
        scores, points = load_blazeface()(batch)
    looks = []
    for score, values in zip(scores, points, strict=True):
        likely = score > LIKELY
        pairs = zip(score[likely].tolist(), values[likely].double().numpy(), strict=True)
        looks.append([_Find(value, places) for value, places in pairs])
    return looks


def _merged(finds: list[_Find], *, turns: bool) -> list[_Find]:
    """One find for each face: the mean of those around the best that agree on its roll, weighted by probability.

    Args:
        finds: In pixels of one picture.
        turns: Whether finds of one place that disagree on its roll all stay.
    """
    finds = sorted(finds, key=lambda find: -find.score)
    if not finds:
        return []
    centres, sides = np.array([find.points[0] for find in finds]), np.array([find.side for find in finds])
    rolls, weights = np.array([find.roll for find in finds]), 1 / (1 + np.exp([-find.score for find in finds]))
    points, left = np.array([find.points for find in finds]), np.ones(len(finds), bool)
    merged: list[_Find] = []
    while left.any() and len(merged) < MOST:
        best = int(left.argmax())
        near = np.hypot(*(centres - centres[best]).T) < SAME * np.maximum(sides, sides[best])
        alike = near & (np.cos(np.radians(rolls - rolls[best])) > math.cos(math.radians(TURN)))
        mean = np.average(points[left & alike], axis=0, weights=weights[left & alike])
        merged.append(_Find(finds[best].score, mean))
        left &= ~(alike if turns else near)
    return merged


def _near(one: _Find, other: _Find) -> bool:
    return float(np.hypot(*(one.points[0] - other.points[0]))) < SAME * max(one.side, other.side)


def _confirmed(copies: list[Image.Image], finds: list[_Find], longest: int) -> list[_Find]:
    """The finds that a second look, turned upright, shows to be faces; as that look sees them.

    Of finds at one place that disagree on the roll, those far below the best get a look only where that is no face.
    """
    best: list[_Find] = []
    rivals: list[_Find] = []
    others: list[_Find] = []
    for find in sorted(finds, key=lambda find: -find.score):
        above = next((one for one in best if _near(find, one)), None)
        if above is None:
            best.append(find)
        else:
            (rivals if find.score > above.score - RIVAL else others).append(find)
    faces = _seen_again(copies, best + rivals, longest)
    faces += _seen_again(copies, [find for find in others if not any(_near(find, face) for face in faces)], longest)
    return _merged(faces, turns=False)


def _seen_again(copies: list[Image.Image], finds: list[_Find], longest: int) -> list[_Find]:
    if not finds:
        return []
    squares = [_square(copies, find, longest) for find in finds]
    confirmed = []
    pictures = np.stack([picture for picture, *_ in squares])
    for looks, (_, linear, offset) in zip(_look(pictures), squares, strict=True):
        for seen in _merged(looks, turns=False)[:1]:
            mapped = seen.mapped(linear, offset)
            needed = ON_ITS_HEAD if math.cos(math.radians(mapped.roll)) < -0.5 else SURE
            if seen.score > needed and np.hypot(*(seen.points[0] - LOOK_SIDE / 2)) < SAME * seen.side:
                confirmed.append(mapped)
    return confirmed


def _square(copies: list[Image.Image], find: _Find, longest: int) -> tuple[Frame, Points, Points]:
    """The square around a find, turned upright, and the map (2 2 and 2) from it to the picture."""
    wanted = LOOK_SIDE / (LOOK_PER_FACE * find.side) * longest  # of a copy in which the square need not be resized
    copy = next((copy for copy in copies[::-1] if max(copy.size) >= wanted), copies[0])
    scale = max(copy.size) / longest
    angle = math.radians(find.roll)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    linear = turn * (LOOK_PER_FACE * find.side / LOOK_SIDE)
    offset = find.points[0] - linear @ np.full(2, LOOK_SIDE / 2)
    square = copy.transform(
        (LOOK_SIDE, LOOK_SIDE),
        Image.Transform.AFFINE,
        tuple(float(value) for value in (np.column_stack([linear, offset]) * scale).ravel()),
        Image.Resampling.BILINEAR,
        fillcolor=(127, 127, 127),
    )
    return np.asarray(square), linear, offset


def _box(find: _Find) -> Box:
    """The find as a finder's box: about brows to chin, turned with the face."""
    angle = math.radians(find.roll)
    up = np.array([math.sin(angle), -math.cos(angle)])
    x, y = find.points[0] + UP * find.side * up
    half = WIDER * find.side / 2
    left, top, right, bottom = (round(float(edge)) for edge in (x - half, y - half, x + half, y + half))
    return Box(left, top, right, bottom, roll=round(find.roll, 1))
