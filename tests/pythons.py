"""Runs the quick suite on several versions of Python, and says of each: passed, failed, or not here.

python tests/pythons.py 3.10 3.11 … [-- arguments for pytest]

Each version gets an environment of its own, ``.venv-3.X``, which is kept; what pip and pytest print is kept in
``output/pythons/3.X.log``. A version is looked for under pyenv, then as ``python3.X`` on the PATH.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).parent.parent
DECLARED = ("pyproject.toml", "setup.py", "requirements.txt")
# Imports, commands, the networks' golden outputs, media there and back, motion, weights, widgets; about two minutes.
QUICK = (
    "tests/animation",
    "tests/cli",
    "tests/media",
    "tests/modules",
    "tests/motion",
    "tests/test_architecture.py",
    "tests/test_install.py",
    "tests/training/test_config.py",
    "tests/weights",
    "tests/widgets",
)


def main(arguments: list[str]) -> int:
    split = arguments.index("--") if "--" in arguments else len(arguments)
    versions, suite = arguments[:split], arguments[split + 1 :] or [*QUICK, "-m", "not slow and not robustness"]
    logs = ROOT / "output" / "pythons"
    logs.mkdir(parents=True, exist_ok=True)
    outcomes = {}
    for version in versions:
        with (logs / f"{version}.log").open("w", encoding="utf-8") as log:
            outcomes[version] = outcome(version, suite, log)
        print(f"Python {version}: {outcomes[version]}", flush=True)
    if all(said == "not here" for said in outcomes.values()):
        print("nothing was tried: none of these versions is here", file=sys.stderr)
        return 1
    return int(any(said.startswith("failed") for said in outcomes.values()))


def outcome(version: str, suite: Sequence[str], log: TextIO) -> str:
    """Install and test on one version; what is said of it."""
    python = find(version)
    if python is None:
        return "not here"
    try:
        environment = prepared(version, python, log)
    except subprocess.CalledProcessError:
        return f"failed: motionkit cannot be installed, see {Path(log.name).relative_to(ROOT)}"
    begun = time.monotonic()
    pytest = [environment / "bin" / "python", "-m", "pytest", *suite]
    done = subprocess.run(pytest, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, check=False)
    lines = Path(log.name).read_text(encoding="utf-8").strip().splitlines()
    last = lines[-1].strip("= ") if done.returncode >= 0 else f"stopped by signal {-done.returncode}"
    said = f"{last} ({time.monotonic() - begun:.0f} s)"
    return f"passed: {said}" if done.returncode == 0 else f"failed: {said}, see {Path(log.name).relative_to(ROOT)}"


def find(version: str) -> Path | None:
    """The newest Python of a version, such as 3.12, that runs; None where there is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    patches = [folder for folder in pyenv.glob(f"{version}.*") if re.fullmatch(r"\d+\.\d+\.\d+", folder.name)]
    newest = sorted(patches, key=lambda folder: int(folder.name.rsplit(".", 1)[1]), reverse=True)
    found = [folder / "bin" / "python" for folder in newest]
    if on_path := shutil.which(f"python{version}"):
        found.append(Path(on_path))
    # A version manager's launcher is on the PATH for versions that cannot be run, too.
    return next((python for python in found if runs(python)), None)


def runs(python: Path) -> bool:
    return python.exists() and subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


def prepared(version: str, python: Path, log: TextIO) -> Path:
    """The environment of a version, installed again whenever what is declared has changed.

    Raises:
        subprocess.CalledProcessError: pip could not install.
    """
    environment = ROOT / f".venv-{version}"
    stamp = environment / ".installed"
    if stamp.exists() and all(stamp.stat().st_mtime >= (ROOT / name).stat().st_mtime for name in DECLARED):
        return environment
    if not (environment / "bin" / "python").exists():
        subprocess.run([python, "-m", "venv", environment], stdout=log, stderr=log, check=True)
    pip = [environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-e", f"{ROOT}[dev]"], stdout=log, stderr=log, check=True)
    stamp.touch()
    return environment


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
