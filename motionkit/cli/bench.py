"""``motionkit bench``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from motionkit.bench import BenchOptions
from motionkit.cli.shared import AddCommand
from motionkit.errors import InputError
from motionkit.wholefile import write_text

if TYPE_CHECKING:
    from motionkit.bench.report import Report

__all__ = ["add_commands"]

T = TypeVar("T")
DEFAULTS = BenchOptions()


def add_commands(command: AddCommand) -> None:
    """Add ``bench``; ``command`` makes a parser from a name, a help text and what to run."""
    parser = command("bench", "measure this machine: the published procedure against the fast one, in turn", _bench)
    what = parser.add_argument_group("what is measured")
    what.add_argument(
        "--models", type=_list(str), metavar="A,B", default=DEFAULTS.models,
        help="heads, a weights file, or a published name: its configuration with seeded weights (default: heads,vox)",
    )  # fmt: skip
    what.add_argument("--device", help="cpu, cuda, cuda:1, mps (default: the best that is there)")
    what.add_argument(
        "--precisions", type=_list(str), metavar="A,B",
        help="float32, bfloat16, float16, int8, auto (default: float32 and the device's own half precision)",
    )  # fmt: skip
    what.add_argument("--sizes", type=_list(int), metavar="N,M", help="sides of the result (default: the model's own)")
    what.add_argument("--batches", type=_list(int), metavar="N,M", help="frames at once (default: 1, on a GPU also 16)")
    what.add_argument("--no-steps", dest="steps", action="store_false", help="leave the model step out")
    what.add_argument("--no-clips", dest="clips", action="store_false", help="leave file to file out")
    what.add_argument(
        "--avx2", action="store_true", help="then again as on a processor with AVX2 alone, in a process of its own"
    )
    what.add_argument("--scale", action="store_true", help="also cost against length, size and batch")
    long = parser.add_argument_group("how long")
    long.add_argument("--rounds", type=int, default=DEFAULTS.rounds, help="of the model step (default: %(default)s)")
    long.add_argument("--frames", type=int, default=DEFAULTS.frames, help="in each round (default: %(default)s)")
    long.add_argument(
        "--clip-seconds", type=float, default=DEFAULTS.clip_seconds, help="length of the clip (default: %(default)s)"
    )
    long.add_argument(
        "--clip-rounds", type=int, default=DEFAULTS.clip_rounds, help="of the whole clip (default: %(default)s)"
    )
    long.add_argument(
        "--seconds", type=float, default=DEFAULTS.seconds,
        help="longest that --scale may take for a model and precision (default: %(default)s)",
    )  # fmt: skip
    where = parser.add_argument_group("where it goes; the table is printed in any case")
    where.add_argument("-o", "--output", metavar="FILE", help="write all figures as JSON here")
    where.add_argument("--page", metavar="FILE", help="write a page (Markdown) here, and with --scale a plot beside it")
    where.add_argument("--read", nargs="+", metavar="FILE", help="measure nothing: take figures written with -o")
    where.add_argument("--quiet", action="store_true", help="no progress bar")


def _list(kind: Callable[[str], T]) -> Callable[[str], tuple[T, ...]]:
    def read(text: str) -> tuple[T, ...]:
        try:
            return tuple(kind(part) for part in text.split(","))
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a list such as 1,2,4") from None

    return read


def _bench(given: argparse.Namespace) -> None:
    from motionkit.bench import bench
    from motionkit.bench.report import Report
    from motionkit.bench.tables import text

    _check(given)
    if given.read:
        reports = [Report.from_json(path) for path in given.read]
    else:
        options = BenchOptions(**{f.name: getattr(given, f.name) for f in fields(BenchOptions)})
        reports = [bench(options, progress=not given.quiet)]
        if given.avx2 and reports[0].complete:
            from motionkit.bench.avx2 import bench_as_avx2

            reports.append(bench_as_avx2(options, progress=not given.quiet))
    print("\n".join(text(report) for report in reports), end="")
    if given.output and not given.read:
        for path, report in zip(_outputs(given), reports, strict=False):
            write_text(path, report.to_json())
    if given.page:
        _page(reports, Path(given.page))
    if not all(report.complete for report in reports) and not given.read:
        raise KeyboardInterrupt


def _check(given: argparse.Namespace) -> None:
    """Refuse what cannot be written before minutes of measuring."""
    from motionkit.media import check_target

    if given.avx2 and (given.read or given.device not in (None, "cpu")):
        raise InputError("--avx2 measures the CPU anew", todo="Leave out --read, and every device but cpu")
    if given.read and given.output:
        raise InputError("Nothing new is measured", got="--read and --output", todo="Leave one of them out")
    for path in (*_outputs(given), given.page):
        if path is not None:
            check_target(path, *(given.read or ()), any_suffix=True)


def _outputs(given: argparse.Namespace) -> list[Path]:
    """The file for figures, and with ``--avx2`` the second beside it."""
    if given.output is None:
        return []
    path = Path(given.output)
    return [path, path.with_name(f"{path.stem}-avx2{path.suffix}")] if given.avx2 else [path]


def _page(reports: Sequence[Report], path: Path) -> None:
    """The page, and the plot beside it."""
    from motionkit.bench.tables import page, plot

    picture = None
    rows = [row for report in reports for row in report.scale]
    if rows:
        picture = path.with_name(f"{path.stem}-scale.png")
        plot(rows, picture)
    write_text(path, page(reports, picture=None if picture is None else picture.name))
    print(path)
