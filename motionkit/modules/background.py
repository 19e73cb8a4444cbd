"""The background that a moving head uncovers, filled in from the background around it.

Where a head was, a background that stands still shows its rim once more. What the source shows of the background for
certain is spread over such places, coarse to fine (push and pull: Gortler et al., The Lumigraph, SIGGRAPH 1996, section
3.4). Nothing is learned, and heads, which uncover parts of themselves, are left as they are.

Legend: B batch, C channels, H W picture size, h w size of the motion.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from motionkit.modules.grid import identity_grid

__all__ = ["with_background"]

HIDDEN, SEEN = 0.45, 0.75  # of the occlusion map: below it is filled in, above it is left
MOSTLY = 0.6  # a place that is so much background counts as such
CERTAIN = 0.6  # of background and visibility together: above it something is the source's background
COARSEST = 4  # side in cells of the last level
MOVES = 0.04  # where nothing of the flow goes as far as this, in [-1, 1], less is filled in, and without motion nothing


def with_background(picture: Tensor, flow: Tensor, mask: Tensor, occlusion: Tensor) -> Tensor:
    """Fill in what is hidden of the background.

    Args:
        picture: B C H W, the warped source.
        flow: B h w 2, what it was warped by.
        mask: B 1 h w, how much each place is background.
        occlusion: B 1 h w, 1 where the source shows what is to be seen.

    Returns:
        B C H W.
    """
    moves = (flow - identity_grid(*flow.shape[1:3], like=flow)).abs().amax((1, 2, 3))
    hidden = (
        ((SEEN - occlusion) / (SEEN - HIDDEN)).clamp(0, 1) * mask * (moves / MOVES).clamp(max=1)[:, None, None, None]
    )
    known = ((mask * occlusion - CERTAIN) / (1 - CERTAIN)).clamp(0, 1)
    small = F.interpolate(picture, size=tuple(mask.shape[2:]), mode="area")
    filled = torch.cat([_spread(small, known), hidden], 1).contiguous()
    filled = F.interpolate(filled, size=tuple(picture.shape[2:]), mode="bilinear", align_corners=False)
    return torch.lerp(picture, filled[:, :-1], filled[:, -1:])


def _spread(values: Tensor, weight: Tensor) -> Tensor:
    """Values where they are known, and a smooth continuation of them elsewhere.

    Args:
        values: B C h w.
        weight: B 1 h w in [0, 1], how well they are known.

    Returns:
        B C h w.
    """
    if min(values.shape[2:]) <= COARSEST:
        total = weight.sum((2, 3), keepdim=True)
        mean = (values * weight).sum((2, 3), keepdim=True) / total.clamp(min=1e-6)
        return torch.where(total > 1e-6, mean, values.mean((2, 3), keepdim=True)).expand_as(values)
    known, share = F.avg_pool2d(values * weight, 2), F.avg_pool2d(weight, 2)
    coarse = _spread(known / share.clamp(min=1e-6), (4 * share).clamp(max=1))
    coarse = F.interpolate(coarse, size=tuple(values.shape[2:]), mode="bilinear", align_corners=False)
    return torch.lerp(coarse, values, weight)
