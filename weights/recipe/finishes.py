"""How a rendered portrait becomes a cartoon or a painting: filters of one picture.

Pictures are H W 3 float in [0, 1], finished and unfinished.
"""

from __future__ import annotations

import numpy as np
from curves import ease
from PIL import Image
from scipy import ndimage
from skimage import color, restoration

__all__ = ["as_cartoon", "as_painting"]

COLOURS = 32  # flat ones of a cartoon
INK = np.array([0.13, 0.07, 0.09])
BRUSH = 5  # pixels of 512, half a stroke's width
SECTORS = 8  # about a place, of which the most even one is painted
VARNISH = np.array([1.04, 1.0, 0.86])


def as_cartoon(picture: np.ndarray) -> np.ndarray:
    """Draw it in few flat colours, with outlines where light and dark meet.

    Args:
        picture: What is drawn.
    """
    smooth = restoration.denoise_tv_chambolle(picture, weight=0.06, channel_axis=2)
    lab = color.rgb2lab(smooth)
    lab[..., 1:] *= 1.2
    vivid = np.clip(color.lab2rgb(lab), 0, 1)
    image = Image.fromarray((255 * vivid).round().astype(np.uint8))
    few = np.asarray(image.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).convert("RGB"))
    flat = ndimage.median_filter(few, size=(5, 5, 1)) / 255
    grey = color.rgb2gray(smooth)
    # The extended difference of Gaussians (Winnemöller and others, 2012): dark lines along edges.
    sharp = ndimage.gaussian_filter(grey, 1.1) - 0.985 * ndimage.gaussian_filter(grey, 2.4)
    ink = 1 - ease(np.clip((sharp + 0.008) / 0.012, 0, 1))[..., None]
    drawn: np.ndarray = flat * (1 - ink) + INK * ink
    return drawn


def as_painting(picture: np.ndarray) -> np.ndarray:
    """Paint it in strokes of even colour on a canvas, under varnish.

    Args:
        picture: What is painted.
    """
    broad, fine = _evened(_evened(picture, BRUSH), BRUSH - 2), _evened(picture, 2)
    grey = color.rgb2gray(picture)
    busy = np.abs(grey - ndimage.gaussian_filter(grey, 3))
    detail = ease(np.clip((ndimage.gaussian_filter(busy, 5) - 0.012) / 0.012, 0, 1))[..., None]
    painted = broad * (1 - detail) + fine * detail  # a small brush for eyes and mouth
    h, w = painted.shape[:2]
    y, x = np.mgrid[:h, :w]
    weave = np.sin(2 * np.pi * x / 4.3) * np.sin(2 * np.pi * y / 4.3) + 0.6 * np.random.default_rng(0).normal(
        size=(h, w)
    )
    relief = color.rgb2gray(painted)
    relief = ndimage.gaussian_filter(relief, 1) - ndimage.gaussian_filter(relief, 3)  # paint is thick along strokes
    lit = painted * (1 + 0.018 * weave + 1.2 * (relief - np.roll(relief, (1, 1), (0, 1))))[..., None]
    varnished: np.ndarray = np.clip(lit * VARNISH, 0, 1)
    return varnished


def _evened(picture: np.ndarray, radius: int) -> np.ndarray:
    """The generalised Kuwahara filter (Papari and others, 2007): a mean of sectors, the even ones counting most."""
    reach = 2 * radius
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    bell = np.exp(-(x * x + y * y) / (2 * radius**2))
    angle = np.arctan2(y, x)
    total, weights = np.zeros_like(picture), np.zeros(picture.shape[:2])
    for sector in range(SECTORS):
        off = np.abs((angle - 2 * np.pi * sector / SECTORS + np.pi) % (2 * np.pi) - np.pi)
        kernel = bell * (off <= np.pi / SECTORS)
        kernel[reach, reach] = 1
        kernel /= kernel.sum()
        means = np.stack([ndimage.convolve(picture[..., c], kernel, mode="nearest") for c in range(3)], 2)
        squares = np.stack([ndimage.convolve(picture[..., c] ** 2, kernel, mode="nearest") for c in range(3)], 2)
        spread = np.sqrt(np.maximum(squares - means**2, 0)).sum(2)
        weight = 1 / (1e-4 + (spread * 8) ** 6)
        total += means * weight[..., None]
        weights += weight
    evened: np.ndarray = total / weights[..., None]
    return evened
