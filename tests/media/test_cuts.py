"""Clips cut, resized, turned, and read at another rate: every frame is the one that it should be."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from motionkit import media
from motionkit.errors import InputError, MediaError
from tests.support.clips import ffmpeg, frame, make, number

NTSC = Fraction(30000, 1001)


def test_cut_rate_and_size(tmp_path: Path) -> None:
    path = make(tmp_path / "clip.mp4", 20)
    cut = media.open_clip(path, start=Fraction(1, 5), end=Fraction(3, 5))
    assert [number(f) for f in cut] == list(range(5, 15))
    assert cut.info.frames == 10
    assert [number(f) for f in media.open_clip(path, fps=50)] == [n for n in range(20) for _ in (0, 1)]
    assert [number(f) for f in media.open_clip(path, fps=Fraction(25, 2))] == list(range(0, 20, 2))
    small = media.open_clip(path, size=(32, 24))
    assert next(iter(small)).shape == (24, 32, 3)
    with pytest.raises(InputError, match=r"cut is impossible.*expected 0 <= start < end"):
        media.open_clip(path, start=2, end=1)
    with pytest.raises(InputError, match="starts after the clip's end"):
        media.open_clip(path, start=9)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_rounded_times_drop_and_repeat_nothing(tmp_path: Path, suffix: str) -> None:
    path = make(tmp_path / f"a{suffix}", 90, NTSC)
    assert [number(f) for f in media.open_clip(path)] == list(range(90))
    assert media.open_clip(path).info.fps == NTSC
    cut = media.open_clip(path, start=1, end=2)  # seconds, of a rate that does not divide them
    assert [number(f) for f in cut] == list(range(30, 60))
    assert cut.info.frames == 30 and cut.info.duration == 1
    assert [number(f) for f in cut.every(7)] == [30, 37, 44, 51, 58]


def test_pictures_of_a_glob_are_cut_and_resized(tmp_path: Path) -> None:
    for n in range(12):
        media.write_image(tmp_path / f"²{n}.png", frame(n))
    clip = media.open_clip(tmp_path / "²*.png", start=Fraction(1, 5), end=Fraction(2, 5), size=(32, 24))
    assert [number(f) for f in clip] == list(range(5, 10)) and clip.info.frames == 5
    assert [number(f) for f in clip.every(2)] == [5, 7, 9]
    assert next(iter(clip)).shape == (24, 32, 3)
    with pytest.raises(InputError, match=r"The cut leaves no pictures; got start 3 s"):
        media.open_clip(tmp_path, start=3)
    (tmp_path / "²3.png").write_bytes(b"no picture")
    with pytest.raises(MediaError, match=r"This is not a picture; got .*²3.png"):
        list(media.open_clip(tmp_path))


def test_variable_rate_becomes_constant(tmp_path: Path) -> None:
    path, variable = make(tmp_path / "clip.mp4", 12), tmp_path / "variable.mp4"
    # Frames 4 to 7 are missing; what is there keeps its time.
    ffmpeg("-i", path, "-vf", "select='not(between(n,4,7))'", "-fps_mode", "vfr", variable)
    assert [number(f) for f in media.open_clip(variable, fps=25)] == [0, 1, 2, 3, 3, 3, 3, 3, 8, 9, 10, 11]


def test_rates_become_fractions_that_containers_hold(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", 10, NTSC)
    assert media.open_clip(path, fps=29.97).info.fps == Fraction(2997, 100)  # type: ignore[arg-type]
    again = make(tmp_path / "b.mp4", 3, media.open_clip(path, fps=NTSC).info.fps)
    with av.open(str(again)) as container:
        assert container.streams.video[0].average_rate == NTSC


@pytest.mark.parametrize(("size", "fps"), [((0, 10), None), ((-2, 4), None), (None, 0), (None, -1)])
def test_impossible_wishes_are_refused(tmp_path: Path, size: tuple[int, int] | None, fps: int | None) -> None:
    with pytest.raises(InputError, match=r"The (size|frame rate) is impossible; got"):
        media.open_clip(make(tmp_path / "a.mp4", 2), size=size, fps=fps)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_rotation_is_applied(tmp_path: Path, turn: int) -> None:
    path, turned = make(tmp_path / "clip.mp4", 3), tmp_path / "turned.mp4"
    ffmpeg("-display_rotation", turn, "-i", path, "-c", "copy", turned)
    expected = list(media.open_clip(path))[1]
    clip = media.open_clip(turned)
    one = list(clip)[1]
    assert (clip.info.height, clip.info.width) == one.shape[:2]
    np.testing.assert_allclose(one, np.rot90(expected, turn // 90), atol=2)


def test_resizing_a_turned_clip_gives_the_size_asked_for(tmp_path: Path) -> None:
    ffmpeg("-display_rotation", 90, "-i", make(tmp_path / "a.mp4", 2), "-c", "copy", tmp_path / "turned.mp4")
    clip = media.open_clip(tmp_path / "turned.mp4", size=(20, 30))
    assert [f.shape for f in clip] == [(30, 20, 3)] * 2
    one = list(clip)[1].mean(axis=(1, 2))  # its light column, at the left, is now a row at the bottom
    assert one[-2:].mean() > one[:20].mean() + 80
