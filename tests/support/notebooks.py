"""What tests of notebooks share: their cells, a short clip for them, and what they show."""

from __future__ import annotations

import ast
import base64
import io
from pathlib import Path
from typing import Any

import nbformat
from PIL import Image

from motionkit import media, samples
from tests.support.places import ROOT

NOTEBOOKS = ROOT / "notebooks"
RENDERED = NOTEBOOKS.parent / "docs" / "notebooks"
NAMES = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))


def cells(name: str) -> list[nbformat.NotebookNode]:
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells


def tags(cell: nbformat.NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def form(name: str) -> dict[str, Any]:
    """Names and defaults of a notebook's own parameters: its cells do nothing but assign literals."""
    own = [cell.source for cell in cells(name) if "parameters" in tags(cell) and "shared" not in tags(cell)]
    lines = [line for source in own for line in ast.parse(source).body]
    return {line.targets[0].id: ast.literal_eval(line.value) for line in lines}  # type: ignore[attr-defined]


def short_clip(path: Path, seconds: float, **options: Any) -> int:
    """The beginning of a sample clip as a file; returns the number of frames."""
    clip = media.open_clip(samples.driving_clip("nod"), end=seconds, **options)
    path.parent.mkdir(parents=True, exist_ok=True)
    with media.VideoWriter(path, fps=clip.info.fps) as writer:
        for frame in clip:
            writer.write(frame)
    assert clip.info.frames is not None
    return clip.info.frames


def pictures(node: nbformat.NotebookNode) -> list[tuple[str, Image.Image]]:
    """Kind and content of the pictures that the cells show."""
    shown = [output.get("data", {}) for cell in node.cells for output in cell.get("outputs", [])]
    kinds = [(next((kind for kind in ("image/png", "image/jpeg") if kind in data), None), data) for data in shown]
    return [(kind, Image.open(io.BytesIO(base64.b64decode(data[kind])))) for kind, data in kinds if kind]


def shows_a_widget(node: nbformat.NotebookNode, tag: str) -> bool:
    (cell,) = [cell for cell in node.cells if tag in tags(cell)]
    return any("application/vnd.jupyter.widget-view+json" in output.get("data", {}) for output in cell.outputs)
