"""Files on other machines, named by an address such as s3://bucket/folder; fsspec reads them."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from motionkit.errors import InputError, MediaError, MissingPackageError
from motionkit.media.collections import KIND_SUFFIXES, Kind, natural_order
from motionkit.wholefile import part_path

__all__ = ["fetch_file", "is_address", "list_addresses", "open_address"]

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


def is_address(place: object) -> bool:
    """Whether a text is an address rather than a path.

    Args:
        place: What was given for a file or folder.
    """
    return isinstance(place, str) and _SCHEME.match(place) is not None


def open_address(address: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it.

    Args:
        address: Such as s3://bucket/folder.

    Raises:
        MissingPackageError: No package for this kind of address is installed.
        InputError: The address cannot be used.
    """
    try:
        import fsspec
    except ImportError:
        raise MissingPackageError(
            "Addresses need another package", got=address, todo='Run: pip install "motionkit[multiply]"'
        ) from None
    try:
        system, path = fsspec.core.url_to_fs(address)
    except ImportError as error:
        raise MissingPackageError("This address needs another package", got=f"{address} ({error})") from None
    except (ValueError, OSError) as error:
        raise InputError("This address cannot be used", got=f"{address} ({error})") from None
    return system, path


def list_addresses(place: str, *, kind: Kind = "both", what: str = "files", also: Sequence[str] = ()) -> list[str]:
    """As ``list_files``, of an address: a folder's files, a glob's, or the one file itself.

    Args:
        place: The address.
        kind: What is looked for in folders and globs.
        what: What the files are called in errors.
        also: Further suffixes that are looked for.

    Returns:
        At least one address, in natural order.

    Raises:
        InputError: There are none.
        MediaError: The address cannot be read.
    """
    system, path = open_address(place)
    suffixes = (*KIND_SUFFIXES[kind], *also)
    try:
        if any(sign in path for sign in "*?["):
            found = system.glob(path)
        elif system.isdir(path):
            found = system.ls(path, detail=False)
        else:
            found = []
            if system.exists(path):
                return [place]
    except OSError as error:
        raise MediaError("The address cannot be read", got=f"{place} ({error})") from None
    names = [PurePosixPath(name) for name in found]
    kept = [name for name in names if name.suffix.lower() in suffixes and not name.name.startswith(".")]
    if not kept:
        raise InputError(f"There are no {what} here", got=place, expected=" ".join(suffixes))
    ordered = sorted(kept, key=lambda name: (natural_order(Path(name)), str(name)))
    return [str(system.unstrip_protocol(str(name))) for name in ordered]


def fetch_file(address: str, folder: Path) -> Path:
    """Copy a file from an address into a folder, whole or not at all, unless it is there already.

    Args:
        address: The file's.
        folder: Where copies are kept.

    Returns:
        The copy, which has the file's name.

    Raises:
        MediaError: It cannot be read, or the copy not be written.
    """
    system, path = open_address(address)
    kept = folder / hashlib.sha256(address.encode()).hexdigest()[:16]
    target = kept / PurePosixPath(path).name
    if target.exists():
        return target
    part = part_path(target)
    try:
        kept.mkdir(parents=True, exist_ok=True)
        system.get_file(path, str(part))
        os.replace(part, target)
    except OSError as error:
        raise MediaError("The file cannot be fetched", got=f"{address} ({error})") from None
    finally:
        part.unlink(missing_ok=True)
    return target
