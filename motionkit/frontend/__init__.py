"""The browser's side of the widgets: JavaScript modules and style sheets, shipped as they are written.

``shared`` is what both widgets use, ``panel`` and ``webcam`` are one widget each. Pictures travel to it as JPEG.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from motionkit.frontend.linker import link

if TYPE_CHECKING:
    import numpy as np

__all__ = ["jpeg", "script", "style"]

FOLDER = Path(__file__).parent
JPEG_QUALITY = 90


def script(entry: str) -> str:
    """The JavaScript module of this name, such as ``panel/panel``, linked with all that it imports."""
    return link(f"{entry}.js", FOLDER)


def style(*names: str) -> str:
    """The style sheets of these names, one after the other."""
    return "\n".join((FOLDER / f"{name}.css").read_text(encoding="utf-8") for name in names)


def jpeg(frame: np.ndarray, quality: int = JPEG_QUALITY) -> bytes:
    """An H W 3 uint8 frame as the bytes of a JPEG file."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(frame).save(out, "JPEG", quality=quality)
    return out.getvalue()
