"""What notebooks do before their first line: the badge, the wheel found on Drive, the installation."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import nbformat
import pip
import pytest
import shared
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tests.colab.build import write_kernel_spec
from tests.colab.machine import HERE, LAUNCH, MOUNTED, Colab
from tests.support.notebooks import NAMES, NOTEBOOKS, cells, tags
from tests.support.places import ROOT, copy_clone


def test_the_address_makes_badge_and_package() -> None:
    node = nbformat.read(NOTEBOOKS / "animate.ipynb", as_version=4)
    public = shared.with_shared_cells(node, "animate", "https://github.com/someone/motionkit")
    opened = "https://colab.research.google.com/github/someone/motionkit/blob/main/notebooks/animate.ipynb"
    assert public.cells[0].source.endswith(f"]({opened})")
    assert 'package = "git+https://github.com/someone/motionkit"' in public.cells[3].source
    elsewhere = shared.with_shared_cells(public, "animate", "https://git.example.org/motionkit")
    assert elsewhere.cells[0].source.startswith("# "), "Colab opens notebooks from GitHub alone"
    assert 'package = "git+https://git.example.org/motionkit"' in elsewhere.cells[2].source
    assert shared.with_shared_cells(elsewhere, "animate", shared.ADDRESS) == node


@pytest.mark.slow
def test_the_install_cell_leaves_alone_what_is_installed(tmp_path: Path) -> None:
    """In an environment that has this one's packages but not motionkit, with a wheel that wants another numpy."""
    home = tmp_path / "env"
    venv.create(home)
    python = home / "bin" / "python"
    ask = "import site; print(site.getsitepackages()[0])"
    site = Path(subprocess.check_output([python, "-c", ask], text=True).strip())
    (site / "pip").symlink_to(Path(pip.__file__).parent)
    present = make_wheel(tmp_path, "present", "2.5", "")
    subprocess.run([python, "-m", "pip", "install", "--quiet", present], check=True)
    make_wheel(tmp_path, "present", "3.0", "")
    package = make_wheel(
        tmp_path, "motionkit", "9.0", "Provides-Extra: notebook\nRequires-Dist: present>=2; extra == 'notebook'"
    )
    (source,) = [cell.source for cell in cells("animate") if "install" in tags(cell)]
    code = f"package = {str(package)!r}\n{source}\nimport motionkit; print(motionkit.VERSION)"
    # Not this tree's motionkit, to which PYTHONPATH may lead.
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PYTHONPATH": ""}
    done = subprocess.run(
        [python, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and done.stdout.split() == ["9.0"], done.stderr
    nowhere = subprocess.run(
        [python, "-c", f"package = 'nowhere'\n{source}".replace("motionkit", "motionkid")],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert nowhere.returncode == 1
    assert nowhere.stderr.endswith(
        "pip could not install nowhere[notebook]. Set package to a clone, a wheel or a git address.\n"
    )
    assert "present==2.5" in (tmp_path / "constraints.txt").read_text().split()
    assert {path.name for path in site.glob("present-*")} == {"present-2.5.dist-info"}


def make_wheel(folder: Path, name: str, version: str, more: str) -> Path:
    """The smallest wheel: one module that knows its version."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{more}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that `make wheel` makes in a clone."""
    if shutil.which("make") is None or not (ROOT / ".git").exists():
        pytest.skip("this is no clone, or make is not installed")
    clone = copy_clone(tmp_path_factory.mktemp("clone") / "motionkit")
    stale = clone / "build" / "lib" / "motionkit" / "removed.py"
    stale.parent.mkdir(parents=True)
    stale.touch()
    made = subprocess.run(
        ["make", "wheel", f"PYTHON={sys.executable}"], cwd=clone, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stdout + made.stderr
    (wheel,) = (clone / "dist").glob("*.whl")
    assert f"dist/{wheel.name}" in made.stdout
    return wheel


@pytest.fixture
def colab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Colab:
    """A machine as Colab's but for the packages, which are this environment's, motionkit not among them."""
    machine = Colab.in_folder(tmp_path)
    tried = subprocess.run([*LAUNCH, "true"], cwd=machine.content, capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"/content cannot be made here, mount namespaces are refused: {tried.stderr.strip()}")
    home, borrowed = tmp_path / "env", tmp_path / "borrowed"
    venv.create(home)
    borrowed.mkdir()
    for folder in [Path(place) for place in sys.path if place.endswith("site-packages")]:
        for entry in folder.iterdir():
            if "motionkit" not in entry.name and not (borrowed / entry.name).exists():
                (borrowed / entry.name).symlink_to(entry)
    ask = "import site; print(site.getsitepackages()[0])"
    site = Path(subprocess.check_output([home / "bin" / "python", "-c", ask], text=True).strip())
    (site / "zz-borrowed.pth").write_text(str(borrowed))
    shutil.copytree(HERE / "stand_in" / "google", site / "google")
    (home / "etc" / "ipython").mkdir(parents=True)
    (home / "etc" / "ipython" / "ipython_config.py").write_text('c.InteractiveShellApp.extensions = ["google.colab"]\n')
    write_kernel_spec(home)
    variables = {"JUPYTER_PATH": str(home / "share" / "jupyter"), "PIP_NO_INDEX": "1", "PYTHONPATH": ""}
    for name, value in (machine.environment | variables).items():
        monkeypatch.setenv(name, value)
    return machine


def first_cells(colab: Colab, name: str, then: str) -> list[str]:
    """Run a notebook's shared cells as they are and one more; returns the lines that they print."""
    given = [cell for cell in cells(name) if "shared" in tags(cell)]
    node = nbformat.v4.new_notebook(cells=[*given, nbformat.v4.new_code_cell(then)])
    place = {"metadata": {"path": str(colab.content)}}
    done = NotebookClient(node, timeout=600, kernel_name="python3", resources=place).execute()
    outputs = [output for cell in done.cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs).splitlines()


@pytest.mark.slow
def test_a_wheel_has_the_weights_and_nothing_of_an_earlier_build(built: Path) -> None:
    names = set(zipfile.ZipFile(built).namelist())
    assert {f"motionkit/embedded/{name}.safetensors" for name in ("heads", "rig", "blazeface")} <= names
    assert "motionkit/removed.py" not in names


@pytest.mark.slow
def test_a_wheel_on_drive_is_found_and_installed(colab: Colab, built: Path) -> None:
    folder = colab.my_drive / "Colab Notebooks"
    folder.mkdir()
    shutil.copy(built, folder)
    for name, seconds in ((built.name, -100), (built.name.replace(".whl", " (1).whl"), 100)):  # older; a second copy
        (colab.my_drive / name).write_bytes(b"no wheel")
        os.utime(colab.my_drive / name, ns=((folder / built.name).stat().st_mtime_ns + seconds * 10**9,) * 2)
    then = "import motionkit as mk\nprint(mk.__file__)\nprint(mk.load_model(device='cpu'))"
    said = first_cells(colab, "animate", then)
    assert f"{MOUNTED}/Colab Notebooks/{built.name}" in said
    assert said[-2].startswith(str(colab.content.parent / "env")) and said[-1].startswith("Model('heads', ")
    assert "/content/drive" not in said[-2], "it is installed, not used from Drive"


@pytest.mark.slow
def test_a_drive_without_a_wheel_says_how_to_make_one(colab: Colab) -> None:
    with pytest.raises(CellExecutionError) as raised:
        first_cells(colab, "animate", "")
    assert raised.value.ename == "SystemExit"
    assert raised.value.evalue.startswith("No motionkit-….whl is in your Drive") and "make wheel" in raised.value.evalue


@pytest.mark.parametrize("name", NAMES)
def test_only_colab_looks_on_drive(name: str, tmp_path: Path) -> None:
    """Elsewhere nothing is looked for: here without motionkit, without a clone, and without google.colab."""
    (source,) = [cell.source for cell in cells(name) if "find" in tags(cell)]
    code = f"package = '..'\n{source}\nprint(package)".replace("motionkit", "motionkid")
    (tmp_path / "notebooks").mkdir()
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], cwd=tmp_path / "notebooks", capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [".."]
