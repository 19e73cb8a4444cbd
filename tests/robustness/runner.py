"""Tries faults in a child process, and ends it where one takes too long: a hang or a crash is an outcome too."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

from tests.robustness.fault import NOTHING, Fault
from tests.support.places import ROOT

__all__ = ["Runner"]

START, MAKE, SPARE = 120.0, 60.0, 10.0  # seconds for the child, for the making of a fault, and beyond a fault's own


class Runner:
    """A child process that tries faults, started when the first one comes and again after each that it did not survive.

    Args:
        folder: Where the child works.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.child: subprocess.Popen[str] | None = None
        self.answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.log = folder / "child.log"

    def run(self, fault: Fault) -> dict[str, Any]:
        """Try a fault; returns what ``try_fault`` says, or what became of the child."""
        child = self._started()
        assert child.stdin is not None
        child.stdin.write(json.dumps(fault.id) + "\n")
        child.stdin.flush()
        answer = self._next(MAKE, "while it was made")
        return self._next(fault.seconds + SPARE, "while it was tried") if "made" in answer else answer

    def close(self) -> None:
        """End the child."""
        if self.child is not None:
            self.child.kill()
            self.child.wait()
            self.child = None

    def _started(self) -> subprocess.Popen[str]:
        if self.child is None:
            command = [sys.executable, "-m", "tests.robustness.child", str(self.folder)]
            environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"}
            self.child = subprocess.Popen(
                command, cwd=ROOT, env=environment, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log.open("w", encoding="utf-8"),
            )  # fmt: skip
            self.answers = queue.Queue()
            threading.Thread(target=_listen, args=(self.child.stdout, self.answers), daemon=True).start()
            self._next(START, "while it started")
        return self.child

    def _next(self, seconds: float, when: str) -> dict[str, Any]:
        assert self.child is not None
        try:
            answer = self.answers.get(timeout=seconds)
        except queue.Empty:
            problem = f"it did not end within {seconds:g} s {when}"
        else:
            if answer is not None:
                return answer
            problem = f"the process died with status {self.child.wait()} {when}"
        self.close()
        said = self.log.read_text(encoding="utf-8", errors="replace")[-2000:]
        return {"problem": f"{problem}\n{said}", "outcome": "hang or crash", **NOTHING}


def _listen(stream: IO[str] | None, answers: queue.Queue[dict[str, Any] | None]) -> None:
    assert stream is not None
    for line in stream:
        answers.put(json.loads(line))
    answers.put(None)
