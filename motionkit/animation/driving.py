"""What moves a source: one protocol for clips, frames and motion templates. Nobody asks which it is.

Legend: B batch, H W picture size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, cast

import torch

from motionkit.animation.overlap import lagged
from motionkit.animation.scenes import with_scenes
from motionkit.errors import InputError
from motionkit.frames import Frame, check_frame
from motionkit.model import Model
from motionkit.structures import Detected, Keypoints
from motionkit.tensors import to_cpu_later, to_tensor

__all__ = ["Driving", "Frames", "as_driving", "detect", "detect_clip", "detect_scenes", "lag", "on_source", "squares"]


class Driving(Protocol):
    """What moves a source."""

    @property
    def fps(self) -> Fraction:
        """Exact rate."""

    @property
    def length(self) -> int | None:
        """Number of frames, None where only reading can tell."""

    @property
    def path(self) -> Path | None:
        """The file behind it, None where there is none."""

    @property
    def once(self) -> bool:
        """Whether it can be read only once."""

    def batches(self, model: Model, batch_size: int) -> Iterator[Detected]:
        """The frames from the first one on with the keypoints that ``model`` sees, ``batch_size`` at a time.

        Raises:
            TemplateError: The keypoints are another model's.
        """


class Frames:
    """Square frames as a driving.

    Args:
        frames: H W 3 uint8, any iterable or a T H W 3 array.
        fps: Their rate.
    """

    path = None

    def __init__(self, frames: Iterable[Frame], fps: Fraction) -> None:
        self.frames, self.fps = frames, fps

    @property
    def length(self) -> int | None:
        """Number of frames, None for an iterable that does not know."""
        return len(self.frames) if isinstance(self.frames, Sized) else None

    @property
    def once(self) -> bool:
        """Whether the iterable is used up by reading."""
        return iter(self.frames) is self.frames

    def batches(self, model: Model, batch_size: int) -> Iterator[Detected]:
        """As ``Driving.batches``."""
        return detect(self.frames, model, batch_size)


def as_driving(given: Driving | Iterable[Frame], fps: float = 30.0) -> Driving:
    """What was given, if it is a driving; else its square frames as one, of this rate."""
    if hasattr(given, "batches"):
        return cast(Driving, given)
    return Frames(given, Fraction(fps).limit_denominator(1_000_000))


def on_source(driving: Driving, model: Model, source: Keypoints) -> tuple[Driving, dict[int, Keypoints]]:
    """A take of expressions put on the source's head; any other driving as it is.

    Args:
        driving: Any.
        model: Whose keypoints.
        source: The source's, batch 1.

    Returns:
        The driving, and the neutral pose by scene where the driving itself knows it.

    Raises:
        InputError: Expressions do not know the model's keypoints.
    """
    placed = getattr(driving, "placed", None)
    if placed is None:
        return driving, {}
    taken = placed(model, source)
    return taken, taken.references


def detect(frames: Iterable[Frame], model: Model, batch_size: int | None = None) -> Iterator[Detected]:
    """Square frames with their keypoints, batch after batch, in order.

    Keypoints are on the CPU, where the small steps of motion transfer cost least; the generator takes them back.

    Args:
        frames: H W 3 uint8; sizes may differ.
        model: Finds the keypoints.
        batch_size: Frames at once; None is what suits the model's device.

    Raises:
        InputError: A frame is no picture or not square.
    """
    return detect_scenes(with_scenes(frames), model, batch_size)


def detect_scenes(
    frames: Iterable[tuple[Frame, int]], model: Model, batch_size: int | None = None
) -> Iterator[Detected]:
    """As ``detect``, of frames that come with the number of their scene."""
    for chunk, arriving in lagged(_detections(frames, model, batch_size or model.usual_batch()), lag(model)):
        seen, scenes = zip(*chunk, strict=True)
        yield Detected(arriving(), list(seen), scenes)


def detect_clip(frames: Iterable[Frame], *, model: Model, batch_size: int | None = None) -> Iterator[Keypoints]:
    """As ``detect``, the keypoints alone."""
    for detected in detect(frames, model, batch_size):
        yield detected.keypoints


def _detections(
    frames: Iterable[tuple[Frame, int]], model: Model, batch_size: int
) -> Iterator[tuple[list[tuple[Frame, int]], Callable[[], Keypoints]]]:
    """Batches of frames with their scenes, and what waits for their keypoints."""
    left = iter(frames)
    while chunk := list(islice(left, batch_size)):
        images = squares([frame for frame, _ in chunk], "driving", model.config.size, model.device)
        yield chunk, _keypoints_later(model.detect(images))


def _keypoints_later(keypoints: Keypoints) -> Callable[[], Keypoints]:
    parts = (keypoints.value, keypoints.jacobian, keypoints.confidence)
    later = [None if part is None else to_cpu_later(part) for part in parts]
    return lambda: Keypoints(*(None if part is None else part() for part in later))  # type: ignore[arg-type]


def lag(model: Model) -> int:
    """Batches begun before an earlier one is waited for: a GPU computes by itself, and shall always have work."""
    return 1 if model.device.type == "cuda" else 0


def squares(frames: list[Frame], what: str, size: int, device: Any) -> torch.Tensor:
    """Square frames, which may differ in size, as B 3 size size on a device.

    Args:
        frames: H W 3 uint8.
        what: "source" or "driving", for the error.
        size: Side in pixels.
        device: Where the tensor goes.

    Raises:
        InputError: A frame is no picture or not square.
    """
    for frame in frames:
        height, width = check_frame(frame, what=f"{what} frame").shape[:2]
        if height != width:
            raise InputError(
                f"The {what} is not square",
                got=f"{width}x{height} pixels",
                expected="a square, since stretching would deform it",
                todo="motionkit.faces.choose_square and crop make one; animate_file does it by itself",
            )
    alike = len({frame.shape for frame in frames}) == 1
    groups = [frames] if alike else [[frame] for frame in frames]
    return torch.cat([to_tensor(group, size=size, device=device) for group in groups])
