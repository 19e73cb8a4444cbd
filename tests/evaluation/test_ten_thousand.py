"""Ten thousand rows: logged, read back, summed up and written, in memory that does not grow with them."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("pyarrow", reason="pyarrow is not installed")

CODE = """
import sys, threading, time
from pathlib import Path
import pyarrow.parquet
import numpy as np
from motionkit.evaluation.gallery import Gallery
from motionkit.evaluation.metrics import Quantity
from motionkit.evaluation.options import EvaluateOptions
from motionkit.evaluation.page import page
from motionkit.evaluation.result import Evaluated, Evaluation
from motionkit.evaluation.rows import Log, Row, Rows, read_logs

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

folder, count = Path(sys.argv[1]), int(sys.argv[2])
quantities = [Quantity(f"q{i}", "a figure") for i in range(40)]
random = np.random.default_rng(0)

def rows():
    for n in range(count):
        values = {one.name: float(v) for one, v in zip(quantities, random.random(40))}
        name = f"clip{n:06}.mp4"
        yield Row(model="m", clip=name, source="", driving=f"clips/{name}", frames=100, values=values)

peak, stop = 0, threading.Event()
def watch():
    global peak
    while not stop.wait(0.005):
        peak = max(peak, resident())

def run(folder):
    folder.mkdir()
    gallery, sheet = Gallery(folder, quantities, 4), np.zeros((8, 8, 3), np.uint8)
    with Log(folder) as log:
        for row in rows():
            gallery.offer(row, sheet)
            log.append(row)
    keys = [row.key for row in read_logs(folder)]
    table = Rows(read_logs(folder), [one.name for one in quantities]).ordered(keys)
    model = Evaluated("m", "m", "", "float32", "cpu")
    result = Evaluation((model,), EvaluateOptions(), table, tuple(quantities), {}, True, folder=folder)
    table.write_csv(folder / "clips.csv")
    table.write_parquet(folder / "clips.parquet")
    (folder / "report.html").write_text(page(result))
    (folder / "evaluation.json").write_text(result.to_json())
    assert len(list((folder / ".pictures").iterdir())) == min(8, 2 * count)
    return result

total, count = count, 100
run(folder / "small")
threading.Thread(target=watch, daemon=True).start()
before, count = resident(), total
result = run(folder / "large")
stop.set()
lines = sum(1 for _ in open(folder / "large" / "clips.csv"))
stored = pyarrow.parquet.read_metadata(folder / "large" / "clips.parquet").num_rows
print(peak - before, lines, stored, result.summary["m"]["q0"].clips)
"""


@pytest.mark.alone
def test_memory_does_not_grow_with_the_rows(tmp_path) -> None:  # type: ignore[no-untyped-def]
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path), "10000"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    grown, lines, stored, clips = map(int, done.stdout.split())
    assert (lines, stored, clips) == (10_001, 10_000, 10_000)
    # Forty figures of ten thousand clips are 3 MB; a picture of 256 pixels kept of each would be 2 GB.
    assert grown < 120e6, f"{grown / 1e6:.0f} MB"
    print(f"{grown / 1e6:.0f} MB")
