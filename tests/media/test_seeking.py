"""Single frames by number, against reading the whole clip."""

from __future__ import annotations

import random
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from motionkit import media
from motionkit.errors import InputError, MediaError
from motionkit.media.seeking import read_frames_at, spread_frames
from tests.support import clips


def textured(n: int) -> np.ndarray:
    """The number in its columns, and something that makes every frame differ a little everywhere."""
    shade = np.random.default_rng(n).integers(0, 30, (48, 64, 3), dtype=np.uint8)
    return clips.frame(n % 256) + shade


def check(path: Path, picks: list[list[int]]) -> None:
    whole = list(media.open_clip(path))
    for pick in picks:
        numbers = [n % len(whole) for n in pick]
        for number, frame in zip(numbers, read_frames_at(path, numbers), strict=True):
            assert np.array_equal(frame, whole[number]), (numbers, number)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".mov", ".avi", ".gif"])
def test_frames_are_those_of_the_clip(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"clip{suffix}"
    if suffix == ".avi":
        clips.ffmpeg("-i", clips.make(tmp_path / "clip.mp4", 40), "-c:v", "mpeg4", "-q:v", 3, path)
    else:
        clips.make(path, 40)
    check(path, [[0], [39], [7, 3], [20, 21, 20], list(range(40))])


@pytest.mark.parametrize("interval", [12, 250])
@pytest.mark.parametrize("skips", [True, False])
def test_far_into_a_long_video(tmp_path: Path, interval: int, skips: bool) -> None:
    """With and without frames that no other refers to; with key frames near and far."""
    raw = tmp_path / "raw.mkv"
    with media.VideoWriter(raw, fps=Fraction(25)) as writer:
        for n in range(320):
            writer.write(textured(n))
    path = tmp_path / "long.mp4"
    options = ["-c:v", "libx264", "-g", interval, "-bf", 3 if skips else 0, "-preset", "ultrafast"]
    clips.ffmpeg("-i", raw, *options, path)
    draw = random.Random(1)
    check(path, [[319], [0, 319], [310, 4], *[draw.sample(range(320), 2) for _ in range(12)]])


def test_frames_that_are_shown_for_long(tmp_path: Path) -> None:
    """A slide show: ten frames at irregular times, some shown for seconds."""
    listing = tmp_path / "list.txt"
    seconds = [0.2, 3, 0.1, 2, 0.04, 0.3, 2.5, 0.2, 1.5, 0.5]
    lines = []
    for n, duration in enumerate(seconds):
        media.write_image(tmp_path / f"{n}.png", textured(n * 11))
        lines.append(f"file '{n}.png'\nduration {duration}\n")
    listing.write_text("".join(lines))
    path = tmp_path / "slides.mp4"
    # Two of three frames are such as no other refers to.
    options = ["-c:v", "libx264", "-bf", 2, "-x264-params", "b-adapt=0:b-pyramid=none:scenecut=0"]
    clips.ffmpeg("-f", "concat", "-i", listing, "-fps_mode", "vfr", *options, path)
    count = sum(1 for _ in media.open_clip(path))
    check(path, [[n] for n in range(0, count, 3)] + [[n, 2 * n + 5] for n in range(0, count, 7)])


def test_a_stream_that_does_not_begin_at_zero(tmp_path: Path) -> None:
    path = tmp_path / "later.ts"
    clips.ffmpeg("-i", clips.make(tmp_path / "clip.mp4", 200), "-c", "copy", "-output_ts_offset", 7.3, path)
    check(path, [[0, 199], [150], [3, 5]])


def test_a_file_without_an_index(tmp_path: Path) -> None:
    path = tmp_path / "bare.h264"
    clips.ffmpeg("-i", clips.make(tmp_path / "clip.mp4", 150), "-c", "copy", "-f", "h264", path)
    check(path, [[0], [140], [4, 120]])


def test_what_is_not_there(tmp_path: Path) -> None:
    path = clips.make(tmp_path / "clip.mp4", 10)
    with pytest.raises(MediaError, match="The video ends before; got frame 10 of"):
        read_frames_at(path, [3, 10])
    with pytest.raises(InputError, match="There is no such file"):
        read_frames_at(tmp_path / "none.mp4", [0])
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    with pytest.raises(MediaError, match="not a video"):
        read_frames_at(tmp_path / "bad.mp4", [0])


def test_a_file_that_breaks_off(tmp_path: Path) -> None:
    whole = clips.make(tmp_path / "whole.mkv", 100)
    path = tmp_path / "half.mkv"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    assert clips.number(read_frames_at(path, [5])[0]) == 5
    with pytest.raises(MediaError):
        read_frames_at(path, [99])


def test_spread_frames_of_a_long_video_are_sought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = clips.make(tmp_path / "long.mp4", 100, Fraction(2))
    cut = media.open_clip(path, start=10)
    assert [clips.number(frame) for frame in spread_frames(cut, 8)] == list(range(20, 100, 10))
    whole = media.open_clip(path)
    monkeypatch.setattr(type(whole), "every", None)  # it is not read in order
    assert [clips.number(frame) for frame in spread_frames(whole, 8)] == list(range(0, 96, 12))


def test_spread_frames_of_a_video_that_ends_early_are_those_that_are_there(tmp_path: Path) -> None:
    path = clips.make(tmp_path / "long.mp4", 100, Fraction(2))
    clip = media.open_clip(path)
    (tmp_path / "long.mp4").write_bytes(clips.make(tmp_path / "short.mp4", 30, Fraction(2)).read_bytes())
    assert [clips.number(frame) for frame in spread_frames(clip, 8)] == [0, 12, 24]
