"""Stopped in the middle: killed, out of disk, from elsewhere. What is whole stays, and the next run completes it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from motionkit import MultiplyOptions, multiply
from motionkit.data.multiplication.manifest import Totals, write_manifest
from motionkit.data.multiplication.rows import Row
from motionkit.errors import InputError, MediaError, MissingPackageError
from motionkit.media.addresses import list_addresses
from motionkit.model import Model
from tests.support.multiplied import PICTURES, check_whole, given_files, pixels, rows_of, tiny_weights
from tests.support.networks import tiny_model
from tests.support.places import ROOT
from tests.support.training_runs import small_disk

WORDS = ("multiply", "--sources", "sources", "--drivings", "drivings", "-o", "out", "--no-gate", "--seed", "5")
PROGRAM = "import sys; from motionkit.cli.main import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture
def model() -> Model:
    return tiny_model("f" * 64, blend_warped=True)


def begun(folder: Path, *words: str) -> subprocess.Popen[str]:
    """``motionkit multiply`` as a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", PROGRAM, *WORDS, "--model", "tiny.safetensors", "--workers", "2", *words]
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def complete(folder: Path, *words: str) -> None:
    process = begun(folder, *words)
    _, said = process.communicate(timeout=600)
    assert process.returncode == 0, said


def kill_once(folder: Path, rng: random.Random, *words: str) -> dict[Path, int]:
    """Kill the command once some results are in place; what is in place then, with the time it was written."""
    data, many = folder / "out" / "data", rng.randrange(1, 20)
    process = begun(folder, *words)
    until = time.monotonic() + 600
    while process.poll() is None and len(list(data.rglob("*.mp4"))) < many and time.monotonic() < until:
        time.sleep(0.005)
    time.sleep(rng.uniform(0, 0.05))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    while _lives(process.pid):  # its workers end by themselves
        assert time.monotonic() < until, "workers are still there"
        time.sleep(0.02)
    return {path: path.stat().st_mtime_ns for path in data.rglob("*") if path.is_file()}


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def killed_and_gone_on(folder: Path, seeds: range) -> None:
    given_files(folder, sources=5, drivings=5)
    tiny_weights(folder)
    complete(folder, "-o", "alone")
    for seed in seeds:
        there = kill_once(folder, random.Random(seed))
        assert not (folder / "out" / "manifest.parquet").exists() or seed > seeds.start
        journal = (folder / "out" / ".multiply" / "journal.jsonl").read_bytes()
        noted = journal.count(b"\n")
        complete(folder)
        rows = check_whole(folder / "out")
        wanted = [(f"s{s}.png", f"d{d}.mp4") for s in range(5) for d in range(5)]
        assert [(row["source"], row["driving"]) for row in rows] == wanted
        assert [row["sha256"] for row in rows] == [row["sha256"] for row in rows_of(folder / "alone")]
        again = sum(path.stat().st_mtime_ns != when for path, when in there.items())
        # Files are put in place just before they are noted: of the last result alone, some may be there unnoted.
        assert again <= 2, f"{again} files of {len(there)} were made again"
        assert noted * 2 >= len(there) - 2
        assert not list((folder / "out").rglob("*.part*"))
        _remove(folder / "out")


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder)


@pytest.mark.slow
def test_killed_and_gone_on(tmp_path: Path) -> None:
    killed_and_gone_on(tmp_path, range(1))


@pytest.mark.robustness
@pytest.mark.parametrize("first", range(1, 41, 4))
def test_killed_at_many_moments_and_gone_on(tmp_path: Path, first: int) -> None:
    killed_and_gone_on(tmp_path, range(first, first + 4))


def test_a_full_disk_keeps_what_is_whole(model: Model, tmp_path: Path) -> None:
    given = given_files(tmp_path, sources=6, drivings=5)
    out = tmp_path / "disk" / "out"
    with small_disk(tmp_path / "disk", "600k"):
        with pytest.raises(
            MediaError, match=r"tasks are whole and kept.*No space left.*run (the same command|it) again"
        ) as raised:
            multiply(given / "sources", given / "drivings", out, model=model, options=PICTURES)
        assert "Traceback" not in str(raised.value)
        journal = (out / ".multiply" / "journal.jsonl").read_bytes()
        whole = journal.count(b"\n")
        assert 0 < whole < 30 and journal.endswith(b"\n")
        assert not list(out.rglob("*.part*"))
        subprocess.run(["mount", "-o", "remount,size=20m", str(tmp_path / "disk")], check=True)
        result = multiply(given / "sources", given / "drivings", out, model=model, options=PICTURES)
        assert result.made == 30 - whole
        assert len(check_whole(out)) == 90


def test_two_at_once_are_an_error(model: Model, tmp_path: Path) -> None:
    given, met = given_files(tmp_path, sources=2, drivings=1), []

    def another(_: object) -> None:
        if not met:
            with pytest.raises(InputError, match="Another process multiplies into this folder"):
                multiply(given / "sources", given / "drivings", tmp_path / "out", model=model, options=PICTURES)
            met.append(True)

    multiply(given / "sources", given / "drivings", tmp_path / "out", model=model, options=PICTURES, progress=another)
    assert met


def test_addresses_are_read_and_written(model: Model, tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    given = given_files(tmp_path, sources=2, drivings=2)
    memory = fsspec.filesystem("memory")
    for name in ("sources", "drivings"):
        memory.put(str(given / name), f"/bucket/{name}", recursive=True)
    assert list_addresses("memory://bucket/sources", kind="pictures") == [
        "memory:///bucket/sources/s0.png", "memory:///bucket/sources/s1.png"
    ]  # fmt: skip
    for name in ("folder", "webdataset"):
        options = MultiplyOptions(frames=3, gate=False, workers=0, format=name, shard=3)  # type: ignore[arg-type]
        there = ("memory://bucket/sources", "memory://bucket/drivings/d*.mp4", f"memory://bucket/{name}")
        result = multiply(*there, model=model, options=options)
        assert (result.ok, result.failed) == (12, 0)
        again = multiply(*there, model=model, options=options)
        assert (again.ok, again.made) == (12, 0)
        with pytest.raises(InputError, match="seed 1"):
            multiply(*there, model=model, options=MultiplyOptions(seed=1, frames=3, gate=False, format=name, shard=3))  # type: ignore[arg-type]
    memory.get("/bucket/folder", str(tmp_path / "copy"), recursive=True)
    multiply(given / "sources", given / "drivings", tmp_path / "here", model=model, options=PICTURES)
    copied, here = pixels(tmp_path / "copy"), pixels(tmp_path / "here")
    assert copied.keys() == here.keys() and all(np.array_equal(copied[name], here[name]) for name in here)
    check_whole(tmp_path / "copy")
    assert len([name for name in memory.ls("/bucket/webdataset/shards", detail=False) if name.endswith(".tar")]) == 2


def test_an_address_without_its_package_says_what_is_missing(model: Model, tmp_path: Path) -> None:
    try:
        import s3fs  # noqa: F401
    except ImportError:
        with pytest.raises(MissingPackageError, match=r"needs another package; got s3://bucket/faces .*s3fs"):
            multiply("s3://bucket/faces", tmp_path, tmp_path / "out", model=model)
    else:
        pytest.skip("s3fs is here")


@pytest.mark.slow
def test_the_manifest_of_many_rows_takes_no_more_memory(tmp_path: Path) -> None:
    """Of ten times as many rows: measured in processes of their own."""
    code = """
import resource, sys
from pathlib import Path
import numpy as np
from motionkit.data.multiplication.journal import Journal
from motionkit.data.multiplication.manifest import write_manifest
from motionkit.data.multiplication.rows import Row
from motionkit.data.multiplication.storage import open_storage
count, folder = int(sys.argv[1]), Path(sys.argv[2])
journal = Journal(open_storage(folder), folder, count)
points = np.random.default_rng(0).random((50, 44), dtype=np.float32)
for task in range(count):
    journal.append(task, [Row(str(task), "a.png", "b.mp4", 0, "ok", frames=50, keypoints=points)])
totals = write_manifest(folder / "manifest.parquet", journal.rows())
assert totals.statuses["ok"] == count
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
    peaks = []
    for count in (1000, 10_000):
        command = [sys.executable, "-c", code, str(count), str(tmp_path / str(count))]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        peaks.append(float(done.stdout))
    assert peaks[1] < peaks[0] + 120, f"{peaks} MB"


def test_the_manifest_counts_what_it_holds(tmp_path: Path) -> None:
    points = np.arange(8, dtype=np.float32).reshape(2, 4)
    rows = [
        Row("0", "a", "b", 0, "ok", frames=5, bytes=10, keypoints=points),
        Row("1", "a", "c", 0, "rejected", reason="The face is lost"),
        Row("2", "d", "c", 0, "failed", reason="There is no such file."),
    ]
    totals = write_manifest(tmp_path / "manifest.parquet", rows)
    assert totals == Totals(statuses=totals.statuses, reasons=totals.reasons, frames=5, bytes=10)
    assert dict(totals.statuses) == {"ok": 1, "rejected": 1, "failed": 1}
    assert dict(totals.reasons) == {"The face is lost": 1, "There is no such file.": 1}
    assert [row["key"] for row in rows_of(tmp_path)] == ["0", "1", "2"]
    assert [row["keypoints"] for row in rows_of(tmp_path)] == [[[0, 1, 2, 3], [4, 5, 6, 7]], None, None]
