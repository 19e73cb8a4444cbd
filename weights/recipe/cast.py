"""The people of the samples: composed rather than drawn, so that one likes to look at them. They are nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import parts
from anatomy import Anatomy
from paint import Paint
from parts import Bust
from people import Person
from scene import Lights

__all__ = ["CAST", "Role", "studio_backdrop", "studio_lights"]

# A healthy skin, even teeth, clear eyes, groomed hair; a role changes some of it.
GROOMED: dict[str, Any] = {
    "freckles": 0.0, "eye_circles": 0.15, "blush": 0.45, "wrinkles": 0.12, "mottle": 0.14, "skin_gloss": 0.12,
    "skin_tightness": 22.0, "rim": 0.35, "nostrils": 0.85, "wings": 0.25, "lid_fold": 0.55, "lip_seam": 0.5,
    "lid_makeup": 0.0, "lip_fullness": 1.0, "brow_thickness": 1.1, "brow_density": 0.95, "brow_arch": 0.4,
    "brow_slant": 0.1, "beard": 0.0, "iris_size": 0.46, "pupil_size": 0.36, "teeth_gap": 0.06, "teeth_in_row": 5.0,
    "teeth_edge": 0.5805, "teeth_colour": (0.85, 0.81, 0.73), "gum_colour": (0.5, 0.2, 0.18), "gum_line": 1.05,
    "tongue_colour": (0.52, 0.16, 0.14), "mouth_light": 0.9, "weave": 0.0, "neckline": 0.475, "neckline_slope": 0.25,
    "hairline_back": 0.55, "hairline_ragged": 0.008, "hairline_round": 0.014, "sideburn": 0.632, "strands": 34.0,
    "hair_gaps": 0.62, "hair_gloss": 0.16, "parting": 1.0, "ears_free": 1.0,
}  # fmt: skip


@dataclass(frozen=True)
class Role:
    """Someone of the samples.

    Attributes:
        seed: Of what is left to chance: the shape of face and hair.
        phenotype: As for ``Anatomy.identity``.
        paint: What differs from ``GROOMED``.
        variety: As for ``Anatomy.identity``.
    """

    seed: int
    phenotype: Mapping[str, float]
    paint: Mapping[str, Any] = field(default_factory=dict)
    variety: float = 0.22

    def person(self, anatomy: Anatomy) -> Person:
        """Make the person over the shared ``anatomy``."""
        rng = np.random.default_rng(self.seed)
        bust = Bust(anatomy, anatomy.identity(rng, phenotype=self.phenotype, variety=self.variety))
        chosen: dict[str, Any] = {
            name: np.array(v) if isinstance(v, tuple) else v for name, v in {**GROOMED, **self.paint}.items()
        }
        paint = replace(Paint.draw(rng), **chosen)
        worn = parts.teeth(bust, rng, paint.teeth_edge) + parts.lashes(bust, rng)
        worn += parts.hair(bust, rng, hairline=paint.hairline_front, thin=False)
        return Person(anatomy, bust.shape, paint, tuple(worn))


CAST: Mapping[str, Role] = {
    "driving": Role(
        3, {"gender": 0.05, "age": 0.62, "weight": 0.45, "muscle": 0.4},
        paint={
            "skin_colour": (0.62, 0.36, 0.24), "hair_colour": (0.10, 0.05, 0.025), "brow_colour": (0.05, 0.026, 0.015),
            "lip_colour": (0.46, 0.15, 0.13), "iris_colour": (0.12, 0.055, 0.025), "cloth_colour": (0.10, 0.22, 0.25),
            "lash_colour": (0.02, 0.012, 0.01), "hairline_front": 0.727, "parting_side": 0.6,
        },
    ),
    "expressions": Role(
        8, {"gender": 0.95, "age": 0.66, "weight": 0.5, "muscle": 0.55},
        paint={
            "skin_colour": (0.30, 0.155, 0.095), "hair_colour": (0.018, 0.013, 0.011),
            "brow_colour": (0.014, 0.01, 0.008), "lip_colour": (0.26, 0.09, 0.075), "iris_colour": (0.06, 0.03, 0.016),
            "cloth_colour": (0.55, 0.40, 0.22), "lash_colour": (0.01, 0.008, 0.008), "hairline_front": 0.722,
            "parting": 0.0, "beard": 0.3, "strands": 42.0,
        },
    ),
    "turns": Role(
        21, {"gender": 0.1, "age": 0.7, "weight": 0.5, "muscle": 0.4},
        paint={
            "skin_colour": (0.72, 0.47, 0.36), "hair_colour": (0.33, 0.17, 0.075), "brow_colour": (0.17, 0.09, 0.05),
            "lip_colour": (0.55, 0.22, 0.2), "iris_colour": (0.12, 0.2, 0.26), "cloth_colour": (0.42, 0.13, 0.12),
            "lash_colour": (0.05, 0.03, 0.02), "hairline_front": 0.724, "parting_side": -0.8, "freckles": 0.35,
        },
    ),
    "nod": Role(
        5, {"gender": 0.9, "age": 0.75, "weight": 0.45, "muscle": 0.5},
        paint={
            "skin_colour": (0.66, 0.42, 0.31), "hair_colour": (0.06, 0.035, 0.02), "brow_colour": (0.045, 0.027, 0.017),
            "lip_colour": (0.48, 0.23, 0.2), "iris_colour": (0.2, 0.17, 0.09), "cloth_colour": (0.13, 0.17, 0.3),
            "lash_colour": (0.03, 0.02, 0.015), "hairline_front": 0.722, "parting_side": 0.9, "beard": 0.28,
        },
    ),
}  # fmt: skip


def studio_lights() -> Lights:
    """A large warm key from the subject's left and above, a cool fill, a warm rim from behind."""
    direction = np.array([[0.6, -0.75, 0.55], [-0.8, -0.65, 0.1], [-0.75, 0.7, 0.45]])
    return Lights(
        direction=direction / np.linalg.norm(direction, axis=1, keepdims=True),
        colour=np.array([[1.45, 1.27, 1.04], [0.20, 0.22, 0.28], [0.95, 0.86, 0.74]]),
        sky=np.array([0.34, 0.345, 0.37]),
        ground=np.array([0.22, 0.18, 0.155]),
        shade=0.7,
    )


def studio_backdrop(size: int, warmth: float) -> np.ndarray:
    """A wall with the pool of a lamp on it.

    Args:
        size: H and W.
        warmth: From -1, bluish, to 1, sandy.

    Returns:
        H W 3 float32 in [0, 255].
    """
    y, x = np.mgrid[0 : 1 : size * 1j, 0 : 1 : size * 1j]
    pool = np.exp(-((x - 0.42) ** 2 + (y - 0.42) ** 2) / 0.28)[..., None]
    tint = np.array([1 + 0.10 * warmth, 1.0, 1 - 0.12 * warmth])
    wall: np.ndarray = (np.array([72, 74, 79]) + pool * np.array([86, 80, 70])) * tint
    return wall.astype(np.float32)
