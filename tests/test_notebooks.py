"""Every notebook runs top to bottom in a real kernel, and what it makes is checked."""

from __future__ import annotations

import ast
import base64
import io
import re
import shutil
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
import run as runner
import torch
from PIL import Image

from motionkit import load_model, media, notebook, provenance, samples
from motionkit.config import AnimateOptions

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"


def cells(name: str) -> list[nbformat.NotebookNode]:
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells


def tagged(name: str) -> list[nbformat.NotebookNode]:
    """The cells of a notebook's form."""
    return [cell for cell in cells(name) if "parameters" in cell.metadata.get("tags", [])]


def assigned(source: str) -> dict[str, Any]:
    """Names and values of a cell that does nothing but assign literals."""
    return {line.targets[0].id: ast.literal_eval(line.value) for line in ast.parse(source).body}  # type: ignore[attr-defined]


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
    (cell,) = tagged("animate")
    fields = assigned(cell.source)
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


def test_the_settings_of_the_demonstration_are_told() -> None:
    """The table's column "here" says what the form's fields hold."""
    fields = {name: str(value) for cell in tagged("train") for name, value in assigned(cell.source).items()}
    table = next(c.source for c in cells("train") if c.source.startswith("## Choose the settings"))
    told = dict(re.findall(r"^\| `(\w+)` \| `?([\w.]+)`? \|", table, flags=re.MULTILINE))
    assert set(told) >= {"init", "steps", "batch_size", "size", "perceptual", "freeze_detector"}
    for name, value in told.items():
        if value != "on":
            assert fields[name] == value or float(fields[name]) == float(value), name
        else:
            assert fields[name] == "True", name


def images(node: nbformat.NotebookNode) -> list[tuple[str, Image.Image]]:
    """Kind and picture of what the cells show, where it is one picture in one form."""
    shown = [output.data for cell in node.cells for output in cell.get("outputs", []) if output.get("data")]
    return [
        (kind, Image.open(io.BytesIO(base64.b64decode(data[kind]))))
        for data in shown
        for kind in ("image/png", "image/jpeg")
        if set(data) == {kind, "text/plain"}
    ]


@pytest.mark.slow
def test_train_learns_animates_and_goes_on_elsewhere(tmp_path: Path) -> None:
    clip = media.open_clip(samples.driving_clip("nod"), end=0.24, size=(64, 64))
    for name in ("train/ada#1.mp4", "train/ben#1.mp4", "test/ada#2.mp4"):
        (tmp_path / "clips" / name).parent.mkdir(parents=True, exist_ok=True)
        with media.VideoWriter(tmp_path / "clips" / name, fps=clip.info.fps) as writer:
            for frame in clip:
                writer.write(frame)
    (tmp_path / "drive").mkdir()
    parameters = {
        "clips": str(tmp_path / "clips"), "driving": str(tmp_path / "clips" / "test" / "ada#2.mp4"), "device": "cpu",
        "save_to_drive": str(tmp_path / "drive"), "batch_size": 2, "size": 64,
    }  # fmt: skip
    one, other = tmp_path / "one", tmp_path / "other"
    node = runner.run(NOTEBOOKS / "train.ipynb", {**parameters, "output": str(one), "steps": 3}, folder=NOTEBOOKS)

    tuned, before = (load_model(name, device="cpu") for name in (one / "run" / "model.safetensors", "heads"))
    assert tuned.config == before.config
    pairs = zip(tuned.reference.state_dict().items(), before.reference.state_dict().values(), strict=True)
    changed = {name.split(".")[0] for (name, value), old in pairs if not torch.equal(value, old)}
    assert changed == {"generator"}, "the detector is frozen"
    steps, losses = notebook.read_scalars(one / "run")["loss/total"]
    assert steps == [1, 2, 3] and all(0 < loss < 10 for loss in losses)
    plot, grid = images(node)
    assert plot[0] == "image/png" and len(plot[1].getcolors(1 << 20) or []) > 20
    assert grid[0] == "image/jpeg" and grid[1].height >= 64

    result = list(media.open_clip(one / "result.mp4"))
    assert len(result) == clip.info.frames and result[0].shape == (256, 256, 3)
    assert np.abs(result[0].astype(int) - result[-1]).mean() > 1
    assert provenance.SOURCE_TYPE in media.read_metadata(tmp_path / "drive" / "collage.mp4")["comment"]
    assert media.open_clip(one / "collage.mp4").info.width > 4 * 256

    # The machine vanished; another one has what was saved to Drive.
    shutil.rmtree(one)
    node = runner.run(NOTEBOOKS / "train.ipynb", {**parameters, "output": str(other), "steps": 5}, folder=NOTEBOOKS)
    assert notebook.read_scalars(other / "run")["loss/total"][0] == [1, 2, 3, 4, 5]
    summary = next(c for c in node.cells if "summary" in c.metadata.get("tags", []))
    assert summary.outputs[0].text.startswith("5 steps, ")


def test_unknown_parameters_are_refused() -> None:
    with pytest.raises(KeyError, match=r"no parameter strenght; it has \[.*'strength'"):
        runner.run(NOTEBOOKS / "animate.ipynb", {"strenght": 1}, folder=NOTEBOOKS)
