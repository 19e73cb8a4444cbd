"""Videos through FFmpeg, as streams of frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from motionkit.errors import MediaError
from motionkit.frames import Frame
from motionkit.media.clip import Clip, Wish
from motionkit.media.colour import hdr_curve
from motionkit.media.pixels import aspect_of, displayed_size, to_array, upright
from motionkit.media.streams import (
    check_pixels,
    clock_of,
    damage,
    duration_of,
    has_audio,
    is_damage,
    missing_end,
    open_container,
    own_duration,
    rate_of,
    shows_out_of_order,
    video_stream,
)
from motionkit.media.targets import explain
from motionkit.media.timing import at_constant_rate, check_count, in_order
from motionkit.structures import VideoInfo

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

__all__ = ["VideoClip", "decoded", "shown_for"]


class VideoClip(Clip):
    """A video file or GIF."""

    def __init__(self, path: Path, wish: Wish) -> None:
        super().__init__(wish)
        self.path = path
        with damage(path), open_container(path) as container:
            stream = video_stream(container, path)
            frame = next(decoded(container.demux(stream)), None)
            if frame is None:
                raise MediaError("No frame of the video can be read", got=str(path))
            self.rate = rate_of(container, stream)
            self._lay = upright(frame)
            self.own_size = displayed_size(frame, aspect_of(stream), self._lay)
            check_pixels(*self.own_size, path)
            to_array(frame, self.own_size, self._lay)  # what cannot be converted is no video either
            sounds = has_audio(container)
            if container.streams.audio and not sounds:
                self.warn(f"The audio of {path.name} cannot be decoded; it is left out")
            duration = duration_of(container, stream)
        fps = wish.fps or self.rate
        duration = None if duration is None else wish.part_of(duration)
        frames = None if duration is None else max(round(duration * fps), 1)
        check_count(frames or 0, path.name)
        width, height = wish.size or self.own_size
        self.info = VideoInfo(path, width, height, fps, frames, duration, sounds)
        self.seekable = wish.whole and fps == self.rate and wish.size is None

    def every(self, step: int) -> Iterator[Frame]:
        """As ``Clip.every``."""
        frames = at_constant_rate(
            self._timed(), self.info.fps, start=self.start, end=self.wish.end, name=self.path.name
        )
        for frame in islice(frames, 0, None, step):
            with damage(self.path):
                picture = self._picture(frame)
            yield picture

    def _timed(self) -> Iterator[tuple[Fraction, Fraction, VideoFrame]]:
        """Second from the clip's first frame, seconds it is shown, frame; up to where the file is damaged."""
        with open_container(self.path) as container:
            stream = video_stream(container, self.path)
            stream.thread_type = "AUTO"
            whole = own_duration(stream)
            first: Fraction | None = None
            count, end = 0, Fraction(0)
            try:
                for time, frame in self._decoded(container, stream):
                    first = time if first is None else first
                    lasts = shown_for(frame, time - first, whole, self.rate)
                    end = time - first + (lasts or 1 / self.rate)
                    count += 1
                    yield time - first, lasts, frame
            except Exception as error:
                if not is_damage(error):
                    raise
                if count == 0:
                    got = f"{self.path} ({explain(error)})"
                    raise MediaError("No frame of the video can be read", got=got) from None
                self.warn(f"{self.path.name} is damaged after {count} frames ({explain(error)}); these are used")
                return
            if missing_end(container, stream, self.path, end, 1 / self.rate):
                of = f" of {stream.frames}" if stream.frames > count else ""
                self.warn(f"{self.path.name} is cut off: {count}{of} frames are there and are used")

    def _decoded(self, container: InputContainer, stream: VideoStream) -> Iterator[tuple[Fraction, VideoFrame]]:
        """Second of the container's clock, and frame."""
        frames = enumerate(decoded(container.demux(stream)))
        timed = ((_time(frame, stream, count, self.rate), frame) for count, frame in frames)
        return in_order(timed) if shows_out_of_order(stream) else timed

    def _picture(self, frame: VideoFrame) -> Frame:
        curve = hdr_curve(int(getattr(frame, "color_trc", 0) or 0))
        if curve is not None:
            self.warn(f"{self.path.name} is HDR ({curve}); it is tone-mapped to SDR")
        # Frames that change their size midway become as large as the first.
        return to_array(frame, self.wish.size or self.own_size, self._lay)


def decoded(packets: Iterable[Packet[VideoStream]]) -> Iterator[VideoFrame]:
    """The whole frames in a video's packets.

    An empty packet stands for the frame before once more, as Theora stores it; FFmpeg decodes none. Only the
    last one's time is needed, for each frame is shown until the next one comes.

    Args:
        packets: In the order of the file.
    """
    last: VideoFrame | None = None
    again: int | None = None
    for packet in packets:
        if packet.size == 0 and packet.pts is not None:
            again = packet.pts
            continue
        for frame in packet.decode():
            if not frame.is_corrupt:
                last = frame
                yield frame
    if last is not None and last.pts is not None and again is not None and again > last.pts:
        last.pts = again
        yield last


def _time(frame: VideoFrame, stream: VideoStream, count: int, fps: Fraction) -> Fraction:
    return count / fps if frame.pts is None else frame.pts * Fraction(frame.time_base or clock_of(stream))


def shown_for(frame: VideoFrame, since: Fraction, whole: Fraction | None, rate: Fraction) -> Fraction:
    """Seconds for which a frame is shown, 0 where the container does not say.

    What it says of the last frame may be another's: what is stored in order of decoding reaches beyond the video's end.

    Args:
        frame: PyAV's.
        since: Second at which it begins, from the first frame.
        whole: Seconds of the video, as ``own_duration`` gives them.
        rate: The video's.
    """
    lasts = (getattr(frame, "duration", 0) or 0) * Fraction(frame.time_base or 0)
    return max(min(lasts, 1 / rate if whole is None else whole - since), Fraction(0))
