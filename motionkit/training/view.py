"""A training run while it runs: its losses and newest pictures below a notebook's cell."""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motionkit.errors import MissingPackageError

if TYPE_CHECKING:
    from motionkit.training.report import TrainProgress

__all__ = ["Curves", "TrainingView", "draw_curves", "read_scalars"]

Curves = dict[str, tuple[list[int], list[float]]]
"""Steps and values by name."""

INK, MUTED = "#222222", "#767676"
FIGURE_SIZE, DPI = (9.6, 3.0), 100  # inches, pixels an inch


class TrainingView:
    """A run's losses and its newest picture grid below a cell, kept up to date; give it to ``train`` as ``callback``.

    Curves come from the run's ``scalars.csv``: what there is of a run that is to be resumed is shown at once.

    Args:
        folder: The run's; it need not be there yet.
        seconds: Between two drawings, at least; grids and the end are always shown.

    Raises:
        MissingPackageError: IPython or matplotlib is not installed.
    """

    def __init__(self, folder: str | Path, *, seconds: float = 2.0) -> None:
        try:
            import IPython  # noqa: F401
            import matplotlib  # noqa: F401
        except ModuleNotFoundError as error:
            raise MissingPackageError(
                "Showing a run needs a package that is not installed",
                got=error.name,
                todo='pip install "motionkit[notebook]"',
            ) from error
        self._folder, self._seconds = Path(folder), seconds
        self._drawn = float("-inf")
        self._begun: tuple[float, int] | None = None  # time and step at the first call
        self._plot: Any = None
        self._grid: Any = None
        if curves := read_scalars(self._folder):
            last = max(step for steps, _ in curves.values() for step in steps)
            grids = sorted((self._folder / "grids").glob("step-*.jpg"))
            self._draw(curves, f"so far: {last} steps", grids[-1] if grids else None)

    def __call__(self, progress: TrainProgress) -> None:
        """Draw, if it is time to."""
        now = time.monotonic()
        self._begun = self._begun or (now, progress.step)
        if progress.grid is None and progress.step < progress.steps and now - self._drawn < self._seconds:
            return
        self._draw(read_scalars(self._folder), self._title(progress, now), progress.grid)
        self._drawn = time.monotonic()

    def _draw(self, curves: Curves, title: str, grid: Path | None) -> None:
        self._plot = _show(self._plot, data=draw_curves(curves, title), format="png")
        if grid is not None:
            self._grid = _show(self._grid, filename=str(grid))

    def _title(self, progress: TrainProgress, now: float) -> str:
        assert self._begun is not None, "set by the first call"
        begun, first = self._begun
        left = ""
        if progress.step > first:
            seconds = (progress.steps - progress.step) * (now - begun) / (progress.step - first)
            left = f"  ·  {_clock(seconds)} left" if seconds else ""
        return (
            f"step {progress.step} of {progress.steps}  ·  {progress.samples_per_second:.1f} pairs a second  ·  "
            f"{progress.waiting:.0%} of the time waiting for data{left}"
        )


def read_scalars(folder: str | Path) -> Curves:
    """The curves in a run's ``scalars.csv``; none if it is not there.

    Args:
        folder: The run's.
    """
    curves: Curves = {}
    path = Path(folder) / "scalars.csv"
    if path.is_file():
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                steps, values = curves.setdefault(row["name"], ([], []))
                steps.append(int(row["step"]))
                values.append(float(row["value"]))
    return curves


def draw_curves(curves: Curves, title: str) -> bytes:
    """The weighted losses, and the L1 error of the pairs kept for testing, as a PNG.

    Args:
        curves: As ``read_scalars`` gives them.
        title: Above both.
    """
    from matplotlib.figure import Figure  # without pyplot, whose figures a notebook would show once more
    from matplotlib.ticker import MaxNLocator

    losses = {name.removeprefix("loss/"): curve for name, curve in curves.items() if name.startswith("loss/")}
    if len(losses) == 2:  # a single term is the total
        losses.pop("total", None)
    figure = Figure(figsize=FIGURE_SIZE, dpi=DPI, layout="constrained")
    figure.suptitle(title, fontsize=10, color=INK)
    left, right = figure.subplots(1, 2, sharex=True)
    for name, (steps, values) in losses.items():
        left.plot(steps, values, label=name, lw=2 if name == "total" else 1.2)
    heights = [value for _, values in losses.values() for value in values if value > 0]
    if heights:
        left.legend(fontsize=8, frameon=False)
        if max(heights) > 10 * min(heights):
            left.set_yscale("log")
    left.set_title("losses on the training pairs, weighted", fontsize=9, color=MUTED)
    steps, values = curves.get("test/l1", ([], []))
    right.plot(steps, values, marker="o", ms=4, color="tab:green")
    right.set_title("mean error of the test pairs' pictures (L1, 0 to 1)", fontsize=9, color=MUTED)
    if not steps:
        right.set_yticks([])
        right.text(0.5, 0.5, "comes with the first pictures", ha="center", color=MUTED, transform=right.transAxes)
    for axis in (left, right):
        axis.set_xlabel("step", fontsize=8, color=MUTED)
        axis.tick_params(labelsize=8, colors=MUTED, which="both")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _show(handle: Any, **image: Any) -> Any:
    """Put a picture below the cell, or in the place of the one that is there; returns its handle."""
    from IPython.display import Image, display

    picture = Image(**image)
    if handle is None:
        return display(picture, display_id=True)
    handle.update(picture)
    return handle


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
