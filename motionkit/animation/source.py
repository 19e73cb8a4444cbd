"""The source's frames as the generator wants them: encoded, with their keypoints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice

import numpy as np

from motionkit.animation.driving import squares
from motionkit.errors import InputError
from motionkit.fast import EncodedSource
from motionkit.frames import Frame
from motionkit.model import Model
from motionkit.structures import Keypoints
from motionkit.tensors import to_frames

__all__ = ["EncodedFrames"]


class EncodedFrames:
    """Encoded source pictures with their keypoints: one for all driving frames, or the next ones of a looped clip.

    Args:
        source: A square H W 3 uint8 picture, or frames of a clip, which are read again at their end.
        model: Encodes them.
        size: Side of the result in pixels.

    Attributes:
        first_keypoints: Of the first frame, batch 1, on the CPU.

    Raises:
        InputError: A frame is no picture or not square, or there is none.
    """

    def __init__(self, source: Frame | Iterable[Frame], model: Model, size: int) -> None:
        self.model, self.size = model, size
        self._still: tuple[EncodedSource, Keypoints, Frame] | None = None
        if isinstance(source, np.ndarray) and source.ndim < 4:
            self._still = self._encode([source])
            self.first_keypoints = self._still[1]
        else:
            frames = _loop(source)
            first = next(frames)
            self.first_keypoints = self._encode([first])[1]
            self._loop = chain([first], frames)

    def take(self, count: int) -> tuple[EncodedSource, Keypoints, list[Frame]]:
        """For the next ``count`` frames: sources (1 or ``count``), their keypoints, and the frames themselves."""
        if self._still is not None:
            encoded, keypoints, frames = self._still
            return encoded, keypoints, [frames[0]] * count
        encoded, keypoints, frames = self._encode(list(islice(self._loop, count)))
        return encoded, keypoints, list(frames)

    def _encode(self, frames: list[Frame]) -> tuple[EncodedSource, Keypoints, Frame]:
        pictures = squares(frames, "source", self.size, self.model.device)
        seen = squares(frames, "source", self.model.config.size, self.model.device)
        return self.model.encode(pictures), self.model.detect(seen).to("cpu"), to_frames(pictures)


def _loop(frames: Iterable[Frame]) -> Iterator[Frame]:
    """The frames again and again, read anew each time: memory does not grow with the clip."""
    passes = 0
    while True:
        empty = True
        for frame in frames:
            empty = False
            yield frame
        if empty and not passes:
            raise InputError("The source has no frames", expected="at least one")
        passes += 1
        if empty:
            raise InputError(
                "The source clip ended before the driving clip and cannot be read again",
                got="a one-pass iterator",
                expected="an array, a list, or motionkit.media.open_clip(path)",
            )
