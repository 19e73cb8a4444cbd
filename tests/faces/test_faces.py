"""Finding faces, the squares around them, crops and pasting back."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from skimage import data

from motionkit import faces
from motionkit.errors import FaceNotFoundError, InputError, MissingPackageError, MotionkitWarning
from motionkit.faces import finders
from motionkit.faces.crops import REACH
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
    assert square.left < face.left and square.top < face.top and face.right < square.right
    assert face.bottom < square.bottom - 0.1 * square.height, "room for the neck"


@pytest.mark.parametrize("side", [512, 300, 160])
@pytest.mark.parametrize("mirrored", [False, True])
def test_nothing_but_the_face_is_found(side: int, mirrored: bool) -> None:
    picture = faces.crop(ASTRONAUT[:, ::-1] if mirrored else ASTRONAUT, Box(0, 0, 512, 512), size=side)
    found = faces.find_faces(picture, finder="cascade")
    x = (512 - FACE[0] if mirrored else FACE[0]) * side / 512
    assert len(found) == 1 and abs(found[0].centre[0] - x) < 0.04 * side


def test_a_large_picture_is_searched_at_a_smaller_size() -> None:
    small = faces.find_faces(ASTRONAUT, finder="cascade")[0]
    large = faces.find_faces(faces.crop(ASTRONAUT, Box(0, 0, 512, 512), size=1536), finder="cascade")[0]
    assert np.allclose(np.array(large.centre) / 3, small.centre, atol=6)
    assert abs(large.width / 3 - small.width) < 0.15 * small.width


@pytest.mark.parametrize("shape", [(1, 1), (8, 8), (20, 900), (24, 24)])
def test_pictures_too_small_for_a_face(shape: tuple[int, int]) -> None:
    assert faces.find_faces(np.zeros((*shape, 3), np.uint8), finder="cascade") == []


def test_no_face_is_a_warning_or_an_error() -> None:
    blank = np.full((80, 120, 3), 128, np.uint8)
    with pytest.warns(MotionkitWarning, match="No face was found; the centred square is used"):
        assert faces.choose_square(blank) == [Box(20, 0, 100, 80)]
    with pytest.warns(MotionkitWarning, match=r"^No face was found in the source face\.jpg; the centred square"):
        faces.choose_square(blank, name="the source face.jpg")
    with pytest.raises(FaceNotFoundError, match="Give a box by hand"):
        faces.choose_square(blank, crop="face")
    with pytest.raises(FaceNotFoundError, match=r"^No face was found in the source face\.jpg\. Give a box"):
        faces.choose_square(blank, face="all", name="the source face.jpg")


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

    squares = {box: faces.held_inside(faces.face_square(box), 460, 256) for box in (left, right)}
    assert chosen("largest") == [squares[right]]
    assert chosen(0) == [squares[left]]
    assert chosen(1) == [squares[right]]
    assert set(chosen("all")) == set(squares.values())
    with pytest.raises(FaceNotFoundError, match="got index 2; expected 0 to 1, counted from the left"):
        chosen(2)
    with pytest.raises(FaceNotFoundError, match="got index -1"):
        chosen(-1)
    with pytest.raises(FaceNotFoundError, match="No face was found"):
        faces.choose_square(np.zeros((64, 64, 3), np.uint8), face=0, finder="cascade")


def test_finders() -> None:
    mine = [Box(0, 0, 10, 10), Box(5, 5, 30, 30)]
    assert faces.find_faces(ASTRONAUT, finder=lambda _: mine) == mine[::-1]
    with pytest.raises(
        InputError, match="Unknown face finder; got 'haar'; expected auto, blazeface, cascade, mtcnn or a function"
    ):
        faces.find_faces(ASTRONAUT, finder="haar")


def test_a_missing_finder_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "facenet_pytorch", None)
    finders._mtcnn_detector.cache_clear()
    with pytest.raises(MissingPackageError, match="pip install --no-deps facenet-pytorch"):
        faces.find_faces(ASTRONAUT, finder="mtcnn")


def test_mtcnn_boxes_are_trimmed_to_brows_and_chin(monkeypatch: pytest.MonkeyPatch) -> None:
    class Detector:
        def __init__(self, **_: object) -> None: ...

        def detect(self, picture: object) -> tuple[np.ndarray | None, None]:
            return (np.array([[100.0, 50.0, 200.0, 150.0]]) if np.asarray(picture).any() else None), None

    package = ModuleType("facenet_pytorch")
    package.MTCNN = Detector  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "facenet_pytorch", package)
    finders._mtcnn_detector.cache_clear()
    try:
        assert faces.find_faces(ASTRONAUT, finder="mtcnn") == [Box(100, 68, 200, 146)]
        assert faces.find_faces(np.zeros_like(ASTRONAUT), finder="mtcnn") == []
    finally:
        finders._mtcnn_detector.cache_clear()


@pytest.mark.parametrize("domain", ["body", "fashion", "robot", "cartoon", "smile", "other"])
def test_other_domains_take_the_centred_square(domain: str) -> None:
    wide = np.zeros((30, 50, 3), np.uint8)
    assert faces.choose_square(wide, domain=domain) == [Box(10, 0, 40, 30)]
    assert faces.choose_clip_squares([wide], domain=domain) == [Box(10, 0, 40, 30)]


def test_the_whole_picture_must_be_square() -> None:
    assert faces.choose_square(np.zeros((8, 8, 3), np.uint8), crop="none") == [Box(0, 0, 8, 8)]
    with pytest.raises(InputError, match="must be square; got 50x30 pixels"):
        faces.choose_square(np.zeros((30, 50, 3), np.uint8), crop="none")


@pytest.mark.parametrize(
    ("square", "width", "held"),
    [
        (Box(10, 20, 60, 70), 100, Box(10, 20, 60, 70)),  # inside: stays
        (Box(-5, 60, 45, 110), 100, Box(0, 50, 50, 100)),  # moved right and up
        (Box(40, -30, 160, 90), 200, Box(50, 0, 150, 100)),  # too high: smaller, in the same middle
        (Box(-50, -50, 150, 150), 100, Box(-20, -20, 120, 120)),  # too large by far: 0.7 of it, over all edges
    ],
)
def test_a_square_is_held_inside_the_picture(square: Box, width: int, held: Box) -> None:
    assert faces.held_inside(square, width, 100) == held


def test_reflection_by_hand() -> None:
    picture = np.repeat(np.arange(16, dtype=np.uint8).reshape(4, 4, 1), 3, axis=2)
    part = faces.crop(picture, Box(-2, 3, 2, 7))[..., 0]
    # Columns 2 1 | 0 1; rows 3 | 2 1 0: the border pixel itself is not repeated.
    assert part.tolist() == [[14, 13, 12, 13], [10, 9, 8, 9], [6, 5, 4, 5], [2, 1, 0, 1]]
    row = faces.crop(picture, Box(-7, 0, 0, 1))[0, :, 0]
    assert row.tolist() == [1, 0, 1, 2, 3, 2, 1]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), *[st.integers(0, 20)] * 4)
def test_reflection_is_that_of_numpy(height: int, width: int, left: int, top: int, right: int, bottom: int) -> None:
    picture = np.arange(height * width * 3, dtype=np.uint8).reshape(height, width, 3)
    box = Box(-left, -top, width + right, height + bottom)
    assume(max(box.width, box.height) <= REACH * max(width, height))
    expected = np.pad(picture, ((top, bottom), (left, right), (0, 0)), mode="reflect")
    assert np.array_equal(faces.crop(picture, box), expected)


def test_crop_inside_is_slicing_and_never_stretches() -> None:
    assert np.array_equal(faces.crop(ASTRONAUT, Box(10, 20, 40, 90)), ASTRONAUT[20:90, 10:40])
    with pytest.raises(InputError, match="not square; got 30x70"):
        faces.crop(ASTRONAUT, Box(10, 20, 40, 90), size=64)
    y, x = np.mgrid[:300, :400]
    disc = np.repeat((((x - 200) ** 2 + (y - 150) ** 2) < 100**2)[..., None] * np.uint8(255), 3, axis=2)
    small = faces.crop(disc, Box(50, 0, 350, 300), size=96)[..., 0] > 127
    assert abs(int(small.any(0).sum()) - int(small.any(1).sum())) <= 1


def test_no_smaller_face_is_found_than_was_asked_for() -> None:
    face = faces.find_faces(ASTRONAUT, finder="cascade")[0]
    again = faces.find_faces(ASTRONAUT, finder="cascade", least=face.width / 3)
    assert len(again) == 1 and faces.overlap(face, again[0]) > 0.9
    for finder in ("cascade", lambda _: [face]):
        assert faces.find_faces(ASTRONAUT, finder=finder, least=2 * face.width) == []


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


@pytest.mark.parametrize("count", [3, 4, 5, 8])
@pytest.mark.parametrize("wild", [Box(400, 400, 420, 420), Box(0, 300, 200, 500)])
def test_one_wild_find_does_not_move_the_steady_box(count: int, wild: Box) -> None:
    face = Box(100, 100, 150, 150)
    frames = [np.full((512, 512, 3), number, np.uint8) for number in range(count)]
    for place in range(count):

        def finder(picture: np.ndarray, place: int = place) -> list[Box]:
            return [wild if picture[0, 0, 0] == place else face]

        assert faces.steady_box(frames, finder=finder) == faces.face_square(face)


def test_the_same_face_is_followed_among_several() -> None:
    # The other face is at times the larger one; the square stays with the one that was largest of all.
    mine = [Box(100, 100, 160, 160), Box(102, 100, 152, 150), Box(98, 100, 158, 160)]
    other = [Box(300, 100, 350, 150), Box(300, 100, 355, 155), Box(300, 100, 350, 150)]
    pairs = iter([list(pair) for pair in zip(mine, other, strict=True)])
    box = faces.steady_box([ASTRONAUT] * 3, finder=lambda _: next(pairs))
    assert box is not None and box.right < 230


def test_a_clip_without_a_face() -> None:
    frames = [np.zeros((60, 80, 3), np.uint8)] * 3
    with pytest.warns(MotionkitWarning, match="No face was found"):
        assert faces.choose_clip_squares(frames, finder="cascade") == [Box(10, 0, 70, 60)]
    with pytest.raises(FaceNotFoundError):
        faces.choose_clip_squares(frames, crop="face", finder="cascade")


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
    inverted = faces.paste_back(picture, 255 - part, box)
    outside = np.ones(picture.shape[:2], bool)
    outside[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)] = False
    assert np.array_equal(inverted[outside], picture[outside])


def test_pasting_another_size_and_without_a_soft_edge() -> None:
    picture = np.zeros((40, 60, 3), np.uint8)
    result = faces.paste_back(picture, np.full((7, 7, 3), 90, np.uint8), Box(10, 5, 30, 25), feather=0)
    expected = picture.copy()
    expected[5:25, 10:30] = 90
    assert np.array_equal(result, expected)


def test_the_soft_edge_rises_steadily() -> None:
    result = faces.paste_back(np.zeros((80, 80, 3), np.uint8), np.full((60, 60, 3), 255, np.uint8), Box(10, 10, 70, 70))
    row = result[40, 10:70, 0].astype(int)
    assert (np.diff(row[:30]) >= 0).all() and np.array_equal(row, row[::-1])
    assert row[0] < 30 and (row[5:55] == 255).all()
