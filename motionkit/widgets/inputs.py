"""The messages that show the panel's page an open input, and a frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from motionkit.media.jpeg import encode_jpeg
from motionkit.samples import SAMPLES
from motionkit.widgets.preview import InputView, PreviewFrame

__all__ = ["described", "previewed"]

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
        "sample": next((sample.name for sample in SAMPLES if sample.role == role and sample.path() == path), None),
        "width": width,
        "height": height,
        "boxes": [box.edges for box in view.boxes],
        "frames": view.frames,
        "fps": view.fps,
    }
    return content, encode_jpeg(np.asarray(picture))


def previewed(frame: PreviewFrame, key: Any, seconds: float) -> tuple[dict[str, Any], list[bytes]]:
    """The answer to a request for a frame, and its panels as JPEG.

    Args:
        frame: The answer.
        key: Of the request.
        seconds: That it took.
    """
    captions = [panel.caption for panel in frame.panels]
    content = {"kind": "preview", "id": key, "index": frame.index, "captions": captions, "seconds": seconds}
    return content, [encode_jpeg(panel.frame) for panel in frame.panels]
