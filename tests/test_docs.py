"""Every command and snippet of the README and of every page of docs/ is run; the site builds without a warning."""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
import subprocess
import sys
import warnings
from fractions import Fraction
from importlib import metadata
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

from motionkit import Box, faces, load_model, media, samples, training
from motionkit.cli.main import main
from motionkit.errors import MotionkitWarning
from motionkit.fast import int8
from motionkit.training import PRESETS, STARTS

ROOT = Path(__file__).resolve().parent.parent
DOCS, SITE = ROOT / "docs", ROOT / "docs" / "site"
sys.path.insert(0, str(SITE))
import hooks  # noqa: E402

NOTEBOOK_PAGES = sorted((DOCS / "notebooks").glob("*.md"))
OUTSIDE = [ROOT / name for name in hooks.OUTSIDE]
INSIDE = sorted(set(DOCS.rglob("*.md")) - set(NOTEBOOK_PAGES))
# Pages whose commands run; the notebooks' pages are outputs of notebooks, which tests/test_notebooks.py runs.
PAGES = [*OUTSIDE, *INSIDE]
SLOW = {"docs/training.md", "docs/evaluate.md", "docs/cookbook/fine-tune.md", "docs/speed.md", "docs/how-it-works.md"}
# What cannot run offline, or in time: its words are checked by the parser alone.
OFFLINE = {
    "motionkit fetch vox": "downloads 0.7 GB",
    "motionkit convert vox-cpk.pth.tar vox.safetensors": "needs the file that was downloaded",
    "motionkit animate face.jpg driving.mp4 -o result.mp4 --model vox": "downloads 0.7 GB",
    "motionkit personalise clip.mp4 -o me.safetensors": "takes minutes; tests/training/test_personal.py trains",
    "motionkit animate face.jpg driving.mp4 -o mine.mp4 --model me.safetensors": "needs the model that was trained",
}
# Appended to training and measuring commands: the same, in seconds.
SHORT = {
    "train": "--steps 2 --batch-size 2 --workers 0 --quiet --device cpu --set data.size=64 --set loss.network=none "
    "--set loss.pixel=10 --set loss.perceptual=0,0,0,0,0",
    "bench": "--rounds 1 --frames 1 --no-clips --quiet --device cpu",
    "evaluate": "--seconds 0.2 --landmarks none --quiet --device cpu",
}
NARROW = ["model.size=64", "model.generator_params.block_expansion=4", "model.generator_params.max_features=16"] + [
    f"model.{part}.{field}"
    for part in ("kp_detector_params", "generator_params.dense_motion_params")
    for field in ("block_expansion=4", "max_features=16", "num_blocks=2")
]


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, *languages: str) -> list[tuple[str, str]]:
    """Language and text of a page's fenced blocks, in order."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", read(page), flags=re.DOTALL | re.MULTILINE)
    return [(language, text) for language, text in found if language in languages]


def runs(page: Path) -> list[tuple[str, str]]:
    """What a reader of the page would run, in order: ("python", a block) or ("console", a line)."""
    found = []
    for language, text in blocks(page, "console", "python"):
        lines = re.sub(r"\s*\\\n\s*", " ", text).splitlines()  # a command may go on in the next line
        found += [(language, line) for line in ([text] if language == "python" else lines)]
    return found


WITH_RUNS = [page for page in PAGES if runs(page)]


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that pages name, small: clips of three seconds and three frames, a film of a face, a picture of two."""
    folder = tmp_path_factory.mktemp("shelf")
    portrait = np.asarray(Image.open(samples.portrait()).convert("RGB"))
    media.write_image(folder / "face.jpg", portrait)
    media.write_image(folder / "group.jpg", np.concatenate([portrait, portrait[:, ::-1]], axis=1))
    nod = [faces.crop(f, Box(0, 0, 256, 256), size=160) for f in media.open_clip(samples.driving_clip("nod"), fps=2)]
    write_clip(folder / "driving.mp4", nod[:3], Fraction(1))
    write_clip(folder / "other.mp4", nod[2::-1], Fraction(1))
    two = np.concatenate([portrait, portrait[:, ::-1]], axis=1)[::2, ::2]
    write_clip(folder / "two.mp4", [np.roll(two, 2 * n, axis=0) for n in range(3)], Fraction(1))
    write_clip(folder / "film.mp4", [np.roll(portrait, 2 * n, axis=1) for n in range(12)], Fraction(10))
    (folder / "faces").mkdir()
    shutil.copy(folder / "face.jpg", folder / "faces" / "ada.jpg")
    (folder / "motions").mkdir()
    for name in ("driving.mp4", "other.mp4"):
        shutil.copy(folder / name, folder / "motions" / name)
    (folder / "rooms").mkdir()
    shutil.copy(folder / "group.jpg", folder / "rooms" / "room.jpg")
    (folder / "pairs.csv").write_text("source,driving\nfaces/ada.jpg,motions/driving.mp4\n", encoding="utf-8")
    hum = np.sin(np.arange(8000) * 2 * np.pi * 220 / 16000) * np.sin(np.arange(8000) * np.pi / 8000)
    wavfile.write(folder / "speech.wav", 16000, (hum * 20000).astype(np.int16))
    (folder / "films").mkdir()
    shutil.copy(folder / "film.mp4", folder / "films" / "second.mp4")
    return folder


def write_clip(path: Path, frames: list[np.ndarray], fps: Fraction) -> None:
    with media.VideoWriter(path, fps=fps) as writer:
        for frame in frames:
            writer.write(frame)


@pytest.fixture
def workshop(shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own with those files, which is where the test runs."""
    shutil.copytree(shelf, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    real = training.train
    monkeypatch.setattr(training, "train", lambda config, *given, **options: real(shortened(config), *given, **options))
    return tmp_path


def shortened(config: training.TrainConfig) -> training.TrainConfig:
    loss = config.loss
    return config.replace(
        steps=min(config.steps or 2, 3),
        batch_size=2,
        data=training.DataConfig(size=64, repeats=10, workers=0),
        loss=type(loss)(network="none", perceptual=(), pixel=10.0),
    )


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=[pytest.mark.slow] if name_of(page) in SLOW else []) for page in WITH_RUNS],
    ids=name_of,
)
def test_commands_and_snippets_run(page: Path, workshop: Path) -> None:
    names: dict[str, Any] = {"__name__": "page"}
    promised: set[str] = set()
    for language, text in runs(page):
        if language == "python":
            with warnings.catch_warnings():
                warnings.simplefilter("default", MotionkitWarning)  # of so few clips, as the command line prints it
                exec(compile(text, name_of(page), "exec"), names)
            continue
        words = [word for word in shlex.split(text, comments=True) if not re.fullmatch(r"[A-Z_]+=\S*", word)]
        if text in OFFLINE:
            hooks.motionkit_parser().parse_args(words[1:])
            continue
        COMMANDS[words[0].removeprefix(".venv/bin/")](words)
        promised |= {
            words[i + 1] for i, word in enumerate(words[:-1]) if word in ("-o", "--still", "--collage", "--table")
        }
    made = {path for path in promised if (workshop / path).exists()}
    assert promised == made
    if check := AFTERWARDS.get(name_of(page)):
        check(workshop)
    close_widgets(names)


def run_motionkit(words: list[str]) -> None:
    if "--resume" in words and "--second" in words:
        shutil.rmtree("run2")  # docs/training.md: the run's own folder was lost
    short = shlex.split(SHORT.get(words[1], "")) if "--read" not in words else []
    if "--resume" in words:
        short += ["--steps", "3"]
    if "--preset" in words:
        short += [word for change in NARROW for word in ("--set", change)]
    if words[1] == "bench" and "--read" not in words and "--models" not in words:
        short += ["--models", "heads"]
    if not int8.works():
        words = [word.replace(",int8", "") for word in words]
    assert main([*words[1:], *short]) == 0, shlex.join(words)


def run_accelerate(words: list[str]) -> None:
    """Two processes on the CPU take the place of several GPUs."""
    assert words[:4] == ["accelerate", "launch", "--num_processes", "4"]
    launch = ["-m", "accelerate.commands.launch", "--num_processes", "2", "--cpu", "--main_process_port", "0"]
    command = [sys.executable, *launch, *words[4:], *shlex.split(SHORT[words[6]])]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def plan_make(words: list[str]) -> None:
    """It would install into the repository and run this suite: only the plan is made."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    done = subprocess.run([*words, "--dry-run"], check=False, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.strip(), done.stderr


def check_pip(words: list[str]) -> None:
    """It would install into this environment: the extras that it names are there."""
    assert words[:2] == ["pip", "install"] and len(words) == 3
    place, _, extras = words[2].rstrip("]").partition("[")
    assert place in (".", "motionkit")
    assert set(filter(None, extras.split(","))) <= set(metadata.metadata("motionkit").get_all("Provides-Extra") or [])


def check_pytest(words: list[str]) -> None:
    """It would run this suite: the files that it names are there, and its -k finds a test in them."""
    assert words[1:3] == ["-m", "pytest"]
    parser = argparse.ArgumentParser()
    parser.add_argument("paths", nargs="*", default=["tests"])
    for option in ("-k", "-m", "--ignore"):
        parser.add_argument(option)
    parser.add_argument("-s", action="store_true")
    given = parser.parse_args(words[3:])
    paths = [ROOT / path for path in given.paths]
    assert all(path.exists() for path in [*paths, *([ROOT / given.ignore] if given.ignore else [])])
    if given.k:
        files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("test_*.py"))]
        assert any(re.search(rf"def test_\w*{given.k}", read(file)) for file in files), given.k


COMMANDS = {
    "motionkit": run_motionkit,
    "accelerate": run_accelerate,
    "make": plan_make,
    "pip": check_pip,
    "python": check_pytest,
}


def check_five_lines(folder: Path) -> None:
    ((_, example),) = blocks(ROOT / "README.md", "python")
    assert len([line for line in example.splitlines() if line]) <= 5
    assert media.open_clip(folder / "result.mp4").info.frames == 3  # the console's line comes last


def check_run_folder(folder: Path) -> None:
    """Runs left models that load, and the files that the page lists."""
    page = read(DOCS / "training.md")
    assert (folder / "clips" / "film#0001.mp4").is_file()
    for run in ("run", "run-adv", "own-vox", "run2", "drive/run2", "run4"):
        load_model(folder / run / "model.safetensors", device="cpu")
    names = {path.name for path in (folder / "run").iterdir()}
    told = set(re.findall(r"^\| `([^`]+)`", page.split("## The run's folder")[1], flags=re.MULTILINE))
    told = {Path(name).parts[0].replace("00020000", "00000003") for name in told} - {"cache"}
    assert told <= names <= told | {"checkpoint-00000002.pt"}


def check_pictures(folder: Path) -> None:
    """The page's pictures are what its commands make, but for the last bits of a processor's arithmetic."""
    for name in re.findall(r"\]\((\w+\.jpg)\)", read(DOCS / "how-it-works.md")):
        made, kept = (np.asarray(Image.open(place / name), dtype=float) for place in (folder, DOCS))
        assert made.shape == kept.shape
        assert np.abs(made - kept).mean() < 2


def check_bench(folder: Path) -> None:
    page = read(folder / "bench.md")
    assert re.search(r"^heads .* fast ", page, flags=re.MULTILINE)
    assert bool(re.search(r"^heads .* int8 ", page, flags=re.MULTILINE)) == int8.works()


AFTERWARDS = {
    "README.md": check_five_lines,
    "docs/training.md": check_run_folder,
    "docs/how-it-works.md": check_pictures,
    "docs/speed.md": check_bench,
}


def close_widgets(names: dict[str, Any]) -> None:
    for thing in names.values():
        if hasattr(thing, "close") and hasattr(thing, "_esm"):
            thing.close()


def test_what_is_not_run_is_on_a_page() -> None:
    lines = {text for page in WITH_RUNS for _, text in runs(page)}
    assert set(OFFLINE) <= lines


def test_no_example_is_written_where_it_is_not_run() -> None:
    for page in PAGES:
        languages = set(re.findall(r"^```(\w*)$", read(page), flags=re.MULTILINE))
        assert languages <= {"", "console", "python", "text"}, name_of(page)
        for _, text in blocks(page, "", "text"):
            assert not re.search(r"^\s*(motionkit \w|import |from \w+ import )", text, flags=re.MULTILINE), name_of(
                page
            )


@pytest.mark.parametrize("page", NOTEBOOK_PAGES, ids=name_of)
def test_notebook_pages_show_the_notebooks_code(page: Path) -> None:
    cells = nbformat.read(ROOT / "notebooks" / f"{page.stem}.ipynb", as_version=4).cells
    code = [cell.source.strip() for cell in cells if cell.cell_type == "code"]
    assert [text.strip() for _, text in blocks(page, "python")] == code, "make notebooks renders them anew"


def test_the_two_commands_are_there() -> None:
    lines = [line for _, line in runs(ROOT / "README.md") if line.startswith("make ")]
    assert lines == ["make demo", "make test"]
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    for line in [*lines, "make demo SOURCE=face.jpg DRIVING=clip.mp4"]:
        plan = subprocess.run([*line.split(), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert "notebooks/run.py animate" in plan if "demo" in line else "pytest" in plan


@pytest.mark.parametrize(("page", "least", "most"), [("README.md", 500, 700), ("weights/README.md", 0, 1200)])
def test_what_is_read_first_is_short(page: str, least: int, most: int) -> None:
    assert least <= len(read(ROOT / page).split()) <= most


def test_contributing_knows_every_room_and_file() -> None:
    package = ROOT / "motionkit"
    rows = dict(re.findall(r"^\| `(\w+)/` \| (.*) \|$", read(ROOT / "CONTRIBUTING.md"), flags=re.MULTILINE))
    assert set(rows) == {path.parent.name for path in package.glob("*/__init__.py")}
    for room, idea in rows.items():
        assert all((package / room / f"{name}.py").is_file() for name in re.findall(r"`(\w+)`", idea)), room
    top = read(ROOT / "CONTRIBUTING.md").split("\nAt the top: ")[1].split("\n\n")[0]
    assert all((package / f"{name}.py").is_file() for name in set(re.findall(r"`(\w+)`", top)) - {"load_model"})


def test_the_presets_are_told() -> None:
    rows = re.findall(
        r"^\| `([\w-]+)` \| (\d+) \| (\d+) \| (\d+) \| (yes)? *\| (?:`([\w-]+)`)?",
        read(DOCS / "training.md"),
        flags=re.MULTILINE,
    )
    told = {name: (int(e), int(r), int(b), bool(adv), start or None) for name, e, r, b, adv, start in rows}
    assert told == {
        name: (preset.epochs, preset.data.repeats, preset.batch_size, preset.loss.gan > 0, STARTS.get(name))
        for name, preset in PRESETS.items()
    }
