"""What was measured: rows of figures, kept as JSON."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from motionkit import jsontext
from motionkit.bench.machine import Machine
from motionkit.errors import InputError

__all__ = ["ClipRow", "Report", "ScaleRow", "Spread", "StepRow"]


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Several measurements of one thing.

    Attributes:
        median: The middle one.
        low: The least.
        high: The largest.
    """

    median: float
    low: float
    high: float

    @staticmethod
    def of(values: Sequence[float]) -> Spread:
        """Take median, least and largest of at least one value."""
        return Spread(median=statistics.median(values), low=min(values), high=max(values))


@dataclass(frozen=True, kw_only=True)
class StepRow:
    """The model step of one procedure: driving frames to result frames, in memory.

    Attributes:
        model: Its name.
        side: Of its result, in pixels.
        procedure: "plain", as published, or "fast".
        precision: Of the picture-making part.
        batch: Frames at once.
        rounds: How many were measured.
        frames: Fresh frames in each round.
        seconds: For a frame.
        source_seconds: Once for a source: its features (fast) and keypoints, and the reference frame's keypoints.
        ratio: How many times sooner than plain in the same round, work for the source left out; None for plain.
        whole_ratio: The same with the work for the source, over the frames of a round.
        gflop: Arithmetic of a frame as it was done, a multiplication and an addition being two, by torch's counter.
        gflops: Reached, a second.
        ceiling: GFLOP a second of a convolution alone, in the same precision and batch, the best of the rounds.
        ceiling_share: ``gflops`` in ``ceiling``.
        direct_gflop: What a frame takes with every convolution done as it is written, the source's encoder left out.
        direct_share: The same a second, in ``ceiling``: above 1 where less arithmetic does.
        psnr: To plain's pictures, in dB; None for plain, and for pictures without any difference.
        max_difference: To plain's pictures, of values in [0, 1]; None for plain.
        memory: Bytes of a GPU's memory needed beyond the weights; None on other devices.
        stages: Seconds a frame of each stage, timed apart.
        stage_shares: The same as parts of 1.
    """

    model: str
    side: int
    procedure: str
    precision: str
    batch: int
    rounds: int
    frames: int
    seconds: Spread
    source_seconds: float
    ratio: Spread | None
    whole_ratio: float | None
    gflop: float
    gflops: float
    ceiling: float
    ceiling_share: float
    direct_gflop: float
    direct_share: float
    psnr: float | None
    max_difference: float | None
    memory: int | None
    stages: Mapping[str, float]
    stage_shares: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class ClipRow:
    """One procedure from file to file, each time in a process of its own.

    Attributes:
        model: Its name.
        procedure: "plain", as published, or "fast".
        precision: Of the picture-making part.
        rounds: How often the clip was made.
        frames: How many the clip has.
        clip: What the clip is.
        seconds: A frame, everything from opening the files to the whole result, but not loading the model.
        fps: Frames a second, by the median.
        ratio: How many times sooner than plain in the same round; None for plain.
        start: Seconds until the first frame: opening, finding faces, all that is done once.
        later_seconds: A frame, of those after the first batch.
        later_ratio: As ``ratio``, of the frames after the first batch.
        waiting: Share of the time in which the model waited for driving frames; None for plain, which reads first.
        memory: Most bytes that the process had in memory, model and libraries included; None where unknown.
        gpu_memory: Most bytes of tensors on a GPU; None on other devices.
    """

    model: str
    procedure: str
    precision: str
    rounds: int
    frames: int
    clip: str
    seconds: Spread
    fps: float
    ratio: Spread | None
    start: float
    later_seconds: float
    later_ratio: float | None
    waiting: float | None
    memory: int | None
    gpu_memory: int | None


@dataclass(frozen=True, kw_only=True)
class ScaleRow:
    """Cost of the fast form where one thing is varied.

    Attributes:
        model: Its name.
        precision: Of the picture-making part.
        axis: "frames" (from file to file), "side" or "batch" (the model step).
        value: Of what is varied.
        seconds: A frame.
        total: Seconds in all.
        start: Seconds until the first frame; None where no process of its own was started.
        memory: Most bytes that the process had in memory; None where unknown, or where none of its own was started.
        gpu_memory: Most bytes of tensors on a GPU; None on other devices, or where no process was started.
    """

    model: str
    precision: str
    axis: str
    value: int
    seconds: float
    total: float
    start: float | None
    memory: int | None
    gpu_memory: int | None


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that a run of ``bench`` measured.

    Attributes:
        machine: On which.
        options: Those of the run.
        began: When, in local time.
        complete: False where it was stopped before the end.
        steps: Figures of the model step.
        clips: Figures from file to file.
        scale: Figures of cost against length, size and batch.
        order: Names of the procedures in the order in which they were measured, for each model and size.
        left_out: What did not fit the time or the memory.
    """

    machine: Machine
    options: Mapping[str, Any]
    began: str
    complete: bool = True
    steps: tuple[StepRow, ...] = ()
    clips: tuple[ClipRow, ...] = ()
    scale: tuple[ScaleRow, ...] = ()
    order: Mapping[str, Sequence[str]] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Write everything as JSON; ``from_json`` reads it back."""
        return json.dumps(_finite(asdict(self)), indent=2) + "\n"

    @staticmethod
    def from_json(path: str | Path) -> Report:
        """Read the file ``path``, which ``to_json`` wrote.

        Raises:
            InputError: It is another file.
        """
        try:
            values = jsontext.parse(Path(path).read_text(encoding="utf-8"))
            machine = {**values["machine"], "flags": tuple(values["machine"]["flags"])}
            return Report(
                machine=Machine(**machine),
                options=values["options"],
                began=values["began"],
                complete=values["complete"],
                steps=tuple(StepRow(**_spreads(row)) for row in values["steps"]),
                clips=tuple(ClipRow(**_spreads(row)) for row in values["clips"]),
                scale=tuple(ScaleRow(**row) for row in values["scale"]),
                order=values["order"],
                left_out=tuple(values["left_out"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError("These are no figures of motionkit bench", got=f"{path} ({error})") from None


def _spreads(row: dict[str, Any]) -> dict[str, Any]:
    return {name: Spread(**v) if isinstance(v, dict) and "median" in v else v for name, v in row.items()}


def _finite(value: Any) -> Any:
    """JSON has no infinity and no NaN."""
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
