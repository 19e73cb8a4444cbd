"""Changes of colours and sharpness, to the last bit those of torchvision, whose import takes as long as PyTorch's.

Each worker that decodes waits for what the data import. Legend: B batch, H W picture size.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

__all__ = ["blur", "brighten", "contrast", "saturate", "turn_hue"]


def brighten(pictures: torch.Tensor, factor: float) -> torch.Tensor:
    """B 3 H W in [0, 1], each value times the factor."""
    return pictures.mul(factor).clamp_(0, 1)


def contrast(pictures: torch.Tensor, factor: float) -> torch.Tensor:
    """B 3 H W in [0, 1], each value's distance to the picture's mean grey times the factor."""
    return _blend(pictures, _grey(pictures).mean(dim=(-3, -2, -1), keepdim=True), factor)


def saturate(pictures: torch.Tensor, factor: float) -> torch.Tensor:
    """B 3 H W in [0, 1], each value's distance to the pixel's grey times the factor."""
    return _blend(pictures, _grey(pictures), factor)


def turn_hue(pictures: torch.Tensor, turn: float) -> torch.Tensor:
    """B 3 H W with colours turned about the grey axis; 1/3 makes red green.

    torchvision's change of hue, which keeps the largest and the smallest of the three instead of their sum, costs
    more than everything else that is done to a pair.
    """
    cosine, sine = math.cos(2 * math.pi * turn), math.sin(2 * math.pi * turn) / math.sqrt(3)
    own, other = (1 + 2 * cosine) / 3, (1 - cosine) / 3
    before, after = other - sine, other + sine
    matrix = torch.tensor([[own, before, after], [after, own, before], [before, after, own]], dtype=pictures.dtype)
    return (matrix @ pictures.flatten(2)).view_as(pictures).clamp(0, 1)


def blur(pictures: torch.Tensor, size: int, sigma: float) -> torch.Tensor:
    """B 3 H W under a Gaussian of this sigma, cut to ``size`` pixels, an odd number."""
    limit = (size - 1) / (2 * math.sqrt(2))
    row = torch.softmax(torch.linspace(-limit, limit, size, dtype=pictures.dtype).div(sigma).pow(2).neg(), dim=0)
    channels = pictures.shape[-3]
    kernel = (row.unsqueeze(-1) * row).expand(channels, 1, size, size)
    return F.conv2d(F.pad(pictures, [size // 2] * 4, mode="reflect"), kernel, groups=channels)


def _grey(pictures: torch.Tensor) -> torch.Tensor:
    red, green, blue = pictures.unbind(dim=-3)
    return red.mul(0.2989).add_(green, alpha=0.587).add_(blue, alpha=0.114).unsqueeze(dim=-3)


def _blend(pictures: torch.Tensor, other: torch.Tensor, factor: float) -> torch.Tensor:
    return pictures.mul(factor).add_(other, alpha=1 - factor).clamp_(0, 1)
