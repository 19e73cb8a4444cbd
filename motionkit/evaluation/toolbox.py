"""What can be measured here: which metrics there are, and which are left out for want of what they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from motionkit.errors import InputError
from motionkit.evaluation.embedders import pick_embedder
from motionkit.evaluation.landmarks import LandmarkFinder, pick_landmarks
from motionkit.evaluation.metrics import Metric, Need, Quantity, as_metric
from motionkit.evaluation.options import EvaluateOptions
from motionkit.evaluation.people import Following, Identity, KeypointDistance, Look
from motionkit.evaluation.perception import LEAST_MS_SSIM, load_lpips, lpips, ms_ssim, ssim
from motionkit.evaluation.pixels import COLOUR, Errors, Flicker, Sharpness

__all__ = ["METRICS", "RATE", "Tools", "make_tools"]

METRICS = (
    *("pixels", "regions", "ssim", "ms_ssim", "lpips", "akd", "aed"),
    *("following", "look", "flicker", "colour", "sharpness"),
)
"""Names of the metrics that come with motionkit, in the order of the table."""
RATE = (
    Quantity("frame_rate", "frames a second of the model, files read and cropped", "more"),
    Quantity("measuring", "seconds a frame for the metrics themselves", ""),
)
"""What every clip gets, whatever is measured."""


@dataclass(frozen=True)
class Tools:
    """What measures.

    Attributes:
        metrics: Those that can be had, in the order of the table.
        landmarks: What finds faces' points, None where no metric needs it or none is at hand.
        embedder: Name of what tells people apart, or "".
        skipped: Metrics that were left out, each with the reason.
    """

    metrics: tuple[Metric, ...]
    landmarks: LandmarkFinder | None
    embedder: str
    skipped: dict[str, str]

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """All that a clip may get, in the order of the table."""
        return (*(quantity for metric in self.metrics for quantity in metric.quantities), *RATE)


def make_tools(
    options: EvaluateOptions, *, reconstruction: bool = True, side: int = 256, device: torch.device | str = "cpu"
) -> Tools:
    """Gather what measures, and say what is missing.

    Args:
        options: What is asked for.
        reconstruction: Whether the driving frames are the truth.
        side: Of the pictures that are compared, in pixels.
        device: Where networks compute.

    Raises:
        InputError: A name is unknown, two metrics have one name, or none is left.
        MotionkitError: What was asked for by name cannot be had.
    """
    asked: list[Any] = list(METRICS if options.metrics is None else options.metrics)
    wanted = {name for name in asked if isinstance(name, str)}
    if unknown := wanted - set(METRICS):
        raise InputError("Unknown metric", got=", ".join(sorted(unknown)), expected=f"some of {', '.join(METRICS)}")
    missing: dict[Need, str] = (
        {} if reconstruction else {"truth": "only reconstruction knows what the result should be"}
    )
    network, embed = None, None
    if "lpips" in wanted and reconstruction:
        network, missing["lpips"] = load_lpips(options.lpips, device=device)
    if "aed" in wanted:
        embed, missing["embedder"] = pick_embedder(options.embedder, device=device)
    identity = Identity(embed.embed if embed else _nobody, reconstruction)
    known: dict[str, Metric] = {
        **{metric.name: metric for metric in (Errors(), Errors(by_region=True), ssim, ms_ssim)},
        **{metric.name: metric for metric in (lpips(network or torch.sub), KeypointDistance(), identity)},
        **{metric.name: metric for metric in (Following(), Look(), Flicker(), COLOUR, Sharpness())},
    }
    found = [known[one] if isinstance(one, str) else as_metric(one) for one in asked]
    finder = None
    if any(metric.needs & {"landmarks", "mesh"} and not metric.needs & missing.keys() for metric in found):
        finder, missing["landmarks"] = pick_landmarks(options.landmarks, folder=options.mesh_folder)
        if finder is None or not finder.mesh:
            missing["mesh"] = missing["landmarks"] or f"it needs the face mesh, and the landmarks are {finder.name}'s"  # type: ignore[union-attr]
    skipped = {metric.name: reason for metric in found if (reason := _reason(metric, missing, side))}
    kept = tuple(metric for metric in found if metric.name not in skipped)
    _check(kept, skipped)
    used = any(metric.needs & {"landmarks", "mesh"} for metric in kept)
    return Tools(kept, finder if used else None, embed.name if embed else "", skipped)


def _reason(metric: Metric, missing: dict[Need, str], side: int) -> str:
    """Why a metric is left out; "" where it is not."""
    if metric is ms_ssim and side < LEAST_MS_SSIM:
        return f"it needs pictures of at least {LEAST_MS_SSIM} pixels, and these have {side}"
    return next((reason for need in sorted(metric.needs) if (reason := missing.get(need, ""))), "")


def _check(metrics: Sequence[Metric], skipped: dict[str, str]) -> None:
    names = [quantity.name for metric in metrics for quantity in metric.quantities] + [one.name for one in RATE]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError("Two metrics give the same figure", got=", ".join(twice), expected="a name for each")
    if not metrics:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in skipped.items())
        raise InputError("Nothing is left to measure", got=reasons or "no metrics", expected="at least one metric")


def _nobody(_: Any) -> None:
    return None
