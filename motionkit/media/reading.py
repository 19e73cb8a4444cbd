"""Clips: video files, folders and globs of pictures, single pictures, all as streams of frames."""

from __future__ import annotations

import glob
import math
import re
import warnings
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from motionkit.errors import InputError, MediaError, MotionkitWarning
from motionkit.frames import Frame
from motionkit.media.colour import hdr_curve, matrix_of, tone_map
from motionkit.media.images import check_file, is_image, read_image
from motionkit.media.streams import (
    MAX_DENOMINATOR,
    clock_of,
    duration_of,
    is_av_error,
    missing_end,
    open_container,
    rate_of,
    video_stream,
)
from motionkit.media.suffixes import READ_IMAGE_SUFFIXES
from motionkit.media.targets import explain
from motionkit.structures import VideoInfo

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from numpy import typing as npt

__all__ = ["JITTER", "Clip", "open_clip", "to_array"]

PICTURES_FPS = Fraction(25)
# Containers round times: a frame counts as there this part of a frame before its time.
JITTER = Fraction(1, 4)
Seconds = float | Fraction | int | None


def open_clip(
    path: str | Path,
    *,
    start: Seconds = None,
    end: Seconds = None,
    fps: Fraction | int | None = None,
    size: tuple[int, int] | None = None,
) -> Clip:
    """Open a clip; frames are read when it is iterated, each time anew.

    Args:
        path: A video or GIF, a folder or glob of pictures (natural order), or one picture.
        start: Second at which the part to use begins; None is the clip's beginning.
        end: Second at which it ends; None is the clip's end.
        fps: Rate to resample to; None is the clip's own (25 for pictures). Variable rates become their average.
        size: (width, height) to resize to; None is the clip's own.

    Raises:
        InputError: No such file, no pictures in the folder, an impossible cut.
        MediaError: Not a video, no video stream, empty, damaged from the start.
    """
    first = Fraction(start if start is not None else 0)
    last = None if end is None else Fraction(end)
    if first < 0 or (last is not None and last <= first):
        raise InputError("The cut is impossible", got=f"start {start}, end {end}", expected="0 <= start < end")
    if fps is not None and fps <= 0:
        raise InputError("The frame rate is impossible", got=fps, expected="above 0")
    files = _pictures(Path(path))
    if files is None and is_image(check_file(path)):
        files = [Path(path)]
    if size is not None and min(size) < 1:
        raise InputError("The size is impossible", got=size, expected="width and height above 0")
    rate = None if fps is None else Fraction(fps).limit_denominator(MAX_DENOMINATOR)
    if files is not None:
        return _PictureClip(Path(path), files, start=first, end=last, fps=rate or PICTURES_FPS, size=size)
    return _VideoClip(Path(path), start=first, end=last, fps=rate, size=size)


class Clip:
    """A clip that can be iterated any number of times; yields H W 3 uint8 RGB frames.

    Attributes:
        info: What is known before reading.
        start: Second at which the cut begins.
        seekable: Whether the frames are a whole video's own, which ``read_frames_at`` numbers likewise.
    """

    info: VideoInfo
    start: Fraction
    seekable = False

    def __iter__(self) -> Iterator[Frame]:
        return self.every(1)

    def every(self, step: int) -> Iterator[Frame]:
        """Yield frames 0, step, 2·step …; those between are decoded where they must be, and no more.

        Args:
            step: At least 1.

        Raises:
            MediaError: Pictures of a folder differ in size, or one cannot be read.
        """
        raise NotImplementedError


def _pictures(path: Path) -> list[Path] | None:
    """The pictures of a folder or glob in natural order; None if the path is neither."""
    if path.is_dir():
        found = [p for p in path.iterdir() if p.suffix.lower() in READ_IMAGE_SUFFIXES and not p.name.startswith(".")]
    elif any(c in str(path) for c in "*?[") and not path.exists():
        found = [Path(p) for p in glob.glob(str(path))]
    else:
        return None
    if not found:
        raise InputError("There are no pictures here", got=str(path), expected=" ".join(READ_IMAGE_SUFFIXES))
    return sorted(found, key=lambda p: [int(s) if s.isdecimal() else s for s in re.split(r"(\d+)", p.name)])


class _PictureClip(Clip):
    def __init__(
        self,
        path: Path,
        files: list[Path],
        *,
        start: Fraction,
        end: Fraction | None,
        fps: Fraction,
        size: tuple[int, int] | None,
    ) -> None:
        self.start, self.size = start, size
        if len(files) > 1:
            files = files[round(start * fps) : None if end is None else round(end * fps)]
        if not files:
            raise InputError("The cut leaves no pictures", got=f"start {float(start):g} s of {path}")
        self.files = files
        height, width = read_image(files[0]).shape[:2]
        self.given = (width, height)
        width, height = size or self.given
        self.info = VideoInfo(path, width, height, fps, len(files), len(files) / fps, has_audio=False)

    def every(self, step: int) -> Iterator[Frame]:
        from PIL import Image

        for file in self.files[::step]:
            frame = read_image(file)
            if frame.shape[1::-1] != self.given:
                raise MediaError(
                    "The pictures differ in size",
                    got=f"{file.name}: {frame.shape[1]}x{frame.shape[0]}",
                    expected=f"{self.given[0]}x{self.given[1]} as the first",
                )
            yield frame if self.size is None else np.array(Image.fromarray(frame).resize(self.size))


class _VideoClip(Clip):
    def __init__(
        self, path: Path, *, start: Fraction, end: Fraction | None, fps: Fraction | None, size: tuple[int, int] | None
    ) -> None:
        self.path, self.start, self.end, self.size = path, start, end, size
        self.warned: set[str] = set()
        with open_container(path) as container:
            stream = video_stream(container, path)
            frame = next(_decode(container, stream), None)
            if frame is None:
                raise MediaError("No frame of the video can be read", got=str(path))
            self.rate = rate_of(container, stream)
            fps = fps or self.rate
            height, width = to_array(frame, None, None).shape[:2]
            has_audio = bool(container.streams.audio)
            duration = duration_of(container, stream)
        if duration is not None:
            if start >= duration:
                raise InputError("The cut starts after the clip's end", got=start, expected=f"below {float(duration)}")
            duration = min(duration, end or duration) - start
        frames = None if duration is None else max(round(duration * fps), 1)
        width, height = size or (width, height)
        self.info = VideoInfo(path, width, height, fps, frames, duration, has_audio)
        self.seekable = start == 0 and end is None and fps == self.rate and size is None

    def every(self, step: int) -> Iterator[Frame]:
        return (self._picture(frame) for frame in islice(self._decoded(), 0, None, step))

    def _decoded(self) -> Iterator[VideoFrame]:
        """The frames at the clip's constant rate."""
        held: VideoFrame | None = None
        place = Fraction(0)
        slot = 0  # of the next frame to yield
        stop = None if self.end is None else max(round((self.end - self.start) * self.info.fps), 1)
        for time, frame in self._timed():
            place = (time - self.start) * self.info.fps
            due = math.ceil(place - JITTER)
            while held is not None and slot < due and (stop is None or slot < stop):
                yield held
                slot += 1
            held = frame
            if stop is not None and slot >= stop:
                return
        # The last frame has its place unless that begins after the clip's end.
        if held is not None and (stop is None or slot < stop) and (slot == 0 or slot <= place + JITTER):
            yield held

    def _timed(self) -> Iterator[tuple[Fraction, VideoFrame]]:
        """Frames with their time in seconds from the clip's first frame; up to where the file is damaged."""
        with open_container(self.path) as container:
            stream = video_stream(container, self.path)
            stream.thread_type = "AUTO"
            first: Fraction | None = None
            count, end = 0, Fraction(0)
            try:
                for frame in _decode(container, stream):
                    time = _time(frame, stream, count, self.rate)
                    first = time if first is None else first
                    end = time - first + (_lasts(frame) or 1 / self.rate)
                    count += 1
                    yield time - first, frame
            except Exception as error:
                if not is_av_error(error):
                    raise
                self._warn(f"{self.path.name} is damaged after {count} frames ({explain(error)}); these are used")
                return
            if missing_end(container, stream, self.path, end, 1 / self.rate):
                of = f" of {stream.frames}" if stream.frames > count else ""
                self._warn(f"{self.path.name} is cut off: {count}{of} frames are there and are used")

    def _picture(self, frame: VideoFrame) -> Frame:
        curve = hdr_curve(int(getattr(frame, "color_trc", 0) or 0))
        if curve is not None:
            self._warn(f"{self.path.name} is HDR ({curve}); it is tone-mapped to SDR")
        return to_array(frame, self.size, curve)

    def _warn(self, message: str) -> None:
        if message not in self.warned:
            self.warned.add(message)
            warnings.warn(message, MotionkitWarning, stacklevel=3)


def _decode(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    for frame in container.decode(stream):
        if not frame.is_corrupt:
            yield frame


def _time(frame: VideoFrame, stream: VideoStream, count: int, fps: Fraction) -> Fraction:
    return count / fps if frame.pts is None else frame.pts * Fraction(frame.time_base or clock_of(stream))


def _lasts(frame: VideoFrame) -> Fraction:
    """Seconds that a frame is to be shown, 0 where the container has no duration for it."""
    return (getattr(frame, "duration", 0) or 0) * Fraction(frame.time_base or 0)


def to_array(frame: VideoFrame, size: tuple[int, int] | None, curve: str | None) -> Frame:
    """Convert a decoded frame to what it is meant to look like: right matrix, tone-mapped, rotated, resized.

    Args:
        frame: PyAV's.
        size: (width, height) in pixels after rotation; None keeps the frame's own.
        curve: HDR curve as ``hdr_curve`` names it, None for SDR.
    """
    turns = round((getattr(frame, "rotation", 0) or 0) / 90) % 4
    if size is not None and turns % 2:
        size = (size[1], size[0])
    width, height = size or (frame.width, frame.height)
    clear = curve is None and any(component.is_alpha for component in frame.format.components)
    picture = frame.reformat(
        width=width,
        height=height,
        format=("rgba" if clear else "rgb24") if curve is None else "rgb48le",
        src_colorspace=matrix_of(frame),
        interpolation="AREA" if size else "BICUBIC",
    ).to_ndarray()
    if curve is not None:
        picture = tone_map(cast("npt.NDArray[np.uint16]", picture), curve)
    elif clear:  # transparency lies on white, as in pictures
        alpha = picture[..., 3:].astype(np.uint16)
        picture = ((picture[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    return np.ascontiguousarray(np.rot90(picture, turns))
