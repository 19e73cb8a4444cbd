"""Files in, files out: what is written, what is left behind, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from motionkit import faces, media, pipeline, trust
from motionkit.errors import AnimationCancelled, FaceNotFoundError, InputError, MediaError, MotionkitError
from motionkit.model import Model, load_model
from motionkit.motion.templates import save_template
from motionkit.options import AnimateOptions
from motionkit.pipeline.run import animate_file, extract
from motionkit.samples import portrait
from motionkit.structures import Box, Progress
from tests.conftest import seeded_model, tiny_config

FPS = Fraction(30000, 1001)
PLAIN = AnimateOptions(label=False)


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(seeded_model(tiny_config(blend_warped=True)), device="cpu", precision="float32", fingerprint="f" * 64)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return media.read_image(portrait())


@pytest.fixture
def folder(tmp_path: Path, picture: np.ndarray) -> Path:
    """photo.png, 96×64, and drive.mp4, six frames of 80×64 that drift."""
    media.write_image(tmp_path / "photo.png", picture[40:104, 180:276])
    write_clip(tmp_path / "drive.mp4", [picture[40 + i : 104 + i, 180 + 2 * i : 260 + 2 * i] for i in range(6)])
    return tmp_path


def write_clip(path: Path, frames: list[np.ndarray]) -> None:
    with media.VideoWriter(path, fps=FPS) as writer:
        for frame in frames:
            writer.write(frame)


def frames_of(path: Path) -> list[np.ndarray]:
    return list(media.open_clip(path))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_result_collage_and_still_are_written(folder: Path, model: Model) -> None:
    result = animate_file(
        folder / "photo.png",
        folder / "drive.mp4",
        folder / "result.mp4",
        model=model,
        collage=folder / "collage.mp4",
        still=folder / "still.png",
    )
    assert names(folder) == {"photo.png", "drive.mp4", "result.mp4", "collage.mp4", "still.png"}
    assert (result.path, result.collage) == (folder / "result.mp4", folder / "collage.mp4")
    assert (result.frames, result.fps) == (6, FPS)
    assert result.source_box == Box(16, 0, 80, 64) and result.driving_box == Box(8, 0, 72, 64)
    clip = media.open_clip(result.path)
    assert (clip.info.width, clip.info.height, clip.info.fps, len(list(clip))) == (32, 32, FPS, 6)
    collage = media.open_clip(folder / "collage.mp4")
    assert collage.info.height == 32 and collage.info.width == 3 * 32 + 2 * 2 and len(list(collage)) == 6
    assert media.read_image(folder / "still.png").shape[1] > 3 * 32


def test_the_files_say_that_they_are_made_by_ai(folder: Path, model: Model) -> None:
    for name in ("result.mp4", "result.gif", "frames"):
        animate_file(
            folder / "photo.png",
            folder / "drive.mp4",
            folder / name,
            model=model,
            options=PLAIN,
            still=folder / "s.png",
        )
        path = folder / name / "000000.png" if name == "frames" else folder / name
        assert trust.SOURCE_TYPE in media.read_metadata(path)["comment"]
    assert trust.SOURCE_TYPE in media.read_metadata(folder / "s.png")["comment"]


def test_the_label_is_there_unless_switched_off(folder: Path, model: Model) -> None:
    for name, label in (("plain", False), ("labelled", True)):
        options = AnimateOptions(label=label, size=64)
        animate_file(folder / "photo.png", folder / "drive.mp4", folder / name, model=model, options=options)
    for plain, labelled in zip(frames_of(folder / "plain"), frames_of(folder / "labelled"), strict=True):
        np.testing.assert_array_equal(labelled, trust.label_frame(plain))
        assert not np.array_equal(labelled, plain)


def test_the_animation_is_that_of_the_cropped_frames(folder: Path, model: Model) -> None:
    from motionkit.animation.moments import animate

    animate_file(folder / "photo.png", folder / "drive.mp4", folder / "out", model=model, options=PLAIN)
    source = faces.crop(media.read_image(folder / "photo.png"), Box(16, 0, 80, 64), size=32)
    driving = [faces.crop(frame, Box(8, 0, 72, 64), size=32) for frame in frames_of(folder / "drive.mp4")]
    for made, expected in zip(frames_of(folder / "out"), animate(source, driving, model=model), strict=True):
        np.testing.assert_array_equal(made, expected)


def test_manual_boxes_are_used(folder: Path, model: Model) -> None:
    box = Box(0, 0, 48, 48)
    options = AnimateOptions(source_box=box, driving_box=box)
    result = animate_file(folder / "photo.png", folder / "drive.mp4", folder / "o.mp4", model=model, options=options)
    assert result.source_box == result.driving_box == box


def test_paste_back_keeps_the_rest_of_the_picture(folder: Path, model: Model) -> None:
    whole = media.read_image(folder / "photo.png")
    options = PLAIN.replace(paste_back=True, source_box=Box(20, 10, 60, 50))
    animate_file(
        folder / "photo.png", folder / "drive.mp4", folder / "o", model=model, options=options, collage=folder / "c"
    )
    outside = np.ones(whole.shape[:2], bool)
    outside[10:50, 20:60] = False
    for frame in frames_of(folder / "o"):
        assert frame.shape == whole.shape
        np.testing.assert_array_equal(frame[outside], whole[outside])
        assert not np.array_equal(frame, whole)
    assert all(row.shape[0] == 32 for row in frames_of(folder / "c"))  # the panels have the animation's height


def test_paste_back_into_a_source_clip_follows_it(folder: Path, model: Model) -> None:
    options = PLAIN.replace(paste_back=True, source_box=Box(20, 10, 60, 50))
    source = frames_of(folder / "drive.mp4")[:4]
    write_clip(folder / "source.mp4", source)
    source = frames_of(folder / "source.mp4")
    animate_file(folder / "source.mp4", folder / "drive.mp4", folder / "o", model=model, options=options)
    made = frames_of(folder / "o")
    assert len(made) == 6
    for i, frame in enumerate(made):
        np.testing.assert_array_equal(frame[:10], source[i % 4][:10])


def test_all_faces_are_animated(folder: Path, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    boxes = [Box(0, 0, 32, 32), Box(60, 20, 92, 52)]
    monkeypatch.setattr(faces, "choose_square", lambda *_, **__: boxes)
    whole = media.read_image(folder / "photo.png")
    options = PLAIN.replace(face="all", paste_back=True)
    animate_file(folder / "photo.png", folder / "drive.mp4", folder / "o", model=model, options=options)
    last = frames_of(folder / "o")[-1]
    changed = (last != whole).any(axis=2)
    assert changed[:32, :32].any() and changed[20:52, 60:92].any()
    changed[:32, :32] = changed[20:52, 60:92] = False
    assert not changed.any()


def test_overlays_are_panels_of_the_collage(folder: Path, model: Model) -> None:
    options = PLAIN.replace(overlays=("keypoints", "occlusion", "flow", "deformed"))
    for driving in (folder / "drive.mp4", extract(folder / "drive.mp4", model=model)):
        animate_file(
            folder / "photo.png",
            driving,
            folder / "o.mp4",
            model=model,
            options=options,
            collage=folder / "c.mp4",
        )
        panels = 7 if isinstance(driving, Path) else 6
        assert media.open_clip(folder / "c.mp4").info.width == panels * 32 + (panels - 1) * 2


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, ZeroDivisionError])
def test_whatever_stops_the_work_leaves_nothing(folder: Path, model: Model, error: type[BaseException]) -> None:
    (folder / "o.mp4").write_bytes(b"what was here before")
    before = names(folder)

    def stop(step: Progress) -> None:
        if step.done == 2:
            raise error

    expected = AnimationCancelled if error is KeyboardInterrupt else error
    with pytest.raises(expected, match="Stopped after 2 of 6" if error is KeyboardInterrupt else None):
        run(folder, model, progress=stop)
    assert names(folder) == before
    assert (folder / "o.mp4").read_bytes() == b"what was here before"


def run(folder: Path, model: Model, **more: object) -> None:
    animate_file(
        folder / "photo.png",
        folder / "drive.mp4",
        folder / "o.mp4",
        model=model,
        collage=folder / "c.mp4",
        still=folder / "s.png",
        **more,  # type: ignore[arg-type]
    )


def test_a_template_drives_from_a_file(folder: Path, model: Model) -> None:
    save_template(folder / "drift.motion", extract(folder / "drive.mp4", model=model))
    for name, driving in (("a", "drive.mp4"), ("b", "drift.motion")):
        animate_file(folder / "photo.png", folder / driving, folder / name, model=model)
    np.testing.assert_array_equal(frames_of(folder / "a"), frames_of(folder / "b"))
    with pytest.raises(InputError, match=r"motion template cannot be cut"):
        pipeline.open_driving(folder / "drift.motion", start=1)
    with pytest.raises(InputError, match=r"motion template already"):
        extract(folder / "drift.motion", model=model)


def test_a_cut_clip_can_drive(folder: Path, model: Model) -> None:
    cut = media.open_clip(folder / "drive.mp4", start=2 / FPS)
    assert animate_file(folder / "photo.png", cut, folder / "o.mp4", model=model).frames == 4


Request = Callable[[Path, Model], object]

REFUSED: dict[str, tuple[Request, type[MotionkitError], str]] = {
    "swapped": (
        lambda d, m: animate_file(d / "drive.mp4", d / "photo.png", d / "o.mp4", model=m),
        InputError,
        r"look swapped; got a picture as the driving \(photo.png\) and a clip as the source \(drive.mp4\)",
    ),
    "source is a folder": (
        lambda d, m: animate_file(d, d / "drive.mp4", d / "o.mp4", model=m),
        InputError,
        "The source is a folder; got .*; expected a picture or a clip",
    ),
    "no such source": (
        lambda d, m: animate_file(d / "foto.png", d / "drive.mp4", d / "o.mp4", model=m),
        InputError,
        r"no such file; got .*foto.png. Did you mean photo.png",
    ),
    "no such driving": (
        lambda d, m: animate_file(d / "photo.png", d / "driv.mp4", d / "o.mp4", model=m),
        InputError,
        r"no such file; got .*driv.mp4. Did you mean drive.mp4",
    ),
    "target is the source": (
        lambda d, m: animate_file(d / "drive.mp4", d / "drive.mp4", d / "drive.mp4", model=m),
        InputError,
        "target would overwrite an input",
    ),
    "target is an open driving": (
        lambda d, m: animate_file(d / "photo.png", media.open_clip(d / "drive.mp4"), d / "drive.mp4", model=m),
        InputError,
        "target would overwrite an input",
    ),
    "still is the source": (
        lambda d, m: animate_file(d / "photo.png", d / "drive.mp4", d / "o.mp4", model=m, still=d / "photo.png"),
        InputError,
        "target would overwrite an input",
    ),
    "collage is the target": (
        lambda d, m: animate_file(d / "photo.png", d / "drive.mp4", d / "o.mp4", model=m, collage=d / "o.mp4"),
        InputError,
        "target would overwrite an input",
    ),
    "target is a picture": (
        lambda d, m: animate_file(d / "photo.png", d / "drive.mp4", d / "o.png", model=m),
        InputError,
        r"clip cannot be written as a picture; got .*o.png; expected .mp4",
    ),
    "still is a clip": (
        lambda d, m: animate_file(d / "photo.png", d / "drive.mp4", d / "o.mp4", model=m, still=d / "s.mp4"),
        InputError,
        r"still is a picture; got .*s.mp4; expected .png",
    ),
    "target's folder is not there": (
        lambda d, m: animate_file(d / "photo.png", d / "drive.mp4", d / "x" / "o.mp4", model=m),
        MediaError,
        "folder is not there",
    ),
    "all faces without paste_back": (
        lambda d, m: animate_file(
            d / "photo.png", d / "drive.mp4", d / "o.mp4", model=m, options=AnimateOptions(face="all")
        ),
        InputError,
        "animates several faces of one picture. Set paste_back as well",
    ),
    "a chosen face of a clip": (
        lambda d, m: animate_file(
            d / "drive.mp4", d / "drive.mp4", d / "o.mp4", model=m, options=AnimateOptions(face=1)
        ),
        InputError,
        "Of a source clip the largest face is animated; got face=1",
    ),
    "no face": (
        lambda d, m: animate_file(
            d / "drive.mp4", d / "drive.mp4", d / "o.mp4", model=m, options=AnimateOptions(crop="face")
        ),
        FaceNotFoundError,
        "No face was found",
    ),
    "unknown gain": (
        lambda d, m: animate_file(
            d / "photo.png", d / "drive.mp4", d / "o.mp4", model=m, options=AnimateOptions(gains={"mouth": 1.0})
        ),
        InputError,
        "Unknown keypoint or group in gains; got 'mouth'",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_done_is_refused_clearly(folder: Path, model: Model, name: str) -> None:
    request, error, message = REFUSED[name]
    before = names(folder)
    with pytest.raises(error, match=message) as caught:
        request(folder, model)
    assert "\n" not in str(caught.value)
    assert names(folder) == before


def test_heads_animates_a_portrait(folder: Path, picture: np.ndarray) -> None:
    write_clip(folder / "face.mp4", [picture[i : 300 + i, 80 + 2 * i : 380 + 2 * i] for i in (0, 2, 4)])
    heads = load_model("heads", device="cpu")
    options = PLAIN.replace(paste_back=True, size=128)
    result = animate_file(portrait(), folder / "face.mp4", folder / "o", model=heads, options=options)
    assert result.source_box is not None and result.driving_box is not None
    # Eileen Collins' face is at about (224, 110).
    x, y = result.source_box.centre
    assert abs(x - 224) < 40 and abs(y - 110) < 60 and 120 < result.source_box.width < 400
    first = frames_of(folder / "o")[0]
    assert first.shape == picture.shape
    assert np.abs(first.astype(int) - picture).mean() < 8  # the pose of the first frame is the source's own
