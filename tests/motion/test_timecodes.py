"""Timecodes to seconds and back, and the rate that times show."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from motionkit.errors import InputError, MotionkitWarning
from motionkit.motion.timecodes import rate_of, read_timecodes, timecode


def test_drop_frame_timecode_keeps_the_clocks_time() -> None:
    # SMPTE 12M: the minute's first two numbers are left out, but not in every tenth minute.
    times, rate = read_timecodes(["00:00:59;28", "00:00:59;29", "00:01:00;02", "00:01:00;03"], "take.csv")
    assert rate == Fraction(30000, 1001) and np.allclose(np.diff(times), 1001 / 30000)
    times, _ = read_timecodes(["00:00:00;00", "00:09:59;29", "00:10:00;00"], "take.csv")
    assert times[2] - times[0] == pytest.approx(17982 * 1001 / 30000) and times[2] - times[1] < 0.034
    times, rate = read_timecodes(["00:00:59;59", "00:01:00;04"], "take.csv")
    assert rate == Fraction(60000, 1001) and times[1] - times[0] == pytest.approx(1001 / 60000)


def test_midnight_may_pass() -> None:
    times, rate = read_timecodes(["23:59:59:58", "23:59:59:59", "00:00:00:00", "00:00:00:01"], "take.csv")
    assert rate == 60 and np.allclose(np.diff(times), 1 / 60)


@pytest.mark.parametrize("stamp", ["1:2", "0:0:0:nan", "0:0:-1:0", "0:0:0:x", "", "0:0:61:0"])
def test_what_is_no_timecode_is_named(stamp: str) -> None:
    with pytest.raises(InputError, match="timecode that is none") as raised:
        read_timecodes(["00:00:00:00", stamp], "take.csv")
    assert repr(stamp) in str(raised.value)


def test_timecodes_count_frames() -> None:
    assert [timecode(frame, 30) for frame in (0, 29, 30, 30 * 3661)] == [
        "00:00:00:00.000", "00:00:00:29.000", "00:00:01:00.000", "01:01:01:00.000",
    ]  # fmt: skip


def test_a_take_within_a_second_says_what_is_assumed() -> None:
    with pytest.warns(MotionkitWarning, match="too short to show its rate; 60"):
        _, rate = read_timecodes(["00:00:00:00", "00:00:00:20"], "take.csv")
    assert rate == 60


@pytest.mark.parametrize(
    ("fps", "digits"),
    [
        (Fraction(24000, 1001), 5), (24, 4), (25, 2), (Fraction(30000, 1001), 4), (30, 3), (50, 2),
        (Fraction(60000, 1001), 6), (60, 3), (10, 1), (120, 4), (Fraction(1, 2), 0), (Fraction(25, 2), 3),
    ],
)  # fmt: skip
def test_rounded_times_and_lost_frames_show_the_rate(fps: Fraction | int, digits: int) -> None:
    times = np.round(7 + np.arange(240) / float(fps), digits)
    assert rate_of(times) == fps
    assert rate_of(np.delete(times, [5, 60, 61, 100])) == fps


def test_coarse_times_show_the_rate_where_no_frame_is_lost() -> None:
    assert rate_of(np.round(np.arange(240) / 60, 2)) == 60
