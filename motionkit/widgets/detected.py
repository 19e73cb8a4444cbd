"""Keypoints of a clip found once, batch after batch, as far as they are asked for."""

from __future__ import annotations

import io
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from motionkit import faces, motion
from motionkit.animation.moments import detect_batches, move
from motionkit.config import AnimateOptions
from motionkit.errors import MediaError
from motionkit.frontend import jpeg
from motionkit.media.seeking import read_frames_at
from motionkit.model import Model
from motionkit.motion.templates import MotionTemplate
from motionkit.pipeline.run import CroppedClip
from motionkit.structures import Keypoints

__all__ = ["DetectedClip", "SmoothedMotion"]

# A frame this much further on than detection has come is read and looked at by itself.
FAR = 8

Check = Callable[[], None]


@dataclass(frozen=True)
class _Seen:
    """One frame: its keypoints, batch 1, and its picture as JPEG, None where a template drives."""

    keypoints: Keypoints
    picture: bytes | None


class DetectedClip:
    """A clip or motion template whose keypoints are found when they are first needed, and kept.

    Memory grows by some kilobytes a frame: keypoints and a small JPEG.

    Args:
        clip: The clip as the model sees it, or a template, whose keypoints are there already.
        model: Finds the keypoints.
        path: Of the clip's file, where frames may be read out of order; None reads in order only.
        check: Called before each further batch; what it raises stops the waiting.
    """

    def __init__(
        self, clip: CroppedClip | MotionTemplate, model: Model, *, path: Path | None = None, check: Check = lambda: None
    ) -> None:
        self.clip, self._model, self._path, self._check = clip, model, path, check
        self._batches = cast("Generator[Any, None, None]", detect_batches(clip, model))
        self._seen: list[_Seen] = []
        self._ahead: dict[int, _Seen] = {}
        self.finished = False

    @property
    def ready(self) -> int:
        """Number of frames that detection has come to."""
        return len(self._seen)

    def step(self) -> bool:
        """Look at the next batch; False at the clip's end."""
        batch = None
        try:
            batch = next(self._batches, None)
        finally:
            self.finished = batch is None
        if batch is None:
            return False
        frames, keypoints = batch
        for i in range(len(keypoints)):
            self._seen.append(_Seen(keypoints[i : i + 1], None if frames is None else jpeg(frames[i])))
        return True

    def close(self) -> None:
        """Look no further and let go of the clip's file; call it in the thread that looks."""
        self._batches.close()
        self.finished = True

    def reaches(self, index: int) -> bool:
        """Look on until frame `index` is there; False where the clip ends before."""
        while self.ready <= index and not self.finished:
            self._check()
            self.step()
        return index < self.ready

    def keypoints(self, index: int) -> Keypoints:
        """Of one frame that is there, batch 1."""
        return self._at(index).keypoints

    def picture(self, index: int) -> np.ndarray | None:
        """One frame that is there, as the model sees it; None where a template drives."""
        from PIL import Image

        data = self._at(index).picture
        return None if data is None else np.array(Image.open(io.BytesIO(data)))

    def batches(self) -> Iterator[Keypoints]:
        """The keypoints of all frames from the first one on, looking on as far as they are taken."""
        index = 0
        while self.reaches(index):
            yield self._seen[index].keypoints
            index += 1

    def glimpse(self, index: int) -> bool:
        """Make frame `index` be there, by itself where detection is far from it; False where there is none."""
        if index < self.ready or index in self._ahead:
            return True
        if self._path is None or index < self.ready + FAR or self.finished or not isinstance(self.clip, CroppedClip):
            return self.reaches(index)
        try:
            (frame,) = read_frames_at(self._path, [index])
        except MediaError:  # no video that can be sought in, or damaged there: the way in order knows what to do
            return self.reaches(index)
        square = faces.crop(frame, self.clip.box, size=self.clip.size)
        ((_, keypoints),) = detect_batches([square], self._model, 1)
        self._ahead[index] = _Seen(keypoints, jpeg(square))
        return True

    def _at(self, index: int) -> _Seen:
        return self._seen[index] if index < self.ready else self._ahead[index]


class SmoothedMotion:
    """The source's keypoints as one set of options moves them, frame after frame, smoothed over time and kept.

    Args:
        source: Gives the source's keypoints, batch 1, for a frame's index.
        source_moves: Whether they differ from frame to frame.
        driving: Gives the driving's.
        reference: The neutral pose, batch 1.
        options: Smoothing above 0 among them.
        gains: As ``motion.keypoint_gains`` gives them.
        fps: Of the driving.
    """

    def __init__(
        self,
        source: Callable[[int], Keypoints],
        source_moves: bool,
        driving: DetectedClip,
        reference: Keypoints,
        *,
        options: AnimateOptions,
        gains: motion.Gains | None,
        fps: float,
    ) -> None:
        self._source, self._source_moves = source, source_moves
        self._driving, self._reference = driving, reference
        self._options, self._gains = options, gains
        self._smoother = motion.Smoother(options.smoothing, fps)
        self._moved: list[Keypoints] = []

    def keypoints(self, index: int) -> Keypoints:
        """Of one frame, batch 1; needs all frames before it."""
        new = range(len(self._moved), index + 1)
        if new:
            self._driving.reaches(index)
            # Together: a hundred small transfers would take longer than the model's step.
            moved = move(
                Keypoints.cat([self._source(at) for at in new]) if self._source_moves else self._source(0),
                Keypoints.cat([self._driving.keypoints(at) for at in new]),
                self._reference,
                options=self._options,
                gains=self._gains,
            )
            smoothed = self._smoother.smooth(moved)
            self._moved += [smoothed[at : at + 1] for at in range(len(new))]
        return self._moved[index]
