"""The process that reads mutated files, one after the other: ``python -m tests.robustness.reader SAMPLES FOLDER SEED``.

It reads the number of a mutant from each line of its input, and writes a line of JSON when that one was read. Whoever
started it ends it if that takes too long.
"""

from __future__ import annotations

import faulthandler
import json
import os
import re
import resource
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

from motionkit import media
from motionkit.errors import MotionkitError
from tests.media.damage import try_file
from tests.robustness.mutants import Mutant, Sample, mutant

SPARE = 4 << 30  # bytes of addresses beyond those in use: what asks for more ends with an error, not with the machine
MEGABYTES, SECONDS = 1000, 20.0  # by which reading one file may raise the memory in use; of processors' time


def load_samples(folder: Path) -> list[Sample]:
    """The whole files in a folder, in the order of ``make_all``."""
    return [Sample(path.name, path.read_bytes()) for path in sorted(folder.iterdir())]


def read(one: Mutant, folder: Path) -> dict[str, Any]:
    """Read a mutant in every way; returns outcome, problem (None if there is none), seconds, megabytes."""
    path = folder / f"bad{one.sample.suffix}"
    path.write_bytes(one.content)
    begun, before = time.process_time(), _memory("VmRSS", forget=True)
    problem = None
    try:
        outcome = try_file(path, folder / "out.mp4")
        _as_picture(path)
    except Exception:
        outcome, problem = "traceback", traceback.format_exc()
    seconds, megabytes = time.process_time() - begun, (_memory("VmHWM") - before) / 1000
    if path.read_bytes() != one.content:
        problem = problem or "the file was changed"
    if strangers := {entry.name for entry in folder.iterdir()} - {path.name, "out.mp4"}:
        problem = problem or f"left behind: {', '.join(sorted(strangers))}"
        for name in strangers:
            (folder / name).unlink()
    if seconds > SECONDS:
        problem = problem or f"took {seconds:.1f} s of processors' time"
    if megabytes > MEGABYTES:
        problem = problem or f"took {megabytes:.0f} MB"
    path.unlink()
    return {"outcome": outcome, "problem": problem, "seconds": seconds, "megabytes": megabytes}


def _as_picture(path: Path) -> None:
    try:
        picture = media.read_image(path)
    except MotionkitError as error:
        if path.name not in str(error) or not str(error).isprintable():
            raise AssertionError(f"not one printable line that names the file: {str(error)!r}") from error
        return
    assert picture.ndim == 3 and picture.shape[2] == 3 and picture.dtype == "uint8", (picture.shape, picture.dtype)


def _memory(name: str, *, forget: bool = False) -> int:
    """Kilobytes of memory as Linux counts them: VmRSS now, VmHWM the most since this was last told to forget."""
    try:
        if forget:
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    except OSError:
        return 0  # no Linux: time alone is bounded
    return int(found[1]) if found else 0


def main() -> None:
    """Read what is asked for until the input ends."""
    samples, folder, seed = load_samples(Path(sys.argv[1])), Path(sys.argv[2]), int(sys.argv[3])
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    crash = (folder.parent / "crash.log").open("w", encoding="utf-8")
    faulthandler.enable(crash)
    quiet = os.open(os.devnull, os.O_WRONLY)  # the decoders' own complaints
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    warnings.simplefilter("ignore")
    if in_use := _memory("VmSize"):
        resource.setrlimit(resource.RLIMIT_AS, (in_use * 1024 + SPARE, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin:
        answer = read(mutant(samples, int(line), seed), folder)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
