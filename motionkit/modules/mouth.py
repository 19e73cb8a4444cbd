"""The mouth seen closely: what an opened mouth shows, painted where the source's is less open.

The decoder sees a mouth as five of its cells, and paints what is between the lips as a dark blur. So a small network of
its own paints a close-up: it is told where the lips are, sees the picture as it is so far, and says how much of its
paint is to be seen. Beyond the lips, and where the mouth opens no further than the source's, nothing changes.

What lips show when they part, teeth, a tongue or the dark, keypoints do not say, and a loss would have the mean of all
painted, a grey. So the network is told, too, how light the upper, the middle and the lower part of it are: in training
as they should be, later as ``usual_lights`` has it, with teeth above and the dark behind them.

Legend: B batch, K keypoints, H W size of the picture, S side of a close-up.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from motionkit.config import ModelConfig
from motionkit.config.networks import MOUTH, MOUTH_NETWORK, MOUTH_PLANES
from motionkit.modules.blocks import Hourglass
from motionkit.modules.eyes import Eyes, eye_indices
from motionkit.modules.grid import Box, at_least_float32, identity_grid, warp
from motionkit.structures import Keypoints

__all__ = ["SIDE", "Mouth", "MouthPainter", "lights_of", "mouth_indices", "usual_lights"]

SIDE = 48  # S in pixels
# All lengths are shares of the distance between the eyes' middles, some 63 mm.
REACH = 0.6  # from a close-up's middle to its edge
OPENS = 0.04  # a mouth that opens by so much more than the source's is painted wholly
MARGIN = 0.03  # so far beyond the lips' inner edges, as they are taken to run, paint may reach
SOFT = 0.03  # over which it fades there
NEAR = 0.2  # distances from the lips that the network can tell
LEAST = 1e-3  # keeps a mouth whose corners coincide from dividing by nothing
TEETH, MOST = 0.12, 0.4  # the upper part is so high, at most so much of the way from lip to lip; two halves are below
# How light the parts are, as shares of the mean of the close-up, in mouths that are so open: narrow ones are dark.
NARROW, NARROW_LIGHTS = 0.1, (0.5, 0.4, 0.5)
WIDE, WIDE_LIGHTS = 0.3, (1.0, 0.45, 0.55)


class Mouth(NamedTuple):
    """A mouth in coordinates of its own: (0, 0) is its middle, lengths are shares of the distance between the eyes.

    Attributes:
        corners: B 2 2, the left one first.
        lips: B 2 2, the inner edges of the upper and the lower lip in their middle.
        nose: B 2.
        middle: B 2, where it is in the picture.
        axes: B 2 2, the matrix A by which z in those coordinates lies in the picture at middle + A·z.
    """

    corners: Tensor
    lips: Tensor
    nose: Tensor
    middle: Tensor
    axes: Tensor

    @classmethod
    def of(cls, points: Tensor, indices: Tensor, eyes: Tensor) -> Mouth:
        """Find the mouth among keypoints.

        Args:
            points: B K 2.
            indices: 5, as ``mouth_indices`` gives them.
            eyes: E 3, as ``eye_indices`` gives them.
        """
        head = Eyes.of(points, eyes)
        parts = points[:, indices]  # B 5 2
        middle = parts[:, :4].mean(1)
        turn = torch.stack([head.across, head.down], -1)  # B 2 2, a rotation
        own = (parts - middle[:, None]) @ turn / head.distance[..., None]
        return cls(own[:, :2], own[:, 2:4], own[:, 4], middle, turn * head.distance[..., None])

    @property
    def opening(self) -> Tensor:
        """B, from the upper lip down to the lower one; 0 where they cross."""
        return (self.lips[:, 1, 1] - self.lips[:, 0, 1]).clamp(min=0)

    @property
    def state(self) -> Tensor:
        """B 3: how open it is, how wide, and how far the upper lip is from the nose."""
        wide = (self.corners[:, 1] - self.corners[:, 0]).norm(dim=-1)
        return torch.stack([self.opening, wide, self.lips[:, 0, 1] - self.nose[:, 1]], -1)

    def beyond(self, places: Tensor, power: int) -> tuple[Tensor, Tensor]:
        """How far places are inside the upper lip's edge and the lower lip's, and where between the corners.

        Args:
            places: B h w 2, in its own coordinates.
            power: Of the curve by which each edge runs from corner to corner: 2 is a parabola.

        Returns:
            B 2 h w, positive inside; and B h w, from -1 to 1 between the left corner and the right one.
        """
        left, right = self.corners[:, :, None, None].unbind(1)  # B 1 1 2
        across = right[..., 0] - left[..., 0]
        across = torch.where(across.abs() < LEAST, torch.full_like(across, LEAST), across)
        slope = (right[..., 1] - left[..., 1]) / across
        x, y = places.unbind(-1)
        along = 2 * (x - left[..., 0]) / across - 1
        level = left[..., 1] + slope * (x - left[..., 0])  # the line between the corners
        reaches = self.lips[:, :, 1] - (left[..., 1] + slope * (self.lips[:, None, :, 0] - left[..., 0]))[:, 0]  # B 2
        bulge = (1 - along.abs().clamp(max=1).pow(power))[:, None]
        edges = level[:, None] + reaches[..., None, None] * bulge  # B 2 h w
        inside = torch.stack([y - edges[:, 0], edges[:, 1] - y], 1)
        return inside, along


def mouth_indices(config: ModelConfig) -> Tensor:
    """Indices of the keypoints in ``MOUTH``: 5 int64.

    Args:
        config: A model's whose keypoints have those names.
    """
    # A device of its own, as for eyes.
    return torch.tensor([config.keypoint_names.index(name) for name in MOUTH], device="cpu")


class MouthPainter(nn.Module):
    """Paints the inside of a mouth into a picture; it is float32 throughout, and changes nothing where nothing opens.

    Args:
        config: The whole model's configuration.
    """

    indices: Tensor
    eyes: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        part, inputs = MOUTH_NETWORK, config.num_channels + MOUTH_PLANES
        self.predictor: nn.Module = Hourglass(part.block_expansion, inputs, part.num_blocks, part.max_features)
        self.paint = nn.Conv2d(part.block_expansion + inputs, config.num_channels + 1, 3, padding=1)
        self.register_buffer("indices", mouth_indices(config), persistent=False)
        self.register_buffer("eyes", eye_indices(config), persistent=False)

    def forward(self, picture: Tensor, source: Keypoints, driving: Keypoints, wanted: Tensor | None = None) -> Tensor:
        """Paint what the mouth shows.

        Args:
            picture: B C H W in [0, 1], the source in the driving pose.
            source: Batch B.
            driving: Batch B.
            wanted: B C H W in [0, 1], whose mouths are as light as these should be; to train with.

        Returns:
            B C H W.
        """
        there, here = (Mouth.of(keypoints.value, self.indices, self.eyes) for keypoints in (source, driving))
        with torch.autocast(picture.device.type, enabled=False):
            seen = self.close_up(picture, here)
            lights = usual_lights(seen, here) if wanted is None else lights_of(self.close_up(wanted, here), here)
            colour, shown = self.painted(seen, there, here, lights)
            return self._put(picture, here, colour, shown)

    def close_up(self, picture: Tensor, mouth: Mouth) -> Tensor:
        """Cut out the mouth, upright.

        Args:
            picture: B C H W.
            mouth: Batch B.

        Returns:
            B C S S.
        """
        grid = REACH * identity_grid(SIDE, SIDE, like=mouth.middle)  # 1 S S 2
        places = (grid.view(1, SIDE**2, 2) @ mouth.axes.transpose(1, 2)).view(-1, SIDE, SIDE, 2)
        places = places + mouth.middle[:, None, None]
        return warp(at_least_float32(picture), places, align_corners=True, padding="border")

    def painted(self, close_up: Tensor, there: Mouth, here: Mouth, lights: Tensor) -> tuple[Tensor, Tensor]:
        """Paint a close-up.

        Args:
            close_up: B C S S, of the picture so far.
            there: In the source.
            here: In the driving pose.
            lights: B 3, how light the upper, the middle and the lower part are to be.

        Returns:
            B C S S, the paint, and B 1 S S, how much of it is to be seen; both in [0, 1].
        """
        grid = REACH * identity_grid(SIDE, SIDE, like=close_up)
        inside, along = here.beyond(grid.expand(len(close_up), -1, -1, -1), 2)
        near = (torch.cat([inside / NEAR, along[:, None]], 1)).clamp(-2, 2)
        states = torch.cat([there.state, here.state, lights], 1)[..., None, None].expand(-1, -1, SIDE, SIDE)
        result = self.paint(self.predictor(torch.cat([close_up, near, states], 1))).sigmoid()
        inside, _ = here.beyond(grid.expand(len(close_up), -1, -1, -1), 4)
        within = ((inside + MARGIN) / SOFT).clamp(0, 1).prod(1, keepdim=True)
        within = within * (along.abs() < 1)[:, None]
        opens = ((here.opening - there.opening) / OPENS).clamp(0, 1)
        return result[:, :-1], result[:, -1:] * within * opens[:, None, None, None]

    def _put(self, picture: Tensor, mouth: Mouth, colour: Tensor, shown: Tensor) -> Tensor:
        """The picture with the paint on it."""
        height, width = picture.shape[2:]
        reach = REACH * mouth.axes.abs().sum(-1)  # B 2, of the close-up's corners
        box = Box.around(mouth.middle - reach, mouth.middle + reach, height, width)
        places = box.of(identity_grid(height, width, like=mouth.middle)) - mouth.middle[:, None, None]  # B h w 2
        own = places.flatten(1, 2) @ _inverse(mouth.axes).transpose(1, 2) / REACH
        paint = warp(torch.cat([colour, shown], 1), own.view(places.shape), align_corners=True)  # beyond it nothing
        rows = picture.permute(0, 2, 3, 1)  # B H W C, as flows are
        paint = paint.permute(0, 2, 3, 1)
        mixed = torch.lerp(at_least_float32(box.of(rows)), paint[..., :-1], paint[..., -1:])
        return box.put(rows, mixed.to(picture.dtype)).permute(0, 3, 1, 2)


def lights_of(close_up: Tensor, mouth: Mouth) -> Tensor:
    """How light the upper, the middle and the lower part of what a mouth shows are.

    Args:
        close_up: B C S S.
        mouth: Batch B.

    Returns:
        B 3 in [0, 1]; 0 of a mouth that is shut.
    """
    grid = REACH * identity_grid(SIDE, SIDE, like=close_up)
    inside, along = mouth.beyond(grid.expand(len(close_up), -1, -1, -1), 2)
    upper, lower = inside.clamp(min=0).unbind(1)  # B S S
    depth = upper / (upper + lower).clamp(min=LEAST)
    within = (inside.amin(1) > 0) & (along.abs() < 1)
    first = (TEETH / mouth.opening.clamp(min=LEAST)).clamp(max=MOST)[:, None, None]
    second = (1 + first) / 2
    parts = [depth < first, (depth >= first) & (depth < second), depth >= second]
    weights = torch.stack([within & part for part in parts], 1).to(close_up.dtype)  # B 3 S S
    return (weights * close_up.mean(1, keepdim=True)).sum((2, 3)) / weights.sum((2, 3)).clamp(min=1)


def usual_lights(close_up: Tensor, mouth: Mouth) -> Tensor:
    """The same as they are taken to be where nobody knows.

    Args:
        close_up: B C S S, of the picture so far.
        mouth: Batch B.

    Returns:
        B 3 in [0, 1].
    """
    wide = ((mouth.opening - NARROW) / (WIDE - NARROW)).clamp(0, 1)[:, None]
    shares = torch.lerp(close_up.new_tensor([NARROW_LIGHTS]), close_up.new_tensor([WIDE_LIGHTS]), wide)
    return (close_up.mean((1, 2, 3))[:, None] * shares).clamp(max=1)


def _inverse(axes: Tensor) -> Tensor:
    """Of a rotation times a length: its transpose over the length's square."""
    return axes.transpose(1, 2) / axes.square().sum((1, 2))[:, None, None].clamp(min=LEAST**2) * 2
