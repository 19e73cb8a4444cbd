"""Plots as SVG, which a page holds inside itself."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from motionkit.evaluation.intervals import Spread
from motionkit.evaluation.tables import number

__all__ = ["Lane", "strip_plot"]

COLOURS = ("#3b6fb6", "#d9822b", "#3a9d6e", "#a05195", "#8c6d46")
WIDTH, LANE, LEFT = 620, 26, 12  # pixels
HEAD, FOOT = 30, 22
DOTS = 400  # of a lane; of more clips, some that are evenly spread in order of value


@dataclass(frozen=True)
class Lane:
    """A model's part of a plot.

    Attributes:
        name: The model's.
        values: Of its clips; NaN is none.
        spread: What they come to, None where there are none.
    """

    name: str
    values: np.ndarray
    spread: Spread | None


def strip_plot(title: str, lanes: Sequence[Lane]) -> str:
    """Draw clips as dots, a lane for each model, with the mean, its interval and the median.

    Args:
        title: Above the plot.
        lanes: At least one, with at least one value among them.

    Returns:
        An ``<svg>`` element.
    """
    everything = np.concatenate([lane.values for lane in lanes])
    low, high = float(np.nanmin(everything)), float(np.nanmax(everything))
    margin = 0.04 * ((high - low) or abs(high) or 1.0)
    low, high = low - margin, high + margin

    def across(value: float) -> float:
        return round(LEFT + (WIDTH - 2 * LEFT) * (min(max(value, low), high) - low) / (high - low), 1)

    height, word = HEAD + LANE * len(lanes) + FOOT, html.escape(title)
    marks = [f'<text x="{LEFT}" y="16" font-size="13" font-weight="600" fill="currentColor">{word}</text>']
    for i, lane in enumerate(lanes):
        y, colour = HEAD + LANE * i + LANE // 2, COLOURS[i % len(COLOURS)]
        span, middle = _middle(lane, across, y, colour)
        marks += [*span, *_dots(lane, across, y, colour), *middle]  # no dot is hidden by the bar
        if len(lanes) > 1:
            label = f'<text x="{WIDTH - LEFT}" y="{y - 5}" text-anchor="end" font-size="11" fill="{colour}">'
            marks.append(f"{label}{html.escape(lane.name)}</text>")
    floor = f'x1="{LEFT}" x2="{WIDTH - LEFT}" y1="{height - 20}" y2="{height - 20}"'
    marks.append(f'<line {floor} stroke="currentColor" stroke-opacity=".3"/>')
    for value, anchor in ((low, "start"), ((low + high) / 2, "middle"), (high, "end")):
        place = f'x="{across(value)}" y="{height - 5}" text-anchor="{anchor}"'
        marks.append(f'<text {place} font-size="11" fill="currentColor">{number(value)}</text>')
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}"'
    return f'<svg {size} role="img" aria-label="{word}">{"".join(marks)}</svg>'


def _dots(lane: Lane, across: Callable[[float], float], y: int, colour: str) -> list[str]:
    values = np.sort(lane.values[~np.isnan(lane.values)])
    if len(values) > DOTS:
        values = values[np.linspace(0, len(values) - 1, DOTS).astype(int)]
    style = f'r="3" fill="{colour}" fill-opacity=".6"'
    # Up and down by a fixed pattern, so that dots of like value are seen apart.
    return [
        f'<circle cx="{across(value)}" cy="{y + (i * 7 % 11 - 5) * 0.9:.1f}" {style}/>'
        for i, value in enumerate(values)
    ]


def _middle(lane: Lane, across: Callable[[float], float], y: int, colour: str) -> tuple[list[str], list[str]]:
    """The interval, which is behind the dots, and mean and median, which are before them."""
    if (spread := lane.spread) is None:
        return [], []
    told = f"{html.escape(lane.name)}: mean {number(spread.mean)}, {number(spread.low)} … {number(spread.high)}"
    ends = f'x1="{across(spread.low)}" x2="{across(spread.high)}" y1="{y}" y2="{y}"'
    median = across(spread.median)
    bar = f'stroke="{colour}" stroke-opacity=".35" stroke-width="8"'
    mean = f'x="{across(spread.mean) - 2.5:.1f}" y="{y - 7}" width="5" height="14"'
    return [f"<line {ends} {bar}><title>{told}</title></line>"], [
        f'<rect {mean} fill="{colour}" stroke="white"/>',
        f'<line x1="{median}" x2="{median}" y1="{y - 9}" y2="{y + 9}" stroke="{colour}" stroke-width="1.5"/>',
    ]
