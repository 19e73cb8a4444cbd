"""Which versions of packages are installed."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

__all__ = ["installed", "own_version"]


def own_version() -> str | None:
    """Motionkit's own version; None where it runs from a folder that was not installed."""
    return installed(["motionkit"]).get("motionkit")


def installed(packages: Iterable[str]) -> dict[str, str]:
    """Look up Python's version and the packages' by name; packages that are not installed are left out."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
