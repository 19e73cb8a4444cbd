"""Films of the astronaut for ``prepare``: shots, cuts, and frames without a face."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

from motionkit import media
from motionkit.data.preparation import Prepared, prepare
from motionkit.faces import crop
from motionkit.structures import Box

ASTRONAUT = data.astronaut()
WIDTH, HEIGHT, FPS = 320, 240, Fraction(20)


def shot(left: float, top: float, side: float) -> np.ndarray:
    """A frame of the astronaut as a camera sees her that shows 4:3 of the picture from this corner on."""
    box = Box(round(left), round(top), round(left + side * 4 / 3), round(top + side))
    picture = Image.fromarray(crop(ASTRONAUT, box))
    return np.array(picture.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS))


def empty(n: int) -> np.ndarray:
    return np.broadcast_to(np.linspace(40, 200, WIDTH).astype(np.uint8)[:, None], (HEIGHT, WIDTH, 3)) // 2 + n % 2


def write(path: Path, frames: list[np.ndarray]) -> Path:
    with media.VideoWriter(path, fps=FPS) as writer:
        for frame in frames:
            writer.write(np.ascontiguousarray(frame))
    return path


# The camera sways and zooms a little, cuts to a closer view from the other side, loses her, and finds her again.
SWAY = [shot(60 + 12 * np.sin(n / 4), 5 + 0.2 * n, 260 - 0.6 * n) for n in range(30)]
CLOSER = [shot(-20 + 0.4 * n, 20, 220)[:, ::-1] for n in range(26)]
NOTHING = [empty(n) for n in range(17)]
AGAIN = [shot(80, 10, 240) for n in range(23)]


def run(film: Path | list[Path], output: Path, **options: object) -> Prepared:
    inputs = film if isinstance(film, list) else [film]
    return prepare(inputs, output, **{"size": 96, "finder": "cascade", "min_seconds": 0.5, **options})


def frames_of(path: Path) -> list[np.ndarray]:
    return list(media.open_clip(path))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def close(one: np.ndarray, other: np.ndarray) -> bool:
    return float(np.abs(one.astype(int) - other).mean()) < 6
