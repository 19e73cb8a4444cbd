"""Keypoints back to actions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from motionkit.motion.expressions import ACTIONS, Expression, Take
from motionkit.motion.rig import load_rig
from motionkit.motion.solving import solve
from motionkit.weights import embedded_file, load


def test_what_was_acted_is_found_again() -> None:
    config = load("heads").config
    assert config is not None
    rig = load_rig(embedded_file("rig.safetensors"), config.keypoint_names)
    acted = [
        Expression(), Expression(jaw_open=0.7), Expression(eye_blink_left=0.9, eye_blink_right=0.9), Expression(yaw=15),
        Expression(mouth_smile_left=0.8, mouth_smile_right=0.8), Expression(brow_inner_up=0.8, pitch=-8, roll=6),
    ]  # fmt: skip
    truth = Take(acted)
    order = [ACTIONS.index(name) for name in rig.actions]
    keypoints = rig.average().show(truth.curves[:, order], truth.curves[:, -3:])
    found = solve(keypoints, rig, Fraction(30)).expressions
    for name, frame in (("jaw_open", 1), ("eye_blink_left", 2), ("mouth_smile_left", 4), ("brow_inner_up", 5)):
        wanted = getattr(acted[frame], name)
        values = [getattr(one, name) for one in found]
        assert abs(values[frame] - wanted) < 0.35, name
        assert max(value for at, value in enumerate(values) if at != frame) < wanted / 2, name
    turns = np.array([[one.yaw, one.pitch, one.roll] for one in found])
    assert np.abs(turns - turns[0] - truth.curves[:, -3:]).max() < 3
