"""The manifest: a Parquet table with a row for each result, written in one go, and what it comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from motionkit.data.multiplication.rows import OK, Row
from motionkit.errors import MissingPackageError

__all__ = ["MANIFEST", "Totals", "need_parquet", "write_manifest"]

MANIFEST = "manifest.parquet"
GROUP_ROWS, GROUP_VALUES = 4096, 4_000_000  # of a row group, whichever is reached first: 16 MB of keypoints


@dataclass
class Totals:
    """What the rows come to.

    Attributes:
        statuses: Rows by status.
        reasons: Rows that are not "ok" by reason.
        frames: In the results that are there.
        bytes: Of their files, without labels.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    frames: int = 0
    bytes: int = 0

    def add(self, row: Row) -> None:
        """Count a row."""
        self.statuses[row.status] += 1
        if row.status == OK:
            self.frames += row.frames
            self.bytes += row.bytes or 0
        elif row.reason is not None:
            self.reasons[row.reason] += 1


def need_parquet() -> None:
    """Raise where the package that writes Parquet is missing.

    Raises:
        MissingPackageError: It is.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise MissingPackageError(
            "The manifest needs another package", got="no pyarrow", todo='Run: pip install "motionkit[multiply]"'
        ) from None


def write_manifest(file: Path, rows: Iterable[Row]) -> Totals:
    """Write the table, a group of rows at a time: memory does not grow with their number.

    Args:
        file: Where to; not yet whole until this returns.
        rows: In their order.

    Returns:
        What they come to.

    Raises:
        OSError: It cannot be written.
    """
    import pyarrow.parquet as pq

    schema, totals = _schema(), Totals()
    columns: dict[str, list[Any]] = {name: [] for name in schema.names}
    values = 0
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:

        def flush() -> None:
            nonlocal values
            import pyarrow as pa

            given = {**columns, "keypoints": _keypoints(columns["keypoints"])}
            writer.write_table(pa.table(given, schema=schema))
            for column in columns.values():
                column.clear()
            values = 0

        for row in rows:
            totals.add(row)
            for name, column in columns.items():
                column.append(getattr(row, name))
            values += 0 if row.keypoints is None else row.keypoints.size
            if len(columns["key"]) >= GROUP_ROWS or values >= GROUP_VALUES:
                flush()
        flush()
    return totals


def _keypoints(given: Sequence[np.ndarray | None]) -> Any:
    """A column of T 2K arrays, each of which may be None, as lists of T lists, without a Python object for each."""
    import pyarrow as pa

    there = [array for array in given if array is not None]
    widths = np.array([array.shape[1] for array in there for _ in array], dtype=np.int32)
    lengths = np.array([0 if array is None else len(array) for array in given], dtype=np.int32)
    values = np.concatenate([array.ravel() for array in there] or [np.empty(0, np.float32)]).astype(np.float32)
    inner = pa.ListArray.from_arrays(_offsets(widths), pa.array(values))
    missing = np.array([array is None for array in given], dtype=bool)
    outer = pa.array(np.append(_offsets(lengths).to_numpy()[:-1], lengths.sum()), mask=np.append(missing, False))
    return pa.ListArray.from_arrays(outer.cast(pa.int32()), inner)


def _offsets(lengths: np.ndarray) -> Any:
    import pyarrow as pa

    return pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())


def _schema() -> Any:
    import pyarrow as pa

    text, whole, numbers = pa.string(), pa.int64(), pa.list_(pa.float32())
    kinds = {
        "key": text,
        "source": text,
        "driving": text,
        "variation": whole,
        "status": text,
        "reason": text,
        "file": text,
        "shard": text,
        "labels": text,
        "sha256": text,
        "bytes": whole,
        "width": whole,
        "height": whole,
        "fps": text,
        "frames": whole,
        "frame": whole,
        "box": numbers,
        "source_box": numbers,
        "follow_error": pa.float32(),
        "keypoints": pa.list_(numbers),
        "parameters": text,
        "label": text,
        "licence": text,
        "note": text,
    }
    return pa.schema(list(kinds.items()))
