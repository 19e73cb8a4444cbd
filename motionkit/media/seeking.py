"""Single frames out of the middle of a video, without decoding all that comes before."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from motionkit.errors import MediaError
from motionkit.frames import Frame
from motionkit.media.clip import Clip
from motionkit.media.files import check_file
from motionkit.media.images import picture_kind
from motionkit.media.pixels import Upright, aspect_of, displayed_size, to_array, upright
from motionkit.media.reading import open_clip
from motionkit.media.streams import (
    check_pixels,
    clock_of,
    damage,
    is_damage,
    open_container,
    own_duration,
    rate_of,
    shows_out_of_order,
    video_stream,
)
from motionkit.media.timing import JITTER
from motionkit.media.video import decoded, shown_for

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

__all__ = ["read_frames_at", "spread_frames"]

# Decoding on is quicker than seeking to a frame that is not further ahead than this; key frames lie seconds apart.
NEAR = Fraction(4)  # seconds
# Frames that no other needs are decoded only so far before the one that is asked for.
SURE = Fraction(1)  # seconds


def read_frames_at(path: str | Path, numbers: Sequence[int]) -> list[Frame]:
    """Frames of a video by number, as iterating ``open_clip(path)`` would give them.

    Args:
        path: A video.
        numbers: From 0, in any order.

    Returns:
        H W 3 uint8 RGB for each number.

    Raises:
        InputError: No such file.
        MediaError: It is no video, is damaged there, or ends before.
    """
    file = check_file(path)
    if picture_kind(file) == "moving":
        return _read_on(open_clip(file), numbers)
    with damage(file), _Reader(file) as reader:
        if not reader.is_out_of_order:
            found = {number: reader.picture(number) for number in sorted(set(numbers))}
            return [found[number] for number in numbers]
    return _read_on(open_clip(file), numbers)


def _read_on(clip: Clip, numbers: Sequence[int]) -> list[Frame]:
    """Frames of a clip that cannot be sought in."""
    wanted = set(numbers)
    found = {at: frame for at, frame in enumerate(islice(clip, max(wanted, default=0) + 1)) if at in wanted}
    if missing := wanted - found.keys():
        raise MediaError("The video ends before", got=f"frame {min(missing)} of {clip.info.path}")
    return [found[number] for number in numbers]


def spread_frames(clip: Clip, count: int) -> list[Frame]:
    """About so many frames of a clip, evenly spread, the first one always; of a long video without reading it all.

    Args:
        clip: The clip.
        count: Number of frames; fewer come of a shorter clip.
    """
    step = max((clip.info.frames or count) // count, 1)
    if step / clip.info.fps > NEAR and clip.seekable:
        # The number of frames may be an estimate, or the video damaged: what is missing, reading in order finds.
        with suppress(MediaError):
            return read_frames_at(clip.info.path, range(0, count * step, step))
    return list(islice(clip.every(step), count))


class _Reader:
    """An open video that goes forward to one frame after the other."""

    # The frame that is shown and the one after it: second at which it begins, seconds for which it is shown, itself.
    _held: tuple[Fraction, Fraction, VideoFrame] | None
    _ahead: tuple[Fraction, Fraction, VideoFrame] | None
    _frames: Iterator[tuple[Fraction, Fraction, VideoFrame]]
    _size: tuple[int, int]
    _lay: Upright

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wanted = self._origin = Fraction(0)
        self._closing = ExitStack()

    def __enter__(self) -> _Reader:
        with self._closing:
            self._open()
            if self._ahead is None:
                raise MediaError("No frame of the video can be read", got=str(self._path))
            self._origin = self._ahead[0]
            self._lay = upright(self._ahead[2])
            self._size = displayed_size(self._ahead[2], aspect_of(self._stream), self._lay)
            check_pixels(*self._size, self._path)
            self._closing = self._closing.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    @property
    def is_out_of_order(self) -> bool:
        """Whether a frame's place is known only by reading from the beginning."""
        return shows_out_of_order(self._stream)

    def picture(self, number: int) -> Frame:
        """The frame that is shown at this place, as it is seen; numbers rise from call to call."""
        return to_array(self._read(number), self._size, self._lay)

    def _read(self, number: int) -> VideoFrame:
        """The decoded frame that is shown at this place of the constant rate; numbers rise from call to call."""
        self._wanted = self._origin + number / self._rate
        if self._ahead is not None and self._wanted - self._ahead[0] > NEAR:
            self._seek()
        self._go_to(number)
        if self._held is None:
            # The container's index is wrong or missing.
            self._open()
            self._go_to(number)
        if self._held is not None and self._skipping and self._held[0] < self._wanted - SURE:
            # It is shown for long, or the one that is shown was left out.
            self._open(skip=False)
            self._go_to(number)
        if self._held is None or (self._ahead is None and number > self._last(*self._held)):
            raise MediaError("The video ends before", got=f"frame {number} of {self._path}")
        return self._held[2]

    def _last(self, time: Fraction, lasts: Fraction, _: VideoFrame) -> int:
        """The last place at which the video's last frame is shown, as ``at_constant_rate`` has it."""
        begins = math.ceil(self._place(time) + JITTER) - 1
        return max(0, begins, math.ceil(self._place(time + lasts) - JITTER) - 1)

    def _place(self, time: Fraction) -> Fraction:
        return (time - self._origin) * self._rate

    def _go_to(self, number: int) -> None:
        """Hold the last frame that begins at this place or before, as ``Clip`` sees it."""
        while self._ahead is not None and math.ceil(self._place(self._ahead[0]) - JITTER) <= number:
            self._held, self._ahead = self._ahead, next(self._frames, None)

    def _open(self, *, skip: bool = True) -> None:
        """Begin at the beginning; the container is opened anew, for not all can be wound back."""
        self._closing.close()
        self._container = open_container(self._path)
        self._closing.callback(self._container.close)
        self._stream = video_stream(self._container, self._path)
        self._stream.thread_type = "NONE"  # a few frames do not repay starting threads
        self._rate = rate_of(self._container, self._stream)
        self._start(sought=False, skip=skip)

    def _seek(self) -> None:
        """Go on from the key frame before what is wanted, where the container can."""
        try:
            self._container.seek(int(self._wanted / clock_of(self._stream)), stream=self._stream)
        except Exception as error:
            if not is_damage(error):
                raise
            return
        self._start(sought=True, skip=True)

    def _start(self, *, sought: bool, skip: bool) -> None:
        self._skipping = skip
        self._held = None
        self._frames = self._decode(sought)
        self._ahead = next(self._frames, None)

    def _decode(self, sought: bool) -> Iterator[tuple[Fraction, Fraction, VideoFrame]]:
        """Frames with their times in seconds of the container's clock."""
        base = clock_of(self._stream)
        for count, frame in enumerate(decoded(self._packets())):
            if frame.pts is None and sought:
                return  # its place is known only by counting from the beginning
            time = count / self._rate if frame.pts is None else frame.pts * Fraction(frame.time_base or base)
            yield time, shown_for(frame, time - self._origin, own_duration(self._stream), self._rate), frame

    def _packets(self) -> Iterator[Packet[VideoStream]]:
        """The packets from here on; of those that come early, only what later ones need is decoded."""
        codec, base = self._stream.codec_context, clock_of(self._stream)
        for packet in self._container.demux(self._stream):
            early = packet.pts is not None and packet.pts * base < self._wanted - SURE
            codec.skip_frame = "NONREF" if early and self._skipping else "DEFAULT"
            yield packet
