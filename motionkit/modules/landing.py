"""Landing: a flow corrected so that brows, mouth, chin and shoulders come from where the source's keypoints are.

A dense-motion network blends motions, and a blend moves less than the one that is right: mouths opened half as far as
the driver's, though their keypoints were known. What is missing at keypoints is known, too, and is added around them.

Legend: B batch, K keypoints that land, h w size of a flow.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from motionkit.config import ModelConfig
from motionkit.config.networks import LANDING
from motionkit.modules.eyes import Eyes, eye_indices
from motionkit.modules.grid import LEAST_EXPONENT, identity_grid, sample_flow, shortened
from motionkit.structures import Keypoints

__all__ = ["Landing"]

# Of the body's keypoints, then of the face's: how far what is missing reaches around them (a standard deviation, as a
# share of the distance between the eyes), and how much of it is added. Shoulders are found less surely.
REACH, SHARE = (0.6, 0.3), (0.5, 1.0)
FURTHEST = 1.2  # standard deviations: what is missing counts up to here; beyond, the flow would fold
STEEPEST = 0.7  # what is missing at two keypoints differs by at most this share of how far they are apart
BORDER = 0.2  # in the picture's coordinates: so near to its edge, keypoints begin to count less
RIDGE = 0.1  # keypoints near each other need not both land exactly, which would take wild weights


class Landing(nn.Module):
    """Adds to a flow what is missing at keypoints; it learns nothing.

    With r_k their places in the driving pose and p_k in the source, the flow f becomes f(z) + Σ_k a_k·φ(|z - r_k|), φ a
    Gaussian and a_k so that p_k - f(r_k) is made up for: Gaussian radial basis functions with a ridge. Where keypoints
    move as the flow around them nothing changes.

    Args:
        config: The whole model's configuration.
    """

    eyes: Tensor
    body: Tensor
    face: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.register_buffer("eyes", eye_indices(config), persistent=False)
        for part, names in zip(("body", "face"), LANDING, strict=True):
            # A device of its own, as for eyes.
            indices = torch.tensor([config.keypoint_names.index(name) for name in names], device="cpu")
            self.register_buffer(part, indices, persistent=False)

    def forward(self, flow: Tensor, source: Keypoints, driving: Keypoints) -> Tensor:
        """B h w 2 in absolute source coordinates, and keypoints of batch B, to the corrected flow."""
        distance = Eyes.of(driving.value, self.eyes).distance  # B 1
        for indices, reach, share in zip((self.body, self.face), REACH, SHARE, strict=True):
            there, here = source.value[:, indices], driving.value[:, indices]  # B K 2
            missing = there - sample_flow(flow, here)
            # Of a keypoint beyond the border its place there is known, and no motion.
            inside = ((1 - torch.maximum(there.abs(), here.abs()).amax(-1)) / BORDER).clamp(0, 1)
            missing = _unfolded(inside[..., None] * missing, here, FURTHEST * reach * distance)
            flow = flow + spread(share * missing, here, reach * distance, flow)
        return flow


def _unfolded(missing: Tensor, points: Tensor, most: Tensor) -> Tensor:
    """What is missing, as far as the flow can make up for it and not fold: lips that would cross stay as they are.

    Args:
        missing: B K 2.
        points: B K 2.
        most: B 1.
    """
    missing = shortened(missing, most[..., None])
    differ, apart = ((x[:, :, None] - x[:, None]).norm(dim=-1) for x in (missing, points))  # B K K
    room = (STEEPEST * apart / differ.clamp(min=1e-12)).masked_fill(differ < 1e-9, 1)
    unfolded: Tensor = missing * room.amin((1, 2)).clamp(max=1)[:, None, None]
    return unfolded


def spread(values: Tensor, points: Tensor, reach: Tensor, flow: Tensor) -> Tensor:
    """Values at points as a smooth field that has them there, or nearly, and is 0 far from all.

    Args:
        values: B K 2.
        points: B K 2.
        reach: B 1, standard deviation of the Gaussians.
        flow: B h w 2, whose places it is asked for.

    Returns:
        B h w 2.
    """
    scale = -0.5 / reach.square()[..., None]  # B 1 1
    overlap = torch.exp(scale * (points[:, :, None] - points[:, None]).square().sum(-1))  # B K K
    system = overlap + RIDGE * torch.eye(points.shape[1], dtype=points.dtype, device=points.device)
    weights = _solved(system, values)
    # A Gaussian is the product of a row and a column: K numbers for each instead of h·w.
    grid = identity_grid(*flow.shape[1:3], like=flow)
    lines = (grid[0, 0, :, 0], grid[0, :, 0, 1])  # places across and down
    across, down = (
        torch.exp(F.threshold(scale * (line - points[..., axis, None]).square(), LEAST_EXPONENT, -torch.inf))
        for axis, line in enumerate(lines)
    )  # B K w, B K h
    planes = [down.transpose(1, 2) @ (across * weights[..., axis, None]) for axis in (0, 1)]
    return torch.stack(planes, -1)


def _solved(system: Tensor, values: Tensor) -> Tensor:
    """The solution of B K K equations for B K 2 values, without waiting for the device."""
    if system.device.type == "mps":  # older PyTorch has no such kernel there
        return _solved(system.cpu(), values.cpu()).to(system.device)
    solution: Tensor = torch.linalg.solve_ex(system, values)[0]
    return solution
