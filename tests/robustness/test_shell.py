"""No text becomes a command of a shell, nor Python: in the library, the notebooks, the recipe, and what builds them."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator

import pytest

from tests.support.places import ROOT

PLACES = ("motionkit", "notebooks", "weights", "docs/site")
# Calls that give their argument to a shell, or run it as Python.
BANNED = {
    "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "pty.spawn",
    "asyncio.create_subprocess_shell", "eval", "exec", "get_ipython().system", "get_ipython().getoutput",
}  # fmt: skip


def programs() -> dict[str, str]:
    """File, and number of a notebook's cell, to Python."""
    found = {}
    for place in PLACES:
        for path in sorted((ROOT / place).rglob("*.py")):
            found[str(path.relative_to(ROOT))] = path.read_text(encoding="utf-8")
        for path in sorted((ROOT / place).rglob("*.ipynb")):
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            for number, cell in enumerate(cells):
                if cell["cell_type"] == "code":
                    found[f"{path.relative_to(ROOT)} cell {number}"] = "".join(cell["source"])
    found["setup.py"] = (ROOT / "setup.py").read_text(encoding="utf-8")
    return found


def violations(program: str) -> Iterator[str]:
    """What in a program gives a text to a shell; a notebook's ! and % are no Python, and fail to parse."""
    tree = ast.parse(program)
    names = {}  # what an import calls something, to what it is
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.asname: alias.name for alias in node.names if alias.asname}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        first, dot, rest = ast.unparse(node.func).partition(".")
        called = f"{names.get(first, first)}{dot}{rest}"
        if called in BANNED:
            yield f"line {node.lineno}: {called}"
        for keyword in node.keywords:
            plain_false = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
            if keyword.arg == "shell" and not plain_false:
                yield f"line {node.lineno}: {called} with {ast.unparse(keyword)}"
        if called.startswith("subprocess.") and node.args and isinstance(node.args[0], (ast.Constant, ast.JoinedStr)):
            yield f"line {node.lineno}: {called} with a text instead of a list"


def test_nothing_reaches_a_shell() -> None:
    found = programs()
    assert len(found) > 150 and any(".ipynb" in name for name in found)
    wrong = [f"{name} {said}" for name, program in found.items() for said in violations(program)]
    assert not wrong


@pytest.mark.parametrize(
    "program",
    [
        "import os\nos.system(x)",
        "from os import popen as p\np(x)",
        "import subprocess as s\ns.run(x, shell=True)",
        "import subprocess\nsubprocess.run([x], shell=wanted)",
        "import subprocess\nsubprocess.run(f'ffmpeg {x}')",
        "from subprocess import getoutput\ngetoutput(x)",
        "eval(x)",
        "get_ipython().system(x)",
    ],
)
def test_each_way_to_a_shell_is_seen(program: str) -> None:
    assert list(violations(program))


def test_lists_of_arguments_are_none() -> None:
    program = "import subprocess, re, ast\nsubprocess.run(['a', x], shell=False)\nre.compile(x)\nast.literal_eval(x)"
    assert not list(violations(program))
