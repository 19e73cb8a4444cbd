"""Figures of clips, a row each: appended safely while measuring, read back, and written as tables.

A line of the log is a row as JSON. A killed process leaves at most one line that is not whole, which is dropped; each
process has a log of its own.
"""

from __future__ import annotations

import csv
import json
import math
import os
import time
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from motionkit import jsontext
from motionkit.errors import MediaError, MissingPackageError
from motionkit.wholefile import write_whole

__all__ = ["Log", "Row", "Rows", "read_logs"]

LOGS = "rows-*.jsonl"
SYNCED_EVERY = 1.0  # seconds: a disk takes its time
GROUP = 4096  # rows of a Parquet file's group


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one model makes of one clip.

    Attributes:
        model: Its name in this evaluation.
        clip: The item's name.
        source: Path of what was animated, "" for the clip's own first frame.
        driving: Path of the clip.
        status: "ok" or "failed".
        reason: Why it failed, or what was not as good as hoped.
        frames: How many were measured.
        state: Sizes and times of the files, by which a change is seen.
        source_sha256: Of the source, "" where there is none.
        driving_sha256: Of the clip.
        values: Name of a quantity to its value; a failed row has none.
    """

    model: str
    clip: str
    source: str
    driving: str
    status: str = "ok"
    reason: str = ""
    frames: int = 0
    state: str = ""
    source_sha256: str = ""
    driving_sha256: str = ""
    values: Mapping[str, float] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from others."""
        return self.model, self.source, self.driving


KEY = ("model", "source", "driving")
FIELDS = tuple(f.name for f in fields(Row) if f.name != "values")


class Log:
    """A process's rows; a context. A killed process loses none of them, a machine that loses power a second's.

    Args:
        folder: Where logs are.
        rank: Of the process.

    Raises:
        MediaError: It cannot be written.
    """

    def __init__(self, folder: Path, rank: int = 0) -> None:
        self.path = folder / LOGS.replace("*", str(rank))
        self._file: TextIO | None = None
        self._synced = -SYNCED_EVERY

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._close()

    def _close(self) -> None:
        """Close the file; what it could not write was said by then, and it would try again."""
        file, self._file = self._file, None
        with suppress(OSError):
            if file is not None:
                file.close()

    def append(self, row: Row) -> None:
        """Add a row.

        Args:
            row: The row.

        Raises:
            MediaError: It cannot be written.
        """
        line = json.dumps(asdict(row), ensure_ascii=False, allow_nan=False)
        try:
            if self._file is None:
                _cut_to_whole_lines(self.path)
                self._file = self.path.open("a", encoding="utf-8", errors="surrogateescape")
            self._file.write(line + "\n")
            self._file.flush()
            if time.monotonic() - self._synced > SYNCED_EVERY:
                os.fsync(self._file.fileno())
                self._synced = time.monotonic()
        except OSError as error:
            self._close()
            got = f"{self.path} ({error.strerror or error})"
            todo = "What was measured before is kept: free some space and run it again"
            raise MediaError("A row cannot be written", got=got, todo=todo) from error


def read_logs(folder: Path) -> Iterator[Row]:
    """Read the rows of all processes that ever wrote into a folder; lines that are not whole are left out.

    Args:
        folder: Where logs are; one that is not there has none.

    Raises:
        MediaError: A log cannot be read, or holds something else.
    """
    for path in sorted(folder.glob(LOGS)):
        try:
            with path.open(encoding="utf-8", errors="surrogateescape") as file:
                for number, line in enumerate(file, 1):
                    if line.endswith("\n"):
                        yield _row(line, path, number)
        except OSError as error:
            raise MediaError("The rows cannot be read", got=f"{path} ({error.strerror or error})") from error


def _row(line: str, path: Path, number: int) -> Row:
    try:
        return Row(**jsontext.parse(line))
    except (ValueError, TypeError) as error:
        todo = "Give another folder, or remove this file to measure its clips anew"
        raise MediaError("This is no row of an evaluation", got=f"{path}, line {number} ({error})", todo=todo) from None


def _cut_to_whole_lines(path: Path) -> None:
    if not path.exists():
        return
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            start = max(end - 65536, 0)
            file.seek(start)
            part = file.read(end - start)
            if (at := part.rfind(b"\n")) >= 0:
                end = start + at + 1
                break
            end = start
        file.truncate(end)


class Rows(Sequence[Row]):
    """Rows by columns: ten thousand of them take a few megabytes.

    Args:
        rows: In order.
        quantities: Names of the columns of figures.
    """

    def __init__(self, rows: Iterable[Row], quantities: Sequence[str]) -> None:
        self.quantities = tuple(quantities)
        self._texts: dict[str, list[Any]] = {name: [] for name in FIELDS}
        self._values = {name: array("d") for name in self.quantities}
        known: dict[Any, Any] = {}  # equal texts are kept once
        for row in rows:
            for name, column in self._texts.items():
                value = getattr(row, name)
                column.append(
                    known.setdefault(value, value) if name in ("model", "status", "source", "reason") else value
                )
            for name, values in self._values.items():
                values.append(row.values.get(name, np.nan))

    def __len__(self) -> int:
        return len(self._texts["model"])

    def __getitem__(self, index: Any) -> Any:
        """One row by its number, or a list of them by a slice."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        texts = {name: column[index] for name, column in self._texts.items()}
        values = {name: column[index] for name, column in self._values.items()}
        return Row(**texts, values={name: value for name, value in values.items() if not math.isnan(value)})

    def ordered(self, keys: Sequence[tuple[str, str, str]]) -> Rows:
        """The rows of these keys, in their order; of several rows with one key, the last.

        Args:
            keys: Those of ``Row.key``; each must have a row.
        """
        at = {key: i for i, key in enumerate(zip(*(self._texts[name] for name in KEY), strict=True))}
        chosen = [at[key] for key in keys]
        other = Rows((), self.quantities)
        other._texts = {name: [column[i] for i in chosen] for name, column in self._texts.items()}
        other._values = {name: array("d", (column[i] for i in chosen)) for name, column in self._values.items()}
        return other

    def column(self, name: str) -> np.ndarray:
        """The values of one quantity, a row each; NaN where a row has none."""
        return np.frombuffer(self._values[name], dtype=float) if len(self) else np.zeros(0)

    def texts(self, name: str) -> list[Any]:
        """One of the other fields of all rows."""
        return self._texts[name]

    def write_csv(self, path: Path) -> None:
        """Write a table of all rows; an empty cell is a figure that a clip has not.

        Args:
            path: The file.

        Raises:
            MediaError: It cannot be written.
        """

        def write(part: Path) -> None:
            with part.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
                writer = csv.writer(file)
                writer.writerow([*FIELDS, *self.quantities])
                for row in self:
                    values = [row.values.get(name, "") for name in self.quantities]
                    writer.writerow([*(getattr(row, name) for name in FIELDS), *values])

        _write(path, write)

    def write_parquet(self, path: Path) -> None:
        """Write the same as Parquet, figures as doubles.

        Args:
            path: The file.

        Raises:
            MissingPackageError: pyarrow is not installed.
            MediaError: It cannot be written.
        """
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError:
            todo = 'pip install "motionkit[evaluate]"'
            raise MissingPackageError("A Parquet table needs pyarrow", got=str(path), todo=todo) from None
        columns = [(name, pa.int64() if name == "frames" else pa.string()) for name in FIELDS]
        schema = pa.schema([*columns, *((name, pa.float64()) for name in self.quantities)])

        def write(part: Path) -> None:
            with pq.ParquetWriter(part, schema) as writer:
                for start in range(0, len(self), GROUP):
                    rows = slice(start, start + GROUP)
                    texts = {name: [_plain(text) for text in self._texts[name][rows]] for name in FIELDS}
                    values = {name: pa.array(self.column(name)[rows], from_pandas=True) for name in self.quantities}
                    writer.write_table(pa.table({**texts, **values}, schema=schema))

        _write(path, write)


def _plain(value: Any) -> Any:
    """A text without the bytes that are no characters, which names of files may hold."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _write(path: Path, write: Any) -> None:
    try:
        write_whole(path, write)
    except OSError as error:
        raise MediaError("The table cannot be written", got=f"{path} ({error.strerror or error})") from error
