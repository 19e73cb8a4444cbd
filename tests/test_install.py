"""The package installs from a clean copy into another environment and works from another folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from motionkit import samples

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_the_wheel_has_weights_and_samples_and_runs_elsewhere(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    copy = tmp_path / "copy"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run([*pip, "wheel", "--no-deps", "-w", str(tmp_path), str(copy)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("motionkit-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"motionkit/embedded/heads.safetensors", "motionkit/samples/driving.mp4", "motionkit/py.typed"} <= names
    assert not any(name.startswith(("tests/", "notebooks/")) for name in names)

    # Another environment, which borrows only the large packages of this one.
    home = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    python = home / "bin" / "python"
    site = subprocess.run(
        [python, "-c", "import site; print(site.getsitepackages()[0])"], capture_output=True, text=True, check=True
    ).stdout.strip()
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", str(wheel)], check=True)
    borrowed = "\n".join(p for p in sys.path if p.endswith("site-packages"))
    (Path(site) / "zz-borrowed.pth").write_text(borrowed)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    code = "import motionkit; from motionkit import samples; print(motionkit.__file__); print(samples.driving_clip())"
    where = subprocess.run([python, "-c", code], cwd=elsewhere, capture_output=True, text=True, check=True).stdout
    assert all(line.startswith(str(home)) for line in where.split())
    command = [home / "bin" / "motionkit", "animate", "face.png", "nod.mp4", "-o", "r.mp4", "--end", "0.2"]
    shutil.copy(samples.portrait(), elsewhere / "face.png")
    shutil.copy(samples.driving_clip("nod"), elsewhere / "nod.mp4")
    done = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (elsewhere / "r.mp4").stat().st_size > 1000
    assert "5 frames" in done.stdout
