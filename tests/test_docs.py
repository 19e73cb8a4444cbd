"""Every command and example of the README, of docs/training.md and of docs/speed.md is run."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from motionkit import load_model, media, samples, training
from motionkit.cli.main import main
from motionkit.fast import int8
from motionkit.training import PRESETS, STARTS, TrainResult

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
TRAINING = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
SPEED = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
# Appended to every training command: the same, in seconds.
SHORT = "--steps 2 --batch-size 2 --workers 0 --quiet --set data.size=64 --set loss.network=none --set loss.pixel=10"
NARROW = ["model.size=64", "model.generator_params.block_expansion=4", "model.generator_params.max_features=16"] + [
    f"model.{part}.{field}"
    for part in ("kp_detector_params", "generator_params.dense_motion_params")
    for field in ("block_expansion=4", "max_features=16", "num_blocks=2")
]


def blocks(language: str, page: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, flags=re.DOTALL)


@pytest.fixture
def workshop(tmp_path: Path) -> Path:
    """A folder with the files that the commands name; the clips are short."""
    Image.open(samples.portrait()).convert("RGB").save(tmp_path / "face.jpg")
    clip = media.open_clip(samples.driving_clip("nod"), end=Fraction(2, 5))
    with media.VideoWriter(tmp_path / "driving.mp4", fps=clip.info.fps) as writer:
        for frame in clip:
            writer.write(frame)
    portrait = np.asarray(Image.open(tmp_path / "face.jpg"))
    with media.VideoWriter(tmp_path / "film.mp4", fps=Fraction(10)) as writer:
        for n in range(12):
            writer.write(np.roll(portrait, 2 * n, axis=1))
    return tmp_path


def test_the_command_line_examples_run(workshop: Path) -> None:
    commands = [line for block in blocks("console") for line in block.splitlines() if line.startswith("motionkit")]
    assert len(commands) >= 10
    for command in commands:
        words = [sys.executable, "-m", "motionkit", *shlex.split(command)[1:]]
        if "train" in words:
            words += [*SHORT.split(), "--device", "cpu"]
        done = subprocess.run(words, cwd=workshop, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    made = {path.name for path in workshop.iterdir()}
    named = {word for command in commands for word in re.findall(r"[\w-]+\.(?:mp4|motion|csv|png)", command)}
    assert named <= made


def test_the_python_example_runs(workshop: Path) -> None:
    (example,) = blocks("python")
    assert len([line for line in example.splitlines() if line]) <= 5
    subprocess.run([sys.executable, "-c", example], cwd=workshop, check=True, capture_output=True)
    assert media.open_clip(workshop / "result.mp4").info.frames == 10
    assert (workshop / "collage.mp4").is_file()


@pytest.mark.slow
def test_the_training_commands_run(workshop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workshop)
    commands = [line for block in blocks("console", TRAINING) for line in block.splitlines()]
    assert len(commands) == 9
    for command in commands:
        if "--resume --second" in command:
            shutil.rmtree("run2")
        run_shortened(shlex.split(command))
    assert (workshop / "clips" / "film#0001.mp4").is_file() and (workshop / "result.mp4").is_file()
    for run in ("run", "run-adv", "own-vox", "run2", "drive/run2", "run4"):
        load_model(workshop / run / "model.safetensors", device="cpu")
    names = {path.name for path in (workshop / "run").iterdir()}
    told = set(re.findall(r"^\| `([^`]+)`", TRAINING.split("## The run's folder")[1], flags=re.MULTILINE))
    told = {Path(name).parts[0].replace("00020000", "00000003") for name in told} - {"cache"}
    assert told <= names <= told | {"checkpoint-00000002.pt"}


def run_shortened(words: list[str]) -> None:
    """A command of docs/training.md, made short; two processes on the CPU take the place of several GPUs."""
    if "train" in words:
        words = [*words, *SHORT.split()]
    if "--resume" in words:
        words += ["--steps", "3"]
    if "--preset" in words:
        words += [word for change in NARROW for word in ("--set", change)]
    if words[0] == "motionkit":
        assert main([*words[1:], *(["--device", "cpu"] if "train" in words else [])]) == 0, words
        return
    assert words[:4] == ["accelerate", "launch", "--num_processes", "4"]
    launch = ["-m", "accelerate.commands.launch", "--num_processes", "2", "--cpu", "--main_process_port", "0"]
    done = subprocess.run([sys.executable, *launch, *words[4:]], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_speed_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    commands = [line for block in blocks("console", SPEED) for line in block.splitlines()]
    assert len(commands) == 3
    for command in commands:
        words = shlex.split(command)[1:]
        if "--read" not in words:
            short = ["--rounds", "1", "--frames", "1", "--no-clips", "--quiet", "--device", "cpu"]
            words += [*short, *([] if "--models" in words else ["--models", "heads"])]
        if not int8.works():
            words = [word.replace(",int8", "") for word in words]
        assert main(words) == 0, command
    page = (tmp_path / "bench.md").read_text(encoding="utf-8")
    assert "heads" in page and ("int8" in page) == int8.works()


def test_the_presets_are_told() -> None:
    rows = re.findall(
        r"^\| `([\w-]+)` \| (\d+) \| (\d+) \| (\d+) \| (yes)? *\| (?:`([\w-]+)`)?", TRAINING, flags=re.MULTILINE
    )
    told = {name: (int(e), int(r), int(b), bool(adv), start or None) for name, e, r, b, adv, start in rows}
    assert told == {
        name: (preset.epochs, preset.data.repeats, preset.batch_size, preset.loss.gan > 0, STARTS.get(name))
        for name, preset in PRESETS.items()
    }


def test_the_training_example_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    done = TrainResult(Path("run/model.safetensors"), None, 20000, 9, 1.0, 2.0, 0.0, finished=True)
    monkeypatch.setattr(training, "train", lambda *given, **options: calls.append((given, options)) or done)
    (example,) = blocks("python", TRAINING)
    exec(example, {})
    (((config, data, output), options),) = calls
    assert (data, output, options) == ("clips", "run", {"init": "heads", "resume": True})
    assert config.steps == 20000 and config.lr_detector == 0 and config.model.name == "heads"


def test_the_two_commands_are_there() -> None:
    lines = [line for block in blocks("console") for line in block.splitlines() if line.startswith("make ")]
    assert lines == ["make demo", "make test"]
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    for line in [*lines, "make demo SOURCE=face.jpg DRIVING=clip.mp4"]:
        plan = subprocess.run([*line.split(), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert "notebooks/run.py animate" in plan if "demo" in line else "pytest" in plan


@pytest.mark.parametrize(("page", "folder"), [(README, ROOT), (TRAINING, ROOT / "docs")], ids=["README", "training"])
def test_links_and_pictures_are_there(page: str, folder: Path) -> None:
    local = [target for target in re.findall(r"\]\(([^)]+)\)", page) if not target.startswith("http")]
    assert local and all((folder / target).exists() for target in local)
