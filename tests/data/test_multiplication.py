"""A multiplied data set: every pair once, the pixels that animate gives, and labels that say how they came about."""

from __future__ import annotations

import hashlib
import json
import tarfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motionkit import animate, extract, faces, media, multiply, trust
from motionkit.config import AnimateOptions
from motionkit.data.multiplication.options import MultiplyOptions, Variations
from motionkit.data.multiplication.run import MultiplicationResult, estimate_multiplication
from motionkit.errors import AnimationCancelled, InputError
from motionkit.model import Model
from motionkit.motion.templates import save_template
from motionkit.structures import Progress
from motionkit.tensors import to_tensor
from tests.support.animations import psnr
from tests.support.multiplied import PICTURES, check_whole, given_files, pixels, rows_of
from tests.support.networks import tiny_model

ALL = [(f"s{s}.png", f"d{d}.mp4") for s in range(3) for d in range(2)]


@pytest.fixture(scope="module")
def model() -> Model:
    return tiny_model("f" * 64, blend_warped=True)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return given_files(tmp_path_factory.mktemp("given"))


@pytest.fixture(scope="module")
def made(given: Path, model: Model) -> Path:
    """Clips of all pairs."""
    options = MultiplyOptions(gate=False, workers=0)
    multiply(given / "sources", given / "drivings", given / "clips", model=model, options=options)
    return given / "clips"


def test_each_pair_is_a_clip_as_animate_makes_it(given: Path, made: Path, model: Model) -> None:
    rows = check_whole(made)
    assert [(row["source"], row["driving"]) for row in rows] == ALL
    assert {row["status"] for row in rows} == {"ok"}
    for row in rows:
        source = faces.crop(media.read_image(given / "sources" / row["source"]), faces.centred_square(48, 48), size=32)
        template = extract(given / "drivings" / row["driving"], model=model)
        wanted = np.stack(list(animate(source, template, model=model)))
        clip = media.open_clip(made / row["file"])
        assert (row["frames"], row["fps"], row["width"]) == (len(wanted), "25", 32)
        assert clip.info.fps == Fraction(25)
        assert psnr(np.stack(list(clip)), wanted) > 25, "but for the codec and the watermark"


def test_pictures_and_labels_are_what_the_model_gave(given: Path, model: Model, tmp_path: Path) -> None:
    result = multiply(given / "sources", given / "drivings", tmp_path / "out", model=model, options=PICTURES)
    rows = check_whole(tmp_path / "out")
    assert (result.ok, result.frames, result.made, len(rows)) == (18, 18, 6, 18)
    for row in rows:
        source = faces.crop(media.read_image(given / "sources" / row["source"]), faces.centred_square(48, 48), size=32)
        template = extract(given / "drivings" / row["driving"], model=model)
        wanted = list(animate(source, template, model=model))[row["frame"]]
        assert np.array_equal(media.read_image(tmp_path / "out" / row["file"]), trust.mark_frame(wanted))
        labels = np.load(tmp_path / "out" / row["labels"])
        picture = to_tensor([source])
        keypoints = model.detect(picture)
        moved = type(keypoints)(*(to_tensor_like(labels[name]) for name in ("keypoints", "jacobian")))
        generated = model.generate(picture, keypoints, moved)
        assert np.abs(labels["flow"] - generated.flow.numpy()).max() < 2e-3, "but for half precision"
        assert generated.occlusion is not None
        assert np.abs(labels["occlusion"] / 255 - generated.occlusion[:, 0].numpy()).max() < 3e-3
        places = (labels["keypoints"][0] + 1) / 2 * 31
        corners = [*places.min(axis=0).clip(0, 31), *(places.max(axis=0).clip(0, 31) + 1)]
        assert np.allclose(labels["box"][0], corners, atol=1e-3) and np.allclose(row["box"], corners, atol=0.01)
        assert np.allclose(np.reshape(row["keypoints"], (3, 2)), labels["keypoints"][0])


def to_tensor_like(array: np.ndarray) -> object:
    import torch

    return torch.from_numpy(array)


def test_metadata_and_watermark_say_that_it_was_made(made: Path) -> None:
    clip = next((made / "data").rglob("*.mp4"))
    assert trust.SOURCE_TYPE in str(media.read_metadata(clip))


def test_shards_hold_the_same_pictures(given: Path, model: Model, tmp_path: Path) -> None:
    plain, shards = PICTURES, MultiplyOptions(frames=3, gate=False, workers=0, format="webdataset", shard=4)
    multiply(given / "sources", given / "drivings", tmp_path / "plain", model=model, options=plain)
    multiply(given / "sources", given / "drivings", tmp_path / "shards", model=model, options=shards)
    names = sorted(path.name for path in (tmp_path / "shards" / "shards").iterdir())
    assert names == ["000000.tar", "000001.tar"]
    rows = rows_of(tmp_path / "shards")
    assert [row["sha256"] for row in rows] == [row["sha256"] for row in rows_of(tmp_path / "plain")]
    for row in rows:
        with tarfile.open(tmp_path / "shards" / row["shard"]) as tar:
            file = tar.extractfile(row["file"])
            assert file is not None and hashlib.sha256(file.read()).hexdigest() == row["sha256"]


def test_datasets_opens_both(made: Path, given: Path, model: Model, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    options = MultiplyOptions(frames=3, gate=False, workers=0, format="webdataset", shard=4)
    multiply(given / "sources", given / "drivings", tmp_path / "out", model=model, options=options)
    cache = str(tmp_path / "cache")
    table = datasets.load_dataset("parquet", data_files=str(made / "manifest.parquet"), split="train", cache_dir=cache)
    assert table["source"] == [source for source, _ in ALL]
    samples = datasets.load_dataset(
        "webdataset", data_files=str(tmp_path / "out" / "shards" / "*.tar"), split="train", cache_dir=cache
    )
    rows = rows_of(tmp_path / "out")
    assert samples["__key__"] == [row["key"] for row in rows]
    for sample, row in zip(samples, rows, strict=True):
        assert sample["png"].size == (32, 32)
        assert sample["json"]["driving"] == row["driving"]
        assert np.asarray(sample["npz"]["flow"]).shape == (1, 16, 16, 2)
        assert np.allclose(np.reshape(sample["npz"]["keypoints"], -1), np.reshape(row["keypoints"], -1))


def test_a_bad_source_or_driving_is_rows_with_the_reason(model: Model, tmp_path: Path) -> None:
    given_files(tmp_path, sources=2, drivings=1)
    (tmp_path / "sources" / "broken.png").write_bytes(b"no picture")
    (tmp_path / "drivings" / "torn.mp4").write_bytes((tmp_path / "drivings" / "d0.mp4").read_bytes()[:500])
    result = multiply(tmp_path / "sources", tmp_path / "drivings", tmp_path / "out", model=model, options=PICTURES)
    rows = check_whole(tmp_path / "out")
    bad = [(row["source"], row["driving"]) for row in rows if row["status"] == "failed"]
    assert sorted(bad) == [
        ("broken.png", "d0.mp4"),
        ("broken.png", "torn.mp4"),
        ("s0.png", "torn.mp4"),
        ("s1.png", "torn.mp4"),
    ]
    assert all(
        "torn.mp4" in row["reason"] or "broken.png" in row["reason"] for row in rows if row["status"] == "failed"
    )
    assert not any(str(tmp_path) in (row["reason"] or "") for row in rows), "a data set tells no machine's folders"
    assert (result.ok, result.failed, result.rejected) == (6, 4, 0)


@pytest.mark.parametrize("shape", ["folder", "webdataset"])
def test_what_failed_is_made_once_it_is_mended(shape: str, model: Model, tmp_path: Path) -> None:
    given_files(tmp_path, sources=2, drivings=2)
    source, driving = tmp_path / "sources" / "s1.png", tmp_path / "drivings" / "d1.mp4"
    whole = {path: path.read_bytes() for path in (source, driving)}
    for path in whole:
        path.write_bytes(whole[path][:300])
    asked: dict[str, Any] = {"model": model, "options": replace(PICTURES, format=shape)}

    def made(name: str, **changes: Any) -> MultiplicationResult:
        wanted = {**asked, "options": replace(asked["options"], **changes)}
        return multiply(tmp_path / "sources", tmp_path / "drivings", tmp_path / name, **wanted)

    assert (made("out").ok, made("out").failed) == (3, 3)
    for path, data in whole.items():
        path.write_bytes(data)
    again = made("out")
    assert (again.ok, again.failed, again.made) == (3, 3, 0), "known as failed"
    mended = made("out", retry=True)
    assert (mended.ok, mended.failed) == (12, 0)
    made("fresh")
    assert [{**row, "created": None} for row in rows_of(tmp_path / "out")] == [
        {**row, "created": None} for row in rows_of(tmp_path / "fresh")
    ]
    assert made("out", retry=True).made == 0


def test_templates_drive_too(given: Path, made: Path, model: Model, tmp_path: Path) -> None:
    (tmp_path / "drivings").mkdir()
    save_template(tmp_path / "drivings" / "d0.motion", extract(given / "drivings" / "d0.mp4", model=model))
    multiply(
        given / "sources",
        tmp_path / "drivings",
        tmp_path / "out",
        model=model,
        options=MultiplyOptions(gate=False, workers=0),
    )
    by_source = {row["source"]: row["sha256"] for row in rows_of(made) if row["driving"] == "d0.mp4"}
    assert {row["source"]: row["sha256"] for row in check_whole(tmp_path / "out")} == by_source


def test_the_card_and_the_manifest_tell_licence_and_label(given: Path, model: Model, tmp_path: Path) -> None:
    table = tmp_path / "faces.csv"
    first, second = given / "sources" / "s0.png", given / "sources" / "s1.png"
    table.write_text(f"file,label,licence\n{first},ann,CC0\n{second},bob,\n")
    options = PICTURES.__class__(frames=1, gate=False, workers=0, licence="CC-BY-4.0")
    multiply(table, given / "drivings", tmp_path / "out", model=model, options=options)
    told = {(row["label"], row["licence"]) for row in check_whole(tmp_path / "out")}
    assert told == {("ann", "CC0"), ("bob", "CC-BY-4.0")}
    card = (tmp_path / "out" / "README.md").read_text()
    assert card.startswith("---\nlicense: CC-BY-4.0\n") and "4 pictures (4 frames)" in card and "f" * 64 in card


def test_a_dry_run_counts_and_writes_nothing(given: Path, model: Model, tmp_path: Path) -> None:
    clips = MultiplyOptions(gate=False, workers=0, variations=Variations(count=2))
    about = estimate_multiplication(given / "sources", given / "drivings", tmp_path / "out", model=model, options=clips)
    assert (about.pairs, about.results, about.frames) == (6, 12, 2 * 3 * (7 + 8))
    assert not (tmp_path / "out").exists()
    result = multiply(given / "sources", given / "drivings", tmp_path / "out", model=model, options=clips)
    assert result.frames == about.frames
    files = sum(path.stat().st_size for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert files / 3 < about.bytes < files * 3
    assert 0 < about.hours < 1


def test_progress_and_cancel(given: Path, model: Model, tmp_path: Path) -> None:
    import threading

    seen: list[Progress] = []
    stop = threading.Event()

    def watch(progress: Progress) -> None:
        seen.append(progress)
        if progress.done == 3:
            stop.set()

    with pytest.raises(AnimationCancelled, match=r"Stopped after 3 of 6 results\. What is whole is kept"):
        multiply(
            given / "sources", given / "drivings", tmp_path, model=model, options=PICTURES, progress=watch, cancel=stop
        )
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "data").rglob("*.png")}
    assert kept and seen[-1].remaining is not None
    result = multiply(given / "sources", given / "drivings", tmp_path, model=model, options=PICTURES)
    assert result.made < 6 and result.ok == 18
    check_whole(tmp_path)
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items()), "nothing is done twice"


def test_what_is_done_stays_and_other_arguments_are_an_error(given: Path, model: Model, tmp_path: Path) -> None:
    def again(options: MultiplyOptions, drivings: Path | list[Path] = given / "drivings") -> object:
        return multiply(given / "sources", drivings, tmp_path, model=model, options=options)

    again(PICTURES)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "data").rglob("*")}
    again(PICTURES)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "data").rglob("*")} == before
    with pytest.raises(InputError, match=r"begun with other arguments; got seed 3 \(before 0\); expected the same"):
        again(PICTURES.__class__(frames=3, gate=False, seed=3))
    with pytest.raises(InputError, match=r"got frames None \(before 3\)"):
        again(MultiplyOptions(gate=False))
    with pytest.raises(InputError, match=r"1 drivings \(before 2\), without d1.mp4; pairs 3, all"):
        again(PICTURES, given / "drivings" / "d0.mp4")
    noted = tmp_path / ".multiply" / "arguments.json"
    noted.write_text(json.dumps(json.loads(noted.read_text()) | {"n" * 9000: "v" * 9000}))
    with pytest.raises(InputError, match=r"begun with other arguments; got n+… None") as told:
        again(PICTURES)
    assert len(str(told.value)) < 500
    with pytest.raises(InputError, match=r"animate smoothing 0.5 \(before 0.0\)"):
        again(PICTURES.__class__(frames=3, gate=False, animate=AnimateOptions(smoothing=0.5)))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("x")
    with pytest.raises(InputError, match=r"holds no data set of motionkit; got .* with thesis.txt"):
        multiply(given / "sources", given / "drivings", tmp_path / "other", model=model, options=PICTURES)


def test_the_journal_forgets_a_torn_line(given: Path, model: Model, tmp_path: Path) -> None:
    multiply(given / "sources", given / "drivings", tmp_path, model=model, options=PICTURES)
    journal = tmp_path / ".multiply" / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    assert [json.loads(line)["task"] for line in lines] == list(range(6))
    journal.write_bytes(b"".join(lines[:4]) + lines[4][:50])
    result = multiply(given / "sources", given / "drivings", tmp_path, model=model, options=PICTURES)
    assert result.made == 2
    assert len(check_whole(tmp_path)) == 18
    assert set(pixels(tmp_path)) == {Path(row["file"]).name for row in rows_of(tmp_path)}
