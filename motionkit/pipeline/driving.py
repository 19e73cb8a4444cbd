"""A driving of whatever kind, opened. What kind of file a path names is decided here, once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import singledispatch
from pathlib import Path
from typing import Any, Protocol

import torch

from motionkit import media
from motionkit.animation.driving import Driving
from motionkit.config import AnimateOptions
from motionkit.config.checks import shown
from motionkit.errors import InputError, MediaError
from motionkit.frames import Frame
from motionkit.model import Model
from motionkit.motion.expressions import Take
from motionkit.motion.templates import SUFFIX, MotionTemplate, check_model, is_template, load_template
from motionkit.pipeline.clips import CroppedClip, Glimpse, crop_clip
from motionkit.pipeline.takes import OpenTake, near_motion, open_performed
from motionkit.structures import Box, Detected

__all__ = ["OpenDriving", "SeenDriving", "open_driving"]

DRIVINGS = "a clip (mp4, mov, webm …), a template (.motion), a take (.csv, .json), sound, or a ready motion"


class SeenDriving(Driving, Protocol):
    """A driving as a model sees it: what ``animate`` takes, and what else is known of it."""

    @property
    def box(self) -> Box | None:
        """The square of the whole frame, None where there are no pictures."""

    @property
    def waited(self) -> float:
        """Seconds that readers have waited for frames."""

    def glimpses(self, size: int) -> Iterator[Callable[[], Glimpse]]:
        """Frame after frame, each as a call that makes its square of ``size`` pixels: one may be skipped at no cost."""

    def square_at(self, index: int) -> Frame | None:
        """One frame out of order; None where that cannot be had."""


class OpenDriving(Protocol):
    """A driving that was opened and not yet looked at."""

    @property
    def path(self) -> Path | None:
        """Its file, None where there is none."""

    @property
    def fps(self) -> Fraction:
        """Exact rate."""

    @property
    def length(self) -> int | None:
        """Number of frames, None where only reading can tell."""

    @property
    def audio(self) -> media.Clip | None:
        """The clip whose sound goes with it, None without."""

    def seen(self, model: Model, options: AnimateOptions) -> SeenDriving:
        """As the model sees it under these options: a clip's steady square is found.

        Raises:
            TemplateError: A template of another model.
            FaceNotFoundError: A face was insisted on and not found.
        """

    def timed(self, fps: Fraction, frames: int) -> OpenDriving:
        """The same at another rate, as it is at those times, again and again until there are so many frames.

        Args:
            fps: The rate.
            frames: How many.
        """

    def first_picture(self) -> Frame | None:
        """The first whole frame, None where there are no pictures."""


@dataclass(frozen=True)
class _OpenClip:
    """A clip as an ``OpenDriving``."""

    clip: media.Clip
    frames: int | None = None  # from the clip again and again; None is once through it

    @property
    def path(self) -> Path:
        return self.clip.info.path

    @property
    def fps(self) -> Fraction:
        return self.clip.info.fps

    @property
    def length(self) -> int | None:
        return self.clip.info.frames if self.frames is None else self.frames

    @property
    def audio(self) -> media.Clip:
        return self.clip

    def seen(self, model: Model, options: AnimateOptions) -> CroppedClip:
        return replace(crop_clip(self.clip, model.config, options), frames=self.frames)

    def timed(self, fps: Fraction, frames: int) -> _OpenClip:
        wish = self.clip.wish
        clip = media.open_clip(self.path, start=wish.start or None, end=wish.end, fps=fps, size=wish.size)
        return _OpenClip(clip, frames)

    def first_picture(self) -> Frame:
        return next(iter(self.clip))


@dataclass(frozen=True)
class _OpenTemplate:
    """A motion template as an ``OpenDriving`` and a ``SeenDriving``: there is nothing to crop."""

    template: MotionTemplate
    audio: None = None
    box: None = None
    waited: float = 0.0
    once: bool = False

    @property
    def path(self) -> Path | None:
        return self.template.path

    @property
    def fps(self) -> Fraction:
        return self.template.fps

    @property
    def length(self) -> int:
        return len(self.template)

    def seen(self, model: Model, options: AnimateOptions) -> _OpenTemplate:
        check_model(self.template, name=model.config.name, model_hash=model.fingerprint)
        return self

    def timed(self, fps: Fraction, frames: int) -> _OpenTemplate:
        at = [int(number * self.fps / fps) % self.length for number in range(frames)]
        scenes = None if self.template.scenes is None else [self.template.scenes[number] for number in at]
        keypoints = self.template.keypoints[torch.tensor(at, dtype=torch.long)]
        return _OpenTemplate(replace(self.template, keypoints=keypoints, scenes=scenes, fps=fps))

    def first_picture(self) -> None:
        return None

    def batches(self, model: Model, batch_size: int) -> Iterator[Detected]:
        return self.template.batches(model, batch_size)

    def glimpses(self, size: int) -> Iterator[Callable[[], Glimpse]]:
        keypoints = self.template.keypoints
        return (lambda at=at: Glimpse(keypoints=keypoints[at : at + 1]) for at in range(len(keypoints)))  # type: ignore[misc]

    def square_at(self, index: int) -> None:
        return None


@singledispatch
def open_driving(
    driving: str | Path | media.Clip | MotionTemplate | Take | OpenDriving,
    *,
    beside: str | Path | None = None,
    **cut: Any,
) -> OpenDriving:
    """A driving in any of its forms, opened.

    Args:
        driving: The path of a clip or motion template, of a take or of speech, the name of a ready
            motion where there is no such file, a clip, a template, a take, or what this function gave before.
        beside: The source, with which a picture given as the driving may have been swapped.
        cut: Of a clip, as for ``media.open_clip``.

    Raises:
        InputError, MediaError, TemplateError: It cannot be used.
    """
    if not hasattr(driving, "seen"):
        expected = "a path, a clip, a motion template or a take"
        raise InputError("This cannot be a driving", got=shown(driving), expected=expected)
    return driving  # type: ignore[return-value]  # opened before


@open_driving.register
def _(driving: media.Clip, **_: Any) -> OpenDriving:
    return _OpenClip(driving)


@open_driving.register
def _(driving: MotionTemplate, **_: Any) -> OpenDriving:
    return _OpenTemplate(driving)


@open_driving.register
def _(driving: Take, **_: Any) -> OpenDriving:
    return OpenTake(driving)


@open_driving.register(str)
@open_driving.register(Path)
def _(driving: str | Path, *, beside: str | Path | None = None, **cut: Any) -> OpenDriving:
    path = Path(driving)
    if (performed := open_performed(str(driving), **cut)) is not None:
        return performed
    # One that is called a template and is none is damaged, which is more than that it is no video.
    if os.path.isfile(path) and (is_template(path) or path.suffix.lower() == SUFFIX):
        if any(value is not None for value in cut.values()):
            raise InputError("A motion template cannot be cut", got=str(path), todo="Cut the clip before extract")
        return _OpenTemplate(load_template(path))
    if beside is not None and media.is_image(path) and not media.is_image(beside):
        raise InputError(
            "Source and driving look swapped",
            got=f"a picture as the driving ({path.name}) and a clip as the source ({Path(beside).name})",
            expected="source first, then driving",
        )
    try:
        return _OpenClip(media.open_clip(path, **cut))
    except MediaError as error:
        if error.expected is None or path.suffix.lower() in media.READ_VIDEO_SUFFIXES:
            raise
        raise MediaError(error.what, got=error.got, expected=DRIVINGS) from error
    except InputError:
        if (near := near_motion(str(driving))) is None:
            raise
        what = "There is neither such a file nor a ready motion of this name"
        raise InputError(what, got=shown(str(driving)), todo=f"Did you mean {near}?") from None
