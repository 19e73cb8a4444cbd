"""From frames at times of their own to frames at a constant rate."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, TypeVar

from motionkit.config.bounds import FRAMES, GAP, RATES, SECONDS
from motionkit.errors import InputError, MediaError

__all__ = [
    "JITTER",
    "MAX_DENOMINATOR",
    "as_cut",
    "as_rate",
    "as_seconds",
    "at_constant_rate",
    "check_count",
    "in_order",
    "shown",
]

# 30000/1001 and its like stay exact; the averages of variable rates, and floats, become what containers can hold.
MAX_DENOMINATOR = 1001
# Containers round times: a frame counts as there this part of a frame before its time.
JITTER = Fraction(1, 4)
REORDERED = 16  # frames that H.264 and HEVC may hold back until their turn comes

_Picture = TypeVar("_Picture")


def at_constant_rate(
    timed: Iterable[tuple[Fraction, Fraction, _Picture]],
    fps: Fraction,
    *,
    start: Fraction,
    end: Fraction | None,
    name: str,
) -> Iterator[_Picture]:
    """Each frame for as many places of the constant rate as fall into its time; those after the end are not read.

    Args:
        timed: Second at which a frame begins, seconds for which the container says that it is shown (0 where it does
            not say), and the frame.
        fps: The rate.
        start: Second at which the part to use begins.
        end: Second at which it ends, None for the clip's end.
        name: The file, for errors.

    Raises:
        MediaError: A frame is shown for longer than ``bounds.GAP``, or there are too many.
    """
    held: _Picture | None = None
    place = until = Fraction(0)
    slot = 0  # of the next frame to yield
    stop = None if end is None else max(round((end - start) * fps), 1)
    for time, lasts, picture in timed:
        place, until = ((t - start) * fps for t in (time, time + lasts))
        due = math.ceil(place - JITTER)
        if stop is not None:
            due = min(due, stop)
        _check_gap(due - slot if held is not None else 0, due, fps, name)
        while held is not None and slot < due:
            yield held
            slot += 1
        held = picture
        if stop is not None and slot >= stop:
            return
    if held is None:
        return
    # The last frame has its place unless that begins after the clip's end, and those that its own time holds.
    due = math.ceil(until - JITTER)
    if slot == 0 or slot < place + JITTER:
        due = max(due, slot + 1)
    if stop is not None:
        due = min(due, stop)
    _check_gap(due - slot, due, fps, name)
    for _ in range(slot, due):
        yield held


def in_order(timed: Iterable[tuple[Fraction, _Picture]]) -> Iterator[tuple[Fraction, _Picture]]:
    """The pictures as they come, each with the earliest time of those that are left.

    Args:
        timed: Seconds and pictures; a time is at most ``REORDERED`` places away from its own.
    """
    times: list[Fraction] = []
    pictures: deque[_Picture] = deque()
    for time, picture in timed:
        heapq.heappush(times, time)
        pictures.append(picture)
        if len(pictures) > REORDERED:
            yield heapq.heappop(times), pictures.popleft()
    while pictures:
        yield heapq.heappop(times), pictures.popleft()


def check_count(frames: int, name: str) -> None:
    """Raise for a clip of too many frames.

    Args:
        frames: At the rate that it is read at.
        name: The file, for the error.

    Raises:
        MediaError: They are more than ``bounds.FRAMES``.
    """
    if frames > FRAMES.value:
        raise MediaError(
            "The clip has too many frames",
            got=f"{shown(frames)} of {name}",
            expected=FRAMES.expected,
            todo=f"Cut it with start and end, or lower fps. {FRAMES.todo}",
        )


def as_rate(given: Any) -> Fraction | None:
    """A frame rate that containers can hold, from what was given for one.

    Args:
        given: A number, or None.

    Raises:
        InputError: It is no number, or out of ``bounds.RATES``.
    """
    if given is None:
        return None
    low, high = RATES
    exact = _exact(given)
    if exact is None or not low <= exact <= high:
        raise InputError("The frame rate is impossible", got=shown(given), expected=f"above 0, from {low} to {high}")
    return exact.limit_denominator(MAX_DENOMINATOR)


def as_seconds(given: Any) -> Fraction | None:
    """A time in a clip, from what was given for one.

    Args:
        given: A number, or None.

    Raises:
        InputError: It is no number, below 0 or above ``bounds.SECONDS``.
    """
    if given is None:
        return None
    exact = _exact(given)
    if exact is None or not 0 <= exact <= SECONDS:
        raise InputError("The cut is impossible", got=f"{shown(given)} s", expected=f"0 <= start < end <= {SECONDS}")
    return exact


def as_cut(start: Any, end: Any) -> tuple[Fraction, Fraction | None]:
    """Where a cut begins and ends, from what was given; without an end, None.

    Args:
        start: First second, or None.
        end: Second at which it ends, or None.

    Raises:
        InputError: One is no time, or nothing lies between them.
    """
    first, last = as_seconds(start) or Fraction(0), as_seconds(end)
    if last is not None and last <= first:
        got = f"start {shown(start)}, end {shown(end)}"
        raise InputError("The cut is impossible", got=got, expected="0 <= start < end")
    return first, last


def shown(number: Any) -> str:
    """A number as an error shows it: short, whatever its digits."""
    try:
        text = str(number)
    except ValueError:  # Python writes no numbers of thousands of digits
        return "a number of thousands of digits"
    return text if len(text) <= 40 else f"{text[:20]}… ({len(text)} characters)"


def _exact(given: Any) -> Fraction | None:
    try:
        return Fraction(given)
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        return None


def _check_gap(repeats: int, count: int, fps: Fraction, name: str) -> None:
    """Raise if one frame is repeated for too long, or there are too many of them."""
    if repeats > 1 and repeats / fps > GAP.value:
        raise MediaError(
            "One frame of the clip is shown for too long",
            got=f"{shown(round(repeats / fps))} s in {name}",
            expected=GAP.expected,
            todo=f"Cut it with start and end. {GAP.todo}",
        )
    check_count(count, name)
