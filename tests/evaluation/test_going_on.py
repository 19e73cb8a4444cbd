"""Evaluations that are killed, or shared by several processes, end with the same figures."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from motionkit.cli.main import main
from motionkit.evaluation.rows import read_logs
from tests.support.evaluations import TIMES, save_tiny, write_clips

WORDS = ["--metrics", "pixels,flicker,colour,sharpness", "--device", "cpu", "--quiet"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """clips with twelve clips, one of which cannot be read, and model.safetensors."""
    folder = tmp_path_factory.mktemp("data")
    write_clips(folder / "clips", 12, frames=3)
    (folder / "clips" / "clip05.mp4").write_bytes(b"no film")
    save_tiny(folder / "model.safetensors")
    return folder


@pytest.fixture(scope="module")
def whole(data: Path) -> list[dict[str, str]]:
    """The table of an evaluation that nothing disturbed."""
    go_on(data, "whole")
    return table(data / "whole")


def words(data: Path, output: str) -> list[str]:
    model = str(data / "model.safetensors")
    places = [str(data / "clips"), "--model", model, "-o", str(data / output)]
    return [sys.executable, "-m", "motionkit", "evaluate", *places, *WORDS]


def go_on(data: Path, output: str) -> None:
    """The same command, in this process."""
    assert main(words(data, output)[3:]) == 0


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def table(folder: Path) -> list[dict[str, str]]:
    """The rows without what differs from run to run."""
    with (folder / "clips.csv").open(newline="", encoding="utf-8") as file:
        return [{name: cell for name, cell in row.items() if name not in TIMES} for row in csv.DictReader(file)]


def measured(folder: Path) -> list[str]:
    return [row.clip for row in read_logs(folder)]


def wait_for(folder: Path, rows: int, child: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 300
    while len(measured(folder)) < rows:
        assert time.monotonic() < until and child.poll() is None, child.communicate()
        time.sleep(0.01)


@pytest.mark.slow
def test_killed_and_started_again(data: Path, whole: list[dict[str, str]], capsys: pytest.CaptureFixture[str]) -> None:
    out = data / "killed"
    with subprocess.Popen(words(data, "killed"), env=environment(), stderr=subprocess.PIPE) as child:
        wait_for(out, 3, child)
        child.send_signal(signal.SIGKILL)
    assert 3 <= len(measured(out)) < 12 and not (out / "clips.csv").exists()
    with (out / "rows-0.jsonl").open("a") as log:
        log.write('{"model": "model", "clip": "clip1')  # what a kill may leave
    go_on(data, "killed")
    assert "Failed: 1 of 12; the first is clip05.mp4" in capsys.readouterr().out
    assert sorted(measured(out)) == [f"clip{n:02}.mp4" for n in range(12)], "no clip was measured twice"
    assert table(out) == whole


@pytest.mark.slow
def test_stopped_by_hand_says_how_to_go_on(data: Path, whole: list[dict[str, str]]) -> None:
    out = data / "stopped"
    with subprocess.Popen(words(data, "stopped"), env=environment(), stderr=subprocess.PIPE) as child:
        wait_for(out, 1, child)
        child.send_signal(signal.SIGINT)
        _, told = child.communicate(timeout=300)
    assert child.returncode == 130 and b"Traceback" not in told
    assert b"clips; run it again to go on" in told and told.rstrip().endswith(b"motionkit: stopped.")
    go_on(data, "stopped")
    assert table(out) == whole and len(measured(out)) == 12


@pytest.mark.slow
def test_two_processes_share_the_clips(data: Path, whole: list[dict[str, str]]) -> None:
    """As accelerate launch starts them where there are GPUs; without any it would start one."""
    pytest.importorskip("accelerate", reason="accelerate is not installed")
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command = [sys.executable, *launch, *words(data, "two")[1:]]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stderr[-3000:]
    out = data / "two"
    assert done.stdout.count("Failed: 1 of 12") == 1, "one of them tells"
    assert table(out) == whole
    logs = {path.name: path.read_text().count("\n") for path in out.glob("rows-*.jsonl")}
    assert logs == {"rows-0.jsonl": 6, "rows-1.jsonl": 6}
    # One process goes on where two were: there is nothing left to do.
    go_on(data, "two")
    assert table(out) == whole and len(measured(out)) == 12
