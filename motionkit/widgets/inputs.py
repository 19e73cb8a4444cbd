"""The panel's inputs: which samples it offers, and what its page is told of an input that is open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from motionkit import samples
from motionkit.frontend import jpeg
from motionkit.widgets.preview import InputView

__all__ = ["SAMPLES", "described"]

THUMBNAIL = 480  # pixels, the longer side
SAMPLES: dict[str, dict[str, Callable[[], Path]]] = {
    "source": {"Portrait": samples.portrait},
    "driving": {"Talk (5 s)": samples.driving_clip, "Nod (2 s)": lambda: samples.driving_clip("nod")},
}


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
        "sample": next((name for name, find in SAMPLES[role].items() if find() == path), None),
        "width": width,
        "height": height,
        "boxes": [[box.left, box.top, box.right, box.bottom] for box in view.boxes],
        "frames": view.frames,
        "fps": view.fps,
    }
    return content, jpeg(np.asarray(picture))
