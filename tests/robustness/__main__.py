"""``python -m tests.robustness [PART OF A NAME …]`` tries faults and prints how each went."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.robustness.corpus import FAULTS
from tests.robustness.runner import Runner


def main() -> int:
    """Try the faults whose name holds one of the words, or all; returns the number of problems."""
    words, begun, problems = sys.argv[1:], time.monotonic(), 0
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner(Path(folder))
        for fault in FAULTS:
            if words and not any(word in fault.id for word in words):
                continue
            if reason := fault.needs():
                print(f"{fault.id}: skipped, {reason}")
                continue
            said = runner.run(fault)
            print(f"{fault.id}: {said['outcome']}, {said['seconds']:.1f} s, {said['megabytes']:.0f} MB", flush=True)
            if said["problem"]:
                problems += 1
                print(f"    {said['problem']}", flush=True)
        runner.close()
    print(f"{problems} problems, {time.monotonic() - begun:.0f} s")
    return problems


if __name__ == "__main__":
    sys.exit(bool(main()))
