"""A whole run: what is measured in which order, how far it has come, and what is there when it is stopped."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import torch

from motionkit.bench.files import FileJob, FileRun, run_apart
from motionkit.bench.machine import Machine, describe, native_precisions
from motionkit.bench.measure import Steps, count_flop
from motionkit.bench.options import BenchOptions
from motionkit.bench.procedures import Fast, Plain, Procedure
from motionkit.bench.report import ClipRow, Report, Spread, StepRow
from motionkit.bench.scale import Scale
from motionkit.bench.subjects import fresh, load_reference, title, write_clip
from motionkit.config import Precision
from motionkit.model import pick_device
from motionkit.progress import ProgressLike
from motionkit.samples import portrait
from motionkit.structures import Progress

__all__ = ["run"]

CLIP_FPS = Fraction(30)
CLIP_SIZE = (1280, 720)
FAST_SHARE = 0.5  # of plain's time, guessed, before anything was measured
START = 5.0  # seconds to load and to find faces, guessed
SPEED = 5e10  # FLOP a second, guessed, to weigh work in FLOP against work in seconds


def run(options: BenchOptions, *, progress: ProgressLike = False) -> Report:
    """Measure what the options ask for; see ``motionkit.bench.bench``.

    Args:
        options: What to measure.
        progress: As for ``bench``.
    """
    device = pick_device(options.device)
    precisions = options.precisions or native_precisions(device)
    batches = options.batches or ((1, 16) if device.type == "cuda" else (1,))
    options = replace(options, device=str(device), precisions=precisions, batches=batches)
    measured = _Run(options, device, describe(device))
    with (
        _WorkProgress(progress) as shown,
        tempfile.TemporaryDirectory(prefix="motionkit-bench-") as folder,
        suppress(KeyboardInterrupt),
    ):
        measured.all(shown, Path(folder))
        measured.complete = True
    return measured.report()


class _WorkProgress:
    """Work done of all work, in FLOP or what comes near it: the time that is left follows."""

    def __init__(self, progress: ProgressLike) -> None:
        self.report = progress if callable(progress) else None
        self.shown = progress is True
        self.bar: Any = None
        self.done, self.total = 0.0, 0.0
        self.began = datetime.now()

    def __enter__(self) -> _WorkProgress:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def expect(self, work: float) -> None:
        """Add work that is still to do."""
        self.total += work

    def step(self, what: str, work: float) -> None:
        """Count work that was done, and show or report it with what it was."""
        self.done = min(self.done + work, self.total)
        elapsed = max((datetime.now() - self.began).total_seconds(), 1e-9)
        if self.shown:
            self._show(what, elapsed)
        if self.report is not None:
            share = self.done / self.total
            self.report(Progress(done=round(100 * share), total=100, rate=100 * share / elapsed))

    def _show(self, what: str, elapsed: float) -> None:
        from tqdm import tqdm

        if self.bar is None:
            layout = "{desc}: {percentage:3.0f}%|{bar:30}| {elapsed} passed, about {remaining} left"
            self.bar = tqdm(total=self.total, bar_format=layout, leave=False, dynamic_ncols=True)
            self.bar.start_t -= elapsed
        self.bar.set_description_str(what, refresh=False)
        self.bar.update(self.done - self.bar.n)


@dataclass
class _Run:
    """The measurements as they come in."""

    options: BenchOptions
    device: torch.device
    machine: Machine
    complete: bool = False
    began: str = field(default_factory=lambda: datetime.now().isoformat(" ", "minutes"))
    steps: list[StepRow] = field(default_factory=list)
    clips: list[_Clips] = field(default_factory=list)
    scales: list[Scale] = field(default_factory=list)
    order: dict[str, list[str]] = field(default_factory=dict)

    def all(self, progress: _WorkProgress, folder: Path) -> None:
        """Everything, model after model; what is done is kept when this is broken off."""
        options = self.options
        sizes = options.sizes or (None,)
        work = self._expect(progress)
        for name in options.models if options.steps else ():
            for size in sizes:
                self._step(name, size, partial(progress.step, title(name), work["step", name, size]))
        for name in options.models if options.clips else ():
            self._clip(name, folder, partial(progress.step, f"{title(name)}, file to file", work["clip", name, None]))
        for name in options.models if options.scale else ():
            for precision in options.precisions or ():
                self._scale(name, precision, folder, partial(self._spent, progress, f"{title(name)}, scale"))

    def _expect(self, progress: _WorkProgress) -> dict[tuple[str, str, int | None], float]:
        """Add up all that is to do; returns the work of each tick."""
        options = self.options
        assert options.precisions is not None, "run has chosen them"
        assert options.batches is not None, "run has chosen them"
        fast = FAST_SHARE * len(options.precisions)
        work: dict[tuple[str, str, int | None], float] = {}
        for name in options.models:
            flop = plain_flop(name)  # it also raises at once if there is no such model
            reference, own = load_reference(name)
            for size in (options.sizes or (None,)) if options.steps else ():
                grown = 1.0 if size is None or reference.config.blend_warped else (size / own) ** 2
                tick = flop * grown * self.frames * (1 + fast * len(options.batches))
                work["step", name, size] = tick
                progress.expect(tick * (options.rounds + 2))
            if options.clips:
                tick = flop * self.clip_frames * (1 + fast) / (1 + len(options.precisions)) + START * SPEED
                work["clip", name, None] = tick
                progress.expect(tick * (1 + len(options.precisions)) * options.clip_rounds)
            if options.scale:
                progress.expect(SPEED * options.seconds * len(options.precisions))
        return work

    def _spent(self, progress: _WorkProgress, what: str, seconds: float) -> None:
        progress.step(what, SPEED * seconds)

    @property
    def frames(self) -> int:
        """Frames a round, so that every batch is full."""
        multiple = math.lcm(*(self.options.batches or (1,)))
        return -(-self.options.frames // multiple) * multiple

    @property
    def clip_frames(self) -> int:
        return max(round(self.options.clip_seconds * CLIP_FPS), 2)

    def report(self) -> Report:
        """Gather the figures that are there."""
        return Report(
            machine=self.machine,
            options=asdict(self.options),
            began=self.began,
            complete=self.complete,
            steps=tuple(self.steps),
            clips=tuple(row for clips in self.clips for row in clips.rows()),
            scale=tuple(row for scale in self.scales for row in scale.rows),
            order={**self.order, **{f"{clips.model}, from file to file": clips.order for clips in self.clips}},
            left_out=tuple(words for scale in self.scales for words in scale.left_out),
        )

    def _step(self, name: str, size: int | None, tick: Callable[[], None]) -> None:
        reference, side = load_reference(name, size)
        procedures: list[Procedure] = [Plain(reference, side, self.device)]
        for precision in self.options.precisions or ():
            for batch in self.options.batches or ():
                procedures.append(Fast(reference, side, self.device, precision, batch))
        steps = Steps(title(name), procedures, self.frames)
        try:
            steps.run(self.options.rounds, tick)
        finally:  # the figures are kept, the models are not
            self.steps += steps.rows()
            self.order[f"{steps.model}, {side}"] = steps.order

    def _clip(self, name: str, folder: Path, tick: Callable[[], None]) -> None:
        path = folder / "driving.mp4"
        if not path.exists():
            write_clip(path, self.clip_frames, fps=CLIP_FPS, size=CLIP_SIZE)
        clips = _Clips(title(name), f"{CLIP_SIZE[0]}x{CLIP_SIZE[1]}, {CLIP_FPS} fps, {self.clip_frames} frames, AAC")
        self.clips.append(clips)
        for _ in range(self.options.clip_rounds):
            for procedure, precision in (("plain", "float32"), *(("fast", p) for p in self.options.precisions or ())):
                job = FileJob(
                    model=name,
                    procedure=procedure,
                    precision=precision,
                    device=str(self.device),
                    threads=self.machine.threads,
                    source=str(portrait()),
                    driving=str(path),
                    output=str(folder / "result.mp4"),
                    frames=self.clip_frames,
                    fps=CLIP_FPS,
                )
                clips.add(job, run_apart(job))
                tick()

    def _scale(self, name: str, precision: Precision, folder: Path, tick: Callable[[float], None]) -> None:
        scale = Scale(name, self.device, precision, seconds=self.options.seconds, folder=folder, tick=tick)
        self.scales.append(scale)
        scale.run()


class _Clips:
    """Runs of one model from file to file."""

    def __init__(self, model: str, clip: str) -> None:
        self.model, self.clip = model, clip
        self.order: list[str] = []
        self.runs: dict[tuple[str, str], list[FileRun]] = {}

    def add(self, job: FileJob, result: FileRun) -> None:
        self.order.append(job.procedure if job.procedure == "plain" else f"{job.procedure} {job.precision}")
        self.runs.setdefault((job.procedure, job.precision), []).append(result)

    def rows(self) -> list[ClipRow]:
        plain = self.runs.get(("plain", "float32"), [])
        return [self._row(*key, runs, plain) for key, runs in self.runs.items()]

    def _row(self, procedure: str, precision: str, runs: list[FileRun], plain: list[FileRun]) -> ClipRow:
        seconds = Spread.of([run.seconds / run.frames for run in runs])
        pairs = list(zip(plain, runs, strict=False))
        memory = [run.memory for run in runs if run.memory is not None]
        gpu_memory = [run.gpu_memory for run in runs if run.gpu_memory is not None]
        return ClipRow(
            model=self.model,
            procedure=procedure,
            precision=precision,
            rounds=len(runs),
            frames=runs[0].frames,
            clip=self.clip,
            seconds=seconds,
            fps=1 / seconds.median,
            ratio=None if procedure == "plain" else Spread.of([a.seconds / b.seconds for a, b in pairs]),
            start=Spread.of([run.start for run in runs]).median,
            later_seconds=Spread.of([run.later for run in runs]).median,
            later_ratio=None if procedure == "plain" else Spread.of([a.later / b.later for a, b in pairs]).median,
            waiting=None if procedure == "plain" else Spread.of([run.waiting or 0.0 for run in runs]).median,
            memory=max(memory, default=None),
            gpu_memory=max(gpu_memory, default=None),
        )


def plain_flop(name: str) -> float:
    """Count the arithmetic, in FLOP, of a frame of the plain procedure, at the size of the model called ``name``."""
    reference, side = load_reference(name)
    source, first, clip = fresh(0, 1, side)
    plain = Plain(reference, side, torch.device("cpu"))
    plain.begin(source, first)
    return count_flop(lambda: plain.step(clip))
