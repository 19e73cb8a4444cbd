"""A clip's face is followed near where it was, in a fraction of the time, and looked for everywhere once it is gone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from motionkit import faces, media
from motionkit.faces import squares
from motionkit.faces.finders import find_faces, find_near, overlap
from motionkit.samples import portrait
from motionkit.structures import Box

ASTRONAUT = media.read_image(portrait())


@pytest.fixture(scope="module")
def known() -> Box:
    return find_faces(ASTRONAUT)[0]


@pytest.mark.parametrize("finder", ["auto", "blazeface", "cascade"])
@pytest.mark.parametrize("moved", [(0, 0), (25, -12)])
def test_what_is_near_is_found_where_the_whole_picture_shows_it(
    finder: faces.Finder, moved: tuple[int, int], known: Box
) -> None:
    picture = np.roll(ASTRONAUT, moved, axis=(0, 1))
    wanted, found = find_faces(picture, finder=finder)[0], find_near(picture, known, finder=finder)[0]
    assert overlap(found, wanted) > 0.85
    assert found.width == pytest.approx(wanted.width, rel=0.12)
    assert np.hypot(*np.subtract(found.centre, wanted.centre)) < 0.08 * wanted.width


def test_what_is_elsewhere_smaller_or_was_turned_is_not_near(known: Box) -> None:
    assert find_near(np.roll(ASTRONAUT, 250, axis=1), known) == []
    assert find_near(ASTRONAUT, replace(known, roll=90.0)) == []
    twice = replace(known, left=known.left - known.width, right=known.right + known.width)
    assert find_near(ASTRONAUT, twice) == []
    assert find_near(ASTRONAUT, known, finder=lambda _: [known]) == []


def test_a_face_that_jumps_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole picture is searched in the first frame, for a larger face in the middle one, and where it is gone."""
    whole: list[float] = []

    def counted(image: np.ndarray, *, finder: faces.Finder = "auto", least: float = 0) -> list[Box]:
        whole.append(least)
        return find_faces(image, finder=finder, least=least)

    monkeypatch.setattr(squares, "find_faces", counted)
    still = faces.steady_box([ASTRONAUT] * 5, finder="auto")
    assert len(whole) == 2 and whole[0] == 0 < whole[1]
    there = np.roll(ASTRONAUT, 180, axis=1)
    moved = faces.steady_box([ASTRONAUT, there, there, there, there], finder="auto")
    assert len(whole) == 5
    assert still is not None and moved is not None
    assert moved.centre[0] - still.centre[0] == pytest.approx(180, abs=25)
