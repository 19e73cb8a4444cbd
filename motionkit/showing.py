"""How values and results show themselves: in a line of text, and in a notebook as the clip or picture itself."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

__all__ = ["EMBEDDED", "described", "file_html", "file_line", "some"]

EMBEDDED = 10_000_000  # bytes of a file that a notebook takes in; as text it is a third longer
# What browsers show. QuickTime's container is MP4's parent, and they play it under that name.
VIDEOS = {".mp4": "video/mp4", ".mov": "video/mp4", ".webm": "video/webm"}
PICTURES = {
    ".gif": "image/gif",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
}


def described(name: str, *values: object, **fields: object) -> str:
    """A value's ``repr``: one line, in the form of the call that makes such a value.

    Args:
        name: Of its class.
        *values: Shown without a name.
        **fields: Shown with theirs, but for those that are None.
    """
    named = [f"{field}={_shown(value)}" for field, value in fields.items() if value is not None]
    return f"{name}({', '.join([*map(_shown, values), *named])})"


def some(names: Sequence[str], most: int = 3) -> str:
    """The first of some names, and how many more there are.

    Args:
        names: Any number of them.
        most: How many are named.
    """
    if not names:
        return "nothing"
    left = len(names) - most
    return ", ".join(names[:most]) + (f" and {left} more" if left > 0 else "")


def file_line(path: Path) -> str:
    """A file's path and size; of a folder, how many files it has.

    Args:
        path: Where it should be.
    """
    if path.is_dir():
        return f"{path}: {sum(one.is_file() for one in path.iterdir())} files"
    if not path.is_file():
        return f"{path} is not there any more"
    size = path.stat().st_size
    return f"{path}: {size / 1e6:.1f} MB" if size >= 100_000 else f"{path}: {size / 1e3:.0f} kB"


def file_html(path: Path, *lines: str, most: int = EMBEDDED) -> str:
    """A clip or picture as HTML that holds it, with its path and size below; without it where it is too large.

    Notebooks that are sent to others, and pages made of them, thus need no file beside them.

    Args:
        path: The file. What is a folder, gone, or of a kind that browsers do not show is told in words.
        *lines: More to say below it.
        most: Bytes of the largest file that is embedded.
    """
    suffix = path.suffix.lower()
    kind = VIDEOS.get(suffix) or PICTURES.get(suffix)
    small = kind is not None and path.is_file() and path.stat().st_size <= most
    shown = ""
    if kind and small:
        data = f'src="data:{kind};base64,{base64.b64encode(path.read_bytes()).decode("ascii")}"'
        named, style = html.escape(path.name), 'style="max-width: 100%"'
        if suffix in VIDEOS:
            shown = f'<video controls loop playsinline aria-label="{named}" {style} {data}></video>'
        else:
            shown = f'<img alt="{named}" {style} {data}>'
    elif kind and path.is_file():
        lines = (f"Too large to be shown here, more than {most / 1e6:g} MB.", *lines)
    said = "".join(f"<div>{html.escape(line)}</div>" for line in (file_line(path), *lines))
    return f'<figure class="mk-result" style="margin: 0">{shown}<figcaption>{said}</figcaption></figure>'


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Fraction):
        return str(value)
    return repr(str(value) if isinstance(value, Path) else value)
