"""The browser's side of a panel, without a browser."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from motionkit.widgets.panel import SliderPanel

PATIENCE = 30  # seconds


def until(condition: Callable[[], Any]) -> Any:
    """What the condition gives once it is true."""
    end = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.01)
    return value


class Page:
    """The browser's side of a panel."""

    def __init__(self, panel: SliderPanel) -> None:
        self.panel = panel
        self.got: list[tuple[dict[str, Any], list[bytes]]] = []
        panel.send = lambda content, buffers=(): self.got.append((content, list(buffers)))  # type: ignore[method-assign]
        for part in (panel._transfers, panel._poser, panel._exports, panel._gallery):
            part._send = panel.send

    def say(self, content: dict[str, Any], *buffers: bytes) -> None:
        self.panel._handle_custom_msg(content, list(buffers))

    def set(self, **changes: Any) -> None:
        """Move controls, as the browser syncs them."""
        self.panel.set_state({"settings": {**self.panel.settings, **changes}})

    def answers(self, kind: str) -> list[tuple[dict[str, Any], list[bytes]]]:
        return [item for item in list(self.got) if item[0]["kind"] == kind]

    def preview(self, key: str, index: int = 0) -> tuple[dict[str, Any], list[np.ndarray]]:
        self.say({"kind": "preview", "id": key, "index": index, "settings": self.panel.settings})
        content, parts = until(lambda: next((i for i in self.answers("preview") if i[0]["id"] == key), None))
        return content, [np.array(Image.open(io.BytesIO(part))) for part in parts]

    def error(self, words: str) -> None:
        until(lambda: self.panel.notice.get("level") == "error" and words in self.panel.notice["text"])
