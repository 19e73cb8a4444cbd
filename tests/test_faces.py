"""Finding faces, the squares around them, crops and pasting back."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from motionkit import faces
from motionkit.errors import FaceNotFoundError, InputError, MissingPackageError, MotionkitWarning
from motionkit.structures import Box

ASTRONAUT = data.astronaut()
FACE = (222, 115)  # the middle between the astronaut's eyes and mouth, seen by eye


def holds(box: Box, point: tuple[int, int]) -> bool:
    return box.left <= point[0] < box.right and box.top <= point[1] < box.bottom


def test_the_astronauts_face_is_found() -> None:
    face = faces.find_faces(ASTRONAUT, finder="cascade")[0]
    assert holds(face, FACE)
    assert abs(face.centre[0] - FACE[0]) < 15 and abs(face.centre[1] - FACE[1]) < 20
    square = faces.choose_square(ASTRONAUT, crop="face", finder="cascade")[0]
    assert square.width == square.height
    assert 1.8 * face.width < square.width < 2.6 * face.width
    assert abs(square.centre[0] - FACE[0]) < 0.1 * square.width


def test_no_face_is_a_warning_or_an_error() -> None:
    blank = np.full((80, 120, 3), 128, np.uint8)
    with pytest.warns(MotionkitWarning, match="No face was found; the centred square is used"):
        assert faces.choose_square(blank) == [Box(20, 0, 100, 80)]
    with pytest.raises(FaceNotFoundError, match="Give a box by hand"):
        faces.choose_square(blank, crop="face")


def test_several_faces() -> None:
    small = faces.crop(ASTRONAUT, Box(100, 0, 356, 256), size=180)
    picture = np.full((256, 460, 3), 200, np.uint8)
    picture[40:220, :180] = small
    picture[:, 200:456] = ASTRONAUT[:256, 100:356]
    found = faces.find_faces(picture, finder="cascade")
    assert len(found) == 2 and found[0].area > found[1].area
    left, right = sorted(found, key=lambda box: box.left)
    assert left.right < 200 <= right.left

    def chosen(face: str | int) -> list[Box]:
        return faces.choose_square(picture, face=face, finder="cascade")

    assert chosen("largest") == [faces.face_square(right)]
    assert chosen(0) == [faces.face_square(left)]
    assert chosen(1) == [faces.face_square(right)]
    assert set(chosen("all")) == {faces.face_square(left), faces.face_square(right)}
    with pytest.raises(FaceNotFoundError, match="got index 2; expected below 2, the number of faces found"):
        chosen(2)


def test_finders() -> None:
    mine = [Box(0, 0, 10, 10), Box(5, 5, 30, 30)]
    assert faces.find_faces(ASTRONAUT, finder=lambda _: mine) == mine[::-1]
    with pytest.raises(InputError, match="Unknown face finder; got 'haar'"):
        faces.find_faces(ASTRONAUT, finder="haar")


def test_a_missing_finder_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "facenet_pytorch", None)
    faces._mtcnn_detector.cache_clear()
    with pytest.raises(MissingPackageError, match="pip install --no-deps facenet-pytorch"):
        faces.find_faces(ASTRONAUT, finder="mtcnn")


@pytest.mark.parametrize("domain", ["body", "fashion", "robot", "cartoon", "smile", "other"])
def test_other_domains_take_the_centred_square(domain: str) -> None:
    wide = np.zeros((30, 50, 3), np.uint8)
    assert faces.choose_square(wide, domain=domain) == [Box(10, 0, 40, 30)]
    assert faces.choose_clip_square([wide], domain=domain) == Box(10, 0, 40, 30)


def test_the_whole_picture_must_be_square() -> None:
    assert faces.choose_square(np.zeros((8, 8, 3), np.uint8), crop="none") == [Box(0, 0, 8, 8)]
    with pytest.raises(InputError, match="must be square; got 50x30 pixels"):
        faces.choose_square(np.zeros((30, 50, 3), np.uint8), crop="none")


def test_reflection_by_hand() -> None:
    picture = np.repeat(np.arange(16, dtype=np.uint8).reshape(4, 4, 1), 3, axis=2)
    part = faces.crop(picture, Box(-2, 3, 2, 7))[..., 0]
    # Columns 2 1 | 0 1; rows 3 | 2 1 0: the border pixel itself is not repeated.
    assert part.tolist() == [[14, 13, 12, 13], [10, 9, 8, 9], [6, 5, 4, 5], [2, 1, 0, 1]]
    row = faces.crop(picture, Box(-7, 0, 0, 1))[0, :, 0]
    assert row.tolist() == [1, 0, 1, 2, 3, 2, 1]


def test_crop_inside_is_slicing_and_never_stretches() -> None:
    assert np.array_equal(faces.crop(ASTRONAUT, Box(10, 20, 40, 90)), ASTRONAUT[20:90, 10:40])
    with pytest.raises(InputError, match="not square; got 30x70"):
        faces.crop(ASTRONAUT, Box(10, 20, 40, 90), size=64)
    y, x = np.mgrid[:300, :400]
    disc = np.repeat((((x - 200) ** 2 + (y - 150) ** 2) < 100**2)[..., None] * np.uint8(255), 3, axis=2)
    small = faces.crop(disc, Box(50, 0, 350, 300), size=96)[..., 0] > 127
    assert abs(int(small.any(0).sum()) - int(small.any(1).sum())) <= 1


def test_one_steady_box_for_a_clip() -> None:
    frames = [np.roll(ASTRONAUT, 6 * i, axis=1) for i in range(5)]
    box = faces.steady_box(frames, finder="cascade")
    middle = faces.steady_box([frames[2]], finder="cascade")
    assert box is not None and middle is not None
    assert abs(box.centre[0] - middle.centre[0]) < 8
    assert box.width == box.height and middle.width <= box.width < 1.3 * middle.width
    wild = iter([[Box(400, 400, 420, 420)], *([[Box(100, 100, 150, 150)]] * 6)])
    assert faces.steady_box([ASTRONAUT] * 7, finder=lambda _: next(wild)) == faces.face_square(Box(100, 100, 150, 150))
    assert faces.steady_box([np.zeros((64, 64, 3), np.uint8)], finder="cascade") is None


def test_pasting_back_what_was_cropped_changes_nothing() -> None:
    box = Box(-20, 40, 180, 240)
    back = faces.paste_back(ASTRONAUT, faces.crop(ASTRONAUT, box), box)
    assert np.abs(back.astype(int) - ASTRONAUT).max() <= 1


def test_the_edge_is_soft_inside_and_hard_at_the_picture() -> None:
    picture = np.zeros((100, 100, 3), np.uint8)
    before = picture.copy()
    result = faces.paste_back(picture, np.full((50, 50, 3), 200, np.uint8), Box(0, 20, 60, 80), feather=0.2)
    assert np.array_equal(picture, before)
    assert (result[40:60, 0] == 200).all(), "no feather at the picture's border"
    assert 0 < result[50, 58, 0] < 100 < result[50, 45, 0]
    outside = np.ones((100, 100), bool)
    outside[20:80, :60] = False
    assert (result[outside] == 0).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(-40, 60), st.integers(-40, 60), st.integers(1, 70))
def test_any_box_can_be_cropped_and_pasted(left: int, top: int, side: int) -> None:
    picture = ASTRONAUT[:48, :64]
    box = Box(left, top, left + side, top + side)
    part = faces.crop(picture, box)
    assert part.shape == (side, side, 3)
    back = faces.paste_back(picture, part, box)
    assert back.shape == picture.shape and np.abs(back.astype(int) - picture).max() <= 1
