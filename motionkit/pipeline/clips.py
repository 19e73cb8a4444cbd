"""A clip seen through one steady square."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
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

__all__ = ["CroppedClip", "Glimpse", "crop_clip", "steady_squares"]

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
        frames: So many, from the clip again and again; None is once through the clip.
    """

    clip: media.Clip
    box: Box
    size: int
    frames: int | None = None
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
        return self.clip.info.frames if self.frames is None else self.frames

    @property
    def waited(self) -> float:
        """Seconds that all readings so far have waited for frames."""
        return sum(self._waits)

    def __iter__(self) -> Iterator[Frame]:
        # Decoded and cropped while the model computes.
        with Ahead(faces.crop(frame, self.box, size=self.size) for frame in self._wholes()) as frames:
            try:
                yield from frames
            finally:
                self._waits.append(frames.waited)

    def batches(self, model: Model, batch_size: int) -> Iterator[Detected]:
        """As ``Driving.batches``."""
        return detect(self, model, batch_size)

    def glimpses(self, size: int) -> Iterator[Callable[[], Glimpse]]:
        """As ``SeenDriving.glimpses``."""
        return (self._glimpse(frame, size) for frame in self._wholes())

    def square_at(self, index: int) -> Frame | None:
        """One frame out of order; None where the file cannot be sought in, or is damaged there."""
        if not self.clip.seekable:
            return None
        try:
            (frame,) = read_frames_at(self.path, [index])
        except MediaError:
            return None
        return faces.crop(frame, self.box, size=self.size)

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
    (box,) = steady_squares(clip, options.driving_box, options.driving_face, config, options, what="driving")
    return CroppedClip(clip, box, config.picture_side(options.size))


def steady_squares(
    clip: media.Clip, manual: Box | None, face: str | int, config: ModelConfig, options: AnimateOptions, *, what: str
) -> list[Box]:
    """The steady squares for a whole clip, or the one that is given by hand.

    Args:
        clip: The whole frames.
        manual: The square by hand, or None.
        face: Which face is wanted, as for ``faces.choose_clip_squares``.
        config: The model's.
        options: What is asked for.
        what: "source" or "driving", for messages.

    Raises:
        FaceNotFoundError: A face was insisted on and not found.
        InputError: The square by hand is far too large.
    """
    name = f"the {what} {clip.info.path.name}"
    if manual is not None:
        faces.check_reach(manual, clip.info.width, clip.info.height, name=name)
        return [manual]
    insisted = options.crop == "face" or face != "largest"
    looked_for = insisted or (options.crop == "auto" and config.domain == "face")
    samples = spread_frames(clip, BOX_SAMPLES if looked_for else 1)
    return faces.choose_clip_squares(
        samples, crop=options.crop, domain=config.domain, face=face, finder=options.finder, name=name
    )
