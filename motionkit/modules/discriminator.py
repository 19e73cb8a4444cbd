"""The multi-scale patch discriminator, for training.

Legend: B batch, C channels, K keypoints, H W picture size.
"""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import spectral_norm

from motionkit.config import DiscriminatorConfig, ModelConfig
from motionkit.modules.blocks import width
from motionkit.modules.grid import gaussian, identity_grid
from motionkit.structures import Keypoints

__all__ = ["Discriminator", "least_size", "scale_key"]


def scale_key(scale: float) -> str:
    """The name of a scale in checkpoints and dicts: "1", "0-5" (a module's name must not hold a full stop).

    Args:
        scale: As in ``DiscriminatorConfig.scales``.
    """
    return f"{scale:g}".replace(".", "-")


def least_size(config: DiscriminatorConfig) -> int:
    """Side in pixels of the smallest picture, at a scale of 1, of which enough is left for all blocks.

    Args:
        config: The discriminator's.
    """
    side = 1 if config.num_blocks == 1 else 2  # instance norm, which the first block lacks, needs more than one place
    for i in range(config.num_blocks):
        side = (side if i == 0 else 2 * side) + 3  # from the last block, which does not halve, to the first
    return side


def _conv(channels_in: int, channels_out: int, kernel: int, *, sn: bool) -> nn.Module:
    conv = nn.Conv2d(channels_in, channels_out, kernel)
    # The older spectral_norm, not the parametrisation: its keys are those of published files.
    return spectral_norm(conv) if sn else conv


class _DownBlock(nn.Module):
    """4×4 convolution without padding, instance norm, leaky ReLU, 2×2 average."""

    def __init__(self, channels_in: int, channels_out: int, *, norm: bool, pool: bool, sn: bool) -> None:
        super().__init__()
        self.conv = _conv(channels_in, channels_out, 4, sn=sn)
        self.norm = nn.InstanceNorm2d(channels_out, affine=True) if norm else None
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        if self.norm is not None:
            x = self.norm(x)
        x = F.leaky_relu(x, 0.2)
        return F.avg_pool2d(x, 2) if self.pool else x


class _OneScale(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        part = config.discriminator
        channels = [config.num_channels + (config.num_kp if part.use_kp else 0)]
        channels += [width(part.block_expansion, i + 1, part.max_features) for i in range(part.num_blocks)]
        self.use_kp = part.use_kp
        self.kp_variance = config.dense_motion.kp_variance
        self.down_blocks = nn.ModuleList(
            _DownBlock(a, b, norm=i > 0, pool=i < part.num_blocks - 1, sn=part.sn)
            for i, (a, b) in enumerate(itertools.pairwise(channels))
        )
        self.conv = _conv(channels[-1], 1, 1, sn=part.sn)

    def forward(self, image: Tensor, keypoints: Keypoints | None) -> tuple[list[Tensor], Tensor]:
        x = image
        if self.use_kp:
            assert keypoints is not None, "this discriminator sees keypoints"
            grid = identity_grid(*image.shape[2:], like=image)
            x = torch.cat([image, gaussian(keypoints.value, grid, self.kp_variance)], dim=1)
        maps = []
        for block in self.down_blocks:
            x = block(x)
            maps.append(x)
        return maps, self.conv(x)


class Discriminator(nn.Module):
    """Pictures at several scales to feature maps and a map of realness (1 real, 0 fake: least squares).

    Args:
        config: The whole model's configuration.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.discs = nn.ModuleDict({scale_key(s): _OneScale(config) for s in config.discriminator.scales})

    def forward(
        self, pyramid: dict[str, Tensor], keypoints: Keypoints | None = None
    ) -> dict[str, tuple[list[Tensor], Tensor]]:
        """Judge pictures at every scale.

        Args:
            pyramid: Scale key to B C H W in [0, 1].
            keypoints: Batch B; needed where the configuration sets ``use_kp``.

        Returns:
            Scale key to (the feature maps of each block, B 1 h w realness).
        """
        return {key: disc(pyramid[key], keypoints) for key, disc in self.discs.items()}
