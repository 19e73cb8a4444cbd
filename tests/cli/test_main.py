"""The command line: every command, exit statuses, one line for a mistake, help that tells all."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from motionkit import media, model, trust
from motionkit.cli import animation
from motionkit.cli import main as cli
from motionkit.cli.main import main
from motionkit.model import Model
from motionkit.motion.templates import load_template
from motionkit.options import AnimateOptions
from motionkit.samples import portrait
from motionkit.structures import Box
from tests.conftest import seeded_model, tiny_config

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
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A photo and a clip, the working directory, and a small model whatever the name."""
    picture = media.read_image(portrait())
    media.write_image(tmp_path / "photo.png", picture[40:104, 180:276])
    with media.VideoWriter(tmp_path / "drive.mp4", fps=Fraction(25)) as writer:
        for i in range(5):
            writer.write(picture[40 + i : 104 + i, 180 + 2 * i : 260 + 2 * i])
    tiny = Model(seeded_model(tiny_config(blend_warped=True)), device="cpu", precision="float32", fingerprint="f" * 64)
    monkeypatch.setattr(model, "load_model", lambda *_, **__: tiny)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def parsed(*arguments: str) -> AnimateOptions:
    return animation.options(cli.make_parser().parse_args(["animate", "a.png", "b.mp4", *arguments]))


def test_each_flag_sets_its_option() -> None:
    motion = "--strength 1.5 --gain 0=0.5 --gain mouth=2 --smoothing 0.3 --motion-limit 0 --reference 4 --absolute"
    crop = "--no-adapt-scale --crop centre --source-box 1,2,33,34 --driving-box=-4,0,60,64 --face all --paste-back"
    result = "--size 64 --batch-size 3 --no-audio --no-label --overlay flow --overlay keypoints"
    assert parsed(*f"{motion} {crop} {result}".split()) == AnimateOptions(
        strength=1.5,
        gains={0: 0.5, "mouth": 2.0},
        smoothing=0.3,
        motion_limit=None,
        reference=4,
        relative=False,
        adapt_scale=False,
        crop="centre",
        source_box=Box(1, 2, 33, 34),
        driving_box=Box(-4, 0, 60, 64),
        face="all",
        paste_back=True,
        size=64,
        batch_size=3,
        audio=False,
        label=False,
        overlays=("flow", "keypoints"),
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert f"usage: motionkit {command}" in capsys.readouterr().out
    assert main(["--help"]) == 0
    assert command in capsys.readouterr().out


def test_animate(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = "animate photo.png drive.mp4 --collage c.mp4 --still s.png --overlay flow --start 0.04 --fps 50"
    assert main(arguments.split()) == 0
    assert names(folder) == {"photo.png", "drive.mp4", "result.mp4", "c.mp4", "s.png"}
    clip = media.open_clip(folder / "result.mp4")
    assert clip.info.fps == 50 and clip.info.width == 32
    out = capsys.readouterr().out
    assert "result.mp4: 7 frames" in out and "frames a second" in out and "'cpu'" in out


def test_extract_and_animate_with_the_template(folder: Path) -> None:
    assert main(["extract", "drive.mp4", "-o", "drift.motion"]) == 0
    assert load_template(folder / "drift.motion").keypoints.value.shape == (5, 3, 2)
    assert main(["animate", "photo.png", "drift.motion", "-o", "frames"]) == 0
    assert len(names(folder / "frames")) == 5


def test_keypoints_of_a_clip_and_their_table(folder: Path) -> None:
    assert main(["keypoints", "drive.mp4", "-o", "points.mp4", "--table", "points.csv"]) == 0
    assert len(list(media.open_clip(folder / "points.mp4"))) == 5
    lines = (folder / "points.csv").read_text().splitlines()
    assert lines[0] == "frame,keypoint,x,y,j11,j12,j21,j22" and len(lines) == 1 + 5 * 3
    assert names(folder) == {"photo.png", "drive.mp4", "points.mp4", "points.csv"}


def test_collage_of_clips_and_pictures_in_any_order(folder: Path) -> None:
    assert main(["collage", "before=photo.png", "drive.mp4", "after=photo.png", "-o", "c.mp4", "--height", "40"]) == 0
    clip = media.open_clip(folder / "c.mp4")
    assert (clip.info.width, clip.info.height, clip.info.fps) == (60 + 50 + 60 + 2 * 2, 40, 25)
    assert main(["collage", "photo.png", "drive.mp4", "-o", "c.png", "--moments", "3"]) == 0
    assert media.read_image(folder / "c.png").ndim == 3


def test_fetch_of_the_embedded_model_needs_no_network(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch", "heads"]) == 0
    assert Path(capsys.readouterr().out.strip()).is_file()


def test_convert(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reference = seeded_model(tiny_config())
    state = {"generator": reference.generator.state_dict(), "kp_detector": reference.kp_detector.state_dict()}
    torch.save(state, tmp_path / "own.pth.tar")
    status = main(["convert", str(tmp_path / "own.pth.tar"), str(tmp_path / "own.safetensors")])
    assert status == 0, capsys.readouterr().err
    with safe_open(tmp_path / "own.safetensors", "pt") as file:
        assert "config" in file.metadata()


MISTAKES = {
    "animat photo.png drive.mp4": "invalid choice",
    "animate photo.png": "the following arguments are required: driving",
    "animate foto.png drive.mp4": "There is no such file; got foto.png. Did you mean photo.png",
    "animate drive.mp4 photo.png": "Source and driving look swapped",
    "animate photo.png drive.mp4 -o drive.mp4": "The target would overwrite an input",
    "animate photo.png drive.mp4 -o r.png": "A clip cannot be written as a picture",
    "animate photo.png drive.mp4 -o r.xyz": "Unknown kind of output",
    "animate . drive.mp4": "The source is a folder",
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
    "collage photo.png drive.mp4 -o c.png --moments 0": "A contact sheet needs moments; got 0",
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


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 1
    assert "animate" in capsys.readouterr().out


def test_a_warning_is_one_line_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    face = Model(seeded_model(tiny_config(domain="face")), device="cpu", precision="float32")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "load_model", lambda *_, **__: face)
        assert main(["animate", "drive.mp4", "drive.mp4", "-o", "o.mp4"]) == 0
    assert "motionkit: No face was found; the centred square is used" in capsys.readouterr().err


def test_a_device_or_model_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    media.write_image(tmp_path / "a.png", np.zeros((32, 32, 3), np.uint8))
    files = [str(tmp_path / "a.png"), str(tmp_path / "a.png"), "-o", str(tmp_path / "o.mp4")]
    assert main(["animate", *files, "--device", "cuda:99"]) == 1
    assert "This device is not here; got 'cuda:99'; expected one of cpu" in capsys.readouterr().err
    assert main(["animate", *files, "--model", "haeds"]) == 1
    assert "heads" in capsys.readouterr().err


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "motionkit", *map(str, arguments)]


def test_the_result_of_a_real_process_carries_the_label(tmp_path: Path) -> None:
    media.write_image(tmp_path / "photo.png", media.read_image(portrait())[:256, 96:352])
    done = subprocess.run(
        command("animate", "photo.png", "photo.png", "-o", "o.mp4", "--size", "64", "--crop", "centre"),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("o.mp4: 1 frames") or "1 frame" in done.stdout
    assert trust.SOURCE_TYPE in media.read_metadata(tmp_path / "o.mp4")["comment"]
