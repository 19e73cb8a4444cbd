"""Expressions over time, moving one source's keypoints.

Legend: T frames, A actions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from motionkit.motion.rig import Head
from motionkit.structures import Detected, Keypoints

__all__ = ["PlacedTake"]


class PlacedTake:
    """A take on a source's head, as a driving.

    Args:
        curves: As ``Take.curves``: actions, then yaw, pitch and roll in degrees.
        fps: Exact rate.
        head: The rig on the source.
        order: A, where in ``curves`` the rig's actions are.
        path: The file behind it, if any.

    Attributes:
        references: The neutral pose of relative motion, by scene.
    """

    once = False

    def __init__(
        self, curves: np.ndarray, fps: Fraction, head: Head, *, order: Sequence[int], path: Path | None = None
    ) -> None:
        self._curves, self._head, self._order = curves, head, list(order)
        self.fps, self.length, self.path = fps, len(curves), path
        self.references = {0: head.show(np.zeros((1, len(self._order))), np.zeros((1, 3)))}

    def keypoints(self, frames: slice) -> Keypoints:
        """The source's keypoints in some of the frames.

        Args:
            frames: Which.
        """
        curves = self._curves[frames]
        return self._head.show(curves[:, self._order], curves[:, -3:])

    def batches(self, model: Any, batch_size: int) -> Iterator[Detected]:
        """As ``Driving.batches``."""
        for start in range(0, self.length, batch_size):
            yield Detected(self.keypoints(slice(start, start + batch_size)))
