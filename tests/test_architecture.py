"""Imports point one way, files stay small, and importing the package touches nothing heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import motionkit

PACKAGE = Path(motionkit.__file__).parent
# A module may import from rows above its own, and from its own row only where it is named in the same string.
LAYERS = [
    "errors",
    "frames",
    "structures",
    "bounds",
    "networks",
    "config",
    "published wholefile progress samples frontend",
    "media tensors motion drawing trust weights modules drive",
    "faces fast",
    "model",
    "animation",
    "pipeline",
    "data live evaluation",
    "training bench",
    "notebook widgets",
    "cli",
    "__main__",
]
LEVEL = {name: level for level, row in enumerate(LAYERS) for name in row.split()}
# Inside these packages, the same rule; what their __init__ gathers stands above all.
INSIDE = {
    "frontend": [
        "linker",
        "__init__",
    ],
    "media": [
        "suffixes colour",
        "targets",
        "images streams",
        "metadata reading",
        "seeking audio",
        "writing",
        "tone",
        "__init__",
    ],
    "evaluation": [
        "signals",
        "subjects",
        "figures",
        "agreement",
        "verdict",
        "report",
        "judging",
        "__init__",
    ],
    "cli": [
        "shared",
        "animation inspection weights training bench",
        "main",
        "__init__",
    ],
    "data": [
        "batch config workers worker_server",
        "clips truth augmentation",
        "pairs preparation",
        "__init__",
    ],
    "pipeline": [
        "clips panels",
        "driving subject",
        "outputs",
        "run inspection",
        "__init__",
    ],
    "trust": [
        "label",
        "__init__",
    ],
    "drawing": [
        "captions overlays",
        "collage",
        "__init__",
    ],
    "animation": [
        "overlap",
        "driving",
        "source",
        "moments",
        "__init__",
    ],
    "faces": [
        "finders crops",
        "squares mesh",
        "__init__",
    ],
    "motion": [
        "affine templates smoothing",
        "gains",
        "movement",
        "mover",
        "__init__",
    ],
    "weights": [
        "integrity partfile registry shapes",
        "checkpoints download",
        "store",
        "__init__",
    ],
    "modules": [
        "grid blocks",
        "keypoint_detector dense_motion discriminator",
        "generator",
        "first_order",
    ],
    "training": [
        "config",
        "equivariance perceptual supervision teacher_forcing close_ups presets processes runs",
        "adversarial report",
        "objective view",
        "learner",
        "trainer",
        "__init__",
    ],
    "widgets": [
        "controls failures uploads worker detected calls",
        "job",
        "preview",
        "inputs",
        "panel webcam",
        "__init__",
    ],
    "live": [
        "session clip",
        "__init__",
    ],
    "fast": [
        "memory winograd packed int8",
        "convs precision",
        "model",
        "__init__",
    ],
    "bench": [
        "options machine",
        "report subjects procedures",
        "measure files tables",
        "scale",
        "run",
        "__init__",
    ],
}
INSIDE_LEVEL = {
    package: {name: level for level, row in enumerate(rows) for name in row.split()} for package, rows in INSIDE.items()
}
FILES = sorted(PACKAGE.rglob("*.py"))


def imports(file: Path) -> set[str]:
    """Dotted names below motionkit that a file imports anywhere, lazily or not."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "motionkit":
            if node.module == "motionkit":
                found |= {alias.name for alias in node.names}
            else:
                found.add(node.module.removeprefix("motionkit."))
        elif isinstance(node, ast.Import):
            found |= {a.name.removeprefix("motionkit.") for a in node.names if a.name.startswith("motionkit.")}
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_imports_point_one_way(file: Path) -> None:
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    if parts == ("__init__",):
        return
    own = parts[0]
    assert own in LEVEL, f"{own} has no place among the layers"
    for name in imports(file):
        top, _, rest = name.partition(".")
        if top == own:
            if own in INSIDE and rest:
                levels = INSIDE_LEVEL[own]
                assert levels[rest] < levels[parts[1]], f"{file.name} imports its sibling {rest}"
            continue
        assert LEVEL[top] < LEVEL[own], f"{own} imports {top}, which does not stand below it"


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_files_and_functions_stay_small(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count("\n") <= 350
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert (node.end_lineno or 0) - node.lineno < 62, f"{node.name} holds two ideas"


def test_there_is_one_grid_sample() -> None:
    users = [file.name for file in FILES if "grid_sample(" in file.read_text(encoding="utf-8")]
    assert users == ["grid.py"]


def test_only_media_reads_videos() -> None:
    users = {
        file.relative_to(PACKAGE).parts[0]
        for file in FILES
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.strip().split(" as ")[0] in ("import av", "import imageio", "import imageio.v3")
    }
    assert users == {"media"}


def test_public_names_are_there_and_documented() -> None:
    for name in motionkit.__all__:
        thing = getattr(motionkit, name)
        assert name == "__version__" or (thing.__doc__ and len(thing.__doc__) > 20), name
    with pytest.raises(AttributeError, match="animat"):
        _ = motionkit.animat


def test_importing_loads_nothing_heavy() -> None:
    code = "import sys, motionkit; print(sorted({'torch','numpy','av','PIL','skimage','IPython'} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_importing_is_quick() -> None:
    # Counted from inside: the interpreter's own start is not ours. The best of three, for noisy machines.
    code = "import time; t = time.perf_counter(); import motionkit; print(time.perf_counter() - t)"
    times = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    ]
    assert min(times) < 0.2
