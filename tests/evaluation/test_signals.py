"""Signals of faces, measured on meshes whose pose and expression are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import pearsonr

from motionkit.evaluation import looks, signals
from tests.support.meshes import SIDE, face


def test_pose_is_the_rotation_that_was_made() -> None:
    turns = [(0, 0, 0), (25, 0, 0), (0, -15, 0), (0, 0, 10), (30, 12, -8)]
    points = np.stack([face(turn) * (1 + i / 3) + 5 * i for i, turn in enumerate(turns)])
    measured = signals.euler(signals.rotations(points, points[0]))
    np.testing.assert_allclose(measured, turns, atol=1e-6)


def test_pose_is_named_as_one_sees_it() -> None:
    """The nose is nearest to the camera (least z): it moves left with yaw, down with pitch; roll is clockwise."""
    nose, right_hand = np.array([0, 0, -1.0]), np.array([1.0, 0, 0])
    reference = face()
    for name, turn in (("yaw", (20, 0, 0)), ("pitch", (0, 20, 0)), ("roll", (0, 0, 20))):
        measured = signals.measure(np.stack([reference, face(turn)]))
        assert getattr(measured, name)[1] == pytest.approx(20)
        rotation = signals.rotations(face(turn)[None], reference)[0]
        seen = rotation @ (right_hand if name == "roll" else nose)
        assert seen[0] < 0 if name == "yaw" else seen[1] > 0


def test_gaze_is_in_widths_of_the_eyes_and_turns_with_the_head() -> None:
    measured = signals.measure(np.stack([face(), face(gaze=2), face(gaze=-1), face((0, 0, 30), gaze=2)]))
    np.testing.assert_allclose(measured.gaze, [0, 0.2, -0.1, 0.2], atol=1e-9)  # the eyes are 10 wide
    assert signals.moves(signals.measure(np.stack([face(gaze=t % 2) for t in range(9)])), "gaze", np.ones(9, bool))
    assert not signals.moves(
        signals.measure(np.stack([face(gaze=0.7 * (t % 2)) for t in range(9)])), "gaze", np.ones(9, bool)
    )


def test_mouth_eyes_and_brows_in_units_of_the_face() -> None:
    points = np.stack([face(), face(mouth=6), face(eyes=1), face(brows=2)])
    scale = np.sqrt((((points[0] - SIDE / 2)[signals.RIGID]) ** 2).sum(1).mean())
    measured = signals.measure(points)
    np.testing.assert_allclose(measured.mouth, [0, 6 / scale, 0, 0], atol=1e-9)
    np.testing.assert_allclose(measured.eyes, [0.3, 0.3, 0.1, 0.3])
    np.testing.assert_allclose(measured.brows - measured.brows[0], [0, 0, 0, 2 / scale], atol=1e-9)


def test_signals_do_not_depend_on_pose_place_and_size() -> None:
    still, moved = face(mouth=4, brows=1), face((30, -20, 15), mouth=4, brows=1) * 1.7 - 20
    measured = signals.measure(np.stack([still, moved]))
    for name in ("mouth", "eyes", "brows"):
        one, other = getattr(measured, name)
        assert one == pytest.approx(other)


def test_the_first_frame_with_a_face_is_the_reference() -> None:
    points = np.stack([np.random.default_rng(0).normal(size=(470, 3)), face((5, 0, 0)), face((12, 0, 0))])
    assert signals.measure(points, np.array([False, True, True])).yaw[1:] == pytest.approx([0, 7])


def test_a_signal_counts_where_the_driver_moves() -> None:
    found = np.ones(40, bool)
    blinking = signals.measure(np.stack([face(eyes=1.7 if i == 20 else 3) for i in range(40)]))
    squinting = signals.measure(np.stack([face(eyes=1.9 if i == 20 else 3) for i in range(40)]))
    assert signals.moves(blinking, "eyes", found)
    assert not signals.moves(squinting, "eyes", found)
    assert not signals.moves(blinking, "eyes", np.arange(40) != 20), "frames without a face do not count"
    turning = signals.measure(np.stack([face((i / 4, i / 40, 0)) for i in range(40)]))
    assert signals.moves(turning, "yaw", found)
    assert not signals.moves(turning, "pitch", found)
    assert not signals.moves(turning, "yaw", ~found)


def test_correlation_and_slope() -> None:
    driver, noise = np.random.default_rng(3).normal(size=(2, 50))
    result = 0.4 * driver + 0.2 * noise
    assert signals.correlation(result, driver) == pytest.approx(pearsonr(result, driver).statistic)
    assert signals.slope(result, driver) == pytest.approx(np.polyfit(driver, result, 1)[0])
    assert signals.correlation(np.ones(50), driver) == signals.correlation(driver[:2], driver[:2]) == 0
    assert signals.slope(driver, np.ones(50)) == 0


def test_landmark_error_is_a_distance_in_the_picture() -> None:
    points = face()[None].repeat(2, 0)
    moved = points + np.array([[[3, 4, 99]], [[0, 1, -5]]])
    np.testing.assert_allclose(signals.landmark_error(points, moved), [5, 1])
    np.testing.assert_allclose(signals.landmark_error(points[:1], moved), [5, 1])


def test_colour_change_is_a_share_of_the_source() -> None:
    assert looks.colour_change(np.array([206.0, 100, 58]), np.array([200.0, 100, 50])) == pytest.approx(
        10 / np.sqrt(200**2 + 100**2 + 50**2)
    )
    black = looks.colour_change(np.full(3, 5.1), np.zeros(3))
    assert black == pytest.approx(5.1 / (0.25 * 255)), "of black, a share of a quarter of white"


def test_masks_take_skin_and_background_alone() -> None:
    points = face()
    skin = looks.skin_mask(points, (SIDE, SIDE))
    centre = SIDE // 2
    offset = np.round(points[looks.RIGHT_CHEEK].mean(0)).astype(int)
    assert skin[offset[1], offset[0]] and not skin[centre + 8, centre], "cheeks, not the mouth"
    assert 40 < skin.sum() < 150
    small = (points - centre) * 0.7 + centre
    border = looks.background_mask(small[None], (SIDE, SIDE))
    assert border[0].all() and border[20, SIDE - 1]
    assert not border[SIDE - 1].any() and not border[centre, centre]
    at_corner = points - [*points[:, :2].min(0), 0]
    assert not looks.background_mask(at_corner[None], (SIDE, SIDE))[0, 0], "a face at the border is left out"


def test_sharpness_falls_with_blur() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
    blurred = gaussian_filter(picture, (1, 1, 0))
    assert looks.sharpness(blurred, face()) < 0.1 * looks.sharpness(picture, face())


def test_likeness_is_lost_by_tearing_and_kept_by_moving() -> None:
    noise = np.random.default_rng(0).normal(size=(2 * SIDE, 2 * SIDE))
    smooth = gaussian_filter(noise, 3)
    grey = np.clip(128 + 200 * smooth / np.abs(smooth).max() / 2, 0, 255).astype(np.uint8)
    picture = np.repeat(grey[..., None], 3, axis=2)
    source = face() + np.array([32, 32, 0])
    moved = np.roll(picture, (7, 4), axis=(0, 1))
    assert looks.likeness(moved, source + np.array([4, 7, 0]), picture, source) > 0.999
    turned = (source - SIDE) @ np.diag([-1, -1, 1]) + SIDE
    assert looks.likeness(np.ascontiguousarray(picture[::-1, ::-1]), turned, picture, source) > 0.999
    assert looks.likeness(np.roll(picture, 12, axis=1), source, picture, source) < 0.6
