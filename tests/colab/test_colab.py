"""Every notebook as in Colab: installed beside Colab's packages, with Drive mounted, on ipywidgets 7."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nbformat
import numpy as np
import run as runner
from nbclient import NotebookClient

from motionkit import media, samples, trust
from tests.colab.machine import HERE, MOUNTED, PYTHON, ROOT, Colab

NOTEBOOKS = ROOT / "notebooks"


def cell(colab: Colab, source: str) -> str:
    """Run one cell in a kernel of Colab's; returns what it printed."""
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    place = {"metadata": {"path": str(colab.content)}}
    done = NotebookClient(node, timeout=120, kernel_name="python3", resources=place).execute()
    return "".join(output.get("text", "") for output in done.cells[0].outputs)


def test_what_is_installed_is_what_colab_has(colab: Colab) -> None:
    have = colab.packages()
    pins = re.findall(r"^([\w-]+)==([\d.]+?)(\.\*)?$", (HERE / "packages.txt").read_text(), re.MULTILINE)
    assert {"torch", "numpy", "ipywidgets", "ipykernel"} <= {name for name, _, _ in pins}
    for name, version, wild in pins:
        assert have[name].startswith(version) if wild else have[name] == version, name
    assert "motionkit" not in have and "av" not in have
    said = colab.run("-c", "import sys, torch; print('%d.%d' % sys.version_info[:2], torch.__version__)").stdout
    assert said.startswith(f"{PYTHON} 2.11.")


def test_a_kernel_looks_like_colab(colab: Colab) -> None:
    said = cell(
        colab, "import os, sys\nprint('google.colab' in sys.modules, 'COLAB_RELEASE_TAG' in os.environ, os.getcwd())"
    )
    assert said.split() == ["True", "True", "/content"]


def test_drive_is_mounted_only_where_it_can_be(colab: Colab) -> None:
    refused = colab.run("-c", "from google.colab import drive; drive.mount('/content/drive')", check=False)
    assert "NotImplementedError: google.colab.drive is unsupported" in refused.stderr
    (colab.content / "full").mkdir()
    (colab.content / "full" / "file").touch()
    said = cell(
        colab,
        "from google.colab import drive\n"
        "for point in ('/content/full', '/content/a b', '/content/no/such'):\n"
        "    try: drive.mount(point)\n"
        "    except ValueError as error: print(error)",
    )
    assert said.splitlines() == [
        "Mountpoint must not already contain files",
        "Mountpoint must not contain a space.",
        "Mountpoint must be in a directory that exists",
    ]


def test_a_drive_mounted_for_reading_cannot_be_written_to(colab: Colab) -> None:
    (colab.my_drive / "note").write_text("mine")
    said = cell(
        colab,
        "from google.colab import drive\nfrom pathlib import Path\n"
        "note = Path('/content/drive/MyDrive/note')\n"
        "drive.mount('/content/drive', readonly=True)\nprint(note.read_text())\n"
        "try: note.write_text('yours')\n"
        "except OSError as error: print(error.strerror)\n"
        "drive.mount('/content/drive')\n"
        "drive.mount('/content/drive', force_remount=True)\nnote.write_text('ours')\n"
        "drive.flush_and_unmount()\nprint(note.exists())\ndrive.flush_and_unmount()",
    )
    assert said.splitlines() == [
        "Mounted at /content/drive",
        "mine",
        "Read-only file system",
        "Drive already mounted at /content/drive; to attempt to forcibly remount, "
        'call drive.mount("/content/drive", force_remount=True).',
        "Mounted at /content/drive",
        "False",
        "Drive not mounted, so nothing to flush and unmount.",
    ]
    assert (colab.my_drive / "note").read_text() == "ours"


def short_clip(path: Path, seconds: float, size: tuple[int, int] | None = None) -> int:
    """Write the beginning of a sample clip; returns its number of frames."""
    clip = media.open_clip(samples.driving_clip("nod"), end=seconds, size=size)
    path.parent.mkdir(parents=True, exist_ok=True)
    with media.VideoWriter(path, fps=clip.info.fps) as writer:
        for frame in clip:
            writer.write(frame)
    return clip.info.frames


def moves(path: Path) -> bool:
    first, *others = media.open_clip(path)
    return bool(max(np.abs(first.astype(int) - other).mean() for other in others) > 1)


def shows_a_widget(node: nbformat.NotebookNode, tag: str) -> bool:
    """Whether the cell of this tag shows one."""
    (cell,) = [cell for cell in node.cells if tag in cell.metadata.get("tags", [])]
    return any("application/vnd.jupyter.widget-view+json" in output.get("data", {}) for output in cell.outputs)


def assert_colab_is_left_alone(before: dict[str, str], after: dict[str, str]) -> None:
    assert "motionkit" in after
    assert {name: after.get(name) for name in before} == before
    assert not [name for name in after if name.startswith("nvidia") and name not in before]


def test_animate_with_a_wheel_and_files_on_drive(colab: Colab, wheel: Path) -> None:
    before = colab.packages()
    shutil.copy(wheel, colab.my_drive)
    (colab.my_drive / "in").mkdir()
    shutil.copy(samples.portrait(), colab.my_drive / "in" / "face.png")
    frames = short_clip(colab.my_drive / "in" / "nod.mp4", 0.5)
    parameters = {
        "package": f"{MOUNTED}/{wheel.name}", "source": f"{MOUNTED}/in/face.png", "driving": f"{MOUNTED}/in/nod.mp4",
        "save_to_drive": f"{MOUNTED}/made", "strength": 1.5,
    }  # fmt: skip
    node = runner.run(NOTEBOOKS / "animate.ipynb", parameters, folder=colab.content, timeout=600)

    assert_colab_is_left_alone(before, colab.packages())
    assert shows_a_widget(node, "panel")
    made = {path.suffix: path for path in (colab.my_drive / "made").rglob("*") if path.is_file()}
    videos = sorted((colab.my_drive / "made").rglob("*.mp4"))
    assert videos and ".png" in made
    for path in videos:
        assert media.open_clip(path).info.frames == frames and moves(path)
        assert trust.SOURCE_TYPE in media.read_metadata(path)["comment"]


def test_live_from_a_clone(colab: Colab, working_copy: Path) -> None:
    before = colab.packages()
    shutil.copytree(working_copy, colab.content / "motionkit")
    frames = short_clip(colab.my_drive / "nod.mp4", 1)
    parameters = {
        "package": "/content/motionkit", "driving": f"{MOUNTED}/nod.mp4", "seconds": 2.0, "strength": 1.5,
        "save_to_drive": f"{MOUNTED}/made",
    }  # fmt: skip
    node = runner.run(NOTEBOOKS / "live.ipynb", parameters, folder=colab.content, timeout=600)

    assert_colab_is_left_alone(before, colab.packages())
    made = colab.my_drive / "made"
    assert {path.suffix for path in made.iterdir()} == {".mp4", ".motion"}
    assert moves(made / "live.mp4") and moves(made / "result.mp4")
    assert media.open_clip(made / "result.mp4").info.frames == frames
    assert shows_a_widget(node, "live") and shows_a_widget(node, "panel")


def test_train_from_a_folder_on_drive(colab: Colab, working_copy: Path) -> None:
    before = colab.packages()
    shutil.copytree(working_copy, colab.my_drive / "motionkit")
    for name in ("train/ada#1.mp4", "test/ada#2.mp4"):
        short_clip(colab.my_drive / "clips" / name, 0.24, (64, 64))
    parameters = {
        "package": f"{MOUNTED}/motionkit", "clips": f"{MOUNTED}/clips", "driving": f"{MOUNTED}/clips/test/ada#2.mp4",
        "save_to_drive": f"{MOUNTED}/run", "steps": 2, "batch_size": 2, "size": 64,
    }  # fmt: skip
    runner.run(NOTEBOOKS / "train.ipynb", parameters, folder=colab.content, timeout=900)

    assert_colab_is_left_alone(before, colab.packages())
    saved = sorted(path.name for path in (colab.my_drive / "run").rglob("*"))
    assert any(name.endswith(".safetensors") or name.startswith("step") for name in saved), saved
    assert moves(colab.my_drive / "run" / "collage.mp4")
    assert sorted(path.name for path in (colab.my_drive / "clips").rglob("*.*")) == ["ada#1.mp4", "ada#2.mp4"]


def test_evaluate_from_a_folder_on_drive(colab: Colab, working_copy: Path) -> None:
    before = colab.packages()
    shutil.copytree(working_copy, colab.my_drive / "motionkit")
    short_clip(colab.my_drive / "clips" / "ada.mp4", 0.12, (64, 64))
    parameters = {
        "package": f"{MOUNTED}/motionkit", "clips": f"{MOUNTED}/clips", "every": 1,
        "save_to_drive": f"{MOUNTED}/figures",
    }  # fmt: skip
    runner.run(NOTEBOOKS / "evaluate.ipynb", parameters, folder=colab.content, timeout=900)

    assert_colab_is_left_alone(before, colab.packages())
    saved = {path.name for path in (colab.my_drive / "figures").iterdir()}
    assert saved == {"report.html", "clips.csv", "evaluation.json"}


def test_pose_with_a_wheel_that_is_found_on_drive(colab: Colab, wheel: Path) -> None:
    before = colab.packages()
    (colab.my_drive / "motionkit").mkdir()
    shutil.copy(wheel, colab.my_drive / "motionkit")
    parameters = {"motion": "blink", "save_to_drive": f"{MOUNTED}/made"}
    node = runner.run(NOTEBOOKS / "pose.ipynb", parameters, folder=colab.content, timeout=900)

    assert_colab_is_left_alone(before, colab.packages())
    made = {path.name: path for path in (colab.my_drive / "made").iterdir()}
    assert set(made) == {"pose.png", "motion.mp4", "own.mp4", "take.mp4", "said.mp4"}
    assert all(moves(path) for path in made.values() if path.suffix == ".mp4")
    shown = [output.get("data", {}).get("text/html", "") for cell in node.cells for output in cell.get("outputs", [])]
    assert sum("<video" in one for one in shown) == 4, "IPython 7 shows results as they show themselves, too"


def test_multiply_from_a_folder_on_drive(colab: Colab, working_copy: Path) -> None:
    before = colab.packages()
    shutil.copytree(working_copy, colab.my_drive / "motionkit")
    parameters = {"package": f"{MOUNTED}/motionkit", "frames": 2, "variations": 1}
    runner.run(NOTEBOOKS / "multiply.ipynb", parameters, folder=colab.content, timeout=900)

    assert_colab_is_left_alone(before, colab.packages())
    made = (colab.content / "output" / "multiply" / "data").rglob("*.png")
    assert len(list(made)) == 4, "two frames of the portrait by each of two samples"


def test_every_notebook_is_run_here() -> None:
    run_here = set(re.findall(r'NOTEBOOKS / "(\w+)\.ipynb"', Path(__file__).read_text()))
    assert run_here == {path.stem for path in NOTEBOOKS.glob("*.ipynb")}
