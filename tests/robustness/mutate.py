"""Reads mutated media files in child processes: ``python -m tests.robustness.mutate COUNT --seed 0``.

A child that takes too long is ended, one that died is started again: both are faults, as an exception is that is no
MotionkitError. Each fault's file is kept, with what was done to it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.robustness.mutants import Mutant, Sample, make_all, mutant
from tests.support.places import ROOT

__all__ = ["Report", "run"]

PATIENCE = 120.0  # seconds of the clock for one file, on a machine that does other things too


@dataclass
class Report:
    """What came of the mutants.

    Attributes:
        outcomes: How many, by format and outcome.
        faults: Those that must not be, as lines of JSON hold them.
        seconds: In all.
        slowest: Processors' seconds of the slowest.
        largest: Megabytes of the one that took most.
    """

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    slowest: float = 0.0
    largest: float = 0.0

    def __str__(self) -> str:
        """A table by format, and the sums."""
        kinds = sorted({outcome for _, outcome in self.outcomes})
        lines = ["| format | files | " + " | ".join(kinds) + " |", "|---" * (len(kinds) + 2) + "|"]
        for suffix in sorted({suffix for suffix, _ in self.outcomes}):
            counts = [self.outcomes[suffix, kind] for kind in kinds]
            lines.append(f"| {suffix[1:]} | {sum(counts)} | " + " | ".join(map(str, counts)) + " |")
        total = self.outcomes.total()
        rate = total / self.seconds if self.seconds else 0
        lines.append(
            f"\n{total} files in {self.seconds:.0f} s, {rate:.1f} a second; {len(self.faults)} faults; "
            f"the slowest took {self.slowest:.1f} s of processors' time, the largest {self.largest:.0f} MB"
        )
        return "\n".join(lines)


class _Reader:
    """The child, started when it is first asked and again after each file that it did not survive."""

    def __init__(self, samples: Path, folder: Path, seed: int) -> None:
        self.command = [sys.executable, "-m", "tests.robustness.reader", str(samples), str(folder), str(seed)]
        self.crash = folder.parent / "crash.log"
        self.process: subprocess.Popen[bytes] | None = None

    def ask(self, number: int) -> dict[str, Any]:
        if self.process is None:
            environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(b"%d\n" % number)
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        line = self.process.stdout.readline() if ready else b""
        if line.endswith(b"\n"):
            answer: dict[str, Any] = json.loads(line)
            return answer
        if not ready:
            self.process.kill()
        status = self.process.wait()
        self.close()
        outcome = "crash" if ready else "hang"
        said = self.crash.read_text(encoding="utf-8")[-3000:] if self.crash.is_file() else ""
        return {"outcome": outcome, "problem": f"{outcome}: status {status}\n{said}", "seconds": 0.0, "megabytes": 0.0}

    def close(self) -> None:
        if self.process is not None:
            assert self.process.stdin is not None and self.process.stdout is not None
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.process = None


def run(
    samples: list[Sample],
    numbers: range,
    seed: int,
    work: Path,
    *,
    kept: Path | None = None,
    tell: Callable[[Report], None] = lambda _: None,
) -> Report:
    """Read mutants.

    Args:
        samples: From ``make_all``.
        numbers: Of the mutants.
        seed: Of the mutants.
        work: An empty folder.
        kept: Folder for the files of faults, None to keep none.
        tell: Called with the report after each one.
    """
    (work / "samples").mkdir()
    (work / "bad").mkdir()
    for sample in samples:
        (work / "samples" / sample.name).write_bytes(sample.content)
    reader, report, begun = _Reader(work / "samples", work / "bad", seed), Report(), time.monotonic()
    try:
        for number in numbers:
            answer = reader.ask(number)
            one = mutant(samples, number, seed)
            report.outcomes[one.sample.suffix, answer["outcome"]] += 1
            report.slowest = max(report.slowest, answer["seconds"])
            report.largest = max(report.largest, answer["megabytes"])
            report.seconds = time.monotonic() - begun
            if answer["problem"] is not None:
                fault = {"seed": seed, "number": number, "sample": one.sample.name, "how": one.how, **answer}
                report.faults.append(fault)
                _keep(one, fault, kept)
            tell(report)
    finally:
        reader.close()
    return report


def _keep(one: Mutant, fault: dict[str, Any], kept: Path | None) -> None:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        (kept / f"{fault['seed']}-{one.number}{one.sample.suffix}").write_bytes(one.content)
        with (kept / "faults.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(fault) + "\n")


def main() -> int:
    """Read so many mutants and print the report; the status is 1 if there is a fault."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("count", type=int, nargs="?", default=50_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first mutant")
    parser.add_argument("--kept", type=Path, default=ROOT / "output" / "mutants", help="folder for what fails")
    given = parser.parse_args()

    def tell(report: Report) -> None:
        if report.outcomes.total() % 1000 == 0:
            print(f"{report.outcomes.total()} of {given.count}: {len(report.faults)} faults", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "whole").mkdir()
        (place / "work").mkdir()
        samples = make_all(place / "whole")
        numbers = range(given.first, given.first + given.count)
        report = run(samples, numbers, given.seed, place / "work", kept=given.kept, tell=tell)
    print(report)
    for fault in report.faults:
        print(f"\n{fault['sample']} number {fault['number']} ({fault['how']}):\n{fault['problem']}")
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
