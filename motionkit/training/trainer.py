"""Training from beginning to end: begin or resume a run, step through the data, save checkpoints, report, finish."""

from __future__ import annotations

import math
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object

from motionkit import weights
from motionkit.data.batch import Batch
from motionkit.data.clips import find_clips
from motionkit.data.pairs import BatchOrder, PairDataset, collate, loader
from motionkit.errors import (
    ConfigError,
    DivergedError,
    InputError,
    MediaError,
    MotionkitError,
    MotionkitWarning,
    TrainingError,
)  # fmt: skip
from motionkit.lock import locked
from motionkit.training.config import TrainConfig
from motionkit.training.learner import Learner, rate_factor
from motionkit.training.processes import agree, last_line, make_accelerator, on_main, stopping
from motionkit.training.report import Report, StepStatistics, TrainProgress, look
from motionkit.training.runs import MODEL, Run
from motionkit.versions import own_version
from motionkit.weights import checkpoints

__all__ = ["TrainResult", "train"]

GRID_PAIRS = 4


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What a run has achieved.

    Attributes:
        path: The model file, which ``load_model`` takes; it is there also after a stop, as it was then.
        checkpoint: The newest checkpoint, from which the run resumes.
        steps: Optimiser steps, those before a resume included.
        epochs: Complete passes over the data.
        seconds: Wall time of this call's steps, its waiting for data and its checkpoints.
        samples_per_second: Pairs a second over all processes, in this call.
        waiting: Share of that time spent waiting for data; on a GPU at most that much, see ``StepStatistics.waiting``.
        finished: Whether the run came to its end; False if it was stopped.
        broken: Clips that could not be read and were left out, as far as any process met them in this call.
    """

    path: Path
    checkpoint: Path | None
    steps: int
    epochs: int
    seconds: float
    samples_per_second: float
    waiting: float
    finished: bool
    broken: tuple[Path, ...] = ()

    def __str__(self) -> str:
        return (
            f"{self.steps} steps, {self.samples_per_second:.1f} samples/s, "
            f"{self.waiting:.1%} of the time waiting for data"
        )


def train(
    config: TrainConfig,
    data: str | Path,
    output: str | Path,
    *,
    resume: bool = False,
    init: str | Path | None = None,
    second: str | Path | None = None,
    device: str | None = None,
    progress: bool = True,
    callback: Callable[[TrainProgress], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> TrainResult:
    """Train a model on a folder of clips.

    Runs on one device, or, started with ``accelerate launch``, on all that it names; they share out each batch.
    Every random draw starts from a sample's own seed, so that neither their number nor a stop changes what is drawn.
    Ctrl-C and SIGTERM finish the step, write a checkpoint and raise KeyboardInterrupt; a second one stops at once.

    Args:
        config: What to do.
        data: A folder of clips, see ``find_clips``.
        output: The run's folder: ``config.json``, checkpoints, ``scalars.csv``, ``grids``, ``model.safetensors``.
            Several processes need to see the same one.
        resume: Go on from the newest whole checkpoint in ``output`` (or in ``second``), or begin if there is none.
        init: Weights to begin with: anything that ``load_model`` reads. A run remembers them: a resumed one does not
            need this again.
        second: A second folder that gets a copy of every checkpoint as it is made. If it fails, training goes on.
        device: "cpu", "cuda", "cuda:1", "mps"; None takes what ``accelerate launch`` names, or the best there is.
        progress: Show a bar and print what happens, on stderr.
        callback: Called on the main process every ``log_steps``.
        stop: Asked after every step whether to stop there, with a checkpoint.

    Raises:
        ConfigError: The configuration does not fit the device, the weights or the run that is resumed, or that run
            was begun with another ``init``.
        InputError: No clips, or ``output`` or ``second`` holds a run and ``resume`` is not set, or another process
            trains there.
        WeightsError: ``init`` is no model, or does not fit the configuration.
        DownloadError: Weights, of ``init`` or of the perceptual network, cannot be downloaded.
        MissingPackageError: The perceptual network's package is not installed.
        DeviceError: The device is not there.
        TrainingError: The loss is no finite number, a batch cannot be made, or a checkpoint cannot be written; names
            the last good one.
        KeyboardInterrupt: A signal stopped the run before its end.
    """
    accelerator = make_accelerator(config, device)
    folder = Run(Path(output), None if second is None else Path(second))
    trainer = _Trainer(config, accelerator, Path(data), folder, progress=progress)
    with locked(folder.folder, main=trainer.main, does="trains", error=TrainingError), stopping() as signals:
        trainer.begin(resume=resume, init=init)
        result = trainer.run(lambda: bool(signals) or (stop is not None and stop()), callback)
    if signals and not result.finished:
        raise KeyboardInterrupt
    return result


class _Trainer:
    """A run in progress: where it is in the data, what it learns, and when it reports and saves."""

    report: Report
    learner: Learner

    def __init__(self, config: TrainConfig, accelerator: Accelerator, data: Path, run: Run, *, progress: bool) -> None:
        self.config, self.accelerator, self.data, self.folder = config, accelerator, data, run
        self.main, self.progress = accelerator.is_main_process, progress and accelerator.is_main_process
        world = accelerator.num_processes
        if config.batch_size % (world * config.accumulate):
            raise ConfigError(
                "A batch cannot be shared out equally",
                got=f"batch_size {config.batch_size}, {world} processes, accumulate {config.accumulate}",
                expected=f"a multiple of {world * config.accumulate}",
            )
        self.clips = find_clips(data, config.data, seed=config.seed)
        self.pairs, self.tested = self._pairs(train=True), self._pairs(train=False)
        self.order = BatchOrder(
            len(self.pairs), config.batch_size, config.seed, rank=accelerator.process_index, world=world
        )
        self.steps = min(config.epochs * self.order.steps, config.steps or sys.maxsize)
        self.step = 0
        self.test: Batch | None = None
        self.kept: Path | None = None
        self.statistics = StepStatistics(accelerator)

    def _pairs(self, *, train: bool) -> PairDataset:
        clips = self.clips.train if train else self.clips.test or self.clips.train
        config, cache = self.config, self.folder.folder / "cache"
        return PairDataset(
            clips, config.model, config.data, config.augmentation,
            seed=config.seed, train=train, cache=cache, truth=config.loss.truth,
        )  # fmt: skip

    def begin(self, *, resume: bool, init: str | Path | None) -> None:
        """Make or resume the run's folder and everything that learns."""
        facts = {
            "motionkit": own_version() or "unknown",
            "torch": torch.__version__,
            "data": str(self.data.absolute()),
            "init": _anywhere(init),
        }
        init = on_main(self.accelerator, lambda: self.folder.begin(self.config, facts, resume=resume))
        found = self.folder.load() if resume else None
        start = None if found is not None or init is None else weights.load(init, progress=self.main)
        self.learner = Learner(self.config, self.accelerator, start)
        if found is not None:
            self._go_on(*found)
        if not all(step == self.step for step in gather_object([self.step])):
            raise TrainingError("The processes see different folders", todo="Give one that all machines share")
        on_main(self.accelerator, self._begin_report)

    def _begin_report(self) -> None:
        if not self.clips.test:
            message = "There are no test clips: the test error and the pictures are made of clips that are trained on"
            warnings.warn(MotionkitWarning(message), stacklevel=2)
        with self._making(MediaError, OSError, RuntimeError):
            self.test = collate([self.tested[i] for i in range(min(GRID_PAIRS, len(self.tested)))])
        with self.folder.explained("Cannot write what training reports"):
            self.report = Report(self.folder.folder, step=self.step, steps=self.steps, progress=self.progress)

    def _go_on(self, state: dict[str, Any], path: Path) -> None:
        if state["pairs"] != len(self.pairs):
            raise InputError(
                "The data is not what the run was begun with",
                got=f"{len(self.pairs)} pairs an epoch in {self.data}",
                expected=f"{state['pairs']}",
                todo="Give the same clips, or begin another run with init set to this one's model",
            )
        self.learner.load_state(state)
        self.step, self.kept = state["step"], path

    def run(self, stop: Callable[[], bool], callback: Callable[[TrainProgress], None] | None) -> TrainResult:
        """Train to the end or to where ``stop`` says so."""
        begun, stopped, saved = self.step, False, time.monotonic()
        self.statistics.start()
        try:
            for batch in self._batches():
                terms = self.learner.step(batch, epoch=self.step // self.order.steps, step=self.step)
                self.step += 1
                self.statistics.add(terms)
                late = self.main and time.monotonic() - saved >= 60 * self.config.checkpoint_minutes
                stopped, due = agree(self.accelerator, stop(), late)
                due = due or stopped or self.step % self.order.steps == 0 or self.step == self.steps
                self._record(callback, always=due)
                if due:
                    self._save()
                    saved = time.monotonic()
                if stopped:
                    text = f"Stopped after {self.step} of {self.steps} steps; resume with --resume (resume=True)."
                    if self.main:
                        self.report.say(text)
                    break
            if begun >= self.steps:  # it may have been killed between the last checkpoint and the model
                self._save()
        finally:
            if self.main:
                self.report.close()
        return self._result(finished=self.step >= self.steps)

    def _batches(self) -> Iterator[Batch]:
        """What is still to be seen, epoch after epoch; waiting for it is measured.

        An error in making a batch is raised as one line, in whatever process it happened.
        """
        batches = loader(self.pairs, self.order, workers=self.config.data.workers)
        with self._making(MotionkitError, OSError, RuntimeError):
            while self.step < self.steps:
                self.order.set_epoch(*divmod(self.step, self.order.steps))
                for batch in self.statistics.waiting(batches):
                    yield batch
                    if self.step == self.steps:
                        return

    @contextmanager
    def _making(self, *kinds: type[Exception]) -> Iterator[None]:
        """Raise such errors, of making a batch, as one line."""
        try:
            yield
        except kinds as error:
            raise TrainingError(
                f"The next batch cannot be made: {last_line(error)}", todo=f"{self.folder.last_good()}; then resume"
            ) from error

    def _record(self, callback: Callable[[TrainProgress], None] | None, *, always: bool) -> None:
        """Write scalars and grids, move the bar, call the callback, as often as configured; check the losses.

        With ``always``, the losses are checked and recorded whatever the step.
        """
        show = self.step % self.config.grid_steps == 0 or self.step == self.steps
        if not (always or show or self.step % self.config.log_steps == 0):
            if self.main:
                self.report.advance()
            return
        losses = self.statistics.take()
        if wrong := [f"{name} {value}" for name, value in losses.items() if not math.isfinite(value)]:
            raise self._not_finite("The loss is no finite number", ", ".join(wrong))
        if not self.main:
            return
        rate, waiting = self.statistics.speed(self.config.batch_size)
        factor = rate_factor(self.config, epoch=(self.step - 1) // self.order.steps, step=self.step - 1)
        values = {f"loss/{name}": value for name, value in losses.items()}
        values |= {"rate": self.config.lr_generator * factor, "samples_per_second": rate, "waiting": waiting}
        grid = None
        with self.folder.explained("Cannot write what training reports"):
            if show and self.test is not None:
                error, picture = self._look(self.test)
                values["test/l1"] = error
                grid = self.report.grid(self.step, picture)
            self.report.scalars(self.step, values)
        self.report.advance(losses, rate)
        if callback is not None:
            epoch = self.step // self.order.steps
            callback(TrainProgress(self.step, self.steps, epoch, losses, rate, waiting, grid))

    def _look(self, pairs: Batch) -> tuple[float, np.ndarray]:
        """Mean L1 over the test pairs, and their picture, as the finished model would make it."""
        training = self.learner.result.training
        seen = look(self.learner.result, pairs.to(self.accelerator.device))
        if training:
            self.learner.to_training()
        return seen

    def _save(self) -> None:
        """Write a checkpoint and the model as it is now."""

        def write() -> None:
            if not self.learner.is_finite():
                raise self._not_finite("The weights are no finite numbers", "infinite or not a number")
            state = {"step": self.step, "pairs": len(self.pairs), **self.learner.state()}
            self.kept = self.folder.save(state, self.step)
            self.folder.publish(self._write_model)

        on_main(self.accelerator, write)

    def _write_model(self, path: Path) -> None:
        model, origin = self.learner.result, f"trained with motionkit {own_version() or ''}".strip()
        checkpoints.save(
            path,
            generator=model.generator.state_dict(),
            kp_detector=model.kp_detector.state_dict(),
            config=self.config.model,
            metadata={"origin": origin, "licence": "as the data", "steps": str(self.step)},
        )

    def _not_finite(self, what: str, got: str) -> DivergedError:
        return DivergedError(
            what,
            got=f"{got} at step {self.step}",
            todo=f"{self.folder.last_good()}; begin another run from its model with lower learning rates, "
            'a smaller clip, a warm-up, or precision "float32"',
        )

    def _result(self, *, finished: bool) -> TrainResult:
        rate, waiting = self.statistics.speed(self.config.batch_size)
        return TrainResult(
            path=self.folder.folder / MODEL,
            checkpoint=self.kept,
            steps=self.step,
            epochs=self.step // self.order.steps,
            seconds=self.statistics.seconds,
            samples_per_second=rate,
            waiting=waiting,
            finished=finished,
            # Each process has met others.
            broken=tuple(dict.fromkeys(gather_object([*self.pairs.broken, *self.tested.broken]))),
        )


def _anywhere(init: str | Path | None) -> str | None:
    """The name of weights, or the whole path to them, which a run may be resumed with from another folder."""
    return None if init is None else str(init) if str(init) in weights.WEIGHTS else str(Path(init).absolute())
