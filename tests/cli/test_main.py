"""Every command has help; a mistake is one line and status 1; a warning is one line too."""

from __future__ import annotations

import itertools
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from motionkit import media, model, samples
from motionkit.cli.main import main
from tests.support.files import names
from tests.support.networks import tiny_model

COMMANDS = (
    "animate",
    "extract",
    "collage",
    "keypoints",
    "models",
    "fetch",
    "convert",
    "bench",
    "train",
    "prepare",
    "verify",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert f"usage: motionkit {command}" in capsys.readouterr().out
    assert main(["--help"]) == 0
    assert command in capsys.readouterr().out


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 1
    assert "animate" in capsys.readouterr().out


MISTAKES = {
    "animat photo.png drive.mp4": "invalid choice",
    "animate photo.png": "There is no driving; expected SOURCE DRIVING",
    "animate foto.png drive.mp4": "There is no such file; got foto.png. Did you mean photo.png",
    "animate drive.mp4 photo.png": "Source and driving look swapped",
    "animate photo.png drive.mp4 -o drive.mp4": "The target would overwrite an input",
    "animate photo.png drive.mp4 -o r.png": "A clip cannot be written as a picture",
    "animate photo.png drive.mp4 -o r.xyz": "Unknown kind of output",
    "animate . drive.mp4": "Several results need a folder; got result.mp4",
    "animate photo.png drive.mp4 --strength 3": "strength is out of range; got 3.0; expected a number from 0 to 2",
    "animate photo.png drive.mp4 --strength much": "argument --strength: invalid float value: 'much'",
    "animate photo.png drive.mp4 --fps 1/0": "argument --fps: '1/0' is not a number such as 25",
    "animate photo.png drive.mp4 --start 9": "The cut starts after the clip's end",
    "animate photo.png drive.mp4 --gain mouth": "This is not a gain; got 'mouth'; expected NAME=FACTOR",
    "animate photo.png drive.mp4 --gain mouth=2": "Unknown keypoint or group in gains; got 'mouth'",
    "animate photo.png drive.mp4 --source-box 1,2,3": "This is not a box; got '1,2,3'; expected LEFT,TOP,RIGHT,BOTTOM",
    "animate photo.png drive.mp4 --reference worst": "Unknown reference; got 'worst'",
    "animate photo.png drive.mp4 --crop middle": "argument --crop: invalid choice: 'middle'",
    "extract drive.mp4 -o drive.txt": "A motion template needs its own suffix; got drive.txt",
    "collage photo.png nothing.mp4 -o c.mp4": "There is no such file; got nothing.mp4",
    "collage photo.png drive.mp4 -o photo.png": "The target would overwrite an input",
    "collage photo.png drive.mp4 -o c.mp4 --height 0": "The height of a picture is too small; got 0",
    "collage photo.png drive.mp4 -o c.png --moments 0": "moments is out of range; got 0",
    "keypoints drive.mp4 -o drive.mp4": "The target would overwrite an input",
    "keypoints drive.mp4 -o drive.png": "A clip cannot be written as a picture",
    "fetch voks": "vox",
    "convert photo.png o.safetensors": "photo.png",
    "convert missing.pth.tar o.safetensors": "missing.pth.tar",
}


@pytest.mark.parametrize("arguments", MISTAKES)
def test_a_mistake_is_one_line_and_status_1(folder: Path, capsys: pytest.CaptureFixture[str], arguments: str) -> None:
    before = names(folder)
    assert main(arguments.split()) == 1
    captured = capsys.readouterr()
    lines = [line for line in captured.err.splitlines() if line and "frame" not in line.split("|")[-1]]
    assert len(lines) == 1 and lines[0].startswith("motionkit: ") and MISTAKES[arguments] in lines[0]
    assert captured.out == "" and names(folder) == before


def test_a_warning_is_one_line_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    face = tiny_model(domain="face")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "load_model", lambda *_, **__: face)
        assert main(["animate", "drive.mp4", "drive.mp4", "-o", "o.mp4"]) == 0
    assert (
        "motionkit: No face was found in the driving drive.mp4; the centred square is used" in capsys.readouterr().err
    )


def test_a_warning_does_not_run_on_from_a_progress_bar(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The black frames are noticed when the bar is there already."""
    faces = list(itertools.islice(media.open_clip(samples.driving_clip()), 4))
    with media.VideoWriter(tmp_path / "black.mp4", fps=Fraction(25)) as writer:
        for frame in [*faces, *[np.zeros_like(faces[0])] * 6]:
            writer.write(frame)
    assert main(["animate", str(samples.portrait()), str(tmp_path / "black.mp4"), "-o", str(tmp_path / "o.mp4")]) == 0
    err = capsys.readouterr().err
    assert "frame/s" in err
    assert re.search(r"[\r\n]motionkit: [^\r]+\n", err), err


def test_a_device_or_model_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    media.write_image(tmp_path / "a.png", np.zeros((32, 32, 3), np.uint8))
    files = [str(tmp_path / "a.png"), str(tmp_path / "a.png"), "-o", str(tmp_path / "o.mp4")]
    assert main(["animate", *files, "--device", "cuda:99"]) == 1
    assert "This device is not here; got 'cuda:99'; expected one of cpu" in capsys.readouterr().err
    assert main(["animate", *files, "--model", "haeds"]) == 1
    assert "heads" in capsys.readouterr().err
