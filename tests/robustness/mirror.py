"""A slow server on loopback with a file that stands for published weights, and how a process comes to fetch from it."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from motionkit.weights import checkpoints, store
from tests.support import loopback

__all__ = ["CONTENT", "FILE", "serve", "use"]

FILE = store.WEIGHTS["vox"].file
CONTENT = checkpoints.STACKED_START + random.Random(0).randbytes(600_000)
VARIABLE = "MOTIONKIT_TEST_MIRROR"
PAUSE = 0.05  # seconds after each 20 kB


@contextmanager
def serve() -> Iterator[None]:
    """Serve the file; processes that are started inside find it by ``use``."""
    with loopback.running() as mirror:
        os.environ[VARIABLE] = mirror.url("/vox", loopback.serving(CONTENT, pause=PAUSE))
        try:
            yield
        finally:
            del os.environ[VARIABLE]


def use() -> None:
    """Have this process fetch vox from there, where there is such a server."""
    if address := os.environ.get(VARIABLE):
        sha256 = hashlib.sha256(CONTENT).hexdigest()
        entry = replace(store.WEIGHTS["vox"], mirrors=(address,), sha256=sha256, bytes=len(CONTENT))
        store.WEIGHTS = {**store.WEIGHTS, "vox": entry}  # type: ignore[misc]
