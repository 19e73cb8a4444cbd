"""A watermark that is not seen: one faint pattern, repeated over the picture and over every frame of a clip.

The pattern is a tile of noise in a band of middle frequencies, in which pictures are textured and codecs still careful;
its size goes with the picture's shorter side, so that rescaling does not matter. It says one thing: made by motionkit.
Because the same pattern is everywhere, its traces add up over tiles and frames, and what is left of it after strong
compression is found by correlation (Cox et al., Secure Spread Spectrum Watermarking for Multimedia, 1997).

Found is what would be found in one of a million unmarked files at most: with the phases of the tile's spectrum alone
(Kuglin and Hines, The Phase Correlation Image Alignment Method, 1975), a file without the mark gives a sum of
directions that have nothing to do with each other, whatever the file shows, so its distribution is known.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import fft
from scipy.ndimage import gaussian_filter, uniform_filter

from motionkit.frames import Frame
from motionkit.structures import Box

__all__ = ["BEYOND_DOUBT", "FALSE_ALARM", "WatermarkDetector", "WatermarkFinding", "find_watermark", "mark_frame"]

Plane = NDArray[np.float32]

SIDE = 256  # pixels that the shorter side counts as
TILE = 128  # of those, the pattern's period
BAND = (1 / 18, 1 / 7)  # cycles a pixel
# Amplitude of the pattern, in 255ths: so much on a flat ground, and this share of the texture beyond the least; a sharp
# edge is no texture, so that no pixel counts as more than so much.
FLAT, TEXTURED, LEAST_TEXTURE, EDGE = 0.5, 1.1, 0.4, 8.0
LARGEST = 2.8  # amplitude at one place
STRONGEST = 1.95  # root mean square of a frame's change: 42.3 dB

# Shapes are what a blur of so many pixels leaves; what is left is measured against its surroundings of so many pixels,
# and below this strength counts as less.
SHAPES, SURROUNDINGS, QUIET = 2.0, 3.0, 2.0
# The same for the sum of all frames: what stands still is stronger in it than what moves, but says no more.
SUM_SURROUNDINGS, SUM_QUIET = 4.0, 0.05
# A direction that stands out among its neighbours counts for more, and no more than this.
MOST_WEIGHT, WINDOW = 1.5, 9
LUMA = np.array([0.299, 0.587, 0.114], np.float32)

FALSE_ALARM = 1e-6
"""Share of unmarked files in which a watermark may be found at most."""
BEYOND_DOUBT = 1e-9
"""Chance below which nothing more is looked at."""

# Sizes at which a file is looked at: a marked panel may be a small part of a large picture.
LEVELS = (256, 512, 1024)
# The pattern's size, against that of a picture as it was written, is looked for in such steps: cropped, pasted, framed.
SCALES = tuple(1.006**step for step in range(-58, 59))


def mark_frame(frame: Frame, *, region: Box | None = None) -> Frame:
    """Return a copy of a frame with the watermark; the change is below what eyes notice.

    Args:
        frame: H W 3 uint8.
        region: The part to mark, in pixels; None is all of it.
    """
    height, width = frame.shape[:2]
    box = region or Box(0, 0, width, height)
    part = np.s_[max(box.top, 0) : box.bottom, max(box.left, 0) : box.right]
    marked: Frame = frame.copy()
    if marked[part].size:
        change = _pattern(height, width)[part] * _amplitude(frame[part][..., 1], _shorter(height, width) / SIDE)
        rows, columns = change.shape
        stepped = frame[part].reshape(rows, 3 * columns).astype(np.int16)
        stepped += np.rint(change).astype(np.int16).repeat(3, axis=1)
        marked[part] = np.clip(stepped, 0, 255, out=stepped).reshape(rows, columns, 3)
    return marked


@dataclass(frozen=True, slots=True)
class WatermarkFinding:
    """What was found of the watermark.

    Attributes:
        found: Whether it is there, at ``FALSE_ALARM``.
        chance: Probability that a file without it would look so much like it, at most.
        score: Standard deviations by which the best match stands out.
        frames: Frames that were looked at.
        mirrored: Whether the best match is mirrored.
        scale: Of the best match, against the picture as it was written.
    """

    found: bool
    chance: float
    score: float
    frames: int
    mirrored: bool = False
    scale: float = 1.0

    @property
    def confidence(self) -> float:
        """How sure the finding is: 1 less the chance."""
        return 1 - self.chance


@dataclass
class WatermarkDetector:
    """Adds up what frames show of the watermark; memory does not grow with their number."""

    frames: int = 0
    _sums: dict[int, Plane] = field(default_factory=dict)

    def add(self, frame: Frame) -> None:
        """Look at one more frame, H W 3 uint8; all have one size.

        Args:
            frame: The frame.
        """
        luma = _reduced(frame)
        for level in LEVELS:
            if level > LEVELS[0] and _shorter(*luma.shape) < 0.75 * level:
                break
            seen = _residual(_resized(luma, level))
            known = self._sums.get(level)
            if known is None or known.shape != seen.shape:
                self._sums[level] = seen
            else:
                known += seen
        self.frames += 1

    def straight_score(self) -> float:
        """Standard deviations by which the frames are like marked ones that nothing was done to."""
        total = self._sums.get(LEVELS[0])
        return 0.0 if total is None else float(next(_scores(_folded(Image.fromarray(self._evened(total)), 1)))[0, 0])

    def finding(self) -> WatermarkFinding:
        """What the frames so far show together."""
        # As it was written: one look. Anywhere else: so many that chance has more of them.
        straight = self.straight_score()
        best = self._found(2 * _tail(straight), straight)
        if best.chance <= BEYOND_DOUBT:
            return best
        trials = 2 * len(SCALES) * len(self._sums) * TILE * TILE
        for level, summed in self._sums.items():
            total = Image.fromarray(self._evened(summed))
            for scale in SCALES if summed.any() else ():
                for mirrored, scores in enumerate(_scores(_folded(total, scale))):
                    score = float(scores.max())
                    chance = 2 * trials * _tail(score)
                    if (chance, -score) < (best.chance, -best.score):
                        best = self._found(chance, score, bool(mirrored), SIDE / level * scale)
        return best

    def _found(self, chance: float, score: float, mirrored: bool = False, scale: float = 1.0) -> WatermarkFinding:
        return WatermarkFinding(chance <= FALSE_ALARM, min(chance, 1.0), score, self.frames, mirrored, scale)

    def _evened(self, total: Plane) -> Plane:
        return _evened(total, SUM_SURROUNDINGS, SUM_QUIET * self.frames)


def find_watermark(frames: Iterable[Frame]) -> WatermarkFinding:
    """Look for the watermark in a picture (a list of one frame) or a clip.

    Args:
        frames: H W 3 uint8, all of one size.
    """
    detector = WatermarkDetector()
    for frame in frames:
        detector.add(frame)
    return detector.finding()


@lru_cache(maxsize=1)
def _tile() -> Plane:
    """The pattern, TILE TILE, mean 0 and standard deviation 1."""
    tile = np.fft.ifft2(_spectrum()).real
    return np.asarray(tile / tile.std(), dtype=np.float32)


@lru_cache(maxsize=1)
def _spectrum() -> NDArray[np.complex64]:
    """Its spectrum: of size 1 in the band and 0 outside, with phases that a hash gives, the same for ever."""
    digest = hashlib.shake_256(b"motionkit watermark 1").digest(2 * TILE * TILE)
    phases = np.frombuffer(digest, dtype="<u2").reshape(TILE, TILE) * (2 * np.pi / 65536)
    # Of a real picture, opposite frequencies have opposite phases.
    phases = phases - np.roll(phases[::-1, ::-1], 1, axis=(0, 1))
    return np.asarray(np.exp(1j * phases) * _in_band(), dtype=np.complex64)


@lru_cache(maxsize=1)
def _in_band() -> NDArray[np.bool_]:
    """Which places of a tile's spectrum the pattern uses."""
    rows = np.fft.fftfreq(TILE)
    radius = np.hypot(rows[:, None], rows[None, :])
    band: NDArray[np.bool_] = (radius >= BAND[0]) & (radius <= BAND[1])
    return band


@lru_cache(maxsize=4)
def _pattern(height: int, width: int) -> Plane:
    """The pattern over a whole picture."""
    rows, columns = _counted(height, width, SIDE)
    tile = np.tile(_tile(), (-(-rows // TILE), -(-columns // TILE)))[:rows, :columns]
    if (rows, columns) == (height, width):
        return tile
    return np.asarray(Image.fromarray(tile).resize((width, height), Image.Resampling.BICUBIC))


def _counted(height: int, width: int, side: int) -> tuple[int, int]:
    """Rows and columns of a picture whose shorter side counts as ``side``."""
    scale = side / _shorter(height, width)
    return max(round(height * scale), 1), max(round(width * scale), 1)


def _shorter(height: int, width: int) -> float:
    """The shorter side of a picture, of a strip that of a wider one: a line of pixels has no size."""
    return max(min(height, width), max(height, width) / 8)


def _amplitude(green: NDArray[np.uint8], scale: float) -> Plane:
    """How strong the pattern may be at each pixel: more where texture hides it, within bounds as a whole."""
    height, width = green.shape
    step = max(round(2 * scale), 1)
    coarse = np.asarray(Image.fromarray(np.ascontiguousarray(green)).reduce(step), dtype=np.float32)
    fine = np.minimum(np.abs(coarse - uniform_filter(coarse, 5)), EDGE)
    texture = np.maximum(uniform_filter(fine, 5) - LEAST_TEXTURE, 0)
    amplitude = np.minimum(np.minimum(FLAT + TEXTURED * texture, LARGEST), _height_of_power(texture))
    return np.asarray(amplitude.repeat(step, 1)[:, :width].repeat(step, 0)[:height])


def _height_of_power(texture: Plane) -> float:
    """The amplitude at which amplitudes are cut so that their root mean square is ``STRONGEST`` at most.

    Cut, and not scaled: where much of a picture is textured, its flat parts still carry their share.
    """
    some = np.minimum(FLAT + TEXTURED * texture[::2, ::2], LARGEST)
    low, high = STRONGEST, LARGEST
    if float(np.vdot(some, some)) <= STRONGEST**2 * some.size:
        return high
    for _ in range(6):
        level = (low + high) / 2
        cut = np.minimum(some, level)
        if float(np.vdot(cut, cut)) > STRONGEST**2 * some.size:
            high = level
        else:
            low = level
    return low


def _reduced(frame: Frame) -> Plane:
    """The luma of a frame, of a very large one averaged over squares of pixels: what it costs has a bound."""
    times = int(_shorter(*frame.shape[:2]) // (2 * LEVELS[-1]))
    if times > 1:
        frame = np.asarray(Image.fromarray(np.ascontiguousarray(frame)).reduce(times))
    luma: Plane = frame.astype(np.float32) @ LUMA
    return luma


def _resized(luma: Plane, side: int) -> Plane:
    """A plane whose shorter side has ``side`` pixels."""
    height, width = luma.shape
    rows, columns = _counted(height, width, side)
    if (rows, columns) == (height, width):
        return luma
    return np.asarray(Image.fromarray(luma).resize((columns, rows), Image.Resampling.BICUBIC))


def _residual(luma: Plane) -> Plane:
    """What is left of a picture without its shapes, everywhere of about one strength."""
    return _evened(luma - gaussian_filter(luma, SHAPES), SURROUNDINGS, QUIET)


def _evened(plane: Plane, surroundings: float, quiet: float) -> Plane:
    """A plane divided by how strong it is around each pixel; what is weaker than ``quiet`` stays weak."""
    return np.asarray(plane / (gaussian_filter(np.abs(plane), surroundings) + quiet), dtype=np.float32)


def _folded(total: Image.Image, scale: float) -> Plane:
    """All tiles of a sum of residuals on each other, if the pattern's size is ``scale``."""
    if scale != 1:
        width, height = (round(length / scale) for length in total.size)
        total = total.resize((width, height), Image.Resampling.BILINEAR)
    width, height = total.size
    rows, columns = (-(-length // TILE) for length in (height, width))
    whole = np.zeros((rows * TILE, columns * TILE), np.float32)
    whole[:height, :width] = np.asarray(total)
    folded: Plane = whole.reshape(rows, TILE, columns, TILE).sum(axis=(0, 2))
    return folded


def _scores(folded: Plane) -> Iterator[Plane]:
    """How much a tile is like the pattern, and like its mirror image, moved by each number of pixels.

    In standard deviations of chance: the weights are the file's own, but the directions, which alone can be like the
    pattern's, are not.
    """
    spectrum = fft.fft2(folded.astype(np.float32))
    size = np.abs(spectrum) * _in_band()
    size[size <= 1e-6 * max(float(size.max()), 1e-30)] = 0
    around = uniform_filter(size, WINDOW, mode="wrap") / _share_in_band()
    weights = np.minimum(size / np.maximum(around, 1e-30), MOST_WEIGHT)
    weighted = weights * spectrum / np.maximum(size, 1e-30)
    deviation = math.sqrt(max(float(np.square(weights).sum()), 1e-30))
    straight = _spectrum()
    for pattern in (straight, np.roll(straight[:, ::-1], 1, axis=1)):
        matched = fft.ifft2(weighted * np.conj(pattern)).real
        yield np.asarray(matched * (TILE * TILE / deviation), dtype=np.float32)


@lru_cache(maxsize=1)
def _share_in_band() -> Plane:
    """Of the places around each place of a tile's spectrum, the share that the pattern uses."""
    return np.asarray(np.maximum(uniform_filter(_in_band().astype(np.float32), WINDOW, mode="wrap"), 1e-3))


def _tail(score: float) -> float:
    """Probability that a standard normal number is larger."""
    return 0.5 * math.erfc(score / math.sqrt(2))
