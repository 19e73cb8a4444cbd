"""The cache folder is private: made so, kept so, or refused where others could exchange what is in it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from motionkit import weights
from motionkit.errors import WeightsError
from motionkit.weights import folder as folders
from motionkit.weights import store

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own cache folder, made with wider rights by something else."""
    monkeypatch.delenv("MOTIONKIT_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = weights.cache_folder()
    assert folder.parent == tmp_path
    folder.mkdir()
    return folder


@pytest.fixture
def chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "chosen"
    folder.mkdir()
    monkeypatch.setenv("MOTIONKIT_CACHE", str(folder))
    return folder


@pytest.mark.parametrize("before", [0o755, 0o775, 0o777, 0o1777, 0o700])
def test_the_own_cache_becomes_private(own: Path, before: int) -> None:
    own.chmod(before)
    (own / "vox-cpk.pth.tar").write_bytes(b"not the file")
    with pytest.raises(WeightsError, match="is not the file that it should be"):
        store.fetch("vox")
    assert mode(own) == 0o700


@pytest.mark.parametrize(("before", "accepted"), [(0o700, True), (0o755, True), (0o775, True), (0o757, False)])
def test_a_chosen_cache_stays_as_it_is(chosen: Path, before: int, accepted: bool) -> None:
    chosen.chmod(before)
    (chosen / "vox-cpk.pth.tar").write_bytes(b"not the file")
    reason = "is not the file that it should be" if accepted else r"Everyone can write.*mode 757.*chmod o-w"
    with pytest.raises(WeightsError, match=reason):
        store.fetch("vox")
    assert mode(chosen) == before


def test_a_cache_of_another_user_is_refused(chosen: Path, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = chosen.stat().st_uid
    for folder in (chosen, own):
        with monkeypatch.context() as patch:
            patch.setattr(os, "getuid", lambda: 12345)
            if owner != 0:  # the administrator's is accepted
                with pytest.raises(WeightsError, match=f"another user's.* of user {owner}"):
                    folders.check_private(folder)
        if owner == 0:
            os.chown(folder, 12345, -1)
            with pytest.raises(WeightsError, match=r"another user's.* of user 12345.*chown"):
                folders.check_private(folder)
            os.chown(folder, 0, -1)
        folders.check_private(folder)


def test_modes_that_mean_nothing_are_no_reason(chosen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a drive of Windows that is mounted, where everything has mode 777."""
    chosen.chmod(0o777)
    made = os.fstat

    def shown(number: int) -> os.stat_result:
        status = list(made(number))
        status[0] |= 0o777
        return os.stat_result(status)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fstat", shown)
        folders.check_private(chosen)
    with pytest.raises(WeightsError, match="Everyone can write"):
        folders.check_private(chosen)
    assert list(chosen.iterdir()) == []


def test_a_cache_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    folders.check_private(tmp_path / "no" / "such")
