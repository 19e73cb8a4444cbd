"""Run a notebook headless with other parameters; ``make demo`` runs ``animate.ipynb`` with it.

python notebooks/run.py animate source=face.jpg driving=clip.mp4 output=output/demo
"""

from __future__ import annotations

import argparse
import ast
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

HERE = Path(__file__).parent


def run(notebook: Path, parameters: dict[str, Any], *, folder: Path, timeout: int = 3600) -> nbformat.NotebookNode:
    """Execute a notebook in a fresh kernel, with ``parameters`` assigned after each cell tagged ``parameters``.

    Args:
        notebook: The file, which stays as it is.
        parameters: Names that the tagged cells assign, and their new values.
        folder: Where the kernel runs: relative paths are meant from here.
        timeout: Seconds for each cell.

    Returns:
        The notebook with its outputs.

    Raises:
        KeyError: A parameter that no tagged cell assigns.
        CellExecutionError: A cell raised an error.
    """
    client = NotebookClient(
        with_parameters(notebook, parameters),
        timeout=timeout,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--log-level=ERROR"],  # newer kernels warn of their own transport
    )
    executed: nbformat.NotebookNode = client.execute()
    return executed


def with_parameters(notebook: Path, parameters: dict[str, Any]) -> nbformat.NotebookNode:
    """Assign parameters after each cell tagged ``parameters``, as ``run`` executes a notebook.

    Args:
        notebook: The file, which stays as it is.
        parameters: Names that the tagged cells assign, and their new values.

    Raises:
        KeyError: A parameter that no tagged cell assigns.
    """
    node: nbformat.NotebookNode = nbformat.read(notebook, as_version=4)
    left = dict(parameters)
    known: set[str] = set()
    cells = []
    for cell in node.cells:
        cells.append(cell)
        if "parameters" in cell.metadata.get("tags", []):
            names = {target.id for line in ast.parse(cell.source).body for target in line.targets}
            known |= names
            if lines := [f"{name} = {left.pop(name)!r}" for name in sorted(names & set(left))]:
                cells.append(nbformat.v4.new_code_cell("\n".join(lines)))
    if left:
        raise KeyError(f"{notebook.name} has no parameter {', '.join(sorted(left))}; it has {sorted(known)}")
    node.cells = cells
    return node


def main() -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebook", help="name of a notebook in this folder, without .ipynb")
    parser.add_argument("parameters", nargs="*", metavar="NAME=VALUE", help="an empty value keeps the default")
    given = parser.parse_args()
    pairs = (text.partition("=") for text in given.parameters)
    parameters = {name: _value(text) for name, _, text in pairs if text}
    try:
        node = run(HERE / f"{given.notebook}.ipynb", parameters, folder=Path.cwd())
    except CellExecutionError as error:
        print(f"{given.notebook}: {error.ename}: {error.evalue}", file=sys.stderr)
        return 1
    for cell in node.cells:
        if "summary" in cell.metadata.get("tags", []):
            print("".join(output.get("text", "") for output in cell.outputs), end="")
    return 0


def _value(text: str) -> Any:
    """A number or truth value where it reads as one, else the text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


if __name__ == "__main__":
    sys.exit(main())
