"""What a data set will take, before it is made: pairs, frames, bytes and hours, from a few frames that are made."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from motionkit.data.multiplication.local import usual_workers
from motionkit.data.multiplication.making import Made, Maker
from motionkit.data.multiplication.media_work import MediaWork
from motionkit.data.multiplication.motions import Motions
from motionkit.data.multiplication.options import MultiplyOptions
from motionkit.data.multiplication.plan import Plan, local_file
from motionkit.data.multiplication.rows import as_json
from motionkit.data.multiplication.sources import Failure
from motionkit.data.multiplication.storage import Storage
from motionkit.errors import MotionkitError
from motionkit.model import Model
from motionkit.pipeline.driving import open_driving

__all__ = ["Estimate", "estimate"]

TRIES, PROBED = 5, 16  # results that are tried until one can be made, and frames of it
SHARE = 0.9  # of the disk, above which it is said that it may not do


@dataclass(frozen=True)
class Estimate:
    """What a data set will take.

    Attributes:
        pairs: Of source and driving.
        results: Pairs times variations.
        frames: In all results.
        bytes: Of all files.
        hours: On this machine.
        rate: Frames a second, measured here.
        free: Bytes that are free where it is written; None where that is unknown.
        unread: Drivings that cannot be opened; their frames are not counted.
    """

    pairs: int
    results: int
    frames: int
    bytes: int
    hours: float
    rate: float
    free: int | None
    unread: int = 0

    def __str__(self) -> str:
        lines = [
            f"pairs    {self.pairs}" + (f", {self.results} results" if self.results != self.pairs else ""),
            f"frames   {self.frames}",
            f"bytes    {self.bytes} ({_size(self.bytes)})",
            f"hours    {self.hours:.2f} at {self.rate:.1f} frames a second, as measured on the first pair",
        ]
        if self.unread:
            lines.append(f"{self.unread} drivings cannot be opened; their results will be rows with the reason.")
        if self.free is not None and self.bytes > SHARE * self.free:
            lines.append(f"The disk may be too small: {_size(self.free)} are free.")
        return "\n".join(lines)


def estimate(plan: Plan, options: MultiplyOptions, model: Model, storage: Storage) -> Estimate:
    """Estimate by making a few frames; nothing is written to the data set's place.

    Args:
        plan: What is to be made.
        options: What is asked for.
        model: Animates.
        storage: The data set's.

    Raises:
        MotionkitError: The first results cannot be made, with the last one's reason.
    """
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        lengths = [_length(plan, driving, scratch / "fetched") for driving in range(len(plan.drivings))]
        known = [length for length in lengths if length is not None]
        frames = sum(_frames(plan, lengths, options)) * plan.variations
        per_frame, size, per_source, per_driving = _probe(plan, options, model, scratch)
    seconds = frames * per_frame + len(plan.sources) * plan.variations * per_source + sum(known) * per_driving
    return Estimate(
        pairs=len(plan.pairs),
        results=len(plan),
        frames=frames,
        bytes=round(frames * size),
        hours=seconds / 3600,
        rate=1 / per_frame,
        free=storage.free(),
        unread=len(lengths) - len(known),
    )


def _frames(plan: Plan, lengths: list[int | None], options: MultiplyOptions) -> list[int]:
    """Frames of each pair, summed by driving where all pairs are wanted."""

    def of(driving: int) -> int:
        length = lengths[driving]
        return 0 if length is None else length if options.frames is None else min(length, options.frames)

    if isinstance(plan.pairs, range):
        return [of(driving) * len(plan.sources) for driving in range(len(lengths))]
    return [of(pair % len(lengths)) for pair in plan.pairs]


def _length(plan: Plan, driving: int, cache: Path) -> int | None:
    try:
        return open_driving(local_file(plan.drivings[driving].place, cache)).length
    except MotionkitError:
        return None


def _probe(plan: Plan, options: MultiplyOptions, model: Model, scratch: Path) -> tuple[float, float, float, float]:
    """Seconds a frame, bytes a frame, seconds a source, seconds a driving frame."""
    work = MediaWork(plan, options, model.config, scratch / "fetched")
    motions = Motions(plan, model, options.animate, Storage(scratch / "kept"), work.cache)
    maker = Maker(model, options, motions, work.read)
    reason = "there is no pair"
    for index in range(min(TRIES, len(plan))):
        job = plan.job(index)
        begun = time.perf_counter()
        template = motions.get(job.driving)
        found = time.perf_counter()
        made = maker.make(job, scratch / "spool", most=1)  # the first use of a model takes longer
        read = time.perf_counter()
        if isinstance(made, Failure) or isinstance(template, Failure):
            reason = made.reason if isinstance(made, Failure) else reason
            continue
        per_frame, size = _timed(maker, work, made, scratch)
        return per_frame, size, max(read - found - per_frame, 0), (found - begun) / len(template)
    raise MotionkitError("None of the first results can be made", got=reason)


def _timed(maker: Maker, work: MediaWork, first: Made, scratch: Path) -> tuple[float, float]:
    """Seconds and bytes a frame; the gate's share is that of so short a clip, which is the most it can be."""
    begun = time.perf_counter()
    made = maker.make(first.job, scratch / "spool", most=PROBED)
    computed = time.perf_counter()
    assert isinstance(made, Made)
    rows = work.finish(made, scratch / "stage")
    written = time.perf_counter()
    files = sum(file.stat().st_size for file in (scratch / "stage").iterdir())
    frames = len(made.frames)
    about = sum(len(as_json(row.packed())) for row in rows)
    # Workers write while the model computes: whichever takes longer counts.
    workers = usual_workers() if work.options.workers is None else work.options.workers
    computing, writing = computed - begun, written - computed
    seconds = max(computing, writing / workers) if workers else computing + writing
    return seconds / frames, (files + about) / frames


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 1000 or unit == "TB":
            return f"{count:.3g} {unit}"
        count /= 1000
    raise AssertionError
