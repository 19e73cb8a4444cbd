"""Many animations and live frames in one process: memory, handles, threads and objects stay as they are."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.robustness import soak
from tests.support.clips import run
from tests.support.places import ROOT

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only Linux tells what a process holds")


@pytest.mark.slow
@pytest.mark.parametrize("call", ["soak.animations(63, 21, folder)", "soak.live_frames(20 * soak.FPS, 25, folder)"])
def test_nothing_rises(call: str, tmp_path: Path) -> None:
    # A process of its own: what other tests hold and let go of would be seen here.
    code = (
        "import sys, torch\nfrom pathlib import Path\nfrom tests.robustness import soak\n"
        f"torch.set_num_threads(1)\nfolder = Path(sys.argv[1])\nseries = {call}\n"
        "print(series)\nprint(*series.risen(), sep='\\n')"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        with run(code, tmp_path) as process:
            said, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    table, _, risen = said.rpartition("|\n")
    assert table.count("\n") >= 5 and not risen.strip(), said


@contextmanager
def measured(leak: Callable[[int], object]) -> Iterator[soak.Series]:
    gc.collect()
    series = soak.Series("steps")
    for done in range(9):
        leak(done)
        series.take(done)
    yield series


@pytest.mark.robustness
def test_leaks_are_seen(tmp_path: Path) -> None:
    held: list[object] = []
    stop = threading.Event()

    def thread(_: int) -> None:
        held.append(threading.Thread(target=stop.wait))
        held[-1].start()  # type: ignore[attr-defined]

    leaks: dict[str, Callable[[int], object]] = {
        "megabytes": lambda n: held.append(np.full(1 << 20, n, np.uint8)),
        "handles": lambda n: held.append((tmp_path / str(n)).open("w")),
        "objects": lambda _: held.extend([{}, []] for _ in range(50)),
        "threads": thread,
    }
    try:
        for name, leak in leaks.items():
            with measured(leak) as series:
                assert any(said.startswith(name) for said in series.risen()), (name, str(series))
        with measured(lambda _: None) as series:
            assert not series.risen()
    finally:
        stop.set()
        for thing in held:
            if isinstance(thing, threading.Thread):
                thing.join()
            elif hasattr(thing, "close"):
                thing.close()
