"""How much of anything is taken before it is refused, with the environment variables that raise what one may need.

A few bytes can claim to be a picture of gigabytes or a clip of years; a slip of the keyboard can ask for either.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction

from motionkit.errors import InputError

__all__ = [
    "DOWNLOAD",
    "FRAMES",
    "GAP",
    "PICTURE_PIXELS",
    "RATES",
    "SAMPLE_RATES",
    "SECONDS",
    "SIDE",
    "TEXT",
    "VIDEO_PIXELS",
    "Bound",
]


@dataclass(frozen=True)
class Bound:
    """A number above which something is refused.

    Attributes:
        variable: Environment variable that sets another one.
        usual: The number without it.
        unit: What is counted.
    """

    variable: str
    usual: int
    unit: str

    @property
    def value(self) -> int:
        """The number that holds now.

        Raises:
            InputError: The variable's value is no whole number above 0.
        """
        text = os.environ.get(self.variable, "").strip()
        if not text:
            return self.usual
        if not (text.isascii() and text.isdecimal() and len(text) <= 18 and int(text) > 0):
            raise InputError(f"{self.variable} is no bound", got=repr(text[:40]), expected="a whole number above 0")
        return int(text)

    @property
    def expected(self) -> str:
        """What is accepted, for an error."""
        return f"at most {self.value} {self.unit}"

    @property
    def todo(self) -> str:
        """How to accept more, for an error."""
        return f"If it is meant, set {self.variable} to a larger number"


PICTURE_PIXELS = Bound("MOTIONKIT_PICTURE_PIXELS", 178_956_970, "pixels")
"""Of a single picture; Pillow's own limit."""
VIDEO_PIXELS = Bound("MOTIONKIT_VIDEO_PIXELS", 8192 * 8192, "pixels")
"""Of a frame of a clip."""
FRAMES = Bound("MOTIONKIT_FRAMES", 1_000_000, "frames")
"""Of a clip at the rate that it is read at; 11 hours at 25 a second."""
GAP = Bound("MOTIONKIT_GAP", 600, "seconds")
"""For which one frame of a clip is shown."""
DOWNLOAD = Bound("MOTIONKIT_DOWNLOAD", 8 << 30, "bytes")
"""Of a download whose size nobody knows beforehand."""
RATES = (Fraction(1, 100), Fraction(1000))
"""Lowest and highest frames a second."""
SAMPLE_RATES = (1000, 1_000_000)
"""Lowest and highest samples of sound a second: a packet of fewer would become hours."""
SECONDS = 10**7
"""Of a cut's start and end, in seconds."""
SIDE = 16384
"""Of a picture that is asked for, in pixels: what H.264 holds."""
TEXT = 64
"""Characters of a number that is given as a text."""
