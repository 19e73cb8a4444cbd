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
from dataclasses import dataclass, replace
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from motionkit.fast.blocks import FastHourglass, FastResBlock, channels_last
from motionkit.fast.convs import folded, folded_down, folded_up, join, narrowed, separated, split
from motionkit.fast.expected import ExpectedConv, pays
from motionkit.fast.int8 import Int8Bottleneck, Steps
from motionkit.fast.motion import FastMotion
from motionkit.fast.packed import pack
from motionkit.modules.blocks import Hourglass, ResBlock
from motionkit.modules.dense_motion import Motion
from motionkit.modules.expectation import expectation, expected_places
from motionkit.modules.eyes import SIDE, EyeFinder
from motionkit.modules.first_order import FirstOrderModel
from motionkit.modules.generator import Generator, compose, hide, move
from motionkit.modules.grid import identity_grid, softmax
from motionkit.modules.keypoint_detector import KeypointDetector
from motionkit.modules.mouth import SIDE as MOUTH_SIDE
from motionkit.modules.mouth import MouthPainter
from motionkit.structures import Generated, Keypoints

__all__ = ["EncodedSource", "FastModel"]


@dataclass(frozen=True, slots=True)
class EncodedSource:
    """All that depends on a source alone and takes time: compute it once, generate any number of frames from it.

    Attributes:
        picture: B 3 H W float32 in [0, 1], the source as given.
        features: B C h' w', what the flow moves; C is 0 in models without a decoder.
        small: B 3 h w float32, what the dense motion sees.
        steps: What an 8-bit integer is worth at each place of the bottleneck, for all B; None without such integers.
    """

    picture: Tensor
    features: Tensor
    small: Tensor
    steps: tuple[Steps, ...] | None = None

    def __len__(self) -> int:
        return self.picture.shape[0]

    def __getitem__(self, index: slice) -> EncodedSource:
        """Return part of the batch."""
        return EncodedSource(self.picture[index], self.features[index], self.small[index], self.steps)

    def expand(self, batch: int) -> EncodedSource:
        """Return a view with B items.

        Args:
            batch: B; the source must have 1 item or B.
        """
        picture, features, small = (
            part.expand(batch, -1, -1, -1) for part in (self.picture, self.features, self.small)
        )
        return EncodedSource(picture, features, small, self.steps)


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
        self.motion = FastMotion(generator.dense_motion_network, dense_side, size)
        self.decoder: nn.Module | None = None
        if self.config.decoder == "full":
            self._add_decoder(generator, size, int8=int8)
        self.mouth: MouthPainter | None = generator.mouth
        if self.mouth is not None:
            self.mouth.predictor = FastHourglass(cast(Hourglass, self.mouth.predictor), MOUTH_SIDE)
        self.to(memory_format=torch.channels_last)
        pack(self)

    def _add_decoder(self, generator: Generator, size: int, *, int8: bool) -> None:
        """And the encoder before it."""
        downs, ups = generator.down_blocks, generator.up_blocks
        side = size if self.dtype == torch.float32 else 0  # Winograd's form loses too much in a short type
        first = folded(generator.first, side)
        self.encoder = nn.Sequential(first, *(folded_down(block, side >> i) for i, block in enumerate(downs)))
        side = 0 if int8 else side >> len(downs)
        self.bottleneck: nn.Module = nn.Sequential(
            *(FastResBlock(cast(ResBlock, block), side) for block in generator.bottleneck)
        )
        if int8:
            self.bottleneck = Int8Bottleneck(self.bottleneck)
        up_sides = (size >> i for i in range(len(ups), 0, -1))
        self.decoder = nn.Sequential(*map(folded_up, ups, up_sides), split(generator.final))
        for part in (self.encoder, self.decoder) if int8 else (self.encoder, self.bottleneck, self.decoder):
            part.to(self.dtype)

    def detect(self, images: Tensor) -> Keypoints:
        """As ``FirstOrderModel.detect``, without checks.

        Args:
            images: B 3 H W in [0, 1].
        """
        keypoints: Keypoints = self.detector(channels_last(images))
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
        features, steps = seen[:, :0], None
        if self.decoder is not None:
            features = self.encoder(channels_last(seen).to(self.dtype))
            steps = self.bottleneck.measure(features) if isinstance(self.bottleneck, Int8Bottleneck) else None
        return EncodedSource(channels_last(source), features, self.motion.shrink(seen), steps)

    def generate(self, source: EncodedSource, source_keypoints: Keypoints, driving_keypoints: Keypoints) -> Generated:
        """As ``FirstOrderModel.generate``, from an encoded source, without checks.

        Args:
            source: Batch B.
            source_keypoints: Batch B.
            driving_keypoints: Batch B.
        """
        motion = self.motion(source.small, source_keypoints, driving_keypoints)
        decoded = None if self.decoder is None else self._decoded(self.decoder, source, motion)
        generated = compose(source.picture, decoded, motion, self.config)
        if self.mouth is None:
            return generated
        return replace(generated, image=self.mouth(generated.image, source_keypoints, driving_keypoints))

    def _decoded(self, decoder: nn.Module, source: EncodedSource, motion: Motion) -> Tensor:
        features = move(source.features, motion.flow, self.config)
        features = hide(features, None if motion.occlusion is None else motion.occlusion.to(self.dtype))
        given = () if source.steps is None else (source.steps,)
        features = self.bottleneck(channels_last(features), *given)
        result: Tensor = decoder(features.to(self.dtype)).float().sigmoid()
        return result


class _FastDetector(nn.Module):
    """Keypoint and Jacobian maps from one convolution, or no Jacobian maps but their expectations."""

    def __init__(self, detector: KeypointDetector, side: int) -> None:
        super().__init__()
        self.down = separated(getattr(detector, "down", nn.Identity()))
        self.hourglass = FastHourglass(detector.predictor, side)
        self.num_kp, self.temperature = detector.num_kp, detector.temperature
        jacobian = detector.jacobian
        self.jacobian = None
        if jacobian is not None and pays(jacobian, detector.num_kp):
            self.jacobian, jacobian = ExpectedConv(jacobian, detector.num_kp), None
        self.maps = narrowed(join(detector.kp, jacobian))
        self.eyes: EyeFinder | None = detector.eyes
        if self.eyes is not None:
            self.eyes.predictor = FastHourglass(cast(Hourglass, self.eyes.predictor), SIDE)

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
