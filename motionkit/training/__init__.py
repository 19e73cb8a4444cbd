"""Training: ``train(config, data, output)``, its configuration and the recipes; needs ``motionkit[train]``."""

from typing import Any

import lazy_loader

from motionkit.errors import MissingPackageError

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    try:
        return _load(name)
    except ModuleNotFoundError as error:
        if error.name != "accelerate":
            raise
        raise MissingPackageError(
            "Training needs a package that is not installed", got=error.name, todo='pip install "motionkit[train]"'
        ) from error
