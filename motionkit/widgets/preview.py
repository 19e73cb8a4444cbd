"""One frame of an animation at once, again and again while the options change.

What takes time is done once and kept: the source is cropped and encoded, the driving clip's keypoints are found batch
after batch. A new set of options then costs a motion transfer and one step of the generator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from motionkit import media, motion, samples
from motionkit.animation.moments import Generator, Moment, Source, choose_reference, move, picture_side
from motionkit.config import AnimateOptions
from motionkit.drawing.collage import Panel
from motionkit.drawing.overlays import draw_keypoints
from motionkit.errors import InputError
from motionkit.media.seeking import read_frames_at
from motionkit.model import Model
from motionkit.motion.templates import MotionTemplate, check_model
from motionkit.pipeline.outputs import panels
from motionkit.pipeline.run import CroppedClip, Subject, crop_clip, finish, open_driving, open_source
from motionkit.structures import Box, Keypoints
from motionkit.tensors import to_frames
from motionkit.widgets.detected import Check, DetectedClip, SmoothedMotion

__all__ = ["InputView", "Preview", "PreviewFrame"]

T = TypeVar("T")
# What a template's keypoints are drawn on, since there is no picture.
SLATE = (38, 42, 48)


@dataclass(frozen=True)
class PreviewFrame:
    """One previewed frame.

    Attributes:
        index: Of the driving frame, from 0.
        moment: What it was made from and the animated square itself, as ``motionkit.animation.moments`` gives it.
        panels: Source, driving, the overlays asked for, and the result as ``animate_file`` would write it.
    """

    index: int
    moment: Moment
    panels: list[Panel]


@dataclass(frozen=True)
class InputView:
    """What a source or driving looks like before anything is done with it.

    Attributes:
        picture: Its first whole frame, or a template's first keypoints.
        boxes: The squares that the model sees; none for a template.
        frames: Number of frames, 1 for a picture, None where only reading can tell.
        fps: Of a clip or template, else None.
    """

    picture: np.ndarray
    boxes: list[Box]
    frames: int | None
    fps: float | None


class _Kept(Generic[T]):
    """The value made for the latest key; the one before is closed."""

    def __init__(self, close: Callable[[T], None] = lambda _: None) -> None:
        self._close = close
        self._held: tuple[tuple[Any, ...], T] | None = None

    def get(self, *key: Any, make: Callable[[], T]) -> T:
        if self._held is None or self._held[0] != key:
            self.drop()  # what is no longer wanted goes before the new one is made
            self._held = (key, make())
        return self._held[1]

    def drop(self) -> None:
        """Let go of the value."""
        held, self._held = self._held, None
        if held is not None:
            self._close(held[1])


class Preview:
    """Source, driving and model, ready to show any frame under any options. For one thread at a time.

    Args:
        model: As ``load_model`` gives it.
        check: Called now and then while keypoints are looked for; what it raises stops the work, which can go on later.
    """

    def __init__(self, model: Model, *, check: Check = lambda: None) -> None:
        self.model = model
        self.source: Path | None = None
        self.driving: Path | None = None
        self._check = check
        self._generator = Generator(model)
        self._opened: media.Clip | MotionTemplate | None = None
        self._plain_subject, self._auto_subject = _Kept[Subject](), _Kept[Subject]()
        self._auto_drive = _Kept[CroppedClip]()
        self._faces = _Kept[list[_Face]](close=_close_all)
        self._drive = _Kept[DetectedClip](close=lambda drive: drive.close())
        self._references, self._smoothed = _Kept[list[Keypoints]](), _Kept[list[SmoothedMotion]]()

    def close(self) -> None:
        """Let go of the files, in the thread that has used them."""
        self._faces.drop()
        self._drive.drop()

    def open_source(self, path: str | Path, options: AnimateOptions) -> InputView:
        """Take a picture or clip as the source, from now on. What was there stays if this one cannot be used.

        Raises:
            InputError, MediaError: It cannot be used.
            FaceNotFoundError: A face was insisted on and not found.
        """
        path, before = Path(path), self.source
        self.source = path
        try:
            return self.view_source(options)
        except BaseException:
            self.source = before
            raise

    def open_driving(self, path: str | Path, options: AnimateOptions) -> InputView:
        """Take a clip or motion template as the driving, from now on; otherwise as ``open_source``.

        Raises:
            TemplateError: A template of another model.
        """
        before = self.driving, self._opened
        opened = open_driving(path, beside=self.source)
        if isinstance(opened, MotionTemplate):
            check_model(opened, name=self.model.config.name, model_hash=self.model.fingerprint)
        self.driving, self._opened = Path(path), opened
        try:
            return self.view_driving(options)
        except BaseException:
            self.driving, self._opened = before
            raise

    def view_source(self, options: AnimateOptions) -> InputView:
        """The whole source with its squares."""
        subject = self._subject(options)
        if isinstance(subject.frames, list):
            return InputView(subject.frames[0], subject.boxes, 1, None)
        info = subject.frames.info
        return InputView(next(iter(subject.frames)), subject.boxes, info.frames, float(info.fps))

    def view_driving(self, options: AnimateOptions) -> InputView:
        """The whole driving with its square."""
        clip = self._clip(options)
        if isinstance(clip, MotionTemplate):
            return InputView(self._drawn(clip.keypoints[:1]), [], len(clip), float(clip.fps))
        assert isinstance(self._opened, media.Clip)
        info = self._opened.info
        return InputView(next(iter(self._opened)), [clip.box], info.frames, float(info.fps))

    def advance(self, options: AnimateOptions) -> bool:
        """Look for the keypoints of the next few driving frames; False when there is nothing left to do."""
        return self._opened is not None and self._detected(options).step()

    def progress(self, options: AnimateOptions) -> tuple[int, int | None]:
        """Number of driving frames whose keypoints are there, and of all frames (None where unknown)."""
        if self._opened is None:
            return 0, None
        drive = self._detected(options)
        length = len(self._opened) if isinstance(self._opened, MotionTemplate) else self._opened.info.frames
        return drive.ready, drive.ready if drive.finished else length

    def frame(self, index: int, options: AnimateOptions) -> PreviewFrame:
        """What ``animate_file`` would make of one driving frame; an index beyond the end gives the last one.

        Raises:
            InputError: Source or driving is missing, or the options do not fit the model or clip.
        """
        faces, drive = self._animated(options), self._detected(options)
        if not drive.glimpse(index):
            index = drive.ready - 1
            if index < 0:
                raise InputError("The driving has no frames", expected="at least one")
        group = tuple(self._moment(number, index, options) for number in range(len(faces)))
        subject = self._subject(options)
        whole = faces[0].whole(subject, index) if options.paste_back else None
        shown = panels(group[0], finish(whole, subject.boxes, group, options), options.overlays)
        if group[0].driving is None:
            shown.insert(1, Panel("driving", self._drawn(group[0].driving_keypoints)))
        return PreviewFrame(index, group[0], shown)

    def _moment(self, number: int, index: int, options: AnimateOptions) -> Moment:
        face, drive = self._animated(options)[number], self._detected(options)
        driving = drive.keypoints(index)
        keypoints = self._moved(number, index, options)
        encoded, source_keypoints, frame = face.encoded(index)
        generated = self._generator.generate(encoded, source_keypoints, keypoints)
        return Moment(
            index=index,
            source=frame,
            driving=drive.picture(index),
            frame=to_frames(generated.image)[0],
            driving_keypoints=driving,
            keypoints=keypoints,
            generated=generated,
        )

    def _moved(self, number: int, index: int, options: AnimateOptions) -> Keypoints:
        """The source's keypoints as the driving frame moves them."""
        faces, drive = self._animated(options), self._detected(options)
        gains = motion.keypoint_gains(options.gains, self.model.config)
        if options.relative:
            references = self._references.get(
                faces, drive, options.reference,
                make=lambda: [choose_reference(options.reference, face.keypoints(0), drive.batches) for face in faces],
            )  # fmt: skip
        else:  # there is none; any will do
            references = [drive.keypoints(index)] * len(faces)
        if options.smoothing == 0:
            return move(
                faces[number].keypoints(index), drive.keypoints(index), references[number], options=options, gains=gains
            )
        smoothed = self._smoothed.get(
            faces, drive, replace(options, overlays=(), paste_back=False, label=True, audio=True),
            make=lambda: [
                SmoothedMotion(
                    face.keypoints, face.moves, drive, reference, options=options, gains=gains, fps=self._fps()
                )
                for face, reference in zip(faces, references, strict=True)
            ],
        )  # fmt: skip
        return smoothed[number].keypoints(index)

    def _subject(self, options: AnimateOptions) -> Subject:
        """The source with the squares that are animated; looking for a face is done once."""
        path, config = self.source, self.model.config
        if path is None:
            raise InputError("There is no source yet", todo="Choose a picture")
        if options.source_box is None:
            key = path, options.crop, options.face, options.size
            return self._auto_subject.get(*key, make=lambda: open_source(path, config, options))
        plain = replace(options, source_box=None, crop="centre", face="largest", paste_back=False)
        subject = self._plain_subject.get(path, options.size, make=lambda: open_source(path, config, plain))
        return replace(subject, boxes=[options.source_box])

    def _animated(self, options: AnimateOptions) -> list[_Face]:
        subject = self._subject(options)
        path = None if isinstance(subject.frames, list) else self.source
        return self._faces.get(
            self.source, tuple(subject.boxes), subject.size,
            make=lambda: [_Face(subject, box, self.model, path, self._check) for box in subject.boxes],
        )  # fmt: skip

    def _clip(self, options: AnimateOptions) -> CroppedClip | MotionTemplate:
        """The driving as the model sees it."""
        opened, config = self._opened, self.model.config
        if opened is None:
            raise InputError("There is no driving yet", todo="Choose a clip or a motion template")
        if isinstance(opened, MotionTemplate):
            return opened
        if options.driving_box is not None:
            return crop_clip(opened, config, options)
        if options.crop == "auto" and self.driving in (samples.driving_clip(), samples.driving_clip("nod")):
            # Rendered as models see heads: no need to look for a face.
            square = Box(0, 0, opened.info.width, opened.info.height)
            return CroppedClip(opened, square, picture_side(config, options.size))
        key = self.driving, options.crop, options.size
        return self._auto_drive.get(*key, make=lambda: crop_clip(opened, config, options))

    def _detected(self, options: AnimateOptions) -> DetectedClip:
        clip = self._clip(options)
        view = (clip.box, clip.size) if isinstance(clip, CroppedClip) else None
        return self._drive.get(
            self._opened, view, make=lambda: DetectedClip(clip, self.model, path=self.driving, check=self._check)
        )

    def _fps(self) -> float:
        assert self._opened is not None
        return float(self._opened.fps if isinstance(self._opened, MotionTemplate) else self._opened.info.fps)

    def _drawn(self, keypoints: Keypoints) -> np.ndarray:
        """A template's frame: its keypoints on a plain ground."""
        side = self.model.config.picture_size
        return draw_keypoints(np.full((side, side, 3), SLATE, dtype=np.uint8), keypoints)


class _Face:
    """One square of the source, encoded: of a picture once, of a clip frame by frame, looped."""

    def __init__(self, subject: Subject, box: Box, model: Model, path: Path | None, check: Check) -> None:
        square = subject.squares(box)
        self._model, self._path, self._box, self._size = model, path, box, subject.size
        self._source = Source(square, model, subject.size) if isinstance(square, np.ndarray) else None
        self._clip = None if isinstance(square, np.ndarray) else DetectedClip(square, model, check=check)
        self._latest = _Kept[Source]()

    def close(self) -> None:
        """Let go of a clip's file."""
        if self._clip is not None:
            self._clip.close()

    @property
    def moves(self) -> bool:
        """Whether the source is a clip."""
        return self._clip is not None

    def keypoints(self, index: int) -> Keypoints:
        """The source's own, batch 1."""
        if self._clip is None:
            return self._still(index).first_keypoints
        return self._clip.keypoints(self._looped(index))

    def encoded(self, index: int) -> tuple[Any, Keypoints, np.ndarray]:
        """What the generator wants of the source, and the frame itself."""
        encoded, keypoints, frames = self._still(index).take(1)
        return encoded, keypoints, frames[0]

    def whole(self, subject: Subject, index: int) -> np.ndarray:
        """The whole source frame."""
        return subject.frames[0] if isinstance(subject.frames, list) else self._read(self._looped(index))

    def _still(self, index: int) -> Source:
        if self._source is not None:
            return self._source
        at = self._looped(index)
        return self._latest.get(at, make=lambda: Source(self._square(at), self._model, self._size))

    def _square(self, at: int) -> np.ndarray:
        from motionkit import faces

        return faces.crop(self._read(at), self._box, size=self._size)

    def _read(self, at: int) -> np.ndarray:
        assert self._path is not None
        return read_frames_at(self._path, [at])[0]

    def _looped(self, index: int) -> int:
        assert self._clip is not None
        return index if self._clip.reaches(index) else index % self._clip.ready


def _close_all(faces: list[_Face]) -> None:
    for face in faces:
        face.close()
