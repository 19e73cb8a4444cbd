"""The slider panel: ``panel(model)``; needs ``motionkit[notebook]``. What it shows is found without a widget."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from motionkit.widgets.widget import Panel, panel

__all__ = ["Panel", "panel"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'motionkit.widgets' has no attribute {name!r}")
    value = getattr(importlib.import_module("motionkit.widgets.widget"), name)
    globals()[name] = value  # found at once from now on
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
