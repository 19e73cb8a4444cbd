"""SIGKILL at any moment: targets whole or absent, caches and runs sound; a second run gives what one alone gives."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.robustness import kills
from tests.robustness.mirror import serve

SEED, EACH = 1, 10


@pytest.fixture(scope="module", autouse=True)
def _mirror() -> Iterator[None]:
    with serve():
        yield


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], kills.Undisturbed]:
    known: dict[str, kills.Undisturbed] = {}

    def run(name: str) -> kills.Undisturbed:
        if name not in known:
            folder = tmp_path_factory.mktemp("undisturbed") / name
            known[name] = kills.run_undisturbed(kills.PROCEDURES[name], folder)
        return known[name]

    return run


def kill(name: str, number: int, known: kills.Undisturbed, folder: Path) -> None:
    moment = random.Random(f"{SEED}:{name}:{number}").random()
    seconds = kills.kill_and_run_again(kills.PROCEDURES[name], known, folder, moment)
    assert 0 <= seconds <= known.seconds


@pytest.mark.slow
@pytest.mark.parametrize("name", ["animate", "fetch"])
def test_a_killed_command_leaves_nothing_half_and_runs_again(
    name: str, undisturbed: Callable[[str], kills.Undisturbed], tmp_path: Path
) -> None:
    kill(name, 0, undisturbed(name), tmp_path / "work")


@pytest.mark.robustness
@pytest.mark.parametrize("number", range(EACH))
@pytest.mark.parametrize("name", kills.PROCEDURES)
def test_at_any_other_moment_too(
    name: str, number: int, undisturbed: Callable[[str], kills.Undisturbed], tmp_path: Path
) -> None:
    kill(name, number, undisturbed(name), tmp_path / "work")


def test_what_is_not_sound_is_seen(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    fetch = kills.PROCEDURES["fetch"]
    fetch.check(tmp_path)
    (tmp_path / ".result.mp4.mk12-0.part.mp4").touch()
    fetch.check(tmp_path)
    (tmp_path / "cache" / f"{kills.FILE}.part").write_bytes(b"other")
    with pytest.raises(AssertionError):
        fetch.check(tmp_path)
    (tmp_path / "cache" / f"{kills.FILE}.part").unlink()
    (tmp_path / "result.tmp").touch()
    with pytest.raises(AssertionError, match=r"result.tmp was left behind"):
        fetch.check(tmp_path)


@pytest.mark.slow
def test_helpers_that_outlive_a_killed_command_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kills, "LINGER", 1.0)
    fork = "import os, time\nif os.fork() == 0: time.sleep(20); os._exit(0)\nprint('begun', flush=True); time.sleep(20)"
    monkeypatch.setattr(kills, "PROGRAM", fork)
    (tmp_path / "known-given").mkdir()
    known = kills.Undisturbed(tmp_path / "known", None, 1.0)
    with pytest.raises(AssertionError, match="are still there"):
        kills.kill_and_run_again(replace(kills.PROCEDURES["fetch"], words=()), known, tmp_path / "work", 0.2)
