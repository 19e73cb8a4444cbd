"""What is measured with: models, and fresh frames of the samples.

Legend: H W picture size.
"""

from __future__ import annotations

import hashlib
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from motionkit import faces, media, samples
from motionkit.config import PUBLISHED
from motionkit.media.tone import ToneWriter
from motionkit.model import load_model
from motionkit.modules.first_order import FirstOrderModel

__all__ = ["Material", "fresh", "load_reference", "seed", "title", "write_clip"]

# One round's pictures: source, the driving's first frame, the driving frames.
Material = tuple[np.ndarray, np.ndarray, list[np.ndarray]]


def title(name: str) -> str:
    """Name a model as tables do."""
    return f"{name}, seeded" if name in PUBLISHED else Path(name).stem


def load_reference(name: str, size: int | None = None) -> tuple[FirstOrderModel, int]:
    """Load the trained form of a model on the CPU, with the side in pixels of the pictures that it is to give.

    Args:
        name: A published name stands for that configuration with seeded weights; else as for ``load_model``.
        size: Side of the result, None is the model's own. Models without ``blend_warped`` then also see that size.

    Raises:
        WeightsError: There is no such model, or its file is damaged.
        DownloadError: Its weights cannot be downloaded.
        ConfigError: Its networks cannot see pictures of this size.
    """
    reference = _load(name)
    config = reference.config
    if size is not None and not config.blend_warped:
        config = config.replace(size=size, picture_size=size)
        state = reference.state_dict()
        with torch.device("meta"):  # the weights are shared, not copied
            reference = FirstOrderModel(config).eval()
        reference.load_state_dict(state, assign=True)
    return reference, config.picture_side(size)


@lru_cache(maxsize=2)
def _load(name: str) -> FirstOrderModel:
    if name not in PUBLISHED:
        return load_model(name, device="cpu", progress=False).reference
    return seed(FirstOrderModel(PUBLISHED[name]).eval())


@torch.no_grad()
def seed(reference: FirstOrderModel) -> FirstOrderModel:
    """Fill a model with weights that depend on names and shapes alone, and return it.

    Anti-aliasing kernels and counters stay. The weights are those behind the golden files in ``tests/golden``: pictures
    of nothing, but as far from flat and from saturation as a trained model's.
    """
    for name, value in reference.state_dict().items():
        if value.is_floating_point() and not name.endswith("down.weight"):
            value.copy_(torch.from_numpy(_draw(name, tuple(value.shape))))
    return reference


def _draw(name: str, shape: tuple[int, ...]) -> np.ndarray:
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little"))
    if name.endswith("running_var"):
        values = rng.uniform(0.5, 1.5, shape)
    elif name.endswith("running_mean"):
        values = rng.normal(0.0, 0.1, shape)
    elif name.endswith("jacobian.weight"):
        values = rng.normal(0.0, 0.02, shape)
    elif name.endswith("jacobian.bias"):
        values = np.tile([1.0, 0.0, 0.0, 1.0], shape[0] // 4) + rng.normal(0.0, 0.05, shape)
    elif name.endswith("weight") and len(shape) == 4:
        gain = 0.1 if name.endswith("final.weight") else 1.0  # keeps the last sigmoid out of saturation
        values = rng.normal(0.0, gain * (2.0 / np.prod(shape[1:])) ** 0.5, shape)
    else:
        values = rng.uniform(0.8, 1.2, shape) if name.endswith("weight") else rng.normal(0.0, 0.05, shape)
    return values.astype(np.float32)


def fresh(number: int, count: int, side: int) -> Material:
    """Make the square pictures of a round: no two rounds share one.

    Args:
        number: Of the round.
        count: Driving frames.
        side: In pixels.

    Returns:
        Source, reference and driving frames, H W 3 uint8.
    """
    portrait, *clip = _pictures()
    chosen = [portrait, clip[0], *(clip[(number * count + i) % len(clip)] for i in range(count))]
    # A clip comes to an end; shifted by a pixel a round, its frames are new ones.
    source, reference, *frames = (
        np.roll(faces.crop(p, faces.centred_square(p.shape[1], p.shape[0]), size=side), number, axis=1) for p in chosen
    )
    return source, reference, frames


@lru_cache(maxsize=1)
def _pictures() -> list[np.ndarray]:
    return [media.read_image(samples.portrait()), *media.open_clip(samples.driving_clip())]


def write_clip(path: Path, frames: int, *, fps: Fraction = Fraction(30), size: tuple[int, int] = (1280, 720)) -> None:
    """Write the sample clip, again and again, enlarged into the middle of a picture, with a tone.

    Args:
        path: The file.
        frames: How many.
        fps: Exact rate.
        size: (width, height) in pixels.

    Raises:
        MediaError: It cannot be written.
    """
    width, height = size
    side = min(size)
    left, top = (width - side) // 2, (height - side) // 2
    small = [frame for frame, _ in zip(media.open_clip(samples.driving_clip()), range(frames), strict=False)]
    # There and back, so that the motion never jumps.
    order = [*range(len(small)), *range(len(small) - 2, 0, -1)]
    with ToneWriter(path, fps=fps) as writer:
        for i in range(frames):
            frame = small[order[i % len(order)]]
            picture = np.full((height, width, 3), frame[0, 0], dtype=np.uint8)
            picture[top : top + side, left : left + side] = np.asarray(Image.fromarray(frame).resize((side, side)))
            writer.write(picture)
