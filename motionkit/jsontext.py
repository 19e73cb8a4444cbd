"""JSON from files, servers and the command line."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["parse"]

DEPTH = 100  # of lists and objects inside one another; what is deeper could not even be shown in an error


def parse(text: str | bytes) -> Any:
    """What a JSON text says.

    Args:
        text: The text, or its UTF-8, UTF-16 or UTF-32.

    Raises:
        ValueError: It is none, or holds more lists and objects inside one another than ``DEPTH``.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise _too_deep() from None
    level = [value]
    for _ in range(DEPTH):
        inner = [part for part in level if isinstance(part, (list, dict))]
        level = [part for group in inner for part in (group.values() if isinstance(group, dict) else group)]
        if not level:
            return value
    raise _too_deep()


def _too_deep() -> ValueError:
    return ValueError(f"more than {DEPTH} lists and objects inside one another")
