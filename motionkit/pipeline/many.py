"""Several sources and drivings: which are meant, and what the result of each pair is called."""

from __future__ import annotations

import glob
import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from motionkit.config.checks import check_path
from motionkit.errors import InputError
from motionkit.media.collections import list_files
from motionkit.media.suffixes import READ_VIDEO_SUFFIXES
from motionkit.motion.templates import SUFFIX

__all__ = ["PairOfFiles", "has_several", "pairs_of_files"]

GLOB = set("*?[")


@dataclass(frozen=True, slots=True)
class PairOfFiles:
    """A source, what drives it, and where the result goes.

    Attributes:
        source: A picture or clip.
        driving: A clip or motion template.
        output: Named after both.
    """

    source: Path
    driving: Path
    output: Path


def has_several(sources: Sequence[str], drivings: Sequence[str]) -> bool:
    """Whether more than one source or driving is meant: several names, or a folder or glob.

    As the driving, a folder or glob of pictures is one clip.

    Args:
        sources: As given.
        drivings: As given.
    """
    return len(sources) > 1 or len(drivings) > 1 or _holds(sources[0], "source") or _holds(drivings[0], "driving")


def pairs_of_files(
    sources: Sequence[str], drivings: Sequence[str], folder: str | Path, *, suffix: str = ".mp4"
) -> list[PairOfFiles]:
    """Each source with each driving.

    Args:
        sources: Files, folders and globs of pictures.
        drivings: Files, and folders and globs of clips and motion templates.
        folder: For the results.
        suffix: Of the results; "" makes each a folder of pictures.

    Returns:
        Source by source; results are called SOURCE-DRIVING. Where two would have the same name, the later ones are
        numbered.

    Raises:
        InputError: There are none, or the folder is a file.
    """
    target = check_path("output", folder)
    if target.exists() and not os.path.isdir(target):
        raise InputError("Several results need a folder", got=str(target), expected="a folder, or a new name for one")
    firsts = [path for name in sources for path in _expanded(name, "source")]
    seconds = [path for name in drivings for path in _expanded(name, "driving")]
    named = [(source, driving, f"{source.stem}-{driving.stem}") for source in firsts for driving in seconds]
    plain = {name for *_, name in named}
    taken: set[str] = set()
    pairs = []
    for source, driving, name in named:
        # A number must not make a name that another pair has by itself.
        numbered = (f"{name}-{number}" for number in itertools.count(2))
        free = name if name not in taken else next(one for one in numbered if one not in taken | plain)
        taken.add(free)
        pairs.append(PairOfFiles(source, driving, target / f"{free}{suffix}"))
    return pairs


def _expanded(name: str, what: str) -> list[Path]:
    if not _holds(name, what):
        return [Path(name)]
    if what == "source":
        return list_files(name, kind="pictures", what="sources")
    return list_files(name, kind="clips", what="drivings", also=(SUFFIX,))


def _holds(name: str, what: str) -> bool:
    """Whether a name stands for several files of this kind."""
    path = Path(name)
    if not os.path.isdir(path) and not (set(name) & GLOB and not os.path.exists(path)):
        return False
    if what == "source":
        return True
    suffixes = (*READ_VIDEO_SUFFIXES, SUFFIX)
    inside = path.iterdir() if os.path.isdir(path) else map(Path, glob.iglob(name, recursive=True))
    return any(file.suffix.lower() in suffixes for file in inside)
