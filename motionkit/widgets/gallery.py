"""The panel's samples as pictures: what is offered, where it comes from, and a small picture of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

from motionkit import media
from motionkit.frames import Frame
from motionkit.media.jpeg import encode_jpeg
from motionkit.samples import SAMPLES, Sample
from motionkit.widgets.uploads import Send
from motionkit.widgets.worker import Task

__all__ = ["ROLES", "Gallery", "offered"]

ROLES = ("source", "driving")
SIDE = 96  # pixels of a small picture
MOMENTS = 10  # of a clip, side by side: the page plays them


class Gallery:
    """Sends the small pictures to a page that asks for them.

    Args:
        send: The widget's ``send(content, buffers)``.
        ask: As ``Worker.ask``.

    Attributes:
        handlers: What is done with each kind of message.
    """

    def __init__(self, send: Send, ask: Callable[[str, Task], None]) -> None:
        self._send: Send = send
        self.handlers: Mapping[str, Callable[[dict[str, Any]], None]] = {
            "thumbnails": lambda _: ask("thumbnails", self._show)
        }

    def _show(self) -> None:
        for role in ROLES:
            shown = [sample for sample in SAMPLES if sample.role == role]
            content = {"kind": "thumbnails", "role": role, "names": [sample.name for sample in shown]}
            self._send(content, [_thumbnail(sample) for sample in shown])


def offered() -> dict[str, list[dict[str, Any]]]:
    """The samples of each role as JSON: name, title, origin, and of how many moments the small picture is."""
    return {
        role: [
            {
                "name": sample.name,
                "title": sample.title,
                "origin": sample.origin,
                "moments": MOMENTS if role == "driving" else 1,
            }
            for sample in SAMPLES
            if sample.role == role
        ]
        for role in ROLES
    }


@cache
def _thumbnail(sample: Sample) -> bytes:
    """JPEG: a portrait small, or a clip's moments side by side."""
    if sample.role == "source":
        return encode_jpeg(_small(media.read_image(sample.path())))
    frames = list(media.open_clip(sample.path(), size=(SIDE, SIDE)))
    # The last moment lies before the end, so that a clip that ends as it begins does not halt there.
    return encode_jpeg(np.concatenate([frames[len(frames) * at // MOMENTS] for at in range(MOMENTS)], axis=1))


def _small(picture: Frame) -> Frame:
    from PIL import Image

    return np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.LANCZOS))
