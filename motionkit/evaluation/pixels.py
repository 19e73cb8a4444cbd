"""Metrics of pixels alone: errors, also by region, flicker, colour and sharpness.

Legend: B frames of a batch, S side of the pictures in pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError
from skimage.draw import polygon

from motionkit.evaluation.looks import GREY, colour_change
from motionkit.evaluation.metrics import Batch, FrameMetric, Need, Quantity
from motionkit.frames import Frame, decibels

__all__ = ["COLOUR", "MOST_DECIBELS", "REGIONS", "Errors", "Flicker", "Sharpness", "regions"]

MOST_DECIBELS = 100.0  # what equal pictures count as, so that clips with some can be averaged
RING = 40 / 256  # width of the ring around the face, of the picture's side
OUTLINE = 17  # points that outline a face: fewer, such as MTCNN's five, lie inside it
REGIONS = ("face", "ring", "rest")
TRUTH: frozenset[Need] = frozenset({"truth"})


@dataclass(frozen=True)
class Errors:
    """L1 and PSNR of the whole picture, or by region.

    The face is the hull of the driving frame's landmarks; the ring reaches 40 pixels beyond it, in a picture of 256:
    hair, neck and what a turning head uncovers; the rest is the rest. PSNR is that of the clip's mean squared error.

    Attributes:
        by_region: Whether by region.
    """

    by_region: bool = False

    @property
    def name(self) -> str:
        """``regions`` or ``pixels``."""
        return "regions" if self.by_region else "pixels"

    @property
    def needs(self) -> frozenset[Need]:
        """The truth, and for regions where the face is."""
        return TRUTH | {"landmarks"} if self.by_region else TRUTH

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Two of each region; of the whole also what standing still would have."""
        if not self.by_region:
            return (
                Quantity("l1", "mean absolute difference, values in [0, 1]"),
                Quantity("l1_still", "the same of the source, unmoved", ""),
                Quantity("psnr", "peak signal-to-noise ratio, dB", "more"),
            )
        errors = [Quantity(f"l1_{region}", f"mean absolute difference, {region}") for region in REGIONS]
        ratios = [Quantity(f"psnr_{region}", f"signal-to-noise ratio, dB, {region}", "more") for region in REGIONS]
        return (*errors, *ratios)

    def begin(self) -> _ErrorTally:
        """Start another clip."""
        return _ErrorTally(self.by_region)


class _ErrorTally:
    """Mean over the frames of each one's mean error, so that each frame counts alike."""

    def __init__(self, by_region: bool) -> None:
        self.by_region = by_region
        self.sums: dict[str, np.ndarray] = {}  # region to (absolute, squared, frames)
        self.still, self.frames = 0.0, 0

    def add(self, batch: Batch) -> None:
        points = batch.driving_points if self.by_region else [None] * len(batch.result)
        for result, truth, seen in zip(batch.result, batch.driving, points, strict=True):
            difference = np.abs(result.astype(np.int16) - truth).astype(np.float32) / 255
            if not self.by_region:
                self._take("", difference)
                self.still += float(np.abs(batch.source.astype(np.int16) - truth).mean()) / 255
                self.frames += 1
            elif (masks := regions(seen, batch.side)) is not None:
                for region, mask in masks.items():
                    self._take(f"_{region}", difference[mask])

    def _take(self, region: str, difference: np.ndarray) -> None:
        if difference.size:
            frame = np.array([difference.mean(dtype=np.float64), (difference**2).mean(dtype=np.float64), 1.0])
            self.sums[region] = self.sums.get(region, 0) + frame

    def values(self) -> dict[str, float]:
        found = {} if not self.frames else {"l1_still": self.still / self.frames}
        for region, (absolute, squared, frames) in self.sums.items():
            found[f"l1{region}"] = absolute / frames
            found[f"psnr{region}"] = min(decibels(squared / frames), MOST_DECIBELS)
        return {name: float(value) for name, value in found.items()}


def regions(points: np.ndarray | None, side: int) -> dict[str, np.ndarray] | None:
    """Mark face, ring and rest of a picture.

    Args:
        points: N 2 or N 3, the face's, in pixels; None is no face.
        side: S.

    Returns:
        Of each of ``REGIONS`` S S bool; None without a face, or where its points do not outline it.
    """
    if points is None or len(points) < OUTLINE:
        return None
    try:
        corners = points[ConvexHull(points[:, :2]).vertices, :2]
    except (QhullError, ValueError):  # all in a line, or no numbers
        return None
    face, near = np.zeros((side, side), bool), np.zeros((side, side), bool)
    face[polygon(corners[:, 1] - 0.5, corners[:, 0] - 0.5, face.shape)] = True
    if not face.any():
        return None
    reach = round(RING * side) + 1  # no farther is a pixel of the ring, so that distances are computed there alone
    rows, columns = np.flatnonzero(face.any(1)), np.flatnonzero(face.any(0))
    part = tuple(slice(max(seen[0] - reach, 0), seen[-1] + reach + 1) for seen in (rows, columns))
    near[part] = ndimage.distance_transform_edt(~face[part]) <= RING * side
    return {"face": face, "ring": near & ~face, "rest": ~near}


@dataclass(frozen=True)
class Flicker:
    """How much changes from frame to frame, as a share of what changes in the driver: 1 is as lively as the driver."""

    name: str = "flicker"
    needs: frozenset[Need] = frozenset()
    quantities: tuple[Quantity, ...] = (
        Quantity("flicker", "change from frame to frame, share of the driver's", "one"),
    )

    def begin(self) -> _FlickerTally:
        """Start another clip."""
        return _FlickerTally()


class _FlickerTally:
    def __init__(self) -> None:
        self.last: tuple[Frame, Frame] | None = None
        self.change = np.zeros(2)

    def add(self, batch: Batch) -> None:
        for now in zip(batch.result, batch.driving, strict=True):
            if self.last is not None:
                pairs = zip(now, self.last, strict=True)
                self.change += [np.abs(a.astype(np.int16) - b).mean() for a, b in pairs]
            self.last = now

    def values(self) -> Mapping[str, float]:
        result, driver = self.change
        return {"flicker": float(result / driver)} if driver > 0 else {}


def _colours(batch: Batch) -> Iterable[float]:
    source = batch.source.mean((0, 1))
    return [colour_change(frame.mean((0, 1)), source) for frame in batch.result]


COLOUR = FrameMetric(Quantity("colour", "change of the mean colour from the source's, share"), _colours)
"""Distance of the mean colours of result and source, see ``signals.colour_change``."""


@dataclass(frozen=True)
class Sharpness:
    """Variance of the Laplacian of the grey picture, as a share of the source's: median over the frames."""

    name: str = "sharpness"
    needs: frozenset[Need] = frozenset()
    quantities: tuple[Quantity, ...] = (
        Quantity("sharpness", "variance of the Laplacian, share of the source's", "one"),
    )

    def begin(self) -> _SharpnessTally:
        """Start another clip."""
        return _SharpnessTally()


class _SharpnessTally:
    def __init__(self) -> None:
        self.source: float | None = None
        self.results: list[float] = []

    def add(self, batch: Batch) -> None:
        if self.source is None:
            self.source = _edges(batch.source)
        self.results += map(_edges, batch.result)

    def values(self) -> Mapping[str, float]:
        return {"sharpness": float(np.median(self.results) / self.source)} if self.source else {}


def _edges(frame: Frame) -> float:
    return float(ndimage.laplace((frame @ GREY).astype(np.float32)).var())
