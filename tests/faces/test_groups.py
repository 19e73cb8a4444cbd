"""Several faces in one picture: all are found, each once, and nothing that is no face."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from motionkit import faces
from motionkit.faces import blazeface, detection, finders, squares
from motionkit.structures import Box

ASTRONAUT = data.astronaut()
GREY = (110, 110, 110)


def part(roll: float, side: int) -> np.ndarray:
    """The astronaut's head, turned clockwise, on a square of this side."""
    head = Image.fromarray(ASTRONAUT[20:260, 110:350])
    return np.asarray(head.rotate(-roll, Image.Resampling.BICUBIC, fillcolor=GREY).resize((side, side)))


@pytest.fixture(scope="module")
def group() -> np.ndarray:
    """Upright, turned by 40 degrees, upright and small, upside down; from left to right."""
    picture = np.full((300, 900, 3), GREY, np.uint8)
    for x, side, roll in ((10, 260, 0), (300, 220, 40), (560, 100, 0), (680, 180, 180)):
        picture[20 : 20 + side, x : x + side] = part(roll, side)
    return picture


def test_upright_and_turned_faces_are_found_together(group: np.ndarray) -> None:
    found = squares.from_left(faces.find_faces(group))
    for box, left, side in zip(found, (10, 300, 560, 680), (260, 220, 100, 180), strict=True):
        assert left < box.centre[0] < left + side
    assert found[0] == faces.find_faces(group, finder="cascade")[0], "the cascade's box stays what it was"
    assert abs(found[1].roll - 40) < 8 and abs(abs(found[3].roll) - 180) < 8
    assert faces.choose_square(group, face="all") == [
        faces.held_inside(faces.face_square(box), 900, 300) for box in found
    ]


def test_a_portrait_has_the_cascades_box() -> None:
    assert faces.find_faces(ASTRONAUT) == faces.find_faces(ASTRONAUT, finder="cascade")


def test_the_cascade_alone_where_blazeface_finds_none(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = [Box(0, 0, 50, 50)]
    monkeypatch.setattr(finders, "_blazeface", lambda *_: [])
    monkeypatch.setattr(finders, "_cascade", lambda *_: mine)
    assert faces.find_faces(ASTRONAUT) == mine


@pytest.mark.parametrize("seen", [Box(100, 100, 120, 120), Box(100, 100, 200, 200, roll=10)])
def test_the_cascade_is_not_asked_for_what_it_cannot_see(monkeypatch: pytest.MonkeyPatch, seen: Box) -> None:
    monkeypatch.setattr(finders, "_blazeface", lambda *_: [seen])
    monkeypatch.setattr(finders, "_cascade", lambda *_: pytest.fail("small or turned faces are not its"))
    assert faces.find_faces(np.zeros((512, 512, 3), np.uint8)) == [seen]


def test_a_box_of_the_cascade_alone_beside_others_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    face, turned = Box(100, 100, 200, 200, roll=2), Box(300, 100, 400, 200, roll=30)
    its = [Box(98, 101, 190, 193), Box(310, 110, 400, 200), Box(0, 300, 150, 450)]
    monkeypatch.setattr(finders, "_blazeface", lambda *_: [face, turned])
    monkeypatch.setattr(finders, "_cascade", lambda *_: its)
    assert set(faces.find_faces(np.zeros((512, 512, 3), np.uint8))) == {its[0], turned}


def test_a_face_in_front_of_a_large_one_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    large, small = Box(100, 100, 300, 300), Box(220, 220, 280, 280)
    monkeypatch.setattr(finders, "_blazeface", lambda *_: [large, small])
    monkeypatch.setattr(finders, "_cascade", lambda *_: [Box(90, 100, 290, 300)])
    assert faces.find_faces(np.zeros((512, 512, 3), np.uint8)) == [Box(90, 100, 290, 300), small]


@pytest.mark.parametrize("name", ["chelsea", "coffee", "coins", "page", "gravel", "rocket"])
def test_nothing_else_is_a_face(name: str) -> None:
    picture = getattr(data, name)()
    colour = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
    assert faces.find_faces(np.ascontiguousarray(colour)) == []


def test_faces_of_a_clip_are_counted_from_the_left(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two, three = Box(10, 10, 30, 30), Box(100, 10, 140, 50), Box(200, 10, 230, 40)
    # One drifts; two is lost once; the last frame shows nobody.
    looks = iter([[two, one], [one, three, two], [Box(14, 10, 34, 30), three], []])
    monkeypatch.setattr(squares, "find_faces", lambda *_, **__: next(looks))
    found = faces.steady_boxes([ASTRONAUT] * 4)
    assert [box.centre[0] // 100 for box in found] == [0, 1, 2]
    assert found[1] == faces.face_square(two)


def test_the_fused_network_is_the_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = torch.rand(2, 3, 96, 128).mul_(2).sub_(1).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        found = blazeface.load_blazeface()(picture)
        monkeypatch.setattr(blazeface, "_can_fuse", lambda: False)
        plain = blazeface.load_blazeface()(picture)
    for one, other in zip(found, plain, strict=True):
        assert torch.allclose(one, other, atol=1e-3)
    trained = blazeface.BlazeFace()(picture)[0].sum()
    trained.backward()
    assert trained.requires_grad, "where gradients are wanted nothing is done in place"


def test_the_second_look_decides_between_two_rolls(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(score: float, roll: float) -> detection._Find:
        eyes = 20 * np.array([[-np.cos(np.radians(roll)), -np.sin(np.radians(roll))]])
        middle = np.full((1, 2), 100.0)
        return detection._Find(
            score, np.concatenate([middle, [[100, 100]], middle + eyes, middle - eyes, *[middle] * 4])
        )

    again = {1.75: find(0.9, 155), 1.62: find(2.2, -6), -1.0: find(3.0, 80)}
    looks: list[list[float]] = []

    def seen_again(_: object, finds: list[detection._Find], __: float) -> list[detection._Find]:
        looks.append([one.score for one in finds])
        return [again[one.score] for one in finds]

    monkeypatch.setattr(detection, "_seen_again", seen_again)
    (face,) = detection._confirmed([], [find(1.62, 1), find(1.75, 172), find(-1.0, 90)], 512)
    assert face.roll == pytest.approx(-6)
    assert looks == [[1.75, 1.62], []], "one far below is not looked at again where another is a face"


@pytest.mark.parametrize(("score", "roll", "found"), [(0.85, 0, 1), (0.85, 90, 1), (0.85, -166, 0), (1.1, 170, 1)])
def test_a_face_on_its_head_needs_more_to_be_one(
    monkeypatch: pytest.MonkeyPatch, score: float, roll: float, found: int
) -> None:
    """A second look at a square that is turned upright sees a face; how much it takes depends on the turn."""
    middle = np.full((1, 2), detection.LOOK_SIDE / 2)
    eyes = np.array([[-10.0, 0.0]])
    points = np.concatenate([middle, [[50, 50]], middle + eyes, middle - eyes, *[middle] * 4])
    monkeypatch.setattr(detection, "_look", lambda _: [[detection._Find(score, points)]])
    angle = np.radians(roll)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    square = (np.zeros((96, 96, 3), np.uint8), turn, np.zeros(2))
    monkeypatch.setattr(detection, "_square", lambda *_: square)
    assert len(detection._seen_again([], [detection._Find(2.0, points)], 512)) == found


@pytest.mark.parametrize("shape", [(61, 90), (2, 40), (1, 7), (9, 8)])
@pytest.mark.parametrize("factor", [2, 3])
def test_shrinking_in_halves_is_shrinking(shape: tuple[int, int], factor: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert np.array_equal(detection._reduced(picture, factor), np.asarray(Image.fromarray(picture).reduce(factor)))
