"""Long work counted: a bar or a callback with the rate and the remaining time, and a way to stop it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from motionkit.errors import AnimationCancelled, InputError
from motionkit.structures import Progress

__all__ = ["Meter", "ProgressLike"]

ProgressLike = bool | Callable[[Progress], None]


class Meter:
    """Counts items, shows or reports the rate and remaining time, and stops when asked to; a context.

    Args:
        total: Items in all, None if unknown.
        progress: True shows a bar; or a function called with a Progress after each step.
        cancel: AnimationCancelled is raised at the next step once this is set.
        what: Stands before the bar.
        unit: What an item is called.

    Attributes:
        done: Items counted.

    Raises:
        InputError: ``progress`` is neither a flag nor a function.
    """

    def __init__(
        self,
        total: int | None,
        progress: ProgressLike,
        cancel: threading.Event | None = None,
        *,
        what: str = "Animating",
        unit: str = "frame",
    ) -> None:
        if not isinstance(progress, bool) and not callable(progress):
            expected = "True, False, or a function that takes a Progress"
            raise InputError("progress is neither a flag nor a function", got=repr(progress), expected=expected)
        self.done, self.total = 0, total
        self._cancel = cancel
        self._started = time.monotonic()
        self._report = progress if callable(progress) else None
        self._shown = progress is True
        self._what, self._unit = what, unit
        self._bar: Any = None

    def __enter__(self) -> Meter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def step(self, count: int = 1) -> None:
        """Count more items.

        Args:
            count: How many.

        Raises:
            AnimationCancelled: ``cancel`` is set.
        """
        self.done += count
        if self._shown:
            self._shown_bar().update(count)
        if self._report is not None:
            elapsed = max(time.monotonic() - self._started, 1e-9)
            self._report(Progress(done=self.done, total=self.total, rate=self.done / elapsed))
        if self._cancel is not None and self._cancel.is_set():
            raise AnimationCancelled(self.done, self.total)

    def _shown_bar(self) -> Any:
        """The bar, made at the first step: a mistake reported before it stays one clean line."""
        if self._bar is None:
            from tqdm.auto import tqdm

            self._bar = tqdm(total=self.total, unit=self._unit, desc=self._what)
            self._bar.start_t -= time.monotonic() - self._started
        return self._bar
