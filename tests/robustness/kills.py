"""What is killed at any moment, with SIGKILL, and what must hold then: ``python -m tests.robustness.kills EACH``.

Each command runs as a process of its own. It is killed, what it left is looked at, and the same command runs again: it
has to complete, and to give what it gives when nothing disturbs it.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open

from motionkit import media
from tests.robustness.mirror import CONTENT, FILE, serve
from tests.support.files import photo_and_clip
from tests.support.films import CLOSER, NOTHING, SWAY
from tests.support.films import write as write_film
from tests.support.multiplied import check_whole, given_files, tiny_weights
from tests.support.places import ROOT
from tests.support.training_runs import assert_same, make_clips, small_run, written

__all__ = ["PROCEDURES", "Procedure", "Undisturbed", "kill_and_run_again", "run_undisturbed"]

# What takes long to import is there before the clock runs, for it is the work that is to be killed.
PROGRAM = """
import sys
import av, torch, motionkit.data.multiplication.run
import motionkit.data.preparation, motionkit.model, motionkit.pipeline.run, motionkit.training
from motionkit.cli.main import main
from tests.robustness.mirror import use
use()
print("begun", flush=True)
sys.exit(main(sys.argv[1:]))
"""
PATIENCE, LINGER = 600.0, 30.0  # seconds for a command, and for the helpers of one that was killed
PART = re.compile(r"\..+\.mk\d+-\d+\.part(\.\w+)?")


@dataclass(frozen=True)
class Procedure:
    """A command.

    Attributes:
        make: Makes what it reads in a folder.
        words: The command's words, run in that folder.
        check: Looks at what a killed process left; raises AssertionError where that is not sound.
        outcome: What came of a completed one, to be compared.
    """

    make: Callable[[Path], object]
    words: tuple[str, ...]
    check: Callable[[Path], None]
    outcome: Callable[[Path], Any]


@dataclass(frozen=True)
class Undisturbed:
    """A run that nothing disturbed: its folder, its outcome and the seconds that its work took."""

    folder: Path
    outcome: Any
    seconds: float


def run_undisturbed(procedure: Procedure, folder: Path) -> Undisturbed:
    """Make what is read in a folder and run the command there."""
    folder.mkdir()
    procedure.make(folder)
    shutil.copytree(folder, folder.with_name(f"{folder.name}-given"))
    seconds = _complete(procedure, folder)
    return Undisturbed(folder, procedure.outcome(folder), seconds)


def kill_and_run_again(procedure: Procedure, known: Undisturbed, folder: Path, moment: float) -> float:
    """Kill the command at a moment, look at what is there, and run it again.

    Args:
        procedure: The command.
        known: From ``run_undisturbed``.
        folder: Where to work; not there yet.
        moment: From 0, when the work begins, to 1, when it usually ends; an earlier one is tried where it had ended.

    Returns:
        Seconds after which it was killed.
    """
    seconds = moment * known.seconds
    while not _killed(procedure, known, folder, seconds):
        shutil.rmtree(folder)
        seconds *= 0.7
    procedure.check(folder)
    _complete(procedure, folder)
    assert_same(procedure.outcome(folder), known.outcome)
    return seconds


def _killed(procedure: Procedure, known: Undisturbed, folder: Path, seconds: float) -> bool:
    """Whether the command was still at work when it was killed."""
    shutil.copytree(known.folder.with_name(f"{known.folder.name}-given"), folder)
    with _started(procedure, folder) as process:
        _await_begin(process)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        process.kill()
        process.wait()
    until = time.monotonic() + LINGER
    while _lives(process.pid):  # helpers of a killed process have to end by themselves
        assert time.monotonic() < until, "processes that it had started are still there"
        time.sleep(0.02)
    return process.returncode == -signal.SIGKILL


def _complete(procedure: Procedure, folder: Path) -> float:
    with _started(procedure, folder) as process:
        _await_begin(process)
        begun = time.monotonic()
        status = process.wait(PATIENCE)
        said = (folder / "said.log").read_text(encoding="utf-8", errors="replace")
        assert status == 0, said[-3000:]
    return time.monotonic() - begun


def _started(procedure: Procedure, folder: Path) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "MOTIONKIT_CACHE": str(folder / "cache"),
    }  # fmt: skip
    with (folder / "said.log").open("w", encoding="utf-8") as log:
        command = [sys.executable, "-c", PROGRAM, *procedure.words]
        return subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=log, start_new_session=True
        )


def _await_begin(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n", "it did not begin"


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _frames(path: Path) -> list[str]:
    return [hashlib.sha256(frame.tobytes()).hexdigest() for frame in media.open_clip(path)]


def _stored(path: Path) -> dict[str, Any]:
    """Tensors and metadata; the order of the latter differs from file to file."""
    with safe_open(str(path), "pt") as file:
        return {"metadata": file.metadata(), **{key: file.get_tensor(key) for key in file.keys()}}  # noqa: SIM118


def _left(folder: Path, known: set[str]) -> None:
    """Beside what was there and the targets, there are only motionkit's own hidden parts."""
    for path in folder.iterdir():
        assert path.name in known | {"said.log"} or PART.fullmatch(path.name), f"{path.name} was left behind"


# animate: an older result is in the way, which has to be there until the new one is.

OLD = b"an older result"


def _make_animation(folder: Path) -> None:
    photo_and_clip(folder, 20)
    (folder / "result.mp4").write_bytes(OLD)


def _check_animation(folder: Path) -> None:
    _left(folder, {"photo.png", "drive.mp4", "result.mp4", "cache"})  # the key that it is signed with
    if (folder / "result.mp4").read_bytes() != OLD:
        assert len(_frames(folder / "result.mp4")) == 20


# fetch: from a server on loopback, slowly.


def _check_fetch(folder: Path) -> None:
    cache = folder / "cache"
    _left(folder, {"cache"})
    if (cache / FILE).exists():
        assert (cache / FILE).read_bytes() == CONTENT
    if (part := cache / f"{FILE}.part").exists():
        assert CONTENT.startswith(part.read_bytes())


def _fetched(folder: Path) -> Any:
    return {path.name: path.read_bytes() for path in (folder / "cache").iterdir() if path.suffix != ".lock"}


# convert: the embedded weights into a file of their own.


def _check_conversion(folder: Path) -> None:
    _left(folder, {"old.safetensors", "new.safetensors"})
    if (folder / "new.safetensors").exists():
        with safe_open(str(folder / "new.safetensors"), "pt") as file:
            assert "config" in file.metadata()


# prepare: a film of two shots.


def _clips(folder: Path) -> dict[str, list[str]]:
    return {path.name: _frames(path) for path in sorted((folder / "clips").glob("[!.]*"))}


def _check_preparation(folder: Path) -> None:
    for name, frames in _clips(folder).items():
        assert len(frames) >= 10, f"{name} has {len(frames)} frames"
    for record in (folder / "clips" / ".prepared").glob("*.json"):
        assert json.loads(record.read_text(encoding="utf-8"))["settings"]["size"] == 96


# train: with workers, each of four steps in a checkpoint.


def _make_training(folder: Path) -> None:
    make_clips(folder / "clips")
    values = small_run(checkpoint_minutes=0.0).to_dict()
    values["data"]["workers"] = 2
    (folder / "wanted.json").write_text(json.dumps(values), encoding="utf-8")


def _check_training(folder: Path) -> None:
    import torch

    for path in (folder / "run").glob("checkpoint-*.pt"):
        assert torch.load(path, weights_only=True)["step"] >= 1
    if (folder / "run" / "config.json").exists():
        assert json.loads((folder / "run" / "config.json").read_text(encoding="utf-8"))["config"]


def _trained(folder: Path) -> Any:
    run = folder / "run"
    hidden = sorted(path.name for path in run.glob(".*"))
    return {"state": written(run), "model": _stored(run / "model.safetensors"), "hidden": hidden}


# multiply: nine pairs, two workers.


def _make_multiplication(folder: Path) -> None:
    given_files(folder, sources=3, drivings=3)
    tiny_weights(folder)


def _check_multiplication(folder: Path) -> None:
    for path in (folder / "out" / "data").rglob("*.*"):
        if path.suffix == ".mp4":
            assert len(_frames(path)) >= 7, f"{path.name} is not whole"


def _multiplied(folder: Path) -> Any:
    return [row["sha256"] for row in check_whole(folder / "out")]


MULTIPLIED = ("--sources", "sources", "--drivings", "drivings")
PROCEDURES = {
    "animate": Procedure(
        _make_animation,
        ("animate", "photo.png", "drive.mp4", "-o", "result.mp4", "--size", "64", "--crop", "centre"),
        _check_animation,
        lambda folder: _frames(folder / "result.mp4"),
    ),
    "fetch": Procedure(lambda _: None, ("fetch", "vox"), _check_fetch, _fetched),
    "convert": Procedure(
        lambda folder: shutil.copy(ROOT / "weights" / "heads.safetensors", folder / "old.safetensors"),
        ("convert", "old.safetensors", "new.safetensors"),
        _check_conversion,
        lambda folder: _stored(folder / "new.safetensors"),
    ),
    "prepare": Procedure(
        lambda folder: write_film(folder / "film.mp4", [*SWAY, *NOTHING, *CLOSER]),
        ("prepare", "film.mp4", "-o", "clips", "--size", "96", "--min-seconds", "0.5"),
        _check_preparation,
        _clips,
    ),
    "multiply": Procedure(
        _make_multiplication,
        ("multiply", *MULTIPLIED, "-o", "out", "--no-gate", "--workers", "2", "--model", "tiny.safetensors"),
        _check_multiplication,
        _multiplied,
    ),
    "train": Procedure(
        _make_training,
        ("train", "clips", "-o", "run", "--config", "wanted.json", "--resume", "--device", "cpu", "--quiet"),
        _check_training,
        _trained,
    ),
}


def main() -> int:
    """Kill each command so many times and print what became of it; the status is 1 if anything was not sound."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("each", type=int, nargs="?", default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=PROCEDURES, action="append")
    given = parser.parse_args()
    faults = 0
    with tempfile.TemporaryDirectory() as work, serve():
        for name in given.only or PROCEDURES:
            known = run_undisturbed(PROCEDURES[name], Path(work) / name)
            survived, moments = 0, []
            for number in range(given.each):
                moment = random.Random(f"{given.seed}:{name}:{number}").random()
                try:
                    folder = Path(work) / f"{name}-{number}"
                    moments.append(kill_and_run_again(PROCEDURES[name], known, folder, moment))
                    survived += 1
                except AssertionError as error:
                    faults += 1
                    print(f"{name} {number}, killed at {moment:.3f} of {known.seconds:.1f} s: {error}", flush=True)
            span = f"{min(moments):.2f} to {max(moments):.2f} s" if moments else "never"
            print(
                f"{name}: {survived} of {given.each} killed after {span} of {known.seconds:.1f} s were sound",
                flush=True,
            )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
