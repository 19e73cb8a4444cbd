"""Points of one's own, such as landmarks that were labelled in the source, carried along by a result's motion.

Legend: N points, B results, K keypoints; (x, y) in [-1, 1].
"""

from __future__ import annotations

import torch

from motionkit.motion import affine
from motionkit.structures import Keypoints

__all__ = ["carry_points"]

# As wide as the heatmaps of the dense motion network, by which a place listens to the keypoints around it.
VARIANCE = 0.01


def carry_points(points: torch.Tensor, source: Keypoints, moved: Keypoints) -> torch.Tensor:
    """Move points of the source to where a result shows them, by the motion that made it.

    Near a keypoint the model takes what a result shows at z from p_S + J_S · J_D⁻¹ · (z - p_D) of the source
    (arXiv 2003.00196, equation 4). This is its inverse, z = p_D + J_D · J_S⁻¹ · (q - p_S), as the mean over the
    keypoints, weighted by a Gaussian of the distance from q to p_S. It also answers for points that are hidden. A
    keypoint without a Jacobian, or with a singular one, only shifts what is near it.

    Args:
        points: N 2, q, in the source.
        source: The source's keypoints, batch 1, as ``Model.detect`` gives them.
        moved: Keypoints of the results, batch B, as ``Model.generate`` was given them.

    Returns:
        B N 2.
    """
    offset = points[:, None] - source.value[0]  # N K 2
    if source.jacobian is None or moved.jacobian is None:
        turned = offset[None]
    else:
        inverse, regular = affine.inverse(source.jacobian)
        linear = torch.where(regular, moved.jacobian @ inverse, torch.eye(2).to(points))  # B K 2 2
        turned = (linear[:, None] @ offset[None, ..., None])[..., 0]
    share = torch.softmax(offset.square().sum(-1) * (-0.5 / VARIANCE), dim=-1)  # N K
    carried: torch.Tensor = (share[..., None] * (moved.value[:, None] + turned)).sum(-2)
    return carried
