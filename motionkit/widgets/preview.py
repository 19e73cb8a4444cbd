"""One frame of an animation at once, again and again while the options change.

What takes time is done once and kept: the source is cropped and encoded, the driving clip's keypoints are found batch
after batch. A new set of options then costs a motion transfer and one step of the generator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

import numpy as np

from motionkit.animation.moments import Moment, choose_references
from motionkit.config import AnimateOptions
from motionkit.drawing.collage import Panel
from motionkit.drawing.overlays import draw_keypoints
from motionkit.errors import InputError
from motionkit.frames import Frame
from motionkit.media.images import is_image
from motionkit.model import Model
from motionkit.motion.expressions import Take
from motionkit.motion.mover import Mover
from motionkit.pipeline.driving import OpenDriving, SeenDriving, open_driving
from motionkit.pipeline.outputs import finish
from motionkit.pipeline.panels import panels
from motionkit.pipeline.subject import Subject, open_source
from motionkit.samples import SAMPLES
from motionkit.structures import Box, Keypoints
from motionkit.tensors import to_frames
from motionkit.widgets.detected import Check, DetectedDriving, SmoothedMotion
from motionkit.widgets.face import Face
from motionkit.widgets.kept import Kept

__all__ = ["InputView", "Preview", "PreviewFrame"]

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

    picture: Frame
    boxes: list[Box]
    frames: int | None
    fps: float | None


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
        self._opened: OpenDriving | None = None
        self._plain_subject, self._auto_subject = Kept[Subject](), Kept[Subject]()
        self._auto_drive = Kept[SeenDriving]()
        self._faces = Kept[list[Face]](close=_close_all)
        self._drive = Kept[DetectedDriving](close=lambda drive: drive.close())
        self._references, self._smoothed = Kept[list[dict[int, Keypoints]]](), Kept[list[SmoothedMotion]]()

    def use(self, model: Model) -> None:
        """Go on with another model; source and driving stay."""
        self.model = model
        held = (
            self._plain_subject, self._auto_subject, self._auto_drive, self._faces, self._drive, self._references,
            self._smoothed,
        )  # fmt: skip
        for kept in held:
            kept.drop()

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
        self.driving, self._opened = Path(path), open_driving(path, beside=self.source)
        try:
            return self.view_driving(options)
        except BaseException:
            self.driving, self._opened = before
            raise

    def view_source(self, options: AnimateOptions) -> InputView:
        """The whole source with its squares."""
        subject = self._subject(options)
        if subject.clip is None:
            return InputView(subject.first_picture(), subject.boxes, 1, None)
        info = subject.clip.info
        return InputView(subject.first_picture(), subject.boxes, info.frames, float(info.fps))

    def view_driving(self, options: AnimateOptions) -> InputView:
        """The whole driving with its square."""
        opened, drive = self._open(), self._drive_seen(options)
        picture = opened.first_picture()
        if picture is None:
            picture = self._drawn(next(drive.batches(self.model, 1)).keypoints)
        return InputView(picture, [] if drive.box is None else [drive.box], opened.length, float(opened.fps))

    def advance(self, options: AnimateOptions) -> bool:
        """Look for the keypoints of the next few driving frames; False when there is nothing left to do."""
        return self._opened is not None and self._detected(options).step()

    def progress(self, options: AnimateOptions) -> tuple[int, int | None]:
        """Number of driving frames whose keypoints are there, and of all frames (None where unknown)."""
        if self._opened is None:
            return 0, None
        drive = self._detected(options)
        return drive.ready, drive.ready if drive.finished else self._opened.length

    def frame(self, index: int, options: AnimateOptions) -> PreviewFrame:
        """What ``animate_file`` would make of one driving frame; an index beyond the end gives the last one.

        Raises:
            InputError: Source or driving is missing, or the options do not fit the model or clip.
        """
        animated, drive = self._animated(options), self._detected(options)
        if not drive.glimpse(index):
            index = drive.ready - 1
            if index < 0:
                raise InputError("The driving has no frames", expected="at least one")
        group = tuple(self._moment(number, index, options) for number in range(len(animated)))
        subject = self._subject(options)
        whole = animated[0].whole(index) if options.pasted else None
        shown = panels(group[0], finish(subject, whole, group, options), options.overlays)
        if group[0].driving is None:
            shown.insert(1, Panel("driving", self._drawn(group[0].driving_keypoints)))
        return PreviewFrame(index, group[0], shown)

    def posed(self, take: Take, index: int, options: AnimateOptions) -> Frame:
        """What ``animate_file`` would make of one frame of a take, without smoothing; of a source clip its first.

        Raises:
            InputError: There is no source, or expressions do not know the model's keypoints.
        """
        animated = self._animated(options)
        group = []
        for face in animated:
            source = face.keypoints(0)
            placed = take.placed(self.model, source)
            driving = placed.keypoints(slice(index, index + 1))
            mover = Mover(self.model.config, options, references=placed.references)
            group.append(self._made(face, 0, driving, mover.move_at_once(source, driving)))
        whole = animated[0].whole(0) if options.pasted else None
        return finish(self._subject(options), whole, group, options)

    def _moment(self, number: int, index: int, options: AnimateOptions) -> Moment:
        face, drive = self._animated(options)[number], self._detected(options)
        moved = self._moved(number, index, options)
        return self._made(face, index, drive.keypoints(index), moved, drive.picture(index))

    def _made(
        self, face: Face, index: int, driving: Keypoints, moved: Keypoints, picture: Frame | None = None
    ) -> Moment:
        """The moment of one square, ``moved`` being its keypoints and ``driving`` those that moved them."""
        encoded, source_keypoints, frame = face.encoded(index)
        generated = self.model.generate(encoded, source_keypoints, moved)
        return Moment(
            index=index,
            source=frame,
            driving=picture,
            frame=to_frames(generated.image)[0],
            driving_keypoints=driving,
            keypoints=moved,
            generated=generated,
        )

    def _moved(self, number: int, index: int, options: AnimateOptions) -> Keypoints:
        """The source's keypoints as the driving frame moves them."""
        animated, drive = self._animated(options), self._detected(options)
        references: list[dict[int, Keypoints]] = [{} for _ in animated]
        # Absolute motion has none, and a scene's first frame is found when one of its frames is shown.
        if options.relative and options.reference not in ("first", 0):
            reference = cast('Literal["best"] | int', options.reference)
            sized_by = self.model.config.sized_by
            references = self._references.get(
                animated, drive, reference,
                make=lambda: [
                    choose_references(reference, face.keypoints(0), drive.batches(), sized_by=sized_by)
                    for face in animated
                ],
            )  # fmt: skip
        face, known = animated[number], references[number]
        if options.smoothing == 0:
            return drive.moved(index, face.keypoints(index), self._mover(options, known))
        smoothed = self._smoothed.get(
            animated, drive, replace(options, overlays=(), paste_back=False, label=True, audio="none"),
            make=lambda: [
                SmoothedMotion(face.keypoints, face.moves, drive, self._mover(options, known))
                for face, known in zip(animated, references, strict=True)
            ],
        )  # fmt: skip
        return smoothed[number].keypoints(index)

    def _mover(self, options: AnimateOptions, references: Mapping[int, Keypoints]) -> Mover:
        return Mover(self.model.config, options, fps=float(self._open().fps), references=references)

    def _subject(self, options: AnimateOptions) -> Subject:
        """The source with the squares that are animated; looking for a face is done once."""
        path, config = self.source, self.model.config
        if path is None:
            raise InputError("There is no source yet", todo="Choose a picture")
        # A clip is shown as it is at the driving's times; a picture has none, and its face is not looked for again.
        fps = None if self._opened is None or is_image(path) else self._opened.fps
        if options.source_box is None:
            key = path, fps, options.crop, options.face, options.finder, options.size
            return self._auto_subject.get(*key, make=lambda: open_source(path, config, options, fps=fps))
        plain = replace(options, source_box=None, crop="centre", face="largest", driving_face="largest")
        subject = self._plain_subject.get(
            path, fps, options.size, make=lambda: open_source(path, config, plain, fps=fps)
        )
        return replace(subject, boxes=[options.source_box])

    def _animated(self, options: AnimateOptions) -> list[Face]:
        subject = self._subject(options)
        return self._faces.get(
            self.source, None if subject.clip is None else subject.clip.info.fps, tuple(subject.boxes), subject.size,
            make=lambda: [Face(subject, box, self.model, self._check) for box in subject.boxes],
        )  # fmt: skip

    def _open(self) -> OpenDriving:
        if self._opened is None:
            raise InputError("There is no driving yet", todo="Choose a clip or a motion template")
        return self._opened

    def _drive_seen(self, options: AnimateOptions) -> SeenDriving:
        """The driving as the model sees it; looking for a face is done once."""
        opened = self._open()
        if options.driving_box is not None:
            return opened.seen(self.model, options)
        face, whole = options.driving_face, any(s.whole and s.path() == self.driving for s in SAMPLES)
        if whole and options.crop == "auto" and face == "largest":
            options = options.replace(
                crop="none", face="largest"
            )  # rendered as models see heads: no need to look for a face
        return self._auto_drive.get(
            self.driving, options.crop, face, options.finder, options.size,
            make=lambda: opened.seen(self.model, options),
        )  # fmt: skip

    def _detected(self, options: AnimateOptions) -> DetectedDriving:
        drive = self._drive_seen(options)
        return self._drive.get(
            self._opened, drive.box, options.size, make=lambda: DetectedDriving(drive, self.model, check=self._check)
        )

    def _drawn(self, keypoints: Keypoints) -> Frame:
        """A template's frame: its keypoints on a plain ground."""
        side = self.model.config.picture_size
        return draw_keypoints(np.full((side, side, 3), SLATE, dtype=np.uint8), keypoints)


def _close_all(animated: list[Face]) -> None:
    for face in animated:
        face.close()
