"""What the panel's page is told of an input that is open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from motionkit.frontend import jpeg
from motionkit.samples import SAMPLES
from motionkit.widgets.preview import InputView

__all__ = ["described"]

THUMBNAIL = 480  # pixels, the longer side


def described(role: str, path: Path, view: InputView) -> tuple[dict[str, Any], bytes]:
    """What the browser is told of an input, and its thumbnail."""
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
        "boxes": [[box.left, box.top, box.right, box.bottom] for box in view.boxes],
        "frames": view.frames,
        "fps": view.fps,
    }
    return content, jpeg(np.asarray(picture))
