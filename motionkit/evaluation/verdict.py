"""What the figures of one or several models come to: lines of a table, and which model is better in which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from motionkit.evaluation.agreement import POSE
from motionkit.evaluation.figures import PairFigures, RenderedFigures, SelfFigures
from motionkit.evaluation.signals import SIGNALS

__all__ = [
    "Figure",
    "Judgement",
    "comparison",
    "mirrored_figures",
    "own_errors",
    "share",
    "summary",
    "table",
]

TO_REACH = {"mouth": "0.8", "eyes": "0.5", "yaw": "0.9", "pitch": "0.8", "roll": "0.9"}


@dataclass(frozen=True)
class Judgement:
    """All figures of one model.

    Attributes:
        name: What it is called in tables.
        model: The name or file it was loaded by.
        selves: Real clips that drive themselves.
        pairs: Portraits that real clips drive, each by each.
        rendered_pairs: Portraits that rendered clips drive, one portrait for each clip: heads that turn far.
        rendered: Rendered clips that drive themselves, with their true keypoints.
    """

    name: str
    model: str
    selves: list[SelfFigures]
    pairs: list[PairFigures]
    rendered_pairs: list[PairFigures]
    rendered: list[RenderedFigures]


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Attributes:
        name: What is measured.
        value: None if nothing gives it.
        target: What is to be reached, in words.
    """

    name: str
    value: float | None
    target: str = ""

    @property
    def goodness(self) -> float | None:
        """The value, negated where less is better."""
        less = any(word in self.name for word in ("L1", "error", "skin", "background"))
        return None if self.value is None else -self.value if less else self.value


def share(values: Sequence[float], still: Sequence[float]) -> float | None:
    """Mean of some errors as a share of the mean of those that standing still makes.

    Args:
        values: The errors.
        still: Standing still's, as many.

    Returns:
        None without any.
    """
    return float(np.mean(values) / max(np.mean(still), 1e-9)) if len(values) else None


def summary(judgement: Judgement) -> list[Figure]:
    """Make the lines of the table, the same for every model; medians are over the pairs that count."""
    errors = [figures.keypoints for figures in judgement.rendered if figures.keypoints is not None]
    return [
        *_reenactment("real clips", judgement.selves, ("0.70", "0.20")),
        *_transfer("another person", judgement.pairs),
        *_transfer("rendered driver", judgement.rendered_pairs),
        *_reenactment("rendered", [figures.reenactment for figures in judgement.rendered], ("", "")),
        Figure("rendered: keypoint error, px", _average(errors)),
    ]


def _transfer(what: str, pairs: Sequence[PairFigures]) -> list[Figure]:
    """Lines on portraits that clips drive."""
    judged = [pair for pair in pairs if pair.judged]
    lines = []
    for name in SIGNALS:
        values = [got[name] for pair in judged if name in (got := pair.correlations or {})]
        lines.append(Figure(f"{what}: {name}, correlation", _middle(values), TO_REACH.get(name, "")))
    for name in SIGNALS:
        values = [got[name] for pair in judged if name in (got := pair.slopes or {})]
        lines.append(Figure(f"{what}: {name}, slope", _middle(values)))
    lines.append(Figure(f"{what}: face found, share of frames", _average([pair.found for pair in judged]), "0.98"))
    for name, target, worst in (
        ("skin", "0.02", max),
        ("background", "0.02", max),
        ("background_moves", "", max),
        ("likeness", "", min),
        ("sharpness", "", min),
    ):
        values = [value for pair in judged if (value := getattr(pair, name)) is not None]
        label = f"{what}: {name.replace('_', ' ')}"
        lines.append(Figure(f"{label}, median", _middle(values), target))
        lines.append(Figure(f"{label}, worst", worst(values) if values else None, target))
    return lines


def _reenactment(what: str, figures: Sequence[SelfFigures], targets: tuple[str, str]) -> list[Figure]:
    """Lines on clips that drive themselves; shares are of the clips' means."""
    l1 = share([f.l1 for f in figures], [f.l1_still for f in figures])
    landmarks = share([f.landmarks for f in figures], [f.landmarks_still for f in figures])
    lines = [
        Figure(f"{what}: L1, share of standing still", l1, targets[0]),
        Figure(f"{what}: landmark error, share of standing still", landmarks, targets[1]),
        Figure(f"{what}: L1", _average([f.l1 for f in figures])),
        Figure(f"{what}: landmark error, px", _average([f.landmarks for f in figures])),
        Figure(f"{what}: face found, share of frames", _average([f.found for f in figures])),
    ]
    for name in SIGNALS:
        values = [f.correlations[name] for f in figures if name in f.correlations]
        lines.append(Figure(f"{what}: {name}, correlation", _middle(values)))
    return lines


def mirrored_figures(clips: Sequence[Mapping[str, float]], rendered: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Take the medians of the correlations that mirrored drivers reach.

    Args:
        clips: What ``agreement.judge_mirrored`` gives of each real clip.
        rendered: What it gives of each rendered clip that drives a portrait.

    Returns:
        Name of the table's line to correlation.
    """
    lines = {}
    for what, agreements in (("another person", clips), ("rendered driver", rendered)):
        for name in SIGNALS:
            if values := [agreement[name] for agreement in agreements if name in agreement]:
                lines[f"{what}: {name}, correlation"] = median(values)
    return lines


def own_errors(clips: Sequence[Mapping[str, float]]) -> str:
    """Write a line on how wrong the landmarks themselves are, after an empty line.

    Args:
        clips: What ``agreement.pose_errors`` gives of each rendered clip; without any figure, the text is empty.
    """
    middles = [(name, _middle([spans[name] for spans in clips if name in spans])) for name in POSE]
    spans = ", ".join(f"{name} {value:.3g}" for name, value in middles if value is not None)
    return f"\n\nThe landmarks' own error on the rendered clips, median span in degrees: {spans}" if spans else ""


def table(judgements: Sequence[Judgement], mirrored: Mapping[str, float] | None = None) -> str:
    """Write the models' figures side by side, in Markdown.

    Args:
        judgements: A column each; lines in which none has a figure are left out.
        mirrored: From ``mirrored_figures``, a column of its own; None is no such column.
    """
    columns = [summary(judgement) for judgement in judgements]
    head = ["figure", *(judgement.name for judgement in judgements), "to reach"]
    if mirrored is not None:
        head.insert(-1, "mirrored driver")
    rows = [head, ["---"] * len(head)]
    for line in zip(*columns, strict=True):
        if any(figure.value is not None for figure in line):
            values = [figure.value for figure in line]
            if mirrored is not None:
                values.append(mirrored.get(line[0].name))
            rows.append([line[0].name, *("–" if value is None else f"{value:.3g}" for value in values), line[0].target])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def comparison(before: Judgement, after: Judgement) -> str:
    """Write whether weights may replace others: in how many figures they are better, and which are worse.

    Args:
        before: Of the weights that would be replaced.
        after: Of those that would replace them.
    """
    pairs = [
        (one, other)
        for one, other in zip(summary(before), summary(after), strict=True)
        if one.goodness is not None and other.goodness is not None
    ]
    worse = [other for one, other in pairs if other.goodness < one.goodness]  # type: ignore[operator]
    equal = sum(one.goodness == other.goodness for one, other in pairs)
    lines = [
        f"{after.name} against {before.name}: better in {len(pairs) - len(worse) - equal} figures, equal in {equal}, "
        f"worse in {len(worse)}; of those with a goal worse in {sum(bool(figure.target) for figure in worse)}"
    ]
    old = {one.name: one.value for one, _ in pairs}
    lines += [f"  worse: {figure.name}: {old[figure.name]:.3g} to {figure.value:.3g}" for figure in worse]
    return "\n".join(lines)


def _average(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _middle(values: Sequence[float]) -> float | None:
    return median(values) if values else None
