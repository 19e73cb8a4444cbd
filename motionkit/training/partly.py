"""A detector that learns to find some of its keypoints, and finds the others as before.

What it has learned of photographs it forgets when it is trained on: it finds points in rendered heads ever better, and
in real ones worse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from motionkit.modules.keypoint_detector import KeypointDetector

__all__ = ["learn_only"]


def learn_only(detector: KeypointDetector, keypoints: Sequence[int]) -> None:
    """Let nothing learn but the maps by which some keypoints are found, probabilities and Jacobians.

    Args:
        detector: Has a Jacobian map for each keypoint, or none. Its batch norms must be kept in eval mode.
        keypoints: Their indices.
    """
    detector.requires_grad_(False)
    rows = torch.zeros(detector.num_kp, dtype=torch.bool)
    rows[list(keypoints)] = True
    for head, maps in ((detector.kp, 1), (detector.jacobian, 4)):
        if head is None:
            continue
        learning = rows.repeat_interleave(maps)
        for weights in head.parameters():
            weights.requires_grad_(True)
            weights.register_hook(_only(learning))


def _only(rows: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    """A hook that takes a gradient away where a row is not to learn; Adam moves nothing that never had one."""

    def keep(gradient: torch.Tensor) -> torch.Tensor:
        shape = (-1, *[1] * (gradient.ndim - 1))
        return gradient * rows.to(gradient).view(shape)

    return keep
