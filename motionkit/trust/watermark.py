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
from scipy.ndimage import gaussian_filter

from motionkit.frames import Frame
from motionkit.structures import Box

__all__ = ["FALSE_ALARM", "WatermarkDetector", "WatermarkFinding", "find_watermark", "mark_frame"]

Plane = NDArray[np.float32]

SIDE = 256  # pixels that the shorter side counts as
TILE = 128  # of those, the pattern's period
BAND = (1 / 20, 1 / 6)  # cycles a pixel
# Amplitude of the pattern: so much on a flat ground, and this share of the texture it hides in; in 255ths.
FLAT, TEXTURED = 0.5, 0.16
LARGEST = 4.0  # of its amplitude
STRONGEST = 1.7  # root mean square of a frame's change: 43.5 dB
CELL = 4  # pixels, of every second one, in which texture is measured

FALSE_ALARM = 1e-6
"""Share of unmarked files in which a watermark may be found at most."""

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
        power = math.sqrt(float(np.vdot(change, change)) / change.size)
        if power > STRONGEST:
            change *= STRONGEST / power
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
        height, width = frame.shape[:2]
        for level in LEVELS:
            if level > LEVELS[0] and _shorter(height, width) < 0.75 * level:
                break
            seen = _residual(_resized(frame[..., 1], level))
            known = self._sums.get(level)
            if known is None or known.shape != seen.shape:
                self._sums[level] = seen
            else:
                known += seen
        self.frames += 1

    def straight_score(self) -> float:
        """Standard deviations by which the frames are like marked ones that nothing was done to."""
        total = self._sums.get(LEVELS[0])
        return 0.0 if total is None else float(next(_scores(_folded(total, 1)))[0, 0])

    def finding(self) -> WatermarkFinding:
        """What the frames so far show together."""
        best = WatermarkFinding(False, 1.0, 0.0, self.frames)
        trials = 2 * len(SCALES) * len(self._sums) * TILE * TILE
        for level, total in self._sums.items():
            for scale in SCALES:
                straight = scale == 1 and level == LEVELS[0]
                for mirrored, scores in enumerate(_scores(_folded(total, scale))):
                    # As it was written: one look. Anywhere else: so many that chance has more of them.
                    own = float(scores[0, 0]) if straight and not mirrored else -math.inf
                    top = float(scores.max())
                    plain, searched = 2 * _tail(own), 2 * trials * _tail(top)
                    score, chance = (own, plain) if plain <= searched else (top, searched)
                    if (chance, -score) < (best.chance, -best.score):
                        at = SIDE / level * scale
                        found = chance <= FALSE_ALARM
                        best = WatermarkFinding(found, chance, score, self.frames, bool(mirrored), at)
        return best


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


def _amplitude(luma: NDArray[np.uint8], scale: float) -> Plane:
    """How strong the pattern may be at each pixel: the stronger, the more texture hides it."""
    step = max(round(2 * scale), 1)
    coarse = luma[::step, ::step].astype(np.int16)
    texture = np.zeros(coarse.shape, np.int16)
    texture[1:] += np.abs(np.diff(coarse, axis=0))
    texture[:, 1:] += np.abs(np.diff(coarse, axis=1))
    rows, columns = (max(length // CELL, 1) for length in coarse.shape)
    cells = texture[: rows * CELL, : columns * CELL].reshape(rows, min(CELL, coarse.shape[0]), columns, -1)
    amplitude = np.minimum(FLAT + TEXTURED * gaussian_filter(cells.mean(axis=(1, 3), dtype=np.float32), 0.8), LARGEST)
    down, across = (
        np.minimum(np.arange(n) // (step * CELL), cells - 1)
        for n, cells in zip(luma.shape, amplitude.shape, strict=True)
    )
    grown: Plane = amplitude[down][:, across]
    return grown


def _resized(luma: NDArray[np.uint8], side: int) -> Plane:
    height, width = luma.shape
    rows, columns = _counted(height, width, side)
    picture = Image.fromarray(np.ascontiguousarray(luma)).convert("F")
    return np.asarray(picture.resize((columns, rows), Image.Resampling.BICUBIC))


def _residual(luma: Plane) -> Plane:
    """What is left of a picture without its shapes, everywhere of about one strength."""
    fine = luma - gaussian_filter(luma, 2.5)
    return np.asarray(fine / (gaussian_filter(np.abs(fine), 2) + 0.5), dtype=np.float32)


def _folded(total: Plane, scale: float) -> Plane:
    """All tiles of a sum of residuals on each other, if the pattern's size is ``scale``."""
    if scale != 1:
        rows, columns = (round(length / scale) for length in total.shape)
        total = np.asarray(Image.fromarray(total).resize((columns, rows), Image.Resampling.BILINEAR))
    rows, columns = (-(-length // TILE) for length in total.shape)
    height, width = total.shape
    whole = np.pad(total, ((0, rows * TILE - height), (0, columns * TILE - width)))
    folded: Plane = whole.reshape(rows, TILE, columns, TILE).sum(axis=(0, 2))
    return folded


def _scores(folded: Plane) -> Iterator[Plane]:
    """How much a tile is like the pattern, and like its mirror image, moved by each number of pixels.

    In standard deviations of chance.
    """
    spectrum = fft.fft2(folded.astype(np.float32))
    size = np.abs(spectrum)
    phases = np.where(size > 1e-6 * max(float(size.max()), 1e-30), spectrum / np.maximum(size, 1e-30), 0)
    straight = _spectrum()
    for pattern in (straight, np.roll(straight[:, ::-1], 1, axis=1)):
        matched = fft.ifft2(phases * np.conj(pattern)).real
        yield np.asarray(matched * (TILE * TILE / math.sqrt(_in_band().sum())), dtype=np.float32)


def _tail(score: float) -> float:
    """Probability that a standard normal number is larger."""
    return 0.5 * math.erfc(score / math.sqrt(2))
