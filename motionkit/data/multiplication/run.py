"""``multiply``: sources times drivings into a data set, which may be stopped anywhere and gone on with."""

from __future__ import annotations

import tempfile
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from motionkit.config.checks import given_or_default
from motionkit.data.multiplication.card import CARD, data_card
from motionkit.data.multiplication.cluster import need_ray, run_on_ray
from motionkit.data.multiplication.estimate import Estimate, estimate
from motionkit.data.multiplication.identity import check_inputs, check_own, check_same, file_states, identity
from motionkit.data.multiplication.journal import Journal
from motionkit.data.multiplication.local import clean, run_local
from motionkit.data.multiplication.manifest import MANIFEST, Totals, need_parquet, write_manifest
from motionkit.data.multiplication.media_work import MediaWork
from motionkit.data.multiplication.motions import FOUND, WORK, Motions
from motionkit.data.multiplication.options import MultiplyOptions
from motionkit.data.multiplication.placing import place
from motionkit.data.multiplication.plan import Plan, make_plan
from motionkit.data.multiplication.rows import FAILED, OK, REJECTED, Row
from motionkit.data.multiplication.storage import Storage, open_storage, writing
from motionkit.errors import AnimationCancelled, InputError, MediaError, MotionkitError, MotionkitWarning
from motionkit.media.collections import Collection
from motionkit.model import Model, check_model
from motionkit.motion.gains import keypoint_gains
from motionkit.progress import Meter, ProgressLike

__all__ = ["MultiplicationResult", "estimate_multiplication", "multiply"]

KEPT_BETWEEN = ("spool", "fetched", FOUND)  # in the folder of work, for a run that goes on
GO_ON = "What is whole is kept; run it again to go on"


@dataclass(frozen=True, slots=True)
class MultiplicationResult:
    """What ``multiply`` made.

    Attributes:
        path: The data set's folder or address.
        manifest: Its table, a row a result.
        ok: Results that are there: clips, or pictures.
        rejected: Results that the quality gate rejected.
        failed: Results whose source or driving cannot be used.
        reasons: Why, to how many.
        frames: In the results that are there.
        bytes: Of their files, without labels.
        made: Pairs' variations that this call made; the others were there.
        seconds: Wall time of this call.
    """

    path: str
    manifest: str
    ok: int
    rejected: int
    failed: int
    reasons: Mapping[str, int]
    frames: int
    bytes: int
    made: int
    seconds: float


def multiply(
    sources: Collection | None,
    drivings: Collection | None,
    output: str | Path,
    *,
    model: Model,
    options: MultiplyOptions | None = None,
    progress: ProgressLike = False,
    cancel: threading.Event | None = None,
) -> MultiplicationResult:
    """Move sources by drivings into a labelled data set with a manifest.

    Stopped anywhere, even killed, and called again with the same arguments, it goes on where it was.

    Args:
        sources: Pictures: a folder, a glob, a CSV (columns ``file``, ``label``, ``licence``), an address such as
            s3://bucket/faces, or a list. Of a clip the first frame counts. None where ``options.pairs`` is a CSV.
        drivings: Clips or motion templates, likewise.
        output: Folder or address of the data set; new, or one that was begun with the same arguments.
        model: As ``load_model`` gives it.
        options: None is the defaults: every pair once, as a clip.
        progress: True shows a bar; or a function called with a Progress after each result.
        cancel: Set it from elsewhere to stop; AnimationCancelled is then raised.

    Returns:
        What was made. A source or driving that cannot be used is no error, but rows of the manifest with the reason.

    Raises:
        InputError: There are no sources or drivings, the folder holds something else or was begun with other arguments,
            or another process works there.
        MediaError: The data set cannot be written, for instance because the disk is full; what is whole is kept.
        MissingPackageError: pyarrow, or what the engine or an address needs, is not installed.
        AnimationCancelled: Stopped by ``cancel``; what is whole is kept.
    """
    options, begun = given_or_default(options, MultiplyOptions), time.monotonic()
    check_model(model)
    need_parquet()
    if options.engine == "ray":
        need_ray()
    plan = _plan(sources, drivings, output, model, options)
    storage = open_storage(output)
    with ExitStack() as stack:
        if storage.local is not None:
            stack.enter_context(_locked(storage.local))
        check_same(storage, identity(plan, options, model))
        scratch = stack.enter_context(_scratch(storage))
        journal = _journal(storage, scratch, plan.tasks, retry=options.retry)
        check_inputs(storage, file_states(plan), journal.rows())
        made = results_left(plan, journal)
        run = _Run(plan, options, model, storage, scratch, journal)
        try:
            run.make(progress, cancel)
        except BaseException:
            run.keep()
            raise
        totals = run.finish()
    return _result(str(output), totals, made, time.monotonic() - begun)


def _plan(
    sources: Collection | None,
    drivings: Collection | None,
    output: str | Path,
    model: Model,
    options: MultiplyOptions,
) -> Plan:
    """What is to be made, once it is certain that it can be; nothing is written."""
    keypoint_gains(dict.fromkeys(options.variations.gains, 1.0), model.config)
    plan = make_plan(sources, drivings, options)
    check_own(Storage(output))
    return plan


def results_left(plan: Plan, journal: Journal) -> int:
    """How many results there are in the tasks that are not done; the last task may have fewer than others.

    Args:
        plan: All of them.
        journal: Which are done.
    """
    last = plan.tasks - 1
    left = (plan.tasks - journal.done) * plan.per_task
    return left if not plan.tasks or last in journal else left - plan.tasks * plan.per_task + len(plan)


def _journal(storage: Storage, scratch: Path, tasks: int, *, retry: bool) -> Journal:
    """What is done; with ``retry`` what has failed is not, nor is anything kept that was found or fetched of it."""
    journal = Journal(storage, scratch, tasks)
    if retry:
        journal.take_back_failed()
        for name in KEPT_BETWEEN:
            storage.remove(f"{WORK}/{name}")
    return journal


def _result(output: str, totals: Totals, made: int, seconds: float) -> MultiplicationResult:
    counts = totals.statuses
    return MultiplicationResult(
        path=output,
        manifest=f"{output}/{MANIFEST}",
        ok=counts[OK],
        rejected=counts[REJECTED],
        failed=counts[FAILED],
        reasons=dict(totals.reasons),
        frames=totals.frames,
        bytes=totals.bytes,
        made=made,
        seconds=seconds,
    )


def estimate_multiplication(
    sources: Collection | None,
    drivings: Collection | None,
    output: str | Path,
    *,
    model: Model,
    options: MultiplyOptions | None = None,
) -> Estimate:
    """What ``multiply`` would take with the same arguments; writes nothing.

    Args:
        sources: As for ``multiply``.
        drivings: As for ``multiply``.
        output: As for ``multiply``.
        model: As for ``multiply``.
        options: As for ``multiply``.

    Raises:
        MotionkitError: There is nothing to make, or none of the first results can be made.
    """
    options = given_or_default(options, MultiplyOptions)
    check_model(model)
    plan = _plan(sources, drivings, output, model, options)
    return estimate(plan, options, model, Storage(output))


@dataclass(frozen=True)
class _Run:
    """One call of ``multiply``, once all is known."""

    plan: Plan
    options: MultiplyOptions
    model: Model
    storage: Storage
    scratch: Path
    journal: Journal

    def make(self, progress: ProgressLike, cancel: threading.Event | None) -> None:
        """Make what is not there yet."""
        if self.journal.done == self.plan.tasks:
            return
        work = MediaWork(self.plan, self.options, self.model.config, self.scratch / "fetched")
        total = results_left(self.plan, self.journal)
        with Meter(total, progress, cancel, what="Multiplying", unit="result") as meter:
            try:
                if self.options.engine == "ray":
                    self._on_ray(work, meter)
                else:
                    self._here(work, meter)
            except AnimationCancelled:
                raise AnimationCancelled(meter.done, total, unit="results", todo=GO_ON) from None
            except KeyboardInterrupt:
                left = f"Stopped after {meter.done} of {total} results. {GO_ON}"
                warnings.warn(left, MotionkitWarning, stacklevel=2)
                raise
            except MediaError as error:
                raise self._told(error, meter.done) from error

    def _here(self, work: MediaWork, meter: Meter) -> None:
        motions = Motions(self.plan, self.model, self.options.animate, self.storage, work.cache)
        clean(self.scratch)

        def commit(task: int, rows: list[Row], stage: Path) -> None:
            shards = self.options.format == "webdataset"
            self.journal.append(task, place(task, rows, stage, self.storage, shards=shards))

        run_local(work, self.model, motions, self.scratch, self.journal.left, commit=commit, step=meter.step)

    def _on_ray(self, work: MediaWork, meter: Meter) -> None:
        def note(task: int, rows: list[Row]) -> None:
            self.journal.append(task, rows)
            meter.step(sum(1 for _ in self.plan.jobs(task)))

        run_on_ray(work, self.model, self.storage, self.journal.left(), note=note)

    def _told(self, error: MediaError, done: int) -> MediaError:
        """The error with what was done by then."""
        kept = f"{self.journal.done} of {self.plan.tasks} tasks are whole and kept, {done} results made now"
        return MediaError(f"{error.what} ({kept})", got=error.got, expected=error.expected, todo=error.todo or GO_ON)

    def keep(self) -> None:
        """After an error: send what is done, and write the manifest of it if that is possible."""
        try:
            self.journal.sync()
            if self.journal.done:
                self._write_manifest()
        except MotionkitError:
            return  # the error that came first says it, and the journal knows what is done

    def finish(self) -> Totals:
        """Write manifest and card, and remove what is no longer needed."""
        self.journal.sync()
        totals = self._write_manifest()
        card = data_card(self.plan, self.options, self.model, totals)
        self.storage.write(CARD, card.encode())
        for name in ("stage", *KEPT_BETWEEN):
            self.storage.remove(f"{WORK}/{name}")
        return totals

    def _write_manifest(self) -> Totals:
        part = self.scratch / f"{MANIFEST}.part"
        with writing(self.storage.root):
            try:
                totals = write_manifest(part, self.journal.rows())
                self.storage.put(part, MANIFEST)
            finally:
                part.unlink(missing_ok=True)
        return totals


@contextmanager
def _scratch(storage: Storage) -> Iterator[Path]:
    """A folder of this machine to work in: the data set's own, so that files are moved and not copied."""
    if storage.local is not None:
        folder = storage.local / WORK
        with writing(storage.root):
            folder.mkdir(exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="motionkit-") as name:
        yield Path(name)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep the data set for this process; a killed process keeps it no longer."""
    from filelock import FileLock, Timeout

    with writing(folder):
        (folder / WORK).mkdir(exist_ok=True)
    lock = FileLock(folder / WORK / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:  # an OSError
        raise InputError("Another process multiplies into this folder", got=folder, todo="Wait for it") from None
    except NotImplementedError:
        pass  # a drive that has no locks
    try:
        yield
    finally:
        lock.release()
