"""Who sits for the sample portraits: composed like ``cast``, of other ages, skins and hair. They are nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import parts
from anatomy import EYE_LEFT, EYE_RIGHT, SKIN, Anatomy
from cast import GROOMED
from curves import ease
from paint import Paint
from parts import Bust
from people import Person

__all__ = ["SITTERS", "Sitter"]

SMILE = {"mouthSmile": 0.7, "cheekSquint": 0.1, "eyeWide": 0.22}


@dataclass(frozen=True, kw_only=True)
class Sitter:
    """Someone who is portrayed.

    Attributes:
        seed: Of what is left to chance: the shape of face and hair.
        phenotype: As for ``Anatomy.identity``.
        paint: What differs from ``GROOMED``.
        style: How the render is finished.
        face: Facial actions in [0, 1], those of both sides by their common name.
        turn: Yaw, pitch and roll of the head in degrees, as in ``Performance``.
        long_hair: Whether hair hangs.
        glasses: Whether glasses are worn.
        eyes: By how much the eyes are enlarged; 1 leaves them.
        warmth: Of the wall behind, as for ``studio_backdrop``.
        variety: As for ``Anatomy.identity``.
    """

    seed: int
    phenotype: Mapping[str, float]
    paint: Mapping[str, Any]
    style: Literal["photo", "cartoon", "painting"] = "photo"
    face: Mapping[str, float] = field(default_factory=lambda: SMILE)
    turn: tuple[float, float, float] = (0.0, 0.0, 0.0)
    long_hair: bool = False
    glasses: bool = False
    eyes: float = 1.0
    warmth: float = 0.0
    variety: float = 0.22

    def person(self, anatomy: Anatomy) -> Person:
        """Make the person over the shared ``anatomy``."""
        rng = np.random.default_rng(self.seed)
        shape = anatomy.identity(rng, phenotype=self.phenotype, variety=self.variety)
        bust = Bust(anatomy, _with_larger_eyes(anatomy, shape, self.eyes))
        chosen: dict[str, Any] = {
            name: np.array(v) if isinstance(v, tuple) else v for name, v in {**GROOMED, **self.paint}.items()
        }
        paint = replace(Paint.draw(rng), **chosen)
        worn = parts.teeth(bust, rng, paint.teeth_edge) + parts.lashes(bust, rng)
        worn += parts.hair(bust, rng, hairline=paint.hairline_front, thin=False)
        if self.long_hair:
            sheets, end = parts.hanging_hair(bust, rng)
            worn += sheets
            paint = replace(paint, hair_end=end, ears_free=0.0)
        if self.glasses:
            worn += parts.glasses(bust, rng)
        return Person(anatomy, bust.shape, paint, tuple(worn))


def _with_larger_eyes(anatomy: Anatomy, shape: np.ndarray, by: float) -> np.ndarray:
    """V 3, with eyes and lids enlarged about each eye's centre; what lies around them gives way."""
    enlarged = shape.copy()
    for component in (EYE_LEFT, EYE_RIGHT):
        centre = anatomy.eye_centre(shape, component)
        ball = anatomy.component == component
        enlarged[ball] = centre + (shape[ball] - centre) * by
        away = shape - centre
        near = 1 - ease(np.clip((np.hypot(away[:, 0], away[:, 2]) - 0.014) / 0.036, 0, 1))
        near *= (anatomy.component == SKIN) & (away[:, 1] < 0.01)
        enlarged += away * (near * (by - 1))[:, None] * [1, 1, 1]
    result: np.ndarray = enlarged.astype(np.float32)
    return result


SITTERS: Mapping[str, Sitter] = {
    "freckles": Sitter(
        seed=72, phenotype={"gender": 0.06, "age": 0.6, "weight": 0.42, "muscle": 0.4}, turn=(8, 0, 3), warmth=0.1,
        paint={
            "skin_colour": (0.80, 0.55, 0.44), "hair_colour": (0.30, 0.085, 0.025), "brow_colour": (0.2, 0.08, 0.035),
            "lip_colour": (0.58, 0.22, 0.2), "iris_colour": (0.10, 0.2, 0.13), "cloth_colour": (0.05, 0.17, 0.13),
            "lash_colour": (0.05, 0.025, 0.015), "hairline_front": 0.722, "parting_side": -0.7, "freckles": 0.5,
        },
    ),
    "glasses": Sitter(
        seed=52, phenotype={"gender": 0.95, "age": 0.92, "weight": 0.5, "muscle": 0.45}, glasses=True, warmth=-0.4,
        paint={
            "skin_colour": (0.70, 0.44, 0.33), "hair_colour": (0.52, 0.50, 0.47), "brow_colour": (0.3, 0.27, 0.24),
            "lip_colour": (0.47, 0.23, 0.2), "iris_colour": (0.14, 0.2, 0.26), "cloth_colour": (0.08, 0.12, 0.2),
            "lash_colour": (0.06, 0.05, 0.04), "hairline_front": 0.733, "parting_side": 1.0, "wrinkles": 0.45,
            "mottle": 0.22, "beard": 0.3, "eye_circles": 0.3, "frame_colour": (0.02, 0.016, 0.014),
        },
    ),
    "beard": Sitter(
        seed=83, phenotype={"gender": 0.9, "age": 0.58, "weight": 0.5, "muscle": 0.5}, turn=(-7, 0, -2), warmth=0.6,
        paint={
            "skin_colour": (0.17, 0.085, 0.048), "hair_colour": (0.012, 0.01, 0.009),
            "brow_colour": (0.01, 0.008, 0.007), "lip_colour": (0.2, 0.075, 0.065),
            "iris_colour": (0.035, 0.018, 0.01), "cloth_colour": (0.6, 0.42, 0.07),
            "lash_colour": (0.006, 0.005, 0.005), "hairline_front": 0.724, "parting": 0.0, "strands": 42.0,
            "beard": 0.45,
        },
    ),
    "cartoon": Sitter(
        seed=97, phenotype={"gender": 0.1, "age": 0.42, "weight": 0.5, "muscle": 0.35}, turn=(6, 0, 3), eyes=1.5,
        style="cartoon", face={"mouthSmile": 0.55, "eyeWide": 0.3, "browInnerUp": 0.25},
        paint={
            "skin_colour": (0.80, 0.55, 0.44), "hair_colour": (0.10, 0.035, 0.22), "brow_colour": (0.05, 0.02, 0.1),
            "lip_colour": (0.62, 0.1, 0.1), "iris_colour": (0.1, 0.22, 0.4), "cloth_colour": (0.75, 0.35, 0.03),
            "lash_colour": (0.02, 0.01, 0.02), "hairline_front": 0.722, "parting_side": -0.7, "wrinkles": 0.0,
            "mottle": 0.03, "eye_circles": 0.0, "skin_gloss": 0.0, "iris_size": 0.72, "pupil_size": 0.5,
            "lid_fold": 0.2, "brow_thickness": 1.6, "brow_density": 1.3,
        },
    ),
    "painting": Sitter(
        seed=44, phenotype={"gender": 0.06, "age": 0.6, "weight": 0.42, "muscle": 0.4}, turn=(-18, 0, -4), warmth=1.0,
        style="painting", long_hair=True,
        paint={
            "skin_colour": (0.72, 0.46, 0.34), "hair_colour": (0.09, 0.04, 0.02), "brow_colour": (0.08, 0.045, 0.03),
            "lip_colour": (0.5, 0.16, 0.13), "iris_colour": (0.12, 0.08, 0.04), "cloth_colour": (0.16, 0.03, 0.035),
            "lash_colour": (0.03, 0.02, 0.015), "hairline_front": 0.725, "parting_side": 0.2,
        },
    ),
}  # fmt: skip
