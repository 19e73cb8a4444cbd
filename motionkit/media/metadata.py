"""Reading back the metadata of a file."""

from __future__ import annotations

from pathlib import Path

from motionkit.media.files import check_file
from motionkit.media.images import DESCRIPTION, open_picture, picture_kind
from motionkit.media.streams import damage, open_container

__all__ = ["read_metadata"]


def read_metadata(path: str | Path) -> dict[str, str]:
    """Read the metadata of a clip or picture: container tags, PNG text chunks, GIF comment, EXIF description.

    EXIF holds one text; ``write_image`` puts one "key: value" in each of its lines.

    Args:
        path: The file.

    Returns:
        Name to text.

    Raises:
        InputError: There is no such file, or it is a folder.
        MediaError: The file is empty or damaged, or may not be read.
    """
    file = check_file(path)
    if picture_kind(file) is None:
        with damage(file), open_container(file) as container:
            return {key.lower(): _readable(value) for key, value in container.metadata.items()}
    with open_picture(file) as picture:
        info = [(key, value) for key, value in picture.info.items() if isinstance(key, str)]
        tags = {key: _text(value) for key, value in info if isinstance(value, (str, bytes))}
        lines = _exif_text(picture.getexif().get(DESCRIPTION, "")).splitlines()
    pairs = (line.partition(": ") for line in lines)
    return {key: value for key, value in tags.items() if key != "exif"} | {key: value for key, _, value in pairs}


def _readable(text: str) -> str:
    """Lone surrogates, which stand for bytes that are no UTF-8, as replacement characters."""
    return text.encode("utf-8", errors="surrogateescape").decode("utf-8", errors="replace")


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


def _exif_text(value: str | bytes) -> str:
    """EXIF text is UTF-8 by custom; Pillow reads it as Latin-1."""
    try:
        return _text(value.encode("latin-1") if isinstance(value, str) else value)
    except UnicodeEncodeError:
        return str(value)
