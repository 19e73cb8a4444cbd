"""``motionkit pose``, ``motions`` and ``extract --actions``."""

from __future__ import annotations

from pathlib import Path

import pytest

from motionkit import model, motion
from motionkit.cli.main import main
from motionkit.motion.ready import MOTIONS
from motionkit.motion.takes import load_take
from tests.support.networks import tiny_model


@pytest.fixture
def named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As ``folder``, with a model whose keypoints expressions know."""
    tiny = tiny_model("f" * 64, blend_warped=True, keypoint_names=("nose", "lip_bottom", "jaw_left"))
    monkeypatch.setattr(model, "load_model", lambda *_, **__: tiny)
    return folder


def test_pose(named: Path) -> None:
    assert main(["pose", "photo.png", "--set", "jawOpen=0.6", "--yaw", "12", "-o", "still.png"]) == 0
    assert (named / "still.png").is_file()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--set", "jawOpen"], "This sets no action"),
        (["--set", "jawOpne=1"], "Did you mean jawOpen?"),
        (["--set", "jawOpen=2"], "jaw_open is out of range"),
        (["--yaw", "90"], "yaw is out of range"),
        (["--yaw", "nan"], "yaw is out of range"),
        (["--set", "jawOpen=0.5", "--set", "jaw_open=0.2"], "An action is given twice"),
        (["--set", "jawOpen=0.5", "--set", "jawOpen=0.2"], "An action is given twice"),
        (["--set", "yaw=3", "--yaw", "0"], "An action is given twice"),
        (["-o", "still.mp4"], "A pose is a picture"),
    ],
)
def test_mistakes_are_said_in_a_line(
    named: Path, capsys: pytest.CaptureFixture[str], given: list[str], says: str
) -> None:
    assert main(["pose", "photo.png", *given]) == 1
    said = capsys.readouterr().err
    assert says in said and "Traceback" not in said


def test_an_action_that_nothing_shows_is_said(named: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pose", "photo.png", "--set", "eyeBlink_L = 1", "--set", "jawOpen=1", "-o", "still.png"]) == 0
    said = capsys.readouterr().err
    assert "eyeBlinkLeft: none of the model's keypoints shows it" in said and "jawOpen" not in said


@pytest.mark.parametrize(("given", "near"), [("smlie", "smile"), ("Smile", "smile"), ("look around", "look-around")])
def test_a_motions_name_that_is_nearly_right_is_named(
    named: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], given: str, near: str
) -> None:
    monkeypatch.chdir(named)
    assert main(["animate", "photo.png", given, "-o", "result.mp4"]) == 1
    assert f"Did you mean {near}?" in capsys.readouterr().err and not (named / "result.mp4").exists()


def test_a_model_without_a_map_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pose", "photo.png", "--yaw", "12", "-o", "still.png"]) == 1
    assert "do not know this model's keypoints" in capsys.readouterr().err
    assert not (folder / "still.png").exists()


@pytest.mark.parametrize(
    "given",
    [["pose", "photo.png", "-o", "out.png"], ["animate", "photo.png", "smile", "-o", "out.mp4"],
     ["extract", "smile", "-o", "out.motion"]],
)  # fmt: skip
def test_a_published_model_is_not_downloaded_for_what_it_cannot_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], given: list[str]
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(model, "load_model", lambda *_, **__: pytest.fail("it was downloaded"))
    there = sorted(folder.iterdir())
    assert main([*given, "--model", "vox"]) == 1
    said = capsys.readouterr().err
    assert "Expressions do not know this model's keypoints" in said and "drive with a clip" in said
    assert sorted(folder.iterdir()) == there


def test_motions_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["motions"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(MOTIONS)


def test_extract_writes_actions_with_or_without_a_template(named: Path) -> None:
    assert main(["extract", "drive.mp4", "--actions", "take.json"]) == 0
    take = load_take(named / "take.json")
    assert len(take) == 5 and take.fps == 25
    assert main(["extract", "smile", "-o", "smile.motion", "--actions", "smile.json"]) == 0
    assert len(motion.load_template(named / "smile.motion")) == len(load_take(named / "smile.json")) + 1


def test_extract_without_a_target_or_with_a_wrong_one(named: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for given, says in (([], "nothing to write"), (["--actions", "take.txt"], "A take is CSV or JSON")):
        assert main(["extract", "drive.mp4", *given]) == 1
        assert says in capsys.readouterr().err
