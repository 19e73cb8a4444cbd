"""Shared by all tests: seeds, golden outputs, what is skipped."""

from __future__ import annotations

import signal

import numpy as np
import pytest
import torch

from tests.support.places import GOLDEN

# A run that a shell put into the background ignores Ctrl-C, and so would every process that tests start and stop.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="needs a CUDA device, and none is here"))


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002  # for packages that draw from it


@pytest.fixture(scope="session")
def golden() -> dict[str, np.ndarray]:
    """What the published code gave for the vox configuration on seeded weights."""
    with np.load(GOLDEN / "vox-256.npz", allow_pickle=False) as file:
        return dict(file)
