"""Many animations and hours of live frames in one process: ``python -m tests.robustness.soak``.

Live frames come as fast as they can be computed, as many as a camera sends in so many hours; ``--paced`` waits for each
one's time. Memory, open handles, threads and Python objects are measured along the way: after a warm-up none may rise.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

import motionkit as mk
from motionkit import media
from motionkit.live.clip import LiveClip
from motionkit.live.session import LiveSession
from motionkit.model import Model
from motionkit.motion.templates import save_template
from tests.support.clips import ffmpeg
from tests.support.files import photo_and_clip
from tests.support.networks import tiny_model

__all__ = ["Series", "animations", "live_frames"]

WARM_UP = 1 / 3  # of the samples: caches fill, FFmpeg starts its threads
# How far each may rise from the end of the warm-up to the end of the run, as a line through the samples has it.
BOUNDS = {"megabytes": 4.0, "handles": 0.5, "threads": 0.5, "objects": 300.0}
FPS = 25
SIDE = 64


@dataclass(frozen=True)
class Sample:
    """What the process held after so many."""

    done: int
    megabytes: float
    handles: float
    threads: float
    objects: float


class Series:
    """Samples along a run.

    Args:
        what: What is counted.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self.samples: list[Sample] = []

    def take(self, done: int) -> None:
        """Measure now, without what was freed and is only kept for later."""
        gc.collect()
        with contextlib.suppress(AttributeError):  # another C library than GNU's
            ctypes.CDLL(None).malloc_trim(0)
        status = Path("/proc/self/status").read_text(encoding="ascii")
        found = {name: int(number) for name, number in re.findall(r"(VmRSS|Threads):\s+(\d+)", status)}
        handles = len(os.listdir("/proc/self/fd"))
        self.samples.append(
            Sample(done, found["VmRSS"] / 1000, handles, found["Threads"], float(len(gc.get_objects())))
        )

    @property
    def steady(self) -> list[Sample]:
        """The samples after the warm-up."""
        return self.samples[round(len(self.samples) * WARM_UP) :]

    def rise(self, name: str) -> float:
        """From the end of the warm-up to the end of the run, by the line with the least squares."""
        done = np.array([sample.done for sample in self.steady], float)
        values = np.array([getattr(sample, name) for sample in self.steady], float)
        slope = np.polyfit(done, values, 1)[0]
        return float(slope * (done[-1] - done[0]))

    def risen(self) -> list[str]:
        """What has risen further than it may, in words."""
        count = f"{self.steady[-1].done - self.steady[0].done} {self.what}"
        return [
            f"{name} rose by {rise:.2f} of at most {bound:g} in {count}"
            for name, bound in BOUNDS.items()
            if (rise := self.rise(name)) > bound
        ]

    def __str__(self) -> str:
        """A table of before, after and the rise, with a line for each."""
        first, last = self.steady[0], self.steady[-1]
        lines = [f"| {self.what} | after {first.done} | after {last.done} | rise |", "|---|---|---|---|"]
        for name in BOUNDS:
            values = (getattr(first, name), getattr(last, name), self.rise(name))
            lines.append("| {} | {:.1f} | {:.1f} | {:+.2f} |".format(name, *values))
        return "\n".join(lines)


def animations(count: int, samples: int, folder: Path) -> Series:
    """Animate so often in one process, in every way in turn."""
    model = tiny_model("f" * 64, blend_warped=True)
    ways = _ways(folder, model)
    series = Series("animations")
    for done in range(count):
        if done % max(count // samples, 1) == 0:
            series.take(done)
        ways[done % len(ways)]()
    series.take(count)
    return series


def _ways(folder: Path, model: Model) -> list[Callable[[], object]]:
    photo_and_clip(folder, 6)
    photo, drive, sounding = folder / "photo.png", folder / "drive.mp4", folder / "sounding.mkv"
    ffmpeg("-i", drive, "-f", "lavfi", "-i", "sine=d=0.24", "-c:v", "copy", sounding)
    save_template(folder / "a.motion", mk.extract(drive, model=model))
    options = mk.AnimateOptions(crop="centre", size=SIDE)

    def to(name: str, driving: Path = drive, source: Path = photo, **more: object) -> Callable[[], object]:
        changes = {key: more.pop(key) for key in ("paste_back", "smoothing", "reference") if key in more}
        wanted = options.replace(**changes)
        return lambda: mk.animate_file(source, driving, folder / name, model=model, options=wanted, **more)  # type: ignore[arg-type]

    def refused() -> None:
        try:
            mk.animate_file(photo, folder / "none.mp4", folder / "out.mp4", model=model)
        except mk.MotionkitError:
            return
        raise AssertionError("it was not refused")

    return [
        to("out.mp4"),
        to("sound.mp4", sounding),
        to("out.webm", sounding),
        to("out.gif"),
        to("template.mp4", folder / "a.motion"),
        to("collage.mp4", collage=folder / "side.mp4", still=folder / "sheet.png"),
        to("pasted.mp4", paste_back=True),
        to("moving.mp4", source=sounding, reference="best", smoothing=0.5),
        refused,
    ]


def live_frames(count: int, samples: int, folder: Path, *, paced: bool = False, model: Model | None = None) -> Series:
    """So many live frames from a clip, with pauses, new sources, new neutral poses and recordings."""
    photo_and_clip(folder, 20)
    model = model or tiny_model("f" * 64, blend_warped=True)
    options = mk.AnimateOptions(smoothing=0.3, crop="centre")
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds
        if paced:
            time.sleep(seconds)

    source = media.read_image(folder / "photo.png")[:SIDE, :SIDE]
    session = LiveSession(model, source, options=options)
    clip = LiveClip(folder / "drive.mp4", model=model, options=options, clock=lambda: now[0], sleep=sleep)
    series = Series("live frames")
    for done in range(count):
        if done % max(count // samples, 1) == 0 and not session.recording:
            clip.rewind()  # an open clip, like a recording, has threads and a handle of its own
            series.take(done)
        sleep(1 / FPS)
        session.see(clip.next(), at=now[0])
        if done % 500 == 100:
            session.record(folder / "recorded.mp4", fps=Fraction(FPS))
        elif done % 500 == 150:
            session.stop_recording(at=now[0])
        elif done % 500 == 300:
            session.set_source(np.ascontiguousarray(source[:, ::-1]))
            session.calibrate()
        elif done % 500 == 400:
            session.mirror = not session.mirror
            clip.rewind()
            session.restart()
    session.close()
    clip.rewind()
    series.take(count)
    return series


def main() -> int:
    """Soak and print the tables; the status is 1 if anything rose too far."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--animations", type=int, default=2000)
    parser.add_argument("--hours", type=float, default=2.0, help=f"of live frames, {FPS} a second")
    parser.add_argument("--paced", action="store_true", help="wait for each live frame's time")
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--model", help="for the live frames, instead of a small one: heads, or a file")
    given = parser.parse_args()
    torch.set_num_threads(1)
    risen = []
    with tempfile.TemporaryDirectory() as work:
        frames = round(given.hours * 3600 * FPS)
        model = given.model and mk.load_model(given.model)
        for name, count, soak in (
            ("animations", given.animations, lambda folder: animations(given.animations, given.samples, folder)),
            ("live", frames, lambda folder: live_frames(frames, given.samples, folder, paced=given.paced, model=model)),
        ):
            if not count:
                continue
            (Path(work) / name).mkdir()
            begun = time.monotonic()
            series = soak(Path(work) / name)
            risen += series.risen()
            print(f"{series}\n{time.monotonic() - begun:.0f} s\n", flush=True)
    print("\n".join(risen) or "Nothing rose.")
    return 1 if risen else 0


if __name__ == "__main__":
    sys.exit(main())
