"""Figures for people: aligned tables, a page, a plot."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motionkit.bench.report import Report, ScaleRow, Spread
from motionkit.errors import MissingPackageError

__all__ = ["CLIP_COLUMNS", "SCALE_COLUMNS", "STEP_COLUMNS", "Column", "page", "plot", "text"]

RULES = """\
Plain is the published procedure in the trained form: frame by frame, float32, the default memory layout, the source's
features computed anew for every frame (its keypoints once, as in the published demo); only denormal numbers, which
cost the published code time on processors, are not there. Fast is what the library does.
Both animate the same fresh frames of one source in each round, in turn, and one round of each is left out as warm-up.
ms: median (least to largest) a frame. ratio: plain / fast in the same round. once: for the source, ms; ratio+once
counts it in. GFLOP: what is done. ceiling: the speed at which this device convolves 256 to 256 channels, 64x64, 3x3,
and does nothing else, in the same precision (for int8 in that of the rest) and batch, the best of the rounds. direct:
the share of the ceiling with every convolution counted as it is written, the source's encoder left out; it passes 100%
where less arithmetic does, and "of ceiling" then falls. PSNR and difference: to plain's pictures."""
CLIP_RULES = """\
From file to file: decode, crop, detect, generate, label, encode, copy the audio; each time in a process of its own,
which has loaded its model and made one frame before. start: until the first frame, finding faces included; later: the
frames after the first batch. waiting: the share of the time in which the model had no driving frame to work on. memory:
the most that the process had at once, libraries included."""


def _figure(value: float | None, digits: int = 1, none: str = "–") -> str:
    return none if value is None else f"{value:.{digits}f}"


def _spread(value: Spread | None, scale: float = 1.0, digits: int = 1) -> str:
    if value is None:
        return "–"
    median, low, high = (f"{scale * v:.{digits}f}" for v in (value.median, value.low, value.high))
    return median if value.low == value.high else f"{median} ({low}–{high})"


def _bytes(value: int | None) -> str:
    return "–" if value is None else f"{value / 2**20:.0f} MiB"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.0f}%"


def _psnr(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} dB"


def _small(value: float | None) -> str:
    return "–" if value is None else f"{value:.1e}"


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        heading: Above it.
        key: The field of a row that it shows.
        write: Makes text of the field.
    """

    heading: str
    key: str
    write: Callable[[Any], str] = str


STEP_COLUMNS = (
    Column("model", "model"),
    Column("side", "side"),
    Column("procedure", "procedure"),
    Column("precision", "precision"),
    Column("batch", "batch"),
    Column("ms", "seconds", lambda v: _spread(v, 1e3)),
    Column("ratio", "ratio", lambda v: _spread(v, digits=2)),
    Column("once", "source_seconds", lambda v: _figure(1e3 * v)),
    Column("ratio+once", "whole_ratio", lambda v: _figure(v, 2)),
    Column("GFLOP", "gflop", lambda v: _figure(v, 2)),
    Column("GFLOP/s", "gflops", lambda v: _figure(v, 0)),
    Column("of ceiling", "ceiling_share", _share),
    Column("direct", "direct_share", _share),
    Column("ceiling GFLOP/s", "ceiling", lambda v: _figure(v, 0)),
    Column("PSNR", "psnr", _psnr),
    Column("difference", "max_difference", _small),
    Column("memory", "memory", _bytes),
)
CLIP_COLUMNS = (
    Column("model", "model"),
    Column("procedure", "procedure"),
    Column("precision", "precision"),
    Column("frames", "frames"),
    Column("rounds", "rounds"),
    Column("ms", "seconds", lambda v: _spread(v, 1e3)),
    Column("frames/s", "fps", _figure),
    Column("ratio", "ratio", lambda v: _spread(v, digits=2)),
    Column("start s", "start", lambda v: _figure(v, 2)),
    Column("ms later", "later_seconds", lambda v: _figure(1e3 * v)),
    Column("ratio later", "later_ratio", lambda v: _figure(v, 2)),
    Column("waiting", "waiting", _share),
    Column("memory", "memory", _bytes),
    Column("GPU memory", "gpu_memory", _bytes),
)
SCALE_COLUMNS = (
    Column("model", "model"),
    Column("precision", "precision"),
    Column("varied", "axis"),
    Column("value", "value", lambda v: f"{v:,}"),
    Column("ms a frame", "seconds", lambda v: _figure(1e3 * v)),
    Column("seconds in all", "total", lambda v: _figure(v, 2)),
    Column("start s", "start", lambda v: _figure(v, 2)),
    Column("memory", "memory", _bytes),
    Column("GPU memory", "gpu_memory", _bytes),
)


def text(report: Report) -> str:
    """Write the whole report as plain text."""
    parts = [_machine(report)]
    if report.steps:
        rounds, frames = report.steps[0].rounds, report.steps[0].frames
        parts += [f"Model step, rounds: {rounds}, fresh frames in each: {frames}", _table(STEP_COLUMNS, report.steps)]
        if any(row.stages for row in report.steps):
            parts += ["Share of the time by stage (timed apart), ms a frame", _stages(report)]
    if report.clips:
        parts += [f"From file to file: {report.clips[0].clip}", _table(CLIP_COLUMNS, report.clips)]
    if report.scale:
        parts += ["Cost against length, size and batch", _table(SCALE_COLUMNS, report.scale)]
    if report.left_out:
        parts.append("Left out: " + "; ".join(report.left_out))
    if not report.complete:
        parts.append("Stopped before the end: these are the figures until then.")
    return "\n\n".join(parts) + "\n"


def page(reports: Sequence[Report], *, picture: str | None = None) -> str:
    """Write a Markdown page.

    Args:
        reports: At least one, in the page's order.
        picture: File name of the plot; None is no plot.
    """
    parts = ["# Speed", "Made by `motionkit bench`; every figure was measured in the run that it stands in.", RULES]
    parts += [CLIP_RULES]
    for report in reports:
        parts += [f"## {report.machine.gpu or report.machine.processor}, {report.began}", f"```text\n{text(report)}```"]
    if picture is not None:
        parts += ["## Scale", f"![Cost of a frame against length, size and batch]({picture})"]
    return "\n\n".join(parts) + "\n"


def plot(rows: Sequence[ScaleRow], path: str | Path) -> None:
    """Draw cost against length, size and batch.

    Args:
        rows: The figures.
        path: A picture file, of a kind that matplotlib writes.

    Raises:
        MissingPackageError: matplotlib is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingPackageError("The plot needs matplotlib", todo='pip install "motionkit[notebook]"')
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6.4), layout="constrained")
    (length, memory), (side, batch) = figure.subplots(2, 2)
    _panel(length, rows, "frames", "total", across="frames of the clip", up="seconds, file to file", linear=1)
    _panel(memory, rows, "frames", "memory", across="frames of the clip", up="peak memory, MiB", scale=2**-20)
    step = "ms a frame, model step"
    _panel(side, rows, "side", "seconds", across="side of the result, pixels", up=step, scale=1e3, linear=2)
    _panel(batch, rows, "batch", "seconds", across="frames at once", up=step, scale=1e3)
    lines, names = length.get_legend_handles_labels()
    lines, names = (lines, names) if lines else side.get_legend_handles_labels()
    lines += side.plot([], [], ":", color="0.4", linewidth=1.2)
    figure.legend(lines, [*names, "in proportion"], loc="outside upper left", ncols=len(lines), frameon=False)
    figure.savefig(path, dpi=120)


def _panel(
    axes: Any,
    rows: Sequence[ScaleRow],
    axis: str,
    key: str,
    *,
    across: str,
    up: str,
    scale: float = 1,
    linear: int = 0,
) -> None:
    """A line for each model and precision; dotted, what grows with the ``linear``-th power, through its last point."""
    names = list(dict.fromkeys(f"{row.model}, {row.precision}" for row in rows))
    highest = 0.0
    for number, name in enumerate(names):
        found = [r for r in rows if r.axis == axis and f"{r.model}, {r.precision}" == name]
        points = [(row.value, scale * getattr(row, key)) for row in found if getattr(row, key) is not None]
        if not points:
            continue
        x, y = zip(*points, strict=True)
        highest = max(highest, *y)
        axes.plot(x, y, marker="o", markersize=4, color=f"C{number}", label=name)
        if linear:
            axes.plot(x, [y[-1] * (v / x[-1]) ** linear for v in x], ":", color=f"C{number}", linewidth=1.2)
    axes.set_xscale("log", base=10 if axis == "frames" else 2)
    axes.set_yscale("log" if linear else "linear")
    if not linear and highest:
        axes.set_ylim(0, 1.15 * highest)
    ticks = sorted({row.value for row in rows if row.axis == axis})
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks], fontsize=8)
    axes.minorticks_off()
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _machine(report: Report) -> str:
    machine = report.machine
    memory = "" if machine.memory is None else f", {machine.memory / 2**30:.0f} GiB"
    lines = [
        f"{machine.processor}, {machine.cores} cores, {machine.threads} threads{memory}",
        f"{machine.capability}; {' '.join(machine.flags)}" if machine.flags else machine.capability,
        *([machine.gpu] if machine.gpu else []),
        f"device {machine.device}; {machine.system}; " + ", ".join(f"{k} {v}" for k, v in machine.versions.items()),
        report.began,
    ]
    if machine.load is not None and machine.load > 0.3:
        lines.append(
            f"This machine was not quiet: {machine.load:.1f} processes were running before. Take the figures as rough."
        )
    return "\n".join(lines)


def _stages(report: Report) -> str:
    stages = list(dict.fromkeys(stage for row in report.steps for stage in row.stages))
    head = ["model", "side", "procedure", "precision", "batch", *stages]
    lines = []
    for row in report.steps:
        cells = [
            f"{1e3 * row.stages[stage]:.1f} ({_share(row.stage_shares[stage])})" if stage in row.stages else "–"
            for stage in stages
        ]
        lines.append([row.model, str(row.side), row.procedure, row.precision, str(row.batch), *cells])
    return _aligned(head, lines)


def _table(columns: Sequence[Column], rows: Sequence[Any]) -> str:
    """The columns in which any row has something."""
    cells = [[column.write(getattr(row, column.key)) for column in columns] for row in rows]
    kept = [i for i in range(len(columns)) if any(line[i] != "–" for line in cells)]
    return _aligned([columns[i].heading for i in kept], [[line[i] for i in kept] for line in cells])


def _aligned(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Words to the left, figures to the right."""
    widths = [max(len(line[i]) for line in (head, *lines)) for i in range(len(head))]
    words = [any(line[i][:1].isalpha() for line in lines) for i in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if word else cell.rjust(width)
            for cell, width, word in zip(line, widths, words, strict=True)
        ).rstrip()
        for line in (head, *lines)
    )
