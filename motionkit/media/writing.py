"""Writing clips: to a temporary name beside the target, renamed when whole."""

from __future__ import annotations

import itertools
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from motionkit.config.bounds import SIDE
from motionkit.errors import InputError, MediaError, MotionkitWarning
from motionkit.frames import Frame, check_frame
from motionkit.media.audio import AudioFeed
from motionkit.media.clip import Clip
from motionkit.media.colour import BT709
from motionkit.media.files import ffmpeg_name
from motionkit.media.images import write_image
from motionkit.media.sound import Sound, sound_of
from motionkit.media.streams import is_damage
from motionkit.media.suffixes import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from motionkit.media.targets import Seal, check_target, explain, part_name
from motionkit.media.timing import as_rate
from motionkit.wholefile import replace

if TYPE_CHECKING:
    from av.video.stream import VideoStream

__all__ = ["VideoWriter"]

# crf 18 is visually lossless for H.264; VP9's scale differs, 30 is its like.
H264 = ("libx264", {"crf": "18", "preset": "fast"})
VP9 = ("libvpx-vp9", {"crf": "30", "b": "0", "deadline": "good", "cpu-used": "5", "row-mt": "1"})
VIDEO_RANGE = 1


class VideoWriter:
    """A clip being written; a context manager.

    Left normally, the target is there and whole; left by an exception, it is as it was before.

    Args:
        path: .mp4, .mov, .mkv (H.264), .webm (VP9), .gif, or without a suffix a folder of PNGs.
        fps: Exact rate.
        audio: Clip whose sound is carried over, in time with its cut, or what ``open_sound`` gives; None or a clip
            without sound gives none.
        audio_track: Which of a clip's audio tracks, from 0; None is the one marked as the default, else the first.
        metadata: Name to text, stored in the file.
        inputs: Files that must not be overwritten.
        seal: Called with the finished clip, sound and all, before it gets its name, and with the target.

    Raises:
        InputError: The target is an input, a picture, a device, or of an unknown kind; the rate is impossible; there is
            no such audio track.
        MediaError: Its folder is not there or cannot be written to.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        fps: Fraction,
        audio: Clip | Sound | None = None,
        audio_track: int | None = None,
        metadata: Mapping[str, str] | None = None,
        inputs: Sequence[str | Path] = (),
        seal: Seal | None = None,
    ) -> None:
        check_target(path, *inputs)
        self.target = Path(path)
        if self.target.suffix.lower() in IMAGE_SUFFIXES:
            raise InputError(
                "A clip cannot be a single picture", got=self.target.name, expected=" ".join(VIDEO_SUFFIXES)
            )
        self.part = part_name(self.target)
        rate = as_rate(fps)
        if rate is None:
            raise InputError("A clip needs a frame rate", got="None", expected="such as 25 or Fraction(30000, 1001)")
        self.fps, self.metadata = rate, dict(metadata or {})
        self.audio = sound_of(audio, audio_track) if isinstance(audio, Clip) else audio
        self.seal = seal
        self.count = 0
        self.shape: tuple[int, ...] | None = None
        self.sink: _Sink | None = None

    def __enter__(self) -> VideoWriter:
        return self

    def write(self, frame: Frame) -> None:
        """Append a frame.

        Args:
            frame: H W 3 uint8 RGB, of the first one's size.

        Raises:
            InputError: It is none, has another size, or sides above ``bounds.SIDE``.
            MediaError: The file cannot be written, for instance because the disk is full.
        """
        check_frame(frame, what=f"frame {self.count} of {self.target.name}")
        if self.shape is None:
            self.shape = frame.shape
            if max(self.shape[:2]) > SIDE:
                got = f"{frame.shape[1]}x{frame.shape[0]} for {self.target}"
                raise InputError("The frames are too large for a clip", got=got, expected=f"sides of at most {SIDE}")
        if frame.shape != self.shape:
            raise InputError("The frames of a clip differ in size", got=frame.shape, expected=str(self.shape))
        with _errors_named(self.target):
            if self.sink is None:
                self.sink = self._begin(frame.shape[1], frame.shape[0])
            self.sink.write(frame)
        self.count += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is not None:
                # The caller must see what went wrong first.
                with suppress(MediaError), _errors_named(self.target):
                    self._close(whole=False)
                return
            if self.sink is None:
                raise InputError("A clip needs at least one frame", got=str(self.target))
            with _errors_named(self.target):
                self._close(whole=True)
                if self.seal is not None:
                    self.seal(self.part, self.target)
                _put(self.part, self.target)
        finally:
            _remove(self.part)

    def _close(self, *, whole: bool) -> None:
        if self.sink is not None:
            self.sink.close(whole=whole)

    def _begin(self, width: int, height: int) -> _Sink:
        suffix = self.target.suffix.lower()
        if self.audio is not None and suffix in (".gif", ""):
            warnings.warn(f"{self.target.name} cannot carry audio", MotionkitWarning, stacklevel=3)
        if suffix == "":
            return _FolderSink(self.part, self.metadata)
        if suffix == ".gif":
            return _GifSink(self.part, self.fps, self.metadata)
        return _ContainerSink(self.part, width, height, fps=self.fps, audio=self.audio, metadata=self.metadata)


@contextmanager
def _errors_named(target: Path) -> Iterator[None]:
    """Raise a MediaError for what the operating system or FFmpeg finds wrong."""
    try:
        yield
    except Exception as error:
        if not is_damage(error):
            raise
        raise MediaError("The clip cannot be written", got=f"{target} ({explain(error)})") from None


class _Sink(Protocol):
    def write(self, frame: Frame) -> None: ...

    def close(self, *, whole: bool) -> None: ...


class _ContainerSink:
    """H.264 or VP9 through PyAV; odd sizes are padded by repeating the last row and column."""

    def __init__(
        self, path: Path, width: int, height: int, *, fps: Fraction, audio: Sound | None, metadata: dict[str, str]
    ) -> None:
        import av

        suffix = path.suffix.lower()
        codec, options = VP9 if suffix == ".webm" else H264
        flags = {"movflags": "+faststart"} if suffix in (".mp4", ".mov") else {}
        self.fps, self.count = fps, 0
        self.pad = ((0, height % 2), (0, width % 2), (0, 0))
        self.container = av.open(ffmpeg_name(path), "w", options=flags)
        self.container.metadata.update(metadata)
        self.stream = cast("VideoStream", self.container.add_stream(codec, rate=fps, options=options))
        self.stream.width, self.stream.height = width + width % 2, height + height % 2
        self.stream.pix_fmt = "yuv420p"
        context = self.stream.codec_context
        context.time_base = 1 / fps
        context.color_primaries = context.color_trc = context.colorspace = BT709
        context.color_range = VIDEO_RANGE
        self.audio = None if audio is None else AudioFeed(audio, self.container, suffix)

    def write(self, frame: Frame) -> None:
        import av

        if any(after for _, after in self.pad):
            frame = np.pad(frame, self.pad, mode="edge")
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24").reformat(
            format="yuv420p", dst_colorspace=BT709, dst_color_range=VIDEO_RANGE
        )
        picture.pts, picture.time_base = self.count, 1 / self.fps
        self.container.mux(self.stream.encode(picture))
        self.count += 1
        if self.audio is not None:
            self.audio.advance(self.count / self.fps)

    def close(self, *, whole: bool) -> None:
        try:
            if whole:
                self.container.mux(self.stream.encode(None))
                if self.audio is not None:
                    self.audio.finish(self.count / self.fps)
        finally:
            if self.audio is not None:
                self.audio.close()
            self.container.close()


class _GifSink:
    """GIF through Pillow, a palette for each frame; holds the frames, one byte a pixel, until the end."""

    def __init__(self, path: Path, fps: Fraction, metadata: dict[str, str]) -> None:
        self.path, self.fps = path, fps
        self.comment = metadata.get("comment", "")
        self.frames: list[Any] = []

    def write(self, frame: Frame) -> None:
        from PIL import Image

        self.frames.append(Image.fromarray(frame).quantize(256, method=Image.Quantize.MEDIANCUT))

    def close(self, *, whole: bool) -> None:
        if not whole:
            return
        # GIF counts in hundredths of a second: the error is carried along, so that long clips keep their time.
        ticks = [round(i * 100 / self.fps) for i in range(len(self.frames) + 1)]
        durations = [10 * max(b - a, 2) for a, b in itertools.pairwise(ticks)]
        first, *rest = self.frames
        first.save(
            self.path, save_all=True, append_images=rest, duration=durations, loop=0, comment=self.comment.encode()
        )


class _FolderSink:
    """A folder of numbered PNGs."""

    def __init__(self, path: Path, metadata: dict[str, str]) -> None:
        self.path, self.metadata, self.count = path, metadata, 0
        path.mkdir()

    def write(self, frame: Frame) -> None:
        write_image(self.path / f"{self.count:06d}.png", frame, metadata=self.metadata)
        self.count += 1

    def close(self, *, whole: bool) -> None:
        """Do nothing: everything is on disk already."""


def _put(part: Path, target: Path) -> None:
    """Rename what was written to its target: a file takes a file's place, a folder an empty one's."""
    if part.is_dir():
        os.replace(part, target)
    else:
        replace(part, target)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
