"""``motionkit …``: a thin skin over the verbs.

Exit status 0, 1 for a mistake that the user can mend (one line on stderr), 130 for Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from motionkit.cli import bench as cli_bench
from motionkit.cli import training as cli_training
from motionkit.config import OVERLAYS, PRECISIONS, AnimateOptions
from motionkit.errors import AnimationCancelled, InputError, MotionkitError, MotionkitWarning
from motionkit.structures import Box

if TYPE_CHECKING:
    from motionkit.model import Model

__all__ = ["main"]

DEFAULTS = AnimateOptions()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = _parser()
    try:
        given = parser.parse_args(arguments)
    except SystemExit as stop:  # argparse leaves with 2 for a mistake
        return 1 if stop.code else 0
    if given.run is None:
        parser.print_help()
        return 1
    with warnings.catch_warnings():
        warnings.simplefilter("always", MotionkitWarning)
        warnings.showwarning = lambda message, *_, **__: print(f"motionkit: {message}", file=sys.stderr)
        try:
            given.run(given)
        except AnimationCancelled as stopped:
            print(f"motionkit: {stopped}", file=sys.stderr)
            return 130
        except KeyboardInterrupt:
            print("motionkit: stopped.", file=sys.stderr)
            return 130
        except MotionkitError as error:
            print(f"motionkit: {error}", file=sys.stderr)
            return 1
    return 0


class _Parser(argparse.ArgumentParser):
    """Says a mistake in one line, as every other error is said."""

    def error(self, message: str) -> NoReturn:
        print(f"motionkit: {message}. Try: {self.prog} --help", file=sys.stderr)
        raise SystemExit(1)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="motionkit",
        description="Bring a still picture to life with another clip's motion.",
        epilog="Animate your own face, or someone's who agreed to it. What is made says that it was made.",
    )
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_animate(commands)
    _add_extract(commands)
    _add_collage(commands)
    _add_keypoints(commands)
    _add_models(commands)
    for added in (cli_training, cli_bench):
        added.add_commands(lambda name, help, run: _command(commands, name, help, run))
    return parser


def _command(commands: Any, name: str, help: str, run: Callable[[argparse.Namespace], None]) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
    parser.set_defaults(run=run)
    return parser


def _add_animate(commands: Any) -> None:
    parser = _command(commands, "animate", "animate a picture with a driving clip", _animate)
    parser.add_argument("source", help="picture (or clip) to animate")
    parser.add_argument("driving", help="clip whose motion is used, or a .motion template")
    parser.add_argument("-o", "--output", default="result.mp4", help="result: .mp4, .webm, .gif or a folder of PNGs")
    parser.add_argument("--collage", help="also write source | driving | result side by side here")
    parser.add_argument("--still", help="also write a contact sheet of moments here (a picture)")
    _add_model_options(parser)
    _add_cut_options(parser)
    motion = parser.add_argument_group("motion")
    motion.add_argument("--strength", type=float, default=DEFAULTS.strength, help="0 still, 1 plain, up to 2")
    motion.add_argument(
        "--gain", action="append", default=[], metavar="NAME=FACTOR", help="scale one keypoint or group: mouth=1.5"
    )
    motion.add_argument("--smoothing", type=float, default=DEFAULTS.smoothing, help="0 off, up to 1")
    motion.add_argument("--motion-limit", type=float, default=DEFAULTS.motion_limit, help="0 is no limit")
    motion.add_argument("--reference", default=DEFAULTS.reference, help="neutral frame: first, best or a number")
    motion.add_argument("--absolute", action="store_true", help="move to where the driving is, not as it moves")
    motion.add_argument("--no-adapt-scale", action="store_true", help="do not scale movement to the source's size")
    picture = parser.add_argument_group("picture")
    picture.add_argument("--crop", default=DEFAULTS.crop, choices=("auto", "face", "centre", "none"))
    picture.add_argument("--source-box", metavar="L,T,R,B", help="manual square of the source, in pixels")
    picture.add_argument("--driving-box", metavar="L,T,R,B", help="manual square of the driving clip, in pixels")
    picture.add_argument("--face", default=DEFAULTS.face, help="largest, all, or a number counted from the left")
    picture.add_argument("--paste-back", action="store_true", help="blend the result into the whole source picture")
    picture.add_argument("--size", type=int, default=DEFAULTS.size, help="side of the result in pixels")
    picture.add_argument("--batch-size", type=int, default=DEFAULTS.batch_size, help="frames computed at once")
    picture.add_argument("--no-audio", action="store_true", help="leave the driving clip's audio out")
    picture.add_argument("--no-label", action="store_true", help="leave the visible badge out (metadata stays)")
    picture.add_argument(
        "--overlay", action="append", default=[], choices=OVERLAYS, help="extra collage panel; can be repeated"
    )


def _add_extract(commands: Any) -> None:
    parser = _command(commands, "extract", "save a clip's motion, without its pixels, as a template", _extract)
    parser.add_argument("driving", help="clip whose motion is kept")
    parser.add_argument("-o", "--output", required=True, help="template to write, for instance smile.motion")
    _add_model_options(parser)
    _add_cut_options(parser)


def _add_collage(commands: Any) -> None:
    parser = _command(commands, "collage", "lay clips or pictures side by side", _collage)
    parser.add_argument("panels", nargs="+", metavar="[CAPTION=]FILE", help="clips or pictures, left to right")
    parser.add_argument("-o", "--output", required=True, help="clip (.mp4, .gif …) or contact sheet (.png, .jpg)")
    parser.add_argument("--height", type=int, help="height of the panels in pixels")
    parser.add_argument("--moments", type=int, default=6, help="moments of a contact sheet")


def _add_keypoints(commands: Any) -> None:
    parser = _command(commands, "keypoints", "show where the model sees keypoints in a clip or picture", _keypoints)
    parser.add_argument("input", help="clip or picture")
    parser.add_argument("-o", "--output", default="keypoints.mp4", help="clip with the keypoints drawn")
    parser.add_argument("--table", help="also write frame, keypoint, x, y and the Jacobian as CSV here")
    _add_model_options(parser)
    _add_cut_options(parser)


def _add_models(commands: Any) -> None:
    _command(commands, "models", "list the models: size, hash, licence, where they are", _models)
    fetch = _command(commands, "fetch", "download published weights into the cache", _fetch)
    fetch.add_argument("name", help="a name that `motionkit models` lists")
    fetch.add_argument("--allow-unverified", action="store_true", help="accept weights without a published hash")
    convert = _command(commands, "convert", "turn a published checkpoint into a small .safetensors file", _convert)
    convert.add_argument("source", help="a .pth.tar or .safetensors file")
    convert.add_argument("target", help="the .safetensors file to write")


def _add_model_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("model")
    group.add_argument("--model", default="heads", help="name, or path of a weights file (default: heads, embedded)")
    group.add_argument("--device", help="cpu, cuda, cuda:1, mps (default: the best that is there)")
    group.add_argument("--precision", default="auto", choices=PRECISIONS)
    group.add_argument("--allow-unverified", action="store_true", help="accept weights without a published hash")


def _add_cut_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("cut")
    group.add_argument("--start", type=_number, help="first second of the clip that is used")
    group.add_argument("--end", type=_number, help="second at which to stop")
    group.add_argument("--fps", type=_number, help="resample the clip to this rate, for instance 25 or 30000/1001")


def _number(text: str) -> Fraction:
    """An exact number: 25, 29.97 or 30000/1001."""
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number such as 25, 1.5 or 30000/1001") from None


def _load(given: argparse.Namespace) -> Model:
    from motionkit.model import load_model

    return load_model(
        given.model, device=given.device, precision=given.precision, allow_unverified=given.allow_unverified
    )


def _open(given: argparse.Namespace, path: str, beside: str | None = None) -> Any:
    from motionkit.pipeline.run import open_driving

    return open_driving(path, beside=beside, start=given.start, end=given.end, fps=given.fps)


def _options(given: argparse.Namespace) -> AnimateOptions:
    values = {f.name: getattr(given, f.name) for f in fields(AnimateOptions) if hasattr(given, f.name)}
    values |= {
        "relative": not given.absolute,
        "adapt_scale": not given.no_adapt_scale,
        "gains": dict(_gain(text) for text in given.gain),
        "motion_limit": given.motion_limit or None,
        "reference": _index(given.reference),
        "face": _index(given.face),
        "source_box": _box(given.source_box),
        "driving_box": _box(given.driving_box),
        "audio": not given.no_audio,
        "label": not given.no_label,
        "overlays": tuple(given.overlay),
    }
    return AnimateOptions(**values)


def _gain(text: str) -> tuple[str | int, float]:
    name, _, factor = text.partition("=")
    try:
        return _index(name), float(factor)
    except ValueError:
        raise InputError("This is not a gain", got=repr(text), expected="NAME=FACTOR, such as mouth=1.5") from None


def _index(text: str) -> Any:
    """A number if the text is one, else the text."""
    return int(text) if text.isdecimal() else text


def _box(text: str | None) -> Box | None:
    if text is None:
        return None
    try:
        left, top, right, bottom = (int(part) for part in text.split(","))
        return Box(left, top, right, bottom)
    except ValueError:
        raise InputError("This is not a box", got=repr(text), expected="LEFT,TOP,RIGHT,BOTTOM in pixels") from None


def _animate(given: argparse.Namespace) -> None:
    from motionkit.pipeline.run import animate_file

    options = _options(given)  # mistakes here are cheap to tell before the model loads
    driving = _open(given, given.driving, beside=given.source)
    model = _load(given)
    result = animate_file(
        given.source, driving, given.output, model=model, options=options,
        collage=given.collage, still=given.still, progress=True,
    )  # fmt: skip
    rate = result.frames / result.seconds
    print(f"{result.path}: {result.frames} frames in {result.seconds:.1f} s, {rate:.1f} frames a second, {model!r}")
    if result.collage:
        print(result.collage)


def _extract(given: argparse.Namespace) -> None:
    from motionkit.motion.templates import SUFFIX, save_template
    from motionkit.pipeline.run import extract

    if Path(given.output).suffix.lower() != SUFFIX:  # told before any work
        raise InputError("A motion template needs its own suffix", got=given.output, expected=f"a name in {SUFFIX}")
    template = extract(_open(given, given.driving), model=_load(given), progress=True)
    save_template(given.output, template)
    print(f"{given.output}: {len(template.keypoints)} frames of motion")


def _collage(given: argparse.Namespace) -> None:
    from motionkit.pipeline.inspection import collage_files

    named = [text.partition("=") if "=" in text else (Path(text).stem, "=", text) for text in given.panels]
    collage_files(
        [(caption, path) for caption, _, path in named], given.output, height=given.height, moments=given.moments
    )
    print(given.output)


def _keypoints(given: argparse.Namespace) -> None:
    from motionkit.pipeline.inspection import keypoint_files

    count = keypoint_files(_open(given, given.input), given.output, model=_load(given), table=given.table)
    print(f"{given.output}: {count} frames" + (f"; points in {given.table}" if given.table else ""))


def _models(given: argparse.Namespace) -> None:
    from motionkit import weights

    rows = [("name", "domain", "size", "hash", "licence", "where")]
    for status in weights.status():
        size = "?" if status.bytes is None else f"{status.bytes / 1e6:.0f} MB"
        where = str(status.path) if status.path else "not fetched"
        rows.append((status.name, status.domain, size, status.hash, status.licence, where))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _fetch(given: argparse.Namespace) -> None:
    from motionkit import weights

    print(weights.fetch(given.name, allow_unverified=given.allow_unverified))


def _convert(given: argparse.Namespace) -> None:
    from motionkit import weights

    print(weights.convert(Path(given.source), Path(given.target)))
