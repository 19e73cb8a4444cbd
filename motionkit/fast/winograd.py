"""3×3 convolutions with a quarter of the multiplications: Winograd's F(4×4, 3×3), as batched matrix products.

Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", arXiv 1509.09308, section 4.3: a tile of
6×6 inputs d gives 4×4 outputs Aᵀ[(G g Gᵀ) ∘ (Bᵀ d B)]A; summed over channels, ∘ is one matrix product for each of the
36 places. Float32 alone: the transforms lose about two digits.

Legend: B batch, C channels, H W picture size, T tiles.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["WinogradConv", "pays"]

_INPUT = [
    [4, 0, -5, 0, 1, 0],
    [0, -4, -4, 1, 1, 0],
    [0, 4, -4, -1, 1, 0],
    [0, -2, -1, 2, 1, 0],
    [0, 2, -1, -2, 1, 0],
    [0, 4, 0, -5, 0, 1],
]
_KERNEL = [
    [1 / 4, 0, 0],
    [-1 / 6, -1 / 6, -1 / 6],
    [-1 / 6, 1 / 6, -1 / 6],
    [1 / 24, 1 / 12, 1 / 6],
    [1 / 24, -1 / 12, 1 / 6],
    [0, 0, 1],
]
_OUTPUT = [
    [1, 1, 1, 1, 1, 0],
    [0, 1, -1, 2, -2, 0],
    [0, 1, 1, 4, 4, 0],
    [0, 1, -1, 8, -8, 1],
]
TILE = 4
# Fewer channels make the products too small to repay the transforms (measured on two CPU cores, float32).
LEAST_CHANNELS = 128
# Bytes of transformed tiles at once: beyond the processor's caches the gain is lost.
WORKSPACE = 10 << 20


def pays(conv: nn.Module) -> bool:
    """Whether a convolution is one that this form computes, and sooner: 3×3 with padding 1, wide, float32, on a CPU.

    Args:
        conv: Any module.
    """
    return (
        isinstance(conv, nn.Conv2d)
        and conv.kernel_size == (3, 3)
        and conv.padding == (1, 1)
        and conv.stride == conv.dilation == (1, 1)
        and conv.groups == 1
        and min(conv.in_channels, conv.out_channels) >= LEAST_CHANNELS
        and conv.weight.dtype == torch.float32
        and conv.weight.device.type == "cpu"
    )


class WinogradConv(nn.Module):
    """The same outputs as a 3×3 convolution with padding 1, to about 1e-5 of their size; channels_last in and out.

    Args:
        conv: Its weights are copied.
    """

    weight: Tensor
    bias: Tensor | None
    into: Tensor
    out_of: Tensor

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        kernel, into, out_of = (torch.tensor(rows, dtype=torch.float64) for rows in (_KERNEL, _INPUT, _OUTPUT))
        weight = torch.einsum("ik,ockl,jl->ijco", kernel, conv.weight.detach().double(), kernel)
        self.register_buffer("weight", weight.flatten(0, 1).float().contiguous())  # 36 C C'
        self.register_buffer("bias", None if conv.bias is None else conv.bias.detach().clone())
        # Both sides of a two-dimensional transform as one matrix.
        self.register_buffer("into", torch.kron(into, into).float())  # 36 36
        self.register_buffer("out_of", torch.kron(out_of, out_of).float())  # 16 36

    def forward(self, x: Tensor) -> Tensor:
        """B C H W to B C' H W."""
        b, _, h, w = x.shape
        rows, columns = -(-h // TILE), -(-w // TILE)  # of tiles
        edges = (0, 0, 1, columns * TILE - w + 1, 1, rows * TILE - h + 1)
        padded = F.pad(x.permute(0, 2, 3, 1), edges).contiguous()  # B H' W' C
        inner, outer = self.weight.shape[1:]
        strip = max(WORKSPACE // (36 * 4 * columns * max(inner, outer)), 1)  # rows of tiles at once
        result = x.new_empty(b, rows * TILE, columns * TILE, outer)
        for i in range(b):
            for top in range(0, rows, strip):
                count = min(strip, rows - top)
                part = padded[i, top * TILE : (top + count) * TILE + 2]
                result[i, top * TILE : (top + count) * TILE] = self._tiles(part, count, columns)
        if self.bias is not None:
            result += self.bias
        return result[:, :h, :w].permute(0, 3, 1, 2)

    def _tiles(self, padded: Tensor, rows: int, columns: int) -> Tensor:
        """4·rows+2 4·columns+2 C to 4·rows 4·columns C'."""
        down, across, one = padded.stride()
        inner, outer = self.weight.shape[1:]
        shape, stride = (6, 6, rows, columns, inner), (down, across, TILE * down, TILE * across, one)
        tiles = padded.as_strided(shape, stride, padded.storage_offset()).reshape(36, -1)
        products = torch.bmm((self.into @ tiles).view(36, -1, inner), self.weight)  # 36 T C'
        places = (self.out_of @ products.view(36, -1)).view(TILE, TILE, rows, columns, outer)
        return places.permute(2, 0, 3, 1, 4).reshape(rows * TILE, columns * TILE, outer)
