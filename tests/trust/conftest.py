"""A cache of their own for tests that make keys, and what they sign."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from motionkit.trust import keys, manifests


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _own_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTIONKIT_CACHE", str(cache))
    for variable in (keys.CERTIFICATE, keys.KEY, manifests.ANCHORS):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def frame() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (64, 48, 3), dtype=np.uint8)
