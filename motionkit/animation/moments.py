"""Frames in, frames out: keypoints → motion transfer → generator, in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from motionkit import motion
from motionkit.animation.driving import Driving, as_driving, lag, on_source
from motionkit.animation.followed import Followed
from motionkit.animation.overlap import lagged
from motionkit.animation.source import EncodedFrames
from motionkit.config import AnimateOptions
from motionkit.errors import InputError
from motionkit.frames import Frame
from motionkit.model import Model, check_model
from motionkit.motion.mover import Mover
from motionkit.structures import Detected, Generated, Keypoints
from motionkit.tensors import to_frames_later

__all__ = ["Moment", "animate", "choose_references", "moments"]


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
    source: Frame
    driving: Frame | None
    frame: Frame
    driving_keypoints: Keypoints
    keypoints: Keypoints
    generated: Generated


def animate(
    source: Frame | Iterable[Frame],
    driving: Driving | Iterable[Frame],
    *,
    model: Model,
    options: AnimateOptions | None = None,
    fps: float = 30.0,
) -> Iterator[Frame]:
    """The source moved as the driving moves, one frame for each driving frame, in order, in constant memory.

    No crop and no label: ``animate_file`` adds both.

    Args:
        source: A square H W 3 uint8 picture, or frames of a clip (looped to the driving's length).
        driving: Square frames, any iterable or a T H W 3 array, a motion template, or a take of expressions.
            ``reference="best"`` or an index needs one that can be read twice.
        model: As ``load_model`` gives it.
        options: None is the defaults.
        fps: Rate of the driving frames, by which smoothing knows the time between them; a template has its own.

    Yields:
        S S 3 uint8 frames, S being ``options.size`` or the model's ``picture_size``.

    Raises:
        InputError: A frame is no picture or not square, a gain's name is unknown, the driving is empty.
        TemplateError: The template was made with another model.
    """
    for moment in moments(source, driving, model=model, options=options, fps=fps):
        yield moment.frame


def moments(
    source: Frame | Iterable[Frame],
    driving: Driving | Iterable[Frame],
    *,
    model: Model,
    options: AnimateOptions | None = None,
    fps: float = 30.0,
) -> Iterator[Moment]:
    """As ``animate``, with everything that each frame was made from."""
    options = AnimateOptions.given(options)
    check_model(model)
    drive = as_driving(driving, fps)
    batch_size = options.batch_size or model.usual_batch(options.size)
    mover = Mover(model.config, options, fps=float(drive.fps))
    sources = EncodedFrames(source, model, model.picture_side(options.size))
    drive, neutral = on_source(drive, model, sources.first_keypoints)
    if options.relative:  # absolute motion has none
        mover.references.update(neutral)
        mover.references.update(_references(options.reference, sources.first_keypoints, drive, model, batch_size))
    followed = Followed(drive)

    def made() -> Iterator[_Batch]:
        for detected in drive.batches(model, batch_size):
            encoded, source_keypoints, source_frames = sources.take(len(detected))
            followed.add(mover.lost(source_keypoints, detected.keypoints), detected.scenes)
            keypoints = mover.move(source_keypoints, detected.keypoints, detected.scenes)
            generated = model.generate(encoded, source_keypoints, keypoints)
            yield _Batch(detected, source_frames, keypoints, generated, to_frames_later(generated.image))

    index = 0
    for batch in lagged(made(), lag(model)):
        for moment in batch.moments(index):
            yield moment
            index += 1
    if index == 0:
        raise InputError("The driving has no frames", expected="at least one", todo="Check the clip and its cut")
    followed.warn(options.lost)


@dataclass(frozen=True, slots=True)
class _Batch:
    """What was made of a batch; a GPU may still be at it."""

    detected: Detected
    sources: list[Frame]
    keypoints: Keypoints
    generated: Generated
    frames: Callable[[], Frame]

    def moments(self, first: int) -> Iterator[Moment]:
        """One by one; ``first`` is the first one's index."""
        driving = self.detected.frames
        for i, frame in enumerate(self.frames()):
            yield Moment(
                index=first + i,
                source=self.sources[i],
                driving=None if driving is None else driving[i],
                frame=frame,
                driving_keypoints=self.detected.keypoints[i : i + 1],
                keypoints=self.keypoints[i : i + 1],
                generated=self.generated[i : i + 1],
            )


def _references(
    reference: Literal["first", "best"] | int, source: Keypoints, drive: Driving, model: Model, batch_size: int
) -> dict[int, Keypoints]:
    """Keypoints of the reference frames, batch 1, by scene; none where the first frames read will do."""
    if reference in ("first", 0):
        return {}
    if drive.once:
        raise InputError(
            f"reference={reference!r} reads the driving twice",
            got="a one-pass iterator",
            expected="an array, a list, or motionkit.media.open_clip(path)",
        )
    wanted = cast('Literal["best"] | int', reference)
    return choose_references(wanted, source, drive.batches(model, batch_size), sized_by=model.config.sized_by)


def choose_references(
    reference: Literal["best"] | int,
    source: Keypoints,
    driving: Iterable[Detected],
    *,
    sized_by: Sequence[int] | None,
) -> dict[int, Keypoints]:
    """Keypoints of the driving frames that count as the neutral pose, batch 1, by scene.

    Args:
        reference: "best" or an index, as in AnimateOptions.
        source: Keypoints of the source's first frame.
        driving: Batch after batch, from the start.
        sized_by: The keypoints by which "best" goes, such as ``ModelConfig.sized_by``; None is all of them.

    Returns:
        With "best" one for each scene that has such a frame, with an index that one, for its own scene.

    Raises:
        InputError: There is no such frame, or none can be the best.
    """
    if reference == "best":
        best = motion.best_references(source, driving, sized_by=sized_by)
        return {scene: keypoints for scene, (_, keypoints) in best.items()}
    count = 0
    for batch in driving:
        at = reference - count
        if at < len(batch):
            return {batch.scenes[at] if batch.scenes else 0: batch.keypoints[at : at + 1]}
        count += len(batch)
    raise InputError("The reference frame is not in the driving clip", got=reference, expected=f"0 to {count - 1}")
