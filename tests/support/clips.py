"""Clips that the media tests make for themselves, with the real ffmpeg as the second opinion."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np

from motionkit import media

__all__ = ["click_and_flash", "copy", "ffmpeg", "frame", "make", "number", "read_audio", "run"]

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


def ffmpeg(*arguments: object) -> None:
    """Run the real ffmpeg; what it complains of fails the test."""
    subprocess.run([FFMPEG, "-v", "error", "-y", *map(str, arguments)], check=True)


def frame(n: int, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    """A picture whose eight columns are the bits of its number, dark 0 and light 1, the lowest at the left."""
    width, height = size
    bits = (n >> np.arange(8)) & 1
    row = np.repeat(np.where(bits, 200, 60), width // 8).astype(np.uint8)
    return np.broadcast_to(row[None, :, None], (height, row.size, 3)).copy()


def number(picture: np.ndarray) -> int:
    """The number that ``frame`` put into a picture, also after a resize."""
    columns = picture.mean(axis=(0, 2)).reshape(8, -1)
    return int(((columns.mean(axis=1) > 130) << np.arange(8)).sum())


def make(path: Path, count: int = 20, fps: Fraction = Fraction(25), **options: object) -> Path:
    """Write ``count`` numbered frames."""
    with media.VideoWriter(path, fps=fps, **options) as writer:  # type: ignore[arg-type]
        for n in range(count):
            writer.write(frame(n))
    return path


def click_and_flash(path: Path, codec: str = "aac", rate: int = 48000) -> Path:
    """3 s at 25 fps, black and silent but for a flash and a click 2 s in."""
    flash = "color=black:s=64x48:r=25:d=3,drawbox=color=white:t=fill:enable='between(t,1.99,2.03)'"
    click = f"aevalsrc='if(between(t,2,2.04),sin(6000*t),0)':s={rate}:d=3"
    ffmpeg("-f", "lavfi", "-i", flash, "-f", "lavfi", "-i", click, "-c:a", codec, path)
    return path


def copy(clip: media.Clip, path: Path) -> Path:
    """Write a clip again, with its audio."""
    with media.VideoWriter(path, fps=clip.info.fps, audio=clip) as writer:
        for picture in clip:
            writer.write(picture)
    return path


def read_audio(path: Path) -> tuple[float, int, np.ndarray]:
    """Second at which the sound begins, its rate, and its first channel."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    parts = [f.to_ndarray()[0] if f.format.is_planar else f.to_ndarray().reshape(-1, 2)[:, 0] for f in frames]
    return float(frames[0].time), frames[0].sample_rate, np.concatenate(parts)


def run(code: str, *arguments: object, stdout: int = subprocess.PIPE) -> subprocess.Popen[str]:
    """Start Python on a program of its own; its output is read from the returned process."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, text=True)
