"""Keypoint distance, identity, look and following, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from motionkit.evaluation import looks, signals
from motionkit.evaluation.people import Following, Identity, KeypointDistance, Look, face_square
from tests.support.evaluations import batch, noise
from tests.support.meshes import SIDE, face, track


def test_keypoint_distance_and_missing_rate_by_hand() -> None:
    true = np.array([[10.0, 10], [20, 20], [30, 10]])
    moved = true + np.array([[3, 4], [0, 0], [0, 2]])  # 5, 0 and 2 pixels
    tally = KeypointDistance().begin()
    frames = noise(4, side=64)
    tally.add(batch(frames, frames, driving_points=[true, true, None, true], result_points=[moved, None, true, true]))
    # In a picture of 64 a pixel is 4 of a picture of 256; the frame without a driver's face does not count.
    assert tally.values() == {"akd": pytest.approx(4 * (7 / 3 + 0) / 2), "missing": pytest.approx(1 / 3)}
    lost = KeypointDistance().begin()
    lost.add(batch(frames[:1], frames[:1], driving_points=[true], result_points=[None]))
    assert lost.values() == {"missing": 1}
    assert KeypointDistance().begin().values() == {}


def mean_colour(frame: np.ndarray) -> np.ndarray | None:
    """An embedder whose vectors are known."""
    return None if frame.max() == 0 else frame.mean((0, 1))


def test_identity_is_the_distance_of_vectors() -> None:
    driving, result = np.full((3, 8, 8, 3), 50, np.uint8), np.full((3, 8, 8, 3), 50, np.uint8)
    result[0, ..., 0] += 30
    result[0, ..., 1] += 40
    result[2] = 0  # shows nobody
    source = np.full((8, 8, 3), 62, np.uint8)
    for truth, expected in ((True, (50 + 0) / 2), (False, (np.hypot(np.hypot(18, 28), 12) + 12 * 3**0.5) / 2)):
        tally = Identity(mean_colour, truth).begin()
        tally.add(batch(result, driving, source))
        assert tally.values() == {"aed": pytest.approx(expected)}


def test_an_embedder_sees_the_square_around_the_face() -> None:
    frame = noise(1, side=64)[0]
    points = np.array([[20.0, 30], [40, 34]])
    np.testing.assert_array_equal(face_square(frame, points), frame[17:47, 15:45])
    np.testing.assert_array_equal(face_square(frame, points - [15, 0]), frame[17:47, 0:30])
    assert face_square(frame, points * 9).shape == (64, 64, 3)
    assert face_square(frame, None) is frame


def test_look_of_a_result_that_is_the_source() -> None:
    source = noise(1, side=SIDE)[0] // 2 + 60
    tally = Look().begin()
    seen = {"source_points": face(), "result_points": [face(), None], "driving_points": [face(), face()]}
    tally.add(batch(np.stack([source, source]), noise(2, side=SIDE), source, **seen))
    assert tally.values() == {
        "skin": pytest.approx(0), "face_sharpness": pytest.approx(1), "likeness": pytest.approx(1),
    }  # fmt: skip
    darker = (source * 0.5).astype(np.uint8)
    tally = Look().begin()
    tally.add(batch(darker[None], darker[None], source, source_points=face(), result_points=[face()]))
    values = tally.values()
    skin = looks.mean_colour(source, looks.skin_mask(face(), (SIDE, SIDE)))
    dark = looks.mean_colour(darker, looks.skin_mask(face(), (SIDE, SIDE)))
    assert values["skin"] == pytest.approx(np.linalg.norm(dark - skin) / np.linalg.norm(skin))
    assert values["face_sharpness"] == pytest.approx(0.25, rel=0.05)
    blind = Look().begin()
    blind.add(batch(darker[None], darker[None], source, result_points=[face()]))
    assert blind.values() == {}


def test_following_is_correlation_and_slope_over_the_frames_with_faces() -> None:
    turns = np.array([0, 4, 9, 3, -8, -4, 2, 7.0])
    driver = [face((t, 0, 0), mouth=abs(t) / 2, gaze=t / 5) for t in turns]
    half = [face((t / 2, 0, 0), mouth=abs(t) / 4, gaze=-t / 10) for t in turns]
    half[3] = None  # type: ignore[call-overload]
    tally = Following().begin()
    frames = noise(8)
    for part in (slice(0, 3), slice(3, 8)):
        tally.add(batch(frames[part], frames[part], driving_points=driver[part], result_points=half[part]))
    values = dict(tally.values())
    assert values["found"] == pytest.approx(7 / 8)
    assert {"follows_mouth", "follows_gaze", "follows_yaw"} <= set(values)
    assert not {"follows_pitch", "follows_roll", "follows_brows"} & set(values), "the driver does not move them"
    assert values["follows_yaw"] == pytest.approx(1, abs=1e-4) and values["slope_yaw"] == pytest.approx(0.5, abs=1e-3)
    assert values["slope_mouth"] == pytest.approx(0.5) and values["follows_gaze"] == pytest.approx(-1)
    followed = [value for name, value in values.items() if name.startswith("follows_")]
    assert values["following"] == pytest.approx(np.mean(followed))
    # Batch after batch, the signals are those of the whole track.
    whole = signals.measure(track(*driver).points)
    np.testing.assert_allclose(tally.driver.all()[0].yaw, whole.yaw, atol=1e-9)
    assert Following().begin().values() == {}
