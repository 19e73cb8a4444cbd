"""Made-up people: a head's shape, what it wears, how it is painted. Nobody's likeness: every number is drawn.

Legend: V vertices of the mesh, N vertices of everything that is drawn (the mesh first, then each part), F triangles.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import parts
from anatomy import EYE_LEFT, EYE_RIGHT, TONGUE, Anatomy
from geometry import face_incidence
from paint import Kind, Paint
from parts import NOT_HAIR, Bust, Part
from scipy.sparse import csr_matrix

__all__ = ["Person", "Range"]


@dataclass(frozen=True)
class Range:
    """Triangles that are drawn at once: those of the mesh or of one part.

    Attributes:
        first: The first triangle, a row of ``Person.faces``.
        count: How many follow, itself included.
        layer: As in ``Part``.
    """

    first: int
    count: int
    layer: float


@dataclass(frozen=True)
class Person:
    """One identity.

    Attributes:
        anatomy: What all share.
        shape: V 3, the mesh at rest, metres.
        paint: Colours and patterns.
        parts: What is worn or grown.
    """

    anatomy: Anatomy
    shape: np.ndarray
    paint: Paint
    parts: tuple[Part, ...]

    @classmethod
    def draw(cls, anatomy: Anatomy, rng: np.random.Generator) -> Person:
        """Draw a person.

        Args:
            anatomy: What all share.
            rng: Where all numbers come from.
        """
        bust = Bust(anatomy, anatomy.identity(rng))
        paint = Paint.draw(rng)
        style = rng.choice(["short", "long", "bald", "hat", "scarf"], p=[0.42, 0.34, 0.08, 0.10, 0.06])
        worn = parts.teeth(bust, rng, paint.teeth_edge) + parts.lashes(bust, rng)
        if style in ("short", "long", "hat"):
            worn += parts.hair(bust, rng, hairline=paint.hairline_front, thin=style == "hat")
        if style == "long" or (style == "hat" and rng.random() < 0.4):
            sheets, end = parts.hanging_hair(bust, rng)
            worn += sheets
            paint = replace(paint, hair_end=end, ears_free=0.0)
        if style in ("hat", "scarf"):
            cover, line = parts.headwear(bust, rng, scarf=style == "scarf")
            worn.append(cover)
            paint = replace(paint, hat_line=line, scarf=float(style == "scarf"))
        if rng.random() < 0.22:
            worn += parts.glasses(bust, rng)
        return cls(anatomy, bust.shape, paint, tuple(worn))

    @cached_property
    def rest(self) -> np.ndarray:
        """N 3 float32, template coordinates of everything."""
        return np.concatenate([self.anatomy.template, *(part.rest for part in self.parts)]).astype(np.float32)

    @cached_property
    def faces(self) -> np.ndarray:
        """F 3 int, triangles of everything; ``ranges`` says whose."""
        faces, start = [self.anatomy.faces], len(self.shape)
        for part in self.parts:
            faces.append(part.faces + start)
            start += len(part.rest)
        return np.concatenate(faces)

    @cached_property
    def ranges(self) -> list[Range]:
        """The mesh's triangles, then each part's."""
        ranges = [Range(0, len(self.anatomy.faces), NOT_HAIR)]
        for part in self.parts:
            ranges.append(Range(ranges[-1].first + ranges[-1].count, len(part.faces), part.layer))
        return ranges

    @cached_property
    def surface(self) -> np.ndarray:
        """N 3 float32, kind, detail, openness of everything; see ``paint.surface``."""
        anatomy = self.anatomy
        kind = np.full(len(self.shape), Kind.SKIN, np.float32)
        kind[np.isin(anatomy.component, (EYE_LEFT, EYE_RIGHT))] = Kind.EYE
        kind[anatomy.inside > 0] = Kind.INSIDE
        depth = np.clip((anatomy.template[:, 1] + 0.125) / 0.05, 0, 1)  # 0 at the lips, 1 five centimetres behind
        openness = np.where(anatomy.inside > 0, 0.28 * (1 - depth) ** 2.5 + 0.02, _openness(anatomy, self.shape))
        mesh = np.stack([kind, anatomy.component == TONGUE, openness], 1)
        return np.concatenate([mesh, *(part.surface for part in self.parts)]).astype(np.float32)

    @cached_property
    def incidence(self) -> csr_matrix:
        """N F, for vertex normals."""
        return face_incidence(self.faces, len(self.rest))

    def posed(self, weights: np.ndarray, gaze: np.ndarray) -> np.ndarray:
        """Place everything, with facial actions and gaze; nothing else is turned yet.

        Args:
            weights: A in [0, 1].
            gaze: 2, as in ``Anatomy.pose``.

        Returns:
            N 3 float32.
        """
        mesh = self.anatomy.pose(self.shape, weights, gaze)
        moved = np.concatenate([mesh - self.shape, np.zeros((1, 3), np.float32)])  # the last is for -1
        return np.concatenate([mesh, *(part.place + moved[part.follow] for part in self.parts)]).astype(np.float32)


def _openness(anatomy: Anatomy, shape: np.ndarray) -> np.ndarray:
    """V, how open a place lies, 0 to 1: lower where the surface around it rises."""
    rise, count = np.zeros(len(shape)), np.zeros(len(shape)) + 1e-6
    for i, j in ((0, 1), (1, 2), (2, 0)):
        start, end = anatomy.faces[:, i], anatomy.faces[:, j]
        edge = shape[end] - shape[start]
        length = np.linalg.norm(edge, axis=1) + 1e-9
        for vertex, sign in ((start, 1), (end, -1)):
            np.add.at(rise, vertex, sign * (edge * anatomy.normals[vertex]).sum(1) / length)
            np.add.at(count, vertex, 1)
    return np.clip(1 - 2.2 * np.maximum(rise / count, 0), 0.25, 1)
