"""What animations are made of here."""

from __future__ import annotations

import numpy as np
import pytest

from motionkit.model import Model
from tests.support.animations import drifting_noise
from tests.support.networks import tiny_model


@pytest.fixture(scope="module")
def model() -> Model:
    return tiny_model("f" * 64)


@pytest.fixture(scope="module")
def clip() -> np.ndarray:
    return drifting_noise()
