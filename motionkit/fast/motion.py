"""Dense motion in the inference form: local motions stay affine maps, instead of a matrix for every pixel.

Legend: B batch, K keypoints whose motions are blended, h w size of the motion.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from motionkit.fast.blocks import FastHourglass, channels_last
from motionkit.fast.convs import join, narrowed, picked, separated
from motionkit.modules.blocks import DownBlock
from motionkit.modules.dense_motion import DenseMotion, Motion, affine_motions, with_eyes
from motionkit.modules.grid import LEAST_EXPONENT, identity_grid
from motionkit.structures import Keypoints

__all__ = ["FastMotion"]


class FastMotion(nn.Module):
    """Dense motion from the source as the motion sees it; mask and occlusion from one convolution.

    Args:
        dense: The trained form, in eval mode.
        side: Width in pixels of what it sees at the model's usual size; exact at any size.
        fine_side: The same of what the networks see.
    """

    eyes: Tensor | None

    def __init__(self, dense: DenseMotion, side: int, fine_side: int) -> None:
        super().__init__()
        self.shrink = separated(getattr(dense, "down", nn.Identity()))
        maps = join(dense.mask, dense.occlusion)
        first = cast(DownBlock, dense.hourglass.encoder.down_blocks[0])
        # As they are made here: heatmaps without the background's, which is empty; then colour by colour.
        inputs = torch.arange(first.conv.in_channels).view(dense.mask.out_channels, -1)
        order = torch.cat([inputs[1:, 0], inputs[:, 1:].t().flatten()])
        first.conv = picked(first.conv, order)
        self.hourglass = FastHourglass(dense.hourglass, side, last=False)
        self.skip = None if dense.skip is None else picked(dense.skip, order)
        self.seen: nn.Module | None = None
        if self.skip is None:
            self.seen = narrowed(picked(maps, dense.own + order, bias=False))
            maps = picked(maps, torch.arange(dense.own))
        self.maps = narrowed(maps)
        self.kp_variance, self.warp = dense.kp_variance, dense.warp
        self.moving, self.landing = dense.moving, dense.landing
        self.fine_side = fine_side if dense.is_fine else None
        self.register_buffer("eyes", dense.eyes, persistent=False)

    def forward(self, small: Tensor, source: Keypoints, driving: Keypoints) -> Motion:
        """As ``DenseMotion``, from B 3 h w, the source as ``shrink`` gives it."""
        b, _, h, w = small.shape
        grid = identity_grid(h, w, like=small)  # 1 h w 2
        there, here = self.moving(source), self.moving(driving)
        heatmaps = self._heatmaps(here, grid) - self._heatmaps(there, grid)  # B K h w

        motions = AffineMotions.of(there, here)
        # One picture under all motions at once, without a copy of it for each.
        deformed = self.warp(small, motions.everywhere(grid).flatten(1, 2)).view(b, -1, h, w)
        inputs = channels_last(torch.cat([heatmaps, deformed], dim=1))
        features = self.hourglass(inputs)
        if self.skip is not None:
            features = torch.cat([features, self.skip(inputs)], dim=1)
        maps = self.maps(features)
        if self.seen is not None:
            # The last skip connection is the input itself: two convolutions added, instead of one of both side by side.
            maps = maps.add_(self.seen(inputs))

        count = motions.number
        mask = maps.permute(0, 2, 3, 1)[..., :count].softmax(dim=3)  # B h w K+1
        occlusion = maps[:, count:].sigmoid() if maps.shape[1] > count else None
        flow = motions.blended(mask, grid)
        if self.landing is not None:
            flow = self.landing(flow, source, driving)
        motion = Motion(flow, mask.permute(0, 3, 1, 2), occlusion)
        if self.eyes is None:
            return motion
        size = None if self.fine_side is None else (self.fine_side, self.fine_side)
        return with_eyes(motion, source, driving, self.eyes, size)

    def _heatmaps(self, keypoints: Keypoints, grid: Tensor) -> Tensor:
        """B K h w, as ``gaussian``: the product of a row and a column, with nothing so small that it is denormal."""
        scale = -0.5 / self.kp_variance
        x, y = (scale * (line - keypoints.value[..., i, None]).square() for i, line in _axes(grid))  # B K w, B K h
        x, y = (F.threshold(part, LEAST_EXPONENT, -torch.inf).exp() for part in (x, y))
        return y[..., :, None] * x[..., None, :]


class AffineMotions(NamedTuple):
    """The background's motion, which is none, and those of keypoints, as T(z) = A·z + t: no matrix for each pixel.

    Attributes:
        linear: B K+1 2 2, A.
        offset: B K+1 2, t.
    """

    linear: Tensor
    offset: Tensor

    @classmethod
    def of(cls, source: Keypoints, driving: Keypoints) -> AffineMotions:
        """Those of keypoints of batch B."""
        linear, offset = affine_motions(source, driving)
        none = torch.eye(2, dtype=linear.dtype, device=linear.device).expand(len(linear), 1, 2, 2)
        return cls(torch.cat([none, linear], 1), F.pad(offset, (0, 0, 1, 0)))

    @property
    def number(self) -> int:
        """K+1."""
        return self.linear.shape[1]

    def everywhere(self, grid: Tensor) -> Tensor:
        """B K+1 h w 2: where each leads from the places of a 1 h w 2 grid, what x adds to what y does."""
        (_, x), (_, y) = _axes(grid)
        across = self.linear[:, :, None, :, 0] * x[:, None]  # B K+1 w 2
        down = torch.addcmul(self.offset[:, :, None], self.linear[:, :, None, :, 1], y[:, None])  # B K+1 h 2
        return down[:, :, :, None] + across[:, :, None]

    def blended(self, mask: Tensor, grid: Tensor) -> Tensor:
        """B h w 2: where their mean leads, by a B h w K+1 mask: a mean of A and t, then applied."""
        b, h, w, count = mask.shape
        affine = torch.cat([self.linear.transpose(2, 3).flatten(2), self.offset], 2)  # B K+1 6
        for_x, for_y, offset = (mask.reshape(b, h * w, count) @ affine).view(b, h, w, 3, 2).unbind(3)
        return torch.addcmul(torch.addcmul(offset, for_x, grid[..., :1]), for_y, grid[..., 1:])


def _axes(grid: Tensor) -> tuple[tuple[int, Tensor], tuple[int, Tensor]]:
    """(0, w places across) and (1, h places down) of a 1 h w 2 grid."""
    return (0, grid[0, 0, :, 0]), (1, grid[0, :, 0, 1])
