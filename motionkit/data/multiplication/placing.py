"""From the folder in which a task was made to its place in the data set: files by themselves, or one tar shard."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from motionkit.data.multiplication.rows import Row
from motionkit.data.multiplication.storage import Storage, writing

__all__ = ["DATA", "SHARDS", "place"]

DATA, SHARDS = "data", "shards"
BUCKET = 1000  # tasks whose files lie in one folder


def place(task: int, rows: Sequence[Row], stage: Path, storage: Storage, *, shards: bool) -> list[Row]:
    """Put a task's files where they belong, each whole or not at all.

    Args:
        task: Its number.
        rows: With names in ``stage``.
        stage: The folder with the files; gone afterwards.
        storage: The data set's.
        shards: Whether the task becomes one shard.

    Returns:
        The rows, with the places of their files.

    Raises:
        MediaError: A file cannot be written.
    """
    placed = _as_shard(task, rows, stage, storage) if shards else [_as_files(task, row, stage, storage) for row in rows]
    shutil.rmtree(stage, ignore_errors=True)
    return placed


def _as_files(task: int, row: Row, stage: Path, storage: Storage) -> Row:
    places = {}
    for field in ("labels", "file"):
        name = getattr(row, field)
        if name is not None:
            places[field] = f"{DATA}/{task // BUCKET:06d}/{name}"
            storage.put(stage / name, places[field])
    return row.with_(**places)


def _as_shard(task: int, rows: Sequence[Row], stage: Path, storage: Storage) -> list[Row]:
    if not any(row.file for row in rows):
        return list(rows)
    name = f"{SHARDS}/{task:06d}.tar"
    part = stage / f"{task:06d}.tar"
    with writing(storage.root):
        with tarfile.open(part, "w", format=tarfile.USTAR_FORMAT) as tar:
            for member in _members(rows):
                _add(tar, stage / member)
        storage.put(part, name)
    return [row.with_(shard=name) if row.file else row for row in rows]


def _members(rows: Sequence[Row]) -> Iterator[str]:
    """Names in the order in which readers of WebDataset want them: the files of a sample one after the other."""
    for row in rows:
        if row.file is not None:
            yield row.file
            yield f"{row.key}.json"
            if row.labels is not None:
                yield row.labels


def _add(tar: tarfile.TarFile, file: Path) -> None:
    """Without time and owner, so that the same results give the same shard."""
    member = tarfile.TarInfo(file.name)
    member.size, member.mode = file.stat().st_size, 0o644
    with file.open("rb") as stream:
        tar.addfile(member, stream)
