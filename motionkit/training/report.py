"""What a training run reports: scalars, picture grids, a progress bar.

Legend: B batch, H W picture size.
"""

from __future__ import annotations

import re
import sys
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor
from tqdm import tqdm

from motionkit import trust
from motionkit.data.batch import Batch
from motionkit.drawing.collage import Panel, lay_out
from motionkit.drawing.overlays import draw_keypoints, occlusion_picture
from motionkit.errors import MotionkitWarning
from motionkit.media.images import write_image
from motionkit.modules.first_order import FirstOrderModel
from motionkit.structures import Generated, Keypoints
from motionkit.tensors import resize, to_frames
from motionkit.training.runs import SCALARS
from motionkit.wholefile import write_whole

__all__ = ["Report", "StepStatistics", "TrainProgress", "look", "picture_grid"]

ROW = re.compile(r"(\d+),[^,]+,[^,]+")  # of the scalars


@dataclass(frozen=True, slots=True)
class TrainProgress:
    """How far a run has come; handed to callbacks.

    Attributes:
        step: Optimiser steps done.
        steps: Optimiser steps in all.
        epoch: Passes over the data that are complete.
        losses: The objective's weighted terms and their "total", averaged since the last report.
        samples_per_second: Pairs a second over all processes, since the run was started or resumed.
        waiting: Share of the time spent waiting for data; on a GPU at most that much, see ``StepStatistics.waiting``.
        grid: The picture grid written at this step, if one was.
    """

    step: int
    steps: int
    epoch: int
    losses: Mapping[str, float]
    samples_per_second: float
    waiting: float
    grid: Path | None = None


class StepStatistics:
    """Losses averaged over steps and processes, and how the time was spent.

    Args:
        accelerator: Of the processes.
    """

    def __init__(self, accelerator: Accelerator) -> None:
        self._accelerator = accelerator
        self._sums: dict[str, Tensor] = {}
        self._count = self._steps = 0
        self._waited, self._begun = 0.0, time.perf_counter()

    def start(self) -> None:
        """Begin to measure time."""
        self._begun = time.perf_counter()

    def waiting(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Yield the batches; the time until each of them is there counts as waiting.

        That is an upper bound: a GPU may still be at work on the steps before, and an epoch's first batch has no step
        before it to be made during.
        """
        iterator = iter(batches)
        while True:
            begun = time.perf_counter()
            batch = next(iterator, None)
            self._waited += time.perf_counter() - begun
            if batch is None:
                return
            yield batch

    def add(self, losses: Mapping[str, Tensor]) -> None:
        """Add the losses of a step, scalars on the device, by name."""
        for name, value in losses.items():
            self._sums[name] = self._sums.get(name, 0) + value
        self._count += 1
        self._steps += 1

    def take(self) -> dict[str, float]:
        """Take the means since the last call, over all processes, which must all call this."""
        names = list(self._sums)
        means = torch.stack([self._sums[name] for name in names]) / self._count
        if self._accelerator.num_processes > 1:
            means = self._accelerator.reduce(means, "mean")
        self._sums, self._count = {}, 0
        return dict(zip(names, means.tolist(), strict=True))

    @property
    def seconds(self) -> float:
        """Since ``start``."""
        return time.perf_counter() - self._begun

    def speed(self, batch_size: int) -> tuple[float, float]:
        """Compute pairs a second in steps of ``batch_size``, and the share of the time spent waiting for data."""
        seconds = max(self.seconds, 1e-9)
        return self._steps * batch_size / seconds, self._waited / seconds


class Report:
    """Writes a run's scalars and grids, and shows a bar; the main process alone has one.

    Args:
        folder: The run's folder. Scalars go to ``scalars.csv`` (step, name, value), and to TensorBoard's event files in
            ``tensorboard`` where that package is installed.
        step: Where the run begins; what was written beyond it before is taken back.
        steps: Where it ends.
        progress: Whether to show the bar.

    Raises:
        OSError: The scalars cannot be written.
    """

    def __init__(self, folder: Path, *, step: int, steps: int, progress: bool) -> None:
        self.folder = folder
        self.bar = tqdm(total=steps, initial=step, unit="step", disable=not progress, dynamic_ncols=True)
        _take_back(folder / SCALARS, step)
        self.board = _tensorboard(folder / "tensorboard", step)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write named values of a step.

        Args:
            step: Optimiser steps done.
            values: Name to value.

        Raises:
            OSError: They cannot be written.
        """
        with (self.folder / SCALARS).open("a", encoding="utf-8") as file:
            file.writelines(f"{step},{name},{value:.7g}\n" for name, value in values.items())
        if self.board is not None:
            for name, value in values.items():
                self.board.add_scalar(name, value, step)

    def grid(self, step: int, picture: np.ndarray) -> Path:
        """Write a picture of a step.

        Args:
            step: Optimiser steps done.
            picture: H W 3 uint8.

        Returns:
            Its file, ``grids/step-000500.jpg`` for instance.

        Raises:
            MediaError: It cannot be written.
            OSError: Its folder cannot be made.
        """
        path = self.folder / "grids" / f"step-{step:06d}.jpg"
        path.parent.mkdir(exist_ok=True)
        write_image(path, trust.mark_frame(picture), metadata=trust.container_metadata())
        if self.board is not None:
            self.board.add_image("grid", picture, step, dataformats="HWC")
        return path

    def advance(self, losses: Mapping[str, float] | None = None, samples_per_second: float = 0.0) -> None:
        """Move the bar one step on.

        Args:
            losses: Shown beside the bar, "total" first; None leaves what is shown.
            samples_per_second: Shown with the losses.
        """
        self.bar.update()
        if losses:
            shown = " ".join(f"{name} {losses[name]:.3g}" for name in sorted(losses, key="total".__ne__))
            self.bar.set_postfix_str(f"{samples_per_second:.1f} samples/s, {shown}")

    def say(self, text: str) -> None:
        """Print a line above the bar, on stderr; nothing without a bar."""
        if not self.bar.disable:
            self.bar.write(text, file=sys.stderr)

    def close(self) -> None:
        """Close the files and the bar.

        A full disk is a warning here, so that the error which ended the run is the one that is raised.
        """
        self.bar.close()
        if self.board is not None:
            try:
                self.board.close()
            except OSError as error:
                message = f"The curves for TensorBoard are not complete ({error.strerror or error})"
                warnings.warn(MotionkitWarning(message), stacklevel=2)


def look(model: FirstOrderModel, pairs: Batch) -> tuple[float, np.ndarray]:
    """Animate pairs with the model as it is now, in eval mode, in which it stays.

    Args:
        model: On a device.
        pairs: On the same device.

    Returns:
        Mean L1 between results and driving pictures, of values in [0, 1], and the pairs' ``picture_grid``.
    """
    model.eval()
    with torch.no_grad():
        seen = [pairs.source, pairs.driving]
        if model.config.blend_warped:
            seen = [resize(part, model.config.size) for part in seen]
        source, driving = map(model.detect, seen)
        generated = model.generate(pairs.source, source, driving)
    return float((generated.image - pairs.driving).abs().mean()), picture_grid(pairs, source, driving, generated)


def picture_grid(batch: Batch, source: Keypoints, driving: Keypoints, generated: Generated) -> np.ndarray:
    """Draw a row for each pair: source | driving | keypoints | deformed | occlusion | result.

    Args:
        batch: B pairs of pictures.
        source: B K, the sources' keypoints; they are not drawn.
        driving: B K, the driving pictures' keypoints, drawn into the driving picture.
        generated: What was made of them.

    Returns:
        H W 3 uint8.
    """
    pictures = [to_frames(part) for part in (batch.source, batch.driving, generated.deformed, generated.image)]
    points = driving.value.detach().float().cpu().numpy()
    jacobians = None if driving.jacobian is None else driving.jacobian.detach().float().cpu().numpy()
    occlusion = None if generated.occlusion is None else generated.occlusion.detach().float().cpu().numpy()
    rows = []
    for i, (of_source, of_driving, deformed, result) in enumerate(zip(*pictures, strict=True)):
        drawn = of_driving
        if np.isfinite(points[i]).all():
            drawn = draw_keypoints(of_driving, points[i], None if jacobians is None else jacobians[i])
        panels = {"source": of_source, "driving": of_driving, "keypoints": drawn, "deformed": deformed}
        if occlusion is not None:
            panels["occlusion"] = occlusion_picture(occlusion[i, 0], result.shape[1::-1])
        panels["result"] = result
        rows.append(lay_out([Panel(name, frame) for name, frame in panels.items()], captions=i == 0))
    return np.concatenate(rows)


def _take_back(path: Path, step: int) -> None:
    """Drop scalars of steps after ``step``, which a resumed run writes again; begin the file where there is none."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    rows = [match for line in lines if (match := ROW.fullmatch(line))]  # a kill leaves half a line
    text = "\n".join(["step,name,value", *(row[0] for row in rows if int(row[1]) <= step)]) + "\n"
    write_whole(path, lambda part: part.write_text(text, encoding="utf-8"))


def _tensorboard(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=step + 1 if step else None)
