"""Figures of results against their drivers and against the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from motionkit.evaluation import agreement, figures, subjects, verdict
from motionkit.faces.mesh import Track
from tests.support.meshes import SIDE, StandIn, face, scene


def test_keypoints_are_compared_by_name() -> None:
    truth = subjects.RenderedTruth(np.array([[[0, 0], [0.5, 0], [1, 1]]]), ("chin", "nose", "ear"))
    detected = np.array([[[0.5, 0.2], [-0.4, 0.0], [9, 9]]])  # nose, chin, one that the truth does not know
    error = figures.keypoint_error(detected, ("nose", "chin", "free"), truth, 256)
    assert error == pytest.approx((0.2 + 0.4) / 2 * 255 / 2)
    assert figures.keypoint_error(detected, ("a", "b", "c"), truth, 256) is None
    below = subjects.RenderedTruth(np.array([[[0.5, 1.7]]]), ("shoulder",))  # outside the picture
    assert figures.keypoint_error(np.array([[[0.5, 0.9]]]), ("shoulder",), below, 256) == pytest.approx(0.1 * 255 / 2)


def test_telling_moments_are_the_extremes() -> None:
    clip = scene(face(), face(mouth=5), face(eyes=1), face((9, 0, 0)), face((-9, 0, 0)), face((0, -9, 0)))
    shown = figures.telling_moments(clip)
    assert list(shown.values())[:5] == [1, 2, 3, 4, 5]


def test_a_result_that_is_the_driver_is_perfect() -> None:
    faces = [face((t, t / 2, -t / 3), mouth=abs(5 * np.sin(t)), brows=t / 12) for t in range(16)]
    clip = scene(*faces, frames=np.full((16, SIDE, SIDE, 3), 90, np.uint8) + np.arange(SIDE, dtype=np.uint8)[:, None])
    portrait = subjects.Portrait("portrait", clip.frames[0], faces[0], True)
    result = figures.compare(portrait, clip, clip.frames, clip.track)
    assert set(result.correlations or {}) == {"mouth", "brows", "yaw", "pitch", "roll"}
    assert list((result.correlations or {}).values()) == pytest.approx([1] * 5)
    assert list((result.slopes or {}).values()) == pytest.approx([1] * 5)
    assert (result.found, result.score, result.background, result.background_moves) == pytest.approx((1, 1, 0, 0))


def test_frames_without_a_face_do_not_count_as_followed() -> None:
    faces = [face((2.0 * t, 0, 0)) for t in range(12)]
    clip, portrait = scene(*faces), subjects.Portrait("portrait", np.zeros((SIDE, SIDE, 3), np.uint8), faces[0], True)
    half = Track(np.stack(faces), np.where(np.arange(12) < 6, 1.0, 0.1))
    result = figures.compare(portrait, clip, clip.frames, half)
    assert result.found == 0.5 and (result.correlations or {})["yaw"] == pytest.approx(1)
    none = figures.compare(portrait, clip, clip.frames, Track(half.points, np.zeros(12)))
    assert none.found == 0 and (none.correlations or {})["yaw"] == 0 and none.skin is None


def test_landmarks_that_are_right_have_no_error_of_pose() -> None:
    angles = np.array([(3.0 * t, 5 * np.sin(t), -t) for t in range(12)])
    pose = Rotation.from_euler("ZYX", angles[:, [2, 0, 1]], degrees=True).as_matrix()
    # A mesh that sees two thirds of each turn is still in step; one that jumps by 4 degrees of pitch is not.
    weak = scene(*(face(tuple(turn * 2 / 3)) for turn in angles))
    assert max(agreement.pose_errors(weak, pose).values()) < 0.5
    jumping = angles + np.where(np.arange(12) % 2, 2, -2)[:, None] * [0, 1, 0]
    errors = agreement.pose_errors(scene(*(face(tuple(turn)) for turn in jumping)), pose)
    assert errors["pitch"] == pytest.approx(4, abs=0.4) and errors["yaw"] < 0.5 and errors["roll"] < 0.5
    assert agreement.pose_errors(scene(face(), face()), pose[:2]) == {}
    line = verdict.own_errors([{"yaw": 1.0, "pitch": 2.0}, {"yaw": 3.0}, {}])
    assert line.endswith("in degrees: yaw 2, pitch 2") and verdict.own_errors([{}]) == ""


def test_a_mirrored_clip_turns_the_other_way() -> None:
    faces = [face((2 * t, 2 * (t % 3), -t), mouth=t % 4) for t in range(8)]
    clip = scene(*faces)
    same = agreement.judge_mirrored(StandIn(faces), clip)  # type: ignore[arg-type]
    assert same["yaw"] == pytest.approx(-1) and same["roll"] == pytest.approx(-1) and same["mouth"] == pytest.approx(1)
    mirrored = [face((-2 * t, 2 * (t % 3), t), mouth=t % 4) for t in range(8)]
    true = agreement.judge_mirrored(StandIn(mirrored), clip)  # type: ignore[arg-type]
    assert all(value > 0.99 for value in true.values()) and set(true) >= {"yaw", "pitch", "roll", "mouth"}
