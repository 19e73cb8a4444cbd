"""Carrying sound over into a result, in time with its pictures."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np

from motionkit.errors import MotionkitWarning
from motionkit.media.sound import Sound, check_samples
from motionkit.media.streams import audio_stream, clock_of, is_damage, open_container
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
    """Sound on its way into a container, written as the video grows.

    Packets are copied where the container takes their codec and the sound is used from its start, else encoded anew.

    Args:
        sound: Which.
        container: PyAV's output container; gets an audio stream.
        suffix: The container's, with the full stop.
    """

    def __init__(self, sound: Sound, container: OutputContainer, suffix: str) -> None:
        self.name = sound.path.name
        self.input = open_container(sound.path)
        self.stream = audio_stream(self.input, sound.path, sound.track)
        self.zero = sound.zero(self.input, self.stream)
        self.output = container
        copied = sound.start == 0 and self.stream.codec_context.codec.canonical_name in COPIED[suffix]
        if copied:
            self.target = container.add_stream_from_template(self.stream)
            self.packets = self._copied()
        else:
            self.target = container.add_stream("libopus" if suffix == ".webm" else "aac", rate=RATE)
            self.target.layout = "stereo"
            self.packets = self._encoded()
        self.waiting: tuple[Fraction, Packet[AudioStream]] | None = None

    def advance(self, until: Fraction) -> None:
        """Write what lies before second ``until`` of the result, a packet if half of it does."""
        while True:
            item = self.waiting or next(self.packets, None)
            self.waiting = None
            if item is None:
                return
            time, packet = item
            if time + (packet.duration or 0) * packet.time_base / 2 >= until:
                self.waiting = item
                return
            self.output.mux(packet)

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
        done = 0
        for begin, samples in self._whole(self._resampled()):
            at = done if done > 0 and abs(begin - done) < TOLERANCE else begin
            while at > done:  # a second at a time: what a damaged file says of its times may be years
                silence = np.zeros((2, min(at - done, RATE)), np.float32)
                yield _frame(silence, done)
                done += silence.shape[1]
            left = samples[:, done - at :]
            if left.shape[1] > 0:
                yield _frame(left, done)
                done += left.shape[1]

    def _resampled(self) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
        """Where in the result samples belong, and the samples, 2 n; before the cut, the place is below 0."""
        import av

        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=RATE)
        for decoded in self.input.decode(self.stream):
            begin = (decoded.pts or 0) * (decoded.time_base or clock_of(self.stream)) - self.zero
            at = round(begin * RATE)
            for part in resampler.resample(decoded):
                samples = cast("npt.NDArray[np.float32]", part.to_ndarray())
                check_samples(samples, self.name)
                yield at, samples
                at += part.samples


def _frame(samples: npt.NDArray[np.float32], at: int) -> AudioFrame:
    import av

    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = RATE, at, Fraction(1, RATE)
    return frame
