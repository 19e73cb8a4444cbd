"""What tests of the benchmark share."""

from __future__ import annotations

import pytest

from motionkit.weights import checkpoints
from tests.support.networks import seeded_model, tiny_config


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A weights file of a network that runs in milliseconds."""
    folder = tmp_path_factory.mktemp("tiny")
    reference = seeded_model(tiny_config())
    states = {"generator": reference.generator.state_dict(), "kp_detector": reference.kp_detector.state_dict()}
    return str(checkpoints.save(folder / "tiny.safetensors", **states, config=reference.config, metadata={}))
