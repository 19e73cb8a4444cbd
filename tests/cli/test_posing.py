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
        (["-o", "still.mp4"], "A pose is a picture"),
    ],
)
def test_mistakes_are_said_in_a_line(
    named: Path, capsys: pytest.CaptureFixture[str], given: list[str], says: str
) -> None:
    assert main(["pose", "photo.png", *given]) == 1
    said = capsys.readouterr().err
    assert says in said and "Traceback" not in said


def test_a_model_without_a_map_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pose", "photo.png", "--yaw", "12", "-o", "still.png"]) == 1
    assert "do not know this model's keypoints" in capsys.readouterr().err
    assert not (folder / "still.png").exists()


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
