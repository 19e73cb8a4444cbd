"""From maps of scores to places: the expectation under a softmax over positions, and how sure it is.

Legend: B batch, K keypoints, h w size of the maps.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from motionkit.modules.grid import identity_grid, softmax
from motionkit.structures import Keypoints

__all__ = ["EVEN_SPREAD", "expectation", "expected_places"]

EVEN_SPREAD = math.sqrt(2 / 3)  # root mean square distance from the middle of places even in [-1, 1]²


def expectation(logits: Tensor, jacobian_maps: Tensor | None, temperature: float) -> Keypoints:
    """Expected position and Jacobian under the softmax over positions of logits/temperature, and how sure they are.

    The confidence is 1 - s/s_U: s is the root mean square distance of the places from their expectation, s_U that of
    places spread evenly over the picture.

    Args:
        logits: B K h w.
        jacobian_maps: B 4·K h w, or B 4 h w shared by all keypoints, row-major 2×2; or None.
        temperature: Of the softmax.

    Returns:
        Keypoints of batch B.
    """
    b, k, h, w = logits.shape
    probability = softmax(logits.flatten(2) / temperature, dim=2)  # B K hw
    value, confidence = expected_places(probability, identity_grid(h, w, like=logits).view(1, h * w, 2))
    if jacobian_maps is None:
        return Keypoints(value, confidence=confidence)
    maps = jacobian_maps.reshape(b, -1, 4, h * w)  # B K|1 4 hw
    jacobian = (maps @ probability[..., None]).view(b, k, 2, 2)
    return Keypoints(value, jacobian, confidence)


def expected_places(probability: Tensor, grid: Tensor) -> tuple[Tensor, Tensor]:
    """Expected position, and how sure it is; see ``expectation``.

    Args:
        probability: B K hw.
        grid: 1 hw 2, the places.

    Returns:
        B K 2 and B K.
    """
    value = probability @ grid
    with torch.no_grad():
        variance = (probability @ grid.square().sum(2, keepdim=True))[..., 0] - value.square().sum(2)
        confidence = (1 - variance.clamp(min=0).sqrt() / EVEN_SPREAD).clamp(min=0)
    return value, confidence
