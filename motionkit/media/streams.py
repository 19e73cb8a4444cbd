"""What a container says about its video, and where it is wrong: the facts that reading and audio share."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from motionkit.errors import MediaError
from motionkit.media.targets import explain

__all__ = ["MAX_DENOMINATOR", "duration_of", "is_av_error", "missing_end", "open_container", "rate_of", "video_stream"]

# 30000/1001 and its like stay exact; the averages of variable rates, and floats, become what containers can hold.
MAX_DENOMINATOR = 1001
DEFAULT_RATE = Fraction(25)
ATTACHED_PICTURE = 0x400


def open_container(path: Path) -> Any:
    """A PyAV input container; raises MediaError if FFmpeg knows no such video."""
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


def video_stream(container: Any, path: Path) -> Any:
    """The first video stream; the cover picture of a song is none."""
    for stream in container.streams.video:
        if not int(getattr(stream, "disposition", 0)) & ATTACHED_PICTURE:
            return stream
    raise MediaError("The file has no video stream", got=str(path), expected="a video")


def rate_of(container: Any, stream: Any) -> Fraction:
    """Frames a second, as exact as the container tells it."""
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate or DEFAULT_RATE
    if container.format.name == "gif" and stream.frames and stream.duration:
        # FFmpeg averages the first few delays alone, which are whole hundredths of a second.
        rate = stream.frames / (stream.duration * stream.time_base)
    return Fraction(rate).limit_denominator(MAX_DENOMINATOR)


def duration_of(container: Any, stream: Any) -> Fraction | None:
    """Seconds of the video stream, None where only reading can tell."""
    if stream.duration is not None and stream.time_base is not None:
        return Fraction(stream.duration) * stream.time_base
    if tagged := _matroska_duration(stream):
        return tagged
    return None if container.duration is None else Fraction(container.duration, 1_000_000)


def missing_end(container: Any, stream: Any, path: Path, seconds: Fraction, frame: Fraction) -> bool:
    """Whether reading ended before the container said that it would.

    Args:
        seconds: Where the last frame ended, counted from the first one's time.
        frame: Seconds a frame lasts.
    """
    if container.format.name == "gif":
        with path.open("rb") as file:
            file.seek(-min(16, path.stat().st_size), 2)
            return b";" not in file.read()
    whole = duration_of(container, stream) if stream.duration or _matroska_duration(stream) else None
    return whole is not None and seconds < whole - frame * Fraction(3, 4)


def _matroska_duration(stream: Any) -> Fraction | None:
    """Matroska's own duration covers all streams; its muxers note each stream's as a tag, 00:00:02.000000000."""
    parts = stream.metadata.get("DURATION", "").split(":")
    try:
        hours, minutes, seconds = (Fraction(part) for part in parts)
    except ValueError:
        return None
    return hours * 3600 + minutes * 60 + seconds
