"""Which tasks are done, and their rows: a line of JSON each, appended once the task's files are in place.

A line may also take a task back, which is then to be done again; nothing is ever rewritten.
"""

from __future__ import annotations

import json
import os
import re
import time
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

from motionkit.data.multiplication.motions import WORK
from motionkit.data.multiplication.rows import FAILED, Row, as_json
from motionkit.data.multiplication.storage import Storage, writing
from motionkit.errors import MediaError

__all__ = ["Journal", "has_rows"]

NAME, PARTS = f"{WORK}/journal.jsonl", f"{WORK}/journal"
_TASK = re.compile(rb'\{"(task|again)":(\d+)[,}]')
# An object store cannot append: what is new is written as a further object so often.
SYNC_SECONDS = 20.0


def has_rows(storage: Storage) -> bool:
    """Whether anything was ever made in a data set's folder.

    Args:
        storage: The data set's.
    """
    if storage.local is None:
        return bool(storage.names(PARTS))
    file = storage.local / NAME
    return file.exists() and file.stat().st_size > 0


class Journal:
    """Appends and reads. Memory: a place in the file for each task.

    A line that a killed process, or a full disk, left unfinished is dropped when the journal is opened.

    Args:
        storage: The data set's.
        scratch: A folder of this machine, where the data set is elsewhere.
        tasks: How many there are.
    """

    def __init__(self, storage: Storage, scratch: Path, tasks: int) -> None:
        self._storage = storage
        self._remote = storage.local is None
        self._file = scratch / "journal.jsonl" if storage.local is None else storage.local / NAME
        self._places = array("q", [-1]) * tasks
        self.done = 0
        with writing(storage.root):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            if self._remote:
                parts = storage.names(PARTS)
                self._file.write_bytes(b"".join(storage.read(f"{PARTS}/{name}") or b"" for name in parts))
                self._parts = len(parts)
            self._file.touch()
            self._read()
        self._synced, self._when = self._end, time.monotonic()

    def __contains__(self, task: int) -> bool:
        """Whether a task is done."""
        return self._places[task] >= 0

    def left(self) -> Iterator[int]:
        """The tasks that are not done, in order."""
        return (task for task, place in enumerate(self._places) if place < 0)

    def append(self, task: int, rows: Sequence[Row]) -> None:
        """Note that a task is done. One that is noted already stays as it was.

        Args:
            task: Its number.
            rows: Its results'.

        Raises:
            MediaError: The journal cannot be written; it is then as it was before.
        """
        if task in self:
            return
        line = as_json({"rows": [row.packed() for row in rows]})
        self._places[task] = self._write(f'{{"task":{task},{line[1:]}\n'.encode())
        self.done += 1
        if self._remote and time.monotonic() - self._when > SYNC_SECONDS:
            self.sync()

    def take_back_failed(self) -> None:
        """Have the tasks in which something has failed done again.

        Raises:
            MediaError: The journal cannot be written.
        """
        for task, place in enumerate(self._places):
            if place >= 0 and any(row.status == FAILED for row in self._rows(place)):
                self._write(f'{{"again":{task}}}\n'.encode())
                self._places[task] = -1
                self.done -= 1

    def _write(self, data: bytes) -> int:
        """Append a line; returns where it begins."""
        begin = self._end
        with writing(self._storage.root):
            try:
                with self._file.open("ab") as file:
                    file.write(data)
            except OSError:
                os.truncate(self._file, self._end)
                raise
        self._end += len(data)
        return begin

    def sync(self) -> None:
        """Send to the data set's place what is only on this machine.

        Raises:
            MediaError: It cannot be written.
        """
        if self._remote and self._end > self._synced:
            with self._file.open("rb") as file:
                file.seek(self._synced)
                self._storage.write(f"{PARTS}/{self._parts:08d}.jsonl", file.read())
            self._parts += 1
            self._synced = self._end
        self._when = time.monotonic()

    def rows(self) -> Iterator[Row]:
        """The rows of all tasks that are done, in the plan's order."""
        return (row for place in self._places if place >= 0 for row in self._rows(place))

    def _rows(self, place: int) -> list[Row]:
        with self._file.open("rb") as file:
            file.seek(place)
            line = file.readline()
        try:
            return [Row.unpacked(packed) for packed in json.loads(line)["rows"]]
        except (ValueError, KeyError, TypeError, IndexError) as error:
            todo = "Remove that line to make its results anew, or give another folder"
            got = f"{self._file}, the line from byte {place} on ({type(error).__name__})"
            raise MediaError("The data set's journal is damaged", got=got, todo=todo) from error

    def _read(self) -> None:
        self._end = 0
        with self._file.open("rb") as file:
            for line in file:
                found = _TASK.match(line)
                if found is None or not line.endswith(b"\n"):
                    break
                task = int(found[2])
                if task < len(self._places) and (self._places[task] < 0) == (found[1] == b"task"):
                    self._places[task] = self._end if found[1] == b"task" else -1
                    self.done += 1 if found[1] == b"task" else -1
                self._end += len(line)
        os.truncate(self._file, self._end)
