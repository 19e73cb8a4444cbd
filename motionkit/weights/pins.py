"""Hashes of weights that nobody published: remembered when a file is first trusted, and asked for from then on."""

from __future__ import annotations

import json
from pathlib import Path

from motionkit import jsontext
from motionkit.errors import WeightsError
from motionkit.weights.partfile import is_own
from motionkit.wholefile import write_whole

__all__ = ["pin", "read_pins"]


def read_pins(path: Path) -> dict[str, str]:
    """File name to sha256, as they are remembered; none where there is no file.

    Args:
        path: The file of pins.

    Raises:
        WeightsError: It cannot be read, or is another user's.
    """
    if path.exists() and not is_own(path):  # whoever writes it decides what is trusted
        raise WeightsError("The pinned hashes are not this user's", got=path, todo="Look at it, and delete it")
    try:
        pins = jsontext.parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise WeightsError(f"Cannot read the pinned hashes in {path}: {error}", todo="Mend or delete it") from error
    if not isinstance(pins, dict) or not all(isinstance(pin, str) for pin in pins.values()):
        raise WeightsError(f"Cannot read the pinned hashes in {path}", todo="Mend or delete it")
    return pins


def pin(path: Path, file: str, sha256: str) -> None:
    """Remember a file's hash.

    Args:
        path: The file of pins.
        file: Name of the weights' file.
        sha256: Its hash.

    Raises:
        WeightsError: The pins cannot be read or written.
    """
    from filelock import FileLock

    try:
        with FileLock(f"{path}.lock"):
            text = json.dumps({**read_pins(path), file: sha256}, indent=1)
            write_whole(path, lambda part: part.write_text(text))
    except OSError as error:
        raise WeightsError(
            "The hash cannot be remembered",
            got=f"{path} ({error.strerror or error})",
            todo="Free some space on the disk",
        ) from error
