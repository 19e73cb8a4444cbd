"""Speech opens the mouth as its phonemes do, as espeak-ng knows them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import resample_poly

from motionkit.motion.expressions import CURVES
from motionkit.motion.speech import RATE, openness, speak
from tests.support import espeak

SENTENCES = (
    ("en", "The old man and my mother sang all day about a palm tree by the harbour."),
    ("en-us", "She sees three green leaves, but he wants blue shoes and two spoons."),
    ("en-us+f3", "Hello, my name is Anna. I am happy that you are here."),
)


def heard(text: str, voice: str) -> tuple[np.ndarray, list[tuple[float, str]]]:
    samples, rate, phonemes = espeak.spoken(text, voice=voice)
    return resample_poly(samples, RATE, rate), phonemes


@pytest.mark.skipif(espeak.library() is None, reason="espeak-ng is not installed, which speaks and knows its phonemes")
@pytest.mark.parametrize(("voice", "text"), SENTENCES, ids=[voice for voice, _ in SENTENCES])
def test_the_mouth_opens_with_the_phonemes(voice: str, text: str) -> None:
    samples, phonemes = heard(text, voice)
    wide, _, _ = openness(samples, 30)
    truth = espeak.open_mouth(phonemes, np.arange(len(wide)) / 30)
    assert np.corrcoef(wide, truth)[0, 1] >= 0.7
    # Speech played backwards opens at other times: the figure is no matter of course.
    assert np.corrcoef(wide[::-1], truth)[0, 1] < 0.5
    assert wide.max() > 0.6


def vowel(first: float, second: float) -> np.ndarray:
    """A second of a voice at 120 Hz with two resonances."""
    time = np.arange(RATE) / RATE
    harmonics = np.arange(120, 4000, 120)
    strength = sum(np.exp(-(((harmonics - formant) / 120) ** 2)) for formant in (first, second)) + 0.002
    return np.sin(2 * np.pi * np.outer(time, harmonics)) @ strength


def test_vowels_shape_the_mouth() -> None:
    both = np.concatenate(
        [vowel(800, 1300), np.zeros(RATE // 4), vowel(300, 2300), np.zeros(RATE // 4), vowel(320, 800)]
    )
    wide, spread, _ = openness(both, 30)
    ah, ee, oo = wide[5:25].mean(), wide[43:62].mean(), wide[81:100].mean()
    assert ah > 0.6 and ah > 2 * ee and ah > 2 * oo
    assert spread[43:62].mean() > 0.5 and spread[81:100].mean() < 0


def test_loudness_of_the_recording_does_not_count_and_silence_is_shut() -> None:
    both = np.concatenate([vowel(800, 1300), np.zeros(RATE)])
    wide, _, _ = openness(both, 30)
    assert np.allclose(openness(both / 50, 30)[0], wide, atol=0.05)
    assert wide[45:].max() < 0.01 and openness(np.zeros(RATE), 30)[0].max() == 0


def test_it_is_listened_to_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = np.concatenate([vowel(800, 1300), vowel(300, 2300)])
    whole = openness(samples, 30)
    monkeypatch.setattr("motionkit.motion.speech.BATCH", 7)
    assert all(np.array_equal(one, other) for one, other in zip(whole, openness(samples, 30), strict=True))


def test_the_seed_decides_blinks_and_sway_and_nothing_else() -> None:
    samples = np.tile(vowel(700, 1200), 6)
    first, again, other = speak(samples, seed=1), speak(samples, seed=1), speak(samples, seed=2)
    assert len(first) == 180 and np.array_equal(first.curves, again.curves)
    jaw, lid = CURVES.index("jawOpen"), CURVES.index("eyeBlinkLeft")
    assert np.array_equal(first.curves[:, jaw], other.curves[:, jaw])
    assert not np.array_equal(first.curves[:, lid], other.curves[:, lid])
    assert first.curves[:, lid].max() == 1 and np.abs(first.curves[:, -3:]).max() < 8
