"""What stands behind a head, and what a camera does to a picture.

Pictures are H W 3 float in [0, 255].
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import skimage.data
import skimage.io
from scipy import ndimage

__all__ = ["backdrop", "degrade"]

# Free photographs that scikit-image carries, none of a person.
PHOTOS = (
    "chelsea", "coffee", "rocket", "brick", "grass", "gravel", "hubble_deep_field", "retina", "coins", "page", "text",
    "motorcycle_left",
)  # fmt: skip


def backdrop(rng: np.random.Generator, size: int) -> np.ndarray:
    """Draw a plain wall, a gradient, clouds of colour, a room of boxes, or a piece of a photograph; often out of focus.

    Args:
        rng: Where all numbers come from.
        size: H and W.

    Returns:
        H W 3 float32 in [0, 255].
    """
    kinds = {"plain": _gradient, "gradient": _gradient, "clouds": _clouds, "room": _room, "photo": _photo}
    kind = str(rng.choice(list(kinds), p=[0.12, 0.16, 0.2, 0.27, 0.25]))
    picture = kinds[kind](rng, size)
    if kind == "plain":
        picture = picture * 0.1 + picture.mean((0, 1)) * 0.9
    blur = rng.choice([0.0, rng.uniform(0.5, 2), rng.uniform(2, 9)], p=[0.3, 0.3, 0.4]) * size / 256
    if blur:
        picture = ndimage.gaussian_filter(picture, (blur, blur, 0))
    grey = picture.mean(2, keepdims=True)
    picture = grey + (picture - grey) * rng.choice([rng.uniform(0.1, 0.6), 1.0], p=[0.7, 0.3])  # rooms are seldom gaudy
    dimmed: np.ndarray = np.clip(picture * rng.uniform(0.5, 1.15), 0, 255)
    return dimmed.astype(np.float32)


def degrade(rng: np.random.Generator, frames: list[np.ndarray]) -> list[np.ndarray]:
    """Record a whole clip with one camera: white balance, exposure, softness, sensor noise, vignette.

    Args:
        rng: Where all numbers come from.
        frames: T pictures of one size, H W 3 in [0, 255].

    Returns:
        T pictures, H W 3 uint8.
    """
    h, w = frames[0].shape[:2]
    gain = rng.uniform(0.85, 1.35) * rng.uniform(0.92, 1.08, 3)
    gamma, lift = rng.uniform(0.85, 1.2), rng.uniform(0, 18)
    # Sharpest is 0.45 pixels: the renderer takes one sample a pixel, which alone would leave stairs.
    soft = rng.choice([0.45, rng.uniform(0.45, 0.9), rng.uniform(0.9, 1.8)], p=[0.5, 0.3, 0.2]) * w / 256
    noise = rng.choice([0.0, rng.uniform(1, 4), rng.uniform(4, 10)], p=[0.4, 0.45, 0.15])
    grey = rng.random() < 0.04
    y, x = np.mgrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j]
    vignette = (1 - rng.uniform(0, 0.25) * (x * x + y * y) / 2)[..., None]
    out = []
    for frame in frames:
        picture = 255 * (np.clip(frame * gain * vignette, 0, 255) / 255) ** gamma
        picture = lift + picture * (255 - lift) / 255
        picture = ndimage.gaussian_filter(picture, (soft, soft, 0))
        if noise:
            picture = picture + rng.normal(0, noise, picture.shape)
        if grey:
            picture = np.repeat(picture.mean(2, keepdims=True), 3, 2)
        out.append(np.clip(picture, 0, 255).round().astype(np.uint8))
    return out


def _gradient(rng: np.random.Generator, size: int) -> np.ndarray:
    y, x = np.mgrid[0 : 1 : size * 1j, 0 : 1 : size * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    t = x * np.cos(angle) + y * np.sin(angle)
    t = ((t - t.min()) / np.ptp(t))[..., None]
    picture: np.ndarray = rng.uniform(0, 255, 3) * (1 - t) + rng.uniform(0, 255, 3) * t
    return picture


def _clouds(rng: np.random.Generator, size: int) -> np.ndarray:
    """Two colours, mixed by noise of five octaves."""
    total = np.zeros((size, size, 3))
    for octave in range(1, 6):
        n = 2**octave + 1
        coarse = rng.normal(0, 0.6**octave, (n, n, 3))
        total += ndimage.zoom(coarse, (size / n, size / n, 1), order=1)[:size, :size]
    total = (total - total.min()) / np.ptp(total)
    picture: np.ndarray = rng.uniform(0, 255, 3) * total + rng.uniform(0, 255, 3) * (1 - total)
    return picture


def _room(rng: np.random.Generator, size: int) -> np.ndarray:
    """Boxes of all sizes: shelves, windows, door frames, books."""
    picture = _gradient(rng, size)
    palette = rng.uniform(0, 255, (5, 3))
    for scale, count in ((0.6, 4), (0.25, rng.integers(0, 10)), (0.08, rng.integers(0, 60))):
        for _ in range(count):
            w, h = (rng.uniform(0.2, 1, 2) * scale * size).astype(int) + 1
            left, top = rng.integers(-w, size, endpoint=True), rng.integers(-h, size, endpoint=True)
            colour = palette[rng.integers(5)] * rng.uniform(0.5, 1.2) + rng.normal(0, 12, 3)
            area = picture[max(top, 0) : top + h, max(left, 0) : left + w]
            area[...] = colour * np.linspace(1, rng.uniform(0.7, 1.2), area.shape[1])[None, :, None]
    return picture + rng.normal(0, rng.uniform(0, 6), picture.shape)


def _photo(rng: np.random.Generator, size: int) -> np.ndarray:
    """A square piece, perhaps mirrored, in another light."""
    photo = _load(str(rng.choice(PHOTOS)))
    h, w = photo.shape[:2]
    side = int(min(h, w) * rng.uniform(0.35, 1.0))
    top, left = rng.integers(0, h - side, endpoint=True), rng.integers(0, w - side, endpoint=True)
    rows, columns = (start + np.linspace(0, side - 1, size) for start in (top, left))
    piece = photo[rows.astype(int)][:, columns.astype(int)]
    if rng.random() < 0.5:
        piece = piece[:, ::-1]
    lit: np.ndarray = piece.astype(np.float64) * rng.uniform(0.7, 1.2, 3)
    return lit


@cache
def _load(name: str) -> np.ndarray:
    """H W 3 uint8, read from scikit-image's own folder: its functions would rather download."""
    folder = Path(skimage.data.__file__).parent
    path = next(p for p in folder.iterdir() if p.stem == name)
    picture = skimage.io.imread(path)
    return np.repeat(picture[..., None], 3, 2) if picture.ndim == 2 else picture[..., :3]
