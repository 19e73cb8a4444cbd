"""Speech opens a mouth: loudness and formants to a few mouth shapes, with blinks and slight head motion.

No words are recognised, and it is not lip reading: lips that close for m, b and p are followed where the sound is
quiet and dull there, and what is said in a whisper, over music or by two people is followed badly.

Legend: S samples, T frames, W samples of a window.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from motionkit.motion.expressions import CURVES, Take

__all__ = ["RATE", "openness", "speak"]

RATE = 16_000  # samples a second that everything here is for
WINDOW = 0.032  # seconds that a frame listens to
BANDS = (100.0, 4000.0), (3500.0, 8000.0), (100.0, 8000.0), (500.0, 1400.0), (100.0, 450.0)  # Hz
BATCH = 1000  # frames that are listened to at once
QUIET = 32.0  # decibels below loud speech at which a mouth is shut
FLOOR = 1e-8
FIRST = 250.0, 750.0  # Hz of the first formant: from the closest vowels to the widest
SECOND = 1000.0, 2100.0  # Hz of the second: from round lips to spread ones
ORDER = 12  # of linear prediction, at half the rate
ATTACK, RELEASE = 0.03, 0.06  # seconds
BLINKS = 2.0, 5.0  # seconds between
BLINK = np.array([0.5, 1.0, 1.0, 0.7, 0.3])  # at 30 frames a second


def speak(samples: np.ndarray, fps: Fraction | float = 30, *, seed: int = 0, path: Path | None = None) -> Take:
    """A take of a face that says what is heard.

    Args:
        samples: S float, mono at ``RATE``, of any loudness.
        fps: Frames a second of the take.
        seed: Of blinks and head motion.
        path: The file that the sound is from.
    """
    wide, spread, hiss = openness(samples, fps)
    curves = np.zeros((len(wide), len(CURVES)))

    def put(value: np.ndarray, *names: str) -> None:
        for name in names:
            curves[:, CURVES.index(name)] = value

    heard = np.clip(wide * 3, 0, 1)
    put(0.75 * wide, "jawOpen")
    put(0.5 * wide, "mouthLowerDownLeft", "mouthLowerDownRight")
    put(0.3 * wide, "mouthUpperUpLeft", "mouthUpperUpRight")
    put(0.6 * np.clip(spread, 0, 1) * heard, "mouthStretchLeft", "mouthStretchRight")
    put(0.7 * np.clip(-spread, 0, 1) * heard, "mouthFunnel")
    put(0.3 * hiss, "mouthShrugUpper")
    rng = np.random.default_rng(seed)
    _blink(curves, rng, float(fps))
    _sway(curves, rng, float(fps), wide)
    return Take(curves, fps, path=path)


def openness(samples: np.ndarray, fps: Fraction | float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How a mouth is held that makes this sound.

    Args:
        samples: S float, mono at ``RATE``.
        fps: Frames a second.

    Returns:
        T from 0 (shut) to 1 (wide open); T from -1 (round lips) to 1 (spread); T from 0 to 1, how much it hisses.
    """
    frames = max(round(len(samples) / RATE * float(fps)), 1)
    half = round(WINDOW * RATE / 2)
    padded = np.pad(np.asarray(samples, np.float64), half + 1)
    centres = np.minimum((np.arange(frames) / float(fps) * RATE).astype(int), len(samples)) + half
    parts = [  # so that memory does not grow by the windows of an hour
        _listened(padded[some[:, None] + np.arange(-half, half)] * np.hanning(2 * half))
        for some in np.split(centres, range(BATCH, frames, BATCH))
    ]
    speech, sharp, full, open_, closed, first, second = np.concatenate(parts, 1)
    decibels = _decibels(speech)
    loud = np.quantile(decibels, 0.9)
    level = np.clip((decibels - loud + QUIET) / QUIET, 0, 1) * (speech > 100 * FLOOR)
    hiss = np.clip(2 * sharp / (full + FLOOR) - 0.3, 0, 1) * level
    tall = _tallness(first, level) / 2
    tall += np.clip((_decibels(open_) - _decibels(closed) + 10) / 20, 0, 1) / 2
    spread = np.clip(2 * (second - SECOND[0]) / (SECOND[1] - SECOND[0]) - 1, -1, 1)
    wide = level**2 * (0.15 + 0.85 * tall) * (1 - hiss)
    return _followed(wide, float(fps)), _smoothed(spread, float(fps)), hiss


def _listened(windows: np.ndarray) -> np.ndarray:
    """7 T, of T W windows the power in each of ``BANDS`` and the first two formants in Hz."""
    power = np.abs(np.fft.rfft(windows)) ** 2
    hertz = np.fft.rfftfreq(windows.shape[1], 1 / RATE)
    bands = [power[:, (hertz >= low) & (hertz < high)].sum(1) for low, high in BANDS]
    return np.stack([*bands, *_formants(windows)])


def _decibels(power: np.ndarray) -> np.ndarray:
    decibels: np.ndarray = 10 / np.log(10) * np.log(power + FLOOR)
    return decibels


def _tallness(first: np.ndarray, level: np.ndarray) -> np.ndarray:
    """T from 0 to 1, how high the first formant is between usual bounds and those of this voice."""
    voiced = first[level > 0.6]
    own = np.quantile(voiced, [0.1, 0.9]) if len(voiced) else np.array(FIRST)
    low, high = (np.array(FIRST) + own) / 2
    tall: np.ndarray = np.clip((first - low) / (high - low), 0, 1)
    return tall


def _formants(windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """T Hz each, the first two resonances of T W windows, by linear prediction at half the rate."""
    from scipy.linalg import solve_toeplitz
    from scipy.signal import decimate, lfilter

    slow = lfilter([1, -0.97], [1], decimate(windows, 2, axis=1), axis=1)
    first, second = np.full(len(slow), FIRST[0]), np.full(len(slow), sum(SECOND) / 2)
    for at, window in enumerate(slow):
        lags = np.correlate(window, window, "full")[len(window) - 1 : len(window) + ORDER]
        if lags[0] <= FLOOR:
            continue
        lags[0] *= 1.0001  # so that it can be inverted
        roots = np.roots(np.concatenate([[1], -solve_toeplitz(lags[:-1], lags[1:])]))
        roots = roots[roots.imag > 0.01]
        hertz, breadth = np.angle(roots) * RATE / 4 / np.pi, -np.log(np.abs(roots)) * RATE / 2 / np.pi
        found = np.sort(hertz[(hertz > 180) & (hertz < 3500) & (breadth < 500)])
        if len(found) > 1:
            first[at], second[at] = found[:2]
    return first, second


def _followed(wide: np.ndarray, fps: float) -> np.ndarray:
    """T, as a jaw with its weight follows: quicker to open than to close."""
    now, followed = 0.0, np.zeros(len(wide))
    for at, goal in enumerate(wide):
        now += (goal - now) * (1 - np.exp(-1 / (fps * (ATTACK if goal > now else RELEASE))))
        followed[at] = now
    return followed


def _smoothed(curve: np.ndarray, fps: float) -> np.ndarray:
    from scipy.ndimage import gaussian_filter1d

    smooth: np.ndarray = gaussian_filter1d(curve, RELEASE * fps)
    return smooth


def _blink(curves: np.ndarray, rng: np.random.Generator, fps: float) -> None:
    """Add blinks every few seconds."""
    shape = np.interp(np.arange(0, len(BLINK), 30 / fps), np.arange(len(BLINK)), BLINK)
    columns = [CURVES.index(name) for name in ("eyeBlinkLeft", "eyeBlinkRight")]
    at = rng.uniform(*BLINKS) / 2
    while at * fps < len(curves):
        start = int(at * fps)
        part = shape[: len(curves) - start, None]
        curves[start : start + len(part), columns] = part
        at += rng.uniform(*BLINKS)


def _sway(curves: np.ndarray, rng: np.random.Generator, fps: float, wide: np.ndarray) -> None:
    """Add what a speaker's head does: it drifts, and dips and rises with the voice."""
    from scipy.ndimage import gaussian_filter1d

    for name, most in (("yaw", 3.0), ("pitch", 2.0), ("roll", 1.5)):
        noise = gaussian_filter1d(rng.normal(0, 1, len(curves) + 2), 0.5 * fps)[1:-1]
        curves[:, CURVES.index(name)] = most * np.clip(noise / (np.std(noise) + 1e-9) * 0.6, -1, 1)
    stress = gaussian_filter1d(wide, 0.2 * fps) - gaussian_filter1d(wide, 0.6 * fps)
    curves[:, CURVES.index("pitch")] += np.clip(8 * stress, -3, 3)
    curves[:, CURVES.index("browInnerUp")] = np.clip(1.5 * stress, 0, 0.4)
