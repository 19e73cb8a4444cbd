"""One face followed through a film: the square around it, and the frames in which it is known to be there."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from motionkit.faces.crops import crop
from motionkit.frames import Frame
from motionkit.media import VideoWriter
from motionkit.structures import Box

__all__ = ["FaceClip", "Track", "holds", "nearest", "within"]

# A face may be missed so many times in a row (a blink, a hand) before it counts as lost.
PATIENCE = 1
# It may become this many times larger or smaller than at the clip's start.
GROWTH = 1.5


class Track:
    """One face in one square, from the frame where it was found to the last where it was seen there.

    Args:
        frame: Where it was found.
        face: The finder's box.
        square: What the clip shows; stays where it is.
        size: Side of the clip in pixels.

    Attributes:
        face: Where it was seen last.
        square: As given.
    """

    def __init__(self, frame: Frame, face: Box, square: Box, *, size: int) -> None:
        self.face, self.square = face, square
        self._width, self._size = face.width, size
        self._sure: list[Frame] = [crop(frame, square, size=size)]
        self._unsure: list[Frame] = []
        self._missed = 0

    def add(self, frame: Frame) -> None:
        """Take a frame, which belongs to the clip if the face is seen in it or later."""
        self._unsure.append(crop(frame, self.square, size=self._size))

    def look(self, found: Box | None) -> bool:
        """Take what a look for the face found; returns whether the clip goes on."""
        if found is None:
            self._missed += 1
            return self._missed <= PATIENCE
        if not holds(self.square, found) or not 1 / GROWTH < found.width / self._width < GROWTH:
            return False
        self.face, self._missed = found, 0
        self._sure += self._unsure
        self._unsure = []
        return True

    def __len__(self) -> int:
        """Frames that belong to the clip and were not taken yet."""
        return len(self._sure)

    def take(self) -> list[Frame]:
        """Take the frames that belong to the clip."""
        taken, self._sure = self._sure, []
        return taken


def nearest(found: Sequence[Box], face: Box) -> Box | None:
    """The box that can be the face that was at ``face`` a few frames ago: the nearest, within half its width."""
    close = min(found, key=lambda box: _distance(box, face), default=None)
    return close if close is not None and _distance(close, face) < face.width / 2 else None


def within(square: Box, width: int, height: int) -> Box:
    """The square moved into the picture, and made smaller if it must be."""
    side = min(square.width, width, height)
    x, y = square.centre
    left = min(max(round(x - side / 2), 0), width - side)
    top = min(max(round(y - side / 2), 0), height - side)
    return Box(left, top, left + side, top + side)


def holds(square: Box, face: Box) -> bool:
    """Whether a square holds a whole face."""
    return (
        square.left <= face.left
        and square.top <= face.top
        and face.right <= square.right
        and face.bottom <= square.bottom
    )


def _distance(one: Box, other: Box) -> float:
    return float(np.hypot(one.centre[0] - other.centre[0], one.centre[1] - other.centre[1]))


class FaceClip:
    """A track, and the file that it becomes once it is long enough.

    Args:
        track: The face's.

    Attributes:
        track: As given.
        named: Whether it is long enough to have a file.
    """

    def __init__(self, track: Track) -> None:
        self.track = track
        self.named = False
        self._writer: VideoWriter | None = None

    @property
    def written(self) -> bool:
        """Whether its file is written now, rather than there from before."""
        return self._writer is not None

    def begin(self, target: Path, fps: Fraction) -> None:
        """Give it a file; one that is there from an earlier run stays as it is."""
        self.named = True
        if not target.exists():
            self._writer = VideoWriter(target, fps=fps)
            self._writer.__enter__()

    def write(self) -> None:
        """Write the frames that are known to belong to it."""
        for frame in self.track.take():
            if self._writer is not None:
                self._writer.write(frame)

    def finish(self) -> None:
        """Make the file whole."""
        if self._writer is not None:
            self._writer.__exit__(None, None, None)

    def abandon(self) -> None:
        """Leave no file, after the error that is being handled."""
        if self._writer is not None:
            self._writer.__exit__(*sys.exc_info())
