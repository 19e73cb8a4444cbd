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
    from motionkit.trust.verification import verify

    found = verify(given.files)
    if given.json:
        print("[")
        for at, one in enumerate(found):
            print(("," if at else "") + json.dumps(one.as_json(), ensure_ascii=False))
        print("]")
        return
    print(f"{'labelled':9} {'watermark':22} {'metadata':9} file")
    for one in found:
        mark = one.watermark
        seen = "not read" if mark is None else f"{'yes' if mark.found else 'no'}, chance {mark.chance:.0e}"
        print(f"{_yes(one.labelled):9} {seen:22} {_yes(one.metadata):9} {on_one_line(str(one.file))}")
        print(f"{'':9} {on_one_line(one.meaning)}")


def _yes(true: bool) -> str:
    return "yes" if true else "no"
