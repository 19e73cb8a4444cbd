"""Every notebook runs top to bottom in a real kernel, and what it makes is checked; shared cells are in sync."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
import shutil
from pathlib import Path

import nbformat
import numpy as np
import pytest
import run as runner
import shared
import torch
from scipy.io import wavfile

from motionkit import load_model, media, trust
from motionkit.config import GAIN_RANGE, STRENGTH_RANGE, AnimateOptions
from motionkit.motion.ready import MOTIONS, motion
from motionkit.notebook import babble
from motionkit.training.view import read_scalars
from motionkit.weights.registry import WEIGHTS
from tests.support.notebooks import (
    NAMES,
    NOTEBOOKS,
    RENDERED,
    cells,
    form,
    pictures,
    short_clip,
    shows_a_widget,
    tags,
)


@pytest.mark.parametrize("name", NAMES)
def test_cells_are_short_and_stripped(name: str) -> None:
    for cell in cells(name):
        if cell.cell_type == "code":
            assert cell.source.count("\n") < 15
            assert not cell.outputs and cell.execution_count is None


@pytest.mark.parametrize("name", NAMES)
def test_it_begins_with_what_may_be_done(name: str) -> None:
    first = next(cell for cell in cells(name) if "shared" not in tags(cell))
    assert first.cell_type == "markdown"
    assert "agreed" in first.source and "deepfakes" in first.source and "label" in first.source
    assert len([line for line in first.source.splitlines() if line]) == 4, "a title and three lines"


@pytest.mark.parametrize("name", NAMES)
def test_the_shared_cells_are_what_the_generator_makes(name: str) -> None:
    node = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    assert shared.with_shared_cells(node, name) == node, "run make notebooks"


@pytest.mark.parametrize("name", NAMES)
def test_the_rendered_copy_is_up_to_date(name: str) -> None:
    page = (RENDERED / f"{name}.md").read_text(encoding="utf-8")
    place = 0
    for cell in cells(name):
        place = page.find(cell.source.strip(), place)
        assert place >= 0, f"run make notebooks; the page lacks {cell.source[:60]!r}"
    linked = re.findall(r"!\[[^]]*\]\(([^)]+)\)", page)
    assert linked and all((RENDERED / target).is_file() for target in linked)
    assert len(page) < 40_000, "pictures are files"


def test_the_rendered_copies_are_small() -> None:
    files = list(RENDERED.iterdir())
    assert sum(path.stat().st_size for path in files) < 1_500_000
    linked = {
        t for n in NAMES for t in re.findall(r"\]\(([^)/]+)\)", (RENDERED / f"{n}.md").read_text(encoding="utf-8"))
    }
    assert {path.name for path in files if path.suffix == ".jpg"} <= linked, "none is left of an earlier run"


@pytest.mark.parametrize("name", ["animate", "live"])
def test_form_fields_agree_with_the_defaults(name: str) -> None:
    defaults = dataclasses.asdict(AnimateOptions())
    fields = {field: value for field, value in form(name).items() if field in defaults}
    assert set(fields) >= {"strength", "smoothing"}
    assert fields == {field: defaults[field] for field in fields}


@pytest.mark.parametrize("name", ["animate", "live"])
def test_sliders_of_the_form_reach_as_far_as_the_options(name: str) -> None:
    ranges = {"strength": STRENGTH_RANGE, "mouth": GAIN_RANGE, "smoothing": (0.0, 1.0)}
    source = "\n".join(cell.source for cell in cells(name) if "parameters" in tags(cell))
    sliders = re.findall(r"^(\w+) = .*slider\", min:([\d.]+), max:([\d.]+)", source, flags=re.MULTILINE)
    assert {field for field, _, _ in sliders} >= {"strength", "smoothing"}
    for field, low, high in sliders:
        assert (float(low), float(high)) == ranges[field], field


def menu(name: str, field: str) -> list[str]:
    """What a field of a notebook's form offers."""
    source = "\n".join(cell.source for cell in cells(name) if "parameters" in tags(cell))
    (offered,) = re.findall(rf"^{field} = .*# @param (\[[^\]]*\])", source, flags=re.MULTILINE)
    return json.loads(offered)


@pytest.mark.parametrize(("name", "field"), [("animate", "model_name"), ("live", "model_name"), ("train", "init")])
def test_models_are_a_menu_that_takes_files_too(name: str, field: str) -> None:
    assert menu(name, field) == list(WEIGHTS)
    source = "\n".join(cell.source for cell in cells(name))
    assert re.search(rf"^{field} = .*\] \{{allow-input: true\}}$", source, flags=re.MULTILINE)
    assert f"downloads {WEIGHTS['vox'].bytes / 1e6:.0f} MB" in source, "it says so before anything is downloaded"


def test_ready_motions_are_a_menu() -> None:
    assert menu("pose", "motion") == list(MOTIONS)
    assert menu("pose", "model_name") == ["heads"], "expressions know no other"


def test_pose_does_what_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "take.csv").write_text("time,jawOpen,yaw\n0,0,0\n0.1,1,0\n0.2,0,12\n", encoding="utf-8")
    wavfile.write(tmp_path / "speech.wav", 16_000, babble("a"))
    made = tmp_path / "made"
    parameters = {
        "motion": "blink", "take": str(tmp_path / "take.csv"), "speech": str(tmp_path / "speech.wav"),
        "output": str(made), "save_to_drive": str(tmp_path / "drive"), "yaw": 0, "roll": 0, "smile": 0.0, "brows": 0.0,
        "jaw_open": 0.8,
    }  # fmt: skip
    node = runner.run(NOTEBOOKS / "pose.ipynb", parameters, folder=tmp_path, timeout=300)
    clips = {name: list(media.open_clip(made / f"{name}.mp4")) for name in ("motion", "own", "take", "said")}
    lengths = {name: len(frames) for name, frames in clips.items()}
    assert lengths == {
        "motion": len(motion("blink")),
        "own": 51,
        "take": 3,
        "said": round(len(babble("a")) / 16_000 * 30),
    }
    for name, frames in clips.items():
        assert max(np.abs(frames[0].astype(int) - other).mean() for other in frames) > 0.5, f"{name} does not move"
        (cell,) = [cell for cell in node.cells if {"said": "speech"}.get(name, name) in tags(cell)]
        shown = "".join(output.get("data", {}).get("text/html", "") for output in cell.outputs)
        assert base64.b64encode((made / f"{name}.mp4").read_bytes()).decode() in shown, "the result shows itself"
    assert media.open_clip(made / "said.mp4").info.has_audio
    changed = np.abs(media.read_image(made / "pose.png").astype(int) - clips["take"][0]).mean(axis=2)
    assert changed[128:].mean() > 2 * changed[:100].mean(), "an open mouth changes the lower half"
    sheet, plot = (picture for _, picture in pictures(node))
    assert sheet.width > 4 * 192 and sheet.height > 2 * 192 and plot.width > 300
    assert {path.name for path in (tmp_path / "drive").iterdir()} == {"pose.png", *(f"{name}.mp4" for name in clips)}
    printed = "".join(output.get("text", "") for cell in node.cells for output in cell.get("outputs", []))
    assert "Expression(jaw_open=0.8)" in printed and printed.count("and so does its watermark") == 2


def test_animate_runs_and_something_moves(tmp_path: Path) -> None:
    frames = short_clip(tmp_path / "short.mp4", 0.5)
    parameters = {
        "driving": str(tmp_path / "short.mp4"), "output": str(tmp_path / "made"), "strength": 1.5, "mouth": 1.5,
        "save_to_drive": str(tmp_path / "drive"),
    }  # fmt: skip
    node = runner.run(NOTEBOOKS / "animate.ipynb", parameters, folder=NOTEBOOKS, timeout=300)

    result = list(media.open_clip(tmp_path / "made" / "result.mp4"))
    assert len(result) == frames
    assert result[0].shape == (256, 256, 3)
    moved = np.abs(result[0].astype(int) - result[-1]).mean()
    assert moved > 1
    collage = media.open_clip(tmp_path / "made" / "collage.mp4").info
    assert collage.width > 3 * 256 and collage.height == 256
    assert media.read_image(tmp_path / "made" / "collage.png").shape[1] > 256
    for name in ("result.mp4", "collage.mp4", "collage.png"):
        assert (tmp_path / "drive" / name).read_bytes() == (tmp_path / "made" / name).read_bytes()
    summary = next(cell for cell in node.cells if "summary" in tags(cell))
    assert f"{frames} frames" in summary.outputs[0].text
    ((_, crops),) = pictures(node)
    assert crops.height == 256 and crops.width > 4 * 256
    assert shows_a_widget(node, "panel")
    shown = [output for cell in node.cells for output in cell.get("outputs", []) if output.get("data")]
    assert any("video" in output.data.get("text/html", "") for output in shown), "the collage is shown"
    result_says, source_says = "".join(output.text for output in node.cells[-1].outputs).splitlines()
    assert result_says.startswith("result.mp4: ") and "and so does its watermark" in result_says
    assert "No label was found" in source_says and "proves nothing" in source_says


def test_live_moves_and_records_without_a_camera(tmp_path: Path) -> None:
    frames = short_clip(tmp_path / "short.mp4", 1.5)
    parameters = {
        "driving": str(tmp_path / "short.mp4"), "output": str(tmp_path / "made"), "seconds": 3.0, "strength": 1.5,
        "save_to_drive": str(tmp_path / "drive"),
    }  # fmt: skip
    # As the widget's button leaves it, which no kernel can press.
    webcam = tmp_path / "made" / "webcam" / "webcam-20250101-120000.mp4"
    webcam.parent.mkdir(parents=True)
    webcam.write_bytes(b"a recording")
    node = runner.run(NOTEBOOKS / "live.ipynb", parameters, folder=tmp_path, timeout=300)

    recorded = media.open_clip(tmp_path / "made" / "live.mp4")
    assert recorded.info.frames is not None and recorded.info.frames >= 3 * recorded.info.fps - 3
    results = list(recorded)
    assert results[0].shape == (256, 256, 3)
    assert max(np.abs(results[0].astype(int) - other).mean() for other in results[1:]) > 1
    result = list(media.open_clip(tmp_path / "made" / "result.mp4"))
    assert len(result) == frames and np.abs(result[0].astype(int) - result[-1]).mean() > 1
    for path in (*(tmp_path / "made" / name for name in ("live.mp4", "driving.motion", "result.mp4")), webcam):
        assert (tmp_path / "drive" / path.name).read_bytes() == path.read_bytes()
    summary = next(cell for cell in node.cells if "summary" in tags(cell)).outputs[0].text
    count, length, rate = map(float, re.findall(r"\d+(?:\.\d+)?", summary)[:3])
    assert count >= 2 and length == pytest.approx(recorded.info.frames / recorded.info.fps, abs=0.1)
    assert rate == pytest.approx(count / length, rel=0.05, abs=0.06), "it is shown with one decimal"
    assert float(re.search(r"generate +([\d.]+) ms", summary)[1]) > 1  # type: ignore[index]
    ((_, sheet),) = pictures(node)
    assert sheet.width > 3 * 100 and len(np.unique(np.asarray(sheet).reshape(-1, 3), axis=0)) > 1000
    assert shows_a_widget(node, "live") and shows_a_widget(node, "panel")


def test_the_settings_of_the_demonstration_are_told() -> None:
    """The table's column "here" says what the form's fields hold."""
    fields = {name: str(value) for name, value in form("train").items()}
    table = next(c.source for c in cells("train") if c.source.startswith("## Choose the settings"))
    told = dict(re.findall(r"^\| `(\w+)` \| `?([\w.]+)`? \|", table, flags=re.MULTILINE))
    assert set(told) >= {"init", "steps", "batch_size", "size", "perceptual", "freeze_detector"}
    for name, value in told.items():
        if value != "on":
            assert fields[name] == value or float(fields[name]) == float(value), name
        else:
            assert fields[name] == "True", name


@pytest.mark.slow
def test_train_learns_animates_and_goes_on_elsewhere(tmp_path: Path) -> None:
    for name in ("train/ada#1.mp4", "train/ben#1.mp4", "test/ada#2.mp4"):
        frames = short_clip(tmp_path / "clips" / name, 0.24, size=(64, 64))
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
    steps, losses = read_scalars(one / "run")["loss/total"]
    assert steps == [1, 2, 3] and all(0 < loss < 10 for loss in losses)
    _, plot, grid = pictures(node)
    assert plot[0] == "image/png" and len(plot[1].getcolors(1 << 20) or []) > 20
    assert grid[0] == "image/jpeg" and grid[1].height >= 64

    result = list(media.open_clip(one / "result.mp4"))
    assert len(result) == frames and result[0].shape == (256, 256, 3)
    assert np.abs(result[0].astype(int) - result[-1]).mean() > 1
    assert trust.SOURCE_TYPE in media.read_metadata(tmp_path / "drive" / "collage.mp4")["comment"]
    assert media.open_clip(one / "collage.mp4").info.width > 4 * 256

    # The machine vanished; another one has what was saved to Drive.
    shutil.rmtree(one)
    node = runner.run(NOTEBOOKS / "train.ipynb", {**parameters, "output": str(other), "steps": 5}, folder=NOTEBOOKS)
    assert read_scalars(other / "run")["loss/total"][0] == [1, 2, 3, 4, 5]
    summary = next(cell for cell in node.cells if "summary" in tags(cell))
    assert summary.outputs[0].text.startswith("5 steps, ")


@pytest.mark.slow
def test_multiply_makes_a_data_set_and_shows_it(tmp_path: Path) -> None:
    short_clip(tmp_path / "clips" / "short.mp4", 0.3)
    parameters = {
        "drivings": str(tmp_path / "clips"), "output": str(tmp_path / "made"), "frames": 2, "variations": 1,
        "device": "cpu",
    }  # fmt: skip
    node = runner.run(NOTEBOOKS / "multiply.ipynb", parameters, folder=NOTEBOOKS, timeout=600)
    assert len(list((tmp_path / "made" / "data").rglob("*.png"))) == 2
    (summary,) = [cell for cell in node.cells if "summary" in tags(cell)]
    assert "2 ok, 0 rejected, 0 failed" in "".join(output.get("text", "") for output in summary.outputs)
    (told,) = [cell for cell in node.cells if "estimate" in tags(cell)]
    assert told.outputs[0].text.startswith("pairs    1\nframes   2\n")
    assert pictures(node), "the results are shown"


@pytest.mark.slow
def test_evaluate_measures_and_goes_on(tmp_path: Path) -> None:
    for name in ("ada", "ben"):
        short_clip(tmp_path / "clips" / f"{name}.mp4", 0.12, size=(64, 64))
    (tmp_path / "clips" / "cut.mp4").write_bytes(b"no film")
    parameters = {
        "clips": str(tmp_path / "clips"), "output": str(tmp_path / "made"), "every": 1, "device": "cpu",
        "save_to_drive": str(tmp_path / "drive"),
    }  # fmt: skip
    node = runner.run(NOTEBOOKS / "evaluate.ipynb", parameters, folder=NOTEBOOKS)
    (summary,) = [cell for cell in node.cells if "summary" in tags(cell)]
    shown = "".join(output.get("data", {}).get("text/html", "") for output in summary.outputs)
    assert "l1 ↓" in shown and "FOMM paper" in shown and "Failed: 1 of 3" in shown
    content = json.loads((tmp_path / "made" / "figures" / "evaluation.json").read_text())
    assert content["clips"] == 3 and content["frames"] == 6 and 0 < content["summary"]["heads"]["l1"]["mean"] < 0.2
    assert [sheet.width > 3 * 100 for _, sheet in pictures(node)] == [True]
    printed = "".join(output.get("text", "") for cell in node.cells for output in cell.get("outputs", []))
    assert "heads ada.mp4 3 frames {'l1': 0." in printed and "cut.mp4 0 frames" in printed
    for name in ("report.html", "clips.csv", "evaluation.json"):
        assert (tmp_path / "drive" / name).read_bytes() == (tmp_path / "made" / "figures" / name).read_bytes()
    (log,) = (tmp_path / "made" / "figures").glob("rows-*.jsonl")
    before = log.read_bytes()
    runner.run(NOTEBOOKS / "evaluate.ipynb", parameters, folder=NOTEBOOKS)
    assert log.read_bytes() == before, "no clip is measured twice"


def test_unknown_parameters_are_refused() -> None:
    with pytest.raises(KeyError, match=r"no parameter strenght; it has \[.*'strength'"):
        runner.run(NOTEBOOKS / "animate.ipynb", {"strenght": 1}, folder=NOTEBOOKS)
