"""Fuzzes a reader with atheris, which looks for inputs that reach further: ``python -m tests.robustness.fuzz TARGET``.

A fault does not end it: its input is kept, once for each place in the code, and counted. Without atheris it says so.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.places import ROOT

if TYPE_CHECKING:
    from tests.robustness.fuzz_targets import Target

__all__ = ["Outcome", "fuzz", "why_not"]

MEGABYTES, PATIENCE = 4000, 20  # of the process; seconds for one input
KEPT = ROOT / "output" / "fuzz"


@dataclass(frozen=True)
class Outcome:
    """What came of fuzzing a target.

    Attributes:
        executions: Inputs that were tried.
        reached: Places in the code that they reached, as libFuzzer counts them.
        faults: The traceback of each fault, or what the fuzzer says where the process died.
    """

    executions: int
    reached: int
    faults: list[str]


def why_not() -> str | None:
    """Why nothing can be fuzzed here, or None."""
    try:
        import atheris  # noqa: F401
    except ImportError:
        return "atheris is not installed; it comes with motionkit[dev] on Linux with x86-64"
    return None


def fuzz(target: str, seconds: int, *, kept: Path = KEPT, seed: int = 1) -> Outcome:
    """Fuzz in a process of its own.

    Args:
        target: A key of ``TARGETS``.
        seconds: How long.
        kept: Folder for inputs: those that reach something new, from which a later call goes on, and faults.
        seed: Of the fuzzer's random draws.
    """
    corpus, faults = kept / target, kept / f"{target}-faults"
    for folder in (corpus, faults):
        folder.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable, "-m", "tests.robustness.fuzz", target, "--inside", str(faults), str(corpus),
        f"-max_total_time={seconds}", f"-seed={seed}", f"-timeout={PATIENCE}", f"-rss_limit_mb={MEGABYTES}",
        f"-artifact_prefix={faults}/", "-print_final_stats=1",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, errors="replace", check=False
    )
    said = done.stderr
    count = re.search(r"number_of_executed_units:\s+(\d+)", said) or re.search(r"Done (\d+) runs", said)
    reached = re.findall(r"\bcov: (\d+)", said)
    found = [json.loads(line)["traceback"] for line in _lines(faults / "faults.jsonl")]
    if done.returncode:
        found.append(f"status {done.returncode}: {said[-3000:]}")
    return Outcome(int(count[1]) if count else 0, int(reached[-1]) if reached else 0, found)


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


class Keeper:
    """Gives inputs to a target, and keeps those that it fails on, one for each place in the code.

    Args:
        target: The target.
        faults: Folder for them; None keeps none.
    """

    def __init__(self, target: Target, faults: Path | None) -> None:
        self.target, self.faults = target, faults
        self.tracebacks: dict[str, str] = {}
        # In memory where there is such a disk: thousands of small files a second are written.
        self._place = tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
        self.folder = Path(self._place.name)

    def give(self, data: bytes) -> None:
        """Try an input."""
        try:
            self.target.give(data, self.folder)
        except Exception as error:  # what escapes is what is looked for
            self._keep(data, error)

    def _keep(self, data: bytes, error: Exception) -> None:
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{type(error).__name__} at {last.filename}:{last.lineno}"
        if place in self.tracebacks:
            return
        self.tracebacks[place] = "".join(traceback.format_exception(error))
        if self.faults is not None:
            (self.faults / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
            with (self.faults / "faults.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps({"input": data.hex(), "traceback": self.tracebacks[place]}) + "\n")


def _inside(name: str, faults: Path, options: list[str]) -> None:
    """Fuzz in this process; libFuzzer ends it."""
    import atheris
    import torch  # noqa: F401  # before the instrumentation, which is for our own code

    with atheris.instrument_imports(include=["motionkit"]):
        from tests.robustness.fuzz_targets import TARGETS
    target = TARGETS[name]
    corpus = Path(options[0])
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    keeper = Keeper(target, faults)
    atheris.Setup([sys.argv[0], f"-max_len={target.longest}", *options], keeper.give)
    atheris.Fuzz()


def main() -> int:
    """Fuzz what is named, or everything; the status is 1 if there is a fault."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--kept", type=Path, default=KEPT)
    given: Any = parser.parse_args()
    if reason := why_not():
        print(f"Skipped: {reason}")
        return 0
    from tests.robustness.fuzz_targets import TARGETS

    faults = 0
    for name in given.targets or TARGETS:
        outcome = fuzz(name, given.seconds, kept=given.kept)
        faults += len(outcome.faults)
        print(
            f"{name}: {outcome.executions} executions, {outcome.reached} places reached, {len(outcome.faults)} faults"
        )
        for fault in outcome.faults:
            print(fault)
        sys.stdout.flush()
    return 1 if faults else 0


if __name__ == "__main__":
    if sys.argv[2:3] == ["--inside"]:
        _inside(sys.argv[1], Path(sys.argv[3]), sys.argv[4:])
    else:
        sys.exit(main())
