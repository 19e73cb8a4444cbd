"""Clips made of pictures: those of a folder one after the other, and animated ones."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np

from motionkit.config.bounds import RATES
from motionkit.errors import InputError, MediaError
from motionkit.frames import Frame
from motionkit.media.clip import Clip, Wish
from motionkit.media.images import open_picture, read_image
from motionkit.media.modes import to_frame
from motionkit.media.timing import JITTER, MAX_DENOMINATOR, at_constant_rate, check_count
from motionkit.structures import VideoInfo

__all__ = ["AnimatedClip", "PictureClip"]

PICTURES_FPS = Fraction(25)
# Browsers show a frame whose delay is no longer than the first for the second.
HASTE, UNHURRIED = Fraction(1, 100), Fraction(1, 10)  # seconds


class PictureClip(Clip):
    """Pictures of one size, one after the other, at 25 a second unless another rate is asked for."""

    def __init__(self, path: Path, files: list[Path], wish: Wish) -> None:
        super().__init__(wish)
        fps = wish.fps or PICTURES_FPS
        if len(files) > 1:
            files = files[round(wish.start * fps) : None if wish.end is None else round(wish.end * fps)]
        if not files:
            raise InputError("The cut leaves no pictures", got=f"start {float(wish.start):g} s of {path}")
        self.files = files
        height, width = read_image(files[0]).shape[:2]
        self.given = (width, height)
        width, height = wish.size or self.given
        self.info = VideoInfo(path, width, height, fps, len(files), len(files) / fps, has_audio=False)

    def every(self, step: int) -> Iterator[Frame]:
        """As ``Clip.every``."""
        for file in self.files[::step]:
            frame = read_image(file)
            if frame.shape[1::-1] != self.given:
                raise MediaError(
                    "The pictures differ in size",
                    got=f"{file.name}: {frame.shape[1]}x{frame.shape[0]}",
                    expected=f"{self.given[0]}x{self.given[1]} as the first",
                )
            yield _resized(frame, self.wish.size)


class AnimatedClip(Clip):
    """An animated WebP, PNG or AVIF, each frame for its own time."""

    def __init__(self, path: Path, wish: Wish) -> None:
        super().__init__(wish)
        self.path = path
        delays, first = self._look()
        whole = sum(delays, Fraction(0))
        self.rate = _rate(delays)
        fps = wish.fps or self.rate
        duration = wish.part_of(whole)
        frames = max(math.ceil(duration * fps - JITTER), 1)
        check_count(frames, path.name)
        height, width = first.shape[:2]
        width, height = wish.size or (width, height)
        self.info = VideoInfo(path, width, height, fps, frames, duration, has_audio=False)

    def every(self, step: int) -> Iterator[Frame]:
        """As ``Clip.every``."""
        frames = at_constant_rate(
            self._timed(), self.info.fps, start=self.start, end=self.wish.end, name=self.path.name
        )
        return (_resized(frame, self.wish.size) for frame in islice(frames, 0, None, step))

    def _look(self) -> tuple[list[Fraction], Frame]:
        """Seconds for which each frame is shown, and the first frame."""
        delays: list[Fraction] = []
        first: Frame | None = None
        for _, delay, frame in self._timed():
            delays.append(delay)
            first = frame if first is None else first
        if first is None:
            raise MediaError("No frame of the picture can be read", got=str(self.path))
        return delays, first

    def _timed(self) -> Iterator[tuple[Fraction, Fraction, Frame]]:
        """Second at which each frame begins, seconds for which it is shown, and the frame; up to damage."""
        time, count = Fraction(0), 0
        try:
            with open_picture(self.path) as picture:
                frames = getattr(picture, "n_frames", 1)
                check_count(frames, self.path.name)
                # The first picture of a PNG may be there only for those that cannot show the animation.
                for index in range(1 if getattr(picture, "default_image", False) else 0, frames):
                    picture.seek(index)
                    frame = to_frame(picture, self.path.name)
                    delay = Fraction(picture.info.get("duration") or 0).limit_denominator(MAX_DENOMINATOR) / 1000
                    delay = UNHURRIED if delay <= HASTE else delay
                    yield time, delay, frame
                    time, count = time + delay, count + 1
        except MediaError as error:
            if count == 0:
                raise
            self.warn(f"{self.path.name} is damaged after {count} frames ({error.got}); these are used")


def _rate(delays: list[Fraction]) -> Fraction:
    """The average rate where no frame is lost at it, else the one of the shortest delay."""
    times = [Fraction(0), *itertools.accumulate(delays)]
    average = len(delays) / times[-1]
    places = {math.ceil(time * average - JITTER) for time in times[:-1]}
    rate = average if len(places) == len(delays) else 1 / min(delays)
    low, high = RATES
    return min(max(rate, low), high).limit_denominator(MAX_DENOMINATOR)


def _resized(frame: Frame, size: tuple[int, int] | None) -> Frame:
    from PIL import Image

    return frame if size is None else np.array(Image.fromarray(frame).resize(size))
