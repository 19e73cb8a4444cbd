"""Files in, files out: read, crop, animate, paste back, label, lay side by side, write."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from motionkit import faces, media, trust
from motionkit.animation.moments import Moment, detect_clip, moments, picture_side
from motionkit.animation.overlap import Ahead, Behind
from motionkit.config import AnimateOptions, ModelConfig
from motionkit.errors import AnimationCancelled, InputError
from motionkit.media.seeking import spread_frames
from motionkit.model import Model
from motionkit.motion.templates import MotionTemplate, is_template, load_template
from motionkit.pipeline.outputs import Meter, ProgressLike, Sinks
from motionkit.structures import AnimationResult, Box, Keypoints

__all__ = [
    "CroppedClip",
    "Subject",
    "animate_file",
    "crop_clip",
    "extract",
    "finish",
    "open_driving",
    "open_source",
]

# Frames from all over a clip on which its steady crop is decided.
BOX_SAMPLES = 8


def animate_file(
    source: str | Path,
    driving: str | Path | media.Clip | MotionTemplate,
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
        source: A picture, or a clip that is animated frame by frame, looped to the driving's length.
        driving: A clip's path, one opened with ``media.open_clip`` (cut, rate), or a motion template.
        output: The result: .mp4, .mov, .webm, .gif, or a folder of PNGs, by its name.
        model: As ``load_model`` gives it.
        options: None is the defaults.
        collage: Also write source | driving | result side by side here.
        still: Also write a contact sheet of the collage, a picture, here.
        progress: True shows a bar; or a function called with a Progress after each frame.
        cancel: Set it from elsewhere to stop; AnimationCancelled is then raised.

    Returns:
        What was made. It carries the label unless ``options.label`` is False; its metadata says so in any case.

    Raises:
        InputError, MediaError: An input or a target cannot be used.
        FaceNotFoundError: A face was insisted on and not found.
        AnimationCancelled: Stopped by `cancel` or Ctrl-C; nothing partial is left.
    """
    started = time.monotonic()
    options = options or AnimateOptions()
    _check_request(options, (output, collage), still, [Path(source), *_paths(driving)])
    opened = open_driving(driving, beside=source)
    subject = open_source(source, model.config, options)
    drive = opened if isinstance(opened, MotionTemplate) else crop_clip(opened, model.config, options)
    with (
        Sinks(output, collage, still, driving=opened, options=options) as sinks,
        Meter(_length(opened), progress, cancel) as meter,
    ):
        _run(subject, drive, model, options, sinks, meter)
    return AnimationResult(
        path=Path(output),
        collage=None if collage is None else Path(collage),
        frames=meter.done,
        fps=sinks.fps,
        seconds=time.monotonic() - started,
        waiting=0.0 if isinstance(drive, MotionTemplate) else sum(drive.waits),
        source_box=subject.boxes[0],
        driving_box=None if isinstance(drive, MotionTemplate) else drive.box,
    )


def extract(
    driving: str | Path | media.Clip,
    *,
    model: Model,
    options: AnimateOptions | None = None,
    progress: ProgressLike = False,
    cancel: threading.Event | None = None,
) -> MotionTemplate:
    """The motion of a clip without its pixels: its keypoints, for ``save_template`` and as a driving.

    Raises:
        InputError, MediaError: The clip cannot be used.
    """
    options = options or AnimateOptions()
    clip = open_driving(driving)
    if isinstance(clip, MotionTemplate):
        raise InputError("This is a motion template already", got=str(driving), expected="a clip")
    cropped = crop_clip(clip, model.config, options)
    parts: list[Keypoints] = []
    with Meter(clip.info.frames, progress, cancel) as meter:
        for keypoints in detect_clip(cropped, model=model, batch_size=options.batch_size):
            parts.append(keypoints.to("cpu"))
            meter.step(len(keypoints))
    return MotionTemplate(
        keypoints=Keypoints.cat(parts),
        fps=clip.info.fps,
        model=model.config.name,
        model_hash=model.fingerprint,
        size=(cropped.box.width, cropped.box.height),
    )


def open_driving(
    driving: str | Path | media.Clip | MotionTemplate, *, beside: str | Path | None = None, **cut: Any
) -> media.Clip | MotionTemplate:
    """A driving in any of its forms, opened; `cut` is passed on to ``media.open_clip``.

    `beside` is the source, which a picture given as the driving may have been swapped with.
    """
    if not isinstance(driving, (str, Path)):
        return driving
    path = Path(driving)
    if path.is_file() and is_template(path):
        if any(value is not None for value in cut.values()):
            raise InputError("A motion template cannot be cut", got=str(path), todo="Cut the clip before extract")
        return load_template(path)
    if beside is not None and path.is_file() and media.is_image(path) and not _is_still(beside):
        raise InputError(
            "Source and driving look swapped",
            got=f"a picture as the driving ({path.name}) and a clip as the source ({Path(beside).name})",
            expected="source first, then driving",
        )
    return media.open_clip(path, **cut)


@dataclass(frozen=True)
class CroppedClip:
    """A clip seen through one square; can be read any number of times."""

    frames: Iterable[np.ndarray]
    box: Box
    size: int
    waits: list[float] = field(default_factory=list, compare=False)  # seconds that each reading waited for frames

    def __iter__(self) -> Iterator[np.ndarray]:
        # Decoded and cropped while the model computes.
        with Ahead(faces.crop(frame, self.box, size=self.size) for frame in self.frames) as frames:
            try:
                yield from frames
            finally:
                self.waits.append(frames.waited)


@dataclass(frozen=True)
class Subject:
    """The source: one picture or a clip, and the squares of it that are animated."""

    frames: list[np.ndarray] | media.Clip
    boxes: list[Box]
    size: int

    def squares(self, box: Box) -> np.ndarray | CroppedClip:
        """What the model animates for one of the boxes."""
        if isinstance(self.frames, list):
            return faces.crop(self.frames[0], box, size=self.size)
        return CroppedClip(self.frames, box, self.size)

    def pictures(self) -> Iterator[np.ndarray]:
        """The whole frames, again and again."""
        while True:
            yield from self.frames


def _is_still(path: str | Path) -> bool:
    return Path(path).is_file() and media.is_image(Path(path))


def open_source(source: str | Path, config: ModelConfig, options: AnimateOptions) -> Subject:
    """The source opened, and the squares of it that are animated."""
    if Path(source).is_dir():
        raise InputError("The source is a folder", got=str(source), expected="a picture or a clip")
    size = picture_side(config, options.size)
    if _is_still(source):
        picture = media.read_image(source)
        if options.source_box is not None:
            return Subject([picture], [options.source_box], size)
        boxes = faces.choose_square(picture, crop=options.crop, domain=config.domain, face=options.face)
        return Subject([picture], boxes, size)
    clip = media.open_clip(source)
    if options.face != "largest":
        raise InputError(
            "Of a source clip the largest face is animated", got=f"face={options.face!r}", todo="Give a box"
        )
    return Subject(clip, [_clip_box(clip, options.source_box, config, options)], size)


def crop_clip(clip: media.Clip, config: ModelConfig, options: AnimateOptions) -> CroppedClip:
    """A driving clip as the model sees it: one steady square."""
    box = _clip_box(clip, options.driving_box, config, options)
    return CroppedClip(clip, box, picture_side(config, options.size))


def _clip_box(clip: media.Clip, manual: Box | None, config: ModelConfig, options: AnimateOptions) -> Box:
    """One steady square for a whole clip."""
    if manual is not None:
        return manual
    looked_for = options.crop == "face" or (options.crop == "auto" and config.domain == "face")
    samples = spread_frames(clip, BOX_SAMPLES if looked_for else 1)
    return faces.choose_clip_square(samples, crop=options.crop, domain=config.domain)


def _run(
    subject: Subject,
    drive: CroppedClip | MotionTemplate,
    model: Model,
    options: AnimateOptions,
    sinks: Sinks,
    meter: Meter,
) -> None:
    """Animate every square of the subject, frame by frame, into the sinks."""
    fps = float(sinks.fps)
    runs = [moments(subject.squares(box), drive, model=model, options=options, fps=fps) for box in subject.boxes]
    wholes = subject.pictures()

    def write(job: tuple[tuple[Moment, ...], np.ndarray | None]) -> None:
        group, whole = job
        sinks.write(group[0], finish(whole, subject.boxes, group, options))

    try:
        with Behind(write) as behind:
            for group in zip(*runs, strict=True):
                behind.put((group, next(wholes) if options.paste_back else None))
                meter.step()
        sinks.finish()
    except KeyboardInterrupt:
        raise AnimationCancelled(meter.done, meter.total) from None


def finish(
    whole: np.ndarray | None, boxes: list[Box], group: tuple[Moment, ...], options: AnimateOptions
) -> np.ndarray:
    """The result picture of one moment: pasted back into the whole source frame if there is one, and labelled."""
    picture = group[0].frame
    if whole is not None:
        picture = whole
        for box, moment in zip(boxes, group, strict=True):
            picture = faces.paste_back(picture, moment.frame, box)
    return trust.label_frame(picture) if options.label else picture


def _length(driving: media.Clip | MotionTemplate) -> int | None:
    return len(driving.keypoints) if isinstance(driving, MotionTemplate) else driving.info.frames


def _check_request(
    options: AnimateOptions, clips: tuple[str | Path | None, ...], still: str | Path | None, inputs: list[Path]
) -> None:
    """Each output can be written, and is neither an input nor another output; the options go together."""
    if options.face == "all" and not options.paste_back:
        raise InputError('face="all" animates several faces of one picture', todo="Set paste_back as well")
    for path in clips:
        if path is not None and Path(path).suffix.lower() in media.IMAGE_SUFFIXES:
            raise InputError(
                "A clip cannot be written as a picture",
                got=str(path),
                expected=f"{' '.join(media.VIDEO_SUFFIXES)}, or a folder without a suffix",
                todo="still writes a picture",
            )
    if still is not None and Path(still).suffix.lower() not in media.IMAGE_SUFFIXES:
        raise InputError("A still is a picture", got=str(still), expected=" ".join(media.IMAGE_SUFFIXES))
    targets = [Path(path) for path in (*clips, still) if path is not None]
    for i, target in enumerate(targets):
        media.check_target(target, *inputs, *targets[:i])


def _paths(driving: str | Path | media.Clip | MotionTemplate) -> list[Path]:
    """The file behind a driving, where there is one."""
    if isinstance(driving, (str, Path)):
        return [Path(driving)]
    return [driving.info.path] if isinstance(driving, media.Clip) else []
