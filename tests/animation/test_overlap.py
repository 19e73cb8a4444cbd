"""Threads beside the model: order, bounds, errors and ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from motionkit.animation.overlap import Ahead, Behind, lagged


def test_ahead_keeps_the_order_and_stays_within_its_depth() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for i in range(50):
            made.append(i)
            yield i

    with Ahead(items(), depth=3) as ahead:
        assert next(ahead) == 0
        time.sleep(0.2)
        assert len(made) <= 1 + 3 + 1  # taken, queued, and one that waits for room
        assert list(ahead) == list(range(1, 50))
        assert list(ahead) == []


@pytest.mark.alone
def test_ahead_works_while_its_user_works() -> None:
    def items() -> Iterator[int]:
        for i in range(10):
            time.sleep(0.03)
            yield i

    begin = time.perf_counter()
    with Ahead(items()) as ahead:
        for _ in ahead:
            time.sleep(0.03)
        assert time.perf_counter() - begin < 0.53  # 0.6 one after the other
        assert 0.02 < ahead.waited < 0.3


def test_ahead_raises_what_failed_where_it_is_used() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("frame 1 is broken")

    ahead = Ahead(items())
    assert next(ahead) == 1
    with pytest.raises(ValueError, match="frame 1 is broken"):
        next(ahead)
    assert list(ahead) == []


@pytest.mark.parametrize("taken", [0, 1, 5])
def test_ahead_closes_what_it_reads_in_the_thread_that_opened_it(taken: int) -> None:
    threads: list[threading.Thread] = []

    def items() -> Iterator[int]:
        threads.append(threading.current_thread())
        try:
            yield from range(1000)
        finally:
            threads.append(threading.current_thread())

    with Ahead(items(), depth=2) as ahead:
        for _ in range(taken):
            next(ahead)
        while not threads:  # it has begun
            time.sleep(0.01)
    opened, closed = threads
    assert opened is closed is not threading.current_thread()
    assert not opened.is_alive()


@pytest.mark.parametrize("by", [0, 1, 3, 9])
def test_lagged_items_come_once_others_have_begun(by: int) -> None:
    begun: list[int] = []

    def items() -> Iterator[int]:
        for i in range(5):
            begun.append(i)
            yield i
        raise ValueError("no more")

    seen = []
    with pytest.raises(ValueError, match="no more"):  # noqa: PT012  # the error comes after items, which are checked
        for item in lagged(items(), by):
            assert len(begun) == min(item + 1 + by, 5)
            seen.append(item)
    assert seen == list(range(5)), "an error comes after what was made before it"


def test_behind_does_all_in_order_before_it_ends() -> None:
    done: list[int] = []

    def work(item: int) -> None:
        time.sleep(0.002)
        done.append(item)

    with Behind(work, depth=4) as behind:
        for i in range(30):
            behind.put(i)
            assert i - len(done) <= 4 + 1 + 1  # queued, at work, and this one
    assert done == list(range(30))


def test_behind_raises_what_failed_and_does_nothing_after_it() -> None:
    done: list[int] = []

    def work(item: int) -> None:
        if item == 2:
            raise OSError("disk full")
        done.append(item)

    def all_of_them() -> None:
        with Behind(work, depth=1) as behind:
            for i in range(100):
                behind.put(i)

    with pytest.raises(OSError, match="disk full"):
        all_of_them()
    assert done == [0, 1]

    def the_last_one() -> None:
        with Behind(work, depth=8) as behind:
            behind.put(2)

    with pytest.raises(OSError, match="disk full"):
        the_last_one()


def test_behind_drops_what_waits_when_left_by_an_error() -> None:
    done: list[int] = []
    begun, go = threading.Event(), threading.Event()

    def work(item: int) -> None:
        begun.set()
        go.wait()
        done.append(item)

    def stopped() -> None:
        with Behind(work, depth=8) as behind:
            for i in range(5):
                behind.put(i)
            begun.wait()
            threading.Timer(0.1, go.set).start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert done == [0]
