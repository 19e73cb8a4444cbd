"""Files that tests make, and what they find of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np

from motionkit import media
from motionkit.samples import portrait
from motionkit.structures import AnimationResult

Run = Callable[..., AnimationResult]


def names(folder: Path) -> set[str]:
    """What lies in a folder."""
    return {path.name for path in folder.iterdir()}


def write_clip(path: Path, frames: Iterable[np.ndarray], fps: Fraction = Fraction(25)) -> Path:
    """Write a clip of these frames."""
    with media.VideoWriter(path, fps=fps) as writer:
        for frame in frames:
            writer.write(frame)
    return path


def frames_of(path: Path) -> list[np.ndarray]:
    """All frames of a clip or of a folder of pictures."""
    return list(media.open_clip(path))


def photo_and_clip(folder: Path, count: int, fps: Fraction = Fraction(25)) -> Path:
    """Write photo.png, 96×64, a part of the portrait, and drive.mp4, frames of 80×64 that drift; return the folder."""
    picture = media.read_image(portrait())
    media.write_image(folder / "photo.png", picture[40:104, 180:276])
    write_clip(folder / "drive.mp4", [picture[40 + i : 104 + i, 180 + 2 * i : 260 + 2 * i] for i in range(count)], fps)
    return folder
