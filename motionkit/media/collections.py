"""Many files named at once: a folder, a glob, a table (CSV), or a list of names; and tables of pairs."""

from __future__ import annotations

import csv
import glob
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from motionkit.config.checks import check_path
from motionkit.errors import InputError, MediaError
from motionkit.media.files import check_file, check_no_address
from motionkit.media.suffixes import READ_IMAGE_SUFFIXES, READ_VIDEO_SUFFIXES

__all__ = [
    "KIND_SUFFIXES",
    "Collection",
    "FilePair",
    "Kind",
    "list_files",
    "natural_order",
    "read_cells",
    "read_pairs",
    "same_place",
]

Collection = str | Path | Sequence[str | Path]
"""Many files: a folder, a glob, a ``.csv``, a single file; or a list of names of files."""
Kind = Literal["clips", "pictures", "both"]
KIND_SUFFIXES: dict[Kind, tuple[str, ...]] = {
    "clips": READ_VIDEO_SUFFIXES,
    "pictures": READ_IMAGE_SUFFIXES,
    "both": (*READ_VIDEO_SUFFIXES, *READ_IMAGE_SUFFIXES),
}
"""What is looked for in folders."""
FILE = "file"  # the column of a table that names single files
COLUMNS = {FILE, "source", "driving", "label", "licence"}
SEPARATORS = ";\t"  # beside the comma: of spreadsheets in countries whose numbers have commas


@dataclass(frozen=True, slots=True)
class FilePair:
    """A source and what drives it.

    Attributes:
        source: A picture or a clip.
        driving: A clip or a motion template.
    """

    source: Path
    driving: Path


def list_files(
    place: Collection, *, kind: Kind = "both", column: str = "file", what: str = "files", also: Sequence[str] = ()
) -> list[Path]:
    """List the files that are meant; a folder's and a glob's in natural order, others as they are given.

    Args:
        place: A folder: the files of the kind that lie in it, and the folders of pictures in it, each of which is a
            clip. A glob (``**`` goes down into folders): the same of what it matches. A ``.csv``: the names in one of
            its columns, relative to its own folder. A list of names, or a single file of whatever name.
        kind: What is looked for in folders and globs.
        column: Of a CSV, else its column ``file``; one without either must have a single column.
        what: What the files are called in errors.
        also: Further suffixes that are looked for in folders and globs.

    Returns:
        At least one path. Those of a table or a list may not be there: only opening them tells.

    Raises:
        InputError: There are none, the folder is not there, it is an address, or the table lacks the column.
        MediaError: The table or the folder cannot be read.
    """
    if not isinstance(place, (str, Path)):
        return _some([check_path(what, one) for one in place], "an empty list", what)
    check_no_address(place)
    path, suffixes = check_path(what, place), (*KIND_SUFFIXES[kind], *also)
    try:
        if os.path.isdir(path):
            return _some(_of_kind(path.iterdir(), kind, also), str(place), what, suffixes)
        if any(sign in str(place) for sign in "*?[") and not os.path.exists(path):
            found = (Path(name) for name in glob.iglob(str(place), recursive=True))
            return _some(_of_kind(found, kind, also), str(place), what, suffixes)
    except OSError as error:
        raise MediaError("The folder cannot be read", got=f"{place} ({error.strerror or error})") from error
    file = check_file(path)
    if file.suffix.lower() == ".csv":
        names, _ = _lines(file)
        wanted = FILE if FILE in names and column not in names else column
        return [path for (path,) in _rows(file, (wanted,))]
    return [file]


def read_pairs(path: str | Path) -> list[FilePair]:
    """Read a table of pairs: a CSV whose columns ``source`` and ``driving`` name files, relative to its own folder.

    Args:
        path: The table; further columns are left alone.

    Returns:
        At least one pair, in the order of the rows. The files may not be there: only opening them tells.

    Raises:
        InputError: There is no such file, a column is missing, a row is incomplete, or there are no rows.
        MediaError: It cannot be read.
    """
    return [FilePair(source, driving) for source, driving in _rows(check_file(path), ("source", "driving"))]


def read_cells(path: str | Path, columns: Sequence[str]) -> list[tuple[str, ...]]:
    """Read further columns of a table, such as labels.

    Args:
        path: The table, CSV.
        columns: Their names.

    Returns:
        The cells of each row, in the order of ``list_files``; "" where the table lacks the column or the row the cell.

    Raises:
        InputError: There is no such file.
        MediaError: It cannot be read.
    """
    head, lines = _lines(check_file(path))
    at = [head.index(name) if name in head else None for name in columns]
    rows = lines if len(head) == 1 and FILE not in head else lines[1:]
    return [tuple(row[i].strip() if i is not None and i < len(row) else "" for i in at) for _, row in rows]


def natural_order(path: Path) -> list[str | int]:
    """Sort key by which 2.png comes before 10.png.

    Args:
        path: Its name counts, not its folder.
    """
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path.name)]


def same_place(path: Path) -> Path:
    """The one name of a file that may be named in several ways: absolute or not, with ``..`` or through other folders.

    Args:
        path: The file, whether it is there or not. A link stays what it is, since it may be meant as another file.
    """
    return _whole_folder(path.parent.absolute()) / path.name  # what a relative one is changes with the folder


@lru_cache(maxsize=4096)
def _whole_folder(folder: Path) -> Path:
    try:
        return folder.resolve()
    except (OSError, RuntimeError, ValueError):
        return folder


def _of_kind(paths: Iterable[Path], kind: Kind, also: Sequence[str]) -> list[Path]:
    suffixes = (*KIND_SUFFIXES[kind], *also)
    seen = (path for path in paths if not path.name.startswith("."))
    found = [path for path in seen if _is_clip_folder(path, kind) or path.suffix.lower() in suffixes]
    return sorted(found, key=lambda path: (natural_order(path), str(path)))


def _is_clip_folder(path: Path, kind: Kind) -> bool:
    if kind == "pictures" or not path.is_dir():
        return False
    return any(file.suffix.lower() in READ_IMAGE_SUFFIXES for file in path.iterdir())


def _some(found: list[Path], got: str, what: str, suffixes: Sequence[str] = ()) -> list[Path]:
    if not found:
        raise InputError(f"There are no {what} here", got=got, expected=" ".join(suffixes) or "at least one")
    return found


def _lines(file: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The names in a table's first row, and all its rows that are not empty, the first one too, with their numbers."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            separator = _separator(next((line for line in text if line.strip()), ""))
            text.seek(0)
            reader = csv.reader(text, delimiter=separator)
            lines = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        todo = "Save it as CSV UTF-8" if isinstance(error, UnicodeDecodeError) else None
        got = f"{file} ({error})"
        raise MediaError("The table cannot be read", got=got, expected="CSV in UTF-8", todo=todo) from error
    return [name.strip().lower() for name in lines[0][1]] if lines else [], lines


def _separator(first: str) -> str:
    """What stands between the cells of a table, by its first line; a name may hold any of these signs."""
    for sign in SEPARATORS:
        if (
            "," not in first
            and sign in first
            and COLUMNS & {name.strip(' "\r\n').lower() for name in first.split(sign)}
        ):
            return sign
    return ","


def _rows(file: Path, columns: tuple[str, ...]) -> list[tuple[Path, ...]]:
    """The paths in some columns of a table; with a single column asked for, any table of one column serves."""
    head, lines = _lines(file)
    if twice := [name for name in columns if head.count(name) > 1]:
        raise InputError("The table has a column twice", got=f"{file} ({twice[0]})", expected="each name once")
    if all(name in head for name in columns):
        at, lines = [head.index(name) for name in columns], lines[1:]
    elif len(columns) == len(head) == 1:
        at = [0]
    else:
        expected = f"a first row that names {' and '.join(columns)}"
        raise InputError("The table lacks a column", got=f"{file} ({', '.join(head) or 'empty'})", expected=expected)
    if not lines:
        raise InputError("The table has no rows", got=str(file))
    rows = []
    for number, row in lines:
        cells = [row[i].strip() if i < len(row) else "" for i in at]
        if not all(cells):
            missing = columns[[bool(cell) for cell in cells].index(False)]
            raise InputError(f"A row of the table has no {missing}", got=f"{file}, line {number}")
        rows.append(tuple(file.parent / check_path("file", cell) for cell in cells))
    return rows
