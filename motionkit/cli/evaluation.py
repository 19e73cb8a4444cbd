"""``motionkit evaluate``."""

from __future__ import annotations

import argparse
import os
from dataclasses import fields

from motionkit.cli.shared import AddCommand, add_device_options, number
from motionkit.errors import InputError
from motionkit.evaluation.options import CROPS, EvaluateOptions

__all__ = ["add_commands"]

DEFAULTS = EvaluateOptions()


def add_commands(command: AddCommand) -> None:
    """Add ``evaluate``."""
    parser = command("evaluate", "measure how good models are, on clips or on pairs of source and clip", _evaluate)
    parser.add_argument("clips", nargs="?", help="folder, glob or CSV of clips or pictures: each reconstructs itself")
    parser.add_argument("--sources", metavar="PLACE", help="the same of pictures: each is driven by each clip instead")
    parser.add_argument("--pairs", metavar="CSV", help="instead of clips, a table with the columns source and driving")
    parser.add_argument("-o", "--output", metavar="FOLDER", help="tables, JSON and report; run again, it goes on")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON instead of the table")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    models = parser.add_argument_group("models")
    models.add_argument(
        "--model", action="append", help="name or weights file; several are compared with the first (default: heads)"
    )
    add_device_options(models)
    _add_metrics(parser)
    _add_measuring(parser)


def _add_metrics(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what is measured; what needs something that is missing is left out, and said")
    group.add_argument(
        "--metrics", metavar="A,B", help="some of those that the page on evaluation lists (default: all)"
    )
    group.add_argument(
        "--landmarks",
        default=DEFAULTS.landmarks,
        help="mesh, mtcnn, face-alignment, none (default: mesh or mtcnn, if at hand)",
    )
    group.add_argument("--mesh-folder", metavar="FOLDER", help="the mesh's networks (default: motionkit's cache)")
    group.add_argument(
        "--embedder",
        default=DEFAULTS.embedder,
        help="facenet, none, or facenet's weights file (default: facenet, if at hand)",
    )
    group.add_argument(
        "--lpips",
        default=DEFAULTS.lpips,
        metavar="FILE",
        help="AlexNet's weights, or download, none (default: if at hand)",
    )


def _add_measuring(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how")
    group.add_argument("--size", type=int, help="side of the pictures in pixels (default: the model's)")
    group.add_argument("--crop", choices=CROPS, help="squares (default: centre; with sources or pairs auto)")
    group.add_argument("--absolute", dest="relative", action="store_false", help="move sources to where the driver is")
    group.add_argument("--every", type=int, default=DEFAULTS.every, help="use every n-th frame (default: %(default)s)")
    group.add_argument("--seconds", type=number, help="use so much of each clip's beginning")
    group.add_argument("--batch", type=int, default=DEFAULTS.batch, help="frames at once (default: %(default)s)")
    group.add_argument(
        "--resamples", type=int, default=DEFAULTS.resamples, help="of the bootstrap (default: %(default)s)"
    )
    group.add_argument(
        "--confidence", type=float, default=DEFAULTS.confidence, help="of the intervals (default: %(default)s)"
    )
    group.add_argument("--seed", type=int, default=DEFAULTS.seed, help="of the resamples (default: %(default)s)")
    group.add_argument(
        "--pictures", type=int, default=DEFAULTS.pictures, help="worst and best clips shown (default: %(default)s each)"
    )


def _evaluate(given: argparse.Namespace) -> None:
    from motionkit.evaluation.run import evaluate

    taken = {f.name: getattr(given, f.name) for f in fields(EvaluateOptions)}
    taken["seconds"] = None if given.seconds is None else float(given.seconds)
    taken["metrics"] = None if given.metrics is None else [name.strip() for name in given.metrics.split(",")]
    result = evaluate(
        given.model or ["heads"],
        given.clips,
        sources=given.sources,
        pairs=given.pairs,
        output=given.output,
        options=EvaluateOptions(**taken),
        device=given.device,
        precision=given.precision,
        allow_unverified=given.allow_unverified,
        progress=not given.quiet,
    )
    if int(os.environ.get("RANK", "0")):  # of several processes the first one tells
        return
    print(result.to_json() if given.json else f"{result}\n", end="")
    if given.output and not given.json:
        print(f"\n{given.output}: report.html, clips.csv, evaluation.json")
    failed = result.failed
    if len(failed) == len(result.rows):
        raise InputError("No clip could be measured", got=f"{failed[0][1]} ({failed[0][2].rstrip('.')})")
