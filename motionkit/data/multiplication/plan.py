"""Which pairs there are, numbered: a plan of a hundred million results takes no more room than its lists of names."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from motionkit.data.multiplication.options import MultiplyOptions
from motionkit.errors import InputError
from motionkit.media.addresses import fetch_file, is_address, list_addresses
from motionkit.media.collections import Collection, Kind, list_files, read_cells, read_pairs, same_place
from motionkit.motion.templates import SUFFIX

__all__ = ["Job", "Listed", "Plan", "local_file", "make_plan"]


@dataclass(frozen=True, slots=True)
class Listed:
    """A source, driving or background.

    Attributes:
        name: As the manifest calls it: relative to the folder that was given, else as it was given.
        place: Its path, or its address.
        label: What a table says that it shows, None without.
        licence: What a table says that it may be used for, None without.
    """

    name: str
    place: str | Path
    label: str | None = None
    licence: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One result that is to be made.

    Attributes:
        index: Its number in the plan, from 0.
        source: Number of the source.
        driving: Number of the driving.
        variation: Number of the variation, from 0.
    """

    index: int
    source: int
    driving: int
    variation: int

    @property
    def key(self) -> str:
        """What its files are called."""
        return f"{self.index:09d}"


@dataclass(frozen=True)
class Plan:
    """All results that are to be made, in order: all pairs source by source, then all again with the next variation.

    Attributes:
        sources: At least one.
        drivings: At least one.
        backgrounds: Pictures that replace backgrounds, likewise; may be none.
        pairs: Number of the source times the number of drivings, plus the number of the driving; ascending.
        variations: Results of each pair.
        per_task: Results that are made together, and are there together.
    """

    sources: tuple[Listed, ...]
    drivings: tuple[Listed, ...]
    backgrounds: tuple[Listed, ...]
    pairs: Sequence[int]
    variations: int
    per_task: int

    def __len__(self) -> int:
        """Number of results."""
        return len(self.pairs) * self.variations

    @property
    def tasks(self) -> int:
        """Number of tasks."""
        return -(-len(self) // self.per_task)

    def job(self, index: int) -> Job:
        """A result by its number."""
        variation, pair = divmod(index, len(self.pairs))
        source, driving = divmod(self.pairs[pair], len(self.drivings))
        return Job(index, source, driving, variation)

    def jobs(self, task: int) -> Iterator[Job]:
        """The results of a task."""
        first = task * self.per_task
        return (self.job(index) for index in range(first, min(first + self.per_task, len(self))))


def make_plan(sources: Collection | None, drivings: Collection | None, options: MultiplyOptions) -> Plan:
    """List sources and drivings, and choose pairs of them.

    Args:
        sources: Pictures (of a clip, the first frame counts): a folder, a glob, a CSV, an address, or a list of them;
            None where a CSV of pairs names them.
        drivings: Clips or motion templates, likewise.
        options: Which pairs.

    Raises:
        InputError: There are none, a pair names what is not listed, or there are fewer pairs than asked for.
        MediaError: A folder, table or address cannot be read.
    """
    table = Path(options.pairs) if options.pairs != "all" and options.random_pairs is None else None
    cells = [] if table is None else _read_table(table)
    wanted = options.variations.backgrounds
    backgrounds = () if wanted is None else tuple(_listed(wanted, "pictures", "backgrounds"))
    if table is None:
        first, second = _listed(sources, "both", "sources"), _listed(drivings, "clips", "drivings")
        pairs = _chosen(len(first) * len(second), options)
    else:
        # A table of pairs may itself say what there is.
        first = _listed(sources, "both", "sources") if sources is not None else _named(cells, 0, table.parent)
        second = _listed(drivings, "clips", "drivings") if drivings is not None else _named(cells, 1, table.parent)
        pairs = _matched(cells, first, second, table)
    per_task = options.shard if options.format == "webdataset" else 1
    return Plan(tuple(first), tuple(second), backgrounds, pairs, options.variations.count, per_task)


def local_file(place: str | Path, cache: Path) -> str | Path:
    """Where a source or driving lies on this machine; what has an address is fetched first.

    Args:
        place: A path or an address.
        cache: Folder of what was fetched.

    Raises:
        MediaError: It cannot be fetched.
    """
    return fetch_file(str(place), cache) if is_address(place) else place


def _listed(given: Collection | None, kind: Kind, what: str) -> list[Listed]:
    """What is given, each file once."""
    return _once(_all_listed(given, kind, what), what)


def _once(listed: Sequence[Listed], what: str) -> list[Listed]:
    """Each file once, also where it is named in two ways; as it is named first."""
    found: dict[str, Listed] = {}
    for one in listed:
        first = found.setdefault(_key(one.place), one)
        if (first.label, first.licence) != (one.label, one.licence):
            got = f"{first.name}: {first.label}, {first.licence}; then {one.label}, {one.licence}"
            raise InputError(f"One of the {what} has two labels or licences", got=got, expected="one row for each file")
    return list(found.values())


def _key(place: str | Path) -> str:
    return str(place) if is_address(place) else str(same_place(Path(place)))


def _all_listed(given: Collection | None, kind: Kind, what: str) -> list[Listed]:
    if given is None:
        raise InputError(f"There are no {what}", expected="a folder, a glob, a table, an address or a list of files")
    also = (SUFFIX,) if what == "drivings" else ()
    if isinstance(given, str) and is_address(given):
        found: list[str] = list_addresses(given, kind=kind, what=what, also=also)
        base = given.rstrip("/") + "/"
        return [
            Listed(place.removeprefix(base) if place != given else PurePosixPath(place).name, place) for place in found
        ]
    if not isinstance(given, str | Path):
        places = [
            str(one) if is_address(one) else path for one, path in zip(given, list_files(given, what=what), strict=True)
        ]
        return [Listed(str(place), place) for place in places]
    files = list_files(given, kind=kind, what=what, also=also)
    names = [_relative(path, _base(Path(given))) for path in files]
    if Path(given).suffix.lower() != ".csv" or Path(given).is_dir():
        return [Listed(name, path) for name, path in zip(names, files, strict=True)]
    notes = read_cells(given, ("label", "licence"))
    return [
        Listed(name, path, label or None, licence or None)
        for name, path, (label, licence) in zip(names, files, notes, strict=True)
    ]


def _base(given: Path) -> Path:
    """The folder that names are relative to: the one given, a glob's beginning, or the file's own."""
    if given.is_dir():
        return given
    return Path(*itertools.takewhile(lambda part: not set(part) & set("*?["), given.parts[:-1]))


def _relative(path: Path, base: Path) -> str:
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else str(path)


def _read_table(table: Path) -> list[tuple[str, str]]:
    read_pairs(table)  # says what is wrong with it
    return [(source, driving) for source, driving in read_cells(table, ("source", "driving"))]


def _named(cells: Sequence[tuple[str, str]], column: int, folder: Path) -> list[Listed]:
    """What a table of pairs names in one of its columns, each once."""
    cells_once = dict.fromkeys(row[column] for row in cells)
    return _once([Listed(cell, cell if is_address(cell) else folder / cell) for cell in cells_once], "files")


def _chosen(count: int, options: MultiplyOptions) -> Sequence[int]:
    wanted = options.random_pairs
    if wanted is None:
        return range(count)
    if wanted > count:
        raise InputError("There are not so many pairs", got=options.pairs, expected=f"at most random:{count}")
    return sorted(random.Random(options.seed).sample(range(count), wanted))  # noqa: S311  # nothing secret is drawn


def _matched(cells: Sequence[tuple[str, str]], sources: list[Listed], drivings: list[Listed], table: Path) -> list[int]:
    """The pairs of a table, by the names or paths of what is listed; each once."""

    def numbered(listed: list[Listed]) -> dict[str, int]:
        names = ((at, name) for at, one in enumerate(listed) for name in (one.name, str(one.place), _key(one.place)))
        return {name: at for at, name in reversed(list(names))}

    known = numbered(sources), numbered(drivings)
    pairs = set()
    for row in cells:
        found = [
            names.get(cell, names.get(_key(cell if is_address(cell) else table.parent / cell)))
            for names, cell in zip(known, row, strict=True)
        ]
        for number, cell, what in zip(found, row, ("source", "driving"), strict=True):
            if number is None:
                raise InputError(f"A {what} of the table of pairs is not listed", got=f"{cell} in {table}")
        pairs.add(found[0] * len(drivings) + found[1])  # type: ignore[operator]
    return sorted(pairs)
