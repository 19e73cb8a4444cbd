"""The inputs that travel with the package."""

from __future__ import annotations

import numpy as np
import pytest

from motionkit import faces, media, samples
from motionkit.errors import InputError

PORTRAITS = [sample for sample in samples.SAMPLES if sample.role == "source"]


def test_the_samples_are_there() -> None:
    for name, frames in {"driving": 125, "expressions": 125, "turns": 125, "nod": 50}.items():
        info = media.open_clip(samples.driving_clip(name)).info
        assert (info.frames, info.width, info.height, info.fps) == (frames, 256, 256, 25)
    clips = [sample.path() for sample in samples.SAMPLES if sample.role == "driving"]
    assert sum(path.stat().st_size for path in clips) < 800_000
    pictures = [media.read_image(sample.path()) for sample in PORTRAITS]
    assert len(pictures) == 6 and all(picture.shape == (512, 512, 3) for picture in pictures)
    assert all(sample.path().stat().st_size <= 60_000 for sample in PORTRAITS[1:])
    apart = [np.abs(one.astype(int) - other).mean() for i, one in enumerate(pictures) for other in pictures[:i]]
    assert min(apart) > 15, "each is another picture"


@pytest.mark.parametrize("sample", PORTRAITS, ids=lambda sample: sample.name)
def test_the_face_of_each_portrait_is_found(sample: samples.Sample) -> None:
    (face,) = faces.find_faces(media.read_image(sample.path()))
    left, top, right, bottom = face.edges[:4]
    assert 80 < right - left < 320
    assert top >= 0 and bottom < 400
    assert 170 < (left + right) / 2 < 342


def test_the_code_of_a_sample_gives_its_path() -> None:
    for sample in samples.SAMPLES:
        assert eval(sample.code, {"samples": samples}) == sample.path()  # noqa: S307 - the code is ours
    assert [sample.role for sample in samples.SAMPLES] == ["source"] * 6 + ["driving"] * 4
    assert (samples.SAMPLES[0].code, samples.SAMPLES[4].code) == ("samples.portrait()", 'samples.portrait("cartoon")')
    assert all("CC0" in sample.origin or "public domain" in sample.origin for sample in samples.SAMPLES)


def test_a_name_that_is_none_is_told() -> None:
    with pytest.raises(InputError, match="astronaut or freckles or glasses"):
        samples.portrait("nobody")
    with pytest.raises(InputError, match="driving or expressions"):
        samples.driving_clip("../driving")
