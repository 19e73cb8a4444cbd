"""Convolutions on CPUs with their weights kept in the order that oneDNN computes in, and the ReLU done on the way.

A plain convolution puts its weights into that order at every call. Where maps are small and channels many that takes
longer than the arithmetic: of 17 ms for 2048 to 512 channels at 8×8 (float32, two cores) 5 are left. In bfloat16 a
ReLU on its own costs half as much as the convolution before it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["PackedConv", "can_pack", "pack"]


def pack(module: nn.Module) -> nn.Module:
    """Put packed convolutions in the place of those that can be packed, in sequences with the ReLU that follows.

    Args:
        module: Changed in place.

    Returns:
        The module, or what stands in its place.
    """
    if can_pack(module):
        return PackedConv(module)
    for name, child in module.named_children():
        setattr(module, name, pack(child))
    if isinstance(module, nn.Sequential):
        return _with_relus(module)
    return module


def can_pack(module: nn.Module) -> bool:
    """Whether it is a convolution on a CPU where PyTorch has the functions that this needs.

    Args:
        module: Any module.
    """
    return (
        isinstance(module, nn.Conv2d | nn.ConvTranspose2d)
        and module.padding_mode == "zeros"
        and module.weight.device.type == "cpu"
        and _works(module.weight.dtype)
    )


class PackedConv(nn.Module):
    """The same outputs as a convolution, or a transposed one; channels_last in and out.

    Args:
        conv: Its weights are taken as they are now.
        relu: Whether a ReLU follows, which is done on the way.
    """

    def __init__(self, conv: nn.Module, *, relu: bool = False) -> None:
        super().__init__()
        assert isinstance(conv, nn.Conv2d | nn.ConvTranspose2d)
        self.conv, self.relu = conv, relu
        self._packed: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """B C H W to B C' H' W'."""
        conv = self.conv
        if self._packed is None:  # the best order depends on the maps' size; any other size gives the same result
            self._packed = _ordered(conv, list(x.shape))
            conv.weight = nn.Parameter(conv.weight.new_empty(0), requires_grad=False)  # not kept twice
        return _convolve(conv, x, self._packed, relu=self.relu)


def _with_relus(sequence: nn.Sequential) -> nn.Sequential:
    parts: list[nn.Module] = []
    for part in sequence:
        last = parts[-1] if parts else None
        if isinstance(part, nn.ReLU) and isinstance(last, PackedConv):
            last.relu = True
        else:
            parts.append(part)
    return nn.Sequential(*parts)


def _ordered(conv: nn.Conv2d | nn.ConvTranspose2d, shape: list[int]) -> Tensor:
    weight = conv.weight.detach()
    where: list[Any] = [list(conv.stride), list(conv.dilation), conv.groups, shape]
    ordered: Tensor
    if isinstance(conv, nn.ConvTranspose2d):
        padding = [list(conv.padding), list(conv.output_padding)]
        ordered = torch.ops.mkldnn._reorder_convolution_transpose_weight(weight, *padding, *where)
    else:
        ordered = torch._C._nn.mkldnn_reorder_conv2d_weight(weight.to_mkldnn(), list(conv.padding), *where)
    return ordered


def _convolve(conv: nn.Conv2d | nn.ConvTranspose2d, x: Tensor, weight: Tensor, *, relu: bool) -> Tensor:
    after: list[Any] = ["relu" if relu else "none", [], ""]
    where: list[Any] = [list(conv.stride), list(conv.dilation), conv.groups]
    result: Tensor
    if isinstance(conv, nn.ConvTranspose2d):
        padding = [list(conv.padding), list(conv.output_padding)]
        result = torch.ops.mkldnn._convolution_transpose_pointwise(x, weight, conv.bias, *padding, *where, *after)
    else:
        result = torch.ops.mkldnn._convolution_pointwise(x, weight, conv.bias, list(conv.padding), *where, *after)
    return result


@cache
@torch.inference_mode()
def _works(dtype: torch.dtype) -> bool:
    """Whether the functions under PyTorch's own compiler, which are not public, are there and do what they did."""
    rng = torch.Generator().manual_seed(0)
    x = torch.rand(1, 16, 5, 5, generator=rng).to(dtype)
    try:
        for conv in (nn.Conv2d(16, 16, 3, padding=1, dtype=dtype), nn.ConvTranspose2d(16, 16, 4, 2, 1, dtype=dtype)):
            weight = torch.rand(conv.weight.shape, generator=rng) - 0.5
            conv.weight = nn.Parameter(weight.to(dtype), requires_grad=False)
            found = _convolve(conv, x, _ordered(conv, list(x.shape)), relu=True)
            if not torch.allclose(found.float(), F.relu(conv(x)).float(), atol=0.05, rtol=0.02):
                return False
    except (AttributeError, RuntimeError):
        return False
    return True
