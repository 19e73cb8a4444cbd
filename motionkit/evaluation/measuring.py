"""One clip, animated and measured batch by batch: a row, and the moments that show most.

Legend: S side of the pictures in pixels.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np

from motionkit import faces, media, pipeline
from motionkit.animation.moments import Moment, moments
from motionkit.drawing.collage import Panel, lay_out
from motionkit.errors import DeviceError, InputError, MotionkitError, heard_warnings
from motionkit.evaluation.items import Item, file_hash
from motionkit.evaluation.landmarks import LookForPoints
from motionkit.evaluation.metrics import Batch, Tally
from motionkit.evaluation.options import EvaluateOptions
from motionkit.evaluation.rows import Row
from motionkit.evaluation.toolbox import Tools
from motionkit.frames import Frame
from motionkit.model import Model
from motionkit.pipeline.subject import open_source

__all__ = ["Measured", "MetricError", "measure_item"]

TILE = 128  # height of the pictures that are kept of a clip, in pixels
SHOWN = 4  # moments


class MetricError(InputError):
    """A metric that was put in raised an error, which would befall every clip."""


@dataclass(frozen=True)
class Measured:
    """A clip that was measured.

    Attributes:
        row: Its figures, or why there are none.
        sheet: The source, and below one another driver and result of some moments; None of a failed one.
    """

    row: Row
    sheet: Frame | None


@dataclass
class _Clip:
    """A clip in the course of being measured."""

    tallies: list[Tally]
    looks: tuple[LookForPoints, LookForPoints, LookForPoints] | None
    source_points: np.ndarray | None = None
    frames: int = 0
    making: float = 0.0
    measuring: float = 0.0
    kept: list[tuple[float, int, Frame, Frame]] = field(default_factory=list)
    source: Frame | None = None


def measure_item(model: Model, name: str, item: Item, options: EvaluateOptions, tools: Tools) -> Measured:
    """Animate and measure one clip. One that cannot be read becomes a row with the reason.

    Args:
        model: Animates.
        name: What it is called.
        item: The clip.
        options: How.
        tools: What measures.

    Raises:
        MetricError: A metric failed.
        DeviceError: The device failed, or has too little memory.
    """
    source = "" if item.source is None else str(item.source)
    blank = Row(model=name, clip=item.name, source=source, driving=str(item.driving), state=item.state)
    with heard_warnings() as notes:
        try:
            clip = _measure(model, item, options, tools)
            values = {key: value for tally in clip.tallies for key, value in tally.values().items()}
            hashes = ["" if path is None else file_hash(path) for path in (item.source, item.driving)]
        except (DeviceError, MetricError):
            raise
        except (MotionkitError, OSError, MemoryError) as error:
            return Measured(replace(blank, status="failed", reason=str(error) or type(error).__name__), None)
    finite = {key: float(value) for key, value in values.items() if np.isfinite(value)}
    finite["frame_rate"] = clip.frames / max(clip.making, 1e-9)
    finite["measuring"] = clip.measuring / clip.frames
    row = replace(blank, source_sha256=hashes[0], driving_sha256=hashes[1], reason="; ".join(notes))
    return Measured(replace(row, frames=clip.frames, values=finite), _sheet(clip))


def _measure(model: Model, item: Item, options: EvaluateOptions, tools: Tools) -> _Clip:
    source, driving = _open(model, item, options)
    looks = None
    if (finder := tools.landmarks) is not None:
        looks = finder.follow(), finder.follow(), finder.follow()
    clip = _Clip([metric.begin() for metric in tools.metrics], looks)
    animation = options.animation(reconstruction=item.source is None)
    made = moments(source, driving, model=model, options=animation)
    while True:
        started = time.perf_counter()
        batch = list(islice(made, options.batch))
        clip.making += time.perf_counter() - started
        if not batch:
            return clip
        started = time.perf_counter()
        _take(clip, batch, tools, model)
        clip.measuring += time.perf_counter() - started


def _open(model: Model, item: Item, options: EvaluateOptions) -> tuple[Frame, Iterable[Frame]]:
    """The source's square and the driving's, one after the other."""
    animation = options.animation(reconstruction=item.source is None)
    clip = media.open_clip(item.driving, end=options.seconds)
    driving = pipeline.crop_clip(clip, model.config, animation)
    if item.source is None:
        first = next(iter(driving), None)
        if first is None:
            raise InputError("The clip has no frames", got=str(item.driving), expected="at least one")
        return first, islice(driving, None, None, options.every)
    subject = open_source(item.source, model.config, animation)
    whole = subject.first_picture()
    return faces.crop(whole, subject.boxes[0], size=subject.size), islice(driving, None, None, options.every)


def _take(clip: _Clip, made: list[Moment], tools: Tools, model: Model) -> None:
    results = np.stack([moment.frame for moment in made])
    wanted = np.stack([_frame(moment) for moment in made])
    points: dict[str, object] = {}
    if clip.looks is not None:
        look_at_source, look_at_driving, look_at_result = clip.looks
        if clip.source is None:
            clip.source_points = look_at_source(made[0].source)
        points = {
            "source_points": clip.source_points,
            "driving_points": [look_at_driving(frame) for frame in wanted],
            "result_points": [look_at_result(frame) for frame in results],
        }
    clip.source = made[0].source
    batch = Batch(clip.source, wanted, results, device=model.device, **points)  # type: ignore[arg-type]
    for metric, tally in zip(tools.metrics, clip.tallies, strict=True):
        try:
            tally.add(batch)
        except (MotionkitError, MemoryError):
            raise
        except Exception as error:
            got = f"{metric.name} ({type(error).__name__}: {error})"
            raise MetricError("A metric failed", got=got, todo="Mend it, or leave it out") from error
    for i, (result, driving) in enumerate(zip(results, wanted, strict=True)):
        _keep(clip, clip.frames + i, driving, result)
    clip.frames += len(made)


def _frame(moment: Moment) -> Frame:
    assert moment.driving is not None, "a clip has pictures"
    return moment.driving


def _keep(clip: _Clip, index: int, driving: Frame, result: Frame) -> None:
    """Keep the moments in which the driver is farthest from its first frame, apart from one another."""
    small = driving[::8, ::8].astype(np.int16)
    if index == 0:
        clip.kept.append((-1.0, 0, driving, result))
        return
    apart = min(float(np.abs(small - kept[2][::8, ::8]).mean()) for kept in clip.kept)
    if len(clip.kept) < SHOWN:
        clip.kept.append((apart, index, driving, result))
        return
    least = min(range(1, len(clip.kept)), key=lambda i: clip.kept[i][0])
    if apart > clip.kept[least][0]:
        clip.kept[least] = (apart, index, driving, result)


def _sheet(clip: _Clip) -> Frame:
    assert clip.source is not None
    shown = sorted(clip.kept, key=lambda kept: kept[1])
    blank = np.full_like(clip.source, 255)
    top = [Panel("source", clip.source), *(Panel(f"driving {index}", driving) for _, index, driving, _ in shown)]
    bottom = [Panel("", blank), *(Panel("result", result) for _, _, _, result in shown)]
    return np.concatenate([lay_out(top, height=TILE), lay_out(bottom, height=TILE)])
