"""What the data hands to the objective: pairs of pictures, and the truth about them where it is known.

Legend: B batch, K keypoints, H W picture size, h w size of the stored flow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from motionkit.structures import Keypoints
from motionkit.tensors import to_device

__all__ = ["Batch", "Truth", "sample_rng"]


@dataclass(frozen=True, slots=True)
class Truth:
    """What a renderer knows of a batch of pairs and unsupervised training never learns.

    Attributes:
        source: B K, true keypoints of the source pictures in [-1, 1], with Jacobians where they are known.
        driving: B K, those of the driving pictures.
        flow: B h w 2, for each place of the driving picture the absolute (x, y) in the source of what is seen there.
        visibility: B 1 h w in [0, 1], 1 where the source shows it too.
        has_flow: B bool, whether flow and visibility are known and asked for; stored flow leads to a clip's first
            frame.
    """

    source: Keypoints
    driving: Keypoints
    flow: torch.Tensor
    visibility: torch.Tensor
    has_flow: torch.Tensor

    def to(self, device: torch.device | str) -> Truth:
        """Copy this to another device."""
        return Truth(
            self.source.to(device),
            self.driving.to(device),
            to_device(self.flow, device),
            to_device(self.visibility, device),
            to_device(self.has_flow, device),
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """Pairs of pictures of one scene.

    Attributes:
        source: B 3 H W float32 in [0, 1].
        driving: B 3 H W float32 in [0, 1].
        seed: B int64. Every random draw for a sample starts here, never from the process, so that results do not
            depend on how a batch is spread over processes.
        truth: What is known of the pairs, or None.
        warned: What the process that read the pairs has to warn of, where that is another than the one that trains.
    """

    source: torch.Tensor
    driving: torch.Tensor
    seed: torch.Tensor
    truth: Truth | None = None
    warned: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.source.shape[0]

    def to(self, device: torch.device | str) -> Batch:
        """Copy this to another device; seeds stay on the CPU, where draws are made."""
        truth = None if self.truth is None else self.truth.to(device)
        return Batch(to_device(self.source, device), to_device(self.driving, device), self.seed, truth, self.warned)


def sample_rng(seed: int, purpose: int) -> np.random.Generator:
    """Make the random numbers of one sample for one purpose, the same whichever process draws them.

    Args:
        seed: The sample's, from ``Batch.seed``.
        purpose: A number of its own for each use, so that no two draw the same.
    """
    return np.random.default_rng([purpose, seed & (2**63 - 1)])
