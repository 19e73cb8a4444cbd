"""Carrying a driving clip's audio over into a result, in time with its cut."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np

from motionkit.errors import MotionkitWarning
from motionkit.media.clip import Clip
from motionkit.media.streams import audio_stream, clock_of, is_damage, open_container, video_stream
from motionkit.media.targets import explain

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet
    from numpy import typing as npt

__all__ = ["AudioFeed"]

_Item = TypeVar("_Item")

# Codecs that each container takes as they are, in time; anything else is encoded anew.
COPIED = {
    ".mp4": ("aac", "mp3"),
    ".mov": ("aac", "mp3"),
    ".mkv": ("aac", "opus", "vorbis", "flac"),
    ".webm": ("opus", "vorbis"),
}
RATE = 48000
# Containers round times to milliseconds, and resampling holds some samples back: only a larger gap is a gap.
TOLERANCE = RATE // 50


class AudioFeed:
    """The audio of a clip on its way into a container, written as the video grows.

    Packets are copied where the container takes their codec and the cut begins at 0, else encoded anew.

    Args:
        clip: A video with audio.
        container: PyAV's output container; gets an audio stream.
        suffix: The container's, with the full stop.
        track: Which of the clip's audio tracks, from 0; None is the one marked as the default, else the first.
    """

    def __init__(self, clip: Clip, container: OutputContainer, suffix: str, track: int | None = None) -> None:
        self.name = clip.info.path.name
        self.input = open_container(clip.info.path)
        self.stream = audio_stream(self.input, clip.info.path, track)
        video = video_stream(self.input, clip.info.path)
        # Time 0 of the result is the cut's start, counted from the first picture.
        self.zero = clip.start + (video.start_time or 0) * clock_of(video)
        self.output = container
        copied = clip.start == 0 and self.stream.codec_context.codec.canonical_name in COPIED[suffix]
        if copied:
            self.target = container.add_stream_from_template(self.stream)
            self.packets = self._copied()
        else:
            self.target = container.add_stream("libopus" if suffix == ".webm" else "aac", rate=RATE)
            self.target.layout = "stereo"
            self.packets = self._encoded()
        self.waiting: tuple[Fraction, Packet[AudioStream]] | None = None

    def advance(self, until: Fraction) -> None:
        """Write what begins before second ``until`` of the result."""
        while True:
            item = self.waiting or next(self.packets, None)
            self.waiting = None
            if item is None:
                return
            if item[0] >= until:
                self.waiting = item
                return
            self.output.mux(item[1])

    def finish(self, duration: Fraction) -> None:
        """Write the rest, up to the result's end at second ``duration``, and close the input."""
        self.advance(duration)
        self.close()

    def close(self) -> None:
        """Close the input."""
        self.input.close()

    def _copied(self) -> Iterator[tuple[Fraction, Packet[AudioStream]]]:
        for packet in self._whole(self.input.demux(self.stream)):
            if packet.pts is None:
                continue
            offset = round(self.zero / packet.time_base)
            packet.pts -= offset
            packet.dts = None if packet.dts is None else packet.dts - offset
            time = packet.pts * packet.time_base
            if time + (packet.duration or 0) * packet.time_base <= 0:
                continue
            packet.stream = self.target
            yield time, packet

    def _encoded(self) -> Iterator[tuple[Fraction, Packet[AudioStream]]]:
        for frame in self._frames():
            for packet in self.target.encode(frame):
                yield self._time(packet), packet
        for packet in self.target.encode(None):
            yield self._time(packet), packet

    def _whole(self, items: Iterator[_Item]) -> Iterator[_Item]:
        """The items up to where the audio is damaged."""
        try:
            yield from items
        except Exception as error:
            if not is_damage(error):
                raise
            message = f"The audio of {self.name} is damaged ({explain(error)}); it is used up to there"
            warnings.warn(message, MotionkitWarning, stacklevel=2)

    @staticmethod
    def _time(packet: Packet[AudioStream]) -> Fraction:
        return (packet.pts or 0) * packet.time_base

    def _frames(self) -> Iterator[AudioFrame]:
        """Stereo frames that begin at the cut, gaps filled with silence, shifted to time 0."""
        import av

        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=RATE)
        done = 0
        for decoded in self._whole(self.input.decode(self.stream)):
            begin = (decoded.pts or 0) * (decoded.time_base or clock_of(self.stream)) - self.zero
            at = round(begin * RATE)
            for part in resampler.resample(decoded):
                samples = cast("npt.NDArray[np.float32]", part.to_ndarray())  # 2 n
                if done > 0 and abs(at - done) < TOLERANCE:
                    at = done
                if at > done:
                    samples = np.pad(samples, ((0, 0), (at - done, 0)))
                elif at < done:
                    samples = samples[:, min(done - at, samples.shape[1]) :]
                at += part.samples
                if samples.shape[1] == 0:
                    continue
                frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout="stereo")
                frame.sample_rate, frame.pts, frame.time_base = RATE, done, Fraction(1, RATE)
                done += samples.shape[1]
                yield frame
