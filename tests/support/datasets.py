"""Clips that tell their numbers, with truth or without, and data sets of them."""

from __future__ import annotations

import json
from dataclasses import fields
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

from motionkit import media
from motionkit.data.batch import Batch
from motionkit.data.clips import find_clips
from motionkit.data.pairs import PairDataset
from motionkit.modules.grid import identity_grid, warp
from motionkit.tensors import to_frames
from motionkit.training.config import AugmentationConfig, DataConfig
from tests.support import clips
from tests.support.networks import tiny_config

MODEL = tiny_config()
AS_IS = AugmentationConfig(horizontal_flip=False, time_flip=False)
CHANGED = AugmentationConfig(
    brightness=0.1, contrast=0.1, saturation=0.1, hue=0.1, resize=(0.9, 1.1), shift=0.1, rotation=10, degrade=0.5
)
ALL = DataConfig(test_share=0)
SQUARE = (64, 64)


def video(path: Path, numbers: range) -> Path:
    """A clip whose pictures tell their numbers."""
    with media.VideoWriter(path, fps=Fraction(25)) as writer:
        for n in numbers:
            writer.write(clips.frame(n, SQUARE))
    return path


def pictures(folder: Path, frames: list[np.ndarray]) -> Path:
    folder.mkdir(parents=True)
    for n, frame in enumerate(frames):
        media.write_image(folder / f"{n:04}.png", frame)
    return folder


def dataset(folder: Path, augmentation: AugmentationConfig = AS_IS, **options: object) -> PairDataset:
    data = options.pop("data", ALL)
    return PairDataset(find_clips(folder, data).train, MODEL, data, augmentation, **options)


def numbers(batch: Batch) -> list[tuple[int, int]]:
    pairs = [to_frames(part) for part in (batch.source, batch.driving)]
    return [(clips.number(a), clips.number(b)) for a, b in zip(*pairs, strict=True)]


def same(one: Batch, other: Batch) -> bool:
    return all(
        torch.equal(getattr(one, f.name), getattr(other, f.name))
        for f in fields(Batch)
        if f.name not in ("truth", "warned")
    )


def warped(z: torch.Tensor, t: int) -> torch.Tensor:
    """Where in the first frame that is which frame `t` shows at z."""
    x, y = z.unbind(-1)
    return torch.stack([x + 0.02 * t * torch.sin(2 * y), y - 0.01 * t + 0.015 * t * torch.cos(2 * x)], dim=-1)


def with_truth(
    path: Path, *, names: tuple[str, ...] = ("nose", "eye_left", "eye_right"), side: int = 64, frames: int = 5
) -> dict[str, np.ndarray]:
    """A clip of pictures whose truth is known, and the truth's arrays."""
    places = identity_grid(side, side, like=torch.empty(0))
    x, y = places.unbind(-1)
    first = 0.5 + 0.4 * torch.stack([torch.sin(2 * x + y), torch.cos(x - 2 * y), torch.sin(x * y + y)], dim=1)
    shown = [warp(first, warped(places, t), align_corners=True, padding="reflection") for t in range(frames)]
    pictures(path, list(to_frames(torch.cat(shown))))
    grid = identity_grid(24, 24, like=places)
    flow = torch.cat([warped(grid, t) for t in range(frames)])
    rng = np.random.default_rng(7)
    arrays = {
        "keypoints": rng.uniform(-0.8, 0.8, (frames, len(names), 2)).astype(np.float32),
        "jacobians": rng.normal(size=(frames, len(names), 2, 2)).astype(np.float32),
        "flow": (flow * 16384).round().short().numpy(),
        "visibility": ((flow.abs().amax(-1) <= 1) * 255).to(torch.uint8).numpy(),
    }
    write_truth(path, arrays, names)
    return arrays


def write_truth(path: Path, arrays: dict[str, np.ndarray], names: tuple[str, ...]) -> None:
    target = path.with_name(path.name + ".truth.safetensors")
    save_file(arrays, str(target), metadata={"keypoint_names": json.dumps(names)})


NAMED = tiny_config(keypoint_names=("nose", "eye_left", "eye_right"))


def true_pairs(folder: Path, augmentation: AugmentationConfig = AS_IS, model: object = NAMED) -> PairDataset:
    return PairDataset(find_clips(folder, ALL).train, model, ALL, augmentation)
