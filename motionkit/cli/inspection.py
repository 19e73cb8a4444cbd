"""``motionkit collage`` and ``keypoints``."""

from __future__ import annotations

import argparse
from pathlib import Path

from motionkit.cli.shared import (
    AddCommand,
    add_cut_options,
    add_driving_face,
    add_model_options,
    index,
    load_model,
    open_driving,
)
from motionkit.config import AnimateOptions

__all__ = ["add_commands"]


def add_commands(command: AddCommand) -> None:
    """Add ``collage`` and ``keypoints``."""
    _add_collage(command)
    _add_keypoints(command)


def _add_collage(command: AddCommand) -> None:
    parser = command("collage", "lay clips or pictures side by side", _collage)
    parser.add_argument("panels", nargs="+", metavar="[CAPTION=]FILE", help="clips or pictures, left to right")
    parser.add_argument("-o", "--output", required=True, help="clip (.mp4, .gif …) or contact sheet (.png, .jpg)")
    parser.add_argument("--height", type=int, help="height of the panels in pixels")
    parser.add_argument("--moments", type=int, default=6, help="moments of a contact sheet")


def _add_keypoints(command: AddCommand) -> None:
    parser = command("keypoints", "show where the model sees keypoints in a clip or picture", _keypoints)
    parser.add_argument("input", help="clip or picture")
    parser.add_argument("-o", "--output", default="keypoints.mp4", help="clip with the keypoints drawn")
    add_driving_face(parser)
    parser.add_argument("--table", help="also write frame, keypoint, x, y and the Jacobian as CSV here")
    add_model_options(parser)
    add_cut_options(parser)


def _collage(given: argparse.Namespace) -> None:
    from motionkit.pipeline.inspection import collage_files

    named = [text.partition("=") if "=" in text else (Path(text).stem, "=", text) for text in given.panels]
    collage_files(
        [(caption, path) for caption, _, path in named], given.output, height=given.height, moments=given.moments
    )
    print(given.output)


def _keypoints(given: argparse.Namespace) -> None:
    from motionkit.pipeline.inspection import keypoint_files

    wanted = AnimateOptions(driving_face=index(given.driving_face))
    driving = open_driving(given, given.input)
    count = keypoint_files(driving, given.output, model=load_model(given), options=wanted, table=given.table)
    print(f"{given.output}: {count} frames" + (f"; points in {given.table}" if given.table else ""))
