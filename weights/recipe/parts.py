"""What heads wear or grow: hair, teeth, head-wear, glasses. Shapes only; ``paint`` has the colours.

Coordinates are metres as in ``anatomy``. Legend: V vertices of the mesh, M of a part, L of a line.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from anatomy import EYE_LEFT, EYE_RIGHT, SKIN, Anatomy
from paint import Kind, surface

__all__ = ["Bust", "Part", "glasses", "hair", "hanging_hair", "headwear", "lashes", "teeth"]

SHELLS = 9  # of hair, above the one on the scalp
SHEETS = 4  # of hanging hair
NOT_HAIR = -1.0


@dataclass(frozen=True)
class Part:
    """Something worn or grown: vertices that follow the mesh.

    Attributes:
        rest: M 3, template coordinates, for painting.
        faces: F 3 int into this part's vertices.
        surface: M 3, as ``paint.surface`` gives it.
        place: M 3, position on this person at rest.
        follow: M int, mesh vertex whose facial movement is shared, -1 for none.
        layer: Height of a shell of hair from 0 to 1; -1 for what is no hair.
    """

    rest: np.ndarray
    faces: np.ndarray
    surface: np.ndarray
    place: np.ndarray
    follow: np.ndarray
    layer: float = NOT_HAIR


@dataclass(frozen=True)
class Bust:
    """One person at rest, to put things on.

    Attributes:
        anatomy: What all share.
        shape: V 3, this person's mesh.
    """

    anatomy: Anatomy
    shape: np.ndarray

    @cached_property
    def to_person(self) -> np.ndarray:
        """4 3, the affine map from template coordinates of the head to this person, by least squares."""
        head = self.anatomy.template[:, 2] > 0.55
        ones = np.ones((head.sum(), 1))
        fit: np.ndarray = np.linalg.lstsq(np.c_[self.anatomy.template[head], ones], self.shape[head], rcond=None)[0]
        return fit

    def fitted(self, rest: np.ndarray) -> np.ndarray:
        """Take ``rest``, M 3 in template coordinates, to M 3 on this person."""
        place: np.ndarray = np.c_[rest, np.ones(len(rest))] @ self.to_person
        return place

    def patch(self, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find M mesh vertices of the faces that touch what is wanted (V bool), and those F 3 faces renumbered."""
        faces = self.anatomy.faces[wanted[self.anatomy.faces].any(1)]
        used = np.unique(faces)
        renumber = np.zeros(len(wanted), int)
        renumber[used] = np.arange(len(used))
        return used, renumber[faces]

    def shell(self, used: np.ndarray, faces: np.ndarray, lift: np.ndarray, kind: Kind, layer: float) -> Part:
        """Make a part of a patch of the mesh, lifted off it.

        Args:
            used: M vertices, from ``patch``.
            faces: F 3, from ``patch``.
            lift: M, metres along the normals.
            kind: What the part is.
            layer: As in ``Part``.
        """
        place = self.shape[used] + self.anatomy.normals[used] * lift[:, None]
        return Part(self.anatomy.template[used], faces, surface(len(used), kind), place, used, layer)


def hair(bust: Bust, rng: np.random.Generator, *, hairline: float, thin: bool) -> list[Part]:
    """Make shells above the scalp, which the shaders thin out to strands.

    Args:
        bust: Whose hair.
        rng: Where all numbers come from.
        hairline: Its height over the forehead, z in metres of template coordinates.
        thin: Whether it must fit under a hat.
    """
    _, y, z = bust.anatomy.template.T
    scalp = (bust.anatomy.component == SKIN) & ((z > 0.655) & (y < -0.06) | (y > -0.075) & (z > 0.53))
    used, faces = bust.patch(scalp & ~((z < 0.60) & (y < -0.03)))
    height = _hair_height(bust.anatomy.template[used], rng, hairline, thin)
    return [
        bust.shell(used, faces, height * (0.35 + 0.65 * s / SHELLS), Kind.HAIR, s / SHELLS) for s in range(SHELLS + 1)
    ]


def _hair_height(rest: np.ndarray, rng: np.random.Generator, hairline: float, thin: bool) -> np.ndarray:
    """M metres from the scalp to the outermost shell: by height on the head, wavy, flat towards the forehead."""
    height = (0.004 if thin else rng.uniform(0.006, 0.035)) * np.ones(len(rest))
    height *= np.interp(rest[:, 2], [0.56, 0.66, 0.76], [rng.uniform(0.3, 1.0), rng.uniform(0.5, 1.0), 1.0])
    angle = np.arctan2(rest[:, 0], -(rest[:, 1] + 0.03))
    waves = sum(
        np.sin(angle * around + rng.uniform(0, 6)) * np.sin(rest[:, 2] * down + rng.uniform(0, 6)) * strength
        for around, down, strength in ((3, 30, 0.25), (7, 70, 0.2), (15, 130, 0.15))
    )
    height *= np.clip(1 + waves * rng.uniform(0.3, 1.6), 0.3, 2)
    forehead = np.clip((hairline + 0.02 - rest[:, 2]) / 0.03, 0, 1) * (rest[:, 1] < -0.06)
    return height * (1 - 0.7 * forehead)


def hanging_hair(bust: Bust, rng: np.random.Generator) -> tuple[list[Part], float]:
    """Make long hair: sheets that hang from the crown, open to the front.

    Args:
        bust: Whose hair.
        rng: Where all numbers come from.

    Returns:
        The sheets, and the height at which they end, z in metres of template coordinates.
    """
    opening, end = np.radians(rng.uniform(105, 150)), rng.uniform(0.36, 0.56)
    bulge, flare = rng.uniform(0.004, 0.02), rng.uniform(-0.01, 0.03)
    rows, columns = 15, 33
    about, down = _grid(np.linspace(-opening, opening, columns), np.linspace(0, 1, rows))
    # Over the crown the sheets close like a dome.
    dome = np.sqrt(np.clip(1 - ((1 - np.minimum(down * 2.6, 1)) ** 2), 0.05, 1))
    sheets = []
    for s in range(SHEETS):
        out = 1 + (bulge * (0.5 + s / (SHEETS - 1)) + flare * down + 0.004 * np.sin(about * 9 + s)) / 0.08
        x, y = np.sin(about) * 0.083 * out * dome, -0.02 + np.cos(about) * 0.098 * out * dome
        rest = np.stack([x, y, 0.755 - down * (0.775 - end)], 1)
        look = surface(len(rest), Kind.HANGING_HAIR, openness=0.9)
        sheets.append(_rigid(rest, _grid_faces(rows, columns), look, bust.fitted(rest), s / SHEETS))
    return sheets, end


def headwear(bust: Bust, rng: np.random.Generator, *, scarf: bool) -> tuple[Part, float]:
    """Make a hat, or a scarf around head and neck.

    Args:
        bust: Who wears it.
        rng: Where all numbers come from.
        scarf: Whether it is a scarf.

    Returns:
        The part, and the height at which a hat begins, z in metres of template coordinates.
    """
    _, y, z = bust.anatomy.template.T
    used, faces = bust.patch((bust.anatomy.component == SKIN) & (z > (0.44 if scarf else 0.62)) & (y > -0.2))
    line = rng.uniform(0.675, 0.725)
    lift = rng.uniform(0.008, 0.016) + np.zeros(len(used))
    if not scarf:  # some are tall
        lift += np.clip(bust.anatomy.template[used, 2] - 0.72, 0, 1) * rng.uniform(0, 0.8)
    return bust.shell(used, faces, lift, Kind.HEADWEAR, NOT_HAIR), line


def teeth(bust: Bust, rng: np.random.Generator, edge: float) -> list[Part]:
    """Make two curved bands of teeth and gums; the lower one follows the chin.

    Args:
        bust: Whose teeth.
        rng: Where all numbers come from.
        edge: Height of the upper teeth's edge, z in metres of template coordinates.
    """
    rows, columns = 5, 25
    bright = rng.uniform(0.5, 1.0)
    front, width = -0.1285 + rng.uniform(0, 0.004), rng.uniform(0.0215, 0.0245)
    chin = bust.anatomy.keypoint_vertex("chin")
    along, down = _grid(np.linspace(1, -1, columns), np.linspace(0, 1, rows))
    bands = []
    for top, bottom, lower in ((0.597, edge, False), (0.5788, 0.563, True)):
        x = width * np.sin(along * 1.45) * (0.93 if lower else 1.0)
        y = front + (0.002 if lower else 0.0) + 0.026 * (1 - np.cos(along * 1.45))
        rest = np.stack([x, y, top + (bottom - top) * down], 1)
        openness = bright * (0.75 if lower else 1.0) * (1 - 0.75 * np.abs(along) ** 2.5)
        look = surface(len(rest), Kind.TEETH, detail=along * 0.9, openness=openness)
        follow = np.full(len(rest), chin if lower else -1)
        bands.append(Part(rest, _grid_faces(rows, columns), look, bust.fitted(rest), follow))
    return bands


def lashes(bust: Bust, rng: np.random.Generator) -> list[Part]:
    """Make a dark band along the edge of each upper lid, with which it closes: it sets a closed eye off from bare skin.

    Args:
        bust: Whose lashes.
        rng: Where all numbers come from.
    """
    length, root = rng.uniform(0.0005, 0.0024), rng.uniform(0.0003, 0.0009)
    bands = []
    for line, component in zip(bust.anatomy.lash_lines, (EYE_LEFT, EYE_RIGHT), strict=True):
        out = bust.shape[line] - bust.anatomy.eye_centre(bust.shape, component)
        out /= np.linalg.norm(out, axis=1, keepdims=True)
        taper = np.interp(np.linspace(-1, 1, len(line)), [-1, -0.7, 0.7, 1], [0.3, 1, 1, 0.3])[:, None]
        up = np.array([0, 0, 1.0])
        tips, roots = (0.001 + 0.4 * length) * out - length * taper * up, 0.0006 * out + root * taper * up
        offset, follow = np.concatenate([tips, roots]), np.tile(line, 2)
        place, rest = bust.shape[follow] + offset, bust.anatomy.template[follow] + offset
        look = surface(len(follow), Kind.LASHES)
        bands.append(Part(rest, _grid_faces(2, len(line)), look, place, follow))
    return bands


def glasses(bust: Bust, rng: np.random.Generator) -> list[Part]:
    """Make glasses: two rims between circle and rectangle, a bridge, two temples.

    Args:
        bust: Who wears them.
        rng: Where all numbers come from.
    """
    thickness, roundness = rng.uniform(0.0009, 0.0028), rng.uniform(2.0, 4.5)
    width, height, drop = rng.uniform(0.021, 0.028), rng.uniform(0.015, 0.023), rng.uniform(-0.003, 0.003)
    lids = bust.shape[np.concatenate(bust.anatomy.lash_lines)]
    front = lids[:, 1].min() - rng.uniform(0.010, 0.018)
    lines, inner = [], []
    for component, side in ((EYE_LEFT, 1), (EYE_RIGHT, -1)):
        eye = bust.anatomy.eye_centre(bust.shape, component)
        centre = np.array([eye[0] * 1.06, front, eye[2] - drop])
        rim = _superellipse(width, height, roundness) + centre
        rim[:, 1] += np.abs(rim[:, 0]) * 0.12  # bent around the face
        hinge = centre + np.array([width * side, abs(centre[0] + width * side) * 0.12, height * 0.45])
        ear = bust.fitted(np.array([[0.079 * side, -0.028, 0.655]]))[0]
        lines += [rim, np.linspace(hinge, ear, 8)]
        inner.append(np.array([eye[0] * 1.06 - width * side, front + 0.001, eye[2] + height * 0.3]))
    bridge = np.linspace(inner[0], inner[1], 8)
    bridge[:, 2] += 0.004 * np.sin(np.linspace(0, np.pi, 8))
    return [_tube(line, thickness) for line in [*lines, bridge]]


def _superellipse(width: float, height: float, power: float) -> np.ndarray:
    """33 3, a closed line in the plane y = 0, half axes ``width`` and ``height``; 2 is an ellipse, more is squarer."""
    angle = np.linspace(0, 2 * np.pi, 33)
    c, s = np.cos(angle), np.sin(angle)
    x, z = np.sign(c) * np.abs(c) ** (2 / power) * width, np.sign(s) * np.abs(s) ** (2 / power) * height
    return np.stack([x, 0 * angle, z], 1)


def _tube(line: np.ndarray, radius: float) -> Part:
    """A tube of six sides along a polyline L 3 on the person."""
    along = np.gradient(line, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    side = np.cross(along, [0.3, 0.2, 0.9])
    side /= np.linalg.norm(side, axis=1, keepdims=True) + 1e-9
    other = np.cross(along, side)
    angle = np.linspace(0, 2 * np.pi, 7)[:, None, None]
    points = line + radius * (np.cos(angle) * side + np.sin(angle) * other)  # 7 L 3
    points = points.transpose(1, 0, 2).reshape(-1, 3)
    return _rigid(points, _grid_faces(len(line), 7), surface(len(points), Kind.GLASSES), points, NOT_HAIR)


def _rigid(rest: np.ndarray, faces: np.ndarray, look: np.ndarray, place: np.ndarray, layer: float) -> Part:
    """A part that goes with the head, following no facial action."""
    return Part(rest, faces, look, place, np.full(len(rest), -1), layer)


def _grid(columns: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two coordinates of all points of a grid, row by row."""
    x, y = np.meshgrid(columns, rows)
    return x.ravel(), y.ravel()


def _grid_faces(rows: int, columns: int) -> np.ndarray:
    """F 3 int, two triangles for every cell of a grid of vertices that are numbered row by row.

    They face whoever sees the rows one below the other and their vertices from right to left.
    """
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    upper = np.stack([corner, corner + 1, corner + columns], 1)
    lower = np.stack([corner + 1, corner + columns + 1, corner + columns], 1)
    return np.concatenate([upper, lower])
