"""The browser's side of the widgets: plain JavaScript and CSS, no build step.

A widget hands the browser one module: parts that only define functions, then the file whose default export anywidget
calls. Parts share one scope, so that their names must differ.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["script", "style"]

FOLDER = Path(__file__).parent


def script(*names: str) -> str:
    """The JavaScript files of these names, one after the other: parts first, the one with the default export last."""
    return "\n".join((FOLDER / f"{name}.js").read_text(encoding="utf-8") for name in names)


def style(*names: str) -> str:
    """The style sheets of these names, one after the other."""
    return "\n".join((FOLDER / f"{name}.css").read_text(encoding="utf-8") for name in names)
