"""How far the landmarks themselves can be trusted: on a clip's mirror image, and on heads whose pose is known.

Legend: T frames.
"""

from __future__ import annotations

import numpy as np

from motionkit.evaluation.figures import follow
from motionkit.evaluation.signals import correlation, euler
from motionkit.evaluation.subjects import Scene
from motionkit.faces.mesh import Mesh

__all__ = ["POSE", "judge_mirrored", "pose_errors"]

POSE = ("yaw", "pitch", "roll")  # the order of ``signals.euler``
TURNED_IN_A_MIRROR = ("gaze", "yaw", "roll")


def judge_mirrored(mesh: Mesh, scene: Scene) -> dict[str, float]:
    """Measure how well the landmarks agree with themselves: a clip's mirror image is a face that follows it perfectly.

    A correlation near or above this one says no more of a model: the landmarks cannot judge it.

    Args:
        mesh: Finds the face in the mirror image.
        scene: The clip.

    Returns:
        Correlation of each signal that the driver moves; gaze, yaw and roll with their sense in a mirror.
    """
    track = mesh.track(np.ascontiguousarray(scene.frames[:, :, ::-1]))
    followed = follow(correlation, scene.track, track)
    return {name: -value if name in TURNED_IN_A_MIRROR else value for name, value in followed.items()}


def pose_errors(scene: Scene, pose: np.ndarray) -> dict[str, float]:
    """Measure what the mesh's yaw, pitch and roll have that the true pose does not explain, in degrees.

    Args:
        scene: A rendered clip.
        pose: T 3 3, its true rotations, see ``RenderedTruth``.

    Returns:
        Of each angle the span from the 5th to the 95th percentile, over the frames that show a face, of what is left
        when a straight line in the true angle is taken off: what no model can follow. Empty for fewer than three.
    """
    found = np.flatnonzero(scene.track.found)
    if len(found) < 3:
        return {}
    true = euler(pose[found] @ pose[found[0]].T)
    spans = {}
    for i, name in enumerate(POSE):
        measured = getattr(scene.signals, name)[found]
        line = np.c_[true[:, i], np.ones(len(found))]
        left = measured - line @ np.linalg.lstsq(line, measured, rcond=None)[0]
        spans[name] = float(np.ptp(np.percentile(left, [5, 95])))
    return spans
