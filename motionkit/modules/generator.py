"""The occlusion-aware generator: encode the source, move its features, hide what is not there, decode.

Legend: B batch, C channels, H W picture size, h w size of the motion.
"""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from motionkit.config import ModelConfig
from motionkit.modules.blocks import DownBlock, ResBlock, SameBlock, UpBlock, width
from motionkit.modules.dense_motion import DenseMotion, Motion
from motionkit.modules.grid import resize_flow, warp
from motionkit.structures import Generated, Keypoints

__all__ = ["Generator", "compose", "hide"]


class Generator(nn.Module):
    """Source picture and two sets of keypoints to the picture in the driving pose (paper, section 3.3)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        part = config.generator
        self.blend_warped = config.blend_warped
        self.align_corners = config.align_corners
        self.size = config.size
        self.dense_motion_network = DenseMotion(config)
        widths = [width(part.block_expansion, i, part.max_features) for i in range(part.num_down_blocks + 1)]
        self.first = SameBlock(config.num_channels, widths[0], kernel=7)
        self.down_blocks = nn.ModuleList(DownBlock(a, b) for a, b in itertools.pairwise(widths))
        self.bottleneck = nn.Sequential()
        for i in range(part.num_bottleneck_blocks):
            self.bottleneck.add_module(f"r{i}", ResBlock(widths[-1]))
        widths.reverse()
        self.up_blocks = nn.ModuleList(UpBlock(a, b) for a, b in itertools.pairwise(widths))
        self.final = nn.Conv2d(widths[-1], config.num_channels, 7, padding=3)

    def forward(self, source: Tensor, source_keypoints: Keypoints, driving_keypoints: Keypoints) -> Generated:
        """Source B C H W in [0, 1], keypoints B K.

        With ``blend_warped`` the networks see the source at the configured size and the picture has the size of
        the source given; otherwise both have the size of the source.
        """
        seen = source
        if self.blend_warped:
            seen = F.interpolate(source, size=(self.size, self.size), mode="bilinear", antialias=True)
        motion = self.dense_motion_network(seen, source_keypoints, driving_keypoints)
        features = self.encode(seen)
        h, w = features.shape[2:]
        features = warp(features, resize_flow(motion.flow, h, w), align_corners=self.align_corners)
        decoded = self.decode(hide(features, motion.occlusion))
        return compose(source, decoded, motion, blend_warped=self.blend_warped, align_corners=self.align_corners)

    def encode(self, source: Tensor) -> Tensor:
        """B C H W to the features that the flow moves, B C' H/2^n W/2^n; they depend on the source alone."""
        x = self.first(source)
        for block in self.down_blocks:
            x = block(x)
        return x

    def decode(self, features: Tensor) -> Tensor:
        """Moved features to a picture in [0, 1]."""
        x = self.bottleneck(features)
        for block in self.up_blocks:
            x = block(x)
        return self.final(x).sigmoid()


def hide(features: Tensor, occlusion: Tensor | None) -> Tensor:
    """Features times the occlusion map, resized to them if need be."""
    if occlusion is None:
        return features
    return features * _fit(occlusion, features)


def compose(source: Tensor, decoded: Tensor, motion: Motion, *, blend_warped: bool, align_corners: bool) -> Generated:
    """The picture from what was decoded and, with `blend_warped`, the warped source: o·warped + (1-o)·decoded."""
    h, w = source.shape[2:]
    deformed = warp(source, resize_flow(motion.flow, h, w), align_corners=align_corners)
    image = decoded
    if blend_warped:
        assert motion.occlusion is not None, "the configuration asks for an occlusion map"
        image = torch.lerp(_fit(decoded, source), deformed, _fit(motion.occlusion, source))
    return Generated(image, motion.occlusion, motion.flow, motion.mask, deformed)


def _fit(maps: Tensor, like: Tensor) -> Tensor:
    """`maps` resized bilinearly to the height and width of `like`."""
    if maps.shape[2:] == like.shape[2:]:
        return maps
    return F.interpolate(maps, size=like.shape[2:], mode="bilinear", align_corners=False)
