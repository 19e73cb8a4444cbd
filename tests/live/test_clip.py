"""A clip that drives plays in real time, round and round."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import motionkit as mk
from motionkit import media
from motionkit.config import AnimateOptions
from motionkit.errors import TemplateError
from motionkit.live.clip import LiveClip
from motionkit.model import Model
from tests.support.networks import seeded_model, tiny_config


class Clock:
    """A time that moves when told to, or when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def player(path: Path, model: Model, clock: Clock) -> LiveClip:
    # All of the numbered frames' bits, without a face to look for.
    return LiveClip(path, model=model, options=AnimateOptions(crop="centre"), clock=clock, sleep=clock.sleep)


def next_index(clip: LiveClip) -> int:
    clip.next()
    return clip.index


def test_a_clip_plays_in_real_time_round_and_round_and_no_frame_twice(numbered: Path, model: Model) -> None:
    clock = Clock()
    clip = player(numbered, model, clock)
    quick = [next_index(clip) for _ in range(25)]
    assert quick == list(range(25)) and clock.now == pytest.approx(50 + 24 / 20)
    seen = []
    for _ in range(8):  # somebody who takes 0.13 s for each
        clock.sleep(0.13)
        clip.next()
        assert clip.index == pytest.approx((clock.now - 50) * 20, abs=1)
        seen.append(clip.index)
    assert all(2 <= b - a <= 3 for a, b in pairwise(seen))
    clip.rewind()
    assert next_index(clip) == 0


def test_the_picture_is_the_clips_and_repeats_with_it(numbered: Path, model: Model) -> None:
    clip = player(numbered, model, Clock())
    frames = [clip.next().frame for _ in range(20)]
    whole = list(media.open_clip(numbered))
    for i, frame in enumerate(frames):
        assert isinstance(frame, np.ndarray) and frame.shape == (32, 32, 3)
        middle = whole[i % 10][:, 8:56]
        expected = np.asarray(Image.fromarray(middle).resize((32, 32), Image.Resampling.BOX))
        assert np.abs(frame.astype(int) - expected).mean() < 12


def test_a_clip_that_decodes_slowly_plays_slower(numbered: Path, model: Model) -> None:
    clock = Clock()
    clip = player(numbered, model, clock)
    assert next_index(clip) == 0
    clock.sleep(60)
    assert next_index(clip) == 20  # a second on, not a minute
    clock.sleep(0.11)
    assert next_index(clip) == 22


def test_a_template_plays_as_its_clip(model: Model, numbered: Path, tmp_path: Path) -> None:
    options = AnimateOptions(crop="centre")
    template = mk.extract(numbered, model=model, options=options)
    mk.save_template(tmp_path / "a.motion", template)
    clip = player(tmp_path / "a.motion", model, Clock())
    assert not clip.pictures
    for i in range(12):
        driving = clip.next().keypoints
        assert driving is not None
        assert (driving.value == template.keypoints.value[i % 10]).all()
    other = Model(seeded_model(tiny_config(name="other")), device="cpu", fingerprint="e" * 64)
    with pytest.raises(TemplateError, match="other"):
        LiveClip(tmp_path / "a.motion", model=other, options=options)
