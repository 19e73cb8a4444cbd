"""The inputs that travel with the package."""

from __future__ import annotations

from motionkit import media, samples


def test_the_samples_are_there() -> None:
    assert media.open_clip(samples.driving_clip()).info.frames == 125
    assert media.open_clip(samples.driving_clip("nod")).info.frames == 50
    assert media.read_image(samples.portrait()).shape == (512, 512, 3)


def test_the_code_of_a_sample_gives_its_path() -> None:
    for sample in samples.SAMPLES:
        assert eval(sample.code, {"samples": samples}) == sample.path()  # noqa: S307 - the code is ours
    assert [sample.role for sample in samples.SAMPLES] == ["source", "driving", "driving"]
