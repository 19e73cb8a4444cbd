"""A small model and a clip of numbered frames."""

from __future__ import annotations

from pathlib import Path

import pytest

from motionkit.model import Model
from tests.support.live import named_model, numbered_clip


@pytest.fixture(scope="module")
def model() -> Model:
    return named_model()


@pytest.fixture
def numbered(tmp_path: Path) -> Path:
    """Ten frames at 20 a second."""
    return numbered_clip(tmp_path / "numbered.mp4")
