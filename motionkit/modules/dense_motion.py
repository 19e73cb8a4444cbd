"""The dense-motion network: from K sparse motions to one flow, with a map of what the source does not show.

Legend: B batch, C channels, K keypoints, H W picture size, h w size of the motion (a quarter of the picture, usually).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn

from motionkit.config import ModelConfig
from motionkit.modules.blocks import Hourglass
from motionkit.modules.eyes import eye_indices, follow_eyes
from motionkit.modules.grid import AntiAliasDown, at_least_float32, gaussian, identity_grid, resize_flow, softmax, warp
from motionkit.modules.landing import Landing
from motionkit.structures import Keypoints

__all__ = ["DenseMotion", "Motion", "Moving", "affine_motions", "heatmap_difference", "inverse", "with_eyes"]


@dataclass(frozen=True, slots=True)
class Motion:
    """A dense motion.

    Attributes:
        flow: B h w 2, (x, y) in absolute source coordinates in [-1, 1].
        mask: B K+1 h w, which motion moves each place; the first is the background; sums to 1. What keypoints do
            beyond it, in models in which they land, is in the flow alone. K counts those in ``ModelConfig.moving``.
        occlusion: B 1 h w in [0, 1] (1 visible in the source), or None for models without an occlusion map.
        fine: B H W 2, the flow for the picture itself; None is this flow, resized.
    """

    flow: Tensor
    mask: Tensor
    occlusion: Tensor | None
    fine: Tensor | None = None


def affine_motions(source: Keypoints, driving: Keypoints) -> tuple[Tensor, Tensor]:
    """The K local motions T(z) = p_S + A·(z - p_D) with A = J_S·J_D⁻¹ (arXiv 2003.00196, eq. 4), as T(z) = A·z + t.

    Args:
        source: Batch B, p_S and J_S.
        driving: Batch B, p_D and J_D.

    Returns:
        A (B K 2 2) and t (B K 2). Without Jacobians A is the identity.
    """
    if source.jacobian is None or driving.jacobian is None:
        eye = torch.eye(2, dtype=driving.value.dtype, device=driving.value.device)
        linear = eye.expand(*driving.value.shape, 2)
    else:
        linear = source.jacobian @ inverse(driving.jacobian)
    offset = source.value - (linear @ driving.value[..., None])[..., 0]
    return linear, offset


def inverse(matrix: Tensor) -> Tensor:
    """Inverse of ... 2 2 matrices in closed form: no library call that waits for the device or raises.

    A singular one gives huge finite values, which send that keypoint's motion out of the picture and nothing else.

    Args:
        matrix: ... 2 2.
    """
    (a, b), (c, d) = (row.unbind(-1) for row in matrix.unbind(-2))
    determinant = a * d - b * c
    least = torch.full_like(determinant, 1e-9).copysign(determinant)
    determinant = torch.where(determinant.abs() < 1e-9, least, determinant)
    adjugate = torch.stack([torch.stack([d, -b], -1), torch.stack([-c, a], -1)], -2)
    return adjugate / determinant[..., None, None]


def heatmap_difference(source: Keypoints, driving: Keypoints, grid: Tensor, variance: float) -> Tensor:
    """Gaussians around the driving points minus those around the source's (arXiv 2003.00196, eq. 6).

    Args:
        source: Batch B.
        driving: Batch B.
        grid: 1 h w 2.
        variance: Of the Gaussians, in squared units of the grid.

    Returns:
        B K h w.
    """
    return gaussian(driving.value, grid, variance) - gaussian(source.value, grid, variance)


class Moving(nn.Module):
    """Chooses the keypoints whose motions are blended.

    Args:
        config: The whole model's configuration.
    """

    indices: Tensor | None

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        some = len(config.moving) < config.num_kp
        # A device of its own, as for eyes.
        indices = torch.tensor(config.moving, device="cpu") if some else None
        self.register_buffer("indices", indices, persistent=False)

    def forward(self, keypoints: Keypoints) -> Keypoints:
        """All keypoints to those, without confidence."""
        if self.indices is None:
            return keypoints
        jacobian = keypoints.jacobian
        jacobian = None if jacobian is None else jacobian.index_select(1, self.indices)
        return Keypoints(keypoints.value.index_select(1, self.indices), jacobian)


class DenseMotion(nn.Module):
    """Source picture and two sets of keypoints to a dense motion (arXiv 2003.00196, section 3.2).

    Args:
        config: The whole model's configuration.
    """

    eyes: Tensor | None

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        part = config.dense_motion
        self.kp_variance = part.kp_variance
        self.warp = partial(warp, align_corners=config.align_corners, padding=config.padding)
        if part.scale_factor != 1:
            self.down = AntiAliasDown(config.num_channels, part.scale_factor)
        self.planes = config.num_channels + 1  # that are seen of each motion: the picture moved by it, and its heatmap
        self.moving, motions = Moving(config), len(config.moving) + 1
        inputs = motions * self.planes
        self.hourglass = Hourglass(part.block_expansion, inputs, part.num_blocks, part.max_features)
        self.own = self.hourglass.out_channels - inputs
        self.skip = nn.Conv2d(inputs, part.skip_features, 1) if part.skip_features else None
        features = self.own + (part.skip_features or inputs)
        self.mask = nn.Conv2d(features, motions, 7, padding=3)
        self.occlusion: nn.Conv2d | None = None
        if config.generator.estimate_occlusion_map:
            self.occlusion = nn.Conv2d(features, 1, 7, padding=3)
        self.is_fine = config.blend_warped
        self.landing = Landing(config) if config.landing == "exact" else None
        self.register_buffer("eyes", eye_indices(config) if config.eyes == "close" else None, persistent=False)

    def forward(self, source: Tensor, source_keypoints: Keypoints, driving_keypoints: Keypoints) -> Motion:
        """Estimate how the source must move to be in the driving pose.

        Args:
            source: B C H W in [0, 1].
            source_keypoints: Batch B.
            driving_keypoints: Batch B.
        """
        small = self.down(source) if hasattr(self, "down") else source  # B C h w
        b, c, h, w = small.shape
        grid = identity_grid(h, w, like=source)  # 1 h w 2

        there, here = self.moving(source_keypoints), self.moving(driving_keypoints)
        heatmaps = heatmap_difference(there, here, grid, self.kp_variance)
        heatmaps = torch.cat([torch.zeros_like(heatmaps[:, :1]), heatmaps], dim=1)  # B K+1 h w

        # The spelled-out form of eq. 4, so that equal keypoints give the identity to the last bit or nearly.
        # Autocast would multiply places in half precision, here and where the mask blends them.
        with torch.autocast(source.device.type, enabled=False):
            linear, _ = affine_motions(there, here)
            from_point = grid.view(1, 1, h * w, 2) - here.value[:, :, None]  # B K hw 2
            moved = from_point @ linear.transpose(-1, -2) + there.value[:, :, None]
            moved = moved.view(*linear.shape[:2], h, w, 2)
        motions = torch.cat([grid[:, None].expand(b, 1, h, w, 2), moved], dim=1)  # B K+1 h w 2

        k1 = motions.shape[1]
        repeated = small[:, None].expand(b, k1, c, h, w).reshape(b * k1, c, h, w)
        deformed = self.warp(repeated, motions.view(b * k1, h, w, 2))
        inputs = torch.cat([heatmaps[:, :, None], deformed.view(b, k1, c, h, w)], dim=2)  # B K+1 1+C h w

        inputs = inputs.view(b, k1 * (c + 1), h, w)
        features = self.hourglass(inputs)
        if self.skip is not None:
            features = torch.cat([features[:, : self.own], self.skip(inputs)], 1)
        mask = softmax(at_least_float32(self.mask(features)), dim=1)
        with torch.autocast(source.device.type, enabled=False):
            flow = torch.einsum("bkhw,bkhwc->bhwc", mask, motions)
            if self.landing is not None:
                flow = self.landing(flow, source_keypoints, driving_keypoints)
        occlusion = None if self.occlusion is None else at_least_float32(self.occlusion(features)).sigmoid()
        motion = Motion(flow, mask, occlusion)
        if self.eyes is None:
            return motion
        size = source.shape[2:] if self.is_fine else None
        return with_eyes(motion, source_keypoints, driving_keypoints, self.eyes, size)


def with_eyes(
    motion: Motion, source: Keypoints, driving: Keypoints, eyes: Tensor, size: Sequence[int] | None
) -> Motion:
    """The motion with its flow corrected at the eyes; see ``eyes.follow_eyes``.

    Args:
        motion: Batch B.
        source: Batch B.
        driving: Batch B.
        eyes: Indices, as ``eyes.eye_indices`` gives them.
        size: H W of a flow for the picture itself, in which eyes are larger: it alone is corrected. Without, ``flow``
            is, for models that move features and no picture.
    """
    with torch.autocast(motion.flow.device.type, enabled=False):
        if size is None:
            return replace(motion, flow=follow_eyes(motion.flow, source, driving, eyes))
        fine = resize_flow(motion.flow, size[0], size[1], exact=True)
        return replace(motion, fine=follow_eyes(fine, source, driving, eyes))
