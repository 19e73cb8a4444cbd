"""Cost against length, size and batch: where it is linear, and where it is not."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import torch

from motionkit.bench.files import FileJob, run_apart
from motionkit.bench.machine import synchronise
from motionkit.bench.procedures import Fast
from motionkit.bench.report import ScaleRow
from motionkit.bench.subjects import fresh, load_reference, title, write_clip
from motionkit.config import Precision
from motionkit.errors import ConfigError
from motionkit.samples import portrait

__all__ = ["Scale"]

FRAMES = (10, 30, 100, 300, 1000, 3000, 10_000)
SIDES = (128, 256, 384, 512, 768, 1024)
BATCHES = (1, 2, 4, 8, 16, 32)
# What each may take of the time: length is what the others are not, long.
SHARES = {"frames": 0.7, "side": 0.2, "batch": 0.1}
FPS = Fraction(30)
REPEATS = 3


class Scale:
    """Measurements of one model in one precision, each axis from its smallest value up while the time lasts.

    Args:
        model: As for ``load_reference``.
        device: Where to compute.
        precision: In what.
        seconds: All the time that there is.
        folder: For the clips.
        tick: Called with the seconds that have passed since its last call.

    Attributes:
        rows: The figures so far.
        left_out: What did not fit, in words.
    """

    def __init__(
        self,
        model: str,
        device: torch.device,
        precision: Precision,
        *,
        seconds: float,
        folder: Path,
        tick: Callable[[float], None],
    ) -> None:
        self.model, self.device, self.precision = model, device, precision
        self.seconds, self.folder, self.tick = seconds, folder, tick
        self.rows: list[ScaleRow] = []
        self.left_out: list[str] = []

    def run(self) -> None:
        """Measure cost against size, batch and length."""
        self._axis("side", SIDES, self._side, power=2)
        self._axis("batch", BATCHES, self._batch)
        self._axis("frames", FRAMES, self._frames)

    def _axis(self, name: str, values: Sequence[int], measure: Callable[[int], ScaleRow], power: int = 1) -> None:
        """Go up until the next value would take longer than what is left; cost grows with this power of the value."""
        left = SHARES[name] * self.seconds
        fixed = growing = 0.0  # seconds that the last value took
        last = values[0]
        for i, value in enumerate(values):
            if fixed + growing * (value / last) ** power > left:
                self._leave_out(name, values[i:], "time")
                return
            begun = time.perf_counter()
            try:
                row = measure(value)
            except torch.cuda.OutOfMemoryError:
                self._leave_out(name, values[i:], "memory")
                return
            except ConfigError:  # not a size that these networks can see
                self._leave_out(name, [value], "the networks cannot see it")
                continue
            self.rows.append(row)
            spent = time.perf_counter() - begun
            left -= spent
            fixed, last = row.start or 0.0, value
            growing = spent - fixed
            self.tick(spent)

    def _leave_out(self, name: str, values: Sequence[int], why: str) -> None:
        listed = ", ".join(f"{value:,}" for value in values)
        self.left_out.append(f"{title(self.model)}: {name} {listed} ({why})")

    def _frames(self, value: int) -> ScaleRow:
        """From file to file, the clip as small as the networks see it, so that reading it costs little."""
        path = self.folder / "long.mp4"
        side = load_reference(self.model)[1]
        write_clip(path, value, fps=FPS, size=(side, side))
        job = FileJob(
            model=self.model,
            procedure="fast",
            precision=self.precision,
            device=str(self.device),
            threads=torch.get_num_threads(),
            source=str(portrait()),
            driving=str(path),
            output=str(self.folder / "result.mp4"),
            frames=value,
            fps=FPS,
        )
        run = run_apart(job)
        row = self._row("frames", value, run.seconds / run.frames, run.seconds)
        return replace(row, start=run.start, memory=run.memory, gpu_memory=run.gpu_memory)

    def _side(self, value: int) -> ScaleRow:
        seconds = self._step(value, 1)
        return self._row("side", value, seconds, seconds)

    def _batch(self, value: int) -> ScaleRow:
        seconds = self._step(None, value)
        return self._row("batch", value, seconds / value, seconds)

    def _step(self, side: int | None, batch: int) -> float:
        """Seconds of a step with a whole batch: the median of some, after one that warms up."""
        reference, side = load_reference(self.model, side)
        procedure = Fast(reference, side, self.device, self.precision, batch)
        taken = []
        for number in range(REPEATS + 1):
            source, first, clip = fresh(number, batch, side)
            procedure.begin(source, first)
            synchronise(self.device)
            begun = time.perf_counter()
            procedure.step(clip)
            synchronise(self.device)
            taken.append(time.perf_counter() - begun)
        return sorted(taken[1:])[REPEATS // 2]

    def _row(self, axis: str, value: int, seconds: float, total: float) -> ScaleRow:
        return ScaleRow(
            model=title(self.model),
            precision=self.precision,
            axis=axis,
            value=value,
            seconds=seconds,
            total=total,
            start=None,
            memory=None,
            gpu_memory=None,
        )
