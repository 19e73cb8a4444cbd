"""Keypoints back to actions: what a face does in a clip, by bounded least squares.

Legend: T frames, K keypoints, A actions.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from motionkit.motion.expressions import ACTIONS, CURVES, TURN_RANGE, Take
from motionkit.motion.rig import Head, Rig
from motionkit.structures import Keypoints

__all__ = ["solve"]

SAMPLED = 9  # frames by which the head's proportions are known
POINT_ERROR = 0.012  # as a share of the head's size; how far points may be from where the actions have them
ACTION_SPREAD = 0.35  # how strong actions are, mostly: of two that move the same, both take part
STEPS = 2  # of linearisation, each frame beginning where the one before ended
TURN = 1e-3  # radians by which derivatives are taken
POSE_SPREAD = 0.5  # radians; so wide that it only keeps the equations solvable


def solve(keypoints: Keypoints, rig: Rig, fps: Fraction) -> Take:
    """The actions and turns by which a head has these keypoints.

    The turn is the head's own, from looking straight ahead. Actions that keypoints hardly show come out weaker than
    they are, or as others that move them alike.

    Args:
        keypoints: Batch T, in time order, in the rig's order.
        rig: The model's.
        fps: Of the frames.
    """
    points = keypoints.value.double().numpy()
    sampled = np.unique(np.linspace(0, len(points) - 1, SAMPLED).astype(int))
    heads = [rig.fit(keypoints[at : at + 1]) for at in sampled]
    head = heads[0]
    shape = np.mean([one.shape for one in heads], 0)
    nearness = float(np.mean([one.nearness for one in heads]))
    scale = float(np.mean([one.scale for one in heads]))
    head = replace(head, shape=shape, nearness=nearness, scale=scale)
    curves = np.zeros((len(points), len(CURVES)))
    order = [ACTIONS.index(name) for name in rig.actions]
    still = [name in rig.still() for name in rig.actions]
    most = np.radians([TURN_RANGE[name] for name in CURVES[-3:]])
    for at, seen in enumerate(points):
        for _ in range(STEPS):
            head = _stepped(head, seen, np.array(still))
        curves[at, order] = np.clip(head.acting, 0, 1)
        curves[at, -3:] = np.degrees(np.clip(head.pose, -most, most))
    return Take(curves, fps)


def _stepped(head: Head, seen: np.ndarray, still: np.ndarray) -> Head:
    """The head nearest to K 2 points, by what is linear about where it is: actions, pose, size and place."""
    from scipy.optimize import lsq_linear

    rig = head.rig
    turning = rig.turning  # how shoulders lie says nothing of the head
    base = head.points()
    count = len(rig.actions)
    by_action = _by_action(head)  # A K 2
    by_pose = [(replace(head, pose=head.pose + TURN * step).points() - base) / TURN for step in np.eye(3)]
    by_size = (replace(head, scale=head.scale * (1 + TURN)).points() - base) / TURN
    by_shift = [(replace(head, shift=head.shift + TURN * step).points() - base) / TURN for step in np.eye(2)]
    columns = np.stack([*by_action, *by_pose, by_size, *by_shift])[:, turning].reshape(count + 6, -1).T
    error = POINT_ERROR * head.scale * rig.size
    prior = np.r_[np.full(count, 1 / ACTION_SPREAD), np.full(3, 1 / POSE_SPREAD), 1.0, 0.1, 0.1]
    # Actions are solved for as a whole, the rest as a step.
    goal = (seen - base)[turning].ravel() + columns[:, :count] @ head.acting
    least = np.r_[np.zeros(count), np.full(6, -0.5)]
    most = np.r_[np.where(still, 1e-9, 1.0), np.full(6, 0.5)]
    system = np.concatenate([columns / error, np.diag(prior)])
    x = lsq_linear(system, np.concatenate([goal / error, np.zeros(count + 6)]), (least, most), method="bvls").x
    return replace(
        head,
        acting=x[:count],
        pose=head.pose + x[count : count + 3],
        scale=head.scale * float(np.exp(x[count + 3])),
        shift=head.shift + x[count + 4 :],
    )


def _by_action(head: Head) -> np.ndarray:
    """A K 2, how points move in the picture by an action, its perspective left as it is."""
    rig = head.rig
    count = len(rig.actions)
    turns = np.zeros((count + 1, 3))
    moved, _ = head.place(np.concatenate([np.zeros((1, count)), 0.01 * np.eye(count)]), turns)
    by_action: np.ndarray = (moved[1:] - moved[:1]) / 0.01
    return by_action
