"""Sample inputs that travel with the package: a rendered driving clip, nobody's face, and a free portrait."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

__all__ = ["driving_clip", "portrait"]


def driving_clip(name: str = "driving") -> Path:
    """Path of a rendered talking head: "driving" (some seconds) or "nod" (two)."""
    return Path(str(files("motionkit.samples") / f"{name}.mp4"))


def portrait() -> Path:
    """Path of scikit-image's astronaut, a NASA photograph in the public domain (Eileen Collins)."""
    return Path(str(files("skimage") / "data" / "astronaut.png"))
