"""How fast a data set is multiplied: ``python -m tests.data.measure_multiplication [WHAT]``.

WHAT is ``pairs`` (against the same pairs one by one), ``ray`` (one worker against two) or ``rows`` (memory of the
manifest); all by default. Ratios are of one run, in turn.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from motionkit import MultiplyOptions, animate_file, load_model, media, multiply, samples
from motionkit.bench.machine import describe
from tests.support.files import write_clip
from tests.support.places import ROOT

SOURCES, DRIVINGS, FRAMES, COMMANDS = 3, 4, 25, 2
MANY, STEP = 12, 8  # drivings of the longer runs of Ray, and frames from one to the next


def given(folder: Path) -> Path:
    """Crops of the portrait, and parts of the sample clips of a second each."""
    picture = media.read_image(samples.portrait())
    for name in ("sources", "drivings"):
        (folder / name).mkdir(parents=True)
    for n in range(SOURCES):
        media.write_image(folder / "sources" / f"s{n}.png", picture[4 * n :, 8 * n : 460 - 8 * n])
    frames = list(media.open_clip(samples.driving_clip()))
    for n in range(DRIVINGS):
        write_clip(folder / "drivings" / f"d{n}.mp4", frames[FRAMES * n : FRAMES * (n + 1)])
    (folder / "many").mkdir()
    for n in range(MANY):
        write_clip(folder / "many" / f"{'few' if n < DRIVINGS else 'more'}{n}.mp4", frames[STEP * n :][:FRAMES])
    return folder


def timed(work: Callable[[], object]) -> float:
    """Seconds of a call."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def measure_pairs(folder: Path) -> None:
    """Multiply, the same pairs through ``animate_file`` in one process, and some of them by a command each."""
    model = load_model("heads")
    pairs = [(f"sources/s{s}.png", f"drivings/d{d}.mp4") for s in range(SOURCES) for d in range(DRIVINGS)]
    animate_file(
        folder / pairs[0][0], folder / pairs[0][1], folder / "first.mp4", model=model
    )  # the first use is slower
    total = len(pairs) * FRAMES

    def one_by_one() -> None:
        for number, (source, driving) in enumerate(pairs):
            animate_file(folder / source, folder / driving, folder / f"{number}.mp4", model=model)

    def commands() -> None:
        for source, driving in pairs[:COMMANDS]:
            words = [sys.executable, "-m", "motionkit", "animate", source, driving, "-o", "command.mp4"]
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            subprocess.run(words, cwd=folder, env=environment, check=True, capture_output=True)

    def multiplied(name: str, **options: object) -> float:
        shutil.rmtree(folder / name, ignore_errors=True)
        wanted = MultiplyOptions(**options)  # type: ignore[arg-type]
        return timed(
            lambda: multiply(folder / "sources", folder / "drivings", folder / name, model=model, options=wanted)
        )

    first, plain = multiplied("all"), timed(one_by_one)
    bare, second = multiplied("bare", gate=False, labels=()), multiplied("all")
    single = timed(commands) / COMMANDS * len(pairs)
    mean = (first + second) / 2
    print(f"multiply: {total / mean:.2f} frames a second, with labels and gate ({first:.1f} and {second:.1f} s)")
    print(f"without labels and gate: {total / bare:.2f} frames a second ({bare:.1f} s)")
    against = f"{plain / mean:.2f} times as slow, {plain / bare:.2f} without labels and gate"
    print(f"animate_file, one process: {total / plain:.2f} ({plain:.1f} s): {against}")
    print(f"one command a pair: {total / single:.2f} ({single:.1f} s): {single / mean:.2f} times as slow")


def measure_ray(folder: Path) -> None:
    """Frames a second of one and of two Ray workers with a thread each.

    Results come in bursts and the cluster takes its time to start, so a rate is what a longer run has more of a shorter
    one, over the time that it takes more.
    """
    import ray

    model = load_model("heads")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=200 * 2**20)

    def seconds(workers: int, drivings: Path) -> float:
        shutil.rmtree(folder / "ray", ignore_errors=True)
        options = MultiplyOptions(engine="ray", workers=workers)
        return timed(lambda: multiply(folder / "sources", drivings, folder / "ray", model=model, options=options))

    seconds(1, folder / "many" / "few*.mp4")  # the first use is slower
    rates = []
    for workers in (1, 2):
        few, all_of_them = seconds(workers, folder / "many" / "few*.mp4"), seconds(workers, folder / "many")
        rates.append(SOURCES * (MANY - DRIVINGS) * FRAMES / (all_of_them - few))
        print(f"{workers} workers: {rates[-1]:.2f} frames a second ({few:.1f} and {all_of_them:.1f} s)", flush=True)
    print(f"two against one: {rates[1] / rates[0]:.2f}")


def main() -> None:
    """Measure what is asked for."""
    print(describe(load_model("heads").device), flush=True)
    wanted = sys.argv[1:] or ["pairs", "ray"]
    with tempfile.TemporaryDirectory() as name:
        folder = given(Path(name) / "given")
        for what in wanted:
            {"pairs": measure_pairs, "ray": measure_ray}[what](folder)


if __name__ == "__main__":
    main()
