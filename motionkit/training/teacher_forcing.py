"""Which keypoints the generator sees in training where data carries the true ones: predicted, true, or moved truly.

Legend: B batch, K keypoints.
"""

from __future__ import annotations

import torch
from torch import Tensor

from motionkit.data.batch import Truth, sample_rng
from motionkit.motion import affine
from motionkit.structures import Keypoints

__all__ = ["moved_truly", "seen_keypoints"]


def seen_keypoints(
    source: Keypoints, driving: Keypoints, truth: Truth, seeds: Tensor, *, true_keypoints: float, true_motion: float
) -> tuple[Keypoints, Keypoints]:
    """Choose source and driving keypoints for the generator.

    Args:
        source: B K, predicted.
        driving: B K, predicted.
        truth: The pairs' true keypoints; Jacobians that it does not know stay the predicted ones.
        seeds: B int64; what is drawn for a pair follows from its seed alone.
        true_keypoints: Share of the pairs that get the true ones, in [0, 1].
        true_motion: Share of the pairs whose predicted source keypoints are moved truly; all others get predicted ones.

    Returns:
        Source and driving keypoints, each B K, without gradients.
    """
    draw = torch.tensor([sample_rng(seed, purpose=2).random() for seed in seeds.tolist()])
    draw = draw.to(driving.value.device)
    source, driving = source.detach(), driving.detach()
    moved = (draw >= true_keypoints) & (draw < true_keypoints + true_motion)
    driving = _choose(moved, moved_truly(source, truth), driving)
    true = draw < true_keypoints
    return _choose(true, truth.source, source), _choose(true, truth.driving, driving)


def moved_truly(source: Keypoints, truth: Truth) -> Keypoints:
    """Move predicted source keypoints as the true ones move.

    What ``motion.transfer`` does with one reference for all, here with one for each pair and without adapting scales:
    p = p_S + (p*_D - p*_S) and J = (J*_D · J*_S⁻¹) · J_S; a keypoint whose J*_S is singular keeps J_S.

    Args:
        source: B K, p_S and J_S.
        truth: p*_S, p*_D and their Jacobians.

    Returns:
        B K, p and J.
    """
    value = source.value + (truth.driving.value - truth.source.value).to(source.value)
    jacobian = source.jacobian
    if jacobian is not None and truth.source.jacobian is not None and truth.driving.jacobian is not None:
        base = truth.source.jacobian.to(value)
        inverse, _ = affine.inverse(base)
        jacobian = jacobian + (truth.driving.jacobian.to(value) - base) @ inverse @ jacobian
    return Keypoints(value, jacobian)


def _choose(use: Tensor, one: Keypoints, other: Keypoints) -> Keypoints:
    """``one`` where ``use`` (B bool) says so and as far as it is known, the ``other`` elsewhere."""
    value = torch.where(use[:, None, None], one.value.to(other.value), other.value)
    jacobian = other.jacobian
    if jacobian is not None and one.jacobian is not None:
        jacobian = torch.where(use[:, None, None, None], one.jacobian.to(value), jacobian)
    return Keypoints(value, jacobian)
