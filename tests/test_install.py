"""The package says what it needs, its wheel and source archive are whole, and it works installed elsewhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from packaging.requirements import Requirement

from motionkit import samples
from tests.support.places import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def declared() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def tracked() -> list[str]:
    """Files that a clone would hold if what is here were committed."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone: which files belong to the project is not known")
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.check_output(listed, cwd=ROOT, text=True).split("\0")
    return [name for name in names if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source archive, made from a clean copy, and the wheel, made from that archive."""
    folder = tmp_path_factory.mktemp("distributions")
    copy = folder / "copy"
    for name in tracked():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, copy / name)
    made = subprocess.run(
        [sys.executable, "-m", "build", "--outdir", str(folder), str(copy)], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stdout[-3000:] + made.stderr[-3000:]
    return folder


@pytest.fixture
def wheel(distributions: Path) -> Path:
    (found,) = distributions.glob("motionkit-*.whl")
    return found


@pytest.fixture
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return Parser().parsestr(archive.read(name).decode())


def test_the_extras_are_those_that_messages_and_documents_name() -> None:
    extras = set(declared()["project"]["optional-dependencies"])
    places = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "notebooks").glob("*.ipynb")]
    for folder in ("motionkit", "weights"):
        places += [path for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".md")]
    named = set()
    for path in places:
        for found in re.findall(r"(?:motionkit|\{package\}|[\"' ]\.)\[([a-z,]+)\]", path.read_text(encoding="utf-8")):
            named |= set(found.split(","))
    assert named == extras - {"dev"}
    assert "-e '.[dev]'" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_python_versions_are_said_alike_everywhere() -> None:
    project = declared()["project"]
    prefix = "Programming Language :: Python :: 3."
    classified = [line.removeprefix(prefix) for line in project["classifiers"] if line.startswith(prefix)]
    assert project["requires-python"] == f">=3.{classified[0]}"
    (tried,) = re.findall(r"^PYTHONS \?= (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert tried.split() == [f"3.{minor}" for minor in classified]
    assert declared()["tool"]["ruff"]["target-version"] == f"py3{classified[0]}"


@pytest.mark.slow
def test_the_metadata_says_what_the_project_declares(metadata: Message) -> None:
    project = declared()["project"]
    assert (metadata["Name"], metadata["Version"]) == ("motionkit", project["version"])
    assert metadata["License-Expression"] == "MIT AND Apache-2.0"  # the second is the face finder's weights
    assert metadata.get_all("License-File") == ["LICENSE", "weights/LICENSE-blazeface"]
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload().strip() == (ROOT / "README.md").read_text(encoding="utf-8").strip()
    assert metadata.get_all("Classifier") == project["classifiers"]
    assert metadata.get_all("Project-URL") == [f"{name}, {address}" for name, address in project["urls"].items()]
    needed = [Requirement(text) for text in metadata.get_all("Requires-Dist", [])]
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = {str(Requirement(line)) for line in lines if line and not line.startswith("#")}
    assert {str(need) for need in needed if need.marker is None} == wanted


@pytest.mark.slow
def test_twine_would_upload_both(distributions: Path) -> None:
    files = [*distributions.glob("*.whl"), *distributions.glob("*.tar.gz")]
    twine = [sys.executable, "-m", "twine", "--no-color", "check", "--strict", *files]
    checked = subprocess.run(twine, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.count("PASSED") == 2


@pytest.mark.slow
def test_the_wheel_has_all_of_motionkit_and_nothing_else(wheel: Path) -> None:
    wanted = {name for name in tracked() if name.startswith("motionkit/")} - {
        "motionkit/frontend/biome.jsonc"
    }  # the linter's
    beside = [name for name in tracked() if PurePosixPath(name).parent == PurePosixPath("weights")]
    wanted |= {name.replace("weights/", "motionkit/embedded/") for name in beside}
    assert {"motionkit/py.typed", "motionkit/embedded/heads.safetensors", "motionkit/samples/driving.mp4"} <= wanted
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name for name in names if ".dist-info/" not in name} == wanted


@pytest.mark.slow
def test_the_source_archive_has_what_a_clone_has(distributions: Path) -> None:
    (archive,) = distributions.glob("motionkit-*.tar.gz")
    with tarfile.open(archive) as opened:
        inside = {name.partition("/")[2] for name in (file.name for file in opened.getmembers() if file.isfile())}
    made = {name for name in inside if name in ("PKG-INFO", "setup.cfg") or ".egg-info/" in name}
    assert inside - made == {name for name in tracked() if not name.startswith(".")}


@pytest.mark.slow
def test_the_wheel_works_in_another_environment(wheel: Path, tmp_path: Path) -> None:
    # It borrows only the large packages of this one, and nothing that the caller's variables name.
    home, elsewhere = tmp_path / "env", tmp_path / "elsewhere"
    elsewhere.mkdir()
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(*command: str | Path) -> str:
        done = subprocess.run(command, cwd=elsewhere, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run(sys.executable, "-m", "venv", home)
    python = home / "bin" / "python"
    run(python, "-m", "pip", "install", "--no-deps", wheel)
    site = Path(run(python, "-c", "import site; print(site.getsitepackages()[0])").strip())
    (site / "zz-borrowed.pth").write_text("\n".join(p for p in sys.path if p.endswith("site-packages")))

    code = "import motionkit; from motionkit import samples; print(motionkit.__file__); print(samples.driving_clip())"
    assert all(line.startswith(str(home)) for line in run(python, "-c", code).split())
    shutil.copy(samples.portrait(), elsewhere / "face.png")
    shutil.copy(samples.driving_clip("nod"), elsewhere / "nod.mp4")
    said = run(home / "bin" / "motionkit", "animate", "face.png", "nod.mp4", "-o", "r.mp4", "--end", "0.2")
    assert (elsewhere / "r.mp4").stat().st_size > 1000
    assert "5 frames" in said
