"""Every notebook runs top to bottom in a real kernel, and what it makes is checked."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import numpy as np
import pytest
import run as runner

from motionkit import media, samples
from motionkit.config import AnimateOptions

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"


def cells(name: str) -> list[nbformat.NotebookNode]:
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda p: p.stem)
def test_cells_are_short_and_stripped(path: Path) -> None:
    for cell in cells(path.stem):
        if cell.cell_type == "code":
            assert cell.source.count("\n") < 15
            assert not cell.outputs and cell.execution_count is None


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda p: p.stem)
def test_it_begins_with_what_may_be_done(path: Path) -> None:
    first = cells(path.stem)[0]
    assert first.cell_type == "markdown"
    assert "agreed" in first.source and "deepfakes" in first.source and "label" in first.source


def test_form_fields_agree_with_the_defaults() -> None:
    cell = next(c for c in cells("animate") if "parameters" in c.metadata.get("tags", []))
    fields = {line.targets[0].id: ast.literal_eval(line.value) for line in ast.parse(cell.source).body}
    defaults = AnimateOptions()
    for name in ("strength", "smoothing", "reference", "crop", "paste_back"):
        assert fields[name] == getattr(defaults, name), name


def test_animate_runs_and_something_moves(tmp_path: Path) -> None:
    clip = media.open_clip(samples.driving_clip("nod"), end=0.5)
    short = tmp_path / "short.mp4"
    with media.VideoWriter(short, fps=clip.info.fps) as writer:
        for frame in clip:
            writer.write(frame)
    parameters = {"driving": str(short), "output": str(tmp_path / "made"), "strength": 1.5, "mouth": 1.5}
    node = runner.run(NOTEBOOKS / "animate.ipynb", parameters, folder=NOTEBOOKS, timeout=300)

    result = list(media.open_clip(tmp_path / "made" / "result.mp4"))
    assert len(result) == clip.info.frames
    assert result[0].shape == (256, 256, 3)
    moved = np.abs(result[0].astype(int) - result[-1]).mean()
    assert moved > 1
    collage = media.open_clip(tmp_path / "made" / "collage.mp4").info
    assert collage.width > 3 * 256 and collage.height == 256
    assert media.read_image(tmp_path / "made" / "collage.png").shape[1] > 256
    summary = next(c for c in node.cells if "summary" in c.metadata.get("tags", []))
    assert f"{clip.info.frames} frames" in summary.outputs[0].text
    shown = [output for cell in node.cells for output in cell.get("outputs", []) if output.get("data")]
    assert any("image/png" in output.data for output in shown), "the crop is shown"
    assert any("video" in output.data.get("text/html", "") for output in shown), "the collage is shown"


def test_unknown_parameters_are_refused() -> None:
    with pytest.raises(KeyError, match=r"no parameter strenght; it has \[.*'strength'"):
        runner.run(NOTEBOOKS / "animate.ipynb", {"strenght": 1}, folder=NOTEBOOKS)
