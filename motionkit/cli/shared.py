"""What several commands share: options for the model and the cut, and how their texts are read."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from motionkit.config import PRECISIONS, AnimateOptions
from motionkit.config.bounds import TEXT

if TYPE_CHECKING:
    from motionkit.model import Model
    from motionkit.pipeline.driving import OpenDriving

__all__ = [
    "AddCommand",
    "Run",
    "add_cut_options",
    "add_device_options",
    "add_driving_face",
    "add_model_options",
    "check_expressive",
    "index",
    "load_model",
    "number",
    "open_driving",
]

Run = Callable[[argparse.Namespace], int | None]
"""What a command does; the exit status, where it is not 0."""
AddCommand = Callable[[str, str, Run], argparse.ArgumentParser]
"""Makes a command's parser from its name, a help text and what to run."""


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the options by which ``load_model`` finds the model."""
    group = parser.add_argument_group("model")
    group.add_argument("--model", default="heads", help="name, or path of a weights file (default: heads, embedded)")
    add_device_options(group)


def add_device_options(group: argparse._ArgumentGroup) -> None:
    """Add what ``load_model`` takes beside the model's name."""
    group.add_argument("--device", help="cpu, cuda, cuda:1, mps (default: the best that is there)")
    group.add_argument("--precision", default="auto", choices=PRECISIONS)
    group.add_argument("--allow-unverified", action="store_true", help="accept weights without a published hash")


def add_cut_options(parser: argparse.ArgumentParser) -> None:
    """Add the options by which ``open_driving`` cuts a clip."""
    group = parser.add_argument_group("cut")
    group.add_argument("--start", type=number, help="first second of the clip that is used")
    group.add_argument("--end", type=number, help="second at which to stop")
    group.add_argument("--fps", type=number, help="resample the clip to this rate, for instance 25 or 30000/1001")


def number(text: str) -> Fraction:
    """An exact number from a text such as 25, 29.97 or 30000/1001.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    # Fraction would write out all the digits of 1e999999999.
    exponent = re.search(r"e[+-]?0*(\d*)", text, re.IGNORECASE)
    if len(text) <= TEXT and not (exponent and len(exponent[1]) > 2):
        with suppress(ValueError, ZeroDivisionError):
            return Fraction(text)
    short = text if len(text) <= TEXT else f"{text[:TEXT]}…"
    raise argparse.ArgumentTypeError(f"{short!r} is not a number such as 25, 1.5 or 30000/1001")


def add_driving_face(parser: argparse._ActionsContainer) -> None:
    """Add the option by which a face of a clip is chosen."""
    default = AnimateOptions().driving_face
    parser.add_argument(
        "--driving-face", default=default, help="of the clip: largest, or a number counted from the left"
    )


def index(text: str) -> Any:
    """A number if the text is one, else the text."""
    return int(text) if text.isdecimal() and len(text) <= TEXT else text


def load_model(given: argparse.Namespace) -> Model:
    """The model that the options name."""
    from motionkit import model

    return model.load_model(
        given.model, device=given.device, precision=given.precision, allow_unverified=given.allow_unverified
    )


def open_driving(given: argparse.Namespace, path: str, beside: str | None = None) -> OpenDriving:
    """A driving, cut as the options say; ``beside`` is the source."""
    from motionkit import pipeline

    opened = pipeline.open_driving(path, beside=beside, start=given.start, end=given.end, fps=given.fps)
    if hasattr(opened, "take"):
        check_expressive(given.model)
    return opened


def check_expressive(name: str) -> None:
    """Find out whether expressions know a published model's keypoints, before it is downloaded.

    Raises:
        InputError: They do not.
    """
    from motionkit import weights
    from motionkit.config import PUBLISHED
    from motionkit.motion.rig import load_rig

    if name in PUBLISHED:
        load_rig(weights.embedded_file("rig.safetensors"), PUBLISHED[name].keypoint_names)
