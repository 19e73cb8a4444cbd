"""Files in, files out: what is animated, and that the rest of a picture stays as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from motionkit import faces, media, samples, trust
from motionkit.animation.moments import animate
from motionkit.config import AnimateOptions
from motionkit.model import Model, load_model
from motionkit.pipeline.run import animate_file
from motionkit.structures import Box
from tests.support.files import Run, frames_of, write_clip

PLAIN = AnimateOptions(label=False)
WATERMARK = 14  # 255ths that it may change a pixel by


def apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """H W: the largest difference of each pixel's three values."""
    return np.abs(one.astype(int) - other).max(axis=2)


@pytest.fixture(scope="module")
def heads() -> Model:
    return load_model("heads", device="cpu")


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    return media.read_image(samples.portrait())


def test_the_animation_is_that_of_the_cropped_frames(folder: Path, model: Model, run: Run) -> None:
    run("out", options=PLAIN)
    source = faces.crop(media.read_image(folder / "photo.png"), Box(16, 0, 80, 64), size=32)
    driving = [faces.crop(frame, Box(8, 0, 72, 64), size=32) for frame in frames_of(folder / "drive.mp4")]
    for made, expected in zip(frames_of(folder / "out"), animate(source, driving, model=model), strict=True):
        np.testing.assert_array_equal(made, trust.mark_frame(expected))


def test_manual_boxes_are_used(run: Run) -> None:
    box = Box(0, 0, 48, 48)
    result = run("o.mp4", options=AnimateOptions(source_box=box, driving_box=box))
    assert result.source_box == result.driving_box == box


def test_paste_back_keeps_the_rest_of_the_picture(folder: Path, run: Run) -> None:
    whole = media.read_image(folder / "photo.png")
    run("o", options=PLAIN.replace(paste_back=True, source_box=Box(20, 10, 60, 50)), collage="c")
    outside = np.ones(whole.shape[:2], bool)
    outside[10:50, 20:60] = False
    for frame in frames_of(folder / "o"):
        assert frame.shape == whole.shape
        assert apart(frame, whole)[outside].max() <= WATERMARK
        assert (frame != whole).any(axis=2)[20:40, 30:50].mean() > 0.5
    assert all(row.shape[0] == 32 for row in frames_of(folder / "c"))  # the panels have the animation's height


def test_paste_back_into_a_source_clip_follows_it(folder: Path, run: Run) -> None:
    fps = media.open_clip(folder / "drive.mp4").info.fps
    source = frames_of(write_clip(folder / "source.mp4", frames_of(folder / "drive.mp4")[:4], fps))
    run("o", source="source.mp4", options=PLAIN.replace(paste_back=True, source_box=Box(20, 10, 60, 50)))
    made = frames_of(folder / "o")
    assert len(made) == 6
    for i, frame in enumerate(made):
        assert apart(frame, source[i % 4])[:10].max() <= WATERMARK


def test_a_source_clip_is_animated(folder: Path, run: Run) -> None:
    assert run("moving.mp4", source="drive.mp4").frames == 6
    assert media.open_clip(folder / "moving.mp4").info.frames == 6


def test_all_faces_are_animated(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    boxes = [Box(0, 0, 32, 32), Box(60, 20, 92, 52)]
    monkeypatch.setattr(faces, "choose_square", lambda *_, **__: boxes)
    run("o", options=PLAIN.replace(face="all", paste_back=True))
    changed = apart(frames_of(folder / "o")[-1], media.read_image(folder / "photo.png")) > WATERMARK
    assert changed[:32, :32].any()
    assert changed[20:52, 60:92].any()
    changed[:32, :32] = changed[20:52, 60:92] = False
    assert not changed.any()


def test_all_faces_of_a_picture_are_found(folder: Path, run: Run, heads: Model, portrait: np.ndarray) -> None:
    two = np.concatenate([portrait[:256, 90:346]] * 2, axis=1)
    media.write_image(folder / "two.png", two)
    options = PLAIN.replace(face="all", paste_back=True, driving_box=Box(0, 0, 64, 64), strength=2.0, lost="follow")
    run("o", source="two.png", options=options, model=heads)
    moved = np.abs(frames_of(folder / "o")[-1].astype(int) - two).mean(axis=(0, 2))
    assert moved[:256].max() > 1
    assert moved[256:].max() > 1


def test_heads_animates_a_portrait(folder: Path, heads: Model, portrait: np.ndarray) -> None:
    write_clip(folder / "face.mp4", [portrait[i : 300 + i, 80 + 2 * i : 380 + 2 * i] for i in (0, 2, 4)])
    options = PLAIN.replace(paste_back=True, size=128)
    result = animate_file(samples.portrait(), folder / "face.mp4", folder / "o", model=heads, options=options)
    assert result.source_box is not None
    assert result.driving_box is not None
    # Eileen Collins' face is at about (224, 110).
    x, y = result.source_box.centre
    assert abs(x - 224) < 40 and abs(y - 110) < 60 and 120 < result.source_box.width < 400
    first = frames_of(folder / "o")[0]
    assert first.shape == portrait.shape
    assert np.abs(first.astype(int) - portrait).mean() < 8  # the pose of the first frame is the source's own
