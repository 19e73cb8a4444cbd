"""What multiply is given a second time, or by mistake: changed files, damaged ones, one file twice, wrong places."""

from __future__ import annotations

import errno
import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motionkit import media, multiply
from motionkit.config import AnimateOptions
from motionkit.data.multiplication.options import MultiplyOptions, Variations
from motionkit.data.multiplication.plan import make_plan
from motionkit.data.multiplication.run import MultiplicationResult, estimate_multiplication
from motionkit.data.multiplication.storage import writing
from motionkit.errors import AnimationCancelled, InputError, MediaError, MotionkitWarning
from motionkit.model import Model
from motionkit.structures import Progress
from tests.support.files import names
from tests.support.multiplied import PICTURES, check_whole, given_files, pixels, rows_of
from tests.support.networks import tiny_model


@pytest.fixture(scope="module")
def model() -> Model:
    return tiny_model("f" * 64, blend_warped=True)


@pytest.fixture
def given(tmp_path: Path) -> Path:
    return given_files(tmp_path / "given", sources=2, drivings=2)


def made(given: Path, output: Path, model: Model, options: MultiplyOptions = PICTURES, **how: Any) -> Any:
    return multiply(given / "sources", given / "drivings", output, model=model, options=options, **how)


def stopped(given: Path, output: Path, model: Model, after: int = 2) -> None:
    """A run that ends when so many pairs are made, the last of which is not put in place."""
    stop = threading.Event()
    with pytest.raises(AnimationCancelled):
        made(given, output, model, cancel=stop, progress=lambda seen: stop.set() if seen.done >= after else None)


@pytest.mark.parametrize("changed", ["sources/s0.png", "drivings/d0.mp4"])
def test_results_of_a_file_that_changed_are_not_gone_on_with(
    changed: str, given: Path, model: Model, tmp_path: Path
) -> None:
    out, file = tmp_path / "out", given / changed
    stopped(given, out, model)
    before, other = file.read_bytes(), given / changed.replace("0.", "1.")
    shutil.copy(other, file)
    with pytest.raises(InputError, match=rf"has changed since.*one of the {file.parent.name}; got {file.name}, of"):
        made(given, out, model)
    file.write_bytes(before)
    assert made(given, out, model).ok == 12
    made(given, tmp_path / "fresh", model)
    fresh, gone_on = pixels(tmp_path / "fresh"), pixels(out)
    assert fresh.keys() == gone_on.keys() and all(np.array_equal(fresh[name], gone_on[name]) for name in fresh)


def test_ctrl_c_says_how_to_go_on(given: Path, model: Model, tmp_path: Path) -> None:
    def press(seen: Progress) -> None:
        if seen.done == 2:
            raise KeyboardInterrupt

    with (
        pytest.raises(KeyboardInterrupt),
        pytest.warns(MotionkitWarning, match=r"Stopped after 2 of 4 results\. What is whole is kept; run it again"),
    ):
        made(given, tmp_path / "out", model, progress=press)
    assert made(given, tmp_path / "out", model).made == 3 and len(check_whole(tmp_path / "out")) == 12


@pytest.mark.parametrize("changed", ["sources/s1.png", "drivings/d1.mp4"])
def test_a_file_of_which_nothing_is_made_may_change(changed: str, given: Path, model: Model, tmp_path: Path) -> None:
    out, file = tmp_path / "out", given / changed
    stopped(given, out, model)
    shutil.copy(given / changed.replace("1.", "0."), file)
    assert made(given, out, model).ok == 12
    made(given, tmp_path / "fresh", model)
    fresh, gone_on = pixels(tmp_path / "fresh"), pixels(out)
    assert all(np.array_equal(fresh[name], gone_on[name]) for name in fresh), "also what was kept of the driving"
    shutil.copy(given / "sources" / "s0.png", given / "sources" / "s9.png")
    file.unlink()
    with pytest.raises(InputError, match="begun with other arguments"):
        made(given, out, model)


def test_a_folder_in_which_nothing_was_made_takes_other_arguments(given: Path, model: Model, tmp_path: Path) -> None:
    absent = replace(PICTURES, animate=AnimateOptions(reference=3))
    stop = threading.Event()
    stop.set()
    with pytest.raises(AnimationCancelled):
        made(given, tmp_path / "out", model, absent, cancel=stop)
    assert (tmp_path / "out" / ".multiply" / "arguments.json").exists()
    shutil.rmtree(given / "drivings")
    shutil.copytree(given / "sources", given / "drivings" / "walk")
    assert made(given, tmp_path / "out", model).ok == 4, "two pictures of each"
    assert {row["driving"] for row in check_whole(tmp_path / "out")} == {"walk"}


def test_what_the_model_lacks_is_said_before_a_folder_is_made(given: Path, model: Model, tmp_path: Path) -> None:
    options = replace(PICTURES, variations=Variations(gains={"ears": (1.0, 2.0)}))
    for wanted in (estimate_multiplication, multiply):
        with pytest.raises(InputError, match="Unknown keypoint or group in gains; got 'ears'"):
            wanted(given / "sources", given / "drivings", tmp_path / "out", model=model, options=options)
    assert not (tmp_path / "out").exists()


def test_a_driving_without_the_reference_frame_is_rows_with_the_reason(
    given: Path, model: Model, tmp_path: Path
) -> None:
    options = replace(PICTURES, animate=AnimateOptions(reference=7))  # d0 has seven frames, d1 eight
    result = made(given, tmp_path / "out", model, options)
    assert (result.ok, result.failed) == (6, 2)
    assert {row["driving"] for row in check_whole(tmp_path / "out") if row["status"] == "failed"} == {"d0.mp4"}
    (reason,) = result.reasons
    assert "The reference frame is not in the driving clip; got 7; expected 0 to 6" in reason


def test_other_places_are_left_as_they_are(
    given: Path, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("mine")
    monkeypatch.chdir(given)
    for output, said in (
        (tmp_path / "file", "A data set needs a folder; got .*file"),
        (given / "sources", r"no data set of motionkit; got .*sources with s0\.png"),
        ("", "The name of the output is empty"),
    ):
        for wanted in (estimate_multiplication, multiply):
            with pytest.raises(InputError, match=said):
                wanted(given / "sources", given / "drivings", output, model=model, options=PICTURES)
    assert (tmp_path / "file").read_text() == "mine"
    assert names(given / "sources") == {"s0.png", "s1.png"} and names(given) == {"sources", "drivings"}


@pytest.mark.parametrize(
    ("number", "todo"), [(errno.ENOSPC, "free some space"), (errno.EACCES, "a folder that can be written")]
)
def test_what_to_do_depends_on_what_failed(number: int, todo: str) -> None:
    with pytest.raises(MediaError, match=f"data set cannot be written; got here .*{todo}"), writing("here"):
        raise OSError(number, "no")


@pytest.mark.parametrize("name", ["arguments.json", "inputs.json", "journal.jsonl"])
@pytest.mark.parametrize("damage", ["cut", "changed", "other"])
def test_damaged_files_of_its_own_are_an_error(
    name: str, damage: str, given: Path, model: Model, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    made(given, out, model)
    file = out / ".multiply" / name
    whole = file.read_bytes()
    cut = {"cut": whole[: len(whole) // 3], "changed": whole.replace(b'"', b"\0", 4), "other": b"[1]\n"}[damage]
    if name == "journal.jsonl" and damage == "changed":
        cut = whole.replace(b'"rows"', b'"r\0ws"', 1)
    file.write_bytes(cut)
    if name == "journal.jsonl" and damage != "changed":
        result = made(given, out, model)
        assert result.made > 0 and len(check_whole(out)) == 12, "what no line tells of is made anew"
        return
    with pytest.raises(MediaError, match=rf"is damaged; got .*{name}.*give another folder"):
        made(given, out, model)
    file.write_bytes(whole)
    assert made(given, out, model).made == 0


def test_one_file_named_twice_is_one(
    given: Path, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(given)
    table = given / "faces.csv"
    table.write_text(f"file,label\nsources/s0.png,ann\n{given}/sources/s0.png,ann\nsources/../sources/s1.png,bob\n")
    plan = make_plan(table, ["drivings/d0.mp4", given / "drivings" / "d0.mp4"], PICTURES)
    assert [source.label for source in plan.sources] == ["ann", "bob"] and len(plan.drivings) == 1
    pairs = given / "pairs.csv"
    pairs.write_text(f"source,driving\nsources/s0.png,drivings/d0.mp4\n{given}/sources/s0.png,drivings/d0.mp4\n")
    assert len(make_plan(None, None, replace(PICTURES, pairs=str(pairs)))) == 1
    assert len(make_plan("sources", "drivings", replace(PICTURES, pairs=str(pairs)))) == 1
    table.write_text("file,label\nsources/s0.png,ann\nsources/../sources/s0.png,bob\n")
    with pytest.raises(InputError, match=r"One of the sources has two labels or licences; got sources/s0\.png: ann"):
        make_plan(table, "drivings", PICTURES)


def test_results_are_counted_though_the_last_shard_is_short(given: Path, model: Model, tmp_path: Path) -> None:
    options, seen = replace(PICTURES, format="webdataset", shard=3), []
    result: MultiplicationResult = made(given, tmp_path / "out", model, options, progress=seen.append)
    assert result.made == 4 and {one.total for one in seen} == {4}
    journal = tmp_path / "out" / ".multiply" / "journal.jsonl"
    first, second = journal.read_bytes().splitlines(keepends=True)
    for kept, left in ((first, 1), (second, 3)):
        journal.write_bytes(kept)
        seen.clear()
        again = made(given, tmp_path / "out", model, options, progress=seen.append)
        assert again.made == left and {one.total for one in seen} == {left}


def test_a_row_names_its_background_and_the_card_counts_in_words(given: Path, model: Model, tmp_path: Path) -> None:
    rooms = tmp_path / "rooms"
    for name in ("a", "b"):
        (rooms / name).mkdir(parents=True)
        media.write_image(rooms / name / "room.png", np.full((40, 40, 3), 90, np.uint8))
    options = replace(PICTURES, variations=Variations(backgrounds=str(rooms / "**"), count=12))
    (given / "sources" / "s1.png").unlink()
    (given / "drivings" / "d1.mp4").unlink()
    made(given, tmp_path / "out", model, options)
    told = {json.loads(row["parameters"])["background"] for row in rows_of(tmp_path / "out")}
    assert told == {"a/room.png", "b/room.png"}
    assert "1 source moved by 1 driving, 1 pair, 12 of each" in (tmp_path / "out" / "README.md").read_text()
