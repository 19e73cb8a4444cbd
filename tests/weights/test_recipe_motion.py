"""What rendered people do: curves, directions, and that eyes and noses go where the truth says."""

from __future__ import annotations

import numpy as np
import performance
import pytest
import scene

from motionkit.evaluation import signals
from motionkit.training.presets import HEADS_MODEL
from tests.support.rendering import still


def test_performances_are_seeded_and_within_their_ranges() -> None:
    names = ["jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft", "mouthPucker", "browInnerUp"]
    plays = [performance.Performance.draw(np.random.default_rng(s), names, 250, 25.0) for s in (0, 0, *range(1, 30))]
    np.testing.assert_array_equal(plays[0].actions, plays[1].actions)
    actions = np.stack([play.actions for play in plays])
    assert actions.min() >= 0 and actions.max() <= 1
    peaks = actions.max(1).max(0)  # over time and clips
    assert (peaks > 0.8).all()  # everything happens
    assert np.abs(np.diff(actions[:, :, 0], axis=1)).max() < 0.5  # a jaw does not jump within 40 ms
    turns = np.stack([play.yaw for play in plays])
    assert np.degrees(np.abs(turns).max()) == pytest.approx(41, abs=5)
    lids = actions[:, :, 1]
    np.testing.assert_allclose(lids, actions[:, :, 2], atol=1e-6)  # both eyes blink together
    assert 0.02 < (lids > 0.6).mean() < 0.4


def test_heads_and_bodies_move_as_documented() -> None:
    moves = still(6)
    moves["yaw"][0] = moves["pitch"][1] = 0.5
    moves["lean"][2] = 0.01, -0.03, 0.02
    moves["torso"][3:5] = [0, 0, 0.1], [0.1, 0, 0]
    moves["shrug"][5] = 0.02, 0.0
    play = performance.Performance(**moves)
    rest = np.array([[0, -0.14, 0.61], [0.2, 0, 0.4], [-0.2, 0, 0.4]])  # nose, left and right shoulder
    left, up, leaning, tilted, turned, shrugging = (play.moved(frame, rest, rest) - rest for frame in range(6))
    assert left[0, 0] > 0.05 and left[0, 2] == pytest.approx(0, abs=1e-6)  # x to the subject's left
    assert up[0, 2] > 0.04 and up[0, 0] == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose([left[1:], up[1:]], np.zeros((2, 2, 3)), atol=1e-7)
    np.testing.assert_allclose(leaning, [[0.01, -0.03, 0.02]] * 3, atol=1e-7)
    # About the waist, 10 cm up: shoulders go down on the left; the head goes along and keeps upright.
    assert tilted[1, 2] == pytest.approx(-0.2 * np.sin(0.1), abs=2e-3) and tilted[1, 0] > 0.025
    assert tilted[0, 0] == pytest.approx(0.43 * np.sin(0.1), abs=1e-4) and abs(tilted[0, 2]) < 0.003
    assert turned[1, 1] > 0.015 and turned[2, 1] < -0.015  # to the left: the left shoulder goes back
    np.testing.assert_allclose(shrugging, [[0, 0, 0], [0, 0, 0.02], [0, 0, 0]], atol=1e-7)


@pytest.mark.parametrize("tilt", [0.0, 0.3])
def test_poses_are_about_the_picture_s_axes(tilt: float) -> None:
    moves = still(4)
    moves["yaw"][1], moves["pitch"][2], moves["roll"][3] = 0.3, 0.2, 0.1
    play = performance.Performance(**moves)
    camera = scene.Camera(distance=1e4, half=1.0, centre=(0.0, 0.0), tilt=tilt)  # so far that nothing gets smaller
    # Where the camera's own matrix puts the world's axes in the picture; what is away is away.
    drawn = np.c_[np.eye(3), np.ones(3)] @ camera.matrix(np.zeros(3)).T
    axes = np.stack([drawn[:, 0] / drawn[:, 3], -drawn[:, 1] / drawn[:, 3], [0, 1, 0]])
    poses = np.stack([camera.seen(play.rotation(frame)) for frame in range(4)])
    np.testing.assert_allclose(poses, [axes @ play.rotation(frame) @ axes.T for frame in range(4)], atol=1e-3)
    if not tilt:  # positive is towards the picture's left, down, clockwise
        wanted = np.degrees([[0, 0, 0], [-0.3, 0, 0], [0, -0.2, 0], [0, 0, 0.1]])
        np.testing.assert_allclose(signals.euler(poses), wanted, atol=1e-6)


def test_eyes_look_and_lids_go_along() -> None:
    names = ["eyeBlinkLeft", "eyeLookDownLeft", "eyeLookUpLeft", "eyeLookInLeft", "eyeLookOutLeft"]
    plays = [performance.Performance.draw(np.random.default_rng(s), names, 250, 25.0) for s in range(30)]
    gaze = np.stack([play.gaze for play in plays])
    assert np.degrees(np.abs(gaze[..., 0]).max()) == pytest.approx(29.8, abs=0.5)
    assert np.degrees(gaze[..., 1].min()) < -15 and np.degrees(gaze[..., 1].max()) > 12
    steps = np.abs(np.diff(gaze[..., 0], axis=1))
    assert np.median(steps) < 0.015 and (steps > 0.1).mean() > 0.003  # they rest, and jump
    blinks, down, _, inwards, outwards = np.stack([play.actions for play in plays]).transpose(2, 0, 1)
    wide = blinks < 0.01
    assert np.corrcoef(down[wide], np.clip(-gaze[wide, 1], 0, None))[0, 1] > 0.95
    assert ((outwards > 0) <= (gaze[..., 0] > 0)).all() and ((inwards > 0) <= (gaze[..., 0] < 0)).all()
    assert down[blinks > 0.99].max() < 0.02  # a closed lid is closed, wherever the eye looks
    assert np.mean([(play.actions[:, 0] > 0.99).any() for play in plays]) > 0.9  # ten seconds hold a whole blink


def test_cameras_move_everything_alike() -> None:
    view = scene.View(
        shift=np.array([[0.1, 0.2]]), zoom=np.array([1.5]), roll=np.array([np.pi / 2]), behind=np.array([[0.3, 0.0]])
    )
    np.testing.assert_allclose(view.matrix(0) @ [1, 0, 1], [0.1, 1.7, 1], atol=1e-12)  # right becomes down
    np.testing.assert_allclose(view.matrix(0, background=True) @ [0, 0, 1], [0.4, 0.2, 1])
    moving = [scene.View.draw(np.random.default_rng(s), 50, 25.0) for s in range(40)]
    still = [v for v in moving if np.array_equal(v.matrix(7), np.eye(3))]
    assert 8 <= len(still) <= 26
    assert max(np.abs(v.shift).max() for v in moving) < 0.4


@pytest.mark.slow
def test_noses_go_where_the_pose_says(clips: list) -> None:
    names, moved, turned = HEADS_MODEL.keypoint_names, [], []
    nose, ears = names.index("nose"), [names.index("ear_left"), names.index("ear_right")]
    for _, shots in clips:
        offsets = np.stack([shot.keypoints[nose] - shot.keypoints[ears].mean(0) for shot in shots])
        angles = signals.euler(np.stack([shot.pose @ shots[0].pose.T for shot in shots]))
        moved.append(offsets[1:] - offsets[0])
        turned.append(angles[1:])
    moved, turned = np.concatenate(moved), np.concatenate(turned)
    assert np.corrcoef(moved[:, 0], turned[:, 0])[0, 1] < -0.9  # yaw is towards the picture's left
    assert np.corrcoef(moved[:, 1], turned[:, 1])[0, 1] > 0.8  # pitch is down


@pytest.mark.slow
def test_irises_look_where_the_gaze_goes(rendering) -> None:
    """Hand-computed: a ball of 16 mm that turns by the gaze; its frame narrows by the cosine."""
    render, cache = rendering
    head = render._anatomy(cache)
    gaze = [[0, 0], [0.3, 0], [0, -0.2]]
    screens = [head.pose(head.template, np.zeros(len(head.actions)), np.array(g))[:, [0, 2]] * [1, -1] for g in gaze]
    points, jacobians = zip(*(head.keypoints(screen) for screen in screens), strict=True)
    for name in ("iris_left", "iris_right"):
        at = HEADS_MODEL.keypoint_names.index(name)
        ahead, aside, down = (p[at] for p in points)
        radius = 0.0155  # the pupil's vertices lie up to 0.4 radians beside its middle
        np.testing.assert_allclose(aside - ahead, [radius * np.sin(0.3), 0], atol=6e-4)
        np.testing.assert_allclose(down - ahead, [0, radius * np.sin(0.2)], atol=6e-4)
        narrowed = np.linalg.inv(jacobians[0][at]) @ jacobians[1][at]
        assert narrowed[0, 0] == pytest.approx(np.cos(0.3), abs=0.02) and narrowed[1, 1] == pytest.approx(1, abs=0.02)
