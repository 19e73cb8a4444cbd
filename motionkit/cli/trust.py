"""``motionkit verify``."""

from __future__ import annotations

import argparse
import json

from motionkit.cli.shared import AddCommand
from motionkit.errors import on_one_line

__all__ = ["add_commands"]


def add_commands(command: AddCommand) -> None:
    """Add ``verify``."""
    parser = command("verify", "look for what says that files were made with motionkit", _verify)
    parser.add_argument("files", nargs="+", metavar="FILE", help="pictures and clips, folders of them, or globs")
    parser.add_argument("--json", action="store_true", help="print a list of objects")


def _verify(given: argparse.Namespace) -> None:
    from motionkit.trust import FALSE_ALARM
    from motionkit.trust.verification import verify

    found = verify(given.files)
    if given.json:
        print("[")
        for at, one in enumerate(found):
            print(("," if at else "") + json.dumps(one.as_json(), ensure_ascii=False))
        print("]")
        return
    print(f"{'labelled':9} {'watermark':22} {'metadata':9} {'signature':16} file")
    for one in found:
        mark = one.watermark
        seen = "not read" if mark is None else f"{'yes' if mark.found else 'no'}, chance {mark.chance:.0e}"
        signed = "not looked at" if one.manifest is None else one.manifest.summary
        print(f"{_yes(one.labelled):9} {seen:22} {_yes(one.metadata):9} {signed:16} {on_one_line(str(one.file))}")
        print(f"{'':9} {on_one_line(one.meaning)}")
        if one.manifest is not None and one.manifest.present:
            print(f"{'':9} {on_one_line(one.manifest.details)}")
    print(
        f"Chance: that a file without the watermark looks so much like it; up to {FALSE_ALARM:.0e} it counts as found."
    )


def _yes(true: bool) -> str:
    return "yes" if true else "no"
