"""What is judged: clips with their faces followed, portraits, and what is known of rendered clips.

Legend: T frames, S side of the pictures in pixels, P = 468 points of the mesh, K keypoints of the model.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import safe_open

from motionkit.evaluation.signals import Signals
from motionkit.faces.mesh import Track

__all__ = ["Portrait", "Scene", "Truth"]


@dataclass(frozen=True)
class Scene:
    """A clip as it is judged.

    Attributes:
        name: The file's.
        frames: T S S 3 uint8.
        track: The mesh in them.
        signals: What the face does.
    """

    name: str
    frames: np.ndarray
    track: Track
    signals: Signals


@dataclass(frozen=True)
class Portrait:
    """A picture that clips drive.

    Attributes:
        name: The file's.
        picture: S S 3 uint8.
        points: P 3, the mesh in it.
        found: Whether the mesh sees a face in it; else it cannot be judged.
    """

    name: str
    picture: np.ndarray
    points: np.ndarray
    found: bool


@dataclass(frozen=True)
class Truth:
    """What is known of a rendered clip.

    Attributes:
        keypoints: T K 2 in [-1, 1].
        names: Of the K keypoints; none if the file has none.
        pose: T 3 3, rotations of the head about the picture's axes, as those of ``signals.rotations``; None if unknown.
    """

    keypoints: np.ndarray
    names: tuple[str, ...]
    pose: np.ndarray | None = None

    def part(self, frames: slice) -> Truth:
        """Of some of the frames."""
        return Truth(self.keypoints[frames], self.names, None if self.pose is None else self.pose[frames])

    @staticmethod
    def read(path: Path) -> Truth | None:
        """From the file beside a clip: tensors ``keypoints`` and, maybe, ``pose``, metadata ``keypoint_names`` (JSON).

        None without a file.
        """
        if not path.is_file():
            return None
        with safe_open(str(path), "np") as file:
            names = tuple(json.loads((file.metadata() or {}).get("keypoint_names", "[]")))
            pose = file.get_tensor("pose").astype(np.float64) if "pose" in file.keys() else None  # noqa: SIM118
            return Truth(file.get_tensor("keypoints").astype(np.float64), names, pose)
