"""Drivings without pictures: takes of expressions, from files, by name, and from speech."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fractions import Fraction
from pathlib import Path

from motionkit import media
from motionkit.config import AnimateOptions
from motionkit.config.bounds import FRAMES
from motionkit.errors import InputError, MotionkitWarning
from motionkit.media.timing import as_cut, as_rate
from motionkit.model import Model
from motionkit.motion import speech
from motionkit.motion.expressions import CURVES, Take
from motionkit.motion.placed import PlacedTake
from motionkit.motion.ready import MOTIONS, motion
from motionkit.motion.takes import SUFFIXES, load_take
from motionkit.pipeline.clips import Glimpse
from motionkit.structures import Detected, Keypoints

__all__ = ["OpenTake", "near_motion", "open_performed"]

SPEECH_RATE = Fraction(30)
HEARD = 0.02  # of jawOpen, which is never reached where nothing is said


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
    if name in MOTIONS:
        message = f"{name} is here by name, and drives; rename it, or work elsewhere, for the ready motion {name}"
        warnings.warn(message, MotionkitWarning, 3)
    if not os.path.isfile(path):
        return None
    if path.suffix.lower() in SUFFIXES:
        return OpenTake(_cut(load_take(path), start, end, fps))
    if path.suffix.lower() in (*media.READ_IMAGE_SUFFIXES, ".motion") or not media.is_sound(path):
        return None
    first, last = as_cut(start, end)
    sound = replace(media.open_sound(path), start=first)
    samples = media.read_samples(sound, speech.RATE)
    if not len(samples):
        raise InputError("There is no sound in this cut", got=f"{path} from {float(first):g} s")
    rate = as_rate(fps) or SPEECH_RATE
    _check_count(len(samples) * rate / speech.RATE, str(path))
    take = _cut(speech.speak(samples, rate, path=path), None, None if last is None else last - first, None)
    if take.curves[:, CURVES.index("jawOpen")].max() < HEARD:
        warnings.warn(f"Nothing is heard in {path}: the mouth stays shut", MotionkitWarning, 3)
    return OpenTake(take, sound)


def near_motion(name: str) -> str | None:
    """The ready motion whose name is meant by one that is nearly its own; None where there is none, or such a file.

    Args:
        name: As for ``open_performed``.
    """
    words = "-".join(name.lower().replace("_", " ").split())
    near = get_close_matches(words, MOTIONS, n=1, cutoff=0.7)
    return near[0] if near and not os.path.exists(name) else None


def _cut(take: Take, start: Fraction | None, end: Fraction | None, fps: Fraction | None) -> Take:
    """A part of a take, at a rate."""
    (begin, stop), rate = as_cut(start, end), as_rate(fps)
    first = round(begin * take.fps)
    last = len(take) if stop is None else min(round(stop * take.fps), len(take))
    if first >= last:
        got = f"from {float(begin):g} s" + ("" if stop is None else f" to {float(stop):g} s")
        length = float(len(take) / take.fps)
        raise InputError("Nothing is left of this cut", got=got, expected=f"a frame or more of {length:.4g} s")
    take = Take(take.curves[first:last], take.fps, path=take.path)
    if rate is None:
        return take
    count = max(round(len(take) / take.fps * rate), 1)
    _check_count(count, str(take.path or "the motion"))
    return take.timed(rate, count)


def _check_count(frames: Fraction | int, name: str) -> None:
    if frames > FRAMES.value:
        got = f"{round(frames)} of {name}"
        raise InputError("There would be too many frames", got=got, expected=FRAMES.expected, todo=FRAMES.todo)
