"""Eyes seen closely: where irises and lids are, and what they do beyond the motion around them.

To the detector an iris is one or two cells, and to the dense motion an eye is three: gaze is lost in both, and blinks
are halved. So a small network of its own looks at a close-up of each eye, and the flow is corrected in open eyes.

Legend: B batch, C channels, K keypoints, E = 2 eyes, h w size of a flow, s side of a close-up.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from motionkit.config import ModelConfig
from motionkit.config.networks import EYE_NETWORK, EYES
from motionkit.modules.blocks import Hourglass
from motionkit.modules.expectation import expectation
from motionkit.modules.grid import Box, at_least_float32, identity_grid, sample_flow, shortened, warp
from motionkit.structures import Keypoints

__all__ = ["EyeFinder", "Eyes", "eye_indices", "follow_eyes"]

SIDE = 32  # of a close-up in pixels
# All lengths are shares of the distance between the eyes' middles, some 63 mm.
REACH = 0.42  # from a close-up's middle to its edge: the lids and a little around them
WIDTH = 0.25  # half of an open eye's width
AROUND = 0.6  # from the middle of an eye; beyond it nothing of its motion is left
ABOVE, BELOW = 0.2, 0.08  # how far the skin of the upper and of the lower lid moves with its edge; glasses do not
CREASE = 0.02  # over so much one lid's motion becomes the other's, however closed they are; some pixels
NARROW = 0.05  # lids nearer than this begin to hide the iris
FURTHEST = 0.2  # irises and upper lids move against what is around them by at most this
LOWER_FURTHEST = 0.07  # lower lids
LEAST = 1e-3  # keeps eyes that coincide, or are closed, from dividing by nothing


class Eyes(NamedTuple):
    """Where the eyes of a set of keypoints are.

    Attributes:
        iris: B E 2.
        lids: B E 2 2, the upper one first.
        middle: B E 2, between the lids.
        opening: B E, from the upper lid down to the lower one.
        distance: B 1, between the eyes.
        across: B 2, a unit vector from the left eye to the right one.
        down: B 2, a unit vector.
    """

    iris: Tensor
    lids: Tensor
    middle: Tensor
    opening: Tensor
    distance: Tensor
    across: Tensor
    down: Tensor

    @classmethod
    def of(cls, points: Tensor, indices: Tensor) -> Eyes:
        """Find the eyes among keypoints.

        Args:
            points: B K 2.
            indices: E 3, as ``eye_indices`` gives them.
        """
        iris, upper, lower = points[:, indices].unbind(2)  # B E 2 each
        middle = (upper + lower) / 2
        apart = lower[:, 1] - lower[:, 0]  # lower lids hardly move: a wink must not tilt the other eye
        distance = apart.norm(dim=-1, keepdim=True).clamp(min=LEAST)
        across = apart / distance
        # The left eye is on the picture's right: a quarter turn from there to the right eye points down.
        down = torch.stack([across[:, 1], -across[:, 0]], -1)
        lids = torch.stack([upper, lower], 2)
        return cls(iris, lids, middle, ((lower - upper) * down[:, None]).sum(-1), distance, across, down)


def eye_indices(config: ModelConfig) -> Tensor:
    """Indices of iris, upper and lower lid: E 3 int64, the left eye first.

    Args:
        config: A model's whose keypoints have those names.
    """
    # A device of its own: on the meta device, where load_model builds, it would have no values.
    return torch.tensor([[config.keypoint_names.index(name) for name in eye] for eye in EYES], device="cpu")


class EyeFinder(nn.Module):
    """Replaces irises and lids among keypoints by what a close-up of each eye shows; the right eye is seen mirrored.

    Args:
        config: The whole model's configuration.
    """

    indices: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        part = EYE_NETWORK
        self.predictor: nn.Module = Hourglass(
            part.block_expansion, config.num_channels, part.num_blocks, part.max_features
        )
        self.kp = nn.Conv2d(part.block_expansion + config.num_channels, len(EYES[0]), 7, padding=3)
        self.temperature = part.temperature
        self.register_buffer("indices", eye_indices(config), persistent=False)

    def forward(self, image: Tensor, keypoints: Keypoints) -> Keypoints:
        """Look for irises and lids around where the lids were found.

        Args:
            image: B C H W in [0, 1].
            keypoints: Batch B; nothing changes but where their irises and lids are.
        """
        with torch.autocast(image.device.type, enabled=False):  # places in half precision lie on a raster
            close_ups, middle, axes = look(image, keypoints.value.detach(), self.indices)
        logits = self.kp(self.predictor(close_ups))
        with torch.autocast(image.device.type, enabled=False):
            places = expectation(at_least_float32(logits), None, self.temperature).value
            found = places.view(-1, 2, len(EYES[0]), 2) @ axes.transpose(-1, -2) + middle[:, :, None]  # B E 3 2
        value = keypoints.value.index_copy(1, self.indices.flatten(), found.flatten(1, 2).to(keypoints.value.dtype))
        return Keypoints(value, keypoints.jacobian, keypoints.confidence)


def look(image: Tensor, points: Tensor, indices: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Cut out a close-up of each eye, upright, with the nose to the right.

    Args:
        image: B C H W.
        points: B K 2, keypoints.
        indices: E 3, as ``eye_indices`` gives them.

    Returns:
        Close-ups, B·E C s s, and how their coordinates z lie in the picture, at c + A·z: c, B E 2, and A, B E 2 2.
    """
    eyes = Eyes.of(points, indices)
    nose = torch.stack([eyes.across, -eyes.across], 1)  # B E 2
    axes = torch.stack([nose, eyes.down[:, None].expand_as(nose)], -1) * (REACH * eyes.distance)[..., None, None]
    grid = identity_grid(SIDE, SIDE, like=points).view(1, 1, SIDE**2, 2)
    places = grid @ axes.transpose(-1, -2) + eyes.middle[:, :, None]  # B E s² 2
    b, channels = image.shape[:2]
    seen = warp(image, places.view(b, 2 * SIDE, SIDE, 2), align_corners=True, padding="border")
    return seen.view(b, channels, 2, SIDE, SIDE).transpose(1, 2).reshape(-1, channels, SIDE, SIDE), eyes.middle, axes


def follow_eyes(flow: Tensor, source: Keypoints, driving: Keypoints, indices: Tensor) -> Tensor:
    """Correct a flow so that lids and irises come from where the source's are.

    With r a lid's place in the driving pose and p in the source, the flow f becomes f(z) + w(z)·(p - f(r)): what the
    lid does beyond the motion around it. So it closes wholly. Then, inside the lids, the flow is that of the eyeball.

    Args:
        flow: B h w 2, (x, y) in absolute source coordinates in [-1, 1].
        source: Batch B.
        driving: Batch B.
        indices: E 3, as ``eye_indices`` gives them.

    Returns:
        B h w 2.
    """
    there, here = Eyes.of(source.value, indices), Eyes.of(driving.value, indices)
    reach = AROUND * here.distance[..., None]
    box = Box.around(here.middle - reach, here.middle + reach, *flow.shape[1:3])
    return _with_irises(_with_lids(flow, there, here, box), there, here, box)


def _with_lids(flow: Tensor, there: Eyes, here: Eyes, box: Box) -> Tensor:
    """A lid's weight is 1 at its edge; it falls slowly over its skin, and to 0 at the other lid and at the corners.

    Args:
        flow: B h w 2.
        there: In the source.
        here: In the driving pose.
        box: What can change.
    """
    missing = there.lids - sample_flow(flow, here.lids.flatten(1, 2)).view_as(here.lids)
    most = here.distance.new_tensor([FURTHEST, LOWER_FURTHEST])[:, None]
    missing = shortened(missing, most * here.distance[..., None, None])
    size = here.distance[..., None, None]  # B 1 1 1
    grid = box.of(identity_grid(*flow.shape[1:3], like=flow))[:, None]  # 1 1 h w 2
    aside = ((grid - here.middle[:, :, None, None]) * here.across[:, None, None, None]).sum(-1)  # B E h w
    level = (1 - (aside / (WIDTH * size)).square()).clamp(min=0)
    below = ((grid - here.lids[:, :, :1, None]) * here.down[:, None, None, None]).sum(-1)  # the upper lid's edge
    opening = torch.maximum(here.opening[..., None, None], CREASE * size)
    between = (below / opening).clamp(0, 1)
    upper = level * (1 - between) * torch.exp(-(below.clamp(max=0) / (ABOVE * size)).square())
    lower = level * between * torch.exp(-((below - opening).clamp(min=0) / (BELOW * size)).square())
    return box.put(flow, box.of(flow) + torch.einsum("belhw,belc->bhwc", torch.stack([upper, lower], 2), missing))


def _with_irises(flow: Tensor, there: Eyes, here: Eyes, box: Box) -> Tensor:
    """An eyeball moves as one: in the open eye it keeps its shape, and lids pass over it.

    Only where an eye opens further than the source's is it stretched downwards, lest the source's lids are seen in it.

    Args:
        flow: B h w 2.
        there: In the source.
        here: In the driving pose.
        box: What can change.
    """
    around = sample_flow(flow, here.iris)
    iris = around + shortened(there.iris - around, FURTHEST * here.distance[..., None])  # B E 2
    size = here.distance[..., None, None]  # B 1 1 1
    grid = box.of(identity_grid(*flow.shape[1:3], like=flow))[:, None]
    aside, below = (
        (grid - here.iris[:, :, None, None]) @ axis[:, None, None, :, None] for axis in (here.across, here.down)
    )
    wide = there.distance / here.distance  # B 1
    high = torch.minimum(wide, there.opening.clamp(min=0) / torch.maximum(here.opening, LEAST * here.distance))  # B E
    ball = iris[:, :, None, None] + wide[..., None, None, None] * aside * there.across[:, None, None, None]
    ball = ball + high[..., None, None, None] * below * there.down[:, None, None, None]  # B E h w 2
    from_middle = grid - here.middle[:, :, None, None]
    across, down = ((from_middle * axis[:, None, None, None]).sum(-1) for axis in (here.across, here.down))
    half = torch.maximum(here.opening[..., None, None] / 2, LEAST * size)
    weight = torch.exp(-(across / (WIDTH * size)).pow(4)) * (1 - (down / half).pow(4)).clamp(min=0)  # B E h w
    shown = torch.minimum(here.opening / here.distance, there.opening / there.distance) / NARROW
    weight = (shown.clamp(0, 1)[..., None, None] * weight)[..., None]
    part = box.of(flow)
    return box.put(flow, part + (weight * (ball - part[:, None])).sum(1))
