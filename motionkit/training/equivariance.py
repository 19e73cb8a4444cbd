"""Equivariance: what a known transform does to a picture, it must do to the keypoints too.

Source: arXiv 2003.00196, section 3.1 and supplementary.

Legend: B batch, K keypoints, N control points, H W picture size.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from motionkit.data.batch import sample_rng
from motionkit.modules.dense_motion import inverse
from motionkit.modules.grid import at_least_float32, identity_grid, warp
from motionkit.structures import Keypoints

__all__ = ["Transform", "equivariance_jacobian", "equivariance_value"]

EPSILON = 1e-6  # keeps the logarithm of the kernel finite at a control point


class Transform:
    """Smooth random maps of the plane, one a sample: T(z) = A·z + t + (1, 1)·Σ_n w_n·φ(|z - c_n|₁).

    A is the identity and t zero, both with normal noise; φ(r) = r²·log(r + 1e-6) is the thin-plate spline's kernel on
    the L1 distance to control points c_n, which lie on a regular grid over [-1, 1]²; one offset moves x and y alike.

    Args:
        affine: B 2 3, (A | t).
        weights: B N, w_n; N is a square number, row by row from (-1, -1).

    Attributes:
        affine: As given.
        weights: As given.
        control: 1 1 N 2, c_n in [-1, 1].
    """

    def __init__(self, affine: Tensor, weights: Tensor) -> None:
        side = round(weights.shape[1] ** 0.5)
        assert side * side == weights.shape[1], "control points fill a square"
        self.affine, self.weights = affine, weights
        self.control = identity_grid(side, side, like=weights).reshape(1, 1, -1, 2)  # 1 1 N 2

    @classmethod
    def random(cls, seeds: Tensor, *, sigma_affine: float, sigma_tps: float, points: int, like: Tensor) -> Transform:
        """Draw one transform for each seed.

        Args:
            seeds: B int64.
            sigma_affine: Standard deviation of the noise on A and t.
            sigma_tps: Standard deviation of the weights w_n.
            points: Control points along each side.
            like: Its device is taken, and its dtype, in at least float32.
        """
        rngs = [sample_rng(seed, purpose=1) for seed in seeds.tolist()]
        affine = np.stack([np.eye(2, 3) + sigma_affine * rng.standard_normal((2, 3)) for rng in rngs])
        weights = np.stack([sigma_tps * rng.standard_normal(points**2) for rng in rngs])
        dtype = torch.promote_types(like.dtype, torch.float32)
        return cls(*(torch.from_numpy(part).to(like.device, dtype) for part in (affine, weights)))

    def warp_points(self, points: Tensor) -> Tensor:
        """Compute T at B n 2 points in [-1, 1] (1 n 2 are shared by the batch): B n 2."""
        distance = (points[:, :, None] - self.control).abs().sum(-1)  # B n N
        kernel = distance.square() * torch.log(distance + EPSILON)
        offset = (kernel * self.weights[:, None]).sum(-1, keepdim=True)  # B n 1
        moved = (self.affine[:, None, :, :2] * points[:, :, None]).sum(-1)  # B n 2
        return moved + self.affine[:, None, :, 2] + offset

    def jacobian(self, points: Tensor) -> Tensor:
        """Compute T' at B n 2 points in closed form, B n 2 2: A + (1, 1)ᵀ·Σ_n w_n·φ'(r_n)·sign(z - c_n)."""
        difference = points[:, :, None] - self.control  # B n N 2
        distance = difference.abs().sum(-1)
        slope = distance * (2 * torch.log(distance + EPSILON) + distance / (distance + EPSILON))  # φ'
        gradient = ((self.weights[:, None] * slope)[..., None] * difference.sign()).sum(2)  # B n 2
        return self.affine[:, None, :, :2] + gradient[:, :, None]

    def warp_images(self, images: Tensor) -> Tensor:
        """Make B C H W that show at each place z what ``images`` show at T(z); beyond the border they are reflected."""
        b, _, h, w = images.shape
        grid = identity_grid(h, w, like=self.affine).reshape(1, h * w, 2)
        # Keypoints have pixel centres at ±1 whatever the model samples with, so this must, too.
        return warp(images, self.warp_points(grid).view(b, h, w, 2), align_corners=True, padding="reflection")


def equivariance_value(driving: Keypoints, transformed: Keypoints, transform: Transform) -> Tensor:
    """Mean |p_D - T(p_T)| over the keypoints.

    Args:
        driving: B K, p_D, the keypoints of some pictures.
        transformed: B K, p_T, those of ``transform.warp_images`` of the pictures.
        transform: T.

    Returns:
        A scalar, float32.
    """
    return (at_least_float32(driving.value) - transform.warp_points(transformed.value)).abs().mean()


def equivariance_jacobian(driving: Keypoints, transformed: Keypoints, transform: Transform) -> Tensor:
    """Mean |1 - J_D⁻¹·T'(p_T)·J_T| over the entries.

    Args:
        driving: B K with Jacobians J_D, the keypoints of some pictures.
        transformed: B K with Jacobians J_T, those of ``transform.warp_images`` of the pictures.
        transform: T.

    Returns:
        A scalar, float32.
    """
    assert driving.jacobian is not None, "this term compares Jacobians"
    assert transformed.jacobian is not None, "this term compares Jacobians"
    with torch.autocast(driving.value.device.type, enabled=False):
        chained = transform.jacobian(transformed.value) @ at_least_float32(transformed.jacobian)  # B K 2 2
        ratio = inverse(at_least_float32(driving.jacobian)) @ chained
        return (torch.eye(2).to(ratio) - ratio).abs().mean()
