"""What the stages hand each other: small frozen dataclasses, no behaviour beyond their own shape.

Legend: B batch, K keypoints, H W picture size, h w size of the dense motion (a quarter of the picture, usually).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import torch

__all__ = ["AnimationResult", "Box", "Detected", "Generated", "Keypoints", "Progress", "VideoInfo"]


@dataclass(frozen=True, slots=True)
class Keypoints:
    """Keypoints of a batch of pictures with their local affine frames.

    Attributes:
        value: B K 2 float tensor, (x, y) in [-1, 1]; -1 and 1 are the centres of the first and last pixel.
        jacobian: B K 2 2 float tensor, or None for models that do not estimate Jacobians.
    """

    value: torch.Tensor
    jacobian: torch.Tensor | None = None

    def __len__(self) -> int:
        """Batch size."""
        return self.value.shape[0]

    def __getitem__(self, index: slice | torch.Tensor) -> Keypoints:
        """Part of the batch; takes a slice or a tensor of indices, so that the batch dimension stays."""
        return Keypoints(self.value[index], None if self.jacobian is None else self.jacobian[index])

    def to(self, *args: Any, **kwargs: Any) -> Keypoints:
        """The same keypoints on another device or in another dtype; arguments as for ``torch.Tensor.to``."""
        return Keypoints(
            self.value.to(*args, **kwargs), None if self.jacobian is None else self.jacobian.to(*args, **kwargs)
        )

    def detach(self) -> Keypoints:
        """The same keypoints, through which no gradients flow."""
        return Keypoints(self.value.detach(), None if self.jacobian is None else self.jacobian.detach())

    @staticmethod
    def cat(parts: list[Keypoints]) -> Keypoints:
        """Join batches. Raises ValueError for an empty list."""
        import torch

        if not parts:
            raise ValueError("Keypoints.cat needs at least one part")
        value = torch.cat([part.value for part in parts])
        jacobians = [part.jacobian for part in parts if part.jacobian is not None]
        return Keypoints(value, torch.cat(jacobians) if len(jacobians) == len(parts) else None)


@dataclass(frozen=True, slots=True)
class Detected:
    """A batch of driving frames with the keypoints found in them.

    Attributes:
        keypoints: Batch B, on the CPU.
        frames: The B square frames, H W 3 uint8; None where a motion template drives, which has no pictures.
    """

    keypoints: Keypoints
    frames: list[np.ndarray] | None = None

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

    def __getitem__(self, index: slice) -> Generated:
        """Part of the batch."""
        parts = {f.name: getattr(self, f.name) for f in fields(self)}
        return Generated(**{name: None if part is None else part[index] for name, part in parts.items()})

    @staticmethod
    def cat(parts: list[Generated]) -> Generated:
        """Join batches of one model; the only part of a list as it is."""
        import torch

        if len(parts) == 1:
            return parts[0]
        columns = ([getattr(part, f.name) for part in parts] for f in fields(Generated))
        return Generated(*(None if column[0] is None else torch.cat(column) for column in columns))


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels, half open: columns left … right-1, rows top … bottom-1.

    It may reach beyond the picture; cropping then pads by reflection.
    """

    left: int
    top: int
    right: int
    bottom: int

    def __post_init__(self) -> None:
        if self.right <= self.left or self.bottom <= self.top:
            raise ValueError(f"empty box {self.left, self.top, self.right, self.bottom}")

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def area(self) -> int:
        return self.width * self.height

    @property
    def centre(self) -> tuple[float, float]:
        """(x, y) in pixels."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What is known of a clip before its frames are read.

    Attributes:
        path: The file, folder or glob it was opened from.
        width, height: Size of the frames as shown, after rotation and resizing.
        fps: Exact rate of the frames that reading yields.
        frames: Number of frames that reading will yield, None where only reading can tell; may be an estimate.
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
    """How far long work has come; handed to progress callbacks.

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
class AnimationResult:
    """What ``animate_file`` made.

    Attributes:
        path: The result video.
        collage: The collage video, if one was asked for.
        frames: Number of frames.
        fps: Exact frame rate.
        seconds: Wall time of the whole call.
        waiting: Seconds of it in which the model waited for driving frames.
        source_box, driving_box: The squares that the model saw, None where nothing was cropped.
    """

    path: Path
    collage: Path | None
    frames: int
    fps: Fraction
    seconds: float
    waiting: float = 0.0
    source_box: Box | None = None
    driving_box: Box | None = None
