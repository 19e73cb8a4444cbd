"""Films of two people: each face has a track and clips of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from motionkit.data.preparation import Prepared, prepare
from motionkit.errors import InputError
from motionkit.faces import find_faces
from motionkit.structures import Box
from tests.support.films import AGAIN, NOTHING, frames_of, names, run, shot, write

# Two people side by side, one a little later than the other and larger, the other mirrored.
LEFT = NOTHING[:6] + [shot(80 + n / 2, 10, 240) for n in range(34)]
RIGHT = [shot(70, 5 + n / 3, 260)[:, ::-1] for n in range(28)] + NOTHING[:12]
PAIR = [np.hstack(pair) for pair in zip(LEFT, RIGHT, strict=True)]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("pair") / "pair.mp4", PAIR)


@pytest.fixture(scope="module")
def prepared(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("prepared")
    assert run(film, output) == Prepared(clips=2, kept=0, broken=())
    return output


def test_each_face_has_clips_of_its_own(prepared: Path) -> None:
    assert names(prepared) == ["pair#0001.mp4", "pair#0002.mp4"]
    first, second = (frames_of(prepared / name) for name in names(prepared))
    assert 12 <= len(first) <= 28 and 12 <= len(second) <= 34
    for clip in (first, second):
        seen = [find_faces(frame, finder="cascade") for frame in clip]
        assert sum(map(bool, seen)) >= 0.9 * len(seen)
    # The first is mirrored, the second is not: they are two people, not one twice.
    one, other = first[10].astype(int), second[10].astype(int)
    assert np.abs(one[:, ::-1] - other).mean() < np.abs(one - other).mean()


def test_the_largest_face_alone(film: Path, tmp_path: Path) -> None:
    assert run(film, tmp_path, faces="largest").clips >= 1
    assert len(frames_of(tmp_path / "pair#0001.mp4")) <= 28
    with pytest.raises(InputError, match="prepared in this folder before, differently"):
        run(film, tmp_path, faces="all")


@pytest.mark.parametrize("calls", [5, 7])
def test_a_stopped_run_of_two_faces_goes_on(film: Path, prepared: Path, tmp_path: Path, calls: int) -> None:
    left = iter(range(calls))

    def stopping(picture: np.ndarray) -> list[Box]:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return find_faces(picture, finder="cascade")

    with pytest.raises(KeyboardInterrupt):
        run(film, tmp_path, finder=stopping)
    assert not [path for path in tmp_path.iterdir() if "part" in path.name]
    run(film, tmp_path)
    assert names(tmp_path) == names(prepared)
    for name in names(prepared):
        assert len(frames_of(tmp_path / name)) == len(frames_of(prepared / name))
    assert run(film, tmp_path) == Prepared(clips=0, kept=2, broken=())


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"min_seconds": float("nan")}, "min_seconds is out of range; got nan"),
        ({"min_seconds": -1.0}, "min_seconds is out of range; got -1"),
        ({"size": 1}, "size is out of range; got 1"),
        ({"size": 10**6}, "size is out of range; got 1000000"),
        ({"every": 10**9}, "every is out of range"),
        ({"min_side": -1}, "min_side is out of range"),
        ({"faces": "some"}, "Unknown faces; got 'some'"),
    ],
)
def test_options_are_bounded(tmp_path: Path, options: dict[str, object], reason: str) -> None:
    film = write(tmp_path / "film.mp4", AGAIN[:2])
    with pytest.raises(InputError, match=reason):
        prepare([film], tmp_path / "out", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()
