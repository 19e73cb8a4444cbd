"""Imports point one way, files stay small, and importing the package touches nothing heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import motionkit

PACKAGE = Path(motionkit.__file__).parent
# A module may import from rows above its own, never from its own row.
LAYERS = [
    "errors",
    "frames showing versions",
    "structures",
    "config wholefile progress samples frontend jsontext lock",
    "media tensors motion drawing weights modules drive",
    "faces fast trust",
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
    "config": [
        "bounds checks",
        "networks",
        "models",
        "published options",
        "__init__",
    ],
    "frontend": [
        "linker",
        "__init__",
    ],
    "media": [
        "suffixes colour files timing profiles clip jpeg",
        "targets modes pixels collections",
        "addresses",
        "images streams",
        "metadata pictures sound video",
        "reading audio",
        "seeking writing webp",
        "tone",
        "__init__",
    ],
    "evaluation": [
        "signals metrics options items landmarks embedders processes published rows",
        "looks subjects perception intervals",
        "figures pixels people tables",
        "agreement toolbox result",
        "verdict measuring gallery plots",
        "report page",
        "judging work",
        "run",
        "__init__",
    ],
    "cli": [
        "shared",
        "animation posing multiplication inspection trust weights training bench evaluation",
        "main",
        "__init__",
    ],
    "data": [
        "batch colours config workers worker_server",
        "clips truth augmentation tracks",
        "pairs preparation",
        "multiplication",
        "__init__",
    ],
    "data/multiplication": [
        "options rows storage spool",
        "plan manifest placing",
        "variation",
        "sources",
        "motions gate",
        "journal making card",
        "identity",
        "media_work",
        "local cluster",
        "estimate",
        "run",
        "__init__",
    ],
    "pipeline": [
        "squares panels copies",
        "clips",
        "takes",
        "driving subject",
        "drivers outputs",
        "run inspection many posing",
        "__init__",
    ],
    "trust": [
        "keys label watermark",
        "manifests marks",
        "signing verification",
        "__init__",
    ],
    "drawing": [
        "captions overlays",
        "collage",
        "__init__",
    ],
    "animation": [
        "overlap scenes",
        "driving",
        "source followed",
        "moments",
        "__init__",
    ],
    "faces": [
        "blazeface crops",
        "detection",
        "finders",
        "squares mesh",
        "__init__",
    ],
    "motion": [
        "affine templates smoothing presence rig timecodes",
        "placed",
        "expressions",
        "ready takes speech solving",
        "gains carrying",
        "movement",
        "mover",
        "__init__",
    ],
    "weights": [
        "arrivals folder integrity partfile registry shapes",
        "checkpoints download pins",
        "store",
        "__init__",
    ],
    "modules": [
        "grid blocks",
        "expectation background",
        "eyes",
        "landing mouth",
        "keypoint_detector dense_motion discriminator",
        "generator",
        "first_order",
    ],
    "training": [
        "config",
        "equivariance perceptual supervision teacher_forcing close_ups partly presets processes runs widening",
        "adversarial report",
        "objective view",
        "learner held_out",
        "trainer",
        "personal",
        "__init__",
    ],
    "widgets": [
        "controls failures kept uploads worker detected calls pose models",
        "face job plan gallery",
        "preview exports offers",
        "inputs poser",
        "panel webcam",
        "__init__",
    ],
    "live": [
        "session clip",
        "__init__",
    ],
    "fast": [
        "memory winograd packed int8 expected",
        "convs precision",
        "blocks",
        "motion",
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
        "avx2",
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
    for name in imports(file):
        top, _, rest = name.partition(".")
        if top == own:
            if own in INSIDE and rest:
                inner = f"{own}/{parts[1]}"
                if inner in INSIDE and rest.startswith(f"{parts[1]}."):  # a room inside the room
                    check_import(parts[2], rest.split(".")[1], INSIDE_LEVEL[inner], f'INSIDE["{inner}"]')
                    continue
                check_import(parts[1], rest.split(".")[0], INSIDE_LEVEL[own], f'INSIDE["{own}"]')
            continue
        check_import(own, top, LEVEL, "LAYERS")


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


def test_there_is_one_psnr_and_one_list_of_suffixes() -> None:
    texts = {file: file.read_text(encoding="utf-8") for file in FILES}
    assert [file.name for file, text in texts.items() if "log10(" in text] == ["frames.py"]
    assert {file.parent.name for file, text in texts.items() if '".mkv"' in text} == {"media"}


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
    # From inside, without the interpreter's own start; the processor's time, the best of three, for busy machines.
    code = "import time; t = time.process_time(); import motionkit; print(time.process_time() - t)"
    times = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    ]
    assert min(times) < 0.2


def check_import(importer: str, imported: str, levels: dict[str, int], table: str) -> None:
    """Fail, and say what to do, unless what is imported stands in an earlier row of the table than its importer."""
    for name in (importer, imported):
        assert name in levels, (
            f"{name} has no row in {table}. Put it into the first row after all that it imports and before all that "
            "import it; a new room is also named in CONTRIBUTING.md."
        )
    place = "the same" if levels[imported] == levels[importer] else "a later"
    assert levels[imported] < levels[importer], (
        f"{importer} imports {imported}, which stands in {place} row of {table}. Move what both need into a file of an "
        f"earlier row, or let the caller pass it as an argument. Move a row only where {imported} needs nothing of "
        f"{importer}, and no other import then points the wrong way."
    )


# The tests lie in the same rooms.

TESTS = Path(__file__).parent
TEST_FILES = sorted(TESTS.rglob("*.py"))
ROOMS = {file.parent.name for file in PACKAGE.glob("*/__init__.py")}
# What is tested as a whole, and what tests share.
WHOLE = {"architecture", "docs", "install", "notebooks", "site"}
SHARED = {"browser", "colab", "golden", "robustness", "support"}


def test_every_room_has_its_tests_and_every_test_its_room() -> None:
    without = [room for room in sorted(ROOMS) if not list((TESTS / room).glob("test_*.py"))]
    assert not without, f"no tests/ROOM/test_*.py for {without}: a room's tests lie in the folder of its name"
    folders = {folder.name for folder in TESTS.iterdir() if folder.is_dir() and folder.name != "__pycache__"}
    strangers = sorted(folders - ROOMS - SHARED)
    assert not strangers, f"tests/{strangers} are no rooms of motionkit; name them as the room whose tests they hold"
    modules = {file.stem for file in PACKAGE.glob("*.py")}
    subjects = tuple(f"test_{name}_" for name in WHOLE | modules)  # test_drive.py, and test_drive_copies.py beside it
    stray = [file.name for file in TESTS.glob("test_*.py") if not f"{file.stem}_".startswith(subjects)]
    assert not stray, f"{stray} test neither the whole nor a module at the top; move them into their room's folder"


def test_no_test_imports_another_test() -> None:
    found = [
        f"{file.relative_to(TESTS)} imports {name}"
        for file in TEST_FILES
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names] if isinstance(node, ast.Import)
            else []
        )
        if name.split(".")[-1].startswith("test_")
    ]  # fmt: skip
    assert not found, f"{found}: move what both use into a module of tests/support, or a fixture into conftest.py"


def test_files_of_tests_stay_small() -> None:
    long = {str(file.relative_to(TESTS)): file.read_text(encoding="utf-8").count("\n") for file in TEST_FILES}
    long = {name: lines for name, lines in long.items() if lines > 350}
    assert not long, f"{long}: more than 350 lines test more than one subject; split them by subject"
