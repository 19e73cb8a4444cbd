"""Builds what ``make colab`` runs in: Colab's packages and a stand-in ``google.colab``, with torch shared.

python tests/colab/build.py FOLDER

FOLDER/kernel is a virtual environment. torch and the libraries that came with it are links into the environment that
runs this script, whose Python serves here too unless a ``python3.13`` (Colab's own) is on the PATH or another one is
named in MOTIONKIT_COLAB_PYTHON; then only what was built for another Python is installed anew.
With JUPYTER_PATH=FOLDER/kernel/share/jupyter any JupyterLab 4 starts its kernels and loads widgets of its age.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).parent
SHARED = re.compile(r"torch|torchvision|triton|(nvidia|cuda)[-_].+", re.IGNORECASE)
RELEASE = "release-colab-stand-in"


def main(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    environment = folder / "kernel"
    create(colab_python(), environment)
    install(environment, *share(environment), "--no-deps")
    install(environment, "-r", str(HERE / "packages.txt"))
    shutil.copytree(HERE / "stand_in", folder / "stand_in")  # pip writes into the folder that it installs from
    install(environment, "--no-deps", str(folder / "stand_in"))
    settings = environment / "etc" / "ipython"
    settings.mkdir(parents=True, exist_ok=True)
    (settings / "ipython_config.py").write_text('c.InteractiveShellApp.extensions = ["google.colab"]\n')
    write_kernel_spec(environment)


def colab_python() -> str:
    """The Python for the kernels: the one asked for, else Colab's version where it is to be had, else this one."""
    if asked := os.environ.get("MOTIONKIT_COLAB_PYTHON"):
        return asked
    found = shutil.which("python3.13")
    # A version manager's launcher is there for versions that cannot be run, too.
    works = found and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0
    return found if found and works else sys.executable


def create(python: str, folder: Path) -> None:
    if python == sys.executable:
        venv.create(folder, with_pip=True, symlinks=True)
    else:
        subprocess.run([python, "-m", "venv", str(folder)], check=True)


def install(environment: Path, *arguments: str) -> None:
    if any(not argument.startswith("-") for argument in arguments):
        pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *arguments], check=True)


def share(environment: Path) -> list[str]:
    """Link torch and what came with it into an environment; returns what must be installed, built for its Python.

    What pip knows of a shared package is copied without the list of its files, so that pip sees the version but refuses
    to remove files that belong to another environment.
    """
    source, target = site_packages(Path(sys.prefix)), site_packages(environment)
    needed = []
    for found in metadata.distributions(path=[str(source)]):
        name = found.metadata["Name"]
        if not SHARED.fullmatch(name):
            continue
        if source.parent.name != target.parent.name and "Tag: py3-none" not in (found.read_text("WHEEL") or ""):
            needed.append(f"{name}=={found.version}")
            continue
        tops = {file.parts[0] for file in found.files or [] if file.parts[0] not in ("..", "__pycache__")}
        for top in tops:
            if top.endswith(".dist-info"):
                shutil.copytree(source / top, target / top, ignore=shutil.ignore_patterns("RECORD"))
            elif not (target / top).exists():
                (target / top).symlink_to(source / top)
    return needed


def site_packages(environment: Path) -> Path:
    (found,) = (environment / "lib").glob("python3.*/site-packages")
    return found.resolve()


def write_kernel_spec(environment: Path) -> None:
    """Make ``python3`` the name of a kernel on Colab's machine."""
    python = environment.absolute() / "bin" / "python"
    launch = ["sh", str(HERE / "machine.sh"), str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    folder = environment / "share" / "jupyter" / "kernels" / "python3"
    folder.mkdir(parents=True, exist_ok=True)
    spec = {"argv": launch, "display_name": "Colab", "language": "python", "env": {"COLAB_RELEASE_TAG": RELEASE}}
    (folder / "kernel.json").write_text(json.dumps(spec))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
