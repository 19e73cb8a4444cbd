"""``motionkit …``: a thin skin over the verbs.

Exit status 0, 1 for a mistake that the user can mend (one line on stderr), 130 for Ctrl-C, 143 for SIGTERM; what else a
command answers with its status (``verify``: 2), its help says.
"""

from __future__ import annotations

import argparse
import errno
import io
import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

from motionkit.cli import animation, bench, evaluation, inspection, multiplication, posing, training, trust, weights
from motionkit.cli.shared import Run
from motionkit.errors import AnimationCancelled, MotionkitError, MotionkitWarning

__all__ = ["main", "make_parser"]

WORD = 80  # characters of a word that an error repeats
FAMILIES = (animation, posing, multiplication, inspection, trust, training, evaluation, weights, bench)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a result's name may hold bytes that are no characters
        sys.stdout.reconfigure(errors="backslashreplace")
    parser = make_parser()
    try:
        given = parser.parse_args(arguments)
    except SystemExit as stop:  # argparse leaves with 2 for a mistake
        return 1 if stop.code else 0
    if given.run is None:
        parser.print_help()
        return 1
    with warnings.catch_warnings():
        warnings.simplefilter("always", MotionkitWarning)
        warnings.showwarning = _warn
        with _terminated_cleanly() as terminated:
            status = _run(given)
        return 143 if terminated else status


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    """A warning as one line; a progress bar that is being shown makes room for it, and goes on below."""
    line = f"motionkit: {message}"
    if "tqdm" in sys.modules:
        sys.modules["tqdm"].tqdm.write(line, file=sys.stderr)
    else:
        print(line, file=sys.stderr)


def _run(given: argparse.Namespace) -> int:
    try:
        status = given.run(given) or 0
        sys.stdout.flush()
    except AnimationCancelled as stopped:
        print(f"motionkit: {stopped}", file=sys.stderr)
        return 130
    except KeyboardInterrupt:
        print("motionkit: stopped.", file=sys.stderr)
        return 130
    except MotionkitError as error:
        print(f"motionkit: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        return _unprinted(error)
    except MemoryError:
        print("motionkit: There is not enough memory for this. Try a smaller size, clip or batch.", file=sys.stderr)
        return 1
    return int(status)


def _unprinted(error: OSError) -> int:
    """The status where what is printed cannot be written; files that cannot be written say so themselves."""
    if error.errno not in (errno.EPIPE, errno.ENOSPC):
        raise error
    with suppress(OSError, ValueError):  # or the end of the program would write, and fail, again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno == errno.EPIPE:  # who reads has seen enough, as head does
        return 0
    print("motionkit: What is printed cannot be written: no space is left on the device", file=sys.stderr)
    return 1


@contextmanager
def _terminated_cleanly() -> Iterator[list[int]]:
    """Stop as for Ctrl-C at the first SIGTERM, so that what is half written is removed; fills the list it gives."""
    received: list[int] = []

    def stop(number: int, _: object) -> None:
        received.append(number)
        signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # Python sets no handlers there
        yield received
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield received
    finally:
        signal.signal(signal.SIGTERM, before)


class _Parser(argparse.ArgumentParser):
    """Says a mistake in one line, as every other error is said."""

    def error(self, message: str) -> NoReturn:
        short = re.sub(rf"\S{{{WORD},}}", lambda word: f"{word[0][: WORD // 2]}…", message)
        print(f"motionkit: {short}. Try: {self.prog} --help", file=sys.stderr)
        raise SystemExit(1)


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = _Parser(
        prog="motionkit",
        description="Bring a still picture to life with another clip's motion.",
        epilog="Animate your own face, or someone's who agreed to it. What is made says that it was made.",
    )
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for family in FAMILIES:
        family.add_commands(lambda name, help, run: _command(commands, name, help, run))
    return parser


def _command(commands: Any, name: str, help: str, run: Run) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
    parser.set_defaults(run=run)
    return parser
