"""The browser's side of the widgets: JavaScript modules and style sheets, shipped as they are written.

``shared`` is what both widgets use, ``panel`` and ``webcam`` are one widget each.
"""

from __future__ import annotations

from pathlib import Path

from motionkit.frontend.linker import link

__all__ = ["script", "style"]

FOLDER = Path(__file__).parent


def script(entry: str) -> str:
    """Link a JavaScript module with all that it imports.

    Args:
        entry: The module's path below this folder, without the suffix, such as ``panel/panel``.
    """
    return link(f"{entry}.js", FOLDER)


def style(*names: str) -> str:
    """Join style sheets of this folder.

    Args:
        *names: Without the suffix.
    """
    return "\n".join((FOLDER / f"{name}.css").read_text(encoding="utf-8") for name in names)
