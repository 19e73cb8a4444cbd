"""The rig: how facial actions and head turns move keypoints and their Jacobians, on a source's own head.

The truth is the renderer's, fitted once by ``weights/recipe/fit_rig.py``: keypoints lie on a head in space, an action
moves each of them, and its tangent frame, by so many metres, and the head turns about the neck. A source's keypoints
are fitted with this head, its proportions, pose, expression and distance; what then changes in the projection is added
to where the source's keypoints are.

Coordinates in space are metres: x to the subject's left, y backwards, z up. Angles are degrees; positive yaw turns to
the subject's left, positive pitch looks up, positive roll tilts to the subject's left.

Legend: B expressions, K keypoints, A actions, M modes in which heads differ.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from motionkit.config.networks import EYES
from motionkit.errors import InputError, WeightsError
from motionkit.structures import Keypoints

__all__ = ["Head", "Rig", "load_rig"]

FORMAT, VERSION = "motionkit.rig", "1"
IRISES = [eye[0] for eye in EYES]
TURNING = 0.2  # a keypoint that turns with the head by more than this share is on it
# Of a fit: how far a point may be from the head's, as a share of its size; how far heads are turned and away, mostly.
POINT_ERROR = 0.012
POSE_SPREAD = np.radians([30.0, 15.0, 15.0])
NEARNESS, NEARNESS_SPREAD = 1.0, 0.4  # one over metres
# What a source's face may be doing, by whose share its proportions must not be explained.
SOURCE_ACTIONS = (
    "jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft", "mouthSmileRight", "mouthFunnel", "mouthPucker",
    "browInnerUp", "browDownLeft", "browDownRight", "mouthStretchLeft", "mouthStretchRight",
)  # fmt: skip
SOURCE_ACTION_SPREAD = 0.25
# As the keypoints of rendered heads: a frame seen edge-on keeps this share of the head's own scale.
FLATTEST = 0.35


@dataclass(frozen=True, eq=False)
class Rig:
    """A head in space that can act.

    Attributes:
        names: The K keypoints.
        actions: The A actions, by ARKit's names.
        points: K 3, where the average head has them.
        modes: M K 3, how heads differ, each mode by its standard deviation.
        frames: K 3 2, how a step along the skin (subject's left, down; 1 is 12 cm) goes in space.
        moves: A K 3, what an action at 1 adds to a point.
        bends: A K 3 2, what it adds to a frame.
        share: K, how far a keypoint turns with the head, 0 to 1.
        slope: K 2, how that share changes with a step along the skin.
        pivot: 3, what the head turns about.
    """

    names: tuple[str, ...]
    actions: tuple[str, ...]
    points: np.ndarray
    modes: np.ndarray
    frames: np.ndarray
    moves: np.ndarray
    bends: np.ndarray
    share: np.ndarray
    slope: np.ndarray
    pivot: np.ndarray

    @property
    def turning(self) -> np.ndarray:
        """K bool: the keypoints that turn with the head, as shoulders do not; all, if none does."""
        turning = self.share > TURNING
        return turning if turning.any() else np.ones_like(turning)

    @property
    def on_head(self) -> np.ndarray:
        """K bool: those that show where the head is and what it is like, as irises, which look anywhere, do not."""
        steady = self.turning & ~np.isin(self.names, IRISES)
        return steady if steady.any() else self.turning

    @property
    def size(self) -> float:
        """Metres: the root mean square distance of the average head's points from their middle."""
        points = self.points[self.on_head]
        return float(np.sqrt(np.square(points - points.mean(0)).sum(1).mean()))

    def still(self) -> tuple[str, ...]:
        """The actions that move none of these keypoints by a millimetre: the rig cannot show them."""
        reach = np.linalg.norm(self.moves, axis=-1).max(-1)
        return tuple(name for name, most in zip(self.actions, reach, strict=True) if most < 1e-3)

    def average(self) -> Head:
        """The average head, looking straight ahead, in the middle of the picture and filling half of it."""
        pose = np.zeros(3)
        scale = 0.28 / self.size
        head = Head(self, np.zeros(len(self.modes)), np.zeros(len(self.actions)), pose, NEARNESS, scale, np.zeros(2))
        points, frames = head.place(np.zeros((1, len(self.actions))), np.zeros((1, 3)))
        there = points[:, self.on_head]
        centre = (there.max(1) + there.min(1))[0] / 2
        return replace(head, shift=head.shift - centre, source=(points - centre, frames))

    def fit(self, source: Keypoints) -> Head:
        """The head that a source's keypoints show.

        Args:
            source: Batch 1 or more, of which the first counts; K keypoints in the rig's order.
        """
        points = source.value[0].detach().cpu().double().numpy()
        jacobian = None if source.jacobian is None else source.jacobian[0].detach().cpu().double().numpy()
        fitted = _settled(self, points.tobytes())
        return replace(fitted, source=(points[None], None if jacobian is None else jacobian[None]))


@dataclass(frozen=True, eq=False)
class Head:
    """A rig on a source's head.

    Attributes:
        rig: The rig.
        shape: M, its modes.
        acting: A, what the face does in the source.
        pose: 3, its yaw, pitch and roll in the source, in radians about the picture's axes.
        nearness: One over the camera's distance in metres.
        scale: Size in the picture of a metre at the head.
        shift: 2, where the pivot is in the picture, in whose middle the camera's axis is.
        source: The source's keypoints 1 K 2 and Jacobians 1 K 2 2, to which the movement is added.
    """

    rig: Rig
    shape: np.ndarray
    acting: np.ndarray
    pose: np.ndarray
    nearness: float
    scale: float
    shift: np.ndarray
    source: tuple[np.ndarray, np.ndarray | None] | None = None

    def show(self, actions: np.ndarray, turns: np.ndarray) -> Keypoints:
        """The source's keypoints with these actions and turns added to what it does already.

        Args:
            actions: B A in [0, 1].
            turns: B 3, yaw, pitch, roll in degrees.

        Returns:
            Batch B, float32; with Jacobians if the source has them.
        """
        assert self.source is not None
        points, jacobians = self.source
        still, still_frames = self.place(np.zeros((1, len(self.rig.actions))), np.zeros((1, 3)))
        moved, frames = self.place(actions, np.radians(turns))
        value = torch.from_numpy((points + moved - still).astype(np.float32))
        if jacobians is None:
            return Keypoints(value)
        change = frames @ np.linalg.inv(still_frames)
        return Keypoints(value, torch.from_numpy((change @ jacobians).astype(np.float32)))

    def place(self, actions: np.ndarray, turns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points B K 2 and frames B K 2 2 of the head itself in the picture, by B A actions, B 3 turns in radians."""
        rig = self.rig
        turn, place = _rotation(self.pose + turns), self._acted(actions)
        frames = rig.frames + np.tensordot(self.acting + actions, rig.bends, 1)  # B K 3 2
        # Shoulders stay, the head turns; between them the share says whose the skin is.
        away = place @ turn.swapaxes(-1, -2) - place
        turned = (turn[:, None] @ frames - frames) * rig.share[:, None, None]
        frames = frames + turned + away[..., None] * rig.slope[:, None]
        place = place + away * rig.share[:, None]
        depth = 1 + self.nearness * place[..., 1:2]  # of the pivot's
        seen = (self.scale * np.stack([place[..., 0], -place[..., 2]], -1) + self.shift) / depth
        steps = self.scale * np.stack([frames[..., 0, :], -frames[..., 2, :]], -2)
        steps = steps - seen[..., None] * self.nearness * frames[..., 1:2, :]
        return seen, _clamped(steps / depth[..., None])

    def points(self) -> np.ndarray:
        """K 2, as ``place`` has them in the source itself."""
        place = self._acted(np.zeros((1, len(self.rig.actions))))[0]
        away = place @ _rotation(self.pose).T - place
        place = place + away * self.rig.share[:, None]
        flat = self.scale * np.stack([place[:, 0], -place[:, 2]], -1) + self.shift
        seen: np.ndarray = flat / (1 + self.nearness * place[:, 1:2])
        return seen

    def _acted(self, actions: np.ndarray) -> np.ndarray:
        """B K 3, metres from the pivot before the head turns."""
        rest = self.rig.points + np.tensordot(self.shape, self.rig.modes, 1) - self.rig.pivot
        acted: np.ndarray = rest + np.tensordot(self.acting + actions, self.rig.moves, 1)
        return acted


def _rotation(angles: np.ndarray) -> np.ndarray:
    """B 3 3 or 3 3: yaw, then pitch, then roll, as the renderer turns heads; of (B) 3 radians."""
    (cy, cp, cr), (sy, sp, sr) = np.moveaxis(np.cos(angles), -1, 0), np.moveaxis(np.sin(angles), -1, 0)
    zero, one = np.zeros_like(cy), np.ones_like(cy)

    def matrix(*entries: np.ndarray) -> np.ndarray:
        return np.stack(entries, -1).reshape(*cy.shape, 3, 3)

    yaw = matrix(cy, -sy, zero, sy, cy, zero, zero, zero, one)
    pitch = matrix(one, zero, zero, zero, cp, sp, zero, -sp, cp)
    roll = matrix(cr, zero, sr, zero, one, zero, -sr, zero, cr)
    rotation: np.ndarray = roll @ pitch @ yaw
    return rotation


def _clamped(frames: np.ndarray) -> np.ndarray:
    """B K 2 2 frames whose smaller singular values are raised to ``FLATTEST`` of the head's scale."""
    u, s, v = np.linalg.svd(frames)
    least = FLATTEST * np.median(s[..., 0], axis=-1)[..., None, None]
    clamped: np.ndarray = (u * np.maximum(s, least)[..., None, :]) @ v
    return clamped


@lru_cache(maxsize=8)
def _settled(rig: Rig, data: bytes) -> Head:
    """The head nearest to K 2 points (float64), remembered: every batch and every slider asks for the same."""
    from scipy.optimize import least_squares

    on_head = rig.on_head
    points = np.frombuffer(data).reshape(-1, 2)[on_head]
    spread = float(np.sqrt(np.square(points - points.mean(0)).sum(1).mean())) or 1.0
    acting = [rig.actions.index(name) for name in SOURCE_ACTIONS if name in rig.actions]
    count = len(rig.modes)

    def head(x: np.ndarray) -> Head:
        actions = np.zeros(len(rig.actions))
        actions[acting] = x[count : count + len(acting)] * SOURCE_ACTION_SPREAD
        pose, (near, scale), shift = x[-7:-4] * POSE_SPREAD, x[-4:-2], x[-2:]
        size = spread / rig.size * np.exp(scale)
        middle = points.mean(0) + shift * spread
        return Head(rig, x[:count], actions, pose, NEARNESS + near * NEARNESS_SPREAD, size, middle)

    def error(x: np.ndarray) -> np.ndarray:
        return np.concatenate([((head(x).points()[on_head] - points) / spread / POINT_ERROR).ravel(), x[:-3]])

    start = np.zeros(count + len(acting) + 7)
    low, high = np.full(len(start), -np.inf), np.full(len(start), np.inf)
    low[count : count + len(acting)] = -1e-9
    low[-4], high[-4] = -0.95 * NEARNESS / NEARNESS_SPREAD, 4
    return head(least_squares(error, start, bounds=(low, high), x_scale=1.0, max_nfev=30).x)


def load_rig(path: Path, names: Sequence[str]) -> Rig:
    """Read a rig for a model's keypoints.

    Args:
        path: The file.
        names: The model's keypoints, in its order.

    Raises:
        InputError: The model's keypoints have no names, or one that the rig does not know.
        WeightsError: The file is damaged or of another version.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if (metadata.get("format"), metadata.get("version")) != (FORMAT, VERSION):
            raise WeightsError(f"{path.name} is no rig of version {VERSION}", todo="Install motionkit again")
        known, actions = json.loads(metadata["names"]), json.loads(metadata["actions"])
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise WeightsError(
            f"The rig {path} is damaged", got=str(error)[:200], todo="Install motionkit again"
        ) from error
    if not names or set(names) - set(known):
        missing = ", ".join(name for name in names if name not in known)
        raise InputError(
            "Expressions do not know this model's keypoints",
            got=f"{missing} without a map" if missing else "keypoints without names",
            expected=f"some of {', '.join(known)}",
            todo='Use the model "heads", or drive with a clip',
        )
    order = [known.index(name) for name in names]
    values = {name: tensor.astype(np.float64) for name, tensor in tensors.items()}
    by_keypoint = {name: values[name][order] for name in ("points", "frames", "share", "slope")}
    by_other = {name: values[name][:, order] for name in ("modes", "moves", "bends")}
    return Rig(tuple(names), tuple(actions), **by_keypoint, **by_other, pivot=values["pivot"])
