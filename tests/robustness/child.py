"""The process in which faults are tried, one after the other: ``python -m tests.robustness.child``.

It reads the id of a fault from each line of its input, and writes a line of JSON when the fault is made and another when
it was tried. Whoever started it ends it if that takes too long.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from motionkit.errors import MotionkitError, MotionkitWarning
from tests.robustness.fault import NOTHING, Call, Fault, Place, Refused, Skipped, Works
from tests.robustness.snapshots import differences, snapshot

__all__ = ["main", "try_fault"]

STRANGE = " of another package: "  # marks warnings that are not motionkit's
SPARE = 4 << 30  # bytes of addresses beyond those in use: what asks for more ends with an error, not with the machine


def try_fault(fault: Fault, root: Path, tell: Any = lambda _: None) -> dict[str, Any]:
    """Make a fault below a folder, try it, and say how it went: problem (None if none), outcome, seconds, megabytes."""
    place = Place(root / "given", root / "out")
    temporary = root / "temporary"
    for folder in (place.given, place.out, temporary):
        folder.mkdir()
    with _inside(place.given, temporary):
        try:
            call = fault.make(place)
        except Skipped as reason:
            return {"problem": None, "outcome": "skipped", **NOTHING, "skipped": str(reason)}
        before = snapshot(root)
        tell({"made": True})
        started, memory = (time.monotonic(), time.process_time()), _Memory()
        heard: list[str] = []
        problem = skipped = None
        try:
            outcome = _judged(fault, call, heard)
        except Skipped as reason:
            outcome, skipped = "skipped", str(reason)
        except AssertionError as error:
            outcome, problem = "wrong", f"{error}" or traceback.format_exc()
        except BaseException:
            outcome, problem = "traceback", traceback.format_exc()
        # Neither waiting for what else runs on the machine nor a second thread makes a fault slow.
        seconds = min(time.monotonic() - started[0], time.process_time() - started[1])
        megabytes = memory.grown()
        leaves = set(fault.outcome.leaves)
        problem = problem or _bounds_broken(fault, seconds, megabytes) or differences(before, snapshot(root), leaves)
    return {"problem": problem, "outcome": outcome, "seconds": seconds, "megabytes": megabytes, "skipped": skipped}


def _judged(fault: Fault, call: Call, heard: list[str]) -> str:
    """Make the call and judge what comes of it; returns the outcome's class in a word."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = call()
        except MotionkitError as error:
            assert isinstance(fault.outcome, Refused), f"refused: {type(error).__name__}: {error}"
            fault.outcome.judge(error)
            result = None
        else:
            assert isinstance(fault.outcome, Works), f"not refused, gave {result!r:.300}"
    heard += _for_users(caught)
    heard += getattr(result, "warnings", [])
    for text in heard:
        assert len(text.splitlines()) == 1, f"a warning of several lines: {text!r}"
    if isinstance(fault.outcome, Works):
        fault.outcome.judge_warnings(heard)
        fault.outcome.check(result)
        return "result"
    strangers = [text for text in heard if STRANGE in text]
    assert not strangers, f"a warning that no user can act on: {strangers}"
    return fault.outcome.error.__name__


def _for_users(caught: list[warnings.WarningMessage]) -> list[str]:
    """The warnings that a user sees: ours, and those of others that nobody should see."""
    unseen = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)
    texts = []
    for warning in caught:
        if issubclass(warning.category, MotionkitWarning):
            texts.append(str(warning.message))
        elif not issubclass(warning.category, unseen):
            texts.append(f"{warning.category.__name__}{STRANGE}{warning.filename}:{warning.lineno}: {warning.message}")
    return texts


def _bounds_broken(fault: Fault, seconds: float, megabytes: float) -> str | None:
    if seconds > fault.seconds:
        return f"took {seconds:.1f} s of at most {fault.seconds:g}"
    if megabytes > fault.megabytes:
        return f"took {megabytes:.0f} MB of at most {fault.megabytes}"
    return None


@contextmanager
def _inside(folder: Path, temporary: Path) -> Iterator[None]:
    """Work in a folder, with a folder for temporary files of its own."""
    before, kept, environment = os.getcwd(), tempfile.tempdir, dict(os.environ)
    os.environ |= {"TMPDIR": str(temporary), "MOTIONKIT_CACHE": str(temporary.parent / "out" / "cache")}
    tempfile.tempdir = None
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
        tempfile.tempdir = kept
        for name in set(os.environ) - set(environment):
            del os.environ[name]
        os.environ |= environment


class _Memory:
    """How far the memory in use rises above what it is now, in MB; Linux counts the highest value itself."""

    def __init__(self) -> None:
        try:
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        except OSError:
            self.begin = None
        else:
            self.begin = self._read("VmRSS")

    def grown(self) -> float:
        """MB; 0 where it cannot be measured."""
        return 0.0 if self.begin is None else max((self._read("VmHWM") - self.begin) / 1000, 0)

    @staticmethod
    def _read(name: str) -> int:
        found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
        return int(found[1]) if found else 0


def _limit_addresses() -> None:
    """Let what asks for far too much memory fail in this process."""
    try:
        in_use = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    except OSError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (in_use + SPARE, resource.RLIM_INFINITY))


def main() -> None:
    """Try what is asked for until the input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what is printed goes where errors go; answers alone go where they are read

    def tell(answer: dict[str, Any]) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    import torch

    from tests.robustness.corpus import FAULTS

    torch.set_num_threads(1)
    faults = {fault.id: fault for fault in FAULTS}
    _limit_addresses()
    tell({"ready": True})
    for line in sys.stdin:
        root = Path(tempfile.mkdtemp(prefix="fault-", dir=sys.argv[1]))
        try:
            tell(try_fault(faults[json.loads(line)], root, tell))
        except BaseException:  # the fault could not be made
            tell({"problem": traceback.format_exc(), "outcome": "not made", **NOTHING})
        finally:
            shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
