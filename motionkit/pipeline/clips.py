"""A clip seen through one steady square."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from motionkit import faces, media
from motionkit.animation.driving import detect
from motionkit.animation.overlap import Ahead
from motionkit.config import AnimateOptions, ModelConfig
from motionkit.errors import MediaError
from motionkit.frames import Frame
from motionkit.media.seeking import read_frames_at, spread_frames
from motionkit.model import Model
from motionkit.structures import Box, Detected, Keypoints

__all__ = ["CroppedClip", "Glimpse", "crop_clip", "steady_square"]

# Frames from all over a clip on which its steady crop is decided.
BOX_SAMPLES = 8


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
    """A clip seen through one square; can be read any number of times.

    Attributes:
        clip: The whole frames.
        box: The square.
        size: Side in pixels that it is resized to.
    """

    clip: media.Clip
    box: Box
    size: int
    once: bool = field(default=False, init=False)
    _waits: list[float] = field(default_factory=list, compare=False, repr=False)  # seconds, of each reading

    @property
    def path(self) -> Path:
        """The clip's file."""
        return self.clip.info.path

    @property
    def fps(self) -> Fraction:
        """Exact rate."""
        return self.clip.info.fps

    @property
    def length(self) -> int | None:
        """Number of frames, None where only reading can tell."""
        return self.clip.info.frames

    @property
    def waited(self) -> float:
        """Seconds that all readings so far have waited for frames."""
        return sum(self._waits)

    def __iter__(self) -> Iterator[Frame]:
        # Decoded and cropped while the model computes.
        with Ahead(faces.crop(frame, self.box, size=self.size) for frame in self.clip) as frames:
            try:
                yield from frames
            finally:
                self._waits.append(frames.waited)

    def batches(self, model: Model, batch_size: int) -> Iterator[Detected]:
        """As ``Driving.batches``."""
        return detect(self, model, batch_size)

    def glimpses(self, size: int) -> Iterator[Callable[[], Glimpse]]:
        """As ``SeenDriving.glimpses``."""
        return (self._glimpse(frame, size) for frame in self.clip)

    def square_at(self, index: int) -> Frame | None:
        """One frame out of order; None where the file cannot be sought in, or is damaged there."""
        if not self.clip.seekable:
            return None
        try:
            (frame,) = read_frames_at(self.path, [index])
        except MediaError:
            return None
        return faces.crop(frame, self.box, size=self.size)

    def _glimpse(self, frame: Frame, size: int) -> Callable[[], Glimpse]:
        return lambda: Glimpse(frame=faces.crop(frame, self.box, size=size))


def crop_clip(clip: media.Clip, config: ModelConfig, options: AnimateOptions) -> CroppedClip:
    """A driving clip as the model sees it: one steady square.

    Args:
        clip: The whole frames.
        config: The model's.
        options: What is asked for.

    Raises:
        FaceNotFoundError: A face was insisted on and not found.
    """
    box = steady_square(clip, options.driving_box, config, options, what="driving")
    return CroppedClip(clip, box, config.picture_side(options.size))


def steady_square(
    clip: media.Clip, manual: Box | None, config: ModelConfig, options: AnimateOptions, *, what: str
) -> Box:
    """One steady square for a whole clip, unless one is given by hand.

    Args:
        clip: The whole frames.
        manual: The square by hand, or None.
        config: The model's.
        options: What is asked for.
        what: "source" or "driving", for messages.

    Raises:
        FaceNotFoundError: A face was insisted on and not found.
    """
    if manual is not None:
        return manual
    looked_for = options.crop == "face" or (options.crop == "auto" and config.domain == "face")
    samples = spread_frames(clip, BOX_SAMPLES if looked_for else 1)
    return faces.choose_clip_square(
        samples,
        crop=options.crop,
        domain=config.domain,
        finder=options.finder,
        name=f"the {what} {clip.info.path.name}",
    )
