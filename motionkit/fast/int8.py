"""The bottleneck of the generator in 8-bit integers, on processors with units for them.

Each residual block is: normalise, to integers, two convolutions, back to float32, add. Weights have a step for each
output channel; activations have one for each place in the network, found from the source: what the bottleneck sees are
the source's features, moved and hidden, so that their range is known before the first frame.

Legend: B batch, C channels, H W size of the bottleneck's maps.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Int8Bottleneck", "Steps", "works"]

# What moves between the source's pixels, and beside its edges, may exceed what the source itself has.
MARGIN = 1.1
LEVELS = 255


class Steps(NamedTuple):
    """What a step of an integer is worth in one residual block.

    Attributes:
        inner: At its input.
        middle: Between its convolutions.
    """

    inner: float
    middle: float


class Int8Bottleneck(nn.Module):
    """Residual blocks with 8-bit convolutions.

    Args:
        blocks: Each with ``norm``, and ``convs``: a convolution, a ReLU, a convolution; in float32, on a CPU.
    """

    def __init__(self, blocks: nn.Sequential) -> None:
        super().__init__()
        self.exact = blocks  # measures
        self.blocks = [_Block(block) for block in blocks]

    def measure(self, features: Tensor) -> tuple[Steps, ...]:
        """The steps of each block, from what it computes of a source in the open and hidden.

        Args:
            features: B C H W, the source's.
        """
        x = torch.cat([features.float(), torch.zeros_like(features[:1], dtype=torch.float32)])
        found = []
        for block in self.exact:
            convs = cast(nn.Sequential, block.convs)
            normal = F.relu(cast(nn.BatchNorm2d, block.norm)(x))
            middle = convs[:-1](normal)
            found.append(Steps(_step(normal), _step(middle)))
            x = convs[-1](middle).add_(x)
        return tuple(found)

    def forward(self, x: Tensor, steps: tuple[Steps, ...]) -> Tensor:
        """B C H W to the same, float32.

        Args:
            x: The features, moved and hidden.
            steps: As ``measure`` found them for the source.
        """
        x = x.float()
        for block, step in zip(self.blocks, steps, strict=True):
            x = block(x, step)
        return x


class _Block:
    def __init__(self, block: nn.Module) -> None:
        norm = cast(nn.BatchNorm2d, block.norm)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        factor = norm.weight / (norm.running_var + norm.eps).sqrt()
        self.factor = factor[:, None, None]
        self.shift = (norm.bias - norm.running_mean * factor)[:, None, None]
        convs = cast(nn.Sequential, block.convs)
        self.first, self.second = _Int8Conv(convs[0]), _Int8Conv(convs[-1])

    def __call__(self, x: Tensor, step: Steps) -> Tensor:
        # Half a step, and cutting off what is behind the point, round; clamping is the ReLU as well.
        shift = self.shift / step.inner + 0.5
        normal = torch.addcmul(shift, x, self.factor / step.inner).clamp_(0, LEVELS).to(torch.uint8)
        middle = self.first(normal, step.inner, into=step.middle)
        return self.second(middle, step.middle).add_(x)


class _Int8Conv:
    """A convolution of B C H W integers of 8 bits without a sign, which stand for 0 and more."""

    def __init__(self, conv: nn.Module) -> None:
        conv = cast(nn.Conv2d, conv)
        weight = conv.weight.detach()
        self.steps = (weight.abs().amax((1, 2, 3)) / 127).clamp(min=1e-12)
        self.zeros = torch.zeros(len(weight), dtype=torch.long)
        self.integers = (weight / self.steps[:, None, None, None]).round().to(torch.int8)
        self.bias = conv.bias
        self.where = [list(conv.stride), list(conv.padding), list(conv.dilation), conv.groups]
        self.packed: Tensor | None = None

    def __call__(self, x: Tensor, step: float, *, into: float | None = None) -> Tensor:
        """Convolve; gives float32, or, after a ReLU, integers with steps of size ``into``."""
        if self.packed is None:
            pack = torch.ops.onednn.qconv_prepack
            self.packed = pack(self.integers, self.steps, step, 0, *self.where, list(x.shape))
            self.integers = self.integers.new_empty(0)  # not kept twice
        to = [1.0, 0, torch.float32, "none"] if into is None else [into, 0, torch.uint8, "relu"]
        weight = [self.packed, self.steps, self.zeros, self.bias]
        result: Tensor = torch.ops.onednn.qconv2d_pointwise(x, step, 0, *weight, *self.where, *to, [], "")
        return result


def _step(values: Tensor) -> float:
    return max(float(values.max()) * MARGIN / LEVELS, 1e-8)


@cache
@torch.inference_mode()
def works() -> bool:
    """Whether this processor has units for 8-bit integers (AVX-512 VNNI, AMX), and PyTorch functions that use them.

    Without such units sums of products overflow 16 bits, and float32 is as fast. The functions are those under
    PyTorch's compiler; they are not public.
    """
    units = (getattr(torch.cpu, name, None) for name in ("_is_vnni_supported", "_is_amx_tile_supported"))
    if not any(supported() for supported in units if supported):
        return False
    rng = torch.Generator().manual_seed(0)
    conv = nn.Conv2d(16, 16, 3, padding=1)
    conv.weight = nn.Parameter(torch.rand(conv.weight.shape, generator=rng) - 0.5)
    values = torch.randint(0, 256, (1, 16, 5, 5), generator=rng, dtype=torch.uint8)
    exact = conv(values / 255)
    try:
        found, again = _Int8Conv(conv)(values, 1 / 255), _Int8Conv(conv)(values, 1 / 255, into=0.05)
    except (AttributeError, RuntimeError):
        return False
    return torch.allclose(found, exact, atol=0.05) and torch.allclose(0.05 * again, F.relu(exact), atol=0.08)
