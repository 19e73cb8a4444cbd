"""What a data set's folder was begun with, so that it is gone on with in the same way or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from motionkit import jsontext
from motionkit.config.checks import NAMED
from motionkit.data.multiplication.journal import has_rows
from motionkit.data.multiplication.motions import FOUND, WORK
from motionkit.data.multiplication.options import MultiplyOptions
from motionkit.data.multiplication.placing import DATA, SHARDS
from motionkit.data.multiplication.plan import Plan
from motionkit.data.multiplication.rows import FAILED, Row, as_json
from motionkit.data.multiplication.storage import Storage
from motionkit.errors import InputError, MediaError
from motionkit.media.addresses import is_address
from motionkit.model import Model

__all__ = ["check_inputs", "check_own", "check_same", "file_states", "identity"]

FILE = f"{WORK}/arguments.json"
INPUTS = f"{WORK}/inputs.json"
ENDS = 4096  # bytes of a file's beginning and end by which it is known again
# Where something is done does not change what comes of it.
FREE = {"engine", "workers", "pairs", "retry"}
SHOWN = 60  # characters of a value in the error


def identity(plan: Plan, options: MultiplyOptions, model: Model) -> dict[str, Any]:
    """All that the results depend on, as JSON holds it.

    Args:
        plan: What is made.
        options: What is asked for.
        model: Animates.
    """
    told: dict[str, Any] = {
        "sources": [source.name for source in plan.sources],
        "drivings": [driving.name for driving in plan.drivings],
        "backgrounds": [background.name for background in plan.backgrounds],
        "pairs": f"{len(plan.pairs)}, {_digest(plan.pairs)}",
        "model": model.config.name,
        "weights": model.fingerprint,
        "precision": model.asked_precision,
        "device": model.device.type,
    }
    for name, value in _values(options):
        if name in ("variations", "animate"):
            told |= {inner if name == "variations" else f"animate {inner}": _plain(v) for inner, v in _values(value)}
        elif name not in FREE:
            told[name] = _plain(value)
    told.pop("backgrounds", None) if not plan.backgrounds else None
    return told


def check_own(storage: Storage) -> None:
    """Make sure that a data set may be here, before anything is written.

    Args:
        storage: The data set's.

    Raises:
        InputError: The place is a file, has no name, or holds something else.
        MediaError: It cannot be read.
    """
    if not str(storage.root):
        raise InputError("The name of the output is empty", got="''", expected="a folder or an address")
    if storage.local is not None and os.path.lexists(storage.local) and not storage.local.is_dir():
        raise InputError("A data set needs a folder", got=storage.root, expected="a folder, or a new name for one")
    if storage.read(FILE) is None and (strange := [name for name in storage.names("") if name != WORK]):
        raise InputError(
            "The folder holds no data set of motionkit",
            got=f"{storage.root} with {strange[0]}",
            expected="a new folder, or one that multiply began",
        )


def check_same(storage: Storage, told: dict[str, Any]) -> None:
    """Note what a folder is begun with; of one in which something was made, make sure that it was with the same.

    Args:
        storage: The data set's.
        told: From ``identity``.

    Raises:
        InputError: Something differs.
        MediaError: It cannot be read or written.
    """
    before = _noted(storage, FILE)
    if before is None:
        storage.write(FILE, as_json(told).encode())
        return
    differing = [name for name in {**before, **told} if before.get(name) != told.get(name)]
    if differing and not has_rows(storage):
        for name in (f"{WORK}/{FOUND}", DATA, SHARDS, INPUTS):  # of the other arguments; nothing was made of them
            storage.remove(name)
        storage.write(FILE, as_json(told).encode())
    elif differing:
        what = "; ".join(_difference(name, before.get(name), told.get(name)) for name in differing[:NAMED])
        raise InputError(
            "This data set was begun with other arguments",
            got=what,
            expected="the same",
            todo="Give another folder, or the arguments from before",
        )


def file_states(plan: Plan) -> dict[str, dict[str, str]]:
    """By "sources", "drivings" and "backgrounds", each file's name to what it is known again by.

    Args:
        plan: What is made. A file that cannot be read, and one with an address, has no state.
    """
    groups = {"sources": plan.sources, "drivings": plan.drivings, "backgrounds": plan.backgrounds}
    return {
        what: {one.name: state for one in listed if (state := _state(one.place))} for what, listed in groups.items()
    }


def check_inputs(storage: Storage, states: dict[str, dict[str, str]], rows: Iterable[Row]) -> None:
    """Make sure that results that are there are of the files as they are now; what failed may have been mended.

    Args:
        storage: The data set's.
        states: From ``file_states``.
        rows: Of what is done.

    Raises:
        InputError: A file of which something was made has changed.
        MediaError: They cannot be read or written.
    """
    before = _noted(storage, INPUTS)
    if before == states:
        return
    was = {what: before.get(what, {}) for what in states} if before else {}
    changed = {
        what: {name for name, state in was.get(what, {}).items() if states[what].get(name, state) != state}
        for what in states
    }
    if any(changed.values()):
        _check_unused(changed, rows)
        storage.remove(f"{WORK}/{FOUND}")  # of drivings as they were
    # A file that is not there just now stays known.
    storage.write(INPUTS, as_json({what: {**was.get(what, {}), **now} for what, now in states.items()}).encode())


def _check_unused(changed: dict[str, set[str]], rows: Iterable[Row]) -> None:
    for row in rows:
        if row.status == FAILED:
            continue
        behind = json.loads(row.parameters).get("background") if row.parameters and changed["backgrounds"] else None
        for name, what in ((row.source, "sources"), (row.driving, "drivings"), (behind, "backgrounds")):
            if name in changed[what]:
                raise InputError(
                    f"A file has changed since results were made of it, one of the {what}",
                    got=f"{name}, of which {row.key} is",
                    expected="the same file",
                    todo="Put the old one back, or give another folder",
                )


def _state(place: str | Path) -> str:
    """Sizes, and a hash of beginning and end; of a folder of pictures, of all of them."""
    if is_address(place):
        return ""
    digest, size = hashlib.sha256(), 0
    try:
        path = Path(place)
        for file in sorted(one for one in path.iterdir() if one.is_file()) if path.is_dir() else [path]:
            length = file.stat().st_size
            with file.open("rb") as stream:
                digest.update(file.name.encode(errors="surrogateescape") + stream.read(ENDS))
                stream.seek(max(length - ENDS, 0))
                digest.update(stream.read(ENDS))
            size += length
    except (OSError, ValueError):
        return ""
    return f"{size}:{digest.hexdigest()[:16]}"


def _noted(storage: Storage, name: str) -> dict[str, Any] | None:
    """What is in a file of the folder of work; None where it is not there."""
    known = storage.read(name)
    if known is None:
        return None
    try:
        found = jsontext.parse(known.decode())
    except ValueError as error:
        raise _damaged(storage, name, error) from None
    if not isinstance(found, dict):
        raise _damaged(storage, name, "no object")
    return found


def _damaged(storage: Storage, name: str, reason: object) -> MediaError:
    todo = "Delete the data set to begin anew, or give another folder"
    return MediaError("A data set's own file is damaged", got=f"{storage.root}/{name} ({reason})", todo=todo)


def _values(options: Any) -> list[tuple[str, Any]]:
    return [(field.name, getattr(options, field.name)) for field in fields(options)]


def _plain(value: Any) -> Any:
    """A value as JSON gives it back."""
    return json.loads(json.dumps(value, default=str))


def _digest(pairs: Sequence[int]) -> str:
    if isinstance(pairs, range):
        return "all"
    return hashlib.sha256(",".join(map(str, pairs)).encode()).hexdigest()[:12]


def _difference(name: str, before: Any, now: Any) -> str:
    if isinstance(before, list) and isinstance(now, list):
        new = [value for value in now if value not in set(map(str, before))]
        gone = [value for value in before if value not in set(map(str, now))]
        parts = [f"{len(now)} {_short(name)} (before {len(before)})"]
        parts += [f"new {_short(new[0])}"] if new else []
        parts += [f"without {_short(gone[0])}"] if gone else []
        return ", ".join(parts)
    return f"{_short(name)} {_short(now)} (before {_short(before)})"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
