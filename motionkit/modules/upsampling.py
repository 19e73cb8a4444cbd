"""Flow and occlusion at the size that the networks see, with edges as sharp as the source's own.

A flow found on coarse cells and resized bilinearly changes from head to background over several pixels, and smears both
there. Instead each fine place takes a weighted mean of the 3×3 coarse ones around it, with weights that a small network
reads off the warped source (convex upsampling as in RAFT, arXiv 2003.12039, section 3.3, with a picture to guide it).

Legend: B batch, C channels, h w size of the motion, H W = f·h f·w that of the picture that the networks see.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from motionkit.config.networks import UPSAMPLING_CHANNELS
from motionkit.modules.grid import at_least_float32, identity_grid, resize_flow, warp

__all__ = ["ConvexUpsampling", "FineMotion"]

AROUND = 9  # coarse places that a fine one is a mean of
# Added to the bilinear weights, so that the other places can be reached by a logit.
LEAST = 1e-4


class FineMotion(NamedTuple):
    """A motion for the picture itself.

    Attributes:
        flow: B H W 2, (x, y) in absolute source coordinates in [-1, 1].
        occlusion: B 1 H W in [0, 1].
    """

    flow: Tensor
    occlusion: Tensor


class ConvexUpsampling(nn.Module):
    """Coarse motion to fine motion; as it is made, before training, it resizes bilinearly, or nearly.

    Args:
        channels: C of the features.
        colours: Of a picture.
        factor: f, how many times finer.
        padding: What a warp reads outside the picture.
    """

    def __init__(self, channels: int, colours: int, factor: int, padding: str) -> None:
        super().__init__()
        self.factor, self.padding = factor, padding
        self.first = nn.Conv2d(channels + colours * factor**2 + 3, UPSAMPLING_CHANNELS, 3, padding=1)
        self.logits = nn.Conv2d(UPSAMPLING_CHANNELS, AROUND * factor**2, 1)
        nn.init.zeros_(self.logits.weight)
        assert self.logits.bias is not None
        nn.init.zeros_(self.logits.bias)

    @property
    def learned(self) -> bool:
        """Whether training has made it another than the bilinear resize, which ``resized`` does for much less."""
        return bool(self.logits.weight.any() or (self.logits.bias is not None and self.logits.bias.any()))

    def resized(self, flow: Tensor, occlusion: Tensor) -> FineMotion:
        """What comes out before training, or nearly.

        Args:
            flow: B h w 2.
            occlusion: B 1 h w.
        """
        size = (flow.shape[1] * self.factor, flow.shape[2] * self.factor)
        larger = F.interpolate(occlusion, size=size, mode="bilinear", align_corners=True)
        return FineMotion(resize_flow(flow, *size, exact=True), larger)

    def forward(self, features: Tensor, picture: Tensor, flow: Tensor, occlusion: Tensor) -> FineMotion:
        """Find the motion of each place of the picture.

        Args:
            features: B C h w of the dense-motion network.
            picture: B 3 H W, the source.
            flow: B h w 2.
            occlusion: B 1 h w.
        """
        h, w = flow.shape[1:3]
        coarse = (flow - identity_grid(h, w, like=flow)).permute(0, 3, 1, 2)  # B 2 h w
        coarse = torch.cat([coarse, occlusion], 1)
        sampled = resize_flow(flow, h * self.factor, w * self.factor, exact=True)
        guide = F.pixel_unshuffle(warp(picture, sampled, align_corners=True, padding=self.padding), self.factor)
        hidden = F.relu(self.first(torch.cat([features, guide.to(features.dtype), coarse.to(features.dtype)], 1)))
        logits = at_least_float32(self.logits(hidden)).contiguous()
        with torch.autocast(logits.device.type, enabled=False):
            fine = _means_around(coarse, logits.view(-1, AROUND, self.factor**2, h, w), self.factor)
        moved = fine[:, :2].permute(0, 2, 3, 1)
        return FineMotion(moved + identity_grid(*moved.shape[1:3], like=fine), fine[:, 2:])


def _means_around(coarse: Tensor, logits: Tensor, factor: int) -> Tensor:
    """Mean of the 3×3 coarse values around each fine place.

    Args:
        coarse: B C h w.
        logits: B 9 f² h w, of weights relative to the bilinear ones, for the f×f fine places of each coarse one.
        factor: f.

    Returns:
        B C H W.
    """
    h, w = coarse.shape[2:]
    down, across = (_bilinear(side, factor, like=coarse) for side in (h, w))  # 3 f h, 3 f w
    bilinear = down[:, None, :, None, :, None] * across[None, :, None, :, None, :]  # 3 3 f f h w
    weights = (logits + (bilinear.reshape(AROUND, factor**2, h, w) + LEAST).log()).softmax(1)
    padded = F.pad(coarse, (1, 1, 1, 1), mode="replicate")
    result = coarse.new_zeros(*coarse.shape[:2], factor**2, h, w)
    for i in range(AROUND):
        near = padded[:, :, i // 3 : i // 3 + h, i % 3 : i % 3 + w]
        result = torch.addcmul(result, near[:, :, None], weights[:, None, i])
    return F.pixel_shuffle(result.flatten(1, 2), factor)


def _bilinear(coarse: int, factor: int, *, like: Tensor) -> Tensor:
    """On an axis whose ends correspond, how much each of three coarse places counts for a fine one.

    Returns:
        3 f ``coarse``: of the place before, the place itself and the one after, for each of its f fine places.
    """
    fine = coarse * factor
    place = torch.arange(fine, dtype=like.dtype, device=like.device) * ((coarse - 1) / max(fine - 1, 1))
    own = torch.arange(coarse, dtype=like.dtype, device=like.device).repeat_interleave(factor)
    near = own + torch.arange(-1, 2, dtype=like.dtype, device=like.device)[:, None]  # 3 f·coarse
    weights = (1 - (place - near).abs()).clamp(min=0)
    return weights.view(3, coarse, factor).transpose(1, 2)
