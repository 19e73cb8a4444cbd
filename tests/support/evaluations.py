"""Small evaluations: a model in a file, clips of blobs that drift, points that a made-up finder sees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from motionkit.evaluation.metrics import Batch
from motionkit.weights import checkpoints
from tests.support.animations import drifting_noise
from tests.support.files import write_clip
from tests.support.networks import seeded_model, tiny_config

TIMES = ("frame_rate", "measuring")  # what differs from run to run


def save_tiny(path: Path, *, brighter: float = 0.0) -> Path:
    """Write a small model; `brighter` moves its last layer's bias."""
    model = seeded_model(tiny_config(name=path.stem, blend_warped=True))
    with torch.no_grad():
        model.generator.final.bias += brighter
    states = {"generator": model.generator.state_dict(), "kp_detector": model.kp_detector.state_dict()}
    return checkpoints.save(path, **states, config=model.config, metadata={})


def write_clips(folder: Path, count: int, frames: int = 4) -> Path:
    """Write clip00.mp4 … of 32×32 pixels; the n-th one is a bit lighter than the one before."""
    folder.mkdir(parents=True, exist_ok=True)
    for n in range(count):
        shades = np.clip(drifting_noise(frames).astype(int) + 4 * n, 0, 255).astype(np.uint8)
        write_clip(folder / f"clip{n:02}.mp4", shades)
    return folder


def batch(result: np.ndarray, driving: np.ndarray, source: np.ndarray | None = None, **points: object) -> Batch:
    """Frames as metrics see them; the source is the first driving frame unless another one is given."""
    return Batch(driving[0] if source is None else source, driving, result, **points)  # type: ignore[arg-type]


def noise(count: int, side: int = 16, seed: int = 0) -> np.ndarray:
    """Frames of noise."""
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def corners(frame: np.ndarray) -> np.ndarray | None:
    """A landmark finder: 20 points on a circle around the brightest place; none in a dark frame."""
    grey = frame.sum(2)
    if grey.max() < 60:
        return None
    row, column = np.unravel_index(int(grey.argmax()), grey.shape)
    angles = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    return np.stack([column + 5 * np.cos(angles), row + 5 * np.sin(angles)], axis=1)


class MeshStandIn:
    """A finder of made-up meshes: the n-th frame of every clip shows the n-th of them, None being no face."""

    name, mesh = "made-up mesh", True

    def __init__(self, faces: list[np.ndarray | None]) -> None:
        self.faces = faces

    def follow(self) -> Callable[[np.ndarray], np.ndarray | None]:
        left = iter(self.faces)
        return lambda _: next(left)
