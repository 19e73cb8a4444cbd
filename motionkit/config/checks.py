"""Checks that hold fields of configurations and options to bounds, and how a value that breaks them is shown."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from motionkit.errors import ConfigError, InputError, MotionkitError
from motionkit.structures import Box

__all__ = [
    "as_tuple",
    "check_box",
    "check_choice",
    "check_fields",
    "check_flag",
    "check_number",
    "check_path",
    "check_same",
    "check_whole",
    "given_or_default",
    "shown",
    "take_group",
]

Options = TypeVar("Options")
SHOWN = 80  # characters of a value in an error
NAMED = 6  # of the values that are wrong
MAX_INDEX = 10**9
BOX_RANGE, MAX_BOX = (-(1 << 16), 1 << 16), 1 << 14  # pixels: where a box may lie, and its longest side


def check_number(
    name: str, value: Any, low: float, high: float, *, above: bool = False, error: type[MotionkitError] = InputError
) -> None:
    """Raise unless a value is a finite number within bounds.

    Args:
        name: The field's, for the message.
        value: What was given; a bool is no number.
        low: The least that is accepted.
        high: The most that is accepted.
        above: Whether ``low`` itself is too little.
        error: What is raised.

    Raises:
        InputError: Or what ``error`` says.
    """
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    # Compared before anything else is done with it: whole numbers may be too long to become a float or a text.
    if number and low <= value <= high and math.isfinite(value) and not (above and value == low):
        return
    least = f"above {low:g}, at most" if above else f"from {low:g} to"
    raise error(f"{name} is out of range", got=shown(value), expected=f"a number {least} {high:g}")


def check_whole(name: str, value: Any, low: int, high: int, *, error: type[MotionkitError] = InputError) -> None:
    """Raise unless a value is a whole number within bounds.

    Args:
        name: The field's, for the message.
        value: What was given; neither a bool nor a float is a whole number.
        low: The least that is accepted.
        high: The most that is accepted.
        error: What is raised.

    Raises:
        InputError: Or what ``error`` says.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise error(f"{name} is out of range", got=shown(value), expected=f"a whole number from {low} to {high}")


def shown(value: Any) -> str:
    """A value as an error shows it: its ``repr``, shortened; of numbers too long for Python to print, their length.

    Args:
        value: Anything.
    """
    if isinstance(value, int) and value.bit_length() > 1000:
        return f"a number of some {value.bit_length() * 3 // 10} digits"
    text = " ".join(repr(value).split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def check_same(
    what: str, now: Mapping[str, Any], before: Mapping[str, Any], *, todo: str, error: type[MotionkitError] = InputError
) -> None:
    """Raise unless settings are what they were.

    Args:
        what: What is said where they are not.
        now: Each one's name and value.
        before: The same, as a file may have it.
        todo: What to do then.
        error: What is raised; it names those that differ, or the first of them.
    """
    other = [name for name in {**now, **before} if now.get(name) != before.get(name)]
    if other:
        more = [f"{len(other) - NAMED} more"] if len(other) > NAMED else []
        pairs = [_apart(now.get(name), before.get(name)) for name in other[:NAMED]]
        got, expected = (
            ", ".join([f"{name[:SHOWN]} {text}" for name, text in zip(other, texts, strict=False)] + more)
            for texts in zip(*pairs, strict=True)
        )
        raise error(what, got=got, expected=expected, todo=todo)


def _apart(one: Any, other: Any) -> tuple[str, str]:
    """Two values that differ as ``shown`` has them; long ones that begin alike, from a little before they differ."""
    short = shown(one), shown(other)
    if short[0] != short[1] or not short[0].endswith("…"):
        return short
    texts = [" ".join(repr(value).split()) for value in (one, other)]
    alike = next((at for at, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), SHOWN)
    begin = max(alike - SHOWN // 2, 0)
    first, second = (f"…{text[begin : begin + SHOWN]}{'…' if len(text) > begin + SHOWN else ''}" for text in texts)
    return first, second


def check_box(name: str, box: Box | None) -> None:
    """Raise unless a box lies where pictures may be.

    Args:
        name: The option's, for the message.
        box: The box, or None.

    Raises:
        InputError: It lies too far away, or a side is too long.
    """
    if box is None:
        return
    if not isinstance(box, Box):
        raise InputError(f"{name} is no box", got=shown(box), expected="a motionkit.Box, or None")
    for side in ("left", "top", "right", "bottom"):
        check_whole(f"{name} {side}", getattr(box, side), *BOX_RANGE)
    for side in ("width", "height"):
        check_whole(f"{name} {side}", getattr(box, side), 1, MAX_BOX)
    check_number(f"{name} roll", box.roll, -180, 180)


def check_flag(name: str, value: Any) -> None:
    """Raise unless a value is True or False.

    Args:
        name: The option's, for the message.
        value: What was given; neither a text nor a number is a truth.

    Raises:
        InputError: It is something else.
    """
    if not isinstance(value, bool):
        raise InputError(f"{name} is neither True nor False", got=shown(value))


def check_path(name: str, value: Any) -> Path:
    """What was given for the path of a file or folder, as one.

    Args:
        name: What the path is called in the message.
        value: What was given: a text or a path.

    Raises:
        InputError: It is something else, such as None.
    """
    if not isinstance(value, (str, os.PathLike)) or not isinstance(os.fspath(value), str):
        raise InputError(f"The {name} is no path", got=shown(value), expected="a text or a pathlib.Path")
    return Path(value)


def check_choice(name: str, value: Any, choices: tuple[str, ...], *, or_index: bool = False) -> None:
    """Raise unless a value is one of the choices.

    Args:
        name: The option's, for the message.
        value: What was given.
        choices: What is accepted.
        or_index: Whether a whole number from 0 is too.

    Raises:
        InputError: It is none of them.
    """
    index = or_index and isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_INDEX
    if not index and not (isinstance(value, str) and value in choices):
        expected = ", ".join(repr(c) for c in choices) + (", or an index from 0" if or_index else "")
        raise InputError(f"Unknown {name}", got=shown(value), expected=expected)


def given_or_default(options: Options | None, kind: type[Options]) -> Options:
    """What a caller gave for options, None being the defaults.

    Args:
        options: The caller's.
        kind: Their class, which makes the defaults.

    Raises:
        InputError: They are something else, such as a dict.
    """
    if options is not None and not isinstance(options, kind):
        todo = f"Write {kind.__name__}(name=value, …)"
        raise InputError(f"options are no {kind.__name__}", got=shown(options), todo=todo)
    return kind() if options is None else options


def take_group(values: Any, name: str | None) -> dict[str, Any]:
    """A group of fields taken out of ``values``, as a dict of its own.

    Args:
        values: Nested groups of fields; the group is removed from it.
        name: The group's; None gives ``values`` itself.

    Raises:
        ConfigError: It is no group.
    """
    group = values if name is None else values.pop(name, {})
    if not isinstance(group, Mapping):
        raise ConfigError(f"{name or 'model_params'} is no group of fields", got=shown(group))
    return dict(group)


def as_tuple(name: str, values: Any) -> tuple[Any, ...]:
    """A list of a configuration as a tuple.

    Args:
        name: The field's, for the message.
        values: What was given.

    Raises:
        ConfigError: It is no list.
    """
    if not isinstance(values, (list, tuple)):
        raise ConfigError(f"{name} is no list", got=shown(values))
    return tuple(values)


def check_fields(cls: type, values: Mapping[str, Any], where: str) -> None:
    """Raise unless every key is a field of a dataclass.

    Args:
        cls: The dataclass.
        values: Field to value.
        where: The group's name, for the message.

    Raises:
        ConfigError: A key is no field.
    """
    known = {f.name for f in fields(cls)}
    if unknown := set(values) - known:
        raise ConfigError(
            f"Unknown field in {where}", got=shown(min(unknown, key=str)), expected=f"among {', '.join(sorted(known))}"
        )
