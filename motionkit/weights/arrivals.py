"""What a server sends, as long as it comes in time: fetched by a thread of its own, left behind when it stalls.

A connection's own timeout starts anew with every byte, in headers too: a server that sends one now and then, by mistake
or on purpose, would keep a download waiting for weeks.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator
from typing import Generic, TypeVar

__all__ = ["Arrivals", "StalledError"]

Item = TypeVar("Item")
_WAITING = 4  # pieces that are held until they are taken


class StalledError(Exception):
    """Nothing has arrived for too long."""


class _LeftError(BaseException):
    """Ends the fetching thread: nobody takes what it fetches any more. No handler of errors is to catch it."""


class Arrivals(Generic[Item]):
    """Iterate over what ``fetch`` puts, in the thread of its own that it runs in.

    Args:
        fetch: Called with a function that takes one item after the other; what it raises, the iteration raises.
        seconds: In which items of a weight of 1 in all have to come.
        weigh: An item's weight, so that many small pieces get no more time than a large one; None is 1 for each.
    """

    def __init__(
        self,
        fetch: Callable[[Callable[[Item], None]], None],
        seconds: float,
        weigh: Callable[[Item], float] | None = None,
    ) -> None:
        self._fetch, self._seconds, self._weigh = fetch, seconds, weigh
        self._queue: queue.Queue[tuple[Item | None, BaseException | None]] = queue.Queue(_WAITING)
        self._left = threading.Event()

    def __iter__(self) -> Generator[Item]:
        """Yield the items.

        Raises:
            StalledError: They did not come in time.
        """
        threading.Thread(target=self._run, name="motionkit download", daemon=True).start()
        came, end = 0.0, time.monotonic() + self._seconds
        try:
            while True:
                try:
                    item, error = self._queue.get(timeout=max(end - time.monotonic(), 0))
                except queue.Empty:
                    raise StalledError from None
                if error is not None:
                    raise error
                if item is None:
                    return
                came += 1 if self._weigh is None else self._weigh(item)
                if came >= 1:
                    came, end = 0.0, time.monotonic() + self._seconds
                yield item
        finally:
            self._left.set()

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            self._fetch(lambda item: self._put(item, None))
        except _LeftError:
            return
        except BaseException as raised:
            error = raised
        try:
            self._put(None, error)
        except _LeftError:
            return

    def _put(self, item: Item | None, error: BaseException | None) -> None:
        while not self._left.is_set():
            try:
                return self._queue.put((item, error), timeout=0.1)
            except queue.Full:
                continue
        raise _LeftError
