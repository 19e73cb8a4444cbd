"""The files that a comparison of models leaves: every figure as JSON, the table, and contact sheets.

Legend: S side of the pictures in pixels.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from motionkit import media
from motionkit.drawing.collage import Panel, lay_out
from motionkit.errors import MediaError
from motionkit.evaluation.figures import Pair
from motionkit.evaluation.verdict import Judgement, summary
from motionkit.wholefile import write_text

__all__ = ["sheet", "write"]

TILE = 160  # height of a contact sheet's pictures
SHOWN = 3  # pairs on the sheet of the best and of the worst


def write(folder: Path, judgements: Sequence[Judgement], pairs: Sequence[Sequence[Pair]], text: str) -> None:
    """Write ``judge.json``, ``judge.md`` and a contact sheet of each pair, of the best pairs and of the worst.

    Args:
        folder: Made if it is not there.
        judgements: Of the models.
        pairs: Each model's, in the same order, with their moments.
        text: What ``judge.md`` says, in Markdown.

    Raises:
        MediaError: A file or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MediaError("The folder cannot be made", got=f"{folder} ({error.strerror or error})") from error
    content = [{**asdict(j), "summary": {figure.name: figure.value for figure in summary(j)}} for j in judgements]
    write_text(folder / "judge.json", json.dumps(content, indent=1))
    write_text(folder / "judge.md", text + "\n")
    names = [judgement.name for judgement in judgements]
    for group in zip(*pairs, strict=True):
        figures = group[0].figures
        media.write_image(folder / f"{figures.portrait}-{figures.clip}.jpg", sheet(names, group))
    for name, own in zip(names, pairs, strict=True):
        ranked = sorted((pair for pair in own if pair.figures.score is not None), key=lambda p: -(p.figures.score or 0))
        for label, chosen in (("best", ranked[:SHOWN]), ("worst", ranked[::-1][:SHOWN])):
            if chosen:
                mark = label if len(names) == 1 else f"{label}-{name}"
                media.write_image(folder / f"{mark}.jpg", np.concatenate([sheet([name], [pair]) for pair in chosen]))


def sheet(names: Sequence[str], group: Sequence[Pair]) -> np.ndarray:
    """Draw one pair's moments: the source and the driver's frames above, below them each model's results.

    Args:
        names: Of the models.
        group: The pair as each model animated it, in the same order.

    Returns:
        H W 3 uint8.
    """
    first = group[0]
    top = [Panel(first.figures.portrait, first.source)]
    top += [Panel(label, frame) for label, frame in zip(first.labels, first.driving, strict=True)]
    rows = [lay_out(top, height=TILE)]
    for name, pair in zip(names, group, strict=True):
        score = "" if pair.figures.score is None else f" {pair.figures.score:.2f}"
        blank = Panel(f"{name}{score}", np.full_like(pair.source, 255))
        rows.append(lay_out([blank, *(Panel("", frame) for frame in pair.results)], height=TILE))
    return np.concatenate(rows)
