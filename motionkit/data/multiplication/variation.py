"""What is drawn for each result, from the seed and the numbers of source, driving and variation alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from motionkit import faces
from motionkit.data import colours
from motionkit.data.multiplication.options import MultiplyOptions
from motionkit.data.multiplication.plan import Job
from motionkit.frames import Frame
from motionkit.structures import Box
from motionkit.tensors import to_frames, to_tensor

__all__ = ["MotionDraw", "SourceDraw", "changed_square", "draw_motion", "draw_source", "moved_box"]

_SOURCE, _MOTION = 1, 2
HUE_SHARE = 0.1  # of the jitter; in full turns


@dataclass(frozen=True, slots=True)
class SourceDraw:
    """How a source is changed before it is animated.

    Attributes:
        flip: Whether it is mirrored.
        brightness: Factor.
        contrast: Factor.
        saturation: Factor.
        hue: Full turns about the grey axis.
        side: Factor on the side of its square.
        right: Shift of the square, in shares of its side.
        down: The same.
        background: Number of the picture that replaces its background; None keeps it.
    """

    flip: bool = False
    brightness: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0
    hue: float = 0.0
    side: float = 1.0
    right: float = 0.0
    down: float = 0.0
    background: int | None = None

    def told(self) -> dict[str, Any]:
        """What the manifest tells of it."""
        return asdict(self)


@dataclass(frozen=True)
class MotionDraw:
    """How strongly it moves.

    Attributes:
        strength: Factor on all movement.
        gains: Keypoint or group to its gain.
        moments: In [0, 1): the driving is cut into as many equal parts, and a picture taken so far into each; empty for
            whole clips.
    """

    strength: float
    gains: Mapping[str | int, float]
    moments: tuple[float, ...] = ()

    def told(self) -> dict[str, Any]:
        """What the manifest tells of it."""
        return {"strength": self.strength, "gains": {str(part): gain for part, gain in self.gains.items()}}


def draw_source(options: MultiplyOptions, source: int, variation: int, backgrounds: int = 0) -> SourceDraw:
    """Draw the changes of a source.

    Args:
        options: Their ranges, and the seed.
        source: Number of the source.
        variation: Number of the variation.
        backgrounds: How many pictures may replace the background.
    """
    rng = np.random.default_rng([options.seed, _SOURCE, source, variation])
    vary = options.variations
    # Every number is drawn in any case: one range does not change what another gives.
    unit = rng.uniform(-1, 1, 7)
    flip, replaced, which = rng.random(3)
    return SourceDraw(
        flip=bool(flip < vary.flip),
        brightness=round(1 + vary.jitter * unit[0], 4),
        contrast=round(1 + vary.jitter * unit[1], 4),
        saturation=round(1 + vary.jitter * unit[2], 4),
        hue=round(HUE_SHARE * vary.jitter * unit[3], 4),
        side=round(1 + vary.crop * unit[4], 4),
        right=round(vary.crop / 2 * unit[5], 4),
        down=round(vary.crop / 2 * unit[6], 4),
        background=int(which * backgrounds) if backgrounds and replaced < vary.replaced else None,
    )


def draw_motion(options: MultiplyOptions, job: Job) -> MotionDraw:
    """Draw the strength of a result's movement, and the moments of its pictures.

    Args:
        options: Their ranges, and the seed.
        job: The result.
    """
    rng = np.random.default_rng([options.seed, _MOTION, job.source, job.driving, job.variation])
    vary = options.variations
    strength = round(float(rng.uniform(*vary.strength)), 4)
    gains = {part: round(float(rng.uniform(*vary.gains[part])), 4) for part in vary.gains}
    return MotionDraw(strength, gains, tuple(rng.random(options.frames or 0).tolist()))


def moved_box(box: Box, draw: SourceDraw, width: int, height: int) -> Box:
    """The square of a source, changed as drawn, and as far as it goes inside the picture.

    Args:
        box: As it was found.
        draw: The change.
        width: The picture's, in pixels.
        height: The same.
    """
    if (draw.side, draw.right, draw.down) == (1.0, 0.0, 0.0):
        return box
    side = max(round(box.width * draw.side), 1)
    left = round(box.centre[0] + draw.right * box.width - side / 2)
    top = round(box.centre[1] + draw.down * box.height - side / 2)
    return faces.held_inside(Box(left, top, left + side, top + side, roll=box.roll), width, height)


def changed_square(square: Frame, draw: SourceDraw) -> Frame:
    """A source's square, mirrored and in other colours, as drawn.

    Args:
        square: S S 3 uint8.
        draw: The change.
    """
    if draw.flip:
        square = np.ascontiguousarray(square[:, ::-1])
    picture = to_tensor([square])
    if draw.brightness != 1:
        picture = colours.brighten(picture, draw.brightness)
    if draw.contrast != 1:
        picture = colours.contrast(picture, draw.contrast)
    if draw.saturation != 1:
        picture = colours.saturate(picture, draw.saturation)
    if draw.hue:
        picture = colours.turn_hue(picture, draw.hue)
    changed: Frame = to_frames(picture)[0]
    return changed
