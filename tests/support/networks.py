"""Small networks whose weights are always the same."""

from __future__ import annotations

import hashlib

import numpy as np
import torch

from motionkit.config import DenseMotionConfig, GeneratorConfig, KpDetectorConfig, ModelConfig
from motionkit.model import Model
from motionkit.modules.first_order import FirstOrderModel


def seed_state(module: torch.nn.Module, prefix: str) -> None:
    """Fill a network with weights that depend on names and shapes alone; the golden file was made with these.

    Integer entries and the fixed anti-aliasing kernels stay.
    """
    for name, value in module.state_dict().items():
        if not value.is_floating_point() or name.endswith("down.weight"):
            continue
        seed = int.from_bytes(hashlib.sha256((prefix + name).encode()).digest()[:4], "little")
        value.copy_(torch.from_numpy(_seeded_array(name, tuple(value.shape), seed).astype(np.float32)))


def _seeded_array(name: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if name.endswith("running_var"):
        return rng.uniform(0.5, 1.5, shape)
    if name.endswith("running_mean"):
        return rng.normal(0.0, 0.1, shape)
    if name.endswith("jacobian.weight"):
        return rng.normal(0.0, 0.02, shape)
    if name.endswith("jacobian.bias"):
        return np.tile([1.0, 0.0, 0.0, 1.0], shape[0] // 4) + rng.normal(0.0, 0.05, shape)
    if name.endswith("weight") and len(shape) == 4:
        gain = 0.1 if name.endswith("final.weight") else 1.0  # keeps the last sigmoid out of saturation
        return rng.normal(0.0, gain * (2.0 / np.prod(shape[1:])) ** 0.5, shape)
    return rng.uniform(0.8, 1.2, shape) if name.endswith("weight") else rng.normal(0.0, 0.05, shape)


def seeded_model(config: ModelConfig) -> FirstOrderModel:
    """A FirstOrderModel in eval mode, filled by ``seed_state``."""
    model = FirstOrderModel(config).eval()
    seed_state(model.generator, "generator.")
    seed_state(model.kp_detector, "kp_detector.")
    return model


def tiny_config(**changes: object) -> ModelConfig:
    """A complete network that runs in milliseconds: 32×32 pictures, 3 keypoints."""
    fields: dict[str, object] = {
        "name": "tiny",
        "num_kp": 3,
        "size": 32,
        "picture_size": 32,
        "kp_detector": KpDetectorConfig(block_expansion=4, max_features=16, num_blocks=2, scale_factor=0.5),
        "dense_motion": DenseMotionConfig(block_expansion=4, max_features=16, num_blocks=2, scale_factor=0.5),
        "generator": GeneratorConfig(block_expansion=4, max_features=16, num_bottleneck_blocks=2),
    }
    return ModelConfig(**{**fields, **changes})  # type: ignore[arg-type]


def tiny_model(fingerprint: str = "", **changes: object) -> Model:
    """A Model of `tiny_config` on the CPU, in float32."""
    return Model(seeded_model(tiny_config(**changes)), device="cpu", precision="float32", fingerprint=fingerprint)
