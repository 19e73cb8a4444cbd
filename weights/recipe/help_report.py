"""What ``does_it_help`` found: its figures, as tables and as curves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from motionkit.wholefile import write_whole

__all__ = ["KINDS", "Result", "Run", "draw", "interval", "read", "tables"]

KINDS = {
    "few": "the few portraits",
    "few+usual": "the few, usual augmentation",
    "multiplied": "multiplied",
    "multiplied+usual": "multiplied, usual augmentation",
    "real+usual": "further true frames of the same people, usual augmentation",
}
BASELINE = "few+usual"
FIGURES = {"error": "error", "shape": "error after alignment"}


@dataclass(frozen=True)
class Run:
    """One network.

    Attributes:
        kind: One of ``KINDS``.
        count: Labelled people.
        seed: Of all that is random.
        pictures: That it was trained on, before augmentation.
        error: Mean distance on the test pictures, as a share of the head's size.
        shape: The same after the best alignment: of turns and expressions alone; see ``landmarks.errors``.
    """

    kind: str
    count: int
    seed: int
    pictures: int
    error: float
    shape: float


@dataclass(frozen=True)
class Result:
    """All that comes out.

    Attributes:
        study: As JSON holds it.
        parameters: Of the network.
        test: Number of test pictures, and of the people in them.
        labels: Kind of label to its mean error on pictures whose truth is known, as a share of the head's size.
        detector: The model's own error on the test pictures.
        mean: The error of the mean of all test labels: of who says the same of every picture.
        made: Multiplied pictures that passed the gate.
        runs: The networks.
        seconds: Processor time of the training.
    """

    study: dict[str, object]
    parameters: int
    test: tuple[int, int]
    labels: dict[str, float]
    detector: float
    mean: float
    made: int
    runs: list[Run]
    seconds: float

    def errors(self, kind: str, count: int, figure: str = "error") -> np.ndarray:
        """Figures of one kind and count, by seed.

        Args:
            kind: One of ``KINDS``.
            count: Labelled people.
            figure: "error" or "shape".
        """
        return np.array([getattr(run, figure) for run in self.runs if (run.kind, run.count) == (kind, count)])

    @property
    def counts(self) -> list[int]:
        """Numbers of labelled people, ascending."""
        return sorted({run.count for run in self.runs})

    @property
    def kinds(self) -> list[str]:
        """Those that were tried, in the order of ``KINDS``."""
        return [kind for kind in KINDS if any(run.kind == kind for run in self.runs)]


def read(path: Path) -> Result:
    """Read a result.

    Args:
        path: OUT.json.
    """
    told = json.loads(path.read_text(encoding="utf-8"))
    return Result(**told | {"runs": [Run(**run) for run in told["runs"]], "test": tuple(told["test"])})


def interval(values: np.ndarray) -> float:
    """Half the width of Student's 95% interval of the mean; 0 of a single value.

    Args:
        values: At least one.
    """
    if len(values) < 2:
        return 0.0
    return float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))


def tables(result: Result) -> str:
    """The tables of docs/does-it-help.md, as Markdown.

    Args:
        result: What came out.
    """
    lines: list[str] = []
    for figure, name in FIGURES.items():
        lines += _table(name, result.counts)
        for kind in result.kinds:
            cells = [_percent(result.errors(kind, count, figure)) for count in result.counts]
            lines.append(f"| {KINDS[kind]} | " + " | ".join(cells) + " |")
        lines += ["", *_table(f"{name}, against {KINDS[BASELINE]}", result.counts)]
        for kind in result.kinds:
            if kind != BASELINE:
                both = [[result.errors(one, count, figure) for one in (kind, BASELINE)] for count in result.counts]
                cells = [_percent_change(ours / theirs - 1) for ours, theirs in both]
                lines.append(f"| {KINDS[kind]} | " + " | ".join(cells) + " |")
        lines.append("")
    names = {"carried": "carried along", "asked": "the model's own keypoints", "unmoved": "not moved at all"}
    lines += ["| labels of made pictures | mean error |", "|---|---|"]
    lines += [f"| {names[name]} | {error:.1%} |" for name, error in result.labels.items()]
    return "\n".join(lines) + "\n"


def _table(title: str, counts: Sequence[int]) -> list[str]:
    cells = [title, *(f"{count} people" for count in counts)]
    return [f"| {' | '.join(cells)} |", "|---" * len(cells) + "|"]


def _percent(values: np.ndarray) -> str:
    return f"{values.mean():.1%} ± {100 * interval(values):.1f}"


def _percent_change(values: np.ndarray) -> str:
    return f"{values.mean():+.0%} ± {100 * interval(values):.0f}"


def draw(result: Result, path: Path) -> None:
    """Draw the curves with their intervals.

    Args:
        result: What came out.
        path: A .png.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.6), layout="constrained")
    for axes, (key, name) in zip(figure.subplots(1, len(FIGURES)), FIGURES.items(), strict=True):
        for at, kind in enumerate(result.kinds):
            values = [result.errors(kind, count, key) for count in result.counts]
            means, halves = [100 * one.mean() for one in values], [100 * interval(one) for one in values]
            beside = [
                count * 1.04 ** (at - len(result.kinds) // 2) for count in result.counts
            ]  # so that bars stand apart
            style = "--" if kind == "real+usual" else "-"
            axes.errorbar(
                beside, means, halves, capsize=3, marker="o", markersize=4, linestyle=style, label=KINDS[kind]
            )
        axes.set_xscale("log", base=2)
        axes.set_xticks(result.counts, [str(count) for count in result.counts])
        axes.set_ylim(bottom=0)
        axes.set_title(name, fontsize=11)
        axes.set_xlabel("labelled people, one portrait each")
        axes.set_ylabel("on new people, % of the head's size")
        axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="lower left")
    write_whole(path, lambda part: figure.savefig(part, format="png", dpi=110))
