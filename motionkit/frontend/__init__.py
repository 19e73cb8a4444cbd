"""The browser's side of the widgets: plain JavaScript and CSS, no build step.

A widget hands the browser one module: parts that only define functions, then the file whose default export anywidget
calls. Parts share one scope, so that their names must differ. Pictures travel to it as JPEG.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

__all__ = ["jpeg", "script", "style"]

FOLDER = Path(__file__).parent
JPEG_QUALITY = 90


def script(*names: str) -> str:
    """The JavaScript files of these names, one after the other: parts first, the one with the default export last."""
    return "\n".join((FOLDER / f"{name}.js").read_text(encoding="utf-8") for name in names)


def style(*names: str) -> str:
    """The style sheets of these names, one after the other."""
    return "\n".join((FOLDER / f"{name}.css").read_text(encoding="utf-8") for name in names)


def jpeg(frame: np.ndarray, quality: int = JPEG_QUALITY) -> bytes:
    """An H W 3 uint8 frame as the bytes of a JPEG file."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(frame).save(out, "JPEG", quality=quality)
    return out.getvalue()
