"""A clip as a model sees it: cropped to its square."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path

from motionkit import faces, media
from motionkit.animation.driving import detect_scenes
from motionkit.animation.overlap import Ahead
from motionkit.config import AnimateOptions, ModelConfig
from motionkit.errors import MediaError
from motionkit.frames import Frame
from motionkit.media.seeking import read_frames_at
from motionkit.model import Model
from motionkit.pipeline.squares import Placed, SceneSquares, scene_squares
from motionkit.structures import Box, Detected, Keypoints

__all__ = ["CroppedClip", "Glimpse", "crop_clip"]


@dataclass(frozen=True, slots=True)
class Glimpse:
    """One driving frame before any model has looked at it: a picture, or the keypoints that stand for it.

    Attributes:
        frame: Square, H W 3 uint8; None where a motion template drives.
        keypoints: Batch 1, of a motion template; else None.
    """

    frame: Frame | None = None
    keypoints: Keypoints | None = None


@dataclass(frozen=True)
class CroppedClip:
    """A clip seen through one square, or one for each scene; can be read any number of times.

    Attributes:
        clip: The whole frames.
        squares: Where the model looks.
        size: Side in pixels that a square is resized to.
        frames: So many, from the clip again and again; None is once through the clip.
    """

    clip: media.Clip
    squares: SceneSquares
    size: int
    frames: int | None = None
    once: bool = field(default=False, init=False)
    _waits: list[float] = field(default_factory=list, compare=False, repr=False)  # seconds, of each reading

    @property
    def path(self) -> Path:
        """The clip's file."""
        return self.clip.info.path

    @property
    def box(self) -> Box:
        """The square of the first scene with a face."""
        return self.squares.first

    @property
    def fps(self) -> Fraction:
        """Exact rate."""
        return self.clip.info.fps

    @property
    def length(self) -> int | None:
        """Number of frames, None where only reading can tell."""
        return self.clip.info.frames if self.frames is None else self.frames

    @property
    def waited(self) -> float:
        """Seconds that all readings so far have waited for frames."""
        return sum(self._waits)

    def __iter__(self) -> Iterator[Frame]:
        return (frame for frame, _ in self._scenes())

    def batches(self, model: Model, batch_size: int) -> Iterator[Detected]:
        """As ``Driving.batches``."""
        return detect_scenes(self._scenes(), model, batch_size)

    def glimpses(self, size: int) -> Iterator[Callable[[], Glimpse]]:
        """As ``SeenDriving.glimpses``."""
        return (_glimpse(placed, size) for placed in self.squares.place(self._wholes()))

    def square_at(self, index: int) -> Frame | None:
        """One frame out of order; None where the file cannot be sought in, or is damaged there."""
        if not self.clip.seekable:
            return None
        try:
            (frame,) = read_frames_at(self.path, [index])
        except MediaError:
            return None
        return faces.crop(frame, self.squares.at(frame), size=self.size)

    def _wholes(self) -> Iterator[Frame]:
        if self.frames is None:
            yield from self.clip
            return
        left = before = self.frames
        while left:
            for frame in islice(self.clip, left):
                yield frame
                left -= 1
            if left == before:  # the clip has none
                return

    def _scenes(self) -> Iterator[tuple[Frame, int]]:
        """Cropped frames with their scenes, decoded and cropped while the model computes."""
        placed = self.squares.place(self._wholes())
        with Ahead((faces.crop(frame, box, size=self.size), scene) for frame, box, scene in placed) as frames:
            try:
                yield from frames
            finally:
                self._waits.append(frames.waited)


def crop_clip(clip: media.Clip, config: ModelConfig, options: AnimateOptions) -> CroppedClip:
    """A driving clip as the model sees it.

    Args:
        clip: The whole frames.
        config: The model's.
        options: What is asked for.

    Raises:
        FaceNotFoundError: A face was insisted on and not found.
    """
    return CroppedClip(clip, scene_squares(clip, config, options), config.picture_side(options.size))


def _glimpse(placed: Placed, size: int) -> Callable[[], Glimpse]:
    frame, box, _ = placed
    return lambda: Glimpse(frame=faces.crop(frame, box, size=size))
