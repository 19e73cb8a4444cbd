"""Rows: appended, read back whatever was cut off, and written as tables that others open."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from motionkit.errors import MediaError
from motionkit.evaluation.rows import Log, Row, Rows, read_logs


def row(number: int, model: str = "heads", **changes: object) -> Row:
    fields = {"clip": f"{number}.mp4", "source": "", "driving": f"clips/{number}.mp4", "frames": number + 1}
    return Row(**{**fields, "model": model, "values": {"l1": number / 8}, **changes})  # type: ignore[arg-type]


def write(folder: Path, *rows: Row, rank: int = 0) -> None:
    with Log(folder, rank) as log:
        for one in rows:
            log.append(one)


def test_rows_come_back_from_all_processes(tmp_path: Path) -> None:
    write(tmp_path, row(0), row(2, values={}, status="failed", reason="broken; got \udcff.mp4"))
    write(tmp_path, row(1), rank=1)
    assert list(read_logs(tmp_path)) == [
        row(0),
        row(2, values={}, status="failed", reason="broken; got \udcff.mp4"),
        row(1),
    ]
    assert list(read_logs(tmp_path / "absent")) == []


def test_a_line_that_is_not_whole_is_dropped_and_written_over(tmp_path: Path) -> None:
    write(tmp_path, row(0), row(1))
    (log,) = tmp_path.glob("rows-*")
    whole = log.read_bytes()
    for cut in range(whole.index(b"\n") + 1, len(whole)):
        log.write_bytes(whole[:cut])
        assert list(read_logs(tmp_path)) == [row(0)]
        write(tmp_path, row(7))
        assert list(read_logs(tmp_path)) == [row(0), row(7)]
    log.write_bytes(whole[:5])
    write(tmp_path, row(7))
    assert list(read_logs(tmp_path)) == [row(7)]


@pytest.mark.parametrize("line", ["no json", "[]", '{"model": "a"}', '{"modle": "a"}'])
def test_other_files_are_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "rows-0.jsonl").write_text(f"{line}\n")
    with pytest.raises(MediaError, match=r"no row of an evaluation; got .*rows-0\.jsonl, line 1"):
        list(read_logs(tmp_path))


def test_the_last_row_of_a_clip_counts_and_the_order_is_given() -> None:
    rows = Rows([row(0), row(1), row(0, values={"l1": 0.75, "psnr": 30.0}), row(2)], ["l1", "psnr"])
    ordered = rows.ordered([row(2).key, row(0).key])
    assert [one.clip for one in ordered] == ["2.mp4", "0.mp4"]
    assert dict(ordered[1].values) == {"l1": 0.75, "psnr": 30.0} and dict(ordered[0].values) == {"l1": 0.25}
    np.testing.assert_array_equal(ordered.column("psnr"), [np.nan, 30])
    assert len(rows.ordered([])) == 0 and len(Rows([], ["l1"]).column("l1")) == 0


def test_tables_hold_every_row(tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    told = [row(n, values={} if n == 3 else {"l1": n / 8}, reason='a, "b"\nc' if n == 3 else "") for n in range(5)]
    told[4] = row(4, driving="clips/\udcff.mp4")
    rows = Rows(told, ["l1", "psnr"])
    rows.write_csv(tmp_path / "clips.csv")
    with (tmp_path / "clips.csv").open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        read = list(csv.DictReader(file))
    assert [one["clip"] for one in read] == [f"{n}.mp4" for n in range(5)] and read[4]["driving"] == "clips/\udcff.mp4"
    assert [one["l1"] for one in read] == ["0.0", "0.125", "0.25", "", "0.5"] and read[3]["reason"] == 'a, "b"\nc'
    rows.write_parquet(tmp_path / "clips.parquet")
    table = pq.read_table(tmp_path / "clips.parquet")
    assert table.column_names[:4] == ["model", "clip", "source", "driving"]
    assert table["l1"].to_pylist() == [0, 0.125, 0.25, None, 0.5] and table["psnr"].to_pylist() == [None] * 5
    assert table["frames"].to_pylist() == [1, 2, 3, 4, 5] and table["driving"].to_pylist()[4] == "clips/\\udcff.mp4"
