"""The engine of one machine: this process computes, worker processes read sources and write results."""

from __future__ import annotations

import os
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from motionkit.data.multiplication.making import Made, Maker
from motionkit.data.multiplication.media_work import MediaWork
from motionkit.data.multiplication.motions import Motions
from motionkit.data.multiplication.rows import Row
from motionkit.data.multiplication.sources import Failure, SourceSquare
from motionkit.data.multiplication.storage import writing
from motionkit.data.workers import begin_worker, clean_start, worker_context
from motionkit.errors import MediaError, MotionkitError
from motionkit.model import Model

__all__ = ["Commit", "run_local", "usual_workers"]

Commit = Callable[[int, list[Row], Path], None]
"""Takes a task's number, its rows, and the folder with its files."""

AHEAD = 2  # sources that are read before they are needed
MOST_WORKERS = 8

T = TypeVar("T")

_work: MediaWork | None = None  # of a worker process


def usual_workers() -> int:
    """How many worker processes suit this machine: encoding takes about a third of what the model takes."""
    return min(max((os.cpu_count() or 1) // 3, 1), MOST_WORKERS)


def run_local(
    work: MediaWork,
    model: Model,
    motions: Motions,
    scratch: Path,
    tasks: Callable[[], Iterator[int]],
    *,
    commit: Commit,
    step: Callable[[int], None],
) -> None:
    """Make tasks in order.

    Args:
        work: Reads sources and writes results.
        model: Animates.
        motions: The drivings' motion.
        scratch: A folder of this machine for spools and stages.
        tasks: Gives the numbers of the tasks, each time anew.
        commit: Called with each task, in order, once all its files are written.
        step: Called with the number of results that were finished.

    Raises:
        MediaError: The data set cannot be written.
    """
    wanted = work.options.workers
    count = usual_workers() if wanted is None else wanted
    with _started(work, count) if count else _Inline(work) as pool:
        squares = _Squares(pool, work, tasks())
        maker = Maker(model, work.options, motions, squares.get)
        line = _Line(2 * count, commit, step)
        try:
            for task in tasks():
                line.open(task, scratch / "stage" / str(task))
                for job in work.plan.jobs(task):
                    with writing(scratch):
                        made = maker.make(job, scratch / "spool" / job.key)
                    if isinstance(made, Failure):
                        line.add(work.failed(job, made))
                    else:
                        line.add(pool.submit(_finish, made, line.stage))
                line.close()
            line.finish()
        except BrokenProcessPool:
            raise MediaError(
                "A worker process was killed",
                got="it ended without a word, as for want of memory",
                todo="What is whole is kept: run the same command again, with fewer workers",
            ) from None
        except BaseException:
            line.keep_what_is_whole()
            raise


class _Inline(Executor):
    """Does what it is given at once, in this process."""

    def __init__(self, work: MediaWork) -> None:
        _begin_with(work)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """The outcome of a call."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except MotionkitError as error:
            future.set_exception(error)
        return future


class _Squares:
    """Sources, read ahead by the workers in the order in which the plan needs them."""

    def __init__(self, pool: Executor, work: MediaWork, tasks: Iterable[int]) -> None:
        self._pool = pool
        jobs = (job for task in tasks for job in work.plan.jobs(task))
        self._coming = (key for key, _ in groupby((job.source, job.variation) for job in jobs))
        self._asked: deque[tuple[tuple[int, int], Future[SourceSquare | Failure]]] = deque()

    def get(self, source: int, variation: int) -> SourceSquare | Failure:
        """A source by its number and the variation's; asked for in the plan's order."""
        while True:
            while len(self._asked) <= AHEAD and (key := next(self._coming, None)) is not None:
                self._asked.append((key, self._pool.submit(_read, *key)))
            key, future = self._asked.popleft()
            if key == (source, variation):
                return future.result()


@dataclass
class _Open:
    """A task whose results are being written."""

    task: int
    stage: Path
    parts: list[list[Row] | Future[list[Row]]] = field(default_factory=list)
    whole: bool = False


class _Line:
    """Tasks on their way, in order; at most so many results wait to be written."""

    def __init__(self, most: int, commit: Commit, step: Callable[[int], None]) -> None:
        self._most, self._commit, self._step = most, commit, step
        self._open: deque[_Open] = deque()
        self._waiting: deque[Future[list[Row]]] = deque()

    @property
    def stage(self) -> Path:
        """Of the task that was opened last."""
        return self._open[-1].stage

    def open(self, task: int, stage: Path) -> None:
        """Begin a task."""
        self._open.append(_Open(task, stage))

    def add(self, part: list[Row] | Future[list[Row]]) -> None:
        """Add a result to the task that was opened last; waits while too many are being written."""
        self._open[-1].parts.append(part)
        if isinstance(part, list):
            self._step(1)
            return
        self._waiting.append(part)
        while len(self._waiting) > self._most:
            self._waiting.popleft().result()
            self._step(1)
        self._commit_ready()

    def close(self) -> None:
        """The task that was opened last is complete."""
        self._open[-1].whole = True
        self._commit_ready()

    def finish(self) -> None:
        """Wait for all that is being written."""
        while self._waiting:
            self._waiting.popleft().result()
            self._step(1)
        self._commit_ready()

    def keep_what_is_whole(self) -> None:
        """After an error: commit what can be committed; what is being written is waited for."""
        try:
            for future in self._waiting:
                future.exception()
            self._commit_ready()
        except (MediaError, BrokenProcessPool):
            return  # the error that came first says it

    def _commit_ready(self) -> None:
        while self._open and self._open[0].whole:
            first = self._open[0]
            if not all(isinstance(part, list) or part.done() for part in first.parts):
                return
            rows = [row for part in first.parts for row in (part if isinstance(part, list) else part.result())]
            self._commit(first.task, rows, first.stage)
            self._open.popleft()


def _started(work: MediaWork, count: int) -> ProcessPoolExecutor:
    pool = ProcessPoolExecutor(count, mp_context=worker_context(), initializer=_begin, initargs=(work,))
    with clean_start():  # a pool starts its processes when they are first needed
        for ready in [pool.submit(_ready) for _ in range(count)]:
            ready.result()
    return pool


def _begin(work: MediaWork) -> None:
    import torch

    begin_worker(0)
    torch.set_num_threads(1)
    _begin_with(work)


def _begin_with(work: MediaWork) -> None:
    global _work  # noqa: PLW0603  # a pool gives its tasks nothing else to find it by
    _work = work


def _ready() -> None:
    """What a worker is first asked for."""


def _read(source: int, variation: int) -> SourceSquare | Failure:
    assert _work is not None
    return _work.read(source, variation)


def _finish(made: Made, stage: Path) -> list[Row]:
    assert _work is not None
    return _work.finish(made, stage)


def clean(scratch: Path) -> None:
    """Remove what a killed run left in its folder of this machine."""
    for name in ("stage", "spool"):
        shutil.rmtree(scratch / name, ignore_errors=True)
