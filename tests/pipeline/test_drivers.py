"""A face of the driving clip, and a driving for each face of the source."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from motionkit import faces, media
from motionkit.config import AnimateOptions
from motionkit.errors import FaceNotFoundError, InputError, MotionkitWarning
from motionkit.faces import squares
from motionkit.model import Model
from motionkit.motion.templates import MotionTemplate
from motionkit.pipeline.clips import crop_clip
from motionkit.pipeline.driving import open_driving
from motionkit.pipeline.run import animate_file, extract
from motionkit.pipeline.subject import open_source
from motionkit.structures import Box
from tests.support.files import frames_of, write_clip

LEFT, RIGHT = Box(0, 0, 32, 32), Box(60, 20, 92, 52)
ALL = AnimateOptions(face="all", driving_box=Box(0, 0, 64, 64), label=False)
RATE = Fraction(30000, 1001)


@pytest.fixture
def two_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "choose_square", lambda *_, **__: [LEFT, RIGHT])


@pytest.fixture
def other(folder: Path) -> Path:
    """Three frames at the rate of drive.mp4, which has six."""
    drive = frames_of(folder / "drive.mp4")
    return write_clip(folder / "other.mp4", [frame[:, ::-1] for frame in drive[:3]], RATE)


def alone(folder: Path, model: Model, driving: object, box: Box) -> list[np.ndarray]:
    """The photo with one of its faces animated."""
    options = ALL.replace(face="largest", paste_back=True, source_box=box)
    target = folder / f"alone-{box.left}"
    animate_file(folder / "photo.png", driving, target, model=model, options=options)  # type: ignore[arg-type]
    return frames_of(target)


def check(made: list[np.ndarray], left: list[np.ndarray], right: list[np.ndarray]) -> None:
    """Each face moves as its own driving has it."""
    assert len(made) == len(left) == len(right)
    for frame, one, other in zip(made, left, right, strict=True):
        assert np.abs(frame[:, :50].astype(int) - one[:, :50]).max() <= 1
        assert np.abs(frame[:, 50:].astype(int) - other[:, 50:]).max() <= 1


@pytest.mark.usefixtures("two_faces")
def test_each_face_has_a_driving_of_its_own(folder: Path, model: Model, other: Path) -> None:
    drive = folder / "drive.mp4"
    result = animate_file(folder / "photo.png", [drive, other], folder / "o", model=model, options=ALL)
    assert (result.frames, result.fps) == (6, RATE)
    right = alone(folder, model, other, RIGHT)
    # The shorter one begins anew.
    check(frames_of(folder / "o"), alone(folder, model, drive, LEFT), [*right, *right])
    assert any((one != right[0]).any() for one in right)


@pytest.mark.usefixtures("two_faces")
def test_a_longer_one_is_cut_and_read_at_the_first_ones_times(folder: Path, model: Model, other: Path) -> None:
    drive = folder / "drive.mp4"
    fast = write_clip(folder / "fast.mp4", [f for f in frames_of(drive) for _ in range(2)], 2 * RATE)
    animate_file(folder / "photo.png", [other, fast], folder / "o", model=model, options=ALL)
    plain = alone(folder, model, open_driving(fast, fps=RATE), RIGHT)
    check(frames_of(folder / "o"), alone(folder, model, other, LEFT), plain[:3])


@pytest.mark.usefixtures("two_faces")
@pytest.mark.filterwarnings("ignore::motionkit.errors.MotionkitWarning")
def test_the_first_one_is_cut_off(folder: Path, model: Model, other: Path) -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (64, 64, 3), dtype=np.uint8) for _ in range(12)]
    whole = write_clip(folder / "whole.mp4", pictures, RATE)
    with av.open(str(whole)) as read, av.open(str(folder / "torn.mp4"), "w", options={"movflags": "faststart"}) as torn:
        stream = torn.add_stream_from_template(read.streams.video[0])
        for packet in read.demux(read.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                torn.mux(packet)
    data = (folder / "torn.mp4").read_bytes()
    (folder / "torn.mp4").write_bytes(data[: len(data) * 2 // 3])
    result = animate_file(folder / "photo.png", [folder / "torn.mp4", other], folder / "o", model=model, options=ALL)
    assert 0 < result.frames < 12
    assert len(frames_of(folder / "o")) == result.frames


@pytest.mark.usefixtures("two_faces")
@pytest.mark.parametrize("place", [0, 1])
def test_templates_drive_beside_clips(folder: Path, model: Model, other: Path, place: int) -> None:
    template = extract(other, model=model, options=ALL.replace(face="largest"))
    drivings = [folder / "drive.mp4", other]
    animate_file(folder / "photo.png", drivings, folder / "clips", model=model, options=ALL)
    mixed: list[Path | MotionTemplate] = [*drivings]
    if place == 0:  # as the first one it gives length and rate
        mixed = [template, template]
        assert animate_file(folder / "photo.png", mixed, folder / "o", model=model, options=ALL).frames == 3
        return
    mixed[1] = template
    animate_file(folder / "photo.png", mixed, folder / "o", model=model, options=ALL)
    for made, expected in zip(frames_of(folder / "o"), frames_of(folder / "clips"), strict=True):
        assert np.abs(made.astype(int) - expected).max() <= 1


def test_a_template_at_another_rate_by_hand(model: Model, folder: Path) -> None:
    template = extract(folder / "drive.mp4", model=model, options=ALL.replace(face="largest"))
    timed = open_driving(template).timed(RATE / 2, 5).seen(model, ALL)
    (batch,) = timed.batches(model, 8)
    assert timed.length == 5 and timed.fps == RATE / 2
    assert np.array_equal(batch.keypoints.value, template.keypoints.value[[0, 2, 4, 0, 2]])


@pytest.mark.usefixtures("two_faces")
def test_as_many_drivings_as_faces(folder: Path, model: Model) -> None:
    drive = folder / "drive.mp4"
    with pytest.raises(InputError, match="got 3 drivings for 2 faces; expected 1 or 2"):
        animate_file(folder / "photo.png", [drive] * 3, folder / "o", model=model, options=ALL)
    one = ALL.replace(face="largest", source_box=LEFT)
    with pytest.raises(InputError, match=r'got 2 drivings for 1 face; expected 1\. Set face="all"'):
        animate_file(folder / "photo.png", [drive] * 2, folder / "o", model=model, options=one)
    with pytest.raises(InputError, match="There is no driving; got an empty list"):
        animate_file(folder / "photo.png", [], folder / "o", model=model, options=ALL)
    assert not (folder / "o").exists()


Finds = Callable[[list[list[Box]]], None]


@pytest.fixture
def finds(monkeypatch: pytest.MonkeyPatch) -> Finds:
    """Lay down what is found in the frames of a clip, one after another, again and again."""

    def lay_down(found: list[list[Box]]) -> None:
        looks = iter(found * 50)
        monkeypatch.setattr(squares, "find_faces", lambda *_, **__: sorted(next(looks), key=lambda box: -box.area))

    return lay_down


ONE, TWO = Box(10, 10, 22, 22), Box(50, 10, 60, 20)


@pytest.mark.parametrize(("face", "box"), [("largest", ONE), (0, ONE), (1, TWO)])
def test_a_face_of_the_driving_is_chosen(folder: Path, model: Model, finds: Finds, face: str | int, box: Box) -> None:
    finds([[ONE], [TWO], [TWO, ONE], []])
    clip = media.open_clip(folder / "drive.mp4")
    options = AnimateOptions(crop="face", driving_face=face)  # type: ignore[arg-type]
    expected = faces.held_inside(faces.face_square(box), 80, 64)
    assert crop_clip(clip, model.config, options).box == expected


def test_faces_of_a_source_clip(folder: Path, model: Model, finds: Finds) -> None:
    finds([[TWO, ONE]])
    expected = [faces.held_inside(faces.face_square(box), 80, 64) for box in (ONE, TWO)]
    assert open_source(folder / "drive.mp4", model.config, AnimateOptions(face="all")).boxes == expected
    assert open_source(folder / "drive.mp4", model.config, AnimateOptions(face=1)).boxes == expected[1:]


def test_messages_name_the_input(folder: Path, model: Model, finds: Finds) -> None:
    clip, config = media.open_clip(folder / "drive.mp4"), model.config
    finds([[ONE, TWO]])
    with pytest.raises(
        FaceNotFoundError, match=r"no such face in the driving drive\.mp4; got index 2; expected 0 to 1"
    ):
        crop_clip(clip, config, AnimateOptions(driving_face=2))
    with pytest.raises(FaceNotFoundError, match=r"no such face in the source photo\.png; got index 3"):
        open_source(folder / "photo.png", config, AnimateOptions(face=3))
    with pytest.raises(FaceNotFoundError, match=r"no such face in the source drive\.mp4; got index 3"):
        open_source(folder / "drive.mp4", config, AnimateOptions(face=3))
    finds([[]])
    with pytest.raises(FaceNotFoundError, match=r"No face was found in the driving drive\.mp4"):
        crop_clip(clip, config, AnimateOptions(driving_face=0))
    for face in ("all", 0):
        for source in ("photo.png", "drive.mp4"):
            with pytest.raises(FaceNotFoundError, match=f"No face was found in the source {source}"):
                open_source(folder / source, config, AnimateOptions(face=face))  # type: ignore[arg-type]
    with pytest.warns(MotionkitWarning, match=r"No face was found in the driving drive\.mp4"):
        crop_clip(clip, config.replace(domain="face"), AnimateOptions())
    with pytest.raises(InputError, match=r"the whole of the driving drive\.mp4, which must be square"):
        crop_clip(clip, config, AnimateOptions(crop="none"))
    with pytest.raises(InputError, match=r"the whole of the source photo\.png, which must be square"):
        open_source(folder / "photo.png", config, AnimateOptions(crop="none"))
    far = Box(0, 0, 2000, 2000)
    with pytest.raises(InputError, match=r"box is far larger than the driving drive\.mp4"):
        crop_clip(clip, config, AnimateOptions(driving_box=far))
    with pytest.raises(InputError, match=r"box is far larger than the source photo\.png"):
        open_source(folder / "photo.png", config, AnimateOptions(source_box=far))


@pytest.mark.parametrize("crop", ["centre", "none"])
@pytest.mark.parametrize("name", ["face", "driving_face"])
def test_a_face_is_not_chosen_where_none_is_looked_for(crop: str, name: str) -> None:
    with pytest.raises(InputError, match=f'With crop="{crop}" no face is looked for; got {name}=1'):
        AnimateOptions(crop=crop, **{name: 1})  # type: ignore[arg-type]


@pytest.mark.parametrize("targets", [{"output": None}, {"collage": 5}, {"still": ["a.png"]}])
def test_a_target_is_a_path(folder: Path, model: Model, targets: dict[str, object]) -> None:
    given = {"output": folder / "o", **targets}
    with pytest.raises(InputError, match=f"The {next(iter(targets))} is no path"):
        animate_file(folder / "photo.png", folder / "drive.mp4", model=model, options=ALL, **given)  # type: ignore[arg-type]
