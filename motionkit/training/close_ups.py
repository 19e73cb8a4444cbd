"""Close-ups of parts of a face, for losses that would lose a mouth in the whole picture.

Legend: B batch, K keypoints, H W picture size, G groups of keypoints, s side of a close-up in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from motionkit.structures import Keypoints

__all__ = ["close_ups"]


def close_ups(
    pictures: Sequence[Tensor], keypoints: Keypoints, groups: Sequence[Sequence[int]], share: float
) -> tuple[list[Tensor], Keypoints]:
    """Cut out squares around groups of keypoints, all pixels as they were, inside the picture.

    Args:
        pictures: Each B C H W, cut alike; gradients flow.
        keypoints: B K of those pictures, in [-1, 1].
        groups: G lists of indices of keypoints, each with a square around the middle of its points.
        share: Side of a square, as a share of the picture's shorter one, above 0 and at most 1.

    Returns:
        For each picture (B·G) C s s, a pair's close-ups one after the other; and (B·G) K keypoints in their
        coordinates, of which those outside are beyond ±1.
    """
    height, width = pictures[0].shape[2:]
    side = max(round(share * min(height, width)), 2)
    value = keypoints.value
    size = torch.tensor([width, height], device=value.device)
    points = (value + 1) / 2 * (size - 1)  # pixels, B K 2
    middle = torch.stack([points[:, list(group)].mean(1) for group in groups], 1)  # B G 2
    corner = torch.minimum((middle - (side - 1) / 2).round().clamp(min=0), size - side).long().flatten(0, 1)
    step = torch.arange(side, device=value.device)
    rows, columns = corner[:, 1, None] + step, corner[:, 0, None] + step  # B·G s
    pair = torch.arange(len(value), device=value.device).repeat_interleave(len(groups))
    index = pair[:, None, None], rows[:, :, None], columns[:, None, :]
    cut = [picture.permute(0, 2, 3, 1)[index].permute(0, 3, 1, 2) for picture in pictures]
    moved = (points.repeat_interleave(len(groups), 0) - corner[:, None]) / (side - 1) * 2 - 1
    jacobian = keypoints.jacobian
    if jacobian is not None:
        jacobian = jacobian.repeat_interleave(len(groups), 0)
    return cut, Keypoints(moved.to(value), jacobian)
