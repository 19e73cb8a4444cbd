"""The message that shows the panel's page an open input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from motionkit.media.jpeg import encode_jpeg
from motionkit.samples import SAMPLES
from motionkit.widgets.preview import InputView

__all__ = ["described"]

THUMBNAIL = 480  # pixels, the longer side


def described(role: str, path: Path, view: InputView) -> tuple[dict[str, Any], bytes]:
    """The message about an input, and its thumbnail as JPEG."""
    from PIL import Image

    height, width = view.picture.shape[:2]
    picture = Image.fromarray(view.picture)
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    content = {
        "kind": "input",
        "role": role,
        "name": path.name,
        "path": str(path),
        "sample": next((sample.title for sample in SAMPLES if sample.role == role and sample.path() == path), None),
        "width": width,
        "height": height,
        "boxes": [box.edges for box in view.boxes],
        "frames": view.frames,
        "fps": view.fps,
    }
    return content, encode_jpeg(np.asarray(picture))
