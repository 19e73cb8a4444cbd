"""Clips with a steady tone, for measuring: no clip with audio travels with the package."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from motionkit.media.writing import VideoWriter

__all__ = ["ToneWriter"]

RATE = 48000
BLOCK = 1024  # samples that AAC encodes at once
HERTZ = 440
LOUDNESS = 0.1


class ToneWriter(VideoWriter):
    """As VideoWriter into .mp4, .mov or .mkv, with a 440 Hz tone as the audio."""

    def _begin(self, width: int, height: int) -> Any:
        sink: Any = super()._begin(width, height)
        sink.audio = _Tone(sink.container)
        return sink


class _Tone:
    """Stands where a clip's audio would: writes packets as the video grows."""

    def __init__(self, container: Any) -> None:
        self.container = container
        self.stream = container.add_stream("aac", rate=RATE)
        self.stream.layout = "stereo"
        self.done = 0

    def advance(self, until: Fraction) -> None:
        import av

        while Fraction(self.done, RATE) < until:
            time = (self.done + np.arange(BLOCK)) / RATE
            wave = LOUDNESS * np.sin(2 * np.pi * HERTZ * time)
            samples = np.stack([wave, wave]).astype(np.float32)  # 2 n
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = RATE, self.done, Fraction(1, RATE)
            self.container.mux(self.stream.encode(frame))
            self.done += BLOCK

    def finish(self, duration: Fraction) -> None:
        self.advance(duration)
        self.container.mux(self.stream.encode(None))

    def close(self) -> None:
        """Do nothing: the container closes what there is."""
