"""A machine as Colab's; where ``make colab`` has not built its environment, these tests skip and say so."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# The front end's tests use the same browser as those of the project's own JupyterLab.
from tests.browser.conftest import chromium, lab, start_chromium  # noqa: F401
from tests.colab.machine import BUILT, HERE, LAUNCH, Colab
from tests.support.places import copy_clone


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.colab)


@pytest.fixture
def colab(_built: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Colab]:
    """A new machine of Colab's: nothing installed that Colab does not have, an empty disk, an empty Drive."""
    machine = Colab.in_folder(tmp_path)
    for name, value in machine.environment.items():
        monkeypatch.setenv(name, value)
    before = machine.packages()
    assert "motionkit" not in before, "left over: build anew with `rm -r .colab; make colab`"
    yield machine
    machine.restore(before)


@pytest.fixture(scope="session")
def colab_with_motionkit(_built: None, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Colab]:
    """Colab's machine on which a notebook has installed motionkit already; for the last of the modules."""
    machine = Colab.in_folder(tmp_path_factory.mktemp("colab"))
    before = machine.packages()
    try:
        machine.run("-m", "pip", "install", "--quiet", "--root-user-action=ignore", f"{wheel}[notebook]")
        yield machine
    finally:
        machine.restore(before)


@pytest.fixture(scope="session")
def wheel(working_copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder)]
    subprocess.run([*pip, str(working_copy)], check=True)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def working_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a clone would hold if the files were committed as they are."""
    return copy_clone(tmp_path_factory.mktemp("clone") / "motionkit")


@pytest.fixture(scope="session")
def _built(tmp_path_factory: pytest.TempPathFactory) -> None:
    if not (BUILT / ".installed").exists():
        pytest.skip("Colab's environment has not been built: `make colab` does it")
    place = tmp_path_factory.mktemp("content")
    tried = subprocess.run([*LAUNCH, "true"], cwd=place, capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"/content cannot be made here, mount namespaces are refused: {tried.stderr.strip()}")
