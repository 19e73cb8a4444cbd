"""What models are evaluated on: clips that reconstruct themselves, and pairs of source and driver."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from motionkit.config.checks import check_path
from motionkit.errors import InputError
from motionkit.media.collections import Collection, FilePair, list_files, read_pairs, same_place

__all__ = ["Item", "Pairs", "file_hash", "list_items"]

Pairs = str | Path | Sequence[tuple[str | Path, str | Path]]
"""A CSV with the columns ``source`` and ``driving``, or a list of such pairs."""


@dataclass(frozen=True, slots=True)
class Item:
    """One clip to evaluate on.

    Attributes:
        driving: What drives: a clip, a folder of pictures or a picture.
        source: What it drives; None is its own first frame.
    """

    driving: Path
    source: Path | None = None

    @property
    def name(self) -> str:
        """What it is called: the clip's name, or the source's and the clip's."""
        return self.driving.name if self.source is None else f"{self.source.name} × {self.driving.name}"

    def row_key(self, model: str) -> tuple[str, str, str]:
        """What tells a model's row of it from others, see ``rows.Row.key``.

        Args:
            model: Its name.
        """
        return model, "" if self.source is None else str(self.source), str(self.driving)

    @property
    def state(self) -> str:
        """Sizes and times of its files: figures of a file that has changed since are measured anew."""
        return " ".join(_state(path) for path in (self.source, self.driving) if path is not None)


def list_items(
    clips: Collection | None = None, *, sources: Collection | None = None, pairs: Pairs | None = None
) -> list[Item]:
    """List what is evaluated, each once, in order.

    Args:
        clips: Clips or pictures, as ``media.collections.list_files`` takes them: each reconstructs itself, or with
            ``sources`` drives each of these.
        sources: Pictures or clips, of which the first frame counts.
        pairs: Instead of both.

    Raises:
        InputError: There is nothing to evaluate, or both or neither of ``clips`` and ``pairs`` is given.
        MediaError: A table cannot be read.
    """
    if (clips is None) == (pairs is None):
        got = "neither clips nor pairs" if clips is None else "clips and pairs"
        raise InputError("What is evaluated is not clear", got=got, expected="clips, clips and sources, or pairs")
    if pairs is not None:
        if sources is not None:
            raise InputError("Pairs name their sources themselves", got="pairs and sources", expected="one of them")
        return _once(Item(pair.driving, pair.source) for pair in _pairs(pairs))
    assert clips is not None
    driving = list_files(clips, what="clips")
    if sources is None:
        return _once(Item(path) for path in driving)
    faces = list_files(sources, what="sources", column="source")
    return _once(Item(path, face) for face in faces for path in driving)


def _pairs(pairs: Pairs) -> list[FilePair]:
    if isinstance(pairs, (str, Path)):
        return read_pairs(pairs)
    given = list(pairs)
    for pair in given:
        if isinstance(pair, (str, Path)) or len(pair) != 2:
            raise InputError("This is no pair", got=repr(pair)[:80], expected="(source, driving)")
    if not given:
        raise InputError("There are no pairs", got="an empty list", expected="at least one")
    return [FilePair(check_path("source", one), check_path("driving", other)) for one, other in given]


def _once(items: Iterable[Item]) -> list[Item]:
    """Each once, also where the same file is named in two ways; as it is named first."""
    found: dict[tuple[Path | None, Path], Item] = {}
    for item in items:
        found.setdefault((None if item.source is None else same_place(item.source), same_place(item.driving)), item)
    return list(found.values())


@lru_cache(maxsize=4096)
def file_hash(path: Path) -> str:
    """SHA-256 of a file, or of all the files of a folder of pictures in order of their names.

    Args:
        path: The file or folder.

    Raises:
        OSError: It cannot be read.
    """
    digest = hashlib.sha256()
    for file in sorted(one for one in path.iterdir() if one.is_file()) if path.is_dir() else [path]:
        with file.open("rb") as stream:
            while part := stream.read(1 << 20):
                digest.update(part)
    return digest.hexdigest()


def _state(path: Path) -> str:
    try:
        if not os.access(path, os.R_OK):
            return "absent"  # once it may be read, it is another
        files = [one for one in path.iterdir() if one.is_file()] if path.is_dir() else [path]
        stats = [os.stat(file) for file in files]
    except (OSError, ValueError):
        return "absent"
    last = max((stat.st_mtime_ns for stat in stats), default=0)
    return f"{sum(stat.st_size for stat in stats)}:{last}" + (f":{len(stats)}" if path.is_dir() else "")
