"""The cells that all notebooks share, made from one address: the Colab badge and the installation.

python notebooks/shared.py    writes them into every notebook of this folder; ``make notebooks`` does so first
"""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode

HERE = Path(__file__).parent
ADDRESS = ""  # of the public repository, https://github.com/OWNER/NAME; not fixed yet

# The extras that a notebook needs, and a module that is there if they are.
EXTRAS = {
    "train": ("notebook,train", "accelerate"),
    "evaluate": ("notebook,evaluate", "torchmetrics"),
    "multiply": ("notebook,multiply", "pyarrow"),
}
USUAL = ("notebook", "anywidget")

NOTE = """\
## Install

In Colab the next cells install motionkit and leave Colab's own torch, numpy and ipywidgets as they are. Where
motionkit is installed already, they do nothing. `package` is a folder, a wheel (both may be on Google Drive, as
`/content/drive/MyDrive/…`) or a git address (`git+https://…`)"""

CLONE = """; `..` is the clone that this notebook lies in. In
Colab, where there is none, `..` is the newest wheel of motionkit in your Drive or in a folder of it: `make wheel` makes
one, and the page `docs/cookbook/colab.md` of a clone says how it goes on."""

PACKAGE = """\
package = "{package}"  # @param {{type:"string"}}"""

# Names that Drive gives to second copies do not end so; pip would refuse them.
FIND = """\
# @title Find a wheel on Google Drive
import importlib.util, os, pathlib, sys

there = all(getattr(importlib.util.find_spec(name), "origin", None) for name in ("motionkit", "{module}"))
if package == ".." and not there and not os.path.exists("../pyproject.toml") and "google.colab" in sys.modules:
    from google.colab import drive

    drive.mount("/content/drive", readonly=True)
    mine = pathlib.Path("/content/drive/MyDrive")
    wheels = [*mine.glob("motionkit-*any.whl"), *mine.glob("*/motionkit-*any.whl")]
    if not wheels:
        raise SystemExit("No motionkit-….whl is in your Drive or in a folder of it. `make wheel` in a clone makes one.")
    package = str(max(wheels, key=os.path.getmtime))
    print(package)"""

# A clone's folder beside the notebook looks like a package too, but one without an origin.
INSTALL = """\
# @title Install
import importlib.util, os, pathlib, shutil, subprocess, sys

if not all(getattr(importlib.util.find_spec(name), "origin", None) for name in ("motionkit", "{module}")):
    if package.startswith("/content/drive/"):
        from google.colab import drive

        drive.mount("/content/drive", readonly=True)
        if os.path.isdir(package):  # pip writes into the folder that it installs from
            package = shutil.copytree(package, "/tmp/motionkit", dirs_exist_ok=True)
    wanted = f"motionkit[{extras}] @ {{package}}" if "://" in package else f"{{package}}[{extras}]"
    installed = subprocess.check_output([sys.executable, "-m", "pip", "list", "--format=freeze", "--exclude=motionkit"])
    pathlib.Path("constraints.txt").write_bytes(installed)  # all of it stays as it is
    if subprocess.call([sys.executable, "-m", "pip", "install", "-q", "-c", "constraints.txt", wanted]):
        raise SystemExit(f"pip could not install {{wanted}}. Set package to a clone, a wheel or a git address.")"""


def with_shared_cells(node: NotebookNode, name: str, address: str = ADDRESS) -> NotebookNode:
    """Make a notebook's shared cells anew: the badge above the title, the installation below it.

    Args:
        node: The notebook, which stays as it is.
        name: Its file's, without the suffix.
        address: Of the public repository; empty is none, and then there is no badge.
    """
    own = [cell for cell in node.cells if "shared" not in cell.metadata.get("tags", [])]
    extras, module = EXTRAS.get(name, USUAL)
    package = f"git+{address}" if address else ".."
    note = NOTE + ("." if address else CLONE)
    install = [
        nbformat.v4.new_markdown_cell(note, metadata={"tags": ["shared"]}),
        _code(PACKAGE.format(package=package), "parameters"),
        *([] if address else [_code(FIND.format(module=module), "find", cellView="form")]),
        _code(INSTALL.format(extras=extras, module=module), "install", cellView="form"),  # Colab hides its code
    ]
    cells = [*_badge(name, address), own[0], *install, *own[1:]]
    for number, cell in enumerate(cells):
        cell.id = str(number)  # as nbstripout has them
    return NotebookNode({**node, "cells": cells})


def _badge(name: str, address: str) -> list[NotebookNode]:
    repository = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?/?", address)
    if repository is None:  # Colab opens notebooks from GitHub alone
        return []
    target = f"https://colab.research.google.com/github/{repository[1]}/blob/main/notebooks/{name}.ipynb"
    picture = "https://colab.research.google.com/assets/colab-badge.svg"
    text = f"[![Open in Colab]({picture})]({target})"
    return [nbformat.v4.new_markdown_cell(text, metadata={"tags": ["shared"]})]


def _code(source: str, tag: str, **metadata: str) -> NotebookNode:
    cell: NotebookNode = nbformat.v4.new_code_cell(source, metadata={**metadata, "tags": ["shared", tag]})
    return cell


def main() -> None:
    """Write the shared cells into every notebook of this folder."""
    for path in sorted(HERE.glob("*.ipynb")):
        node = nbformat.read(path, as_version=4)
        nbformat.write(with_shared_cells(node, path.stem), path)


if __name__ == "__main__":
    main()
