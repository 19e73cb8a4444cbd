"""Every command and example of the README is run."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image

from motionkit import media, samples

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@pytest.fixture
def workshop(tmp_path: Path) -> Path:
    """A folder with the files that the README's commands name; the clip is short."""
    Image.open(samples.portrait()).convert("RGB").save(tmp_path / "face.jpg")
    clip = media.open_clip(samples.driving_clip("nod"), end=Fraction(2, 5))
    with media.VideoWriter(tmp_path / "driving.mp4", fps=clip.info.fps) as writer:
        for frame in clip:
            writer.write(frame)
    return tmp_path


def test_the_command_line_examples_run(workshop: Path) -> None:
    commands = [line for block in blocks("console") for line in block.splitlines() if line.startswith("motionkit")]
    assert len(commands) >= 7
    for command in commands:
        words = [sys.executable, "-m", "motionkit.cli", *shlex.split(command)[1:]]
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


def test_the_two_commands_are_there() -> None:
    lines = [line for block in blocks("console") for line in block.splitlines() if line.startswith("make ")]
    assert lines == ["make demo", "make test"]
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    for line in [*lines, "make demo SOURCE=face.jpg DRIVING=clip.mp4"]:
        plan = subprocess.run([*line.split(), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert "notebooks/run.py animate" in plan if "demo" in line else "pytest" in plan


def test_links_and_pictures_are_there() -> None:
    local = [target for target in re.findall(r"\]\(([^)]+)\)", README) if not target.startswith("http")]
    assert local and all((ROOT / target).exists() for target in local)
