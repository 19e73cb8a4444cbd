"""Clips written and read again: the same frames, at the same rate, in the same colours."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from motionkit import media


def colours(count: int, size: tuple[int, int] = (64, 48)) -> list[np.ndarray]:
    """Frames whose left half tells their number: grey 2·n; the right half is red, green and blue bars."""
    width, height = size
    frames = []
    for n in range(count):
        frame = np.full((height, width, 3), min(20 + 4 * n, 250), np.uint8)
        for i in range(3):
            third = slice(i * height // 3, (i + 1) * height // 3)
            frame[third, width // 2 :] = 40
            frame[third, width // 2 :, i] = 200
        frames.append(frame)
    return frames


def number(frame: np.ndarray) -> int:
    """The number that `colours` put into a frame."""
    return round((float(frame[4:-4, 4 : frame.shape[1] // 2 - 4].mean()) - 20) / 4)


def make(path: Path, count: int = 20, fps: Fraction = Fraction(25), **options: object) -> Path:
    with media.VideoWriter(path, fps=fps, **options) as writer:  # type: ignore[arg-type]
        for frame in colours(count):
            writer.write(frame)
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm", ".gif", ""])
def test_a_round_trip_keeps_frames_rate_and_colours(tmp_path: Path, suffix: str) -> None:
    path = make(tmp_path / f"clip{suffix}", 20)
    clip = media.open_clip(path)
    frames = list(clip)
    assert [number(f) for f in frames] == list(range(20))
    assert clip.info.fps == 25 and (clip.info.width, clip.info.height) == (64, 48)
    assert [f.shape for f in media.open_clip(path)] == [(48, 64, 3)] * 20, "it can be read again"
    bar = frames[5][4:12, 40:60].reshape(-1, 3).mean(0)
    np.testing.assert_allclose(bar, (200, 40, 40), atol=8 if suffix in (".mp4", ".webm", ".mov", ".mkv") else 3)


def test_ntsc_rates_stay_exact(tmp_path: Path) -> None:
    path = make(tmp_path / "clip.mp4", 30, Fraction(30000, 1001))
    info = media.open_clip(path).info
    assert info.fps == Fraction(30000, 1001)
    assert info.duration == 30 * Fraction(1001, 30000)
    assert info.frames == 30
    again = make(tmp_path / "again.mp4", 3, info.fps)
    with av.open(str(again)) as container:
        assert container.streams.video[0].average_rate == Fraction(30000, 1001)
