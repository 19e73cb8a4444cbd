"""Training: ``train(config, data, output)``, its configuration and the recipes; needs ``motionkit[train]``."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from motionkit.errors import MissingPackageError

if TYPE_CHECKING:
    from motionkit.training.config import AugmentationConfig, DataConfig, LossConfig, TrainConfig
    from motionkit.training.presets import PRESETS, STARTS
    from motionkit.training.report import TrainProgress
    from motionkit.training.runs import read_config
    from motionkit.training.trainer import TrainResult, train

_HOME = {
    "AugmentationConfig": "config",
    "DataConfig": "config",
    "LossConfig": "config",
    "TrainConfig": "config",
    "PRESETS": "presets",
    "STARTS": "presets",
    "TrainProgress": "report",
    "read_config": "runs",
    "TrainResult": "trainer",
    "train": "trainer",
}

__all__ = [
    "PRESETS",
    "STARTS",
    "AugmentationConfig",
    "DataConfig",
    "LossConfig",
    "TrainConfig",
    "TrainProgress",
    "TrainResult",
    "read_config",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'motionkit.training' has no attribute {name!r}")
    try:
        value = getattr(importlib.import_module(f"motionkit.training.{_HOME[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name != "accelerate":
            raise
        raise MissingPackageError(
            "Training needs a package that is not installed", got=error.name, todo='pip install "motionkit[train]"'
        ) from error
    globals()[name] = value  # found at once from now on
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
