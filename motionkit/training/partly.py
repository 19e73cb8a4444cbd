"""Networks that learn some of their keypoints, and do with the others as before.

What they have learned of photographs they forget when they are trained on: they do ever better with rendered heads, and
worse with real ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch

from motionkit.modules.generator import Generator
from motionkit.modules.keypoint_detector import KeypointDetector

__all__ = ["learn_to_find", "learn_to_follow", "learn_to_paint"]


def learn_to_find(detector: KeypointDetector, keypoints: Sequence[int]) -> None:
    """Let nothing learn but the maps by which some keypoints are found, probabilities and Jacobians.

    Those that are found in close-ups of the eyes learn there alone, and all of them or none.

    Args:
        detector: Has a Jacobian map for each keypoint, or none. Its batch norms must be kept in eval mode, but for
            those of what looks at eyes.
        keypoints: Their indices.
    """
    detector.requires_grad_(False)
    closely = set() if detector.eyes is None else set(detector.eyes.indices.flatten().tolist())
    rows = torch.zeros(detector.num_kp, dtype=torch.bool)
    rows[[keypoint for keypoint in keypoints if keypoint not in closely]] = True
    for head, maps in ((detector.kp, 1), (detector.jacobian, 4)):
        if head is None or not rows.any():
            continue
        learning = rows.repeat_interleave(maps)
        for weights in head.parameters():
            weights.requires_grad_(True)
            weights.register_hook(_only(learning))
    if detector.eyes is not None:
        detector.eyes.requires_grad_(not closely.isdisjoint(keypoints))


def learn_to_follow(generator: Generator, keypoints: Sequence[int]) -> None:
    """Let nothing learn but what is seen of some keypoints, and where they move the picture.

    Where these keypoints stay as they are, relative to the others, the motion is nearly what it was.

    Args:
        generator: Its batch norms must be kept in eval mode.
        keypoints: Their indices; of those whose motion is not blended there is nothing to learn.
    """
    generator.requires_grad_(False)
    network, moving = generator.dense_motion_network, generator.config.moving
    masks = torch.zeros(network.mask.out_channels, dtype=torch.bool)  # K+1, the background's first
    masks[[1 + moving.index(keypoint) for keypoint in keypoints if keypoint in moving]] = True
    seen = masks.repeat_interleave(network.planes)
    # The hourglass hands its input on to these, behind its own maps, whole or reduced.
    behind = torch.zeros(network.mask.in_channels, dtype=torch.bool)
    if network.skip is None:
        behind[-len(seen) :] = seen
    learning = {
        "hourglass.encoder.down_blocks.0.conv.weight": seen[None],
        "skip.weight": seen[None],
        "mask.weight": masks[:, None] | behind,
        "mask.bias": masks,
        "occlusion.weight": behind[None],
    }
    for name, weights in network.named_parameters():
        if name in learning:
            weights.requires_grad_(True)
            weights.register_hook(_only(learning[name]))


def learn_to_paint(generator: Generator, part: Literal["decoder", "mouth"]) -> None:
    """Let nothing learn but how features of the source, once moved, become a picture, or how mouths are painted.

    Args:
        generator: Its batch norms must be kept in eval mode, but for those of what paints mouths.
        part: What learns.
    """
    generator.requires_grad_(part == "decoder")
    generator.dense_motion_network.requires_grad_(False)
    if generator.mouth is not None:
        generator.mouth.requires_grad_(part == "mouth")


def _only(those: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    """A hook that takes a gradient away where nothing is to learn; Adam moves nothing that never had one."""

    def keep(gradient: torch.Tensor) -> torch.Tensor:
        return gradient * those.to(gradient).view(*those.shape, *[1] * (gradient.ndim - those.ndim))

    return keep
