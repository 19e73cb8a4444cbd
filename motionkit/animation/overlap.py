"""Work that goes on while the model computes: frames made ahead of their use, results written behind.

Each has one thread and a short queue, so that memory does not grow; decoding, resizing and encoding release the
interpreter's lock. Order is kept, and what fails in the thread is raised where the work was asked for.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Generic, TypeVar

__all__ = ["DEPTH", "Ahead", "Behind", "lagged"]

T = TypeVar("T")
DEPTH = 8  # items in a queue: two batches of a small model on a CPU
GLANCE = 0.1  # seconds between two looks at whether to stop


def lagged(items: Iterable[T], by: int) -> Iterator[T]:
    """Each item once the ``by`` next ones have been begun: what they began goes on meanwhile, on a GPU."""
    held: deque[T] = deque()
    try:
        for item in items:
            held.append(item)
            if len(held) > by:
                yield held.popleft()
    except Exception:
        yield from held  # what was made before it
        raise
    yield from held


class Ahead(Iterator[T], Generic[T]):
    """Iterates over ``items`` in a thread, at most ``depth`` items ahead; close it, or leave it as a context, to stop.

    Attributes:
        waited: Seconds that the user of the items has waited for them.
    """

    def __init__(self, items: Iterable[T], depth: int = DEPTH) -> None:
        self.waited = 0.0
        self._ready: queue.Queue[tuple[T] | BaseException | None] = queue.Queue(depth)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(items,), name="motionkit-ahead", daemon=True)
        self._thread.start()

    def __enter__(self) -> Ahead[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __next__(self) -> T:
        if self._stopped.is_set():
            raise StopIteration
        begin = time.perf_counter()
        item = self._ready.get()
        self.waited += time.perf_counter() - begin
        if isinstance(item, tuple):
            return item[0]
        self.close()
        if item is not None:
            raise item
        raise StopIteration

    def close(self) -> None:
        """Stop, and wait until ``items`` is closed: what it holds open is then free."""
        self._stopped.set()
        # The collector may free a half-read clip in the very thread that reads it.
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _work(self, items: Iterable[T]) -> None:
        iterator = iter(items)
        last: BaseException | None = None
        try:
            for item in iterator:
                if not self._put((item,)):
                    return
        except BaseException as error:  # raised again where the items are used
            last = error
        finally:
            # In this thread, which made what the generator holds.
            close = getattr(iterator, "close", None)
            if close is not None:
                close()
        self._put(last)

    def _put(self, item: tuple[T] | BaseException | None) -> bool:
        while not self._stopped.is_set():
            with suppress(queue.Full):
                self._ready.put(item, timeout=GLANCE)
                return True
        return False


class Behind(Generic[T]):
    """Hands items to ``work`` in a thread, in order, at most ``depth`` waiting; a context that ends when all is done.

    Left by an exception, it drops what waits. What ``work`` raises comes out of the next ``put``, or of the context.
    """

    def __init__(self, work: Callable[[T], None], depth: int = DEPTH) -> None:
        self._work = work
        self._waiting: queue.Queue[tuple[T] | None] = queue.Queue(depth)
        self._error: BaseException | None = None
        self._dropping = False
        self._thread = threading.Thread(target=self._run, name="motionkit-behind", daemon=True)

    def __enter__(self) -> Behind[T]:
        self._thread.start()
        return self

    def put(self, item: T) -> None:
        """Add an item; waits while the queue is full."""
        self._raise()
        self._waiting.put((item,))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._dropping = kind is not None
        self._waiting.put(None)
        self._thread.join()
        if kind is None:
            self._raise()

    def _run(self) -> None:
        while (item := self._waiting.get()) is not None:
            if self._error is not None or self._dropping:
                continue  # so that put never waits for a thread that has given up
            try:
                self._work(item[0])
            except BaseException as error:  # raised again by put or at the end
                self._error = error

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error
