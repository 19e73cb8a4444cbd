"""The model step of several procedures, in turn, on fresh frames each round.

Legend: B batch, H W picture size.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from motionkit.bench.machine import device_peak, synchronise
from motionkit.bench.procedures import Plain, Procedure
from motionkit.bench.report import Spread, StepRow
from motionkit.bench.subjects import fresh
from motionkit.frames import decibels

__all__ = ["Ceiling", "Steps", "compare", "count_flop"]

# The convolution that most of the published configuration's time goes into.
CHANNELS, SIDE, KERNEL = 256, 64, 3
SLOW_SECONDS = 0.3  # of one convolution: bfloat16 where the processor has no units for it


def count_flop(work: Callable[[], object]) -> float:
    """Count the arithmetic of the convolutions and matrix products in ``work``, which is called once.

    Returns:
        FLOP: a multiplication and an addition are two.
    """
    with FlopCounterMode(display=False, custom_mapping=_formulas()) as counter:
        work()
    return float(counter.get_total_flops())


def _formulas() -> dict[object, Callable[..., int]]:
    """What the counter does not know: the functions under packed and 8-bit convolutions, where they exist."""

    def conv(_: Sequence[int], weight: Sequence[int], *__: object, out_shape: Sequence[int], **___: object) -> int:
        return 2 * out_shape[0] * math.prod(out_shape[2:]) * math.prod(weight)

    def transposed(x: Sequence[int], weight: Sequence[int], *_: object, **__: object) -> int:
        return 2 * x[0] * math.prod(x[2:]) * math.prod(weight)

    def int8(x: Sequence[int], step: object, zero: object, weight: Sequence[int], *_: object, **where: Any) -> int:
        return conv(x, weight, **where)

    functions = (
        (torch.ops.mkldnn, "_convolution_pointwise", conv),
        (torch.ops.mkldnn, "_convolution_transpose_pointwise", transposed),
        (torch.ops.onednn, "qconv2d_pointwise", int8),
    )
    return {getattr(space, name): formula for space, name, formula in functions if hasattr(space, name)}


def compare(result: Tensor, expected: Tensor) -> tuple[float, float]:
    """Compare two tensors of one shape.

    Args:
        result: What was made.
        expected: What should have been made.

    Returns:
        The mean squared and the largest absolute difference.
    """
    difference = (result.double() - expected.double()).abs()
    return difference.square().mean().item(), difference.max().item()


class Ceiling:
    """How fast this device convolves when it does nothing else: 256 to 256 channels, 64×64, 3×3, channels_last.

    Args:
        device: Where to compute.
        dtype: In what.
        batch: Pictures at once.
    """

    def __init__(self, device: torch.device, dtype: torch.dtype, batch: int = 1) -> None:
        self.device = device
        conv = torch.nn.Conv2d(CHANNELS, CHANNELS, KERNEL, padding=KERNEL // 2).to(device, dtype)
        self.conv = conv.to(memory_format=torch.channels_last)
        self.images = torch.rand(batch, CHANNELS, SIDE, SIDE, device=device, dtype=dtype)
        self.images = self.images.contiguous(memory_format=torch.channels_last)
        self.flop = 2.0 * batch * CHANNELS**2 * KERNEL**2 * SIDE**2

    @torch.inference_mode()
    def measure(self, repeats: int = 5) -> float:
        """Measure FLOP a second, in ``repeats`` convolutions after one that warms up; slow ones warm up by themselves.

        Args:
            repeats: At least 1.
        """
        first = self._seconds(1)
        seconds = first if first > SLOW_SECONDS else self._seconds(repeats) / repeats
        return self.flop / seconds

    def _seconds(self, repeats: int) -> float:
        synchronise(self.device)
        begun = time.perf_counter()
        for _ in range(repeats):
            self.conv(self.images)
        synchronise(self.device)
        return time.perf_counter() - begun


class Steps:
    """Measurements of one model at one size: the plain procedure first in every round, then the others.

    Args:
        model: Its name in the table.
        procedures: The plain one, and those that are compared with it.
        frames: Fresh frames of one source in each round, the same for all; a multiple of every batch.
    """

    def __init__(self, model: str, procedures: Sequence[Procedure], frames: int) -> None:
        self.plain = plain = procedures[0]
        assert isinstance(plain, Plain), "every ratio is to the plain procedure"
        assert all(frames % procedure.batch == 0 for procedure in procedures), "every batch is full"
        self.model, self.procedures, self.frames = model, list(procedures), frames
        self.order: list[str] = []
        self._seconds: dict[str, list[float]] = {procedure.name: [] for procedure in procedures}  # a frame
        self._once: dict[str, list[float]] = {procedure.name: [] for procedure in procedures}
        self._errors: dict[str, list[tuple[float, float]]] = {procedure.name: [] for procedure in procedures}
        self._memory: dict[str, int | None] = {}
        self._flop: dict[str, float] = {}
        self._encoder_flop = 0.0
        self._stages: dict[str, dict[str, float]] = {}
        self._ceilings: dict[tuple[torch.dtype, int], Ceiling] = {}
        self._speeds: dict[tuple[torch.dtype, int], list[float]] = {}

    def run(self, rounds: int, tick: Callable[[], None]) -> None:
        """Warm up, measure, then time the stages.

        Args:
            rounds: How often each procedure is measured.
            tick: Called after the warm-up, after each round and in the end.
        """
        self._round(0, counted=False)
        tick()
        for number in range(1, rounds + 1):
            self._round(number, counted=True)
            tick()
        for procedure in self.procedures:
            source, first, clip = fresh(rounds + 1, self.frames, procedure.side)
            procedure.begin(source, first)
            with procedure.stopwatch.watching(procedure.spans()):
                self._animate(procedure, clip)
            seconds = procedure.stopwatch.seconds
            self._stages[procedure.name] = {stage: value / self.frames for stage, value in seconds.items()}
        tick()

    def rows(self) -> list[StepRow]:
        """Make a row for each procedure of what was measured so far, in whole rounds."""
        whole = min(len(values) for values in self._seconds.values())
        return [self._row(procedure, whole) for procedure in self.procedures] if whole else []

    def _round(self, number: int, *, counted: bool) -> None:
        source, first, clip = fresh(number, self.frames, self.procedures[0].side)
        figures = []
        expected = None
        for procedure in self.procedures:
            if not counted:
                self._flop[procedure.name] = self._count(procedure, source, first, clip)
            once, seconds, images = self._time(procedure, source, first, clip)
            if expected is None:
                expected = images
            figures.append((procedure.name, once, seconds, compare(images, expected)))
        kinds = {(procedure.dtype, procedure.batch): procedure.device for procedure in self.procedures}
        for kind, device in kinds.items():
            self._ceilings.setdefault(kind, Ceiling(device, *kind))
        speeds = {kind: self._ceilings[kind].measure() for kind in kinds}
        if not counted:
            return
        # Kept together, and only now: a round that is broken off counts for none of them.
        for kind, speed in speeds.items():
            self._speeds.setdefault(kind, []).append(speed)
        for name, once, seconds, error in figures:
            self.order.append(name)
            self._once[name].append(once)
            self._errors[name].append(error)
            self._seconds[name].append(seconds)

    def _count(self, procedure: Procedure, source: np.ndarray, first: np.ndarray, clip: list[np.ndarray]) -> float:
        """Arithmetic of a frame; of the second step, since the first may try out a precision."""
        procedure.begin(source, first)
        chunk = clip[: procedure.batch]
        procedure.step(chunk)
        if isinstance(procedure, Plain):
            self._encoder_flop = count_flop(procedure.encode)
        return count_flop(lambda: procedure.step(chunk)) / procedure.batch

    def _time(
        self, procedure: Procedure, source: np.ndarray, first: np.ndarray, clip: list[np.ndarray]
    ) -> tuple[float, float, Tensor]:
        """Seconds once for the source, seconds a frame, and the pictures on the CPU."""
        device = procedure.device
        synchronise(device)
        held = 0
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            held = torch.cuda.memory_allocated(device)
        begun = time.perf_counter()
        procedure.begin(source, first)
        synchronise(device)
        between = time.perf_counter()
        images = self._animate(procedure, clip)
        synchronise(device)
        ended = time.perf_counter()
        peak = device_peak(device)
        self._memory[procedure.name] = None if peak is None else peak - held
        return between - begun, (ended - between) / len(clip), torch.cat([part.cpu() for part in images])

    def _animate(self, procedure: Procedure, clip: list[np.ndarray]) -> list[Tensor]:
        batch = procedure.batch
        return [procedure.step(clip[i : i + batch])[0] for i in range(0, len(clip), batch)]

    def _row(self, procedure: Procedure, rounds: int) -> StepRow:
        name, plain = procedure.name, self.procedures[0].name
        seconds, once = self._seconds[name][:rounds], self._once[name][:rounds]
        pairs = list(zip(self._seconds[plain], seconds, strict=False))
        wholes = [
            (plain_once + self.frames * plain_seconds) / (own_once + self.frames * own_seconds)
            for plain_once, plain_seconds, own_once, own_seconds in zip(
                self._once[plain], self._seconds[plain], once, seconds, strict=False
            )
        ]
        other = procedure is not self.procedures[0]
        errors = self._errors[name]
        spread = Spread.of(seconds)
        flop, direct = self._flop[name], self._flop[plain] - self._encoder_flop
        ceiling = max(self._speeds[procedure.dtype, procedure.batch])
        stages = self._stages.get(name, {})
        total = sum(stages.values())
        psnr = decibels(sum(squared for squared, _ in errors) / len(errors))
        return StepRow(
            model=self.model,
            side=procedure.side,
            procedure=procedure.kind,
            precision=procedure.precision,
            batch=procedure.batch,
            rounds=rounds,
            frames=self.frames,
            seconds=spread,
            source_seconds=Spread.of(once).median,
            ratio=Spread.of([a / b for a, b in pairs]) if other else None,
            whole_ratio=Spread.of(wholes).median if other else None,
            gflop=flop / 1e9,
            gflops=flop / spread.median / 1e9,
            ceiling=ceiling / 1e9,
            ceiling_share=flop / spread.median / ceiling,
            direct_gflop=direct / 1e9,
            direct_share=direct / spread.median / ceiling,
            psnr=psnr if other and math.isfinite(psnr) else None,
            max_difference=max(largest for _, largest in errors) if other else None,
            memory=self._memory[name],
            stages=stages,
            stage_shares={stage: value / total for stage, value in stages.items()},
        )
