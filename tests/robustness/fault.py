"""What a fault is: something made, how it is given to motionkit, and the exact class of what must come of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from motionkit import errors
from motionkit.errors import MotionkitError

__all__ = ["NOTHING", "Call", "Category", "Fault", "Place", "Refused", "Skipped", "UsageError", "Works"]

Call = Callable[[], Any]
"""Gives what was made to motionkit; returns what came of it, or raises."""
LINE = 700  # characters that one line for a user may have


NOTHING = {"seconds": 0.0, "megabytes": 0.0, "skipped": None}
"""What is said of a fault that was not tried."""


class Skipped(Exception):
    """A fault cannot be made here; says why."""


class UsageError(MotionkitError):
    """A mistake that the command line's parser says itself."""


@dataclass(frozen=True)
class Place:
    """The folders of one fault.

    Attributes:
        given: What is given lies here; it is also the working folder.
        out: Where results go.
    """

    given: Path
    out: Path


@dataclass(frozen=True)
class Works:
    """A result comes of it.

    Attributes:
        check: Called with what the call returned; raises AssertionError unless the result is as it has to be.
        warns: Patterns, one for each warning that the user gets; there is no other.
        may_warn: Patterns of warnings that the user may get too.
        leaves: Names below the place that are there afterwards and were not before.
    """

    check: Callable[[Any], None]
    warns: tuple[str, ...] = ()
    may_warn: tuple[str, ...] = ()
    leaves: tuple[str, ...] = ()

    def judge_warnings(self, warnings: Sequence[str]) -> None:
        """Raise AssertionError unless the warnings are those that were expected."""
        for text in warnings:
            assert any(re.search(pattern, text) for pattern in (*self.warns, *self.may_warn)), (
                f"unexpected warning: {text}"
            )
        for pattern in self.warns:
            assert any(re.search(pattern, text) for text in warnings), f"no warning {pattern!r} among {warnings}"


@dataclass(frozen=True)
class Refused:
    """An error comes of it, in one line.

    Attributes:
        error: Its class.
        names: What the line names: the file or the option.
        says: A pattern that the line holds.
        leaves: As for ``Works``.
    """

    error: type[MotionkitError]
    names: str
    says: str
    leaves: tuple[str, ...] = ()

    def judge(self, error: MotionkitError) -> None:
        """Raise AssertionError unless this is the error, in one line of what, got, expected and what to do."""
        text = str(error)
        family = next(kind for kind in type(error).__mro__ if kind is UsageError or kind.__name__ in errors.__all__)
        assert family is self.error, f"{family.__name__} instead of {self.error.__name__}: {text}"
        assert len(text.splitlines()) == 1 and text.isprintable(), f"not one line: {text!r}"
        assert len(text) <= LINE, f"{len(text)} characters: {text[:200]}"
        assert self.names in text, f"{self.names!r} is not named: {text}"
        assert re.search(self.says, text), f"{self.says!r} is not said: {text}"


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        category: What kind of thing is wrong.
        name: What is wrong, in words.
        make: Makes it in a place and returns how it is given.
        outcome: What must come of it.
        seconds: In which the call has ended.
        megabytes: By which the call may raise the memory in use.
        needs: Why it cannot be tried here, or None if it can.
        quick: Whether it is tried in the quick part too.
    """

    category: str
    name: str
    make: Callable[[Place], Call]
    outcome: Works | Refused
    seconds: float = 20.0
    megabytes: int = 300
    needs: Callable[[], str | None] = lambda: None
    quick: bool = False

    @property
    def id(self) -> str:
        """Its name in a report of tests."""
        return f"{self.category}: {self.name}"


@dataclass
class Category:
    """Faults of one kind, in the order in which they are told.

    Attributes:
        name: What is wrong with them.
        faults: Each with a name of its own.
        bounds: Time and memory that differ from a Fault's for all of them.
    """

    name: str
    faults: list[Fault] = field(default_factory=list)
    bounds: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, make: Callable[[Place], Call], outcome: Works | Refused, **changes: Any) -> None:
        """Add a fault."""
        assert all(fault.name != name for fault in self.faults), f"{name} is there already"
        self.faults.append(Fault(self.name, name, make, outcome, **{**self.bounds, **changes}))
