"""Convolutions and blocks of the trained form as cheaper ones that give the same: what ``FastModel`` is built of."""

from __future__ import annotations

import copy
from typing import cast

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from motionkit.fast.winograd import WinogradConv, pays
from motionkit.modules.blocks import DownBlock, SameBlock, UpBlock
from motionkit.modules.grid import AntiAliasDown

__all__ = ["folded", "folded_down", "folded_up", "join", "narrowed", "picked", "quick", "separated", "split"]

# On smaller maps the transposed convolution lost to doubling and convolving (measured on two CPU cores, float32).
SUB_PIXEL_MIN_SIDE = 16
WINOGRAD_MIN_SIDE = 16
AT_ONCE = 24  # outputs that a convolution computes at once with AVX2


def folded(block: nn.Module, side: int) -> nn.Sequential:
    """A convolution with its batch norm folded in, then ReLU.

    Args:
        block: A ``SameBlock``, in eval mode.
        side: Width in pixels of its maps at the model's usual size; exact at any size.
    """
    block = cast(SameBlock, block)
    return nn.Sequential(quick(fuse_conv_bn_eval(block.conv, block.norm), side), nn.ReLU(inplace=True))


def folded_down(block: nn.Module, side: int) -> nn.Sequential:
    """As ``folded``, then the mean of every 2×2 places.

    Args:
        block: A ``DownBlock``, in eval mode.
        side: As for ``folded``.
    """
    return nn.Sequential(*folded(cast(DownBlock, block), side), nn.AvgPool2d(2))


def quick(conv: nn.Conv2d, side: int) -> nn.Module:
    """Winograd's form where it is quicker: not on small maps, where its weights, four times as many, count most.

    Args:
        conv: The convolution; returned as it is where Winograd's form does not pay.
        side: As for ``folded``.
    """
    return WinogradConv(conv) if side >= WINOGRAD_MIN_SIDE and pays(conv) else conv


def split(conv: nn.Conv2d) -> nn.Sequential:
    """A convolution with few outputs, which leaves most of a processor's lanes empty, as one down and one across.

    The first gives every output's column sums for each offset across, the second adds them up.

    Args:
        conv: Of stride 1, with a kernel of odd sides and padding that keeps the size.
    """
    outputs, inputs, height, width = conv.weight.shape
    down = nn.Conv2d(inputs, width * outputs, (height, 1), padding=(height // 2, 0), bias=False)
    down.weight = nn.Parameter(conv.weight.permute(3, 0, 1, 2).reshape(-1, inputs, height, 1), requires_grad=False)
    across = nn.Conv2d(width * outputs, outputs, (1, width), padding=(0, width // 2))
    pick = torch.eye(width * outputs, dtype=conv.weight.dtype, device=conv.weight.device)
    pick = pick.view(width, outputs, width, outputs).permute(3, 0, 1, 2)  # output, offset, output, offset
    across.weight = nn.Parameter(pick.reshape(outputs, width * outputs, 1, width), requires_grad=False)
    across.bias = conv.bias
    return nn.Sequential(down, across)


def separated(blur: nn.Module) -> nn.Module:
    """A blur as one down and one across, both strided.

    Args:
        blur: An ``AntiAliasDown``; returned as it is if its kernel is no product of a column and a row, as is any other
            module.
    """
    if not isinstance(blur, AntiAliasDown):
        return blur
    weight, step, channels = blur.weight, blur.step, len(blur.weight)
    column, row = weight.sum(3, keepdim=True) / weight.sum((2, 3), keepdim=True), weight.sum(2, keepdim=True)
    if not torch.allclose(column * row, weight, atol=1e-7):
        return blur
    reach = weight.shape[-1] // 2
    size = weight.shape[-1]
    down = nn.Conv2d(channels, channels, (size, 1), (step, 1), (reach, 0), groups=channels, bias=False)
    across = nn.Conv2d(channels, channels, (1, size), (1, step), (0, reach), groups=channels, bias=False)
    down.weight, across.weight = (nn.Parameter(part, requires_grad=False) for part in (column, row))
    return nn.Sequential(down, across)


def folded_up(block: nn.Module, side: int) -> nn.Sequential:
    """As ``folded``, at twice the height and width.

    Args:
        block: An ``UpBlock``, in eval mode.
        side: As for ``folded``.
    """
    conv, relu = folded(cast(UpBlock, block), 0)
    conv = cast(nn.Conv2d, conv)
    if side < SUB_PIXEL_MIN_SIDE:
        return nn.Sequential(nn.Upsample(scale_factor=2, mode="nearest"), conv, relu)
    return nn.Sequential(_sub_pixel(conv), relu)


def _sub_pixel(conv: nn.Conv2d) -> nn.ConvTranspose2d:
    """Nearest-neighbour doubling then a 3×3 convolution, as one transposed convolution with 2.25 times less work.

    Doubling is a transposed convolution of stride 2 with a 2×2 box of ones, and a convolution with padding 1 is a
    transposed one with the flipped kernel; one after the other they are one of stride 2 whose 4×4 kernel is the
    full convolution of both.
    """
    flipped = F.pad(conv.weight.double().flip(2, 3).transpose(0, 1), (1, 1, 1, 1))  # in out 5 5
    kernel = flipped[..., :-1, :-1] + flipped[..., 1:, :-1] + flipped[..., :-1, 1:] + flipped[..., 1:, 1:]
    doubling = nn.ConvTranspose2d(conv.in_channels, conv.out_channels, 4, stride=2, padding=1)
    doubling.weight = nn.Parameter(kernel.to(conv.weight.dtype), requires_grad=False)
    doubling.bias = conv.bias
    return doubling


def join(first: nn.Conv2d, second: nn.Conv2d | None) -> nn.Conv2d:
    """One convolution that gives the outputs of both, in this order.

    Args:
        first: A convolution with a bias.
        second: Another over the same input, of the same kernel and padding; None gives ``first`` itself.
    """
    if second is None:
        return first
    assert first.bias is not None
    assert second.bias is not None
    joined = copy.deepcopy(first)
    joined.out_channels += second.out_channels
    joined.weight = nn.Parameter(torch.cat([first.weight, second.weight]), requires_grad=False)
    joined.bias = nn.Parameter(torch.cat([first.bias, second.bias]), requires_grad=False)
    return joined


class Abreast(nn.Module):
    """A convolution as several with fewer outputs, side by side.

    Args:
        conv: The convolution.
        most: Outputs of each.
    """

    def __init__(self, conv: nn.Conv2d, most: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList()
        for first in range(0, conv.out_channels, most):
            part = copy.deepcopy(conv)
            part.weight = nn.Parameter(conv.weight[first : first + most].clone(), requires_grad=False)
            if conv.bias is not None:
                part.bias = nn.Parameter(conv.bias[first : first + most].clone(), requires_grad=False)
            part.out_channels = len(part.weight)
            self.convs.append(part)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """B C H W to B C' H W."""
        return torch.cat([conv(x) for conv in self.convs], 1)


def narrowed(conv: nn.Conv2d) -> nn.Module:
    """A convolution, or on processors with AVX2 alone one of few outputs beside another.

    There oneDNN has 24 outputs in registers at once: a 7×7 convolution to 29 took twice the time of one to 24.

    Args:
        conv: The convolution.
    """
    if conv.weight.device.type != "cpu" or torch.backends.cpu.get_cpu_capability() != "AVX2":
        return conv
    return Abreast(conv, AT_ONCE) if AT_ONCE < conv.out_channels < 2 * AT_ONCE else conv


def picked(conv: nn.Conv2d, inputs: torch.Tensor, *, bias: bool = True) -> nn.Conv2d:
    """A convolution of some of its inputs, in another order.

    Args:
        conv: The convolution.
        inputs: Which of its channels, in the order in which they come.
        bias: Whether to keep its bias.
    """
    part = copy.deepcopy(conv)
    part.in_channels = len(inputs)
    part.weight = nn.Parameter(conv.weight[:, inputs.to(conv.weight.device)], requires_grad=False)
    part.bias = part.bias if bias else None
    return part
