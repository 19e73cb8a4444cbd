"""What all clips have in common, and the cut that is asked of one."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from motionkit.errors import InputError, MotionkitWarning
from motionkit.frames import Frame
from motionkit.structures import VideoInfo

__all__ = ["Clip", "Wish"]


@dataclass(frozen=True)
class Wish:
    """What is asked of a clip.

    Attributes:
        start: Second at which the part to use begins.
        end: Second at which it ends, None for the clip's end.
        fps: Rate to resample to, None for the clip's own.
        size: (width, height) to resize to, None for the clip's own.
    """

    start: Fraction = Fraction(0)
    end: Fraction | None = None
    fps: Fraction | None = None
    size: tuple[int, int] | None = None

    @property
    def whole(self) -> bool:
        """Whether all of the clip is asked for."""
        return self.start == 0 and self.end is None

    def part_of(self, duration: Fraction) -> Fraction:
        """Seconds that are left of a clip.

        Args:
            duration: Of the whole clip, in seconds.

        Raises:
            InputError: None are left.
        """
        if self.start >= duration:
            got, expected = f"{float(self.start):g} s", f"below {float(duration):g}"
            raise InputError("The cut starts after the clip's end", got=got, expected=expected)
        return min(duration, self.end or duration) - self.start


class Clip:
    """A clip that can be iterated any number of times; yields H W 3 uint8 RGB frames.

    Attributes:
        info: What is known before reading.
        start: Second at which the cut begins.
        seekable: Whether the frames are a whole video's own, which ``read_frames_at`` numbers likewise.
    """

    info: VideoInfo
    start: Fraction
    seekable = False

    def __init__(self, wish: Wish) -> None:
        self.wish, self.start = wish, wish.start
        self._warned: set[str] = set()

    def __iter__(self) -> Iterator[Frame]:
        return self.every(1)

    def every(self, step: int) -> Iterator[Frame]:
        """Yield frames 0, step, 2·step …; those between are decoded where they must be, and no more.

        Args:
            step: At least 1.

        Raises:
            MediaError: Pictures of a folder differ in size, or one cannot be read.
        """
        raise NotImplementedError

    def warn(self, message: str) -> None:
        """Warn, once for each message.

        Args:
            message: What is not as good as hoped.
        """
        if message not in self._warned:
            self._warned.add(message)
            warnings.warn(message, MotionkitWarning, stacklevel=3)
