"""Small objectives, and batches whose truth is known, for the tests of what training minimises."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from motionkit.config import DiscriminatorConfig, ModelConfig
from motionkit.data.batch import Batch, Truth
from motionkit.modules.discriminator import Discriminator
from motionkit.structures import Keypoints
from motionkit.training.config import LossConfig, TrainConfig
from motionkit.training.objective import GeneratorObjective
from tests.support.networks import seed_state, seeded_model, tiny_config

NOTHING: dict[str, Any] = {
    "network": "none",
    "equivariance_value": 0.0,
    "equivariance_jacobian": 0.0,
    "feature_matching": 0.0,
}
EVERY_TERM: dict[str, Any] = {
    "network": "none",
    "pixel": 2.0,
    "gan": 1.0,
    "feature_matching": 10.0,
    "keypoints": 10.0,
    "keypoint_motion": 3.0,
    "jacobians": 4.0,
    "flow": 5.0,
    "visibility": 0.5,
    "warped": 1.5,
}


def train_config(model: ModelConfig | None = None, *, lr_detector: float = 2e-4, **losses: Any) -> TrainConfig:
    loss = LossConfig(**{**NOTHING, **losses})
    return TrainConfig(model=model or tiny_config(), loss=loss, lr_detector=lr_detector)


def small_discriminator(**changes: Any) -> ModelConfig:
    part = {"block_expansion": 4, "num_blocks": 2, **changes}
    return tiny_config(discriminator=DiscriminatorConfig(**part))


def some_keypoints(batch: int, rng: torch.Generator) -> Keypoints:
    jacobian = torch.eye(2) + 0.2 * torch.randn(batch, 3, 2, 2, generator=rng)
    return Keypoints(torch.rand(batch, 3, 2, generator=rng) - 0.5, jacobian)


def some_batch(batch: int = 4, *, truth: bool = True, size: int = 32) -> Batch:
    rng = torch.Generator().manual_seed(1)
    pictures = torch.rand(2, batch, 3, size, size, generator=rng)
    if not truth:
        return Batch(pictures[0], pictures[1], torch.arange(batch))
    known = Truth(
        some_keypoints(batch, rng),
        some_keypoints(batch, rng),
        torch.rand(batch, 32, 32, 2, generator=rng) * 2 - 1,
        torch.rand(batch, 1, 32, 32, generator=rng),
        torch.arange(batch) != 2,
    )
    return Batch(pictures[0], pictures[1], torch.arange(batch), known)


def part(batch: Batch, index: slice) -> Batch:
    truth = batch.truth
    if truth is not None:
        truth = Truth(
            truth.source[index], truth.driving[index], truth.flow[index], truth.visibility[index], truth.has_flow[index]
        )
    return Batch(batch.source[index], batch.driving[index], batch.seed[index], truth)


def double(batch: Batch) -> Batch:
    truth = batch.truth
    if truth is not None:
        source, driving = truth.source.to(torch.float64), truth.driving.to(torch.float64)
        truth = Truth(source, driving, truth.flow.double(), truth.visibility.double(), truth.has_flow)
    return Batch(batch.source.double(), batch.driving.double(), batch.seed, truth)


def objective(config: TrainConfig, discriminator: Discriminator | None = None) -> GeneratorObjective:
    """Of a seeded model in eval mode, so that what it detects does not depend on the batch around it."""
    return GeneratorObjective(config, seeded_model(config.model), discriminator).eval()


def seeded_discriminator(config: ModelConfig) -> Discriminator:
    discriminator = Discriminator(config)
    seed_state(discriminator, "discriminator.")
    return discriminator


def l1(a: Tensor, b: Tensor) -> float:
    return float(np.abs(a.detach().numpy().astype(np.float64) - b.detach().numpy()).mean())
