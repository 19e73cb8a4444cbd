"""Facts that a container stores about its video, and where they are wrong; reading and audio share them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from motionkit.errors import MediaError
from motionkit.media.targets import explain

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream

__all__ = [
    "MAX_DENOMINATOR",
    "clock_of",
    "duration_of",
    "is_av_error",
    "missing_end",
    "open_container",
    "rate_of",
    "video_stream",
]

# 30000/1001 and its like stay exact; the averages of variable rates, and floats, become what containers can hold.
MAX_DENOMINATOR = 1001
DEFAULT_RATE = Fraction(25)
ATTACHED_PICTURE = 0x400


def open_container(path: Path) -> InputContainer:
    """Open a PyAV input container.

    Args:
        path: The file.

    Raises:
        MediaError: FFmpeg cannot read it as a video.
    """
    import av

    try:
        container = av.open(str(path))
    except Exception as error:
        if not is_av_error(error):
            raise
        raise MediaError(
            "This is not a video that can be read",
            got=f"{path} ({explain(error)})",
            expected="mp4, mov, webm, avi, gif …",
        ) from None
    if container.format.name in ("tty", "srt", "ass", "webvtt"):  # FFmpeg draws plain text as video
        container.close()
        raise MediaError("This is a text file, not a video", got=str(path))
    return container


def is_av_error(error: Exception) -> bool:
    """Whether FFmpeg raised it."""
    import av

    return isinstance(error, av.error.FFmpegError)


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The first video stream; the cover picture of a song is none.

    Args:
        container: PyAV's.
        path: The file, for the error.

    Raises:
        MediaError: There is no video stream.
    """
    for stream in container.streams.video:
        if not int(getattr(stream, "disposition", 0)) & ATTACHED_PICTURE:
            return stream
    raise MediaError("The file has no video stream", got=str(path), expected="a video")


def clock_of(stream: VideoStream | AudioStream) -> Fraction:
    """Seconds that one unit of the stream's times lasts."""
    assert stream.time_base is not None, "FFmpeg sets it when it opens a file"
    return Fraction(stream.time_base)


def rate_of(container: InputContainer, stream: VideoStream) -> Fraction:
    """Frames a second, as exact as the container stores it."""
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate or DEFAULT_RATE
    if container.format.name == "gif" and stream.frames and stream.duration:
        # FFmpeg averages the first few delays alone, which are whole hundredths of a second.
        rate = stream.frames / (stream.duration * clock_of(stream))
    return Fraction(rate).limit_denominator(MAX_DENOMINATOR)


def duration_of(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """Seconds of the video stream, None where they are known only after reading."""
    if stream.duration is not None and stream.time_base is not None:
        return stream.duration * stream.time_base
    if tagged := _matroska_duration(stream):
        return tagged
    return None if container.duration is None else Fraction(container.duration, 1_000_000)


def missing_end(container: InputContainer, stream: VideoStream, path: Path, seconds: Fraction, frame: Fraction) -> bool:
    """Whether reading ended before the end that the container stores.

    Args:
        container: PyAV's.
        stream: Its video stream.
        path: The file.
        seconds: Where the last frame ended, counted from the first one's time.
        frame: Seconds a frame lasts.
    """
    if container.format.name == "gif":
        with path.open("rb") as file:
            file.seek(-min(16, path.stat().st_size), 2)
            return b";" not in file.read()
    whole = duration_of(container, stream) if stream.duration or _matroska_duration(stream) else None
    return whole is not None and seconds < whole - frame * Fraction(3, 4)


def _matroska_duration(stream: VideoStream) -> Fraction | None:
    """Matroska's own duration covers all streams; its muxers note each stream's as a tag, 00:00:02.000000000."""
    parts = stream.metadata.get("DURATION", "").split(":")
    try:
        hours, minutes, seconds = (Fraction(part) for part in parts)
    except ValueError:
        return None
    return hours * 3600 + minutes * 60 + seconds
