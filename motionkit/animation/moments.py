"""Frames in, frames out: keypoints → motion transfer → generator, in constant memory.

Legend: B batch, K keypoints, T frames of a clip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
import torch

from motionkit import motion
from motionkit.animation.memory import Generator, memory_explained, usual_batch
from motionkit.animation.overlap import lagged
from motionkit.config import AnimateOptions, ModelConfig
from motionkit.errors import InputError
from motionkit.fast import EncodedSource
from motionkit.frames import check_frame
from motionkit.model import Model
from motionkit.motion.templates import MotionTemplate, check_model
from motionkit.structures import Generated, Keypoints
from motionkit.tensors import to_cpu_later, to_frames, to_frames_later, to_tensor

__all__ = [
    "Moment",
    "Source",
    "animate",
    "choose_reference",
    "detect_batches",
    "detect_clip",
    "moments",
    "move",
    "picture_side",
]

Frames = Iterable[np.ndarray]


@dataclass(frozen=True, slots=True)
class Moment:
    """One frame of an animation with all that it was made from.

    Attributes:
        index: Position in the clip, from 0.
        source: The source frame, square, uint8.
        driving: The driving frame, or None where a motion template drives.
        frame: The result, uint8.
        driving_keypoints: As detected, batch 1.
        keypoints: As transferred to the source, batch 1.
        generated: Everything that the generator gave, batch 1.
    """

    index: int
    source: np.ndarray
    driving: np.ndarray | None
    frame: np.ndarray
    driving_keypoints: Keypoints
    keypoints: Keypoints
    generated: Generated


def animate(
    source: np.ndarray | Frames,
    driving: Frames | MotionTemplate,
    *,
    model: Model,
    options: AnimateOptions | None = None,
    fps: float = 30.0,
) -> Iterator[np.ndarray]:
    """The source moved as the driving moves, one frame for each driving frame, in order, in constant memory.

    No crop and no label: ``animate_file`` adds both.

    Args:
        source: A square H W 3 uint8 picture, or frames of a clip (looped to the driving's length).
        driving: Square frames, any iterable or a T H W 3 array, or a motion template. ``reference="best"`` or an
            index needs one that can be read twice.
        model: As ``load_model`` gives it.
        options: None is the defaults.
        fps: Rate of the driving frames, by which smoothing knows the time between them.

    Yields:
        S S 3 uint8 frames, S being ``options.size`` or the model's ``picture_size``.

    Raises:
        InputError: A frame is no picture or not square, a gain's name is unknown, the driving is empty.
        TemplateError: The template was made with another model.
    """
    for moment in moments(source, driving, model=model, options=options, fps=fps):
        yield moment.frame


def moments(
    source: np.ndarray | Frames,
    driving: Frames | MotionTemplate,
    *,
    model: Model,
    options: AnimateOptions | None = None,
    fps: float = 30.0,
) -> Iterator[Moment]:
    """As ``animate``, with everything that each frame was made from."""
    options = options or AnimateOptions()
    size = picture_side(model.config, options.size)
    batch = options.batch_size or usual_batch(model, size)
    gains = motion.keypoint_gains(options.gains, model.config)
    if isinstance(driving, MotionTemplate):
        check_model(driving, name=model.config.name, model_hash=model.fingerprint)
        fps = float(driving.fps)
    smoother = motion.Smoother(options.smoothing, fps)
    sources = Source(source, model, size)
    generator = Generator(model)
    # Absolute motion has no reference; any frame will do.
    reference = _reference(sources, driving, model, options.reference, batch) if options.relative else None

    def made() -> Iterator[_Batch]:
        nonlocal reference
        for frames, detected in detect_batches(driving, model, batch):
            reference = reference or detected[:1]
            encoded, source_keypoints, source_frames = sources.take(len(detected))
            keypoints = smoother.smooth(move(source_keypoints, detected, reference, options=options, gains=gains))
            generated = generator.generate(encoded, source_keypoints, keypoints)
            later = to_frames_later(generated.image)
            yield _Batch(frames, source_frames, detected, keypoints, generated, later)

    index = 0
    for batch_made in lagged(made(), _lag(model)):
        for moment in batch_made.moments(index):
            yield moment
            index += 1
    if index == 0:
        raise InputError("The driving has no frames", expected="at least one", todo="Check the clip and its cut")


@dataclass(frozen=True, slots=True)
class _Batch:
    """What was made of a batch; a GPU may still be at it."""

    driving: list[np.ndarray] | None
    sources: list[np.ndarray]
    driving_keypoints: Keypoints
    keypoints: Keypoints
    generated: Generated
    frames: Callable[[], np.ndarray]

    def moments(self, first: int) -> Iterator[Moment]:
        """One by one; the first one's index is given."""
        for i, frame in enumerate(self.frames()):
            yield Moment(
                index=first + i,
                source=self.sources[i],
                driving=None if self.driving is None else self.driving[i],
                frame=frame,
                driving_keypoints=self.driving_keypoints[i : i + 1],
                keypoints=self.keypoints[i : i + 1],
                generated=self.generated[i : i + 1],
            )


def _lag(model: Model) -> int:
    """Batches begun before an earlier one is waited for: a GPU computes by itself, and shall always have work."""
    return 1 if model.device.type == "cuda" else 0


def move(
    source: Keypoints,
    driving: Keypoints,
    reference: Keypoints,
    *,
    options: AnimateOptions,
    gains: motion.Gains | None = None,
) -> Keypoints:
    """Transfer and limit, as the options say: ``motion.transfer``, then ``motion.limit`` where motion is relative.

    Smoothing comes after it and is the caller's, since it remembers earlier frames; so are the gains, which
    ``motion.keypoint_gains`` makes of the options'.
    """
    keypoints = motion.transfer(
        source,
        driving,
        reference,
        relative=options.relative,
        adapt_scale=options.adapt_scale,
        strength=options.strength,
        gains=gains,
    )
    return motion.limit(keypoints, source, motion_limit=options.motion_limit) if options.relative else keypoints


def picture_side(config: ModelConfig, size: int | None) -> int:
    """Side of the result in pixels. Raises InputError for a size that the model cannot give."""
    if size is None or size == config.picture_size:
        return config.picture_size
    if not config.blend_warped:
        raise InputError(
            f"Model {config.name!r} gives pictures of one size only",
            got=f"size {size}",
            expected=str(config.picture_size),
            todo="Leave the size out",
        )
    return size


def detect_clip(frames: Frames, *, model: Model, batch_size: int | None = None) -> Iterator[Keypoints]:
    """Keypoints of square frames, batch after batch, in order."""
    for _, keypoints in detect_batches(frames, model, batch_size):
        yield keypoints


class Source:
    """Encoded source pictures with their keypoints: one for all frames, or the next ones of a looped clip."""

    def __init__(self, source: np.ndarray | Frames, model: Model, size: int) -> None:
        self.model, self.size = model, size
        self.still: tuple[EncodedSource, Keypoints, np.ndarray] | None = None
        if isinstance(source, np.ndarray) and source.ndim < 4:
            self.still = self._encode([source])
            self.first_keypoints = self.still[1]
        else:
            frames = _loop(source)
            first = next(frames)
            self.first_keypoints = self._encode([first])[1]
            self.loop = chain([first], frames)

    def take(self, count: int) -> tuple[EncodedSource, Keypoints, list[np.ndarray]]:
        """For the next `count` frames: sources (1 or `count`), their keypoints, and the frames themselves."""
        if self.still is not None:
            encoded, keypoints, frames = self.still
            return encoded, keypoints, [frames[0]] * count
        encoded, keypoints, frames = self._encode(list(islice(self.loop, count)))
        return encoded, keypoints, list(frames)

    def _encode(self, frames: list[np.ndarray]) -> tuple[EncodedSource, Keypoints, np.ndarray]:
        pictures = _squares(frames, "source", self.size, self.model)
        seen = _squares(frames, "source", self.model.config.size, self.model)
        with memory_explained(self.model, f"a batch of {len(frames)} frames"):
            return self.model.encode(pictures), self.model.detect(seen).to("cpu"), to_frames(pictures)


def _loop(frames: Frames) -> Iterator[np.ndarray]:
    """The frames again and again, read anew each time: memory does not grow with the clip."""
    passes = 0
    while True:
        empty = True
        for frame in frames:
            empty = False
            yield frame
        if empty and not passes:
            raise InputError("The source has no frames", expected="at least one")
        passes += 1
        if empty:
            raise InputError(
                "The source clip ended before the driving clip and cannot be read again",
                got="a one-pass iterator",
                expected="an array, a list, or motionkit.media.open_clip(path)",
            )


def detect_batches(
    driving: Frames | MotionTemplate, model: Model, batch: int | None = None
) -> Iterator[tuple[list[np.ndarray] | None, Keypoints]]:
    """Batches of driving frames, None for a template, with their keypoints.

    Keypoints are on the CPU, where the small steps of motion transfer cost least; the generator takes them back.
    """
    batch = batch or usual_batch(model)
    if isinstance(driving, MotionTemplate):
        for start in range(0, len(driving), batch):
            yield None, driving.keypoints[start : start + batch]
        return
    for chunk, arriving in lagged(_detections(driving, model, batch), _lag(model)):
        yield chunk, arriving()


def _detections(
    driving: Frames, model: Model, batch: int
) -> Iterator[tuple[list[np.ndarray], Callable[[], Keypoints]]]:
    """Batches of frames, and what waits for their keypoints."""
    frames = iter(driving)
    while chunk := list(islice(frames, batch)):
        images = _squares(chunk, "driving", model.config.size, model)
        with memory_explained(model, f"a batch of {len(chunk)} frames"):
            detected = model.detect(images)
        yield chunk, _keypoints_later(detected)


def _keypoints_later(keypoints: Keypoints) -> Callable[[], Keypoints]:
    value = to_cpu_later(keypoints.value)
    jacobian = None if keypoints.jacobian is None else to_cpu_later(keypoints.jacobian)
    return lambda: Keypoints(value(), None if jacobian is None else jacobian())


def _reference(
    source: Source, driving: Frames | MotionTemplate, model: Model, reference: str | int, batch: int
) -> Keypoints | None:
    """Keypoints of the reference frame, batch 1; None where the first frame read will do."""
    if reference in ("first", 0):
        return None
    if not isinstance(driving, MotionTemplate) and iter(driving) is driving:
        raise InputError(
            f"reference={reference!r} reads the driving twice",
            got="a one-pass iterator",
            expected="an array, a list, or motionkit.media.open_clip(path)",
        )
    return choose_reference(
        reference, source.first_keypoints, lambda: (found for _, found in detect_batches(driving, model, batch))
    )


def choose_reference(reference: str | int, source: Keypoints, read: Callable[[], Iterable[Keypoints]]) -> Keypoints:
    """Keypoints of the driving frame that counts as the neutral pose, batch 1.

    Args:
        reference: "first", "best" or an index, as in AnimateOptions.
        source: Keypoints of the source's first frame.
        read: Gives the driving's keypoints batch after batch, from the start; called once or twice.

    Raises:
        InputError: There is no such frame, or none can be the best.
    """
    index = motion.best_reference(source, read()) if reference == "best" else 0 if reference == "first" else reference
    assert isinstance(index, int)
    count = 0
    for keypoints in read():
        if index < count + len(keypoints):
            return keypoints[index - count : index - count + 1]
        count += len(keypoints)
    raise InputError("The reference frame is not in the driving clip", got=index, expected=f"0 to {count - 1}")


def _squares(frames: list[np.ndarray], what: str, size: int, model: Model) -> torch.Tensor:
    """Square frames, which may differ in size, as B 3 size size on the model's device."""
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
    return torch.cat([to_tensor(group, size=size, device=model.device) for group in groups])
