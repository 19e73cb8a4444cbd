"""``motionkit animate`` and ``extract``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from motionkit.cli.shared import (
    AddCommand,
    add_cut_options,
    add_driving_face,
    add_model_options,
    index,
    load_model,
    open_driving,
)
from motionkit.config import AUDIO, FINDERS, LOST, OVERLAYS, PLACES, AnimateOptions
from motionkit.config.bounds import TEXT
from motionkit.errors import AnimationCancelled, InputError, MotionkitError
from motionkit.media.suffixes import READ_VIDEO_SUFFIXES
from motionkit.structures import Box

if TYPE_CHECKING:
    from motionkit.pipeline.many import PairOfFiles

__all__ = ["add_commands", "options"]

DEFAULTS = AnimateOptions()


def add_commands(command: AddCommand) -> None:
    """Add ``animate`` and ``extract``."""
    _add_animate(command)
    _add_extract(command)


def _add_animate(command: AddCommand) -> None:
    parser = command("animate", "animate a picture with a driving clip", _animate)
    parser.add_argument(
        "files", nargs="+", metavar="SOURCE … DRIVING",
        help="picture (or clip) to animate, or several, a folder or a glob; last what moves it: clip, template, take, "
        "speech or ready motion, or a folder or glob of clips",
    )  # fmt: skip
    parser.add_argument(
        "--driving", action="append", default=[], dest="drivings", metavar="DRIVING",
        help="the same as the last one; can be repeated, for a result each; with --face all, one for each face from "
        "left to right: the first gives length, rate and sound, the others are looped",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", default="result.mp4", help="result: .mp4, .webm, .gif or a folder of PNGs; of several "
        "sources or drivings a folder, in which each result is called SOURCE-DRIVING.mp4",
    )  # fmt: skip
    parser.add_argument("--collage", help="also write source | driving | result side by side here")
    parser.add_argument("--still", help="also write a contact sheet of moments here (a picture)")
    add_model_options(parser)
    add_cut_options(parser)
    _add_motion(parser)
    _add_picture(parser)


def _add_motion(parser: argparse.ArgumentParser) -> None:
    motion = parser.add_argument_group("motion")
    motion.add_argument("--strength", type=float, default=DEFAULTS.strength, help="0 still, 1 plain, up to 2")
    motion.add_argument("--gain", action="append", default=[], metavar="NAME=FACTOR", help="scale a part: mouth=1.5")
    motion.add_argument("--smoothing", type=float, default=DEFAULTS.smoothing, help="0 off, up to 1")
    motion.add_argument("--motion-limit", type=float, default=DEFAULTS.motion_limit, help="0 is no limit")
    motion.add_argument("--reference", default=DEFAULTS.reference, help="neutral frame: first, best or a number")
    motion.add_argument(
        "--lost", default=DEFAULTS.lost, choices=LOST, help="where the driving shows no face: hold the last pose, show "
        "the source, or follow all the same",
    )  # fmt: skip
    motion.add_argument("--absolute", action="store_true", help="move to where the driving is, not as it moves")
    motion.add_argument("--no-adapt-scale", action="store_true", help="do not scale movement to the source's size")


def _add_picture(parser: argparse.ArgumentParser) -> None:
    picture = parser.add_argument_group("picture")
    picture.add_argument("--crop", default=DEFAULTS.crop, choices=("auto", "face", "centre", "none"))
    picture.add_argument("--source-box", metavar="L,T,R,B[,ROLL]", help="manual square of the source, in pixels")
    picture.add_argument("--driving-box", metavar="L,T,R,B[,ROLL]", help="manual square of the driving clip, in pixels")
    picture.add_argument("--face", default=DEFAULTS.face, help="largest, all, or a number counted from the left")
    add_driving_face(picture)
    picture.add_argument("--finder", default=DEFAULTS.finder, choices=FINDERS, help="how faces are found")
    picture.add_argument("--paste-back", action="store_true", help="blend the result into the whole source picture")
    picture.add_argument("--size", type=int, default=DEFAULTS.size, help="side of the result in pixels")
    picture.add_argument("--batch-size", type=int, default=DEFAULTS.batch_size, help="frames computed at once")
    picture.add_argument(
        "--audio",
        default=DEFAULTS.audio,
        metavar=f"{{{','.join(AUDIO)}}} or FILE",
        help="whose sound: auto is the driving's, else the source's; or a file with sound",
    )
    picture.add_argument("--audio-track", type=int, metavar="N", help="which of its audio tracks, from 0")
    picture.add_argument(
        "--label",
        default="AI",
        metavar="TEXT",
        help="the visible badge, up to 40 plain letters; none leaves it out (metadata and watermark stay)",
    )
    picture.add_argument("--label-place", default=DEFAULTS.label_place, choices=PLACES, help="the badge's corner")
    picture.add_argument(
        "--label-size", type=float, default=DEFAULTS.label_size, help="its height as a share of the shorter side"
    )
    picture.add_argument(
        "--overlay", action="append", default=[], choices=OVERLAYS, help="extra collage panel; can be repeated"
    )


def _add_extract(command: AddCommand) -> None:
    parser = command("extract", "save a clip's motion, without its pixels, as a template", _extract)
    parser.add_argument("driving", help="clip whose motion is kept")
    parser.add_argument("-o", "--output", help="template to write, for instance smile.motion")
    parser.add_argument(
        "--actions", metavar="TAKE", help="also, or instead, estimate facial actions: take.csv or .json"
    )
    add_driving_face(parser)
    add_model_options(parser)
    add_cut_options(parser)


def options(given: argparse.Namespace) -> AnimateOptions:
    """What ``animate`` is asked to do, from its parsed arguments."""
    values = {f.name: getattr(given, f.name) for f in fields(AnimateOptions) if hasattr(given, f.name)}
    values |= {
        "relative": not given.absolute,
        "adapt_scale": not given.no_adapt_scale,
        "gains": dict(_gain(text) for text in given.gain),
        "motion_limit": given.motion_limit or None,
        "reference": index(given.reference),
        "face": index(given.face),
        "driving_face": index(given.driving_face),
        "source_box": _box(given.source_box),
        "driving_box": _box(given.driving_box),
        "label": {"AI": True, "none": False}.get(given.label, given.label),
        "overlays": tuple(given.overlay),
    }
    return AnimateOptions(**values)


def _gain(text: str) -> tuple[str | int, float]:
    name, _, factor = text.partition("=")
    try:
        return index(name), float(factor)
    except ValueError:
        raise InputError("This is not a gain", got=repr(text), expected="NAME=FACTOR, such as mouth=1.5") from None


def _box(text: str | None) -> Box | None:
    if text is None:
        return None
    try:
        left, top, right, bottom, *turned = text.split(",")
        (roll,) = turned or ("0",)
        return Box(int(left), int(top), int(right), int(bottom), roll=float(roll))
    except ValueError:
        raise InputError(
            "This is not a box",
            got=repr(text[:TEXT]),
            expected="LEFT,TOP,RIGHT,BOTTOM in pixels, and ROLL in degrees if it is turned",
        ) from None


def _animate(given: argparse.Namespace) -> None:
    from motionkit.pipeline.many import has_several, pairs_of_files
    from motionkit.pipeline.run import animate_file

    wanted = options(given)  # a mistake here is an error before the model loads
    sources, drivings = _sources(given), _drivings(given)
    # Of one source, each face may have a driving of its own.
    together = wanted.face == "all" and not has_several(sources, drivings[:1])
    if not together and has_several(sources, drivings):
        _animate_all(given, wanted, pairs_of_files(sources, drivings, _folder(given)))
        return
    (source,) = sources
    driving = [open_driving(given, path, beside=source) for path in drivings]
    model = load_model(given)
    result = animate_file(
        source, driving, given.output, model=model, options=wanted,
        collage=given.collage, still=given.still, progress=True,
    )  # fmt: skip
    if not wanted.label:
        print("No visible badge, as asked; metadata and the watermark say that it was made.")
    rate = result.frames / result.seconds
    print(f"{result.path}: {result.frames} frames in {result.seconds:.1f} s, {rate:.1f} frames a second, {model!r}")
    if result.collage:
        print(result.collage)


def _animate_all(given: argparse.Namespace, wanted: AnimateOptions, pairs: Sequence[PairOfFiles]) -> None:
    """One result for each pair; one that cannot be made is said, and the others are made."""
    from motionkit.pipeline.run import animate_file
    from motionkit.wholefile import make_folder

    make_folder(pairs[0].output.parent)
    model, missed = load_model(given), 0
    for number, pair in enumerate(pairs, 1):
        try:
            driving = open_driving(given, str(pair.driving), beside=str(pair.source))
            made = animate_file(pair.source, driving, pair.output, model=model, options=wanted, progress=True)
        except AnimationCancelled:
            raise
        except MotionkitError as error:
            missed += 1
            print(f"motionkit: {pair.source.name} with {pair.driving.name}: {error}", file=sys.stderr)
            continue
        print(f"{made.path}: {made.frames} frames in {made.seconds:.1f} s ({number} of {len(pairs)})")
    if missed:
        raise InputError(
            "Some results could not be made", got=f"{missed} of {len(pairs)}", todo="The lines above say why"
        )


def _folder(given: argparse.Namespace) -> str:
    """Where several results go."""
    for name in ("collage", "still"):
        if getattr(given, name) is not None:
            raise InputError(f"A {name} is of one source and one driving", got="several", todo=f"Leave out --{name}")
    output = str(given.output)
    if Path(output).suffix and not Path(output).is_dir():
        raise InputError("Several results need a folder", got=output, todo="Name one with -o")
    return output


def _sources(given: argparse.Namespace) -> list[str]:
    """What is animated: all files that are named, but for the driving after them."""
    return list(given.files if given.drivings else given.files[:-1] or given.files)


def _drivings(given: argparse.Namespace) -> list[str]:
    """The paths of the drivings: the one after the sources, or those of --driving."""
    *sources, last = given.files
    if given.drivings and sources and Path(last).suffix.lower() in (*READ_VIDEO_SUFFIXES, ".motion"):
        raise InputError("A driving is named in two ways", got=f"{last} and --driving", todo="Name all with --driving")
    if not sources and not given.drivings:
        raise InputError("There is no driving", expected="SOURCE DRIVING, or SOURCE --driving DRIVING")
    return given.drivings or [last]


def _extract(given: argparse.Namespace) -> None:
    from motionkit.media import check_target
    from motionkit.motion import solving, takes
    from motionkit.motion.templates import SUFFIX, save_template
    from motionkit.pipeline.run import extract

    # Before any work.
    if given.output is None and given.actions is None:
        raise InputError("There is nothing to write", expected="-o smile.motion, --actions take.csv, or both")
    for path, suffixes in ((given.output, (SUFFIX,)), (given.actions, takes.SUFFIXES)):
        if path is not None and Path(path).suffix.lower() not in suffixes:
            what = "A motion template needs its own suffix" if path is given.output else "A take is CSV or JSON"
            raise InputError(what, got=path, expected=f"a name in {' or '.join(suffixes)}")
        if path is not None:
            check_target(path, given.driving, any_suffix=True)
    wanted = AnimateOptions(driving_face=index(given.driving_face))
    driving, model = open_driving(given, given.driving), load_model(given)
    rig = model.rig if given.actions else None  # a model that has none says so at once
    template = extract(driving, model=model, options=wanted, progress=True)
    if given.output is not None:
        save_template(given.output, template)
        print(f"{given.output}: {len(template.keypoints)} frames of motion")
    if rig is not None:
        take = getattr(driving, "take", None) or solving.solve(template.keypoints, rig, template.fps)
        takes.save_take(given.actions, take)
        print(f"{given.actions}: {len(take)} frames of facial actions")
