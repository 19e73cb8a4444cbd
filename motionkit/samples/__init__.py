"""Sample inputs that travel with the package: rendered clips and portraits, nobody’s faces, and a photograph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

from motionkit.errors import InputError

__all__ = ["SAMPLES", "Sample", "driving_clip", "portrait"]

ASTRONAUT = "NASA’s photograph of Eileen Collins, public domain"
RENDERED = "rendered, nobody’s face, CC0"


@dataclass(frozen=True)
class Sample:
    """An input to try things on.

    Attributes:
        role: Whether it is a source or a driving.
        name: What ``portrait`` or ``driving_clip`` takes.
        title: What a menu calls it.
        origin: Where it comes from, and under which terms it may be used.
        whole: Whether the whole frame is what a model should see, so that no face need be looked for.
    """

    role: Literal["source", "driving"]
    name: str
    title: str
    origin: str = RENDERED
    whole: bool = False

    def path(self) -> Path:
        """Find its file."""
        return portrait(self.name) if self.role == "source" else driving_clip(self.name)

    @property
    def code(self) -> str:
        """A Python expression for the path, where ``samples`` is imported."""
        verb = "portrait" if self.role == "source" else "driving_clip"
        first = next(sample for sample in SAMPLES if sample.role == self.role)
        return f"samples.{verb}()" if self == first else f'samples.{verb}("{self.name}")'


SAMPLES = (
    Sample("source", "astronaut", "Astronaut", ASTRONAUT),
    Sample("source", "freckles", "Freckles"),
    Sample("source", "glasses", "Glasses"),
    Sample("source", "beard", "Beard"),
    Sample("source", "cartoon", "Cartoon"),
    Sample("source", "painting", "Painting"),
    Sample("driving", "driving", "Talk (5 s)", whole=True),
    Sample("driving", "expressions", "Expressions (5 s)", whole=True),
    Sample("driving", "turns", "Turns (5 s)", whole=True),
    Sample("driving", "nod", "Nod (2 s)", whole=True),
)
"""All samples, the first of each role being the one to begin with."""

NAMES: Mapping[str, tuple[str, ...]] = {
    role: tuple(sample.name for sample in SAMPLES if sample.role == role) for role in ("source", "driving")
}


def driving_clip(name: str = "driving") -> Path:
    """Path of a clip of a rendered head.

    Args:
        name: "driving", who talks, "expressions", "turns", of head and eyes, or "nod", which is shorter.

    Raises:
        InputError: There is no such clip.
    """
    _check("driving", name)
    return Path(str(files("motionkit.samples") / f"{name}.mp4"))


def portrait(name: str = "astronaut") -> Path:
    """Path of a portrait.

    Args:
        name: "astronaut", scikit-image's NASA photograph in the public domain (Eileen Collins); rendered, and nobody's
            faces: "freckles", "glasses", "beard", "cartoon" or "painting".

    Raises:
        InputError: There is no such portrait.
    """
    _check("source", name)
    if name == "astronaut":
        return Path(str(files("skimage") / "data" / "astronaut.png"))
    return Path(str(files("motionkit.samples") / f"{name}.jpg"))


def _check(role: str, name: str) -> None:
    if name not in NAMES[role]:
        raise InputError("There is no such sample", got=repr(name), expected=" or ".join(NAMES[role]))
