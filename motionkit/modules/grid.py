"""Coordinates, the one warp, and the anti-aliased downsample.

Coordinates are (x, y) in [-1, 1]; the centres of a row's first and last pixel lie at -1 and 1.

Legend: B batch, C channels, K keypoints, H W size, h w size of a grid.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = [
    "LEAST_EXPONENT",
    "AntiAliasDown",
    "Box",
    "at_least_float32",
    "bicubic",
    "gaussian",
    "identity_grid",
    "resize_flow",
    "sample_flow",
    "shortened",
    "softmax",
    "warp",
]


def at_least_float32(x: Tensor) -> Tensor:
    """Turn half precisions into float32: bfloat16 has steps of 1/128 near ±1, too coarse for places."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


# What lies below exp(LEAST_EXPONENT), 1e-13, is 0: far from a keypoint heatmaps and their gradients would be denormal
# numbers, with which convolutions on CPUs take ten times as long. Products of two such values and a weight are normal.
LEAST_EXPONENT = -30.0


def identity_grid(height: int, width: int, *, like: Tensor) -> Tensor:
    """The grid of pixel centres, which moves nothing.

    Args:
        height: h.
        width: w.
        like: Gives dtype and device.

    Returns:
        1 h w 2, (x, y) in [-1, 1].
    """
    x = torch.arange(width, dtype=like.dtype, device=like.device) * (2 / (width - 1)) - 1
    y = torch.arange(height, dtype=like.dtype, device=like.device) * (2 / (height - 1)) - 1
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([columns, rows], dim=-1)[None]


def gaussian(points: Tensor, grid: Tensor, variance: float) -> Tensor:
    """Unnormalised Gaussians around points.

    Args:
        points: B K 2.
        grid: 1 h w 2.
        variance: In squared units of the grid.

    Returns:
        B K h w, 1 at the point: exp(-|z - p|² / (2·variance)), and 0 where that is below exp(LEAST_EXPONENT).
    """
    difference = grid[:, None] - points[:, :, None, None]  # B K h w 2
    exponent = difference.square().sum(-1) * (-0.5 / variance)
    return torch.exp(F.threshold(exponent, LEAST_EXPONENT, -torch.inf))


def softmax(logits: Tensor, dim: int) -> Tensor:
    """Softmax with exact zeros.

    Args:
        logits: Any shape.
        dim: Over which it sums to 1.

    Returns:
        The same shape; 0 where the softmax is below exp(LEAST_EXPONENT) of the largest.
    """
    below = logits - logits.detach().amax(dim, keepdim=True)  # shifting changes neither value nor gradient
    return F.threshold(below, LEAST_EXPONENT, -torch.inf).softmax(dim)


def warp(
    image: Tensor, grid: Tensor, *, align_corners: bool, padding: str = "zeros", interpolation: str = "bilinear"
) -> Tensor:
    """Sample ``image`` where ``grid`` says; the only grid_sample of the library.

    Args:
        image: B C H W, any float type.
        grid: B h w 2, absolute (x, y) in ``image``.
        align_corners: Whether ±1 are the centres (True) or the outer edges (False) of the border pixels.
        padding: "zeros", "border" or "reflection", what lies outside the image.
        interpolation: "bilinear" or "bicubic"; the latter sharpens edges, and so overshoots the image's range.

    Returns:
        B C h w in the image's dtype. Computed in at least float32: on CPUs grid_sample gives NaN for bfloat16.
    """
    dtype = torch.promote_types(image.dtype, torch.float32)
    if interpolation == "bicubic" and image.device.type == "mps":  # PyTorch has no such kernel there
        return bicubic(image.to(dtype), grid.to(dtype), align_corners=align_corners, padding=padding).to(image.dtype)
    sampled = F.grid_sample(
        image.to(dtype), grid.to(dtype), mode=interpolation, padding_mode=padding, align_corners=align_corners
    )
    return sampled.to(image.dtype)


def bicubic(image: Tensor, grid: Tensor, *, align_corners: bool, padding: str = "zeros") -> Tensor:
    """``warp`` with bicubic interpolation from elementary operations: cubic convolution (Keys 1981, eq. 4).

    Args:
        image: B C H W float32.
        grid: B h w 2.
        align_corners: As for ``warp``.
        padding: "zeros" or "border".

    Returns:
        B C h w.
    """
    b, c, h, w = image.shape
    size = grid.new_tensor([w, h])
    places = (grid + 1) / 2 * (size - 1) if align_corners else ((grid + 1) * size - 1) / 2  # B h w 2, in pixels
    first, share = places.floor() - 1, places - places.floor()
    weights = _keys(share)  # 4 B h w 2
    result = image.new_zeros(b, c, *grid.shape[1:3])
    flat = image.flatten(2)
    for i, j in itertools.product(range(4), range(4)):
        x, y = first[..., 0] + j, first[..., 1] + i
        weight = weights[j, ..., 0] * weights[i, ..., 1]
        if padding == "zeros":
            weight = weight * ((x >= 0) & (x < w) & (y >= 0) & (y < h))
        index = (y.clamp(0, h - 1) * w + x.clamp(0, w - 1)).long().view(b, 1, -1)
        result = result + weight[:, None] * flat.gather(2, index.expand(-1, c, -1)).view_as(result)
    return result


def _keys(share: Tensor) -> Tensor:
    """Weights of the pixels at -1, 0, 1 and 2 for a place between 0 and 1: one more dimension, of 4, in front."""
    a = -0.75  # as in F.grid_sample
    near, far = torch.stack([share, 1 - share]), torch.stack([share + 1, 2 - share])
    near = ((a + 2) * near - (a + 3)) * near * near + 1
    far = ((far - 5) * far + 8) * far * a - 4 * a
    return torch.stack([far[0], near[0], near[1], far[1]])


def sample_flow(flow: Tensor, points: Tensor) -> Tensor:
    """Where a flow leads from single points.

    Args:
        flow: B h w 2, (x, y) in [-1, 1], the centres of its outer places at ∓1.
        points: B K 2; beyond the border the border counts.

    Returns:
        B K 2.
    """
    found = warp(flow.permute(0, 3, 1, 2), points[:, None], align_corners=True, padding="border")  # B 2 1 K
    return found[:, :, 0].transpose(1, 2)


def shortened(shifts: Tensor, most: Tensor) -> Tensor:
    """Shifts … 2, none longer than ``most``, which has their shape or one that is repeated to it; directions stay."""
    length = shifts.norm(dim=-1, keepdim=True).clamp(min=1e-12)
    result: Tensor = shifts * (most / length).clamp(max=1)
    return result


def resize_flow(flow: Tensor, height: int, width: int, *, exact: bool = False) -> Tensor:
    """Resize a flow, bilinearly.

    The published arithmetic resizes absolute places as if they were colours, which shifts them by up to three eighths
    of a coarse pixel: no motion would still warp a larger picture.

    Args:
        flow: B h w 2, (x, y) in [-1, 1].
        height: H.
        width: W.
        exact: Resize the movement between places that correspond, so that no motion stays none.

    Returns:
        B H W 2; the same tensor if it has this size.
    """
    if flow.shape[1:3] == (height, width):
        return flow
    if exact:
        flow = flow - identity_grid(*flow.shape[1:3], like=flow)
    planes = flow.permute(0, 3, 1, 2).contiguous()  # B 2 h w: so resized four times as fast on CPUs
    planes = F.interpolate(planes, size=(height, width), mode="bilinear", align_corners=exact)
    resized = planes.permute(0, 2, 3, 1)
    return resized + identity_grid(height, width, like=flow) if exact else resized


class Box(NamedTuple):
    """Part of a flow or a picture, to compute nothing for the rest.

    Attributes:
        rows: Of all.
        columns: Of all.
    """

    rows: slice
    columns: slice

    @classmethod
    def around(cls, first: Tensor, last: Tensor, height: int, width: int) -> Box:
        """Find the one that holds places in all items of a batch; on a GPU all, it would have to be waited for.

        Args:
            first: … 2, the places' least x and y, in [-1, 1].
            last: … 2, their greatest.
            height: H.
            width: W.
        """
        if first.device.type != "cpu":
            return cls(slice(0, height), slice(0, width))
        ends = torch.stack([first.detach().flatten(0, -2).amin(0), last.detach().flatten(0, -2).amax(0)])
        most = ends.new_tensor([width - 1, height - 1])
        places = torch.minimum(((ends + 1) / 2 * most).nan_to_num(0).clamp(min=0), most)
        (left, top), (right, bottom) = places.tolist()
        return cls(slice(int(top), int(bottom) + 2), slice(int(left), int(right) + 2))

    def of(self, flow: Tensor) -> Tensor:
        """B H W C to that part of it."""
        return flow[:, self.rows, self.columns]

    def put(self, flow: Tensor, part: Tensor) -> Tensor:
        """B H W C with that part replaced."""
        if part.shape == flow.shape:
            return part
        result = flow.clone()
        result[:, self.rows, self.columns] = part
        return result


class AntiAliasDown(nn.Module):
    """Gaussian blur, then every (1/scale)-th pixel from the first: B C H W to B C H·scale W·scale.

    The kernel is a fixed buffer named ``weight`` (C 1 k k), as in published checkpoints.

    Args:
        channels: C.
        scale: 1/2, 1/4 …
    """

    weight: Tensor

    def __init__(self, channels: int, scale: float) -> None:
        super().__init__()
        self.step = round(1 / scale)
        sigma = (1 / scale - 1) / 2
        radius = round(4 * sigma)
        # NumPy: on the meta device, where load_model builds, torch.arange alone takes a second of imports.
        row = np.exp(-(np.arange(-radius, radius + 1, dtype=np.float64) ** 2) / (2 * sigma**2))
        kernel = np.outer(row, row) / row.sum() ** 2
        self.register_buffer("weight", torch.tensor(np.tile(kernel, (channels, 1, 1, 1)), dtype=torch.float32))

    def forward(self, image: Tensor) -> Tensor:
        """B C H W to B C H·scale W·scale."""
        # The stride does what filtering everything and slicing does, with step² times less work.
        padding = self.weight.shape[-1] // 2
        return F.conv2d(image, self.weight, stride=self.step, padding=padding, groups=image.shape[1])
