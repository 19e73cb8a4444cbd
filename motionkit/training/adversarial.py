"""The adversarial loss: a discriminator of pictures or of close-ups, least squares.

Source: arXiv 2003.00196, supplementary, and the published code. Every term is a mean over the batch.

Legend: N pictures that the discriminator sees, K keypoints, H W their size.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from motionkit.errors import ConfigError
from motionkit.modules.discriminator import Discriminator, least_size, scale_key
from motionkit.modules.grid import at_least_float32
from motionkit.structures import Keypoints
from motionkit.training.config import TrainConfig
from motionkit.training.perceptual import l1, reduce

__all__ = ["DiscriminatorObjective", "Shown", "adversarial_terms", "check_size"]


@dataclass(frozen=True, slots=True)
class Shown:
    """What the discriminator is shown of a batch: whole pictures, or close-ups of them.

    Attributes:
        real: N 3 H W in [0, 1].
        made: N 3 H W in [0, 1], with the generator's gradients.
        keypoints: N K of both, without gradients.
    """

    real: Tensor
    made: Tensor
    keypoints: Keypoints


def adversarial_terms(
    discriminator: Discriminator, shown: Shown, *, scales: tuple[float, ...], gan: float, feature_matching: float
) -> dict[str, Tensor]:
    """Compute what the discriminator's judgement adds to the generator's losses.

    Args:
        discriminator: D; gradients pass through it, but not into its parameters.
        shown: Real and made pictures; gradients flow into the made ones.
        scales: Of the pyramid of pictures that the discriminator sees.
        gan: Weight of (1 - D(made))², summed over the scales.
        feature_matching: Weight of the L1 between the discriminator's maps; 0 leaves the term out.

    Returns:
        Name to weighted scalar: "gan" and, maybe, "feature_matching".
    """
    with _without_gradients(discriminator):
        fakes = discriminator(_pyramid(shown.made, scales), shown.keypoints)
        with torch.no_grad():
            reals = discriminator(_pyramid(shown.real, scales), shown.keypoints)
    errors = torch.stack([(1 - at_least_float32(realness)).square().mean() for _, realness in fakes.values()])
    terms = {"gan": gan * errors.sum()}
    if feature_matching:
        matches = [l1(a, b) for key in fakes for a, b in zip(fakes[key][0], reals[key][0], strict=True)]
        terms["feature_matching"] = feature_matching * torch.stack(matches).sum()
    return terms


class DiscriminatorObjective(nn.Module):
    """Least squares for the discriminator: (1 - D(real))² + D(fake)², summed over its scales.

    Args:
        config: Of the training run; the discriminator's scales are used.
        discriminator: D; its parameters are this module's.
    """

    def __init__(self, config: TrainConfig, discriminator: Discriminator) -> None:
        super().__init__()
        self.scales = config.model.discriminator.scales
        self.discriminator = discriminator

    def forward(self, shown: Shown) -> Tensor:
        """Compute the loss, a scalar; no gradients flow into what is shown."""
        reals = self.discriminator(_pyramid(shown.real.detach(), self.scales), shown.keypoints)
        fakes = self.discriminator(_pyramid(shown.made.detach(), self.scales), shown.keypoints)
        terms = [
            (1 - at_least_float32(reals[key][1])).square().mean() + at_least_float32(fakes[key][1]).square().mean()
            for key in reals
        ]
        return torch.stack(terms).sum()


def check_size(config: TrainConfig) -> None:
    """Check that the discriminator sees something in pictures of a run's size.

    Args:
        config: Of the run; its ``loss.gan`` is set.

    Raises:
        ConfigError: The pictures or close-ups are too small for its blocks.
    """
    shown = config.size * (config.loss.close_up if config.loss.close_ups else 1)
    side = round(shown * min(config.model.discriminator.scales))
    if side < (least := least_size(config.model.discriminator)):
        raise ConfigError(
            "The discriminator's pictures are too small for it",
            got=f"{side} pixels",
            expected=f"at least {least}",
            todo="Give larger ones (data.size, loss.close_up) or fewer blocks (model.discriminator_params.num_blocks)",
        )


def _pyramid(images: Tensor, scales: tuple[float, ...]) -> dict[str, Tensor]:
    return {scale_key(scale): reduce(images, scale) for scale in scales}


@contextmanager
def _without_gradients(module: nn.Module) -> Iterator[None]:
    """Let gradients pass through a module but not into its parameters."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)
