"""The expectation of a convolution's outputs under probabilities, without making the outputs.

A convolution is linear: the expectation of its outputs is its kernel times the expectation of the patches that it sees.
Where it has many outputs for each probability that is a quarter of the arithmetic.

Legend: B batch, C channels, K probabilities, H W size of the maps, h w size of what the convolution would give.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ExpectedConv", "pays"]

LEAST_OUTPUTS = 3  # for each probability; the patches cost as much as one output does, or a little more


def pays(conv: nn.Conv2d | None, probabilities: int) -> bool:
    """Whether this form computes a convolution's expectation, and sooner: without padding, float32, on a CPU.

    Args:
        conv: Any convolution, or None.
        probabilities: K.
    """
    return (
        conv is not None
        and conv.stride == conv.dilation == (1, 1)
        and conv.padding == (0, 0)
        and conv.groups == 1
        and conv.out_channels % probabilities == 0
        and conv.out_channels >= LEAST_OUTPUTS * probabilities
        and conv.weight.dtype == torch.float32
        and conv.weight.device.type == "cpu"
    )


class ExpectedConv(nn.Module):
    """B C H W and B K hw to B K n: for each probability the expectations of its n outputs.

    Args:
        conv: With n·K outputs, those of a probability side by side; its weights are copied.
        probabilities: K.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, conv: nn.Conv2d, probabilities: int) -> None:
        super().__init__()
        weight = conv.weight.detach().flip(2).permute(0, 2, 3, 1).flatten(2)  # nK, down from the last, across and C
        self.register_buffer("weight", weight.unflatten(0, (probabilities, -1)).contiguous())
        none = weight.new_zeros(conv.out_channels)
        bias = none if conv.bias is None else conv.bias.detach().clone()
        self.register_buffer("bias", bias.view(probabilities, -1))
        self.kernel = conv.kernel_size

    def forward(self, x: Tensor, probability: Tensor) -> Tensor:
        """See the class; each probability sums to 1."""
        b, c, height, width = x.shape
        down, across = self.kernel
        h, w = height - down + 1, width - across + 1
        rows = x.permute(0, 2, 3, 1).contiguous()  # B H W C
        stride = (height * width * c, width * c, c, 1)
        windows = rows.as_strided((b, height, w, across * c), stride, rows.storage_offset()).reshape(b, height * w, -1)
        # One product for all offsets down: for each the probabilities are shifted by as many rows, the last one first.
        k, above = probability.shape[1], down - 1
        padded = F.pad(probability.view(b, k, h, w), (0, 0, above, above)).contiguous()
        tall = (h + 2 * above) * w
        shifted = padded.as_strided((b, k, down, height * w), (k * tall, tall, w, 1), padded.storage_offset())
        patches = (shifted.reshape(b, k * down, height * w) @ windows).view(b, k, down, -1)
        return torch.einsum("bkdj,kndj->bkn", patches, self.weight) + self.bias
