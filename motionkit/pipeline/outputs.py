"""What an animation writes: the result, the collage, the contact sheet."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from motionkit import media, trust
from motionkit.animation.moments import Moment
from motionkit.config import AUDIO, AnimateOptions
from motionkit.config.checks import check_path
from motionkit.drawing import collage as layout
from motionkit.errors import InputError, MotionkitWarning
from motionkit.frames import Frame
from motionkit.pipeline.driving import OpenDriving
from motionkit.pipeline.panels import panels
from motionkit.pipeline.subject import Subject
from motionkit.structures import PanelPlace

__all__ = ["Sinks", "check_targets", "finish", "open_audio"]


class Sinks:
    """The files that an animation writes: whole when left normally, not there when left by an exception."""

    def __init__(
        self,
        output: str | Path,
        collage: str | Path | None,
        still: str | Path | None,
        *,
        driving: OpenDriving,
        subject: Subject,
        options: AnimateOptions,
        sound: media.Sound | None = None,
        seal: trust.Seal | None = None,
    ) -> None:
        self.fps = driving.fps
        self.options, self.still = options, still
        self.metadata, self.seal = trust.container_metadata(), seal
        sound = choose_audio(options, driving, subject) if sound is None else sound
        self.writers = [None if path is None else self._writer(path, sound) for path in (output, collage)]
        self.sheet = None if still is None else layout.ContactSheet(driving.length)
        self.places: tuple[PanelPlace, ...] = ()  # of the collage's panels, once a frame is written
        self.stack = ExitStack()

    def _writer(self, path: str | Path, sound: media.Sound | None) -> media.VideoWriter:
        return media.VideoWriter(path, fps=self.fps, audio=sound, metadata=self.metadata, seal=self.seal)

    def __enter__(self) -> Sinks:
        for writer in self.writers:
            if writer is not None:
                self.stack.enter_context(writer)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stack.__exit__(kind, error, trace)

    def write(self, moment: Moment, result: Frame) -> None:
        """Add one frame; ``result`` is the picture as it leaves, pasted back and labelled."""
        video, side_by_side = self.writers
        assert video is not None
        video.write(result)
        if side_by_side is None and self.sheet is None:
            return
        # The height of what the model made: a large picture pasted back into does not blow all panels up.
        shown = panels(moment, result, self.options.overlays)
        height = moment.frame.shape[0]
        frame = layout.lay_out(shown, height=height)
        self.places = self.places or layout.places(shown, height=height)
        if side_by_side is not None:
            side_by_side.write(frame)
        if self.sheet is not None:
            self.sheet.add(moment.index, frame)

    def finish(self) -> None:
        """Write the contact sheet, once all frames are in."""
        if self.sheet is not None and self.still is not None:
            # Its panels are too small to show the result's own watermark.
            picture = trust.mark_frame(self.sheet.picture(fps=float(self.fps)))
            media.write_image(self.still, picture, metadata=self.metadata, seal=self.seal)


def open_audio(options: AnimateOptions) -> media.Sound | None:
    """The sound of the file that ``options.audio`` names, None where it is one of the words.

    Args:
        options: What is asked for.

    Raises:
        InputError, MediaError: The file has no sound, or cannot be used.
    """
    wanted = options.audio
    if wanted in AUDIO:
        return None
    try:
        return media.open_sound(wanted, options.audio_track)
    except InputError as error:
        expected = error.expected or f"a file with sound, or one of {', '.join(AUDIO)}"
        raise InputError(error.what, got=error.got, expected=expected, todo=error.todo) from None


def choose_audio(options: AnimateOptions, driving: OpenDriving, subject: Subject) -> media.Sound | None:
    """The sound of the driving or the source that the result gets, None for none.

    Args:
        options: Whose, and which track.
        driving: What moves.
        subject: What is moved.

    Raises:
        InputError: There is no such track.
    """
    wanted, track = str(options.audio), options.audio_track
    speech: media.Sound | None = getattr(driving, "sound", None)
    if speech is not None and wanted in ("auto", "driving"):
        return speech if track is None else replace(media.open_sound(speech.path, track), start=speech.start)
    clips = {"auto": (driving.audio, subject.clip), "driving": (driving.audio,), "source": (subject.clip,), "none": ()}
    clip = next((clip for clip in clips[wanted] if _has_sound(clip)), None)
    if clip is not None:
        return media.sound_of(clip, track)
    if track is not None and wanted != "none":
        raise InputError("There is no such audio track", got=track, expected="a clip with sound")
    if wanted in ("driving", "source"):
        warnings.warn(f"The {wanted} has no sound; the result has none either", MotionkitWarning, stacklevel=3)
    return None


def _has_sound(clip: media.Clip | None) -> bool:
    return clip is not None and clip.info.has_audio


def finish(subject: Subject, whole: Frame | None, group: Sequence[Moment], options: AnimateOptions) -> Frame:
    """The result picture of one moment: pasted back into the whole source frame if there is one, and labelled.

    Args:
        subject: The source.
        whole: Its whole frame, or None.
        group: The moment of each of the subject's squares.
        options: Whether to label.
    """
    picture = group[0].frame
    if whole is not None:
        picture = subject.paste_back(whole, [moment.frame for moment in group])
    return trust.finished_frame(picture, options)


def check_targets(
    output: str | Path, collage: str | Path | None, still: str | Path | None, inputs: Sequence[Path]
) -> None:
    """Check that each output can be written, and is neither an input nor another output.

    Args:
        output: Path of a clip.
        collage: The same, or None.
        still: Path of a picture, or None.
        inputs: Files that are read.

    Raises:
        InputError, MediaError: A target cannot be used.
    """
    check_path("output", output)
    for name, path in (("collage", collage), ("still", still)):
        if path is not None:
            check_path(name, path)
    for path in (output, collage):
        if path is not None and Path(path).suffix.lower() in media.IMAGE_SUFFIXES:
            raise InputError(
                "A clip cannot be written as a picture",
                got=str(path),
                expected=f"{' '.join(media.VIDEO_SUFFIXES)}, or a folder without a suffix",
                todo="still writes a picture",
            )
    if still is not None and Path(still).suffix.lower() not in media.IMAGE_SUFFIXES:
        raise InputError("A still is a picture", got=str(still), expected=" ".join(media.IMAGE_SUFFIXES))
    targets = [path for path in (output, collage, still) if path is not None]
    for i, target in enumerate(targets):
        media.check_target(target, *inputs, *targets[:i])
