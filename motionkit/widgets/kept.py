"""Values that are made once and kept while their key stays the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

__all__ = ["Kept"]

T = TypeVar("T")


class Kept(Generic[T]):
    """The value made for the latest key.

    Args:
        close: Called with a value that is no longer wanted.
    """

    def __init__(self, close: Callable[[T], None] = lambda _: None) -> None:
        self._close = close
        self._held: tuple[tuple[Any, ...], T] | None = None

    def get(self, *key: Any, make: Callable[[], T]) -> T:
        """The value that is held if it was made for this key; else what ``make`` gives, from now on."""
        if self._held is None or self._held[0] != key:
            self.drop()  # what is no longer wanted goes before the new one is made
            self._held = (key, make())
        return self._held[1]

    def drop(self) -> None:
        """Let go of the value."""
        held, self._held = self._held, None
        if held is not None:
            self._close(held[1])
