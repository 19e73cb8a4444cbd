"""Losses of motion where a renderer knows it: the true flow, and what of a picture its source shows.

Legend: B batch, H W picture size, h w size of the motion.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from motionkit.data.batch import Truth
from motionkit.modules.grid import at_least_float32

__all__ = ["flow_loss", "hidden", "visibility_loss", "warped_loss"]


def flow_loss(flow: Tensor, truth: Truth, importance: Tensor | None = None) -> Tensor:
    """Mean over pairs of the mean |flow - true flow| over what is visible in the source; pairs without flow count 0.

    Args:
        flow: B h w 2, absolute source coordinates in [-1, 1].
        truth: Its flow and visibility may have another size; they are resized by area, the counterpart of the
            generator's own resizing of flows, the flow weighted by visibility: hidden places carry no meaning.
        importance: B 1 H W, factor on the error at each place, or None.

    Returns:
        A scalar, float32.
    """
    weight = torch.where(truth.has_flow[:, None, None, None], truth.visibility, 0)  # B 1 h' w'
    planes = truth.flow.permute(0, 3, 1, 2)  # B 2 h' w'
    # Unknown flow may hold anything, NaN too, which a weight of 0 would let through.
    weighted = torch.where(weight > 0, planes * weight, 0)
    weight, weighted = _fit(weight, flow.shape[1:3]), _fit(weighted, flow.shape[1:3])
    wanted = weighted / weight.clamp(min=1e-6)
    error = (at_least_float32(flow).permute(0, 3, 1, 2) - wanted).abs().mean(1, keepdim=True)  # B 1 h w
    if importance is not None:
        error = error * _fit(importance, flow.shape[1:3])
    return ((weight * error).sum((1, 2, 3)) / weight.sum((1, 2, 3)).clamp(min=1e-6)).mean()


def visibility_loss(occlusion: Tensor, truth: Truth, importance: Tensor | None = None) -> Tensor:
    """Mean binary cross-entropy of the occlusion map against true visibility; pairs without flow count 0.

    Args:
        occlusion: B 1 h w in [0, 1], 1 where the source is visible.
        truth: Its visibility may have another size; it is resized.
        importance: B 1 H W, factor on the error at each place, or None.

    Returns:
        A scalar, float32.
    """
    known = truth.has_flow[:, None, None, None]
    wanted = _fit(torch.where(known, truth.visibility, 0), occlusion.shape[2:]).clamp(0, 1)
    # Autocast on a GPU refuses this function; its inputs are in float32 already.
    with torch.autocast(occlusion.device.type, enabled=False):
        error = F.binary_cross_entropy(at_least_float32(occlusion), wanted, reduction="none")
    if importance is not None:
        error = error * _fit(importance, occlusion.shape[2:])
    return (error * known).mean()


def warped_loss(deformed: Tensor, driving: Tensor, truth: Truth, importance: Tensor | None = None) -> Tensor:
    """Mean over pairs of the mean |warped source - driving picture| where the source shows it; without flow 0.

    Args:
        deformed: B C H W in [0, 1], the source warped by the flow.
        driving: B C H W in [0, 1].
        truth: Its visibility may have another size; it is resized.
        importance: B 1 H W, factor on the error at each place, or None.

    Returns:
        A scalar, float32.
    """
    weight = _fit(torch.where(truth.has_flow[:, None, None, None], truth.visibility, 0), driving.shape[2:])
    error = (at_least_float32(deformed) - driving).abs().mean(1, keepdim=True)  # B 1 H W
    if importance is not None:
        error = error * importance
    return ((weight * error).sum((1, 2, 3)) / weight.sum((1, 2, 3)).clamp(min=1e-6)).mean()


def hidden(truth: Truth, size: torch.Size) -> Tensor:
    """Where the source does not show what the driving picture shows.

    Args:
        truth: B; where its flow is not known, nothing counts as hidden.
        size: H W of the result.

    Returns:
        B 1 H W in [0, 1], 1 where it is hidden.
    """
    return _fit(torch.where(truth.has_flow[:, None, None, None], 1 - truth.visibility, 0), size)


def _fit(maps: Tensor, size: torch.Size) -> Tensor:
    """B C h' w' to B C h w: by area where that is smaller, bilinearly otherwise."""
    if maps.shape[2:] == size:
        return maps
    if maps.shape[2] >= size[0] and maps.shape[3] >= size[1]:
        return F.interpolate(maps, size=tuple(size), mode="area")
    return F.interpolate(maps, size=tuple(size), mode="bilinear", align_corners=False)
