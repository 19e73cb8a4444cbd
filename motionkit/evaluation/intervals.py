"""Means of clips with the intervals in which they lie, by the bootstrap.

Legend: n clips, C quantities, R resamples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from motionkit.evaluation.metrics import Quantity

__all__ = ["Difference", "Spread", "differences", "spreads"]

CHUNK = 64  # resamples at once


@dataclass(frozen=True, slots=True)
class Spread:
    """What some clips' values come to.

    Attributes:
        clips: How many clips have a value.
        mean: Of the clips, each counted alike.
        median: The middle one.
        low: Lower end of the mean's interval.
        high: Upper end.
    """

    clips: int
    mean: float
    median: float
    low: float
    high: float


def spreads(
    values: np.ndarray, *, seed: int = 0, resamples: int = 2000, confidence: float = 0.95
) -> list[Spread | None]:
    """Mean, median, and the mean's interval (bootstrap over clips, percentiles) of several quantities.

    All quantities are resampled alike: clips are drawn, not values.

    Args:
        values: n C; NaN is no value.
        seed: Of the draws; the same gives the same.
        resamples: R.
        confidence: Share of the resamples' means that the interval holds.

    Returns:
        For each quantity, None where no clip has a value.
    """
    n, count = values.shape
    if not n:
        return [None] * count
    there = ~np.isnan(values)
    filled = np.where(there, values, 0.0)
    random = np.random.default_rng(seed)
    means = np.empty((resamples, count))
    for start in range(0, resamples, CHUNK):
        size = min(CHUNK, resamples - start)
        drawn = np.stack([np.bincount(random.integers(n, size=n), minlength=n) for _ in range(size)]).astype(float)
        with np.errstate(invalid="ignore"):
            means[start : start + size] = (drawn @ filled) / (drawn @ there)
    tail = 100 * (1 - confidence) / 2
    found: list[Spread | None] = []
    for i in range(count):
        own = values[there[:, i], i]
        if not len(own):
            found.append(None)
            continue
        low, high = np.nanpercentile(means[:, i], [tail, 100 - tail])
        found.append(Spread(len(own), float(own.mean()), float(np.median(own)), float(low), float(high)))
    return found


@dataclass(frozen=True, slots=True)
class Difference:
    """How another model differs from the first in one quantity, over the clips that both have.

    Attributes:
        model: The other model.
        quantity: Which.
        spread: Of the differences, the other minus the first.
        verdict: "better" or "worse" where the interval of what it gains leaves out 0, else "".
    """

    model: str
    quantity: str
    spread: Spread
    verdict: str


def differences(
    model: str,
    other: np.ndarray,
    first: np.ndarray,
    quantities: Sequence[Quantity],
    *,
    seed: int = 0,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> list[Difference]:
    """Compare two models clip by clip.

    Args:
        model: Name of the other one.
        other: n C, its values.
        first: n C, those of the model that it is compared with, of the same clips.
        quantities: The C quantities, which say what is better; of what should be 1, the distance from 1 counts.
        seed: As for ``spreads``.
        resamples: As for ``spreads``.
        confidence: As for ``spreads``.

    Returns:
        One for each quantity that both have for some clip.
    """
    how = {"seed": seed, "resamples": resamples, "confidence": confidence}
    gains = np.empty_like(first)
    for i, quantity in enumerate(quantities):
        one, two = first[:, i], other[:, i]
        if quantity.better == "one":
            one, two = np.abs(one - 1), np.abs(two - 1)
        gains[:, i] = two - one if quantity.better == "more" else one - two
    found = []
    pairs = zip(quantities, spreads(other - first, **how), spreads(gains, **how), strict=True)  # type: ignore[arg-type]
    for quantity, spread, gained in pairs:
        if spread is None or gained is None:
            continue
        told = quantity.better and spread.clips > 1
        verdict = "better" if told and gained.low > 0 else "worse" if told and gained.high < 0 else ""
        found.append(Difference(model, quantity.name, spread, verdict))
    return found
