"""Metrics of faces: keypoint distance, identity, how the look is kept, and how the result follows the driver.

Legend: B frames of a batch, S side of the pictures in pixels, N points of a face, P points of the mesh.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from motionkit.evaluation.embedders import Embed
from motionkit.evaluation.looks import colour_change, likeness, mean_colour, sharpness, skin_mask
from motionkit.evaluation.metrics import Batch, Need, Quantity
from motionkit.evaluation.signals import SIGNALS, Signals, correlation, followed, measure, slope
from motionkit.faces.crops import crop
from motionkit.faces.mesh import MESH_POINTS
from motionkit.frames import Frame
from motionkit.structures import Box

__all__ = ["Following", "Identity", "KeypointDistance", "Look", "face_square"]

UNIT = 256  # distances are in pixels of a picture of this side, as published ones are
FACE_PART = 1.5  # side of the square that an embedder sees, in extents of the landmarks


@dataclass(frozen=True)
class KeypointDistance:
    """AKD and the missing-keypoint rate: how far the result's landmarks are from the driver's, and how often none are.

    Over the frames whose driver shows a face; distances over those whose result does too.
    """

    name: str = "akd"
    needs: frozenset[Need] = frozenset({"truth", "landmarks"})
    quantities: tuple[Quantity, ...] = (
        Quantity("akd", "mean distance of landmarks, pixels of a picture of 256"),
        Quantity("missing", "share of the frames whose result shows no face"),
    )

    def begin(self) -> _DistanceTally:
        """Start another clip."""
        return _DistanceTally()


class _DistanceTally:
    def __init__(self) -> None:
        self.distances: list[float] = []
        self.missing = 0

    def add(self, batch: Batch) -> None:
        for mine, true in zip(batch.result_points, batch.driving_points, strict=True):
            if true is None:
                continue
            if mine is None:
                self.missing += 1
                continue
            apart = np.hypot(*(mine - true)[:MESH_POINTS, :2].T)
            self.distances.append(float(apart.mean()) * UNIT / batch.side)

    def values(self) -> Mapping[str, float]:
        seen = len(self.distances) + self.missing
        found = {} if not self.distances else {"akd": float(np.mean(self.distances))}
        return {**found, "missing": self.missing / seen} if seen else {}


@dataclass(frozen=True)
class Identity:
    """AED: how far results are from being the same person, the Euclidean distance of an embedder's vectors.

    From the driving frame in reconstruction, where that is the truth, else from the source.

    Attributes:
        embed: From picture to vector.
        truth: Whether the driving frame is the truth.
    """

    embed: Embed
    truth: bool = True
    name: str = "aed"
    needs: frozenset[Need] = frozenset({"embedder"})

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """The one."""
        return (Quantity("aed", f"distance of identity from the {'driving frame' if self.truth else 'source'}"),)

    def begin(self) -> _IdentityTally:
        """Start another clip."""
        return _IdentityTally(self.embed, self.truth)


class _IdentityTally:
    def __init__(self, embed: Embed, truth: bool) -> None:
        self.embed, self.truth = embed, truth
        self.source: np.ndarray | None = None
        self.distances: list[float] = []

    def add(self, batch: Batch) -> None:
        if not self.truth and self.source is None:
            self.source = self._vector(batch.source, batch.source_points)
        for i, frame in enumerate(batch.result):
            mine = self._vector(frame, _at(batch.result_points, i))
            true = self._vector(batch.driving[i], _at(batch.driving_points, i)) if self.truth else self.source
            if mine is not None and true is not None:
                self.distances.append(float(np.linalg.norm(mine - true)))

    def _vector(self, frame: Frame, points: np.ndarray | None) -> np.ndarray | None:
        vector = self.embed(face_square(frame, points))
        return None if vector is None else np.asarray(vector, dtype=np.float64).ravel()

    def values(self) -> Mapping[str, float]:
        return {"aed": float(np.mean(self.distances))} if self.distances else {}


def face_square(frame: Frame, points: np.ndarray | None) -> Frame:
    """The square around a face that embedders see; the whole frame where no points are known.

    Args:
        frame: S S 3 uint8.
        points: N 2 or N 3 in pixels, or None.
    """
    if points is None:
        return frame
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    side = int(np.clip(round(FACE_PART * float((high - low).max())), 2, len(frame)))
    left, top = np.clip(np.round((low + high - side) / 2), 0, len(frame) - side).astype(int).tolist()
    return crop(frame, Box(left, top, left + side, top + side))


@dataclass(frozen=True)
class Look:
    """Whether the face keeps its look: skin, sharpness and likeness against the source's, see ``signals``."""

    name: str = "look"
    needs: frozenset[Need] = frozenset({"mesh"})
    quantities: tuple[Quantity, ...] = (
        Quantity("skin", "change of the skin's colour from the source's, share"),
        Quantity("face_sharpness", "variance of the Laplacian of the face, share of the source's", "one"),
        Quantity("likeness", "correlation of the upper face with the source's", "more"),
    )

    def begin(self) -> _LookTally:
        """Start another clip."""
        return _LookTally()


class _LookTally:
    def __init__(self) -> None:
        self.found: dict[str, list[float]] = {"skin": [], "face_sharpness": [], "likeness": []}

    def add(self, batch: Batch) -> None:
        if batch.source_points is None:
            return
        shape, own = (batch.side, batch.side), batch.source_points
        mask = skin_mask(own, shape)
        skin = mean_colour(batch.source, mask) if mask.any() else None
        edges = max(sharpness(batch.source, own), 1e-9)
        for frame, points in zip(batch.result, batch.result_points, strict=True):
            if points is None:
                continue
            mask = skin_mask(points, shape)
            if skin is not None and mask.any():
                self.found["skin"].append(colour_change(mean_colour(frame, mask), skin))
            self.found["face_sharpness"].append(sharpness(frame, points) / edges)
            self.found["likeness"].append(likeness(frame, points, batch.source, own))

    def values(self) -> Mapping[str, float]:
        # A blurred frame more or less should not decide.
        return {
            name: float(np.median(values) if name == "face_sharpness" else np.mean(values))
            for name, values in self.found.items()
            if values
        }


@dataclass(frozen=True)
class Following:
    """Whether the result does what the driver does: correlation and slope of each signal that the driver moves."""

    name: str = "following"
    needs: frozenset[Need] = frozenset({"mesh"})
    quantities: tuple[Quantity, ...] = (
        Quantity("following", "mean correlation of the driver's signals", "more"),
        *(Quantity(f"follows_{name}", f"correlation of {name}", "more") for name in SIGNALS),
        *(Quantity(f"slope_{name}", f"how far the {name} goes for the driver's 1", "one") for name in SIGNALS),
        Quantity("found", "share of the frames whose result shows a face", "more"),
    )

    def begin(self) -> _FollowingTally:
        """Start another clip."""
        return _FollowingTally()


class _FollowingTally:
    def __init__(self) -> None:
        self.driver, self.result = _Signals(), _Signals()

    def add(self, batch: Batch) -> None:
        self.driver.add(batch.driving_points)
        self.result.add(batch.result_points)

    def values(self) -> Mapping[str, float]:
        (driver, there), (result, found) = self.driver.all(), self.result.all()
        values = {"found": float(found.mean())} if len(found) else {}
        correlations = followed(correlation, driver, result, (there, found))
        slopes = followed(slope, driver, result, (there, found))
        if correlations:
            values["following"] = float(np.mean(list(correlations.values())))
        values |= {f"follows_{name}": value for name, value in correlations.items()}
        return values | {f"slope_{name}": value for name, value in slopes.items()}


class _Signals:
    """Signals of a clip whose meshes come batch after batch; the meshes themselves are not kept."""

    def __init__(self) -> None:
        self.first: np.ndarray | None = None
        self.rows: list[tuple[float, ...]] = []
        self.found: list[bool] = []

    def add(self, points: Sequence[np.ndarray | None]) -> None:
        for seen in points:
            self.found.append(seen is not None)
            if seen is None:
                self.rows.append((0.0,) * len(SIGNALS))
                continue
            self.first = seen if self.first is None else self.first
            signals = measure(np.stack([self.first, seen]))
            self.rows.append(tuple(float(getattr(signals, name)[1]) for name in SIGNALS))

    def all(self) -> tuple[Signals, np.ndarray]:
        columns = np.array(self.rows, dtype=float).reshape(-1, len(SIGNALS)).T
        return Signals(**{f.name: column for f, column in zip(fields(Signals), columns, strict=True)}), np.array(
            self.found, dtype=bool
        )


def _at(points: Sequence[np.ndarray | None], index: int) -> np.ndarray | None:
    return points[index] if points else None
