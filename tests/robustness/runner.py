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
from tests.support.signed import signing_variables

__all__ = ["Runner"]

START, MAKE = 300.0, 120.0  # seconds for the child to start, and for a fault to be made
PATIENCE = 5  # times a fault's own seconds, which are the processor's: others may be at work on it too


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
        if self.child is None and "ready" not in (answer := self._start()):
            return answer
        assert self.child is not None and self.child.stdin is not None
        self.child.stdin.write(json.dumps(fault.id) + "\n")
        self.child.stdin.flush()
        answer = self._next(MAKE, "while it was made")
        return self._next(fault.seconds * PATIENCE, "while it was tried") if "made" in answer else answer

    def close(self) -> None:
        """End the child."""
        if self.child is not None:
            self.child.kill()
            self.child.wait()
            self.child = None

    def _start(self) -> dict[str, Any]:
        command = [sys.executable, "-m", "tests.robustness.child", str(self.folder)]
        # PyTorch makes a folder for its own use at the first training; it is no leftover of a fault.
        own = {"TORCHINDUCTOR_CACHE_DIR": str(self.folder / "torch"), "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"}
        own |= signing_variables(self.folder)  # nor is the key that results are signed with
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **own}
        self.child = subprocess.Popen(
            command, cwd=ROOT, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log.open("w", encoding="utf-8"),
        )  # fmt: skip
        self.answers = queue.Queue()
        threading.Thread(target=_listen, args=(self.child.stdout, self.answers), daemon=True).start()
        return self._next(START, "while it started")

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
