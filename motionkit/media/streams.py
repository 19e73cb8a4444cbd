"""Facts that a container stores about its video, and where they are wrong; reading and audio share them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from motionkit.config.bounds import RATES, SAMPLE_RATES, VIDEO_PIXELS
from motionkit.errors import InputError, MediaError, MotionkitError
from motionkit.media.files import check_no_playlist, ffmpeg_name
from motionkit.media.targets import explain
from motionkit.media.timing import MAX_DENOMINATOR

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream

__all__ = [
    "audio_stream",
    "check_pixels",
    "clock_of",
    "damage",
    "duration_of",
    "first_video",
    "has_audio",
    "is_damage",
    "missing_end",
    "open_container",
    "own_duration",
    "rate_of",
    "shows_out_of_order",
    "video_stream",
]

DEFAULT_RATE = Fraction(25)
_DURATION = re.compile(r"(\d{1,6}):(\d{1,2}):(\d{1,2}(?:\.\d{1,12})?)", re.ASCII)
# Of FFmpeg's dispositions.
DEFAULT, ATTACHED_PICTURE = 0x1, 0x400


# Formats whose durations reach from the container's zero, however late the first frame is.
FROM_ZERO = ("matroska,webm", "asf")

# What FFmpeg may take a file for: no playlists, which open other files; no text; no pictures, which Pillow reads.
DEMUXERS = (
    "mov matroska avi gif mpegts mpeg mpegvideo h264 hevc vvc m4v av1 obu ivf flv asf ogg mxf nut dv rm yuv4mpegpipe "
    "mjpeg mp3 wav flac aac ac3 eac3 aiff caf"
)


def open_container(path: Path, kind: str = "a video", known: str = "mp4, mov, webm, avi, gif …") -> InputContainer:
    """Open a PyAV input container: this file, no address and no other file that it names.

    Args:
        path: The file.
        kind: What it has to be, for the error.
        known: What counts as such, for the error.

    Raises:
        InputError: FFmpeg cannot be given its name.
        MediaError: FFmpeg cannot read it.
    """
    import av

    check_no_playlist(path)
    options = {
        "protocol_whitelist": "file",
        "format_whitelist": DEMUXERS.replace(" ", ","),
        "max_pixels": str(VIDEO_PIXELS.value),
    }
    try:
        # PyAV 19 has no such argument any more: there bytes that are no UTF-8 become lone surrogates.
        newer = int(av.__version__.partition(".")[0]) >= 19
        more: dict[str, Any] = {} if newer else {"metadata_errors": "surrogateescape"}
        opened: InputContainer = av.open(ffmpeg_name(path), options=options, **more)
    except Exception as error:
        if not is_damage(error):
            raise
        what = f"This is not {kind} that can be read"
        raise MediaError(what, got=f"{path} ({explain(error)})", expected=known) from None
    return opened


def is_damage(error: BaseException) -> bool:
    """Whether FFmpeg raised it, or Python for values of a damaged file that cannot be."""
    import av

    values = (OSError, ValueError, ArithmeticError, LookupError, MemoryError, NotImplementedError)
    return isinstance(error, (av.error.FFmpegError, *values)) and not isinstance(error, MotionkitError)


@contextmanager
def damage(path: Path, what: str = "video") -> Iterator[None]:
    """Raise a MediaError that names the file for all that comes of a damaged one.

    Args:
        path: The file.
        what: What is damaged.

    Raises:
        MediaError: The file is damaged.
    """
    try:
        yield
    except Exception as error:
        if not is_damage(error):
            raise
        raise MediaError(f"The {what} is damaged", got=f"{path} ({explain(error)})") from None


def check_pixels(width: int, height: int, path: Path) -> None:
    """Raise for frames that are too large, or have no size.

    Args:
        width: In pixels.
        height: In pixels.
        path: The file, for the error.

    Raises:
        MediaError: They are more than ``bounds.VIDEO_PIXELS``.
    """
    if width < 1 or height < 1:
        raise MediaError("The video's frames have no size", got=str(path))
    if width * height > VIDEO_PIXELS.value:
        got = f"{width}x{height} in {path}"
        raise MediaError(
            "The video's frames are too large", got=got, expected=VIDEO_PIXELS.expected, todo=VIDEO_PIXELS.todo
        )


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The first video stream; the cover picture of a song is none.

    Args:
        container: PyAV's.
        path: The file, for the error.

    Raises:
        MediaError: There is no video stream.
    """
    stream = first_video(container)
    if stream is None:
        raise MediaError("The file has no video stream", got=str(path), expected="a video")
    if not _is_decodable(stream):
        raise MediaError("There is no decoder for the video's codec", got=str(path), todo="Convert it to H.264")
    return stream


def first_video(container: InputContainer) -> VideoStream | None:
    """The first video stream, whether or not it can be decoded; the cover picture of a song is none."""
    streams = container.streams.video
    return next((s for s in streams if not int(getattr(s, "disposition", 0)) & ATTACHED_PICTURE), None)


def audio_stream(container: InputContainer, path: Path, track: int | None = None) -> AudioStream:
    """An audio stream: the one of this number, else the one marked as the default, else the first.

    Args:
        container: PyAV's; ``has_audio`` unless a track is given.
        path: The file, for the error.
        track: From 0, or None.

    Raises:
        InputError: There is no such track.
        MediaError: There is no decoder for it.
    """
    streams = container.streams.audio
    if track is None:
        known = [stream for stream in streams if _is_audible(stream)]
        marked = (stream for stream in known if int(getattr(stream, "disposition", 0)) & DEFAULT)
        return next(marked, known[0])
    if not 0 <= track < len(streams):
        expected = f"0 to {len(streams) - 1}" if streams else "a clip with audio"
        raise InputError("There is no such audio track", got=f"{track} of {path.name}", expected=expected)
    if not _is_audible(streams[track]):
        raise MediaError("The audio track cannot be decoded", got=f"{track} of {path}")
    return streams[track]


def has_audio(container: InputContainer) -> bool:
    """Whether there is audio that can be decoded."""
    return any(_is_audible(stream) for stream in container.streams.audio)


def _is_audible(stream: AudioStream) -> bool:
    low, high = SAMPLE_RATES
    return _is_decodable(stream) and low <= stream.codec_context.sample_rate <= high


def _is_decodable(stream: AudioStream | VideoStream) -> bool:
    return cast("object", stream.codec_context) is not None  # PyAV has none where FFmpeg has no decoder


def clock_of(stream: VideoStream | AudioStream) -> Fraction:
    """Seconds that one unit of the stream's times lasts."""
    assert stream.time_base is not None, "FFmpeg sets it when it opens a file"
    return Fraction(stream.time_base)


def rate_of(container: InputContainer, stream: VideoStream) -> Fraction:
    """Frames a second, as exact as the container stores it."""
    if container.format.name == "gif" and stream.frames and stream.duration:
        # FFmpeg averages the first few delays alone, which are whole hundredths of a second.
        seconds = stream.duration * clock_of(stream)
        steady = stream.guessed_rate
        if steady and (stream.frames - 1) / seconds == steady:  # a first frame without a delay is not counted
            return _plausible([steady])
        return _plausible([stream.frames / seconds])
    return _plausible([stream.average_rate, stream.guessed_rate, stream.base_rate])


def _plausible(rates: Sequence[Fraction | None]) -> Fraction:
    """The first rate that a clip can have."""
    low, high = RATES
    rate = next((rate for rate in rates if rate and low <= rate <= high), DEFAULT_RATE)
    return Fraction(rate).limit_denominator(MAX_DENOMINATOR)


def duration_of(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """Seconds of the video stream, None where they are known only after reading, or are none that can be."""
    if own := own_duration(stream):
        return own
    seconds = Fraction(container.duration or 0, 1_000_000) - _begins_late(stream)
    return seconds if seconds > 0 else None


def own_duration(stream: VideoStream) -> Fraction | None:
    """Seconds of the video alone as the container stores them, None where it does not, or stores none that can be."""
    if stream.duration is not None and stream.time_base is not None:
        seconds = Fraction(stream.duration * stream.time_base)
    else:
        seconds = _matroska_duration(stream) or Fraction(0)
    seconds -= _begins_late(stream)
    return seconds if seconds > 0 else None


def _begins_late(stream: VideoStream) -> Fraction:
    """Seconds from the container's zero to the first frame, where that is what durations count from; else 0."""
    if stream.container.format.name not in FROM_ZERO:
        return Fraction(0)
    return max((stream.start_time or 0) * clock_of(stream), Fraction(0))


def shows_out_of_order(stream: VideoStream) -> bool:
    """Whether the times of decoded frames are right as a whole, but not each frame's own.

    AVI stores no times of showing. FFmpeg finds them for older codecs; frames of H.264 keep the places in which they
    are stored.

    Args:
        stream: PyAV's.
    """
    return stream.container.format.name == "avi" and stream.codec_context.name in ("h264", "hevc", "vvc")


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
    whole = own_duration(stream)
    return whole is not None and seconds < whole - frame * Fraction(3, 4)


def _matroska_duration(stream: VideoStream) -> Fraction | None:
    """Matroska's own duration covers all streams; its muxers note each stream's as a tag, 00:00:02.000000000."""
    found = _DURATION.match(stream.metadata.get("DURATION", ""))
    if found is None:
        return None
    hours, minutes, seconds = (Fraction(part) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds
