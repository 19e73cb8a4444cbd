"""What a data set's folder was begun with, so that it is gone on with in the same way or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from motionkit.data.multiplication.motions import WORK
from motionkit.data.multiplication.options import MultiplyOptions
from motionkit.data.multiplication.plan import Plan
from motionkit.data.multiplication.rows import as_json
from motionkit.data.multiplication.storage import Storage
from motionkit.errors import InputError
from motionkit.model import Model

__all__ = ["check_same", "identity"]

FILE = f"{WORK}/arguments.json"
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
        "backgrounds": [Path(place).name for place in plan.backgrounds],
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


def check_same(storage: Storage, told: dict[str, Any]) -> None:
    """Note what a new folder is begun with; of one that was begun, make sure that it was with the same.

    Args:
        storage: The data set's.
        told: From ``identity``.

    Raises:
        InputError: Something differs, or the folder holds something else.
        MediaError: It cannot be read or written.
    """
    known = storage.read(FILE)
    if known is None:
        strange = [name for name in storage.names("") if name != WORK]
        if strange:
            raise InputError(
                "The folder holds no data set of motionkit",
                got=f"{storage.root} with {strange[0]}",
                expected="a new folder, or one that multiply began",
            )
        storage.write(FILE, as_json(told).encode())
        return
    before = json.loads(known)
    differing = [name for name in {**before, **told} if before.get(name) != told.get(name)]
    if differing:
        what = "; ".join(_difference(name, before.get(name), told.get(name)) for name in differing)
        raise InputError(
            "This data set was begun with other arguments",
            got=what,
            expected="the same",
            todo="Give another folder, or the arguments from before",
        )


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
        parts = [f"{len(now)} {name} (before {len(before)})"]
        parts += [f"new {_short(new[0])}"] if new else []
        parts += [f"without {_short(gone[0])}"] if gone else []
        return ", ".join(parts)
    return f"{name} {_short(now)} (before {_short(before)})"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
