"""Mutated media of every format: read as far as they go, or refused in one line that names them; nothing else ever."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.robustness import mutate, reader
from tests.robustness.mutants import Mutant, Sample, chunks, make_all, mutant

SEED = 16


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    return make_all(tmp_path_factory.mktemp("samples"))


def test_a_mutant_is_the_same_whenever_it_is_made(samples: list[Sample]) -> None:
    numbers = range(300)
    first = [mutant(samples, number, SEED) for number in numbers]
    assert [mutant(samples, number, SEED) for number in reversed(numbers)] == first[::-1]
    assert sum(one.content != one.sample.content for one in first) > 280
    assert len({one.sample.suffix for one in first}) >= 20
    assert {sample.suffix for sample in samples if chunks(sample.content)} >= {".mp4", ".mkv", ".png", ".jpg", ".webp"}


def test_no_mutant_escapes(samples: list[Sample], tmp_path: Path) -> None:
    report = mutate.run(samples, range(300), SEED, tmp_path)
    assert not report.faults, report.faults[0]
    counts = {kind: sum(n for (_, was), n in report.outcomes.items() if was == kind) for kind in ("read", "refused")}
    assert counts["read"] + counts["refused"] == 300 and min(counts.values()) > 60, f"both are tried: {counts}"


@pytest.mark.robustness
def test_no_mutant_of_many_escapes(samples: list[Sample], tmp_path: Path) -> None:
    report = mutate.run(samples, range(300, 5300), SEED, tmp_path)
    assert not report.faults, "\n".join(
        f"{fault['number']} {fault['how']}: {fault['problem']}" for fault in report.faults
    )
    assert report.outcomes.total() == 5000


@pytest.mark.parametrize(
    ("body", "outcome"),
    [("os.abort()", "crash"), ("time.sleep(60)", "hang"), ("sys.stdout.write('{'); sys.exit()", "crash")],
)
def test_a_reader_that_dies_or_hangs_is_seen_and_started_again(
    samples: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, outcome: str
) -> None:
    monkeypatch.setattr(mutate, "PATIENCE", 8.0)
    child = mutate._Reader(tmp_path, tmp_path / "bad", SEED)
    good = 'print(json.dumps({"outcome": "read", "problem": None, "seconds": 0, "megabytes": 0}), flush=True)'
    code = f"import json, os, sys, time\nfor line in sys.stdin:\n    if line == '1\\n':\n        {body}\n    {good}"
    child.command = [sys.executable, "-c", code]
    answers = [child.ask(number) for number in range(3)]
    child.close()
    assert [answer["outcome"] for answer in answers] == ["read", outcome, "read"]


def test_a_traceback_a_changed_file_and_what_is_left_behind_are_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Mutant(0, Sample("a.png", b"whole"), b"broken", "")
    assert reader.read(one, tmp_path)["problem"] is None

    def broken(path: Path, _: Path) -> str:
        raise ZeroDivisionError(path)

    def spoilt(path: Path, _: Path) -> str:
        path.write_bytes(b"other")
        return "read"

    def messy(path: Path, _: Path) -> str:
        path.with_name("x.part").touch()
        return "read"

    for fault, said in ((broken, "ZeroDivisionError"), (spoilt, "was changed"), (messy, "left behind: x.part")):
        monkeypatch.setattr(reader, "try_file", fault)
        assert said in reader.read(one, tmp_path)["problem"]
