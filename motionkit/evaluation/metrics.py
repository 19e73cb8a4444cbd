"""What a metric is: it has a name, says what it needs, and measures a clip batch by batch. Any can be put in.

Legend: B frames of a batch, S side of the pictures in pixels, N points of a face.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor

from motionkit.errors import InputError
from motionkit.frames import Frame
from motionkit.tensors import to_tensor

__all__ = ["Batch", "Better", "FrameMetric", "Mean", "Metric", "Need", "Points", "Quantity", "Tally", "as_metric"]

Need = Literal["truth", "landmarks", "mesh", "embedder", "lpips"]
"""Truth: the driving frame is what the result should be, as in reconstruction. Landmarks: points of the faces; mesh:
those of ``faces.mesh``. Embedder: what tells people apart. LPIPS: its network."""
Better = Literal["less", "more", "one", ""]
"""Which values are good: small ones, large ones, those near 1; or none is better than another."""
Points: TypeAlias = "list[np.ndarray | None]"


@dataclass(frozen=True, slots=True)
class Quantity:
    """One figure that a metric gives of a clip.

    Attributes:
        name: Its column.
        what: What it is, in a few words, with the unit.
        better: Which values are good.
    """

    name: str
    what: str
    better: Better = "less"


@dataclass(frozen=True)
class Batch:
    """Some frames of a clip, in order, with all that metrics may look at.

    Attributes:
        source: S S 3 uint8, the same through the clip.
        driving: B S S 3 uint8.
        result: B S S 3 uint8.
        source_points: N 2 or N 3 in pixels; None where no face was found, or nobody looked.
        driving_points: The same of each driving frame.
        result_points: The same of each result.
        device: Where tensors are.
        memo: What one metric has computed and another one needs, too.
    """

    source: Frame
    driving: Frame
    result: Frame
    source_points: np.ndarray | None = None
    driving_points: Sequence[np.ndarray | None] = ()
    result_points: Sequence[np.ndarray | None] = ()
    device: torch.device | str = "cpu"
    memo: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def side(self) -> int:
        """S."""
        return len(self.source)

    @cached_property
    def tensors(self) -> tuple[Tensor, Tensor]:
        """Results and driving frames, each B 3 S S in [0, 1] on the device."""
        return to_tensor(self.result, device=self.device), to_tensor(self.driving, device=self.device)


class Tally(Protocol):
    """A metric at work on one clip."""

    def add(self, batch: Batch) -> None:
        """Take the next frames."""

    def values(self) -> Mapping[str, float]:
        """What the clip comes to: name of a quantity to its value; without those that nothing gives."""


class Metric(Protocol):
    """Something to measure. Attributes that do not change, and ``begin``, which starts another clip."""

    @property
    def name(self) -> str:
        """What it is asked for by."""

    @property
    def needs(self) -> frozenset[Need]:
        """Without these it is left out, and the report says so."""

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """All that it may give."""

    def begin(self) -> Tally:
        """Start another clip."""


class Mean:
    """Averages values over a clip's frames; as a tally, what a function gives of each batch.

    Args:
        name: The quantity's.
        function: From batch to values, a frame each; NaN is none.
    """

    def __init__(self, name: str, function: Callable[[Batch], Iterable[float]]) -> None:
        self.name, self.function = name, function
        self.sum, self.count = 0.0, 0

    def add(self, batch: Batch) -> None:
        """Take the next frames."""
        for value in self.function(batch):
            if not math.isnan(value):
                self.sum, self.count = self.sum + float(value), self.count + 1

    def values(self) -> dict[str, float]:
        """The mean, if there is any value."""
        return {self.name: self.sum / self.count} if self.count else {}


@dataclass(frozen=True)
class FrameMetric:
    """A metric that is the mean of what a function gives of each frame.

    Attributes:
        quantity: What it gives.
        function: From batch to B values.
        needs: See ``Metric``.
    """

    quantity: Quantity
    function: Callable[[Batch], Iterable[float]]
    needs: frozenset[Need] = frozenset()

    @property
    def name(self) -> str:
        """The quantity's."""
        return self.quantity.name

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """The one."""
        return (self.quantity,)

    def begin(self) -> Mean:
        """Start another clip."""
        return Mean(self.name, self.function)


def as_metric(given: Any) -> Metric:
    """A metric as it is, or a function of (result, driving frame), both S S 3 uint8, to a number, as one.

    The function's own name is the metric's; its attribute ``better`` may say which values are good ("less" without it),
    and ``needs`` what it needs (else the truth).

    Args:
        given: Either.

    Raises:
        InputError: It is neither.
    """
    if all(hasattr(given, name) for name in ("name", "needs", "quantities", "begin")):
        metric: Metric = given
        return metric
    name = getattr(given, "__name__", "")
    if not callable(given) or not name.isidentifier():
        expected = "a name, a Metric, or a function with a name from (result, driving frame) to a number"
        raise InputError("This is no metric", got=repr(given)[:80], expected=expected)
    what = (given.__doc__ or name).strip().splitlines()[0].rstrip(".")
    quantity = Quantity(name, what, getattr(given, "better", "less"))

    def each(batch: Batch) -> Iterable[float]:
        return [float(given(*pair)) for pair in zip(batch.result, batch.driving, strict=True)]

    return FrameMetric(quantity, each, frozenset(getattr(given, "needs", ("truth",))))
