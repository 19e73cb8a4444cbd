"""A clip as the source: which of its frames goes with which driving frame, and whose sound the result gets."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from motionkit import media
from motionkit.config import AnimateOptions
from motionkit.errors import MotionkitWarning
from motionkit.model import Model
from motionkit.pipeline import animate_file
from motionkit.widgets.preview import Preview
from tests.support import clips
from tests.support.networks import seeded_model, tiny_config

STILL = AnimateOptions(crop="centre", strength=0.0, label=False)


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(seeded_model(tiny_config(blend_warped=True)), device="cpu", precision="float32", fingerprint="f" * 64)


def grey_clip(path: Path, fps: Fraction, levels: list[int]) -> Path:
    """A wide clip of plain frames of these grey levels."""
    with media.VideoWriter(path, fps=fps) as writer:
        for level in levels:
            writer.write(np.full((64, 96, 3), level, np.uint8))
    return path


@pytest.mark.parametrize(
    ("source", "driving", "expected"),
    [
        ((60, 12), (15, 3), [1, 5, 9]),  # four source frames pass for each of the driving; the nearest is a tick late
        ((15, 3), (60, 12), [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]),
        ((30, 4), (30, 6), [0, 1, 2, 3, 0, 1]),  # shorter: looped
        ((60, 8), (15, 4), [1, 5, 1, 5]),
    ],
)
def test_a_source_clip_is_shown_at_the_driving_times(
    tmp_path: Path,
    model: Model,
    source: tuple[int, int],
    driving: tuple[int, int],
    expected: list[int],
) -> None:
    levels = [10 + 20 * i for i in range(source[1])]
    one = grey_clip(tmp_path / "source.mp4", Fraction(source[0]), levels)
    other = grey_clip(tmp_path / "driving.mp4", Fraction(driving[0]), [128] * driving[1])
    options = STILL.replace(paste_back=True)  # beside the square the whole source frame is seen as it is
    result = animate_file(one, other, tmp_path / "result.mp4", model=model, options=options)
    assert (result.frames, result.fps) == (driving[1], Fraction(driving[0]))
    shown = [float(frame[:, 2:10].mean()) for frame in media.open_clip(tmp_path / "result.mp4")]
    assert shown == pytest.approx([levels[i] for i in expected], abs=4)


def test_the_preview_pairs_frames_as_the_animation_does(tmp_path: Path, model: Model) -> None:
    levels = [10 + 20 * i for i in range(12)]
    grey_clip(tmp_path / "source.mp4", Fraction(60), levels)
    grey_clip(tmp_path / "driving.mp4", Fraction(15), [128] * 5)
    preview = Preview(model)
    preview.open_source(tmp_path / "source.mp4", STILL)
    preview.open_driving(tmp_path / "driving.mp4", STILL)
    for index, expected in enumerate((1, 5, 9)):
        assert preview.frame(index, STILL).moment.source.mean() == pytest.approx(levels[expected], abs=4)
    preview.close()


@pytest.mark.parametrize(
    ("wanted", "driving", "heard"),
    [
        ("auto", "loud", True),
        ("auto", "silent", True),
        ("source", "silent", True),
        ("driving", "loud", True),
        ("none", "loud", False),
    ],
)
def test_the_sound_is_the_driving_or_else_the_source(
    tmp_path: Path, model: Model, wanted: str, driving: str, heard: bool
) -> None:
    clips.click_and_flash(tmp_path / "loud.mp4")
    grey_clip(tmp_path / "silent.mp4", Fraction(25), [128] * 10)
    options = STILL.replace(audio=wanted)
    drive = media.open_clip(tmp_path / f"{driving}.mp4", end=Fraction(2, 5))
    animate_file(tmp_path / "loud.mp4", drive, tmp_path / "result.mp4", model=model, options=options)
    info = media.open_clip(tmp_path / "result.mp4").info
    assert info.has_audio is heard and info.frames == 10


def test_a_sound_that_is_asked_for_and_not_there_is_a_warning(tmp_path: Path, model: Model) -> None:
    grey_clip(tmp_path / "silent.mp4", Fraction(25), [128] * 3)
    with pytest.warns(MotionkitWarning, match="The driving has no sound"):
        animate_file(
            tmp_path / "silent.mp4", tmp_path / "silent.mp4", tmp_path / "r.mp4", model=model,
            options=STILL.replace(audio="driving"),
        )  # fmt: skip
    assert not media.open_clip(tmp_path / "r.mp4").info.has_audio
