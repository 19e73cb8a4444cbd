"""Drivings that show a face only part of the time, or more than one scene, with the embedded weights."""

from __future__ import annotations

import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from motionkit import faces, media, samples
from motionkit.animation.moments import moments
from motionkit.animation.scenes import Scenes
from motionkit.config import AnimateOptions
from motionkit.errors import MotionkitWarning
from motionkit.live.session import LiveSession
from motionkit.model import Model, load_model
from motionkit.pipeline.run import animate_file, extract
from motionkit.structures import Box
from tests.support.files import frames_of, write_clip

FPS = Fraction(10)
LOST = "shows nothing that the model knows at"


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model("heads", device="cpu")


@pytest.fixture(scope="module")
def nod() -> list[np.ndarray]:
    """Eight frames of a rendered head that nods, 256×256."""
    return frames_of(samples.driving_clip("nod"))[10:42:4]


@pytest.fixture(scope="module")
def source() -> np.ndarray:
    picture = media.read_image(samples.portrait())
    (square,) = faces.choose_square(picture)
    return faces.crop(picture, square, size=256)


@pytest.fixture(scope="module")
def rocket() -> np.ndarray:
    """A picture without a face, 256×256."""
    return np.asarray(Image.fromarray(data.rocket()[:427, 100:527]).resize((256, 256)))


BLACK = np.zeros((256, 256, 3), np.uint8)


def near(one: np.ndarray, other: np.ndarray) -> bool:
    return int(np.abs(one.astype(int) - other.astype(int)).max()) <= 1


def test_a_black_start_and_another_picture_midway_change_nothing_else(
    model: Model, nod: list[np.ndarray], source: np.ndarray, rocket: np.ndarray
) -> None:
    plain = [moment.frame for moment in moments(source, nod, model=model)]
    assert not near(plain[0], plain[5])
    given = [BLACK, BLACK, *nod[:6], rocket, rocket, rocket, *nod[6:]]
    with pytest.warns(MotionkitWarning) as warned:
        found = [moment.frame for moment in moments(source, given, model=model, fps=10)]
    assert len(found) == len(given)
    assert all(near(frame, plain[0]) for frame in found[:2])  # the source's own pose, as at the reference
    assert all(near(a, b) for a, b in zip(found[2:8], plain[:6], strict=True))
    assert all(near(frame, plain[5]) for frame in found[8:11])  # held
    assert all(near(a, b) for a, b in zip(found[11:], plain[6:], strict=True))
    (message,) = [str(warning.message) for warning in warned]
    assert (
        f"{LOST} 0.00-0.20, 0.80-1.10 s (5 of 13 frames); the last pose, at the start the source's own, is held there"
        in message
    )
    with pytest.warns(MotionkitWarning, match="the source is shown there as it is"):
        shown = list(moments(source, given, model=model, options=AnimateOptions(lost="source"), fps=10))
    assert all(near(moment.frame, plain[0]) for moment in shown[8:11])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        followed = list(moments(source, [*nod[:2], rocket], model=model, options=AnimateOptions(lost="follow")))
    assert not near(followed[2].frame, plain[1])  # melts, as asked


def test_a_camera_that_sees_nobody_holds_the_last_pose(model: Model, nod: list[np.ndarray], source: np.ndarray) -> None:
    session = LiveSession(model, source, options=AnimateOptions(label=False))
    given = [BLACK, nod[0], nod[4], BLACK, nod[0]]
    seen = [session.step(frame, at=at / 10).frame for at, frame in enumerate(given)]
    assert near(seen[0], seen[1])  # the source's own pose; the first face is the neutral one
    assert near(seen[3], seen[2]) and not near(seen[2], seen[1])
    assert near(seen[4], seen[1])


def test_a_second_scene_has_its_own_square_and_its_own_neutral_pose(
    tmp_path: Path, model: Model, nod: list[np.ndarray]
) -> None:
    small = [np.asarray(Image.fromarray(frame).resize((192, 192))) for frame in nod]
    one, two = np.full((288, 384, 3), 150, np.uint8), np.full((288, 384, 3), 60, np.uint8)

    def put(canvas: np.ndarray, frame: np.ndarray, left: int, top: int) -> np.ndarray:
        whole = canvas.copy()
        whole[top : top + 192, left : left + 192] = frame
        return whole

    first = [put(one, frame, 0, 0) for frame in small[:5]]
    second = [put(two, frame[:, ::-1], 192, 96) for frame in small[:5]]
    clip = write_clip(tmp_path / "cut.mp4", [*first, *second, *first[3:]], FPS)
    alone = write_clip(tmp_path / "alone.mp4", second, FPS)
    portrait = samples.portrait()
    with pytest.warns(MotionkitWarning, match=r"cut\.mp4 cuts to another scene at 0\.50, 1\.00 s; each has its own"):
        animate_file(portrait, clip, tmp_path / "result.mp4", model=model, options=AnimateOptions(label=False))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        animate_file(portrait, alone, tmp_path / "plain.mp4", model=model, options=AnimateOptions(label=False))
    result, plain = frames_of(tmp_path / "result.mp4"), frames_of(tmp_path / "plain.mp4")

    def apart(a: list[np.ndarray], b: list[np.ndarray]) -> float:
        return float(np.mean([np.abs(x.astype(int) - y).mean() for x, y in zip(a, b, strict=True)]))

    # As if there had been no scene before it, which it is not where the cut is passed over.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        options = AnimateOptions(label=False, lost="follow")
        animate_file(portrait, clip, tmp_path / "followed.mp4", model=model, options=options)
    assert 2 * apart(result[5:10], plain) < apart(frames_of(tmp_path / "followed.mp4")[5:10], plain)
    assert apart(result[10:], result[3:5]) < 2.5  # the first scene's own neutral pose is back
    assert list(extract(clip, model=model).scenes) == [0] * 5 + [1] * 5 + [0] * 2


def test_a_driving_box_serves_every_scene(tmp_path: Path, model: Model, nod: list[np.ndarray]) -> None:
    clip = write_clip(tmp_path / "cut.mp4", [*nod[:3], *(frame[:, ::-1] // 2 for frame in nod[:3])], FPS)
    options = AnimateOptions(driving_box=Box(0, 0, 256, 256))
    with pytest.warns(MotionkitWarning, match=r"cuts to another scene at 0\.30 s"):
        result = animate_file(samples.portrait(), clip, tmp_path / "result.mp4", model=model, options=options)
    assert result.driving_box == Box(0, 0, 256, 256)
    assert result.frames == 6


def test_scenes_are_numbered_and_known_again(rocket: np.ndarray, nod: list[np.ndarray]) -> None:
    def numbers(frames: list[np.ndarray]) -> list[int]:
        scenes = Scenes()
        return [scenes.next(frame) for frame in frames]

    assert numbers([*nod[:2], rocket, BLACK, *nod[2:], BLACK]) == [0, 0, 1, 1, *[0] * 6, 0]
    darker = [(rocket * (1 - at / 20)).astype(np.uint8) for at in range(20)]
    assert numbers(darker) == [0] * 20  # a fade is no cut
    panned = [np.roll(rocket, 12 * at, axis=1) for at in range(1, 12)]
    assert len(set(numbers(panned))) == 1  # nor is a camera that pans
    random = np.random.default_rng(0)
    strobe = [random.integers(0, 255, (8, 8, 3), dtype=np.uint8) for _ in range(300)]
    assert len(set(numbers(strobe))) < 100
    other = np.ascontiguousarray(rocket[:, ::-1]) // 2
    for between in (BLACK, BLACK + 255):  # one frame between two scenes hides neither of them
        assert numbers([*nod[:2], between, other, other]) == [0, 0, 0, 1, 1]
        assert set(numbers([nod[0], between] * 9)) == {0}  # nor does one person who flickers become two
