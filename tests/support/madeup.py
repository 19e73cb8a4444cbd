"""Made-up weights of small networks, built from the published names and shapes."""

from __future__ import annotations

import torch

from motionkit.config import DenseMotionConfig, GeneratorConfig, KpDetectorConfig, ModelConfig
from motionkit.weights.shapes import expected_shapes

SMALL = ModelConfig(
    num_kp=3,
    kp_detector=KpDetectorConfig(block_expansion=4, max_features=12, num_blocks=3, scale_factor=0.5),
    dense_motion=DenseMotionConfig(block_expansion=6, max_features=20, num_blocks=2),
    generator=GeneratorConfig(block_expansion=5, max_features=16, num_down_blocks=2, num_bottleneck_blocks=1),
)


def made_up(config: ModelConfig = SMALL, seed: int = 0) -> dict[str, dict[str, torch.Tensor]]:
    """State dicts of generator, kp_detector and discriminator with random values."""
    random = torch.Generator().manual_seed(seed)
    states: dict[str, dict[str, torch.Tensor]] = {"generator": {}, "kp_detector": {}, "discriminator": {}}
    for name, shape in expected_shapes(config, discriminator=True).items():
        network, _, key = name.partition(".")
        counter = name.endswith("num_batches_tracked")
        value = torch.tensor(7) if counter else torch.randn(shape, generator=random)
        states[network][key] = value.abs() if name.endswith("running_var") else value
    return states


def published(config: ModelConfig = SMALL, seed: int = 0) -> dict[str, object]:
    """What a published file holds."""
    optimizer = {"state": {0: {"step": 3, "exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 2e-4, "params": [0]}]}
    return {**made_up(config, seed), "optimizer_generator": optimizer, "epoch": 99}
