"""From file to file, each time in a process of its own: seconds, and the most memory that the process ever had."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch

from motionkit import faces, media, pipeline, trust
from motionkit.bench.machine import device_peak, process_peak
from motionkit.bench.procedures import Fast, Plain, Procedure
from motionkit.bench.subjects import fresh, load_reference
from motionkit.config import AnimateOptions, Precision
from motionkit.errors import MotionkitError, MotionkitWarning

__all__ = ["FileJob", "FileRun", "animate_plainly", "run_apart"]


@dataclass(frozen=True, kw_only=True)
class FileJob:
    """One animation from file to file.

    Attributes:
        model: As for ``load_reference``.
        procedure: "plain" or "fast".
        precision: Of the fast form.
        device: Where to compute, as for ``torch.device``.
        threads: With how many torch computes.
        source: The picture's file.
        driving: The clip's file.
        output: The result's file, which is removed in the end.
        frames: How many of the clip's frames are used.
        fps: The clip's exact rate.
    """

    model: str
    procedure: str
    precision: Precision
    device: str
    threads: int
    source: str
    driving: str
    output: str
    frames: int
    fps: Fraction


@dataclass(frozen=True, kw_only=True)
class FileRun:
    """What a job took, loading the model left out.

    Attributes:
        frames: Of the result.
        seconds: In all.
        start: Seconds until the first frame: opening, finding faces, all that is done once.
        later: Seconds a frame, of those after the first batch.
        waiting: Share of the seconds in which the model waited for driving frames; None for plain, which reads first.
        memory: Most bytes that the process had; None where unknown.
        gpu_memory: Most bytes of tensors on a GPU; None on other devices.
    """

    frames: int
    seconds: float
    start: float
    later: float
    waiting: float | None
    memory: int | None
    gpu_memory: int | None


def run_apart(job: FileJob) -> FileRun:
    """Run a job in a new process, which ends with it.

    Raises:
        MotionkitError: It failed.
    """
    context = multiprocessing.get_context("spawn")  # a fork would begin with this process's memory
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(job, sender), daemon=True)
    process.start()
    sender.close()
    try:
        result = receiver.recv()
    except EOFError:
        process.join()
        result = f"its process ended with status {process.exitcode}"
    finally:
        process.terminate()
        process.join()
    if isinstance(result, str):
        what = f"{job.procedure}, {job.model}, {job.frames} frames: {result}"
        raise MotionkitError("An animation from file to file failed", got=what)
    assert isinstance(result, FileRun)
    return result


def _child(job: FileJob, sender: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    warnings.simplefilter("ignore", MotionkitWarning)  # that no face was found changes no speed
    try:
        sender.send(_run(job))
    except Exception as error:  # whatever it is, the parent has to say it
        sender.send(f"{type(error).__name__}: {error}")


def _run(job: FileJob) -> FileRun:
    torch.set_num_threads(job.threads)
    device = torch.device(job.device)
    reference, side = load_reference(job.model)
    procedure: Procedure
    if job.procedure == "plain":
        procedure = Plain(reference, side, device)
    else:
        procedure = Fast(reference, side, device, job.precision)
    source, first, clip = fresh(0, 1, side)
    procedure.begin(source, first)  # warms up
    procedure.step(clip)

    times = [time.perf_counter()]  # the beginning, then after each frame
    driving = media.open_clip(job.driving, end=job.frames / job.fps)

    def tick(_: object = None) -> None:
        times.append(time.perf_counter())

    batch, waiting = 1, None
    if isinstance(procedure, Fast):
        batch = procedure.model.usual_batch()
        result = pipeline.animate_file(job.source, driving, job.output, model=procedure.model, progress=tick)
        waiting = result.waiting / result.seconds
    else:
        animate_plainly(job.source, driving, job.output, procedure, tick)
    seconds = time.perf_counter() - times[0]
    os.remove(job.output)
    frames = len(times) - 1
    return FileRun(
        frames=frames,
        seconds=seconds,
        start=times[1] - times[0],
        later=(times[0] + seconds - times[1]) / max(frames - batch, 1),
        waiting=waiting,
        memory=process_peak(),
        gpu_memory=device_peak(device),
    )


def animate_plainly(
    source: str, driving: media.Clip, output: str, procedure: Procedure, tick: Callable[[], None]
) -> None:
    """Animate a file with the plain procedure: read everything, animate it frame by frame, write everything.

    The published script does it in this order. Crop, label and audio are the same as those of ``animate_file``; it
    signs nothing, since its file is thrown away: where ``animate_file`` signs, that is counted against it.

    Args:
        source: The picture's file.
        driving: The clip.
        output: The result's file.
        procedure: Animates.
        tick: Called after each frame is animated.

    Raises:
        MediaError: A file cannot be read or written.
    """
    options = AnimateOptions()
    picture = media.read_image(source)
    box = faces.choose_square(picture, crop=options.crop, domain=procedure.config.domain)[0]
    square = faces.crop(picture, box, size=procedure.side)
    frames = list(pipeline.crop_clip(driving, procedure.config, options))
    procedure.begin(square, frames[0])
    results = []
    for frame in frames:
        results.append(procedure.step([frame])[1][0])
        tick()
    metadata = trust.container_metadata()
    with media.VideoWriter(output, fps=driving.info.fps, audio=driving, metadata=metadata) as writer:
        for result in results:
            writer.write(trust.finished_frame(result, options))
