"""The convolution blocks that all three networks are made of.

Legend: B batch, C channels, H W size. ``norm`` is a batch norm over C; kernels are 3×3 with padding 1 unless given.
"""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["DownBlock", "Hourglass", "ResBlock", "SameBlock", "UpBlock", "width"]


def width(block_expansion: int, level: int, max_features: int) -> int:
    """Channels at a level of a pyramid.

    Args:
        block_expansion: Channels at level 0; each level has twice as many as the one before.
        level: From 0.
        max_features: Most channels of any level.
    """
    return min(max_features, block_expansion << level)


class SameBlock(nn.Module):
    """B C H W to B C' H W: convolution, batch norm, ReLU.

    Args:
        channels_in: C.
        channels_out: C'.
        kernel: Side of the convolution's kernel in pixels, odd.
    """

    def __init__(self, channels_in: int, channels_out: int, kernel: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2)
        self.norm = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """B C H W to B C' H W."""
        return F.relu(self.norm(self.conv(x)))


class DownBlock(SameBlock):
    """B C H W to B C' H/2 W/2: convolution, batch norm, ReLU, 2×2 average."""

    def forward(self, x: Tensor) -> Tensor:
        """B C H W to B C' H/2 W/2."""
        return F.avg_pool2d(super().forward(x), 2)


class UpBlock(SameBlock):
    """B C H W to B C' 2H 2W: nearest-neighbour doubling, convolution, batch norm, ReLU."""

    def forward(self, x: Tensor) -> Tensor:
        """B C H W to B C' 2H 2W."""
        return super().forward(F.interpolate(x, scale_factor=2, mode="nearest"))


class ResBlock(nn.Module):
    """B C H W to B C H W: pre-activated residual block, x + conv2(ReLU(norm2(conv1(ReLU(norm1(x)))))).

    Args:
        channels: C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(channels)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """B C H W to B C H W."""
        y: Tensor = self.conv1(F.relu(self.norm1(x)))
        y = self.conv2(F.relu(self.norm2(y)))
        return x + y


class _Encoder(nn.Module):
    def __init__(self, block_expansion: int, channels: int, num_blocks: int, max_features: int) -> None:
        super().__init__()
        widths = [channels] + [width(block_expansion, i + 1, max_features) for i in range(num_blocks)]
        self.down_blocks = nn.ModuleList(DownBlock(a, b) for a, b in itertools.pairwise(widths))

    def forward(self, x: Tensor) -> list[Tensor]:
        """All levels, from the input itself to the smallest map."""
        levels = [x]
        for block in self.down_blocks:
            levels.append(block(levels[-1]))
        return levels


class _Decoder(nn.Module):
    def __init__(self, block_expansion: int, num_blocks: int, max_features: int) -> None:
        super().__init__()
        self.up_blocks = nn.ModuleList()
        for level in reversed(range(num_blocks)):
            # Every block but the deepest also gets the encoder's map of its size behind its own input.
            copies = 1 if level == num_blocks - 1 else 2
            below = width(block_expansion, level + 1, max_features)
            self.up_blocks.append(UpBlock(copies * below, width(block_expansion, level, max_features)))

    def forward(self, levels: list[Tensor]) -> Tensor:
        x = levels[-1]
        for block, skip in zip(self.up_blocks, reversed(levels[:-1]), strict=True):
            x = torch.cat([block(x), skip], dim=1)
        return x


class Hourglass(nn.Module):
    """B C H W to B e+C H W: a U-Net whose last skip connection is its input itself.

    H and W must be multiples of 2^num_blocks.

    Args:
        block_expansion: Channels e of the decoder's last level; each level below has twice as many.
        channels: C.
        num_blocks: Levels; each halves height and width.
        max_features: Most channels of any level.

    Attributes:
        out_channels: e+C.
    """

    def __init__(self, block_expansion: int, channels: int, num_blocks: int, max_features: int) -> None:
        super().__init__()
        self.encoder = _Encoder(block_expansion, channels, num_blocks, max_features)
        self.decoder = _Decoder(block_expansion, num_blocks, max_features)
        self.out_channels = width(block_expansion, 0, max_features) + channels

    def forward(self, x: Tensor) -> Tensor:
        """B C H W to B e+C H W."""
        features: Tensor = self.decoder(self.encoder(x))
        return features
