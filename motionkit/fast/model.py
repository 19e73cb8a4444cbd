"""The inference form of a model: the same pictures, with nothing computed twice.

Against the trained form: what depends on the source alone is computed once a source; batch norms are folded into
convolutions; "double, then convolve" is its exact sub-pixel equivalent where that is faster; wide convolutions on CPUs
take Winograd's form, and the last one goes down, then across; local motions stay affine maps instead of a matrix for
every pixel; convolutions that read the same features are one, and where a convolution's outputs only serve an
expectation, that is found without them; on CPUs weights are kept in the order that is computed
in; memory is channels_last. Encoder and decoder may run in bfloat16 or float16, and the decoder's bottleneck in 8-bit
integers; everything that decides where things go stays in float32.

Legend: B batch, C channels, K keypoints, H W picture size, h w size of the motion.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from motionkit.fast.convs import folded, folded_down, folded_up, join, narrowed, picked, quick, separated, split
from motionkit.fast.expected import ExpectedConv, pays
from motionkit.fast.int8 import Int8Bottleneck, Steps
from motionkit.fast.packed import pack
from motionkit.modules.blocks import DownBlock, Hourglass, ResBlock
from motionkit.modules.dense_motion import DenseMotion, Motion, affine_motions, gazing
from motionkit.modules.expectation import expectation, expected_places
from motionkit.modules.eyes import SIDE, EyeFinder
from motionkit.modules.first_order import FirstOrderModel
from motionkit.modules.generator import compose, hide, move
from motionkit.modules.grid import LEAST_EXPONENT, identity_grid, softmax
from motionkit.modules.keypoint_detector import KeypointDetector
from motionkit.structures import Generated, Keypoints

__all__ = ["EncodedSource", "FastModel"]


@dataclass(frozen=True, slots=True)
class EncodedSource:
    """All that depends on a source alone and takes time: compute it once, generate any number of frames from it.

    Attributes:
        picture: B 3 H W float32 in [0, 1], the source as given.
        features: B C h' w', what the flow moves.
        small: B 3 h w float32, what the dense motion sees.
        seen: B 3 H' W' float32, what the networks see; None where nothing else needs it.
        steps: What an 8-bit integer is worth at each place of the bottleneck, for all B; None without such integers.
    """

    picture: Tensor
    features: Tensor
    small: Tensor
    seen: Tensor | None = None
    steps: tuple[Steps, ...] | None = None

    def __len__(self) -> int:
        return self.picture.shape[0]

    def __getitem__(self, index: slice) -> EncodedSource:
        """Return part of the batch."""
        seen = None if self.seen is None else self.seen[index]
        return EncodedSource(self.picture[index], self.features[index], self.small[index], seen, self.steps)

    def expand(self, batch: int) -> EncodedSource:
        """Return a view with B items.

        Args:
            batch: B; the source must have 1 item or B.
        """
        picture, features, small = (
            part.expand(batch, -1, -1, -1) for part in (self.picture, self.features, self.small)
        )
        seen = None if self.seen is None else self.seen.expand(batch, -1, -1, -1)
        return EncodedSource(picture, features, small, seen, self.steps)


class FastModel(nn.Module):
    """A snapshot of a FirstOrderModel, made for inference; later changes of the weights do not reach it.

    Args:
        reference: The trained form, in eval mode.
        dtype: Of encoder and decoder.
        int8: Whether the decoder's bottleneck computes in 8-bit integers.
    """

    def __init__(self, reference: FirstOrderModel, dtype: torch.dtype = torch.float32, *, int8: bool = False) -> None:
        super().__init__()
        # Folding must not touch the trained form, which may be trained on.
        trained = copy.deepcopy(reference).eval().requires_grad_(False)
        self.config = trained.config
        self.dtype = dtype
        generator, size = trained.generator, self.config.size
        self.detector = _FastDetector(trained.kp_detector, round(size * self.config.kp_detector.scale_factor))
        dense_side = round(size * self.config.dense_motion.scale_factor)
        self.motion = _FastMotion(generator.dense_motion_network, dense_side)
        downs, ups = generator.down_blocks, generator.up_blocks
        side = size if dtype == torch.float32 else 0  # Winograd's form loses too much in a short type
        first = folded(generator.first, side)
        self.encoder = nn.Sequential(first, *(folded_down(block, side >> i) for i, block in enumerate(downs)))
        side = 0 if int8 else side >> len(downs)
        self.bottleneck: nn.Module = nn.Sequential(
            *(_FastResBlock(cast(ResBlock, block), side) for block in generator.bottleneck)
        )
        if int8:
            self.bottleneck = Int8Bottleneck(self.bottleneck)
        up_sides = (size >> i for i in range(len(ups), 0, -1))
        self.decoder = nn.Sequential(*map(folded_up, ups, up_sides), split(generator.final))
        for part in (self.encoder, self.decoder) if int8 else (self.encoder, self.bottleneck, self.decoder):
            part.to(dtype)
        self.to(memory_format=torch.channels_last)
        pack(self)

    def detect(self, images: Tensor) -> Keypoints:
        """As ``FirstOrderModel.detect``, without checks.

        Args:
            images: B 3 H W in [0, 1].
        """
        keypoints: Keypoints = self.detector(_channels_last(images))
        return keypoints

    def encode(self, source: Tensor) -> EncodedSource:
        """Compute everything that depends on the source alone.

        Args:
            source: B 3 H W in [0, 1].
        """
        seen = source
        if self.config.blend_warped:
            size = (self.config.size, self.config.size)
            seen = F.interpolate(source, size=size, mode="bilinear", antialias=True)
        features = self.encoder(_channels_last(seen).to(self.dtype))
        steps = self.bottleneck.measure(features) if isinstance(self.bottleneck, Int8Bottleneck) else None
        kept = _channels_last(seen) if self.motion.upsampling is not None else None
        return EncodedSource(_channels_last(source), features, self.motion.shrink(seen), kept, steps)

    def generate(self, source: EncodedSource, source_keypoints: Keypoints, driving_keypoints: Keypoints) -> Generated:
        """As ``FirstOrderModel.generate``, from an encoded source, without checks.

        Args:
            source: Batch B.
            source_keypoints: Batch B.
            driving_keypoints: Batch B.
        """
        motion = self.motion(source, source_keypoints, driving_keypoints)
        features = move(source.features, motion.flow, self.config)
        features = hide(features, None if motion.occlusion is None else motion.occlusion.to(self.dtype))
        given = () if source.steps is None else (source.steps,)
        features = self.bottleneck(_channels_last(features), *given)
        decoded = self.decoder(features.to(self.dtype)).float().sigmoid()
        return compose(source.picture, decoded, motion, self.config)


class _FastDetector(nn.Module):
    """Keypoint and Jacobian maps from one convolution, or no Jacobian maps but their expectations."""

    def __init__(self, detector: KeypointDetector, side: int) -> None:
        super().__init__()
        self.down = separated(getattr(detector, "down", nn.Identity()))
        self.hourglass = _FastHourglass(detector.predictor, side)
        self.num_kp, self.temperature = detector.num_kp, detector.temperature
        jacobian = detector.jacobian
        self.jacobian = None
        if jacobian is not None and pays(jacobian, detector.num_kp):
            self.jacobian, jacobian = ExpectedConv(jacobian, detector.num_kp), None
        self.maps = narrowed(join(detector.kp, jacobian))
        self.eyes: EyeFinder | None = detector.eyes
        if self.eyes is not None:
            self.eyes.predictor = _FastHourglass(cast(Hourglass, self.eyes.predictor), SIDE)

    def forward(self, images: Tensor) -> Keypoints:
        keypoints = self._find(images)
        return keypoints if self.eyes is None else self.eyes(images, keypoints)

    def _find(self, images: Tensor) -> Keypoints:
        features = self.hourglass(self.down(images))
        maps = self.maps(features)
        if self.jacobian is not None:
            (b, k, h, w), grid = maps.shape, identity_grid(*maps.shape[2:], like=maps)
            probability = softmax(maps.flatten(2) / self.temperature, dim=2)
            value, confidence = expected_places(probability, grid.view(1, h * w, 2))
            return Keypoints(value, self.jacobian(features, probability).view(b, k, 2, 2), confidence)
        jacobians = maps[:, self.num_kp :] if maps.shape[1] > self.num_kp else None
        return expectation(maps[:, : self.num_kp], jacobians, self.temperature)


class _FastMotion(nn.Module):
    """Dense motion from the source as the motion sees it; mask and occlusion from one convolution."""

    eyes: Tensor | None

    def __init__(self, dense: DenseMotion, side: int) -> None:
        super().__init__()
        self.shrink = separated(getattr(dense, "down", nn.Identity()))
        maps = join(dense.mask, dense.occlusion)
        first = cast(DownBlock, dense.hourglass.encoder.down_blocks[0])
        # As they are made here: heatmaps without the background's, which is empty; then colour by colour.
        inputs = torch.arange(first.conv.in_channels).view(dense.mask.out_channels, -1)
        order = torch.cat([inputs[1:, 0], inputs[:, 1:].t().flatten()])
        first.conv = picked(first.conv, order)
        above = maps.in_channels - inputs.numel()
        self.hourglass = _FastHourglass(dense.hourglass, side, last=False)
        self.maps = narrowed(picked(maps, torch.arange(above)))
        self.seen = narrowed(picked(maps, above + order, bias=False))
        self.kp_variance, self.warp = dense.kp_variance, dense.warp
        self.upsampling, self.landing = dense.upsampling, dense.landing
        self.learned = dense.upsampling is not None and dense.upsampling.learned
        self.register_buffer("eyes", dense.eyes, persistent=False)

    def forward(self, encoded: EncodedSource, source: Keypoints, driving: Keypoints) -> Motion:
        small = encoded.small
        b, c, h, w = small.shape
        grid = identity_grid(h, w, like=small)  # 1 h w 2
        heatmaps = self._heatmaps(driving, grid) - self._heatmaps(source, grid)  # B K h w

        linear, offset = affine_motions(source, driving)
        k = linear.shape[1]
        # T(z) = A·z + t for all z at once: one small product, no matrix for each pixel.
        moved = grid.view(1, 1, h * w, 2) @ linear.transpose(-1, -2) + offset[:, :, None]  # B K hw 2
        motions = torch.cat([grid.view(1, 1, h * w, 2).expand(b, -1, -1, -1), moved], dim=1)  # B K+1 hw 2

        # One picture under all motions at once, without a copy of it for each.
        deformed = self.warp(small, motions.view(b, (k + 1) * h, w, 2)).view(b, c * (k + 1), h, w)
        inputs = _channels_last(torch.cat([heatmaps, deformed], dim=1))
        # The last skip connection is the input itself: two convolutions added, instead of one of both side by side.
        features = self.hourglass(inputs)
        maps = self.maps(features).add_(self.seen(inputs))

        mask = maps[:, : k + 1].softmax(dim=1)
        occlusion = maps[:, k + 1 :].sigmoid() if maps.shape[1] > k + 1 else None
        flow = torch.einsum("bkn,bknc->bnc", mask.flatten(2), motions).view(b, h, w, 2)
        if self.landing is not None:
            flow = self.landing(flow, source, driving)
        fine = None
        if self.upsampling is not None and encoded.seen is not None and occlusion is not None:
            if self.learned:
                fine = self.upsampling(features, encoded.seen, flow, occlusion)
            else:
                fine = self.upsampling.resized(flow, occlusion)
        motion = Motion(flow, mask, occlusion, fine)
        return motion if self.eyes is None else gazing(motion, source, driving, self.eyes)

    def _heatmaps(self, keypoints: Keypoints, grid: Tensor) -> Tensor:
        """B K h w, as ``gaussian``: the product of a row and a column, with nothing so small that it is denormal."""
        scale = -0.5 / self.kp_variance
        x, y = (scale * (line - keypoints.value[..., i, None]).square() for i, line in _axes(grid))  # B K w, B K h
        x, y = (F.threshold(part, LEAST_EXPONENT, -torch.inf).exp() for part in (x, y))
        return y[..., :, None] * x[..., None, :]


def _axes(grid: Tensor) -> tuple[tuple[int, Tensor], tuple[int, Tensor]]:
    """(0, w places across) and (1, h places down) of a 1 h w 2 grid."""
    return (0, grid[0, 0, :, 0]), (1, grid[0, :, 0, 1])


class _FastHourglass(nn.Module):
    """A U-Net whose last skip connection, the input itself, may be left to who calls it."""

    def __init__(self, hourglass: Hourglass, side: int, *, last: bool = True) -> None:
        super().__init__()
        self.last = last
        self.downs = nn.ModuleList(folded_down(b, side >> i) for i, b in enumerate(hourglass.encoder.down_blocks))
        ups = hourglass.decoder.up_blocks
        self.ups = nn.ModuleList(folded_up(block, side >> (len(ups) - i)) for i, block in enumerate(ups))

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for down in self.downs:
            skips.append(x)
            x = down(x)
        for up in self.ups:
            x, skip = up(x), skips.pop()
            if skips or self.last:
                x = torch.cat([x, skip], dim=1)
        return x


class _FastResBlock(nn.Module):
    """The second batch norm folds into the first convolution; the first one stands before it and stays."""

    def __init__(self, block: ResBlock, side: int) -> None:
        super().__init__()
        self.norm = block.norm1
        first = quick(fuse_conv_bn_eval(block.conv1, block.norm2), side)
        self.convs = nn.Sequential(first, nn.ReLU(inplace=True), quick(block.conv2, side))

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.convs(F.relu_(self.norm(x)))
        return change.add_(x)


def _channels_last(x: Tensor) -> Tensor:
    if x.device.type != "cpu" or x.is_contiguous(memory_format=torch.channels_last) or not x.is_contiguous():
        return x.contiguous(memory_format=torch.channels_last)
    # On CPUs PyTorch transposes matrices block by block, and is twice as fast as with a batch of them.
    result = torch.empty_like(x, memory_format=torch.channels_last)
    for from_planes, to_places in zip(x.flatten(2), result.permute(0, 2, 3, 1).flatten(1, 2), strict=True):
        to_places.copy_(from_planes.t())
    return result
