"""The landmark networks, where they are, and the squares that they look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from motionkit.errors import InputError
from motionkit.evaluation import signals
from motionkit.faces import mesh as landmarks
from motionkit.faces.mesh import Mesh
from tests.support.meshes import face


def test_squares_are_level_and_centred() -> None:
    points = face((0, 0, 25))
    square = landmarks.square_around(points)
    seen = np.linalg.solve(square[:, :2], (points[:, :2] - square[:, 2]).T).T
    right, left = seen[landmarks.RIGHT_EYE].mean(0), seen[landmarks.LEFT_EYE].mean(0)
    assert right[1] == pytest.approx(left[1]) and right[0] < left[0]
    low, high = seen.min(0), seen.max(0)
    np.testing.assert_allclose((low + high) / 2, landmarks.FACE_SIDE / 2)
    assert (high - low).max() * landmarks.CROP_PER_FACE == pytest.approx(landmarks.FACE_SIDE)


def test_missing_and_wrong_networks_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"face_landmark\.tflite.*mesh\.fetch\("):
        landmarks.find_folder(tmp_path)
    (tmp_path / landmarks.FACE).write_bytes(b"something else")
    with pytest.raises(InputError, match="another file"):
        landmarks.find_folder(tmp_path)


@pytest.fixture(scope="module")
def mesh() -> Mesh:
    pytest.importorskip("ai_edge_litert", reason="the landmark networks need ai-edge-litert")
    try:
        return Mesh()
    except InputError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    from skimage import data

    return data.astronaut()[:256, 96:352]


def test_the_mesh_finds_a_face_and_only_a_face(mesh: Mesh, astronaut: np.ndarray) -> None:
    noise = np.random.default_rng(0).integers(0, 255, astronaut.shape, dtype=np.uint8)
    seen = mesh.track([astronaut, noise, astronaut])
    assert seen.found.tolist() == [True, False, True]
    # Read off the picture by eye: outer corners of the eyes, corners of the mouth, chin. The face is 90 pixels wide.
    places = {33: (193, 101), 263: (259, 105), 61: (204, 140), 291: (244, 141), 152: (225, 178)}
    for index, (x, y) in places.items():
        np.testing.assert_allclose(seen.points[0, index, :2], (x - 96, y), atol=6)
    points = seen.points[0]
    for iris, corners in ((468, landmarks.RIGHT_EYE), (469, landmarks.LEFT_EYE)):
        left, right = points[corners, 0]
        assert left + 0.2 * (right - left) < points[iris, 0] < right - 0.2 * (right - left), "she looks at the camera"


def test_the_mesh_follows_what_is_done_to_the_picture(mesh: Mesh, astronaut: np.ndarray) -> None:
    from PIL import Image

    picture = Image.fromarray(astronaut)
    angle, middle = 12, np.array([128, 128])
    turned = np.asarray(picture.rotate(-angle, Image.Resampling.BICUBIC))  # clockwise
    small = np.asarray(picture.resize((192, 192), Image.Resampling.LANCZOS))
    points, found = (seen := mesh.track([astronaut, turned])).points, seen.found
    assert found.all()
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    expected = (points[0, :, :2] - middle) @ np.array([[cos, sin], [-sin, cos]]) + middle
    assert np.hypot(*(points[1, :, :2] - expected).T).mean() < 1.5
    assert signals.measure(points).roll[1] == pytest.approx(angle, abs=1.5)
    assert np.hypot(*(mesh.track([small]).points[0, :, :2] - points[0, :, :2] * 0.75).T).mean() < 1.5
