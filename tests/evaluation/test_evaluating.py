"""Evaluations from files to tables: what is measured, what is left out, and what a folder keeps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import motionkit as mk
from motionkit import animation, media
from motionkit.errors import InputError
from motionkit.evaluation import work
from motionkit.evaluation.metrics import Batch, FrameMetric, Quantity
from motionkit.evaluation.options import EvaluateOptions
from tests.support.evaluations import TIMES, MeshStandIn, corners, save_tiny, write_clips
from tests.support.files import names
from tests.support.meshes import face
from tests.support.networks import tiny_model

CHEAP = {"landmarks": "none", "embedder": "none", "lpips": "none"}


def evaluate(*given: Any, **further: Any) -> mk.Evaluation:
    """With these options, and without networks unless they are asked for."""
    options = {name: further.pop(name) for name in list(further) if name in EvaluateOptions.__dataclass_fields__}
    return mk.evaluate(*given, options=EvaluateOptions(**{**CHEAP, **options}), **further)


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    return write_clips(tmp_path / "clips", 3)


@pytest.fixture(scope="module")
def model() -> mk.Model:
    return tiny_model("a" * 64, blend_warped=True)


def test_a_clip_reconstructs_itself(clips: Path, model: mk.Model) -> None:
    found = evaluate(model, clips, metrics=["pixels"], batch=3)
    assert [row.clip for row in found.rows] == ["clip00.mp4", "clip01.mp4", "clip02.mp4"]
    assert found.failed == [] and found.skipped == {} and found.clips == 3 and found.folder is None
    frames = list(media.open_clip(clips / "clip01.mp4"))
    options = mk.AnimateOptions(relative=False, lost="follow")
    results = list(animation.moments.animate(frames[0], frames, model=model, options=options))
    difference = np.abs(np.stack(results).astype(float) - np.stack(frames)) / 255
    assert found.rows[1].frames == 4 and found.rows[1].values["l1"] == pytest.approx(difference.mean(), abs=1e-6)
    spread = found.summary["tiny"]["l1"]
    assert spread.mean == pytest.approx(np.mean([row.values["l1"] for row in found.rows])) and spread.clips == 3


def test_every_nth_frame_of_the_beginning(clips: Path, model: mk.Model) -> None:
    for cut, frames in (({"every": 2}, 2), ({"seconds": 0.1}, 3)):
        found = evaluate(model, [clips / "clip00.mp4"], metrics=["pixels"], **cut)
        assert found.rows[0].frames == frames


def test_pictures_reconstruct_themselves_and_folders_of_them_are_clips(tmp_path: Path, model: mk.Model) -> None:
    (tmp_path / "walk").mkdir()
    for n in range(3):
        shade = np.full((32, 32, 3), 40 * n + 20, np.uint8)
        media.write_image(tmp_path / "walk" / f"{n}.png", shade)
    media.write_image(tmp_path / "one.png", shade)
    found = evaluate(model, tmp_path, metrics=["pixels"])
    assert [(row.clip, row.frames) for row in found.rows] == [("one.png", 1), ("walk", 3)]
    assert found.rows[1].driving_sha256 != found.rows[0].driving_sha256 != ""


def test_sources_are_driven_by_each_clip_and_pairs_by_their_own(clips: Path, tmp_path: Path, model: mk.Model) -> None:
    (tmp_path / "faces").mkdir()
    for name in ("ann", "bob"):
        media.write_image(tmp_path / "faces" / f"{name}.png", np.full((48, 32, 3), 99, np.uint8))
    found = evaluate(model, clips / "clip0[01].mp4", sources=tmp_path / "faces", crop="centre")
    assert [row.clip for row in found.rows] == [
        "ann.png × clip00.mp4", "ann.png × clip01.mp4", "bob.png × clip00.mp4", "bob.png × clip01.mp4",
    ]  # fmt: skip
    assert not found.reconstruction and found.notes == ()
    assert set(found.summary["tiny"]) == {"flicker", "colour", "frame_rate", "measuring"}, "a flat source has no edges"
    assert "only reconstruction knows" in found.skipped["pixels"] and "FOMM" not in str(found)
    (tmp_path / "pairs.csv").write_text("source,driving\nfaces/bob.png,clips/clip02.mp4\n")
    paired = evaluate(model, pairs=tmp_path / "pairs.csv", crop="centre", metrics=["flicker"])
    listed = evaluate(
        model,
        pairs=[(tmp_path / "faces" / "bob.png", clips / "clip02.mp4")],
        crop="centre",
        metrics=["flicker"],
    )
    assert paired.rows[0].values["flicker"] == listed.rows[0].values["flicker"] and len(paired.rows) == 1


def test_a_clip_that_cannot_be_read_is_a_row(clips: Path, tmp_path: Path, model: mk.Model) -> None:
    (clips / "clip01.mp4").write_bytes(b"no film")
    found = evaluate(model, clips, output=tmp_path / "out", metrics=["pixels"])
    assert [row.status for row in found.rows] == ["ok", "failed", "ok"]
    ((_, name, reason),) = found.failed
    assert name == "clip01.mp4" and "clip01.mp4" in reason and found.summary["tiny"]["l1"].clips == 2
    assert f"Failed: 1 of 3; the first is clip01.mp4: {reason}" in str(found)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Could not be measured" in page and "no film" not in page


def test_landmarks_of_any_function(clips: Path, model: mk.Model) -> None:
    found = evaluate(model, clips, metrics=["akd", "regions", "following"], landmarks=corners)
    assert {"akd", "missing", "l1_face", "l1_ring"} <= set(found.summary["tiny"])
    assert found.skipped == {"following": "it needs the face mesh, and the landmarks are corners's"}
    assert any("AKD" in note and "corners" in note for note in found.notes)


def test_meshes_show_what_is_followed(clips: Path, model: mk.Model) -> None:
    faces = [face((3.0 * n, 0, 0), mouth=n) for n in range(4)]
    found = evaluate(model, clips, metrics=["following", "akd"], landmarks=MeshStandIn(faces))
    assert found.summary["tiny"]["follows_yaw"].mean == pytest.approx(1) and found.summary["tiny"]["akd"].mean == 0


def test_metrics_of_ones_own(clips: Path, model: mk.Model) -> None:
    def largest(result: np.ndarray, driving: np.ndarray) -> float:
        """Largest difference of a frame."""
        return float(np.abs(result.astype(int) - driving).max())

    def first_row(batch: Batch) -> list[float]:
        return [float(frame[0].mean()) for frame in batch.result]

    own = FrameMetric(Quantity("row", "brightness of the first row", ""), first_row)
    found = evaluate(model, clips, metrics=[largest, own, "flicker"])
    assert list(found.summary["tiny"]) == ["largest", "row", "flicker", "frame_rate", "measuring"]
    assert found.quantities[0].what == "Largest difference of a frame"

    def broken(result: np.ndarray, driving: np.ndarray) -> float:
        raise ZeroDivisionError("by zero")

    with pytest.raises(InputError, match=r"A metric failed; got broken \(ZeroDivisionError: by zero\)"):
        evaluate(model, clips, metrics=[broken])


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"metrics": ["l2"]}, "Unknown metric; got l2; expected some of pixels, regions, ssim"),
        ({"metrics": []}, "Nothing is left to measure; got no metrics"),
        ({"metrics": ["aed"]}, "Nothing is left to measure; got aed: no embedder is wanted"),
        (
            {"metrics": ["flicker", FrameMetric(Quantity("flicker", ""), lambda _: [])]},
            "Two metrics give the same figure",
        ),
        ({"metrics": [3]}, "This is no metric; got 3"),
        ({"pairs": [("a", "b")]}, "What is evaluated is not clear; got clips and pairs"),
        ({"pairs": ["ab"], "clips": None}, r"This is no pair; got 'ab'"),
        ({"clips": None}, "What is evaluated is not clear; got neither clips nor pairs"),
        ({"clips": []}, "There are no clips here"),
        ({"models": []}, "There are no models"),
    ],
)
def test_what_cannot_be_evaluated(given: dict[str, object], reason: str, clips: Path, model: mk.Model) -> None:
    arguments = {"models": model, "clips": clips, **given}
    with pytest.raises(InputError, match=reason):
        evaluate(arguments.pop("models"), arguments.pop("clips"), **arguments)


def test_options_out_of_range() -> None:
    for name, value in (("every", 0), ("resamples", 99), ("confidence", 1.0), ("seconds", 0), ("crop", "tight")):
        with pytest.raises(InputError, match=name):
            EvaluateOptions(**{name: value})  # type: ignore[arg-type]


def test_models_side_by_side(clips: Path, tmp_path: Path) -> None:
    models = [save_tiny(tmp_path / "one.safetensors"), save_tiny(tmp_path / "two.safetensors", brighter=0.4)]
    out = tmp_path / "out"
    found = evaluate(models, clips, output=out, metrics=["pixels", "colour"], device="cpu")
    assert [model.name for model in found.models] == ["one", "two"] and len(found.rows) == 6
    one, two = (np.array([row.values["l1"] for row in found.rows if row.model == name]) for name in ("one", "two"))
    change = next(one for one in found.differences if one.quantity == "l1")
    assert change.model == "two" and change.spread.mean == pytest.approx((two - one).mean())
    assert change.verdict == ("worse" if (two > one).all() else "better" if (two < one).all() else change.verdict)
    assert "two − one" in str(found) and "one: mean" in found._repr_html_()
    content = json.loads((out / "evaluation.json").read_text())
    assert [model["name"] for model in content["models"]] == ["one", "two"]
    assert {one["quantity"] for one in content["differences"]} == {"l1", "psnr", "colour", "frame_rate"}
    # A third is added later: the two are not measured again.
    third = save_tiny(tmp_path / "three.safetensors", brighter=-0.4)
    before = (out / "rows-0.jsonl").read_text()
    found = evaluate([*models, third], clips, output=out, metrics=["pixels", "colour"], device="cpu")
    added = (out / "rows-0.jsonl").read_text().removeprefix(before).splitlines()
    assert len(added) == 3 and all('"three"' in line for line in added) and len(found.rows) == 9


def test_a_folder_keeps_what_was_measured(
    clips: Path, tmp_path: Path, model: mk.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, measured = tmp_path / "out", []
    real = work.measure_item
    monkeypatch.setattr(work, "measure_item", lambda *given: measured.append(given[2].driving.name) or real(*given))
    first = evaluate(model, clips, output=out, metrics=["pixels"])
    again = evaluate(model, clips, output=out, metrics=["pixels"])
    assert measured == ["clip00.mp4", "clip01.mp4", "clip02.mp4"] and list(again.rows) == list(first.rows)
    # One clip changes, one comes and one goes.
    write_clips(tmp_path / "other", 4)
    (tmp_path / "other" / "clip03.mp4").rename(clips / "clip01.mp4")
    (tmp_path / "other" / "clip02.mp4").rename(clips / "clip09.mp4")
    (clips / "clip02.mp4").unlink()
    third = evaluate(model, clips, output=out, metrics=["pixels"])
    assert measured[3:] == ["clip01.mp4", "clip09.mp4"]
    assert [row.clip for row in third.rows] == ["clip00.mp4", "clip01.mp4", "clip09.mp4"]
    with pytest.raises(InputError, match=r"other settings; got every 2; expected every 1\. Give the same again"):
        evaluate(model, clips, output=out, metrics=["pixels"], every=2)
    with pytest.raises(InputError, match=r"other settings; got metrics \['flicker'\]"):
        evaluate(model, clips, output=out, metrics=["flicker"])
    assert evaluate(
        model, clips, output=out, metrics=["pixels"], seed=5, confidence=0.8
    ).options.seed == 5, "how figures are shown may change"  # fmt: skip


def test_what_a_folder_holds(clips: Path, tmp_path: Path, model: mk.Model) -> None:
    out = tmp_path / "out"
    seen = []
    found = evaluate(
        model, clips, output=out, metrics=["pixels", "ms_ssim"], pictures=1, progress=seen.append,
    )  # fmt: skip
    tables = {"clips.csv", "clips.parquet", "evaluation.json", "report.html"}
    assert names(out) == {".lock", "settings.json", "rows-0.jsonl", ".pictures", *tables}
    assert [(one.done, one.total) for one in seen] == [(1, 3), (2, 3), (3, 3)]
    assert len(names(out / ".pictures")) == 2, "of the best and of the worst"
    content = json.loads((out / "evaluation.json").read_text())
    assert content["summary"]["tiny"]["l1"]["mean"] == found.summary["tiny"]["l1"].mean
    assert content["models"][0]["sha256"] == "a" * 64 and content["seed"] == 0 and content["frames"] == 12
    assert "needs pictures of at least 176 pixels, and these have 32" in content["skipped"]["ms_ssim"]
    assert set(content["versions"]) >= {"python", "motionkit", "torch", "numpy"}
    assert len(content["inputs"]) == 3 and all(len(one) == 64 for one in content["inputs"].values())
    assert content["published"][0]["values"]["l1"] == 0.043 and content["not_comparable"]
    assert "FOMM paper *" in str(found) and "0.043" in str(found) and "Left out: ms_ssim" in str(found)
    html = found._repr_html_()
    assert html.count("<tr>") == 1 + len(found.summary["tiny"]) and "interval" in html
    # What was left out of the table is not in the picture either: the times alone differ from run to run.
    assert set(found.summary["tiny"]) == {"l1", "l1_still", "psnr", *TIMES}
