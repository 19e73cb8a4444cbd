"""The webcam: ``webcam(model)``, which needs ``motionkit[notebook]``; ``session`` and ``clip`` do without a widget."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from motionkit.live.widget import Webcam, webcam

__all__ = ["Webcam", "webcam"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'motionkit.live' has no attribute {name!r}")
    value = getattr(importlib.import_module("motionkit.live.widget"), name)
    globals()[name] = value  # found at once from now on
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
