"""What notebooks show beside what the verbs make: crops, clips, and a training run while it runs."""

from __future__ import annotations

import csv
import io
import time
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motionkit.errors import InputError, MissingPackageError

if TYPE_CHECKING:
    import numpy as np

    from motionkit.config import AnimateOptions
    from motionkit.data.clips import Clips
    from motionkit.model import Model
    from motionkit.structures import Box
    from motionkit.training import TrainProgress

__all__ = ["Curves", "TrainingView", "clip_sheet", "crop_sheet", "draw_curves", "read_scalars", "sample_clips"]

Curves = dict[str, tuple[list[int], list[float]]]
"""Steps and values by name."""

INK, MUTED, BOX_COLOUR = "#222222", "#767676", "#ff8c1a"
FIGURE_SIZE, DPI = (9.6, 3.0), 100  # inches, pixels an inch


class TrainingView:
    """A run's losses and its newest picture grid below a cell, kept up to date; give it to ``train`` as `callback`.

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


def sample_clips(folder: str | Path) -> Path:
    """A folder of training clips made of the sample clips: the last fifth of each is for testing.

    Args:
        folder: Gets ``train`` and ``test``; clips that are there stay.

    Returns:
        The folder.
    """
    from motionkit import media, samples

    for name in ("driving", "nod"):
        path = samples.driving_clip(name)
        cut = (media.open_clip(path).info.duration or 0) * Fraction(4, 5)
        for part, start, end in (("train", None, cut), ("test", cut, None)):
            target = Path(folder) / part / f"{name}#{part}.mp4"
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                continue
            clip = media.open_clip(path, start=start, end=end)
            with media.VideoWriter(target, fps=clip.info.fps) as writer:
                for frame in clip:
                    writer.write(frame)
    return Path(folder)


def clip_sheet(clips: Clips, *, count: int = 6, height: int = 160) -> np.ndarray:
    """First frames of some clips, as training sees them: H W 3 uint8.

    Args:
        clips: From ``find_clips``; those that cannot be read are left out.
        count: Of frames at most; a third of them for testing.
        height: In pixels.

    Raises:
        InputError: None of them can be read.
    """
    from motionkit.data.clips import BrokenClipError, ClipFrames
    from motionkit.drawing.collage import Panel, lay_out

    panels = []
    for caption, part, most in (("train", clips.train, count - count // 3), ("test", clips.test, count // 3)):
        for clip in part[:most]:
            try:
                panels.append(Panel(caption, ClipFrames(clip, height).read([0])[0]))
            except BrokenClipError:
                continue
    if not panels:
        raise InputError("No clip can be read", got=str(clips.train[0].path))
    return lay_out(panels)


def crop_sheet(
    source: str | Path, driving: str | Path, *, model: Model, options: AnimateOptions | None = None, height: int = 256
) -> np.ndarray:
    """Source and driving with the squares that the model will see, and the squares themselves: H W 3 uint8.

    Args:
        source: A picture or a clip.
        driving: A clip; of a motion template, which has no pixels, nothing is shown.
        model: Whose domain decides between faces and the middle.
        options: For the crop; None is the defaults.
        height: In pixels.
    """
    from motionkit import faces, media, pipeline
    from motionkit.config import AnimateOptions
    from motionkit.drawing import collage

    options = options or AnimateOptions()
    shown: list[tuple[str, np.ndarray, list[Box]]] = []
    for name, path, manual in (("source", source, options.source_box), ("driving", driving, options.driving_box)):
        clip = pipeline.open_driving(path)
        if not isinstance(clip, media.Clip):
            continue
        frame = next(iter(clip))
        if manual is None and name == "source" and media.is_image(path):
            boxes = faces.choose_square(frame, crop=options.crop, domain=model.config.domain, face=options.face)
        else:
            boxes = [pipeline.crop_clip(clip, model.config, options.replace(driving_box=manual)).box]
        shown.append((name, frame, boxes))
    panels = []
    for name, frame, boxes in shown:
        panels.append(collage.Panel(name, _framed(collage.scale_to_height(frame, height), boxes, height / len(frame))))
        panels += [collage.Panel("seen by the model", faces.crop(frame, box, size=height)) for box in boxes]
    return collage.lay_out(panels, height=height)


def _framed(picture: np.ndarray, boxes: list[Box], scale: float) -> np.ndarray:
    """The picture with the boxes drawn on it; what of them is outside runs along the border."""
    import numpy as np
    from PIL import Image, ImageDraw

    canvas = Image.fromarray(picture)
    right, bottom = canvas.width - 1, canvas.height - 1
    for box in boxes:
        near = max(box.left * scale, 0), max(box.top * scale, 0)
        far = min(box.right * scale, right), min(box.bottom * scale, bottom)
        ImageDraw.Draw(canvas).rectangle((*near, *far), outline=BOX_COLOUR, width=2)
    return np.asarray(canvas)


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
