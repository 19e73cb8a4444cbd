"""``motionkit bench --avx2``: the plainest processor, emulated in a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from motionkit.bench import tables
from motionkit.bench.report import Report
from motionkit.cli.main import main


def test_the_plainest_processor_is_measured_in_a_process_of_its_own(
    tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = ["--models", tiny, "--device", "cpu", "--rounds", "1", "--frames", "2", "--no-clips", "--quiet"]
    assert main(["bench", *few, "--avx2", "-o", str(tmp_path / "b.json")]) == 0
    own, plainest = (Report.from_json(tmp_path / name) for name in ("b.json", "b-avx2.json"))
    assert plainest.machine.capability == "AVX2"
    assert own.machine.capability == torch.backends.cpu.get_cpu_capability()
    assert {row.precision for row in plainest.steps} == {"float32"}, "no half precision is native to AVX2"
    assert plainest.complete and len(plainest.steps) == 2
    assert capsys.readouterr().out == tables.text(own) + "\n" + tables.text(plainest)
    assert main(["bench", *few, "--avx2", "--read", str(tmp_path / "b.json")]) == 1
    assert "--avx2 measures the CPU anew" in capsys.readouterr().err
