"""Files in, files out: read, crop, animate, paste back, label, lay side by side, write."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path

from motionkit import media, trust
from motionkit.animation.moments import Moment, moments
from motionkit.animation.overlap import Behind
from motionkit.config import AnimateOptions
from motionkit.config.checks import check_path
from motionkit.errors import AnimationCancelled, InputError
from motionkit.frames import Frame
from motionkit.model import Model, check_model
from motionkit.motion.expressions import Take
from motionkit.motion.templates import MotionTemplate
from motionkit.pipeline.drivers import AnyDriving, open_drivings, seen_together
from motionkit.pipeline.driving import OpenDriving, open_driving
from motionkit.pipeline.outputs import Sinks, check_targets, finish, open_audio
from motionkit.pipeline.subject import Subject, open_source
from motionkit.progress import Meter, ProgressLike
from motionkit.structures import AnimationResult, Keypoints

__all__ = ["animate_file", "extract"]


def animate_file(
    source: str | Path,
    driving: AnyDriving | Sequence[AnyDriving],
    output: str | Path,
    *,
    model: Model,
    options: AnimateOptions | None = None,
    collage: str | Path | None = None,
    still: str | Path | None = None,
    progress: ProgressLike = False,
    cancel: threading.Event | None = None,
) -> AnimationResult:
    """Animate a picture or clip with a driving clip, from file to file.

    Args:
        source: A picture, or a clip that is animated frame by frame: as it is at each driving frame's time, looped to
            the driving's length.
        driving: The path of a clip, template, take or of speech, one of these opened, or the name of a ready motion,
            as for ``open_driving``; or a list of them, one for each face from left to right, with ``face="all"``. The
            first one gives rate, length and sound; the others are taken as they are at its times, looped.
        output: The result: .mp4, .mov, .webm, .gif, or a folder of PNGs, by its name.
        model: As ``load_model`` gives it.
        options: None is the defaults.
        collage: Also write source | driving | result side by side here.
        still: Also write a contact sheet of the collage, a picture, here.
        progress: True shows a bar; or a function called with a Progress after each frame.
        cancel: Set it from elsewhere to stop; AnimationCancelled is then raised.

    Returns:
        What was made. It carries the badge unless ``options.label`` is False, and its other labels in any case.

    Raises:
        InputError, MediaError: An input or a target cannot be used.
        FaceNotFoundError: A face was insisted on and not found.
        AnimationCancelled: Stopped by ``cancel`` or Ctrl-C; nothing partial is left.
    """
    started, options = time.monotonic(), AnimateOptions.given(options)
    check_model(model)
    drivings = open_drivings(driving, beside=source)
    first, sound = drivings[0], open_audio(options)
    inputs = _inputs(source, drivings, sound)
    check_targets(output, collage, still, [path for _, path in inputs if path is not None])
    seal = trust.make_seal(inputs, model=(model.config.name, model.fingerprint))
    subject = open_source(source, model.config, options, fps=first.fps)
    drives = seen_together(drivings, len(subject.boxes), model, options)
    with (
        Sinks(output, collage, still, driving=first, subject=subject, options=options, sound=sound, seal=seal) as sinks,
        Meter(first.length, progress, cancel) as meter,
    ):
        pairs = zip(map(subject.squares, subject.boxes), cycle(drives), strict=False)
        runs = [moments(square, drive, model=model, options=options) for square, drive in pairs]
        _write(runs, subject, options, sinks, meter)
    return AnimationResult(
        path=Path(output), collage=None if collage is None else Path(collage), frames=meter.done, fps=first.fps,
        seconds=time.monotonic() - started, waiting=sum(drive.waited for drive in drives),
        source_box=subject.boxes[0], driving_box=drives[0].box, panels=sinks.places,
    )  # fmt: skip


def extract(
    driving: str | Path | media.Clip | OpenDriving,
    *,
    model: Model,
    options: AnimateOptions | None = None,
    progress: ProgressLike = False,
    cancel: threading.Event | None = None,
) -> MotionTemplate:
    """The motion of a clip without its pixels: its keypoints, for ``save_template`` and as a driving.

    Args:
        driving: A clip's path, or one opened with ``media.open_clip`` (cut, rate). A take, speech or the name of a
            ready motion becomes the motion of an average head, after one frame of its neutral face.
        model: Whose keypoints.
        options: For the crop; None is the defaults.
        progress: True shows a bar; or a function called with a Progress after each batch.
        cancel: Set it from elsewhere to stop; AnimationCancelled is then raised.

    Raises:
        InputError, MediaError: The clip cannot be used.
        AnimationCancelled: Stopped by ``cancel``.
    """
    options = AnimateOptions.given(options)
    check_model(model)
    opened = open_driving(driving)
    if isinstance(take := getattr(opened, "take", None), Take):
        return take.template(model)
    drive = opened.seen(model, options)
    if drive.box is None:
        raise InputError("This is a motion template already", got=str(opened.path or driving), expected="a clip")
    parts: list[Keypoints] = []
    scenes: list[int] = []
    with Meter(opened.length, progress, cancel, what="Extracting") as meter:
        for detected in drive.batches(model, options.batch_size or model.usual_batch()):
            parts.append(detected.keypoints)
            scenes += detected.scenes or [0] * len(detected)
            meter.step(len(detected))
    return MotionTemplate(
        keypoints=Keypoints.cat(parts),
        scenes=scenes,
        fps=opened.fps,
        model=model.config.name,
        model_hash=model.fingerprint,
        size=(drive.box.width, drive.box.height),
    )


def _inputs(
    source: str | Path, drivings: Sequence[OpenDriving], sound: media.Sound | None
) -> list[tuple[str, Path | None]]:
    """The files that go in, each with what it is."""
    inputs = [("source", check_path("source", source)), *(("driving", one.path) for one in drivings)]
    return inputs if sound is None else [*inputs, ("sound", sound.path)]


def _write(
    runs: Sequence[Iterator[Moment]], subject: Subject, options: AnimateOptions, sinks: Sinks, meter: Meter
) -> None:
    """Write the moments of every square of the subject into the sinks, frame by frame."""
    wholes = subject.wholes()

    def write(job: tuple[tuple[Moment, ...], Frame | None]) -> None:
        group, whole = job
        sinks.write(group[0], finish(subject, whole, group, options))

    try:
        with Behind(write) as behind:
            for group in zip(*runs, strict=True):
                behind.put((group, next(wholes) if options.pasted else None))
                meter.step()
        sinks.finish()
    except KeyboardInterrupt:
        raise AnimationCancelled(meter.done, meter.total) from None
