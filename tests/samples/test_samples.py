"""The inputs that travel with the package."""

from __future__ import annotations

from motionkit import media, samples


def test_the_samples_are_there() -> None:
    for name, frames in {"driving": 125, "expressions": 125, "turns": 125, "nod": 50}.items():
        info = media.open_clip(samples.driving_clip(name)).info
        assert (info.frames, info.width, info.height, info.fps) == (frames, 256, 256, 25)
    clips = [sample.path() for sample in samples.SAMPLES if sample.role == "driving"]
    assert sum(path.stat().st_size for path in clips) < 800_000
    assert media.read_image(samples.portrait()).shape == (512, 512, 3)


def test_the_code_of_a_sample_gives_its_path() -> None:
    for sample in samples.SAMPLES:
        assert eval(sample.code, {"samples": samples}) == sample.path()  # noqa: S307 - the code is ours
    assert [sample.role for sample in samples.SAMPLES] == ["source"] + ["driving"] * 4
