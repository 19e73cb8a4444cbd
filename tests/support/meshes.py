"""Made-up face meshes, whose pose and expression are known."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from motionkit.evaluation import looks, signals, subjects
from motionkit.faces.mesh import Track

SIDE = 64


def face(
    turn: tuple[float, float, float] = (0, 0, 0),
    *,
    mouth: float = 0.0,
    eyes: float = 3.0,
    brows: float = 0.0,
    gaze: float = 0.0,
) -> np.ndarray:
    """P 3: a made-up mesh in a picture of SIDE, seen from the front unless turned by (yaw, pitch, roll) degrees.

    `mouth` and `eyes` are the gaps of lips and lids in pixels, the eyes being 10 wide; `brows` raises the brows, `gaze`
    moves the irises to the right.
    """
    points = np.random.default_rng(1).normal(0, 1, (468, 3)) * (7, 9, 4)
    points[signals.RIGID] -= points[signals.RIGID].mean(0)
    for corners, lids, x in (
        (signals.RIGHT_CORNERS, signals.RIGHT_LIDS, -9),
        (signals.LEFT_CORNERS, signals.LEFT_LIDS, 9),
    ):
        points[list(corners)] = [(x + 5 * np.sign(x), -4, 0), (x - 5 * np.sign(x), -4, 0)]
        for upper, lower in lids:
            points[[upper, lower]] = [(x, -4 - eyes / 2, 0), (x, -4 + eyes / 2, 0)]
    for upper, lower in signals.LIPS:
        points[[upper, lower]] = [(0, 8, 0), (0, 8 + mouth, 0)]
    for patch, x, y in ((looks.FOREHEAD, 0, -9), (looks.RIGHT_CHEEK, -8, 3), (looks.LEFT_CHEEK, 8, 3)):
        corners = np.linspace(0, 2 * np.pi, len(patch), endpoint=False)
        points[patch, :2] = np.stack([x + 3 * np.cos(corners), y + 3 * np.sin(corners)], axis=1)
    points[signals.RIGHT_BROW + signals.LEFT_BROW, 1] = -8 - brows
    points = np.concatenate([points, [(-9 + gaze, -4, 0), (9 + gaze, -4, 0)]])
    rigid = points[signals.RIGID].mean(0)
    yaw, pitch, roll = turn
    return (points - rigid) @ Rotation.from_euler("ZYX", [roll, yaw, pitch], degrees=True).as_matrix().T + SIDE / 2


def track(*faces: np.ndarray) -> Track:
    return Track(np.stack(faces), np.ones(len(faces)))


def scene(*faces: np.ndarray, frames: np.ndarray | None = None) -> subjects.Scene:
    seen = track(*faces)
    if frames is None:
        frames = np.random.default_rng(0).integers(0, 255, (len(faces), SIDE, SIDE, 3), dtype=np.uint8)
    return subjects.Scene("clip", frames, seen, signals.measure(seen.points, seen.found))


class StandIn:
    """Instead of the networks: sees prepared faces in whatever is shown."""

    def __init__(self, faces: list[np.ndarray]) -> None:
        self.faces = faces

    def track(self, frames: np.ndarray) -> Track:
        return track(*self.faces[: len(frames)])
