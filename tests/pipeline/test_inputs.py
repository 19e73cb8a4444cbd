"""Drivings of every kind from files, and what cannot be done is refused before any work."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from motionkit import media, pipeline
from motionkit.config import AnimateOptions
from motionkit.errors import FaceNotFoundError, InputError, MediaError, MotionkitError
from motionkit.model import Model
from motionkit.motion.templates import save_template
from motionkit.pipeline.run import animate_file, extract
from tests.support.files import Run, frames_of, names


def test_a_template_drives_from_a_file(folder: Path, model: Model, run: Run) -> None:
    save_template(folder / "drift.motion", extract(folder / "drive.mp4", model=model))
    for name, driving in (("a", "drive.mp4"), ("b", "drift.motion")):
        result = run(name, driving=driving)
        assert (result.frames, result.fps) == (6, Fraction(30000, 1001))
    np.testing.assert_array_equal(frames_of(folder / "a"), frames_of(folder / "b"))
    with pytest.raises(InputError, match=r"motion template cannot be cut"):
        pipeline.open_driving(folder / "drift.motion", start=1)
    with pytest.raises(InputError, match=r"motion template already"):
        extract(folder / "drift.motion", model=model)


def test_a_cut_clip_can_drive(folder: Path, model: Model) -> None:
    cut = media.open_clip(folder / "drive.mp4", start=2 / Fraction(30000, 1001))
    assert animate_file(folder / "photo.png", cut, folder / "o.mp4", model=model).frames == 4


SWAPPED = r"look swapped; got a picture as the driving \(photo.png\) and a clip as the source \(drive.mp4\)"
REFUSED: dict[str, tuple[dict[str, object], type[MotionkitError], str]] = {
    "swapped": ({"source": "drive.mp4", "driving": "photo.png"}, InputError, SWAPPED),
    "source is a folder": (
        {"source": "."},
        InputError,
        "The source is a folder; got .*; expected a picture or a clip",
    ),
    "no such source": (
        {"source": "foto.png"},
        InputError,
        r"no such file; got .*foto.png. Did you mean photo.png\?",
    ),
    "no such driving": (
        {"driving": "driv.mp4"},
        InputError,
        r"no such file; got .*driv.mp4. Did you mean drive.mp4",
    ),
    "target is an input": (
        {"source": "drive.mp4", "output": "drive.mp4"},
        InputError,
        "target would overwrite an input",
    ),
    "target is the driving": ({"output": "drive.mp4"}, InputError, "target would overwrite an input"),
    "still is the source": ({"still": "photo.png"}, InputError, "target would overwrite an input"),
    "collage is the target": ({"collage": "o.mp4"}, InputError, "target would overwrite an input"),
    "target is a picture": (
        {"output": "o.png"},
        InputError,
        r"clip cannot be written as a picture; got .*o.png; expected .mp4",
    ),
    "still is a clip": ({"still": "s.mp4"}, InputError, r"still is a picture; got .*s.mp4; expected .png"),
    "target's folder is not there": ({"output": "x/o.mp4"}, MediaError, "folder is not there"),
    "not square without a crop": (
        {"options": AnimateOptions(crop="none")},
        InputError,
        "must be square; got 96x64",
    ),
    "a chosen face of a clip": (
        {"source": "drive.mp4", "options": AnimateOptions(face=1)},
        FaceNotFoundError,
        "No face was found in the source drive.mp4",
    ),
    "no face": (
        {"source": "drive.mp4", "options": AnimateOptions(crop="face")},
        FaceNotFoundError,
        "No face was found in the source drive.mp4",
    ),
    "no face for all": (
        {"options": AnimateOptions(crop="face", face="all", paste_back=True)},
        FaceNotFoundError,
        "No face was found in the source photo.png",
    ),
    "unknown gain": (
        {"options": AnimateOptions(gains={"mouth": 1.0})},
        InputError,
        "Unknown keypoint or group in gains; got 'mouth'",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_done_is_refused_clearly(folder: Path, run: Run, name: str) -> None:
    arguments, error, message = REFUSED[name]
    before = names(folder)
    with pytest.raises(error, match=message) as caught:
        run(**{"output": "o.mp4", **arguments})
    assert "\n" not in str(caught.value)
    assert names(folder) == before


def test_the_file_of_an_open_clip_is_an_input_too(folder: Path, model: Model) -> None:
    clip = media.open_clip(folder / "drive.mp4")
    with pytest.raises(InputError, match="target would overwrite an input"):
        animate_file(folder / "photo.png", clip, folder / "drive.mp4", model=model)
