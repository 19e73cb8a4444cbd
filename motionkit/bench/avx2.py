"""The same measurement as on a processor with AVX2 alone: what is not for every visitor's machine is left unused.

PyTorch and oneDNN choose their kernels when they are loaded, so that a process of its own measures.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from motionkit.bench.options import BenchOptions
from motionkit.bench.report import Report
from motionkit.errors import InputError, MotionkitError

__all__ = ["bench_as_avx2"]

ONLY_AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}


def bench_as_avx2(options: BenchOptions, *, progress: bool = False) -> Report:
    """Measure what the options ask for, on the CPU, with no instructions beyond AVX2.

    Args:
        options: What to measure.
        progress: Whether a bar shows how far it is.

    Raises:
        InputError: The options ask for another device.
        MotionkitError: The process that measures failed; what it said stands above.
    """
    if options.device not in (None, "cpu"):
        raise InputError("AVX2 is about processors", got=f"device {options.device}", expected="cpu")
    with tempfile.TemporaryDirectory(prefix="motionkit-bench-") as folder:
        output = Path(folder) / "report.json"
        asked = {"options": asdict(replace(options, device="cpu")), "progress": progress, "output": str(output)}
        command = [sys.executable, "-m", "motionkit.bench.avx2", json.dumps(asked)]
        process = subprocess.Popen(command, env={**os.environ, **ONLY_AVX2})
        while True:
            try:
                status = process.wait()
                break
            except KeyboardInterrupt:  # the terminal told the child too: it ends with the figures that are there
                continue
        if status or not output.is_file():
            raise MotionkitError("Measuring with AVX2 alone failed", got=f"exit status {status}", todo="See above")
        return Report.from_json(output)


def _main(asked: dict[str, Any]) -> None:
    from motionkit.bench import bench

    options: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in asked["options"].items()
    }
    report = bench(BenchOptions(**options), progress=asked["progress"])
    Path(asked["output"]).write_text(report.to_json(), encoding="utf-8")


if __name__ == "__main__":
    _main(json.loads(sys.argv[1]))
