"""``motionkit pose`` and ``motions``: expressions without a clip."""

from __future__ import annotations

import argparse

from motionkit.cli.shared import AddCommand, add_model_options, check_expressive, load_model
from motionkit.config import AnimateOptions
from motionkit.errors import InputError

__all__ = ["add_commands"]


def add_commands(command: AddCommand) -> None:
    """Add ``pose`` and ``motions``."""
    parser = command("pose", "make a picture do what you say", _pose)
    parser.add_argument("source", help="picture of a face")
    parser.add_argument("-o", "--output", default="pose.png", help="picture to write (default: %(default)s)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="ACTION=SHARE",
        help="a facial action by ARKit's name, 0 to 1: jawOpen=0.6; can be repeated",
    )  # fmt: skip
    parser.add_argument("--yaw", type=float, help="degrees that the head turns to its own left")
    parser.add_argument("--pitch", type=float, help="degrees that it looks up")
    parser.add_argument("--roll", type=float, help="degrees that it tilts to its own left")
    parser.add_argument("--paste-back", action="store_true", help="blend the result into the whole source picture")
    parser.add_argument("--size", type=int, help="side of the result in pixels")
    add_model_options(parser)
    command("motions", "list the ready motions, which animate takes in place of a clip", _motions)


def _pose(given: argparse.Namespace) -> None:
    from motionkit.motion.expressions import Expression
    from motionkit.pipeline.posing import pose_file

    turn = [(name, value) for name in ("yaw", "pitch", "roll") if (value := getattr(given, name)) is not None]
    values: dict[str, float] = {}
    for name, value in [*turn, *map(_action, given.set)]:
        if name in values:
            raise InputError("An action is given twice", got=name, expected="one value of it")
        values[name] = value
    expression = Expression.named(values)
    options = AnimateOptions(paste_back=given.paste_back, size=given.size)
    check_expressive(given.model)
    print(pose_file(given.source, expression, given.output, model=load_model(given), options=options).path)


def _action(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name.strip(), float(value)
    except ValueError:
        raise InputError("This sets no action", got=repr(text), expected="ACTION=SHARE, such as jawOpen=0.6") from None


def _motions(given: argparse.Namespace) -> None:
    from motionkit.motion.ready import MOTIONS, motion

    for name, (shows, _) in MOTIONS.items():
        take = motion(name)
        print(f"{name:12} {float((len(take) - 1) / take.fps):.1f} s  {shows}")
