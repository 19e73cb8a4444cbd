"""Sample inputs that travel with the package: rendered driving clips, nobody's faces, and a free portrait."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

__all__ = ["SAMPLES", "Sample", "driving_clip", "portrait"]


def driving_clip(name: str = "driving") -> Path:
    """Path of a clip of a rendered head.

    Args:
        name: "driving", who talks, "expressions", "turns", of head and eyes, or "nod", which is shorter.
    """
    return Path(str(files("motionkit.samples") / f"{name}.mp4"))


def portrait() -> Path:
    """Path of scikit-image's astronaut, a NASA photograph in the public domain (Eileen Collins)."""
    return Path(str(files("skimage") / "data" / "astronaut.png"))


@dataclass(frozen=True)
class Sample:
    """An input to try things on.

    Attributes:
        role: Whether it is a source or a driving.
        title: What a menu calls it.
        path: Finds its file.
        code: A Python expression for the path, where ``samples`` is imported.
        whole: Whether the whole frame is what a model should see, so that no face need be looked for.
    """

    role: Literal["source", "driving"]
    title: str
    path: Callable[[], Path]
    code: str
    whole: bool = False


SAMPLES = (
    Sample("source", "Portrait", portrait, "samples.portrait()"),
    Sample("driving", "Talk (5 s)", driving_clip, "samples.driving_clip()", whole=True),
    Sample(
        "driving",
        "Expressions (5 s)",
        lambda: driving_clip("expressions"),
        'samples.driving_clip("expressions")',
        whole=True,
    ),
    Sample("driving", "Turns (5 s)", lambda: driving_clip("turns"), 'samples.driving_clip("turns")', whole=True),
    Sample("driving", "Nod (2 s)", lambda: driving_clip("nod"), 'samples.driving_clip("nod")', whole=True),
)
"""All samples, the first of each role being the one to begin with."""
