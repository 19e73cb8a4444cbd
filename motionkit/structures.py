"""What the stages pass to each other: small frozen dataclasses, no behaviour beyond their own shape.

Legend: B batch, K keypoints, H W picture size, h w size of the dense motion (a quarter of the picture, usually).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motionkit.showing import described, file_html

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch

    from motionkit.frames import Frame

__all__ = ["AnimationResult", "Box", "Detected", "Generated", "Keypoints", "PoseResult", "Progress", "VideoInfo"]


@dataclass(frozen=True, slots=True)
class Keypoints:
    """Keypoints of a batch of pictures with their local affine frames.

    Attributes:
        value: B K 2 float tensor, (x, y) in [-1, 1]; -1 and 1 are the centres of the first and last pixel.
        jacobian: B K 2 2 float tensor, or None for models that do not estimate Jacobians.
        confidence: B K float tensor in [0, 1], how surely the detector saw each in one place: 1 is a single place, 0 is
            anywhere. None for keypoints that were not just detected, such as those that were moved.
    """

    value: torch.Tensor
    jacobian: torch.Tensor | None = None
    confidence: torch.Tensor | None = None

    def __repr__(self) -> str:
        batch, count = self.value.shape[:2]
        jacobian, device = self.jacobian is not None, str(self.value.device)
        return described("Keypoints", batch=batch, keypoints=count, jacobian=jacobian, device=device)

    def __len__(self) -> int:
        """Batch size."""
        return self.value.shape[0]

    def __getitem__(self, index: slice | torch.Tensor) -> Keypoints:
        """Return part of the batch, by a slice or a tensor of indices, so that the batch dimension stays."""
        return self._each(lambda tensor: tensor[index])

    def to(self, *args: Any, **kwargs: Any) -> Keypoints:
        """Return the same keypoints on another device or in another dtype.

        Args:
            *args: As for ``torch.Tensor.to``.
            **kwargs: As for ``torch.Tensor.to``.
        """
        return self._each(lambda tensor: tensor.to(*args, **kwargs))

    def detach(self) -> Keypoints:
        """Return the same keypoints, through which no gradients flow."""
        return self._each(lambda tensor: tensor.detach())

    def _each(self, change: Callable[[torch.Tensor], torch.Tensor]) -> Keypoints:
        parts = (self.jacobian, self.confidence)
        return Keypoints(change(self.value), *(None if part is None else change(part) for part in parts))

    @staticmethod
    def cat(parts: list[Keypoints]) -> Keypoints:
        """Join batches in order; without Jacobians, or confidence, if one of them has none.

        Args:
            parts: At least one, all of the same K.

        Raises:
            ValueError: The list is empty.
        """
        import torch

        if not parts:
            raise ValueError("Keypoints.cat needs at least one part")

        def joined(tensors: list[torch.Tensor | None]) -> torch.Tensor | None:
            there = [tensor for tensor in tensors if tensor is not None]
            return torch.cat(there) if len(there) == len(tensors) else None

        return Keypoints(
            torch.cat([part.value for part in parts]),
            joined([part.jacobian for part in parts]),
            joined([part.confidence for part in parts]),
        )


@dataclass(frozen=True, slots=True)
class Detected:
    """A batch of driving frames with the keypoints found in them.

    Attributes:
        keypoints: Batch B, on the CPU.
        frames: The B square frames, H W 3 uint8; None where a motion template drives, which has no pictures.
        scenes: B numbers, alike for frames of one scene of the film; None where nobody looked, which is one scene.
    """

    keypoints: Keypoints
    frames: list[Frame] | None = None
    scenes: Sequence[int] | None = None

    def __len__(self) -> int:
        """Batch size."""
        return len(self.keypoints)


@dataclass(frozen=True, slots=True)
class Generated:
    """What the generator makes of one batch.

    Attributes:
        image: B 3 H W float32 in [0, 1].
        occlusion: B 1 h w in [0, 1] (1 visible in the source), or None for models without an occlusion map.
        flow: B h w 2, (x, y) in absolute source coordinates in [-1, 1].
        mask: B K+1 h w, which motion moves each place; the first is the background; sums to 1.
        deformed: B 3 H W, the source picture warped by the flow (zero outside the source).
    """

    image: torch.Tensor
    occlusion: torch.Tensor | None
    flow: torch.Tensor
    mask: torch.Tensor
    deformed: torch.Tensor

    def __repr__(self) -> str:
        batch, _, height, width = self.image.shape
        return described("Generated", batch=batch, width=width, height=height, device=str(self.image.device))

    def __getitem__(self, index: slice) -> Generated:
        """Return part of the batch."""
        occlusion = None if self.occlusion is None else self.occlusion[index]
        return Generated(self.image[index], occlusion, self.flow[index], self.mask[index], self.deformed[index])

    @staticmethod
    def cat(parts: list[Generated]) -> Generated:
        """Join batches of one model in order.

        Args:
            parts: At least one; a single one is returned as it is.
        """
        import torch

        if len(parts) == 1:
            return parts[0]
        occlusions = [part.occlusion for part in parts if part.occlusion is not None]
        return Generated(
            torch.cat([part.image for part in parts]),
            torch.cat(occlusions) if occlusions else None,
            torch.cat([part.flow for part in parts]),
            torch.cat([part.mask for part in parts]),
            torch.cat([part.deformed for part in parts]),
        )


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels, half open: columns left … right-1, rows top … bottom-1.

    It may reach beyond the picture; cropping then pads by reflection. A turned one is that rectangle turned about its
    middle, and cropping turns it upright.

    Attributes:
        left: First column.
        top: First row.
        right: Column after the last one.
        bottom: Row after the last one.
        roll: Degrees by which it is turned clockwise; 0 is upright.

    Raises:
        ValueError: The rectangle is empty.
    """

    left: int
    top: int
    right: int
    bottom: int
    roll: float = 0.0

    def __post_init__(self) -> None:
        if self.right <= self.left or self.bottom <= self.top:
            raise ValueError(f"empty box {self.left, self.top, self.right, self.bottom}")

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.bottom - self.top

    @property
    def area(self) -> int:
        """Number of pixels."""
        return self.width * self.height

    @property
    def centre(self) -> tuple[float, float]:
        """The middle (x, y) in pixels."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    @property
    def edges(self) -> list[float]:
        """Left, top, right, bottom, and the roll where it is turned."""
        return [self.left, self.top, self.right, self.bottom, *([self.roll] if self.roll else [])]

    @property
    def corners(self) -> list[tuple[float, float]]:
        """The places (x, y) of its corners in the picture: its own top left, top right, bottom right, bottom left."""
        (x, y), angle = self.centre, math.radians(self.roll)
        cos, sin = math.cos(angle), math.sin(angle)
        half = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
        sides = [(across * self.width / 2, down * self.height / 2) for across, down in half]
        return [(x + cos * across - sin * down, y + sin * across + cos * down) for across, down in sides]


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What is known of a clip before its frames are read.

    Attributes:
        path: The file, folder or glob it was opened from.
        width: Of the frames as shown, in pixels, after rotation and resizing.
        height: The same.
        fps: Exact rate of the frames that reading yields.
        frames: Number of frames that reading will yield, None where it is known only after reading; may be an estimate.
        duration: Seconds, exact, None where unknown.
        has_audio: Whether an audio stream is there.
    """

    path: Path
    width: int
    height: int
    fps: Fraction
    frames: int | None
    duration: Fraction | None
    has_audio: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """How far long work has come; what progress callbacks receive.

    Attributes:
        done: Items finished.
        total: Items in all, None if unknown.
        rate: Items a second so far.
    """

    done: int
    total: int | None
    rate: float

    @property
    def remaining(self) -> float | None:
        """Seconds still to go at this rate, None if unknown."""
        if self.total is None or self.rate <= 0:
            return None
        return max(self.total - self.done, 0) / self.rate


@dataclass(frozen=True, slots=True)
class PanelPlace:
    """Where a collage shows a panel.

    Attributes:
        caption: Of the panel, such as "source".
        left: Pixels of the collage to its left.
        width: In pixels.
    """

    caption: str
    left: int
    width: int


@dataclass(frozen=True, slots=True)
class AnimationResult:
    """What ``animate_file`` made; at the end of a notebook's cell it shows the collage, or else the result.

    Attributes:
        path: The result video.
        collage: The collage video, if one was asked for.
        frames: Number of frames.
        fps: Exact frame rate.
        seconds: Wall time of the whole call.
        waiting: Seconds of it in which the model waited for driving frames.
        source_box: The square of the source that the model saw, None where nothing was cropped.
        driving_box: The same of the driving frames.
        panels: The collage's panels from left to right.
    """

    path: Path
    collage: Path | None
    frames: int
    fps: Fraction
    seconds: float
    waiting: float = 0.0
    source_box: Box | None = None
    driving_box: Box | None = None
    panels: tuple[PanelPlace, ...] = ()

    def __repr__(self) -> str:
        seconds = round(self.seconds, 1)
        return described(
            "AnimationResult", self.path, frames=self.frames, fps=self.fps, seconds=seconds, collage=self.collage
        )

    def _repr_html_(self) -> str:
        made = f"{self.frames} frames at {float(self.fps):g} a second, made in {self.seconds:.1f} s"
        if self.collage is None:
            return file_html(self.path, made)
        return file_html(self.collage, f"The result alone is {self.path}", made)


@dataclass(frozen=True, slots=True)
class PoseResult:
    """What ``pose_file`` made; at the end of a notebook's cell it shows the picture.

    Attributes:
        path: The picture.
        source_box: The square of the source that the model saw, None where nothing was cropped.
    """

    path: Path
    source_box: Box | None = None

    def __repr__(self) -> str:
        return described("PoseResult", self.path)

    def _repr_html_(self) -> str:
        return file_html(self.path)
