"""Animations in tests: their frames joined and compared, and a driving clip made up for them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from motionkit.frames import decibels
from motionkit.model import Model
from motionkit.tensors import to_frames, to_tensor


def every(frames: Iterator[np.ndarray]) -> np.ndarray:
    """T H W 3: all frames of an animation."""
    return np.stack(list(frames))


def close(one: np.ndarray, other: np.ndarray) -> bool:
    """Equal but for rounding at the last of 255 steps."""
    return one.shape == other.shape and int(np.abs(one.astype(int) - other.astype(int)).max()) <= 1


def own_pose(model: Model, source: np.ndarray) -> np.ndarray:
    """The source generated with its own keypoints: what no movement looks like."""
    picture = to_tensor([source], size=model.config.size)
    keypoints = model.detect(picture)
    return to_frames(model.generate(picture, keypoints, keypoints).image)[0]


def drifting_noise(count: int = 7) -> np.ndarray:
    """T 32 32 3: smooth noise that drifts over a plain ground, so that all of it is one scene."""
    noise = np.random.default_rng(1).uniform(0, 255, (4, 4, 3)).astype(np.uint8)
    (blob,) = to_frames(to_tensor([noise], size=14))
    frames = np.full((count, 32, 32, 3), 128, np.uint8)
    for i in range(count):
        frames[i, 2 + 2 * i : 16 + 2 * i, 4 + i : 18 + i] = blob
    return frames


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    """How near two pictures or clips are, in dB."""
    return decibels(float(((one / 255.0 - other / 255.0) ** 2).mean()))
