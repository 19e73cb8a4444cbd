"""What live animation is given in tests: a small model with named keypoints, pictures that all differ."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from motionkit.config import AnimateOptions
from motionkit.model import Model
from tests.support import clips
from tests.support.networks import seeded_model, tiny_config

PLAIN = AnimateOptions(label=False, lost="follow")  # each picture is another scene


def named_model() -> Model:
    """One whose keypoints and groups have names."""
    config = tiny_config(keypoint_names=("a", "b", "c"), keypoint_groups={"left": ("a",), "rest": ("b", "c")})
    return Model(seeded_model(config), device="cpu", fingerprint="f" * 64)


def numbered_clip(path: Path) -> Path:
    """Write ten frames at 20 a second that tell their numbers."""
    return clips.make(path, count=10, fps=Fraction(20))


def pictures(count: int, side: int = 32, seed: int = 0) -> list[np.ndarray]:
    """Smooth random pictures, all different."""
    coarse = np.random.default_rng(seed).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    return [np.asarray(Image.fromarray(c).resize((side, side), Image.Resampling.BICUBIC)) for c in coarse]


SOURCE, *DRIVING = pictures(7)
