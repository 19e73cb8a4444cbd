"""The occlusion-aware generator: encode the source, move its features, hide what is not there, decode.

Legend: B batch, C channels, H W picture size, h w size of the motion.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from motionkit.config import ModelConfig
from motionkit.modules.background import with_background
from motionkit.modules.blocks import DownBlock, ResBlock, SameBlock, UpBlock, width
from motionkit.modules.dense_motion import DenseMotion, Motion
from motionkit.modules.grid import at_least_float32, resize_flow, warp
from motionkit.modules.mouth import MouthPainter
from motionkit.structures import Generated, Keypoints

__all__ = ["Generator", "compose", "hide", "move"]


class Generator(nn.Module):
    """Source picture and two sets of keypoints to the picture in the driving pose (arXiv 2003.00196, section 3.3).

    Args:
        config: The whole model's configuration.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.dense_motion_network = DenseMotion(config)
        if config.decoder == "full":
            self._add_decoder(config)
        self.mouth = MouthPainter(config) if config.mouth == "close" else None

    def _add_decoder(self, config: ModelConfig) -> None:
        part = config.generator
        widths = [width(part.block_expansion, i, part.max_features) for i in range(part.num_down_blocks + 1)]
        self.first = SameBlock(config.num_channels, widths[0], kernel=7)
        self.down_blocks = nn.ModuleList(DownBlock(a, b) for a, b in itertools.pairwise(widths))
        self.bottleneck = nn.Sequential()
        for i in range(part.num_bottleneck_blocks):
            self.bottleneck.add_module(f"r{i}", ResBlock(widths[-1]))
        widths.reverse()
        self.up_blocks = nn.ModuleList(UpBlock(a, b) for a, b in itertools.pairwise(widths))
        self.final = nn.Conv2d(widths[-1], config.num_channels, 7, padding=3)

    def forward(
        self,
        source: Tensor,
        source_keypoints: Keypoints,
        driving_keypoints: Keypoints,
        *,
        decode: bool = True,
        wanted: Tensor | None = None,
    ) -> Generated:
        """Make pictures of the source in the driving pose.

        With ``blend_warped`` the networks see the source at the configured size and the picture has the size of
        the source given; otherwise both have the size of the source.

        Args:
            source: B C H W in [0, 1].
            source_keypoints: Batch B.
            driving_keypoints: Batch B.
            decode: Without, the picture is the warped source, at half the cost: to train motion alone.
            wanted: B C H W in [0, 1], for ``mouth.MouthPainter`` in training.
        """
        seen = source
        if self.config.blend_warped:
            seen = F.interpolate(source, size=(self.config.size, self.config.size), mode="bilinear", antialias=True)
        motion = self.dense_motion_network(seen, source_keypoints, driving_keypoints)
        decoded = None
        if decode and self.config.decoder == "full":
            decoded = self.decode(hide(move(self.encode(seen), motion.flow, self.config), motion.occlusion))
        generated = compose(source, decoded, motion, self.config)
        if self.mouth is None or not decode:
            return generated
        return replace(generated, image=self.mouth(generated.image, source_keypoints, driving_keypoints, wanted))

    def encode(self, source: Tensor) -> Tensor:
        """B C H W to the features that the flow moves, B C' H/2^n W/2^n; they depend on the source alone."""
        x: Tensor = self.first(source)
        for block in self.down_blocks:
            x = block(x)
        return x

    def decode(self, features: Tensor) -> Tensor:
        """Moved features, B C' H/2^n W/2^n, to a picture, B C H W in [0, 1]."""
        x = self.bottleneck(features)
        for block in self.up_blocks:
            x = block(x)
        return at_least_float32(self.final(x)).sigmoid()


def hide(features: Tensor, occlusion: Tensor | None) -> Tensor:
    """Multiply features by the occlusion map (arXiv 2003.00196, eq. 8).

    Args:
        features: B C h' w'.
        occlusion: B 1 h w, resized to the features; None leaves them as they are.
    """
    if occlusion is None:
        return features
    return features * _fit(occlusion, features).to(features.dtype)


def move(image: Tensor, flow: Tensor, config: ModelConfig) -> Tensor:
    """Warp features by a flow.

    Args:
        image: B C H W.
        flow: B h w 2, (x, y) in absolute source coordinates; resized to the image.
        config: The model's, for how to sample.

    Returns:
        B C H W.
    """
    flow = resize_flow(flow, *image.shape[2:], exact=config.blend_warped)
    return warp(image, flow, align_corners=config.align_corners, padding=config.padding)


def compose(source: Tensor, decoded: Tensor | None, motion: Motion, config: ModelConfig) -> Generated:
    """The picture from what was decoded and, with ``blend_warped``, the warped source: o·warped + (1-o)·decoded.

    Args:
        source: B C H W in [0, 1].
        decoded: B C H' W' in [0, 1]; None makes the warped source the picture, as in models without a decoder.
        motion: Batch B.
        config: The model's.
    """
    flow = motion.flow if motion.fine is None else motion.fine
    flow = resize_flow(flow, *source.shape[2:], exact=config.blend_warped)
    deformed = warp(
        source, flow, align_corners=config.align_corners, padding=config.padding, interpolation=config.interpolation
    )
    if config.interpolation == "bicubic":
        deformed = deformed.clamp(0, 1)  # beside edges it overshoots
    image = deformed if decoded is None else decoded
    if config.decoder == "none":
        assert motion.occlusion is not None, "the configuration asks for an occlusion map"
        image = with_background(deformed, motion.flow, motion.mask[:, :1], motion.occlusion)
    if config.blend_warped and decoded is not None:
        assert motion.occlusion is not None, "the configuration asks for an occlusion map"
        image = torch.lerp(_fit(decoded, source), deformed, _fit(motion.occlusion, source))
    return Generated(image, motion.occlusion, motion.flow, motion.mask, deformed)


def _fit(maps: Tensor, like: Tensor) -> Tensor:
    """``maps`` resized bilinearly to the height and width of ``like``."""
    if maps.shape[2:] == like.shape[2:]:
        return maps
    # So resized three times as fast on CPUs as in channels_last.
    return F.interpolate(maps.contiguous(), size=like.shape[2:], mode="bilinear", align_corners=False)
