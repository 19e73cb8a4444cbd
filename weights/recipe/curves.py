"""Random curves over time. Legend: T times, ``t`` T seconds."""

from __future__ import annotations

import numpy as np

__all__ = ["bump", "drift", "ease", "shake"]


def ease(share: np.ndarray) -> np.ndarray:
    """From 0 to 1 with a gentle start and end, for shares in [0, 1]."""
    eased: np.ndarray = share * share * (3 - 2 * share)
    return eased


def drift(rng: np.random.Generator, t: np.ndarray, rate: float) -> np.ndarray:
    """T, a smooth random curve of unit variance or so, with ``rate`` turning points a second."""
    knots = rng.normal(0, 1, int(np.ceil(t[-1] * rate)) + 4)
    at = t * rate + rng.uniform()
    i = at.astype(int)
    share = ease(at - i)
    curve: np.ndarray = knots[i] * (1 - share) + knots[i + 1] * share
    return curve


def shake(rng: np.random.Generator, t: np.ndarray) -> np.ndarray:
    """T, what a hand does to a camera: slow wander with quick small trembling, of unit variance or so."""
    return 0.85 * drift(rng, t, 0.7) + 0.45 * drift(rng, t, 3.0) + 0.2 * drift(rng, t, 9.0)


def bump(rng: np.random.Generator, t: np.ndarray, width: float) -> np.ndarray:
    """T, one bump of ``width`` seconds somewhere in the clip."""
    curve: np.ndarray = np.exp(-(((t - rng.uniform(0, t[-1] + 1e-3)) / width) ** 2))
    return curve * rng.uniform(0.5, 1.0)
