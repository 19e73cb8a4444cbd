"""``motionkit verify``."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from motionkit.cli.shared import AddCommand
from motionkit.errors import on_one_line

if TYPE_CHECKING:
    from motionkit.trust.verification import Verification

__all__ = ["add_commands"]

FAILED, UNLABELLED = 1, 2


def add_commands(command: AddCommand) -> None:
    """Add ``verify``."""
    parser = command("verify", "look for what says that files were made with motionkit", _verify)
    parser.add_argument("files", nargs="+", metavar="FILE", help="pictures and clips, folders of them, or globs")
    parser.add_argument("--json", action="store_true", help="print a list of objects")
    parser.epilog = (
        "Exit status: 0 where every file carries a label; 2 where one carries none, or was changed after it was "
        "signed; 1 where one could not be read."
    )


def _verify(given: argparse.Namespace) -> int:
    from motionkit.trust import FALSE_ALARM
    from motionkit.trust.verification import verify

    statuses = set()
    found = verify(given.files)
    print("[" if given.json else f"{'labelled':9} {'watermark':22} {'metadata':9} {'signature':16} file", flush=True)
    for number, one in enumerate(found):
        if given.json:
            print(("," if number else "") + json.dumps(one.as_json(), ensure_ascii=False), flush=True)
        else:
            _print_row(one)
        statuses.add(_status(one))
    if given.json:
        print("]")
    else:
        print(
            f"Chance: that a file without the watermark looks so much like it; found is up to {FALSE_ALARM:.0e}. "
            "No label proves nothing."
        )
    return FAILED if FAILED in statuses else max(statuses)


def _print_row(one: Verification) -> None:
    mark = one.watermark
    seen = "not read" if mark is None else f"{'yes' if mark.found else 'no'}, chance {mark.chance:.0e}"
    unread = "not read" if one.problem else "not looked at"
    signed = unread if one.manifest is None else one.manifest.summary
    metadata = "not read" if one.problem and not one.metadata else _yes(one.metadata)
    print(f"{_yes(one.labelled):9} {seen:22} {metadata:9} {signed:16} {on_one_line(str(one.file))}")
    print(f"{'':9} {on_one_line(one.meaning)}", flush=True)
    if one.manifest is not None and one.manifest.present:
        print(f"{'':9} {on_one_line(one.manifest.details)}", flush=True)


def _status(one: Verification) -> int:
    if one.problem:
        return FAILED
    altered = one.manifest is not None and one.manifest.present and not one.manifest.valid
    return UNLABELLED if altered or not one.labelled else 0


def _yes(true: bool) -> str:
    return "yes" if true else "no"
