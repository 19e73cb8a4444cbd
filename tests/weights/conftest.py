"""A server to fetch from, and where what is fetched belongs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.loopback import Mirror, running


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with running() as server:
        yield server


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "model.pth.tar"
