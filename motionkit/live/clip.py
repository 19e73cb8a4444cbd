"""A clip or a motion template in place of a camera: it plays in real time, round and round."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from motionkit import pipeline
from motionkit.config import AnimateOptions
from motionkit.model import Model
from motionkit.pipeline.clips import Glimpse

__all__ = ["LiveClip"]

# A clip that decodes more slowly than it plays is shown slower, not in ever larger leaps.
LONGEST_LEAP = 1.0  # seconds


class LiveClip:
    """Plays a clip: each frame at its time, those that nobody asked for in time left out, none twice.

    Args:
        path: A clip, or a motion template of this model.
        model: Whose size and domain decide the crop.
        options: For the crop of a clip.
        clock: Of the time that it plays by, in seconds.
        sleep: Waits for so many seconds of that time.

    Attributes:
        index: Frames of the clip before the one that came last, counted on through its repetitions; -1 before any.
        pictures: Whether it has any; a motion template has none.

    Raises:
        InputError, MediaError, TemplateError: It cannot be used.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        model: Model,
        options: AnimateOptions,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._drive = pipeline.open_driving(path).seen(model, options)
        self.pictures = self._drive.box is not None
        self.fps, self._size = float(self._drive.fps), model.config.size
        self._clock, self._sleep = clock, sleep
        self.rewind()

    def rewind(self) -> None:
        """Play from the start at the next request."""
        self._frames = self._endless()
        self.index = -1
        self._begun: float | None = None

    def next(self) -> Glimpse:
        """The frame that is due; waits for it if the last one was it."""
        now = self._clock()
        self._begun = now if self._begun is None else self._begun
        due = math.floor((now - self._begun) * self.fps)
        leap = due - self.index
        if leap < 1:
            due = self.index + 1
            self._sleep(max(self._begun + due / self.fps - now, 0))
        elif leap > max(LONGEST_LEAP * self.fps, 1):
            due = self.index + max(int(LONGEST_LEAP * self.fps), 1)
            self._begun = now - due / self.fps
        while True:
            glimpse = next(self._frames)
            self.index += 1
            if self.index >= due:
                return glimpse()

    def _endless(self) -> Iterator[Callable[[], Glimpse]]:
        while True:
            yield from self._drive.glimpses(self._size)
