"""The blocks that the inference form is made of, and the layout of memory that it computes in.

Legend: B batch, C channels, H W size.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from motionkit.fast.convs import folded_down, folded_up, quick
from motionkit.modules.blocks import Hourglass, ResBlock

__all__ = ["FastHourglass", "FastResBlock", "channels_last"]


class FastHourglass(nn.Module):
    """A U-Net whose last skip connection, the input itself, may be left to who calls it.

    Args:
        hourglass: The trained form, in eval mode.
        side: Width in pixels of what it sees at the model's usual size; exact at any size.
        last: Whether it gives the input behind its own maps.
    """

    def __init__(self, hourglass: Hourglass, side: int, *, last: bool = True) -> None:
        super().__init__()
        self.last = last
        self.downs = nn.ModuleList(folded_down(b, side >> i) for i, b in enumerate(hourglass.encoder.down_blocks))
        ups = hourglass.decoder.up_blocks
        self.ups = nn.ModuleList(folded_up(block, side >> (len(ups) - i)) for i, block in enumerate(ups))

    def forward(self, x: Tensor) -> Tensor:
        """As ``Hourglass``."""
        skips = []
        for down in self.downs:
            skips.append(x)
            x = down(x)
        for up in self.ups:
            x, skip = up(x), skips.pop()
            if skips or self.last:
                x = torch.cat([x, skip], dim=1)
        return x


class FastResBlock(nn.Module):
    """The second batch norm folds into the first convolution; the first one stands before it and stays.

    Args:
        block: The trained form, in eval mode.
        side: As for ``FastHourglass``.
    """

    def __init__(self, block: ResBlock, side: int) -> None:
        super().__init__()
        self.norm = block.norm1
        first = quick(fuse_conv_bn_eval(block.conv1, block.norm2), side)
        self.convs = nn.Sequential(first, nn.ReLU(inplace=True), quick(block.conv2, side))

    def forward(self, x: Tensor) -> Tensor:
        """As ``ResBlock``."""
        change: Tensor = self.convs(F.relu_(self.norm(x)))
        return change.add_(x)


def channels_last(x: Tensor) -> Tensor:
    """B C H W in that layout."""
    if x.device.type != "cpu" or x.is_contiguous(memory_format=torch.channels_last) or not x.is_contiguous():
        return x.contiguous(memory_format=torch.channels_last)
    # On CPUs PyTorch transposes matrices block by block, and is twice as fast as with a batch of them.
    result = torch.empty_like(x, memory_format=torch.channels_last)
    for from_planes, to_places in zip(x.flatten(2), result.permute(0, 2, 3, 1).flatten(1, 2), strict=True):
        to_places.copy_(from_planes.t())
    return result
