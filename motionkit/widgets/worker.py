"""One thread for a widget's work, so that its messages are handled meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["Superseded", "Worker", "view_of"]

Task = Callable[[], None]


class Superseded(Exception):
    """A newer request makes this one pointless."""


class Worker:
    """Does what was asked for, one thing at a time; of requests of one kind that wait, only the newest.

    Args:
        idle: A small piece of background work, done when nothing is asked for; False when none is left.
        failed: Called with what a task or the background work raised; the worker goes on.
        ended: Called at the end, in the thread.
    """

    def __init__(
        self, idle: Callable[[], bool], failed: Callable[[Exception], None], ended: Task = lambda: None
    ) -> None:
        self._idle, self._failed, self._ended = idle, failed, ended
        self._tasks: dict[str, Task] = {}  # in the order of asking
        self._changed = threading.Condition()
        self._stopped = False
        self._thread: threading.Thread | None = None

    def ask(self, kind: str, task: Task) -> None:
        """Do ``task`` soon, instead of a waiting one of the same kind."""
        with self._changed:
            self._tasks.pop(kind, None)
            self._tasks[kind] = task
            if self._thread is None and not self._stopped:
                self._thread = threading.Thread(target=self._run, name="motionkit-worker", daemon=True)
                self._thread.start()
            self._changed.notify()

    def waits(self) -> bool:
        """Whether something is asked for and not begun."""
        return bool(self._tasks)

    def stop(self) -> None:
        """End after the task in hand."""
        with self._changed:
            self._stopped = True
            self._tasks.clear()
            self._changed.notify()

    def _run(self) -> None:
        more = True  # whether background work may be left
        while True:
            with self._changed:
                while not self._tasks and not more and not self._stopped:
                    self._changed.wait()
                if self._stopped:
                    break
                task = self._tasks.pop(next(iter(self._tasks))) if self._tasks else None
            # A thread's last line of defence: whatever goes wrong is reported, and the next request is served.
            try:
                if task is None:
                    more = self._idle()
                else:
                    task()
                    more = True
            except Exception as error:
                more = task is not None
                self._failed(error)
        self._ended()


def view_of(content: Mapping[str, Any]) -> str:
    """Which of a panel's views asks: a newer request replaces those of its own view alone, each waits for an answer.

    Args:
        content: The request; its ``id`` is the view's own name, a hyphen and a number.
    """
    return str(content.get("id", "")).rpartition("-")[0]
