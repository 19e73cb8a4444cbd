"""``motionkit multiply``."""

from __future__ import annotations

import argparse
from typing import Any

from motionkit.cli.shared import AddCommand, add_driving_face, add_model_options, index, load_model
from motionkit.config import FINDERS, AnimateOptions
from motionkit.data.multiplication.options import ENGINES, FORMATS, LABELS, PICTURES, MultiplyOptions, Variations
from motionkit.errors import InputError

__all__ = ["add_commands", "options"]

DEFAULTS, VARY, MOVE = MultiplyOptions(), Variations(), AnimateOptions()


def add_commands(command: AddCommand) -> None:
    """Add ``multiply``."""
    parser = command("multiply", "turn a few sources and many motions into a labelled data set", _multiply)
    parser.add_argument(
        "--sources", metavar="DIR", help="pictures: a folder, a glob, a CSV (file, label, licence), an address"
    )
    parser.add_argument("--drivings", metavar="DIR", help="clips or .motion templates, likewise")
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="folder or address of the data set")
    parser.add_argument("--pairs", default=DEFAULTS.pairs, help="all, random:N, or a CSV (source, driving)")
    parser.add_argument("--format", default=DEFAULTS.format, choices=FORMATS, help="files, or tar shards")
    parser.add_argument("--engine", default=DEFAULTS.engine, choices=ENGINES, help="this machine, or a cluster")
    parser.add_argument("--seed", type=int, default=DEFAULTS.seed, help="of every random draw")
    parser.add_argument("--dry-run", action="store_true", help="say pairs, frames, bytes and hours, and write nothing")
    _add_results(parser)
    _add_variations(parser)
    add_model_options(parser)


def _add_results(parser: argparse.ArgumentParser) -> None:
    result = parser.add_argument_group("results")
    result.add_argument("--frames", type=int, metavar="N", help="so many pictures of each pair instead of a clip")
    result.add_argument("--picture", default=DEFAULTS.picture, choices=PICTURES, help="kind of the pictures")
    result.add_argument(
        "--labels", default=",".join(DEFAULTS.labels), metavar="LIST", help=f"some of {','.join(LABELS)}, or none"
    )
    result.add_argument("--size", type=int, help="side of the results in pixels")
    result.add_argument("--no-gate", action="store_true", help="keep results that do not follow their driving too")
    result.add_argument(
        "--follow-limit", type=float, default=DEFAULTS.follow_limit, help="distance of keypoints that is not following"
    )
    result.add_argument("--shard", type=int, default=DEFAULTS.shard, metavar="N", help="results in a tar shard")
    result.add_argument("--licence", help="of the results, where a table of sources says nothing")
    result.add_argument("--retry-failed", action="store_true", help="what failed before, since it was mended")
    result.add_argument("--workers", type=int, help="processes that read and write; on a cluster, actors")


def _add_variations(parser: argparse.ArgumentParser) -> None:
    vary = parser.add_argument_group("variations, drawn by the seed")
    vary.add_argument("--variations", type=int, default=VARY.count, metavar="N", help="results of each pair")
    vary.add_argument("--strength", default="1", metavar="LOW,HIGH", help="factor on all movement, or its range")
    vary.add_argument(
        "--gain", action="append", default=[], metavar="NAME=LOW,HIGH", help="of a keypoint or group; can be repeated"
    )
    vary.add_argument("--flip", type=float, default=VARY.flip, help="share of sources that are mirrored")
    vary.add_argument("--jitter", type=float, default=VARY.jitter, help="largest change of colours: 0.2 is 0.8 to 1.2")
    vary.add_argument("--crops", type=float, default=VARY.crop, help="largest change of the square, in its sides")
    vary.add_argument("--backgrounds", metavar="DIR", help="pictures that replace backgrounds")
    vary.add_argument("--replaced", type=float, default=VARY.replaced, help="share of backgrounds that are replaced")
    vary.add_argument("--smoothing", type=float, default=MOVE.smoothing, help="of the motion, 0 off, up to 1")
    vary.add_argument("--reference", default=MOVE.reference, help="neutral frame: first, best or a number")
    vary.add_argument("--crop", default=MOVE.crop, choices=("auto", "face", "centre", "none"))
    vary.add_argument("--finder", default=MOVE.finder, choices=FINDERS, help="how faces are found")
    add_driving_face(vary)


def options(given: argparse.Namespace) -> MultiplyOptions:
    """What ``multiply`` is asked to do, from its parsed arguments."""
    return MultiplyOptions(
        pairs=given.pairs,
        format=given.format,
        engine=given.engine,
        seed=given.seed,
        frames=given.frames,
        picture=given.picture,
        labels=() if given.labels == "none" else tuple(given.labels.split(",")),
        gate=not given.no_gate,
        follow_limit=given.follow_limit,
        shard=given.shard,
        licence=given.licence,
        workers=given.workers,
        retry=given.retry_failed,
        variations=Variations(
            count=given.variations,
            strength=_range("strength", given.strength),
            gains=dict(_gain(text) for text in given.gain),
            flip=given.flip,
            jitter=given.jitter,
            crop=given.crops,
            backgrounds=given.backgrounds,
            replaced=given.replaced,
        ),
        animate=AnimateOptions(
            size=given.size,
            smoothing=given.smoothing,
            reference=index(given.reference),
            crop=given.crop,
            finder=given.finder,
            driving_face=index(given.driving_face),
        ),
    )


def _multiply(given: argparse.Namespace) -> None:
    from motionkit.data.multiplication.card import counted
    from motionkit.data.multiplication.run import estimate_multiplication, multiply

    wanted = options(given)  # a mistake here is an error before the model loads
    what: dict[str, Any] = {"model": load_model(given), "options": wanted}
    if given.dry_run:
        print(estimate_multiplication(given.sources, given.drivings, given.output, **what))
        return
    made = multiply(given.sources, given.drivings, given.output, progress=True, **what)
    print(f"{made.manifest}: {made.ok} ok, {made.rejected} rejected, {made.failed} failed")
    for reason, count in sorted(made.reasons.items(), key=lambda item: -item[1])[:10]:
        print(f"{count} x {reason}")
    print(f"{counted(made.frames, 'frame')}; {counted(made.made, 'result')} made now, in {made.seconds:.1f} s")
    if made.failed and not made.ok + made.rejected:
        todo = "Mend what the lines above name, then run it again with --retry-failed"
        raise InputError("No result could be made", got=f"{made.failed} failed", todo=todo)


def _range(name: str, text: str) -> tuple[float, float]:
    try:
        low, *rest = map(float, text.split(","))
        (high,) = rest or (low,)
    except ValueError:
        raise InputError(f"{name} is no range", got=repr(text), expected="a number, or LOW,HIGH") from None
    return low, high


def _gain(text: str) -> tuple[str | int, tuple[float, float]]:
    name, sign, rest = text.partition("=")
    if not sign:
        raise InputError("This is not a gain", got=repr(text), expected="NAME=LOW,HIGH, such as mouth=1,1.5")
    return index(name), _range(f"gain of {name}", rest)
