"""How two pictures of a face, or two colours, compare: pure functions of arrays.

Legend: P points of the mesh, in pixels, as ``faces.mesh`` gives them.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.draw import polygon

from motionkit.evaluation.signals import LEFT_BROW, RIGHT_BROW, RIGID, correlation

__all__ = ["GREY", "background_mask", "colour_change", "likeness", "mean_colour", "sharpness", "skin_mask"]

FOREHEAD = [109, 10, 338, 337, 151, 108]
RIGHT_CHEEK, LEFT_CHEEK = [117, 118, 101, 205, 187, 123], [346, 347, 330, 425, 411, 352]
UPPER_FACE = [*RIGHT_BROW, *LEFT_BROW, 48, 278, 2]
LIKENESS_SIDE = 48  # places compared, in each direction
BORDER = 0.06  # of the picture's side: the strip at its left, top and right that counts as background
FACE_MARGIN = 0.15  # by which the box around the faces is grown, in its own size, before the background leaves it out
DARKEST = 0.25  # of white: the colour of something darker changes in shares of this, since black divides by nothing

GREY = np.array([0.299, 0.587, 0.114])


def skin_mask(points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Mark the middle of the forehead and both cheeks, where only skin is.

    Args:
        points: P 3.
        shape: H W of the picture.

    Returns:
        H W bool.
    """
    mask = np.zeros(shape, bool)
    for patch in (FOREHEAD, RIGHT_CHEEK, LEFT_CHEEK):
        mask[polygon(points[patch, 1] - 0.5, points[patch, 0] - 0.5, shape)] = True
    return mask


def background_mask(points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Mark a strip at the left, top and right border, without the grown box around all of some meshes.

    The lower third is left out, where shoulders may move.

    Args:
        points: … P 3, the meshes.
        shape: H W of the picture.

    Returns:
        H W bool.
    """
    height, width = shape
    strip = round(BORDER * min(shape))
    mask = np.zeros(shape, bool)
    mask[:strip] = mask[:, :strip] = mask[:, width - strip :] = True
    mask[height * 2 // 3 :] = False
    plane = points[..., :2].reshape(-1, 2)
    low, high = plane.min(0), plane.max(0)
    margin = FACE_MARGIN * (high - low)
    left, top = np.maximum(np.floor(low - margin), 0).astype(int)
    right, bottom = np.maximum(np.ceil(high + margin), 0).astype(int)
    mask[top:bottom, left:right] = False
    return mask


def colour_change(result: np.ndarray, source: np.ndarray) -> float:
    """Distance of two mean colours as a share of the source's length, or of that of ``DARKEST`` if it is longer.

    Args:
        result: 3, in 0 … 255.
        source: 3, in 0 … 255.
    """
    least = DARKEST * 255 * np.sqrt(3)
    return float(np.linalg.norm(result - source) / max(float(np.linalg.norm(source)), least))


def mean_colour(frame: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Mean colour under a mask.

    Args:
        frame: H W 3 uint8.
        mask: H W bool, with at least one place.

    Returns:
        3, in 0 … 255.
    """
    colour: np.ndarray = frame[mask].mean(0)
    return colour


def likeness(frame: np.ndarray, points: np.ndarray, source: np.ndarray, source_points: np.ndarray) -> float:
    """Measure whether the upper face looks as it did: correlation of its grey values with the source's, at most 1.

    The affine map that takes the source's rigid points to the frame's (least squares) lays the frame over the source;
    compared is the box from the brows to the base of the nose.

    Args:
        frame: H W 3 uint8.
        points: P 3, the mesh in the frame.
        source: H W 3 uint8.
        source_points: P 3, the mesh in the source.
    """
    there = np.concatenate([source_points[RIGID, :2], np.ones((len(RIGID), 1))], axis=1)
    affine = np.linalg.lstsq(there, points[RIGID, :2], rcond=None)[0]  # 3 2
    box = source_points[UPPER_FACE, :2]
    x, y = (np.linspace(low, high, LIKENESS_SIDE) for low, high in zip(box.min(0), box.max(0), strict=True))
    grid = np.stack([*np.meshgrid(x, y), np.ones((LIKENESS_SIDE, LIKENESS_SIDE))], axis=-1)
    return correlation(_sampled(source, grid[..., :2]).ravel(), _sampled(frame, grid @ affine).ravel())


def sharpness(frame: np.ndarray, points: np.ndarray) -> float:
    """Variance of the Laplacian of the grey picture in the upright box around the mesh.

    Args:
        frame: H W 3 uint8.
        points: P 3, the mesh in it.
    """
    height, width = frame.shape[:2]
    left, top = np.clip(np.floor(points[:, :2].min(0)).astype(int), 0, (width - 2, height - 2))
    right, bottom = np.clip(np.ceil(points[:, :2].max(0)).astype(int), (left + 2, top + 2), (width, height))
    grey = frame[top:bottom, left:right] @ GREY
    return float(ndimage.laplace(grey).var())


def _sampled(frame: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Grey values of a frame at places (… 2, x and y in pixels), bilinear; beyond the border its pixels repeat."""
    return ndimage.map_coordinates(frame @ GREY, np.moveaxis(places[..., ::-1] - 0.5, -1, 0), order=1, mode="nearest")
