"""A small network that finds a head's landmarks, its training, and the usual augmentation of labelled pictures.

What ``does_it_help`` trains, on different data, and nothing else: it is small so that a run takes seconds on one core.

Legend: B batch, S side of the pictures, K landmarks, (x, y) in [-1, 1] with the centres of the outer pixels at ∓1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from motionkit.modules.grid import identity_grid, warp
from motionkit.motion.movement import extents
from motionkit.structures import Keypoints

__all__ = ["Labelled", "Landmarks", "Training", "augment", "errors", "mirrored_order", "train"]

WIDTHS = (8, 16, 32, 64, 128)
REACH = 0.05  # of the loss's square part, in picture coordinates


@dataclass(frozen=True)
class Labelled:
    """Pictures with their landmarks.

    Attributes:
        pictures: B 3 S S uint8.
        points: B K 2 float32.
    """

    pictures: Tensor
    points: Tensor

    def __len__(self) -> int:
        """B."""
        return len(self.pictures)

    def __getitem__(self, index: Tensor) -> Labelled:
        """Some of them.

        Args:
            index: Their numbers, or B bool.
        """
        return Labelled(self.pictures[index], self.points[index])

    @staticmethod
    def cat(parts: Sequence[Labelled]) -> Labelled:
        """Join several into one.

        Args:
            parts: Of one S and K.
        """
        return Labelled(torch.cat([part.pictures for part in parts]), torch.cat([part.points for part in parts]))


@dataclass(frozen=True)
class Training:
    """How a network is trained; the same for whatever data.

    Attributes:
        steps: Of the optimiser.
        batch: Pictures a step.
        rate: Of learning, at its highest; it falls to 0 along a cosine.
        rotation: Largest turn of an augmented picture, in degrees.
        scale: Largest factor on its size, and 1 over it the smallest.
        shift: Largest shift, as a share of the side.
        colour: Largest change of brightness, contrast and saturation; 0.2 is a factor from 0.8 to 1.2.
    """

    steps: int = 250
    batch: int = 16
    rate: float = 5e-3
    rotation: float = 15.0
    scale: float = 1.2
    shift: float = 0.1
    colour: float = 0.3


class Landmarks(nn.Module):
    """Strided convolutions and one linear layer, which says how the landmarks differ from their mean.

    Args:
        mean: K 2, the mean of the training's labels.
        side: S, a multiple of 32.
    """

    mean: Tensor

    def __init__(self, mean: Tensor, side: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip((3, *WIDTHS), WIDTHS, strict=False):
            layers += [nn.Conv2d(before, after, 3, 2, 1), nn.GroupNorm(4, after), nn.ReLU(inplace=True)]
        self.features = nn.Sequential(*layers, nn.Flatten())
        self.place = nn.Linear(WIDTHS[-1] * (side // 2 ** len(WIDTHS)) ** 2, mean.numel())
        nn.init.zeros_(self.place.bias)
        nn.init.normal_(self.place.weight, std=1e-3)
        self.register_buffer("mean", mean.clone())

    def forward(self, pictures: Tensor) -> Tensor:
        """B 3 S S in [0, 1] to B K 2."""
        found: Tensor = self.place(self.features(pictures * 4 - 2))
        placed: Tensor = self.mean + found.unflatten(1, tuple(self.mean.shape))
        return placed


def mirrored_order(names: Sequence[str]) -> list[int]:
    """For each landmark the number of the one that takes its place in a mirrored picture.

    Args:
        names: Those of the subject's left end in ``_left``, of the right in ``_right``.
    """
    swapped = {"left": "right", "right": "left"}
    others = [
        "_".join([*name.split("_")[:-1], swapped.get(name.split("_")[-1], name.split("_")[-1])]) for name in names
    ]
    return [list(names).index(other) for other in others]


def augment(
    batch: Tensor, points: Tensor, mirrored: Sequence[int], how: Training, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Mirror half of the pictures, turn, scale and shift all, and change their colours; the labels go along.

    Args:
        batch: B 3 S S in [0, 1].
        points: B K 2.
        mirrored: As ``mirrored_order`` gives it.
        how: Ranges.
        rng: Where all numbers come from.

    Returns:
        Both, changed.
    """
    count = len(batch)

    def between(most: float) -> Tensor:
        return (torch.rand(count, generator=rng) * 2 - 1) * most

    angle = between(math.radians(how.rotation))
    size = torch.exp(between(math.log(how.scale)))
    shift = torch.stack([between(2 * how.shift), between(2 * how.shift)], 1)
    flip = torch.where(torch.rand(count, generator=rng) < 0.5, -1.0, 1.0)
    cosine, sine = angle.cos() * size, angle.sin() * size
    forward = torch.stack([torch.stack([cosine * flip, -sine], 1), torch.stack([sine * flip, cosine], 1)], 1)  # B 2 2
    grid = identity_grid(*batch.shape[2:], like=batch)
    back = torch.einsum("bij,bhwj->bhwi", torch.linalg.inv(forward), grid - shift[:, None, None])
    batch = warp(batch, back, align_corners=True, padding="border")
    points = torch.where((flip < 0)[:, None, None], points[:, list(mirrored)], points)
    points = torch.einsum("bij,bkj->bki", forward, points) + shift[:, None]
    brightness, contrast, saturation = (1 + between(how.colour)[:, None, None, None] for _ in range(3))
    grey = batch.mean(1, keepdim=True)
    batch = grey + (batch - grey) * saturation
    level = batch.mean((1, 2, 3), keepdim=True)
    return ((level + (batch - level) * contrast) * brightness).clamp(0, 1), points


def _inside(points: Tensor) -> Tensor:
    """B K, whether a landmark lies in its picture."""
    return (points.abs() <= 1).all(-1)


def train(data: Labelled, how: Training, seed: int, *, mirrored: Sequence[int] | None = None) -> Landmarks:
    """Train a network; landmarks outside of their picture do not count.

    Args:
        data: What it sees.
        how: The rest.
        seed: Of its first weights, of the order, and of the augmentation.
        mirrored: Augment, and mirror so; None does not augment.
    """
    rng = torch.Generator().manual_seed(seed)
    inside = _inside(data.points)[..., None]
    mean = (data.points * inside).sum(0) / inside.sum(0).clamp(min=1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Landmarks(mean, data.pictures.shape[-1])
    optimiser = torch.optim.AdamW(network.parameters(), how.rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, how.rate, total_steps=how.steps, pct_start=0.1)
    for _ in range(how.steps):
        chosen = data[torch.randint(len(data), (how.batch,), generator=rng)]
        pictures, points = chosen.pictures.float() / 255, chosen.points
        if mirrored is not None:
            pictures, points = augment(pictures, points, mirrored, how, rng)
        wrong = F.smooth_l1_loss(network(pictures), points, beta=REACH, reduction="none")
        known = _inside(points)[..., None].float().expand_as(wrong)
        loss = (wrong * known).sum() / known.sum().clamp(min=1)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return network.eval()


def errors(found: Tensor, truth: Tensor, *, aligned: bool = False) -> Tensor:
    """B, mean distance of the landmarks inside the picture from the truth, as a share of the head's size.

    The size is the square root of the area of the true landmarks' convex hull.

    Args:
        found: B K 2.
        truth: B K 2.
        aligned: First turn, scale and shift what was found to fit best: what is left is how well the head's own turns
            and its expressions are seen, wherever in the picture it is.
    """
    known = _inside(truth).float()
    if aligned:
        found = _aligned(found, truth, known)
    distance = ((found - truth).norm(dim=-1) * known).sum(1) / known.sum(1).clamp(min=1)
    share: Tensor = distance / torch.tensor(extents(Keypoints(truth)))
    return share


def _aligned(found: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    """B K 2 after the similarity, without mirroring, that fits ``known`` (B K) landmarks best by least squares."""
    share = known / known.sum(1, keepdim=True).clamp(min=1)
    place, goal = (torch.view_as_complex(points.contiguous()) for points in (found, truth))  # B K
    here, there = ((points * share).sum(1, keepdim=True) for points in (place, goal))
    spread = ((place - here).abs().square() * share).sum(1, keepdim=True).clamp(min=1e-12)
    factor = ((place - here).conj() * (goal - there) * share).sum(1, keepdim=True) / spread
    return torch.view_as_real(factor * (place - here) + there)
