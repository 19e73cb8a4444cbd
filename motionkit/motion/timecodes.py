"""When frames are: seconds and timecodes, and the rate that they show.

Legend: T frames.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from motionkit.config.checks import shown
from motionkit.errors import InputError, MotionkitWarning

__all__ = ["rate_of", "read_timecodes", "shown_rate", "timecode"]

LATEST = 100, 60, 60, 1000  # hours, minutes, seconds, frames that are too many
RATES = (24, 25, 30, 48, 50, 60)  # that timecodes count in
RATE = 60  # Live Link Face's own, where a take is too short to show it
NTSC = tuple(Fraction(rate * 1000, 1001) for rate in (24, 30, 60))
DAY = 24 * 3600
NEAR = 0.004  # by which share times that were rounded may miss a usual rate
GAP = 1.75  # of a usual step: what is longer is a lost frame


def read_timecodes(stamps: Sequence[str], name: str) -> tuple[np.ndarray, Fraction]:
    """Seconds of T timecodes, and their rate: a second's last frame is one less. Midnight may pass.

    A semicolon marks drop-frame timecode, which leaves numbers out so that 29.97 or 59.94 frames a second keep the
    clock's time.

    Args:
        stamps: T of HH:MM:SS:FF.sss.
        name: The file's, for messages.

    Raises:
        InputError: One is no timecode.
    """
    parts = np.array([_parts(stamp) for stamp in stamps])
    fine = ((parts >= 0) & (parts < LATEST)).all(1)  # false for NaN
    if not fine.all():
        got = shown(stamps[int(np.argmin(fine))])
        raise InputError(f"{name} has a timecode that is none", got=got, expected="HH:MM:SS:FF.sss")
    hours, minutes, seconds, frames = parts.T
    whole: np.ndarray = hours * 3600 + minutes * 60 + seconds
    whole[1:] += DAY * np.cumsum(np.diff(whole) < -DAY / 2)
    most = int(np.floor(frames.max())) + 1
    if whole[-1] > whole[0]:
        count = next((count for count in RATES if count >= most), most)
    else:
        count = max(RATE, most)
        warnings.warn(f"{name} is too short to show its rate; {count} frames a second are assumed", MotionkitWarning, 4)
    if not any(";" in stamp for stamp in stamps):
        return whole + frames / count, Fraction(count)
    count = 30 if count <= 30 else 60
    minutes = whole // 60
    left_out = (minutes - minutes // 10) * (count // 15)
    rate = Fraction(count * 1000, 1001)
    return (whole * count - left_out + frames) / float(rate), rate


def _parts(stamp: str) -> list[float]:
    parts = stamp.replace(";", ":").split(":")
    try:
        return [float(part) for part in parts] if len(parts) == len(LATEST) else [np.nan] * len(LATEST)
    except ValueError:
        return [np.nan] * len(LATEST)


def timecode(frame: int, rate: int) -> str:
    """The timecode of a frame.

    Args:
        frame: From 0.
        rate: Frames a second.
    """
    second = frame // rate
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}:{frame % rate:02d}.000"


def shown_rate(fps: Fraction, frames: int) -> int:
    """The rate at which to write timecodes so that ``read_timecodes`` finds it again, no lower than the frames' own.

    Args:
        fps: Of the frames.
        frames: How many.
    """
    nearest = max(round(fps), 1)
    rate = next((rate for rate in RATES if rate >= nearest), nearest)
    return rate if (frames - 1) / fps >= 1 else RATE  # within a second the last frame of one is not seen


def rate_of(times: np.ndarray) -> Fraction:
    """The rate of T rising seconds, which may be rounded, and where frames may be missing.

    Args:
        times: T, of which two or more differ.
    """
    steps = np.diff(times)
    steps = steps[steps > 0]
    rate = min(1 / float(steps[steps < GAP * np.median(steps)].mean()), 1e6)
    usual = min((*NTSC, Fraction(max(round(rate), 1))), key=lambda usual: abs(rate - usual))
    return usual if abs(rate - usual) <= NEAR * usual else Fraction(rate).limit_denominator(1001)
