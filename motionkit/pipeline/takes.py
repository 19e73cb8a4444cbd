"""Drivings without pictures: takes of expressions, from files, by name, and from speech."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from motionkit import media
from motionkit.config import AnimateOptions
from motionkit.errors import InputError
from motionkit.model import Model
from motionkit.motion import speech
from motionkit.motion.expressions import PlacedTake, Take
from motionkit.motion.ready import MOTIONS, motion
from motionkit.motion.takes import SUFFIXES, load_take
from motionkit.pipeline.clips import Glimpse
from motionkit.structures import Detected, Keypoints

__all__ = ["OpenTake", "open_performed"]

SPEECH_RATE = Fraction(30)


@dataclass(frozen=True)
class OpenTake:
    """A take of expressions as an ``OpenDriving`` and a ``SeenDriving``: there is nothing to crop.

    ``seen`` has it on an average head, for those who look at keypoints; ``moments`` puts it on the source's.
    """

    take: Take
    sound: media.Sound | None = None
    head: PlacedTake | None = None
    audio: None = None
    box: None = None
    waited: float = 0.0
    once: bool = False

    @property
    def path(self) -> Path | None:
        """The file behind it, None where there is none."""
        return self.take.path

    @property
    def fps(self) -> Fraction:
        """Exact rate."""
        return self.take.fps

    @property
    def length(self) -> int:
        """Number of frames."""
        return len(self.take)

    def seen(self, model: Model, options: AnimateOptions) -> OpenTake:
        """On an average head."""
        return replace(self, head=self.take.placed(model, None))

    def timed(self, fps: Fraction, frames: int) -> OpenTake:
        """As ``OpenDriving.timed``."""
        return OpenTake(self.take.timed(fps, frames), self.sound)

    def first_picture(self) -> None:
        """There is none."""

    def placed(self, model: Model, source: Keypoints) -> PlacedTake:
        """On the source's head."""
        return self.take.placed(model, source)

    def batches(self, model: Model, batch_size: int) -> Iterator[Detected]:
        """As ``Driving.batches``, on an average head."""
        return self.take.batches(model, batch_size)

    def glimpses(self, size: int) -> Iterator[Callable[[], Glimpse]]:
        """As ``SeenDriving.glimpses``."""
        assert self.head is not None, "seen places it"
        shown = self.head.keypoints
        return (lambda at=at: Glimpse(keypoints=shown(slice(at, at + 1))) for at in range(len(self.take)))  # type: ignore[misc]

    def square_at(self, index: int) -> None:
        """There is none."""


def open_performed(
    name: str, *, start: Fraction | None = None, end: Fraction | None = None, fps: Fraction | None = None
) -> OpenTake | None:
    """A take that a name or a file stands for, opened; None where it is anything else.

    Args:
        name: Of a ready motion, where there is no such file; or a path.
        start: First second that is used.
        end: Second at which to stop.
        fps: Frames a second; None is the take's own.

    Raises:
        InputError, MediaError: The file cannot be used.
    """
    path = Path(name)
    if not os.path.exists(path):
        return OpenTake(_cut(motion(name), start, end, fps)) if name in MOTIONS else None
    if not os.path.isfile(path):
        return None
    if path.suffix.lower() in SUFFIXES:
        return OpenTake(_cut(load_take(path), start, end, fps))
    known = (*media.READ_VIDEO_SUFFIXES, *media.READ_IMAGE_SUFFIXES, ".motion")
    if path.suffix.lower() in known or not media.is_sound(path):
        return None
    sound = replace(media.open_sound(path), start=Fraction(start or 0))
    samples = media.read_samples(sound, speech.RATE)
    if not len(samples):
        raise InputError("There is no sound in this cut", got=f"{path} from {start} s")
    take = speech.speak(samples, fps or SPEECH_RATE, path=path)
    return OpenTake(_cut(take, None, None if end is None else end - sound.start, None), sound)


def _cut(take: Take, start: Fraction | None, end: Fraction | None, fps: Fraction | None) -> Take:
    """A part of a take, at a rate."""
    first = round((start or 0) * take.fps)
    last = len(take) if end is None else round(end * take.fps)
    if not 0 <= first < min(last, len(take)):
        length = float(len(take) / take.fps)
        raise InputError("Nothing is left of this cut", got=f"from {start} to {end} s", expected=f"0 to {length:g} s")
    take = Take(take.curves[first:last], take.fps, path=take.path)
    return take if fps is None else take.timed(fps, max(round(len(take) / take.fps * fps), 1))
