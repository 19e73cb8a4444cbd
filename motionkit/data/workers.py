"""Worker processes that decode: begun without a copy of this process, and heard when they warn.

A process that is forked after FFmpeg or PyTorch have started threads waits for ever for those that it did not get. So
workers are forked from a server that was started for that alone and never has threads.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import BaseContext
from typing import Any

from motionkit.errors import MotionkitWarning

__all__ = ["begin_worker", "clean_start", "heard", "worker_context"]

# Imported once by the server, so that its workers begin at once; the latter makes it outlive a signal to the group.
PRELOADED = ["motionkit.data.pairs", "motionkit.data.multiplication.media_work", "motionkit.data.worker_server"]

_lock = threading.Lock()
_heard: list[str] = []


def worker_context() -> BaseContext:
    """How worker processes are started: by a server, or where there is none, anew."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


@contextmanager
def clean_start() -> Iterator[None]:
    """Start processes inside that do not run this process's script again, whatever it does at its top level."""
    with _lock:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = types.ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


def begin_worker(_: int) -> None:
    """Prepare a worker: its main process ends it, no signal to both; what it warns of is kept for ``heard``."""
    # One that is killed tells nobody, and the server lives for as long as a worker does.
    threading.Thread(target=_end_with_main, daemon=True).start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    warnings.simplefilter("always", MotionkitWarning)
    other = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if issubclass(category, MotionkitWarning):
            _heard.append(str(message))
        else:
            other(message, category, *where, **more)

    warnings.showwarning = show


def _end_with_main() -> None:
    """Wait until the process is gone that the worker works for, and end."""
    main = multiprocessing.parent_process()
    assert main is not None, "this is a worker"
    main.join()
    os._exit(1)


def heard() -> tuple[str, ...]:
    """What this worker has warned of since the last call."""
    said = tuple(dict.fromkeys(_heard))
    _heard.clear()
    return said
