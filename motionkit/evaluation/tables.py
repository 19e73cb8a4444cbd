"""Figures as a table: lines of cells, written as text and as HTML."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from motionkit.evaluation.intervals import Difference, Spread
from motionkit.evaluation.metrics import Quantity
from motionkit.evaluation.published import PUBLISHED

__all__ = ["as_html", "as_text", "number", "span", "table"]

ARROWS = {"less": "↓", "more": "↑", "one": "→1", "": ""}


def table(
    models: Sequence[str],
    quantities: Sequence[Quantity],
    summary: Mapping[str, Mapping[str, Spread]],
    differences: Sequence[Difference],
    *,
    confidence: float,
    published: bool,
) -> list[list[str]]:
    """Lay out what several models come to.

    Args:
        models: Names, the first being what others are compared with.
        quantities: In the order of the lines; those that no model has are left out.
        summary: Model to quantity to spread.
        differences: Of the others from the first.
        confidence: Of the intervals.
        published: Whether a column shows published figures.

    Returns:
        The head, and a line for each quantity.
    """
    percent, several = f"{100 * confidence:g}%", len(models) > 1
    head = ["figure"]
    for model in models:
        head += [f"{model}: mean" if several else "mean", "median", f"{percent} interval"]
    head += [f"{model} − {models[0]}" for model in models[1:]]
    head += [f"{PUBLISHED[0].name} *"] if published else []
    changes = {(one.model, one.quantity): one for one in differences}
    lines = [[*head, "clips"]]
    for quantity in quantities:
        found = [summary[model].get(quantity.name) for model in models]
        if not any(found):
            continue
        row = [f"{quantity.name} {ARROWS[quantity.better]}".rstrip()]
        for spread in found:
            row += ["–"] * 3 if spread is None else [number(spread.mean), number(spread.median), span(spread)]
        for model in models[1:]:
            change = changes.get((model, quantity.name))
            row.append(
                "–" if change is None else f"{number(change.spread.mean)} ({span(change.spread)}) {change.verdict}"
            )
        if published:
            value = PUBLISHED[0].values.get(quantity.name)
            row.append("" if value is None else number(value))
        lines.append([*(cell.rstrip() for cell in row), str(max(spread.clips for spread in found if spread))])
    return lines


def as_text(lines: Sequence[Sequence[str]]) -> str:
    """Write lines in columns, the first to the left, others to the right.

    Args:
        lines: Alike in length.
    """
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    rows = (
        [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        for line in lines
    )
    return "\n".join("  ".join(row).rstrip() for row in rows)


def as_html(lines: Sequence[Sequence[str]], titles: Mapping[str, str]) -> str:
    """Write lines as a table.

    Args:
        lines: The head first.
        titles: What the first cell of a line means, by its first word; shown where the pointer rests.
    """
    right = "text-align:right;white-space:nowrap;padding:2px 10px"

    def row(line: Sequence[str], tag: str) -> str:
        title = html.escape(titles.get(line[0].split(" ")[0], ""), quote=True)
        first = f'<{tag} title="{title}" style="text-align:left;padding:2px 10px">{html.escape(line[0])}</{tag}>'
        return first + "".join(f'<{tag} style="{right}">{html.escape(cell)}</{tag}>' for cell in line[1:])

    head = f"<thead><tr>{row(lines[0], 'th')}</tr></thead>"
    body = "".join(f"<tr>{row(line, 'td')}</tr>" for line in lines[1:])
    return f"<table>{head}<tbody>{body}</tbody></table>"


def number(value: float) -> str:
    """A figure with three digits.

    Args:
        value: Any.
    """
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def span(spread: Spread) -> str:
    """The interval of a mean; one clip has none.

    Args:
        spread: Whose.
    """
    return "–" if spread.clips < 2 else f"{number(spread.low)} … {number(spread.high)}"
