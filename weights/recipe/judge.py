"""How well a model of heads does, measured with landmarks that it has nothing to do with.

    python weights/recipe/judge.py MODEL [MODEL2 …] --clips FOLDER --portraits FOLDER --rendered FOLDER -o OUT

A model is a name or a file, as ``motionkit.load_model`` takes it; the first is what the others would replace. OUT
gets ``judge.json`` with every figure of every clip and pair, ``judge.md`` with the table, and contact sheets. The
column "mirrored driver" says how well the landmarks agree with themselves: where a model's figure is near or above it,
the landmarks cannot judge it. How wrong they are about the known pose of rendered heads stands below the table.
``motionkit.evaluation`` measures: ``figures`` says what each figure means. ``--fetch`` gets the landmark networks.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from motionkit.errors import InputError, MotionkitError
from motionkit.evaluation.judging import judge_models
from motionkit.evaluation.subjects import SubjectOptions, read_subjects
from motionkit.faces.mesh import Mesh, fetch


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    given = _parser().parse_args(arguments)
    try:
        if given.fetch:
            print(fetch())
        if given.models:
            _judge(given)
        elif not given.fetch:
            raise InputError("No model was named", expected="names or files of models, or --fetch")
    except MotionkitError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure models of heads with landmarks they have nothing to do with.")
    usual = SubjectOptions()
    parser.add_argument("models", nargs="*", help="names or files, as load_model takes them")
    parser.add_argument("--clips", type=Path, help="folder of real clips: reconstruction, and driving the portraits")
    parser.add_argument("--portraits", type=Path, help="folder of pictures that the clips drive; may be the clips' own")
    parser.add_argument("--rendered", type=Path, help="folder of rendered clips NAME.mp4, with NAME.truth.safetensors")
    parser.add_argument("-o", "--output", type=Path, help="folder for judge.json, judge.md and contact sheets")
    parser.add_argument("--every", type=int, default=usual.every, help="use every n-th frame; 3 still sees a blink")
    parser.add_argument("--size", type=int, default=usual.size, help="side of every picture (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=usual.seconds, help="use so much of each clip's beginning")
    parser.add_argument("--landmarks", type=Path, help="folder with the landmark networks; default: motionkit's cache")
    parser.add_argument("--fetch", action="store_true", help="get the landmark networks with pip into the cache")
    return parser


def _judge(given: argparse.Namespace) -> None:
    started = time.monotonic()
    options = SubjectOptions(size=given.size, every=given.every, seconds=given.seconds)
    mesh = Mesh(given.landmarks)
    subjects = read_subjects(
        mesh, clips=given.clips, portraits=given.portraits, rendered=given.rendered, options=options
    )

    def judged(name: str) -> None:
        print(f"{name}: judged after {time.monotonic() - started:.0f} s", file=sys.stderr)

    verdict = judge_models(given.models, mesh, subjects, judged=judged)
    print(verdict.table)
    for line in verdict.comparisons:
        print(line)
    if given.output is not None:
        verdict.write(given.output)


if __name__ == "__main__":
    raise SystemExit(main())
