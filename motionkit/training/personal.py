"""Fine-tune a model on one clip of a person, and keep what came of it only if it is better: ``personalise``."""

from __future__ import annotations

import dataclasses
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from tqdm import tqdm

from motionkit import weights
from motionkit.config import ModelConfig
from motionkit.config.checks import check_number, check_path, check_whole
from motionkit.data.config import AugmentationConfig, DataConfig
from motionkit.data.preparation import prepare
from motionkit.errors import DivergedError, InputError, MotionkitError, TrainingError, on_one_line
from motionkit.fast.precision import native_dtype
from motionkit.media import check_target, write_image
from motionkit.model import load_model, pick_device
from motionkit.showing import file_html
from motionkit.training.config import LossConfig, TrainConfig
from motionkit.training.held_out import HeldOut, read_held_out, split_in_time
from motionkit.training.report import TrainProgress
from motionkit.training.trainer import train
from motionkit.trust import container_metadata
from motionkit.weights import checkpoints
from motionkit.wholefile import replace

__all__ = ["PersonalProgress", "Personalised", "personal_config", "personalise"]

STEPS, RATE = 400, 2e-4
ROUND = 25  # steps between two looks at the held-out part
PATIENCE = 3  # such looks without a gain, after which training stops
GAIN = 0.01  # of the error, that counts as one
MANY = 10**6


@dataclass(frozen=True, slots=True)
class PersonalProgress:
    """How far ``personalise`` has come; handed to callbacks.

    Attributes:
        step: Steps done.
        steps: Steps at most.
        before: Error of the held-out part with the model that it began with, see ``Personalised``.
        now: The same with the best model so far.
        sheet: Picture of the held-out part as that model makes it; None until there is a better one.
    """

    step: int
    steps: int
    before: float
    now: float
    sheet: Path | None = None


@dataclass(frozen=True, slots=True)
class Personalised:
    """What ``personalise`` made; at the end of a notebook's cell it shows the sheet.

    Attributes:
        path: The model file, which ``load_model`` and ``--model`` take.
        sheet: A picture of moments of the held-out part: source, driving, result before and after.
        before: Mean L1 of the held-out part with the model that it began with, as a share of what standing still has.
        after: The same with the new model.
        steps: Of training, that the new model has seen.
        seconds: Wall time of this call.
    """

    path: Path
    sheet: Path
    before: float
    after: float
    steps: int
    seconds: float

    def __str__(self) -> str:
        minutes, seconds = divmod(round(self.seconds), 60)
        return (
            f"error of the held-out part {self.before:.3f} before, {self.after:.3f} after {self.steps} steps "
            f"(1 is standing still); {minutes}:{seconds:02}"
        )

    def _repr_html_(self) -> str:
        return file_html(self.sheet, f"{self.path}: {self}")


def personalise(
    clip: str | Path,
    output: str | Path,
    *,
    model: str | Path = "heads",
    steps: int = STEPS,
    learning_rate: float = RATE,
    device: str | None = None,
    progress: bool = True,
    callback: Callable[[PersonalProgress], None] | None = None,
) -> Personalised:
    """Fine-tune a model of faces on one clip of a person.

    The face is cut out; the last quarter of the clip is held out. Training stops when that part gains no more, and the
    model that was best there is written, with a picture of it beside. Keypoints stay as they are, and their names with
    them. What is in progress stands in ``NAME-personalise`` beside the output: after Ctrl-C or a kill the same call
    goes on from there; at the end it is removed.

    Args:
        clip: A video of one person, who agreed to it: some seconds with the expressions and turns that matter.
        output: The model file, ``NAME.safetensors``; the picture is ``NAME.jpg``.
        model: What to begin with, as for ``load_model``; a model of faces.
        steps: Of training at most.
        learning_rate: Of the generator.
        device: "cpu", "cuda", "cuda:1", "mps"; None takes the best that is there.
        progress: Show a bar, on stderr.
        callback: Called after each look at the held-out part, and the steps between.

    Raises:
        InputError, MediaError: The clip or the output cannot be used, the clip is too short or does not move, or
            what stands in the folder was begun with another clip or other settings.
        FaceNotFoundError: No face can be followed.
        TrainingError: No model was better than the one to begin with, and nothing was written; or training cannot go
            on.
        WeightsError, DownloadError, DeviceError: As for ``load_model``.
        KeyboardInterrupt: A signal stopped it; the same call goes on.
    """
    begun = time.monotonic()
    clip, output = check_path("clip", clip), check_path("output", output)
    check_whole("steps", steps, 1, MANY)
    check_number("learning_rate", learning_rate, 0, 1000, above=True)
    if output.suffix != ".safetensors":
        raise InputError("A model is written as safetensors", got=output.name, expected="NAME.safetensors")
    sheet = output.with_suffix(".jpg")
    for target in (output, sheet):
        check_target(target, clip, model, any_suffix=True)
    run = _Run(output.with_name(f"{output.stem}-personalise"), model, device)
    run.prepare(clip, progress=progress)
    config = personal_config(run.config, steps, learning_rate, device)
    with _Bar(steps, run, progress, callback) as bar:
        best = run.train(config, bar)
    if best is None:
        shutil.rmtree(run.folder)
        raise TrainingError(
            "Training on this clip did not make the model better, and nothing was written",
            got=f"{run.outcome} (1 is standing still)",
            todo="Give a longer clip with more movement, or a lower learning rate",
        )
    write_image(sheet, run.held_out.sheet(run.results, best.results), metadata=container_metadata())
    replace(best.path, output)
    shutil.rmtree(run.folder)
    return Personalised(output, sheet, run.before, best.error, best.steps, time.monotonic() - begun)


def personal_config(model: ModelConfig, steps: int, learning_rate: float, device: str | None = None) -> TrainConfig:
    """What ``personalise`` trains with.

    Args:
        model: What is fine-tuned.
        steps: At most.
        learning_rate: Of the generator; the detector rests.
        device: Where; decides about the precision.
    """
    where = pick_device(device)
    # Processors multiply in bfloat16, but some take ten times as long for the way back.
    precision: Any = str(native_dtype(where)).removeprefix("torch.") if where.type == "cuda" else "float32"
    return TrainConfig(
        model=model,
        data=DataConfig(size=model.picture_size, repeats=MANY, workers=0, cache=True),
        augmentation=AugmentationConfig(
            brightness=0.1, contrast=0.1, saturation=0.1, hue=0.02, resize=(0.9, 1.15), shift=0.05, rotation=8.0
        ),
        loss=LossConfig(network="none", pixel=10.0, equivariance_value=0.0, equivariance_jacobian=0.0),
        epochs=1,
        steps=steps,
        batch_size=8,
        lr_detector=0.0,
        lr_generator=learning_rate,
        betas=(0.9, 0.999),
        warmup=20,
        clip=5.0,
        ema=0.95,
        precision=precision,
        checkpoint_minutes=2.0,
        grid_steps=MANY,
        log_steps=5,
    )


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A model as it was after some steps, and how it does on the held-out part."""

    path: Path
    error: float
    steps: int
    results: list[np.ndarray]


class _Run:
    """The folder of what is in progress: the face's clips, their frames in two parts, the run, the best model."""

    held_out: HeldOut
    before: float
    results: list[np.ndarray]
    outcome = ""  # what came of training that gained nothing

    def __init__(self, folder: Path, model: str | Path, device: str | None) -> None:
        self.folder, self.model, self.device = folder, model, device
        config = weights.load(model).config
        assert config is not None, "weights.load finds one"
        if config.domain != "face":
            todo = "Train it with motionkit train CLIPS -o RUN --from MODEL"
            raise InputError("Only models of faces are personalised", got=f"domain {config.domain!r}", todo=todo)
        self.config = config

    def prepare(self, clip: Path, *, progress: bool) -> None:
        """Cut out the face, hold a part out, measure the model that there is; an error leaves nothing new behind."""
        new = not self.folder.exists()
        try:
            self._prepare(clip, progress=progress)
        except MotionkitError:
            if new:
                shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def _prepare(self, clip: Path, *, progress: bool) -> None:
        side = self.config.picture_size
        if other := [path.stem for path in self.folder.glob("clips/.prepared/*.json") if path.stem != clip.stem]:
            raise InputError(
                "Another clip was begun here",
                got=f"{clip.name}, and in {self.folder} {other[0]}",
                todo="Delete that folder, or name another output",
            )
        prepare([clip], self.folder / "clips", size=side, min_seconds=0.5, faces="largest", progress=progress)
        split_in_time(self.folder / "clips", self.folder / "frames", side)
        self.held_out = read_held_out(self.folder / "frames", side)
        begin = self.look(self.model, 0)
        self.before, self.results = begin.error, begin.results

    def look(self, path: str | Path, steps: int) -> _Candidate:
        """Measure a model; float32, so that rounding decides nothing."""
        results = self.held_out.animate(load_model(path, device=self.device, precision="float32"))
        return _Candidate(Path(path), self.held_out.error(results), steps, results)

    def train(self, config: TrainConfig, bar: _Bar) -> _Candidate | None:
        """Train round by round until it no longer helps; gives the best model, None where none was better."""
        kept = self.folder / "best.safetensors"
        best = self.look(kept, int(checkpoints.read(kept).metadata["steps"])) if kept.is_file() else None
        bar.show(best)
        without = 0
        try:
            for steps in self._rounds(config, bar):
                found = self.look(self._candidate(), steps)
                if found.error < (self.before if best is None else best.error) * (1 - GAIN):
                    replace(found.path, kept)
                    best, without = _Candidate(kept, found.error, steps, found.results), 0
                    bar.show(best)
                else:
                    without += 1
                self.outcome = f"an error of the held-out part of {self.before:.3f} before, {found.error:.3f} after"
                if without == PATIENCE:
                    break
        except DivergedError as error:
            self.outcome = on_one_line(str(error.got))
        return best

    def _rounds(self, config: TrainConfig, bar: _Bar) -> Iterator[int]:
        """Steps done after each round of training, which goes on where the run in the folder is."""
        assert config.steps is not None
        done = 0
        while done < config.steps:
            result = train(
                config.replace(steps=min(done + ROUND, config.steps)), self.folder / "frames", self.folder / "run",
                resume=True, init=self.model, device=self.device, progress=False, callback=bar.step,
            )  # fmt: skip
            done = result.steps
            yield done

    def _candidate(self) -> Path:
        """The run's newest model, stored as briefly as it will be handed out."""
        new = checkpoints.read(self.folder / "run" / "model.safetensors")
        path = self.folder / "candidate.safetensors"
        return checkpoints.save(
            path, generator=new.generator, kp_detector=new.kp_detector, config=self.config,
            metadata={**new.metadata, "licence": "as the clip"}, half=True,
        )  # fmt: skip


class _Bar:
    """Shows steps and the error of the held-out part, and tells the callback."""

    def __init__(
        self, steps: int, run: _Run, progress: bool, callback: Callable[[PersonalProgress], None] | None
    ) -> None:
        self._run, self._callback = run, callback
        self._bar = tqdm(total=steps, unit="step", disable=not progress, dynamic_ncols=True)
        self._told = PersonalProgress(0, steps, run.before, run.before)

    def __enter__(self) -> _Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is KeyboardInterrupt and not self._bar.disable:
            self._bar.write(f"{self._run.folder} keeps what was done; the same command goes on.", file=sys.stderr)
        self._bar.close()

    def step(self, progress: TrainProgress) -> None:
        """Take what ``train`` tells."""
        self._bar.update(progress.step - self._bar.n)
        self._tell(step=progress.step)

    def show(self, best: _Candidate | None) -> None:
        """Show the best model so far, and draw its picture."""
        now, sheet = self._run.before, None
        if best is not None:
            now, sheet = best.error, self._run.folder / "sheet.jpg"
            write_image(sheet, self._run.held_out.sheet(self._run.results, best.results), metadata=container_metadata())
        self._bar.set_postfix_str(f"held-out error {self._run.before:.3f} before, {now:.3f} now")
        self._tell(now=now, sheet=sheet)

    def _tell(self, **changes: Any) -> None:
        self._told = dataclasses.replace(self._told, **changes)
        if self._callback is not None:
            self._callback(self._told)
