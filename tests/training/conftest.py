"""Clips to train on, and a run that nothing interrupted."""

from __future__ import annotations

from pathlib import Path

import pytest

from motionkit.training import train
from tests.support.training_runs import make_clips, small_run


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="session")
def whole(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    train(small_run(), clips, folder, device="cpu", progress=False)
    return folder
