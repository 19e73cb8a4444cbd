"""Smoothing over time: keypoints that hold still while the driving does, and follow when it moves.

Legend: B frames, K keypoints; points (x, y) in [-1, 1]; a Jacobian is a 2 2 matrix.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from motionkit.errors import InputError
from motionkit.structures import Keypoints

__all__ = ["Smoother"]


class Smoother:
    """Causal smoothing over time: the One-Euro filter (Casiez, Roussel and Vogel, CHI 2012) on points and Jacobians.

    A low pass whose cutoff rises with speed: still keypoints hold still, fast ones lag little. Speed is a keypoint's
    (both coordinates, or all four entries of its Jacobian, together), so the direction of movement does not matter.
    The cutoff in Hz is ``0.4 / smoothing² + 8 · speed`` with the speed in units of [-1, 1] (or of Jacobian entries) a
    second, itself low-passed at 1 Hz; the filter tends to the identity as smoothing goes to 0.

    Args:
        smoothing: 0 (exactly the identity) to 1.
        fps: Frames a second, above 0.
    """

    MIN_CUTOFF = 0.4  # Hz at smoothing 1
    BETA = 8.0  # Hz for each unit a second
    SPEED_CUTOFF = 1.0  # Hz

    def __init__(self, smoothing: float, fps: float = 30.0) -> None:
        if not 0 <= smoothing <= 1:
            raise InputError("smoothing is out of range", got=repr(smoothing), expected="a number from 0 to 1")
        if not 0 < fps < math.inf:
            raise InputError("fps is out of range", got=repr(fps), expected="a finite number above 0")
        self.smoothing, self.fps = float(smoothing), float(fps)
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next frame is a first one."""
        self._position: Tensor | None = None
        self._speed: Tensor | None = None

    def smooth(self, keypoints: Keypoints) -> Keypoints:
        """Smooth the next consecutive frames. A frame that is not finite passes through and leaves no trace.

        Args:
            keypoints: Batch B in time order; how a clip is cut into batches does not matter.

        Returns:
            Batch B.
        """
        if self.smoothing == 0:
            return keypoints
        value, jacobian = keypoints.value, keypoints.jacobian
        parts = value if jacobian is None else torch.cat([value, jacobian.flatten(2)], dim=-1)  # B K 2 or B K 6
        smoothed = torch.stack([self._step(frame) for frame in parts]) if len(parts) else parts
        return Keypoints(smoothed[..., :2], None if jacobian is None else smoothed[..., 2:].reshape(jacobian.shape))

    def _step(self, frame: Tensor) -> Tensor:
        """One frame, K 2 or K 6 (point, then Jacobian)."""
        if not bool(torch.isfinite(frame).all()):
            return frame
        if self._position is None or self._speed is None:
            self._position, self._speed = frame, torch.zeros_like(frame)
            return frame
        speed = (frame - self._position) * self.fps
        self._speed = self._speed + self._weight(self.SPEED_CUTOFF) * (speed - self._speed)
        groups = self._speed.split([2, frame.shape[-1] - 2], dim=-1)
        fastness = torch.cat([group.norm(dim=-1, keepdim=True).expand_as(group) for group in groups], dim=-1)
        cutoff = self.MIN_CUTOFF / self.smoothing**2 + self.BETA * fastness
        self._position = self._position + self._weight(cutoff) * (frame - self._position)
        return self._position

    def _weight(self, cutoff: Tensor | float) -> Tensor | float:
        """Weight of the newest frame in a first-order low pass with this cutoff in Hz."""
        return 1 / (1 + self.fps / (2 * math.pi * cutoff))
