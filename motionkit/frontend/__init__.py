"""The browser's side of the widgets: JavaScript modules and style sheets, shipped as they are written.

``shared`` is what both widgets use, ``panel`` and ``webcam`` are one widget each. Pictures travel to it as JPEG.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from motionkit.frontend.linker import link

if TYPE_CHECKING:
    from motionkit.frames import Frame

__all__ = ["jpeg", "script", "style"]

FOLDER = Path(__file__).parent
JPEG_QUALITY = 90


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


def jpeg(frame: Frame, quality: int = JPEG_QUALITY) -> bytes:
    """Encode a frame as a JPEG file.

    Args:
        frame: H W 3 uint8.
        quality: 1 (worst) to 95 (best).
    """
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(frame).save(out, "JPEG", quality=quality)
    return out.getvalue()
