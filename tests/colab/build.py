"""Builds what ``make colab`` runs in: Colab's Python with Colab's packages, and a stand-in ``google.colab``.

python -m tests.colab.build FOLDER

FOLDER/kernel is a virtual environment of the Python that Colab has, found as ``make pythons`` finds it.
With JUPYTER_PATH=FOLDER/kernel/share/jupyter any JupyterLab 4 starts its kernels and loads widgets of its age.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.colab.machine import HERE, PYTHON
from tests.pythons import find

RELEASE = "release-colab-stand-in"


def main(folder: Path) -> None:
    python = find(PYTHON)
    if python is None:
        sys.exit(f"Colab has Python {PYTHON}, which is neither under pyenv nor on the PATH as python{PYTHON}")
    shutil.rmtree(folder, ignore_errors=True)
    environment = folder / "kernel"
    subprocess.run([python, "-m", "venv", environment], check=True)
    install(environment, "-r", str(HERE / "packages.txt"))
    shutil.copytree(HERE / "stand_in", folder / "stand_in")  # pip writes into the folder that it installs from
    install(environment, "--no-deps", str(folder / "stand_in"))
    settings = environment / "etc" / "ipython"
    settings.mkdir(parents=True, exist_ok=True)
    (settings / "ipython_config.py").write_text('c.InteractiveShellApp.extensions = ["google.colab"]\n')
    write_kernel_spec(environment)


def install(environment: Path, *arguments: str) -> None:
    pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *arguments], check=True)


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
