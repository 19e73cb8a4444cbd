"""Faces at any turn and of any size: the network, its boxes, squares cut out upright and pasted back turned."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from motionkit import faces, media, samples
from motionkit.faces.blazeface import FILE, BlazeFace, load_blazeface
from motionkit.structures import Box
from motionkit.weights.store import embedded_file

ASTRONAUT = data.astronaut()
GREY = (110, 110, 110)
# Of the astronaut at 256×256, by the published file in ai-edge-litert: the best anchor and how many lie above 0; the
# logits of the first anchor and of the best; what the best sees.
BEST = (111, 6)
SCORES = [-2.9329, 1.9746]
POINTS = [
    112.341,
    63.482,
    52.619,
    52.619,
    101.304,
    51.128,
    123.746,
    51.63,
    111.845,
    64.094,
    111.596,
    74.842,
    88.635,
    55.76,
    136.372,
    57.247,
]


def turned(picture: np.ndarray, roll: float) -> np.ndarray:
    """A picture turned clockwise about its middle, all of it inside a larger one."""
    return np.asarray(Image.fromarray(picture).rotate(-roll, Image.Resampling.BICUBIC, expand=True, fillcolor=GREY))


def head() -> np.ndarray:
    """A rendered head in the middle of a picture."""
    return np.pad(next(iter(media.open_clip(samples.driving_clip()))), ((80, 80), (80, 80), (0, 0)), mode="edge")


def difference(one: float, other: float) -> float:
    return abs((one - other + 180) % 360 - 180)


def test_the_network_is_the_published_one() -> None:
    picture = torch.from_numpy(np.asarray(Image.fromarray(ASTRONAUT).resize((256, 256), Image.Resampling.BOX)).copy())
    scores, points = load_blazeface()(picture.permute(2, 0, 1)[None].float() / 127.5 - 1)
    assert scores.shape == (1, 896) and points.shape == (1, 896, 8, 2)
    best = int(scores.argmax())
    assert (best, int((scores > 0).sum())) == BEST
    assert scores[0, [0, best]].tolist() == pytest.approx(SCORES, abs=2e-3)
    assert points[0, best].flatten().tolist() == pytest.approx(POINTS, abs=0.02)


def test_the_network_looks_at_any_size() -> None:
    scores, points = load_blazeface()(torch.zeros(2, 3, 64, 96))
    assert scores.shape == (2, 4 * 6 * 2 + 2 * 3 * 6) and points.shape == (*scores.shape, 8, 2)
    assert sum(value.numel() for value in BlazeFace().parameters()) == 136240


def test_the_weights_say_whose_they_are() -> None:
    from safetensors import safe_open

    with safe_open(embedded_file(FILE), framework="pt") as file:
        assert file.metadata()["licence"].startswith("Apache-2.0")
        assert len(file.metadata()["source_sha256"]) == 64


@pytest.mark.parametrize("roll", [0, 15, 30, 45, -30, -45, 90, 135, 180, -90])
@pytest.mark.parametrize("who", ["astronaut", "rendered"])
def test_a_turned_face_is_found_with_its_roll(who: str, roll: int) -> None:
    picture = ASTRONAUT[:300, 70:370] if who == "astronaut" else head()
    (upright,) = faces.find_faces(picture, finder="blazeface")
    (found,) = faces.find_faces(turned(picture, roll), finder="blazeface")
    assert difference(found.roll, upright.roll + roll) < 6
    assert abs(found.width / upright.width - 1) < 0.2
    angle = np.radians(roll)
    x, y = np.array(upright.centre) - np.array(picture.shape[1::-1]) / 2
    place = np.array([x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)])
    middle = np.array(turned(picture, roll).shape[1::-1]) / 2
    assert np.hypot(*(np.array(found.centre) - place - middle)) < 0.2 * upright.width


@pytest.mark.parametrize("finder", ["auto", "blazeface"])
def test_eight_small_faces_of_a_large_picture(finder: str) -> None:
    (face,) = faces.find_faces(ASTRONAUT, finder="blazeface")
    part = Image.fromarray(ASTRONAUT[20:260, 110:350])
    side = round(240 * 150 / face.width)
    photo = np.full((3000, 4000, 3), GREY, np.uint8)
    small = np.asarray(part.resize((side, side), Image.Resampling.LANCZOS))
    places = [(250 + 950 * column, 500 + 1200 * row) for row in range(2) for column in range(4)]
    for x, y in places:
        photo[y : y + side, x : x + side] = small
    found = faces.find_faces(photo, finder=finder)
    assert len(found) == 8 and all(110 < box.width < 190 for box in found)
    for x, y in places:
        assert any(x < box.centre[0] < x + side and y < box.centre[1] < y + side for box in found)


def test_pictures_without_a_face() -> None:
    for picture in (data.brick(), data.gravel(), data.page(), data.coffee(), data.rocket(), np.zeros((1, 1), np.uint8)):
        colour = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
        assert faces.find_faces(np.ascontiguousarray(colour), finder="blazeface") == []


def test_a_small_roll_leaves_the_square_upright() -> None:
    assert faces.face_square(Box(100, 100, 150, 150, roll=9.9)) == faces.face_square(Box(100, 100, 150, 150))
    square = faces.face_square(Box(100, 100, 150, 150, roll=90))
    # Up along a face that lies on its right is to the right.
    assert square == Box(75, 70, 185, 180, roll=90)
    assert faces.held_inside(square, 180, 300) == Box(70, 70, 180, 180, roll=90)


def test_a_steady_square_has_the_median_roll() -> None:
    rolls = iter([178.0, -178.0, 180.0, 20.0, -176.0])
    frames = [np.full((512, 512, 3), number, np.uint8) for number in range(5)]
    box = faces.steady_box(frames, finder=lambda _: [Box(100, 100, 150, 150, roll=next(rolls))])
    assert box is not None and difference(box.roll, 180) <= 2


@pytest.mark.parametrize(("roll", "quarters"), [(90, 1), (180, 2), (-90, 3), (-180, 2)])
def test_a_quarter_turn_moves_pixels_alone(roll: int, quarters: int) -> None:
    box = Box(130, 60, 330, 260)
    upright = faces.crop(ASTRONAUT, box)
    result = faces.crop(ASTRONAUT, Box(130, 60, 330, 260, roll=roll))
    assert np.abs(result.astype(int) - np.rot90(upright, quarters)).max() <= 1  # Pillow rounds down


@pytest.mark.parametrize("size", [None, 400, 97])
@pytest.mark.parametrize("roll", [12.5, -33, 140])
def test_a_turned_crop_is_upright(roll: float, size: int | None) -> None:
    # A smooth picture, turned; the crop is what the same square of the unturned one shows.
    soft = np.asarray(Image.fromarray(ASTRONAUT).resize((32, 32), Image.Resampling.BOX).resize((513, 513)))
    picture = np.asarray(Image.fromarray(soft).rotate(-roll, Image.Resampling.BICUBIC))
    box = Box(176, 176, 337, 337)
    expected = faces.crop(soft, box, size=size)
    result = faces.crop(picture, Box(176, 176, 337, 337, roll=roll), size=size)
    assert result.shape == expected.shape
    assert np.abs(result.astype(int) - expected).mean() < 1


def test_a_turned_box_beyond_the_picture_is_mirrored() -> None:
    result = faces.crop(ASTRONAUT, Box(-60, -60, 100, 100, roll=30))
    assert result.shape == (160, 160, 3)
    assert (result.max(axis=(0, 1)) > 0).all() and result.mean() > 40, "no black corner"


@settings(max_examples=40, deadline=None)
@given(st.integers(-40, 60), st.integers(-40, 60), st.integers(1, 70), st.floats(-180, 180))
def test_any_turned_box_can_be_cropped_and_pasted(left: int, top: int, side: int, roll: float) -> None:
    picture = ASTRONAUT[:48, :64]
    box = Box(left, top, left + side, top + side, roll=roll)
    part = faces.crop(picture, box, size=20)
    assert part.shape == (20, 20, 3)
    back = faces.paste_back(picture, part, box)
    assert back.shape == picture.shape
    y, x = np.mgrid[:48, :64] + 0.5
    far = np.hypot(x - box.centre[0], y - box.centre[1]) > side * 0.71
    assert np.array_equal(back[far], picture[far]), "nothing changes outside"


@pytest.mark.parametrize("roll", [20, -75, 180])
def test_a_turned_square_goes_back_where_it_was(roll: float) -> None:
    box = Box(120, 20, 320, 220, roll=roll)
    back = faces.paste_back(ASTRONAUT, faces.crop(ASTRONAUT, box), box)
    assert np.abs(back.astype(int) - ASTRONAUT).mean() < 1
    white = faces.paste_back(ASTRONAUT, np.full((50, 50, 3), 255, np.uint8), box)
    assert (white[110:130, 210:230] == 255).all()
    (x, y), corner = box.centre, box.corners[0]
    outside = (round(x + 1.05 * (corner[0] - x)), round(y + 1.05 * (corner[1] - y)))
    if 0 <= outside[0] < 512 and 0 <= outside[1] < 512:
        assert np.array_equal(white[outside[1], outside[0]], ASTRONAUT[outside[1], outside[0]])


def test_corners_by_hand() -> None:
    assert Box(0, 0, 2, 4).corners == [(0, 0), (2, 0), (2, 4), (0, 4)]
    assert np.allclose(Box(0, 0, 2, 4, roll=90).corners, [(3, 1), (3, 3), (-1, 3), (-1, 1)])
    assert Box(1, 2, 3, 4).edges == [1, 2, 3, 4] and Box(1, 2, 3, 4, roll=5).edges == [1, 2, 3, 4, 5]
