"""A clip or a motion template in place of a camera: it plays in real time, round and round."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from motionkit import faces, media, pipeline
from motionkit.config import AnimateOptions
from motionkit.model import Model
from motionkit.motion.templates import MotionTemplate, check_model
from motionkit.structures import Keypoints

__all__ = ["ClipFrame", "LiveClip"]

# A clip that decodes more slowly than it plays is shown slower, not in ever larger leaps.
LONGEST_LEAP = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class ClipFrame:
    """One moment of the clip.

    Attributes:
        driving: A square H W 3 uint8 frame, or keypoints where a template plays.
        index: Frames of the clip before it, counted on through its repetitions.
    """

    driving: np.ndarray | Keypoints
    index: int


class LiveClip:
    """Plays a clip: each frame at its time, those that nobody asked for in time left out, none twice.

    Args:
        path: A clip, or a motion template of this model.
        model: Whose size and domain decide the crop.
        options: For the crop of a clip.
        clock, sleep: Of the time that it plays by.

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
        opened = pipeline.open_driving(path)
        if isinstance(opened, MotionTemplate):
            check_model(opened, name=model.config.name, model_hash=model.fingerprint)
            self.fps = float(opened.fps)
        else:
            self.fps = float(opened.info.fps)
            self._box = pipeline.crop_clip(opened, model.config, options).box
        self._opened, self._size = opened, model.config.size
        self._clock, self._sleep = clock, sleep
        self.rewind()

    @property
    def is_template(self) -> bool:
        return isinstance(self._opened, MotionTemplate)

    def rewind(self) -> None:
        """Play from the start at the next request."""
        self._frames = self._endless()
        self._index = -1
        self._begun: float | None = None

    def next(self) -> ClipFrame:
        """The frame that is due; waits for it if the last one was it."""
        now = self._clock()
        self._begun = now if self._begun is None else self._begun
        due = math.floor((now - self._begun) * self.fps)
        leap = due - self._index
        if leap < 1:
            due = self._index + 1
            self._sleep(max(self._begun + due / self.fps - now, 0))
        elif leap > max(LONGEST_LEAP * self.fps, 1):
            due = self._index + max(int(LONGEST_LEAP * self.fps), 1)
            self._begun = now - due / self.fps
        while True:
            picture = next(self._frames)
            self._index += 1
            if self._index >= due:
                return ClipFrame(self._seen(picture), self._index)

    def _endless(self) -> Iterator[np.ndarray | Keypoints]:
        while True:
            if isinstance(self._opened, media.Clip):
                yield from self._opened
            else:
                keypoints = self._opened.keypoints
                yield from (keypoints[i : i + 1] for i in range(len(keypoints)))

    def _seen(self, picture: np.ndarray | Keypoints) -> np.ndarray | Keypoints:
        if isinstance(picture, Keypoints):
            return picture
        return faces.crop(picture, self._box, size=self._size)
