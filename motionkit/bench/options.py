"""What is measured, and how long. These are the only defaults; the command line reads them here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from motionkit.config import PRECISIONS, Precision
from motionkit.errors import InputError

__all__ = ["BenchOptions"]


@dataclass(frozen=True, kw_only=True)
class BenchOptions:
    """What ``bench`` measures.

    Attributes:
        models: "heads" or a weights file; a published name ("vox") stands for its configuration with seeded weights.
        device: Where to compute; None takes the best that is there.
        precisions: Of the fast form; None is float32 and the half precision that the device has natively, if any.
        sizes: Sides of the result in pixels; None is each model's own.
        batches: Frames that the fast form computes at once; None is 1, on a GPU also 16.
        rounds: How often each procedure is measured, in turn.
        frames: Fresh frames a round, the same for each procedure; raised to a multiple of every batch.
        steps: Measure the model step, frame to frame.
        clips: Measure from file to file.
        clip_seconds: Length of the 720p clip that goes from file to file.
        clip_rounds: How often each procedure makes the whole clip, in turn.
        scale: Measure cost against length, size and batch as well.
        seconds: Longest time, for each model, that ``scale`` may take; what would not fit is left out, and named.
    """

    models: tuple[str, ...] = ("heads", "vox")
    device: str | None = None
    precisions: tuple[Precision, ...] | None = None
    sizes: tuple[int, ...] | None = None
    batches: tuple[int, ...] | None = None
    rounds: int = 5
    frames: int = 8
    steps: bool = True
    clips: bool = True
    clip_seconds: float = 2.0
    clip_rounds: int = 1
    scale: bool = False
    seconds: float = 240.0

    def __post_init__(self) -> None:
        for name in ("models", "precisions", "sizes", "batches"):
            value = getattr(self, name)
            if value is not None and not value:
                raise InputError(f"{name} is empty", expected="at least one")
        for precision in self.precisions or ():
            if precision not in PRECISIONS:
                raise InputError("Unknown precision", got=repr(precision), expected=f"among {', '.join(PRECISIONS)}")
        for name in ("rounds", "frames", "clip_rounds"):
            _check_above(name, getattr(self, name), 1)
        for name in ("sizes", "batches"):
            for value in getattr(self, name) or ():
                _check_above(name, value, 1)
        for name in ("clip_seconds", "seconds"):
            _check_above(name, getattr(self, name), 0.1)


def _check_above(name: str, value: Any, least: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= least:
        raise InputError(f"{name} is out of range", got=repr(value), expected=f"a number from {least:g}")
