"""motionkit: bring a still picture to life with another clip's motion.

The verbs and types load what they need when first touched; importing the package loads nothing heavy.
"""

from typing import Any

import lazy_loader

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("motionkit")
    return _load(name)
