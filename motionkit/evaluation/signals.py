"""What a face does over a clip, and how two clips compare in that: pure functions of arrays.

Legend: T frames, P = 470 points of the mesh and the irises, as ``faces.mesh`` gives them (pixels; x right, y down, z
away).
Distances are measured in space, so that a turn of the head does not change them, and in units of the face's scale.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from motionkit.faces.mesh import MESH_POINTS

__all__ = [
    "SIGNALS",
    "Signals",
    "correlation",
    "euler",
    "face_scale",
    "followed",
    "landmark_error",
    "measure",
    "moves",
    "rotations",
    "slope",
]

# Points that expressions hardly move: bridge and sides of the nose, forehead, temples, corners of the eyes, cheekbones.
RIGID = [
    *(6, 168, 197, 195, 5, 4, 10, 151, 9, 8),
    *(33, 133, 362, 263, 127, 356, 234, 454, 116, 345, 117, 346, 111, 340),
    *(109, 338, 67, 297, 103, 332, 54, 284, 21, 251, 162, 389, 48, 278, 98, 327),
]
LIPS = [(13, 14), (82, 87), (312, 317)]  # inner edges, upper and lower
RIGHT_LIDS, RIGHT_CORNERS = [(159, 145), (158, 153), (160, 144)], (33, 133)
LEFT_LIDS, LEFT_CORNERS = [(386, 374), (385, 380), (387, 373)], (263, 362)
RIGHT_GAZE, LEFT_GAZE = (MESH_POINTS, 33, 133), (MESH_POINTS + 1, 362, 263)  # iris; corners from the picture's left
RIGHT_BROW, LEFT_BROW = [70, 63, 105, 66, 107], [300, 293, 334, 296, 336]


@dataclass(frozen=True)
class Signals:
    """What a face does, T values each.

    Attributes:
        mouth: Distance of the inner lips, mean of three places, in face scales.
        eyes: Distance of the lids over the eye's width, mean of three places and of both eyes.
        brows: Height of the brows' middle above the rigid points' centre, upwards in the head of the first frame that
            shows it, in face scales.
        gaze: How far the irises are from the middle between the corners of their eyes, to the picture's right, in eye
            widths, mean of both eyes.
        yaw: Degrees by which the head is turned from its pose in the first frame that shows it, to the picture's left.
        pitch: Likewise, downwards.
        roll: Likewise, clockwise as one sees it.
    """

    mouth: np.ndarray
    eyes: np.ndarray
    brows: np.ndarray
    gaze: np.ndarray
    yaw: np.ndarray
    pitch: np.ndarray
    roll: np.ndarray


SIGNALS = tuple(f.name for f in fields(Signals))
# A signal counts where the driver's own spans at least this much between its 5th and 95th percentile; below that it is
# little but noise. The mesh gives up to 5 degrees of yaw to a face that only talks and looks around: in mirrored frames
# it does not come out mirrored, as pitch and roll do. On rendered heads its own error spans 3 degrees of yaw, 4 of
# pitch and 2 of roll (``agreement.pose_errors``), so a pitch that just counts says little.
LEAST_SPAN = {"mouth": 0.08, "brows": 0.035, "gaze": 0.08, "yaw": 6.0, "pitch": 3.0, "roll": 2.0}
# The driver blinks where its eyes open less than this share of what they do in the median.
BLINK = 0.6


def measure(points: np.ndarray, found: np.ndarray | None = None) -> Signals:
    """Measure the signals of a face over a clip.

    Args:
        points: T P 3.
        found: T bool, which frames show the face: the first that does is the reference; None is all of them.
    """
    first = 0 if found is None or not found.any() else int(np.argmax(found))
    turned = rotations(points, points[first])
    angles = euler(turned)
    scale = face_scale(points)
    brows = points[:, RIGHT_BROW + LEFT_BROW].mean(1) - points[:, RIGID].mean(1)
    return Signals(
        mouth=_gaps(points, LIPS) / scale,
        eyes=(_eye(points, RIGHT_LIDS, RIGHT_CORNERS) + _eye(points, LEFT_LIDS, LEFT_CORNERS)) / 2,
        brows=-np.einsum("tij,ti->tj", turned, brows)[:, 1] / scale,
        gaze=(_gaze(points, *RIGHT_GAZE) + _gaze(points, *LEFT_GAZE)) / 2,
        yaw=angles[:, 0],
        pitch=angles[:, 1],
        roll=angles[:, 2],
    )


def face_scale(points: np.ndarray) -> np.ndarray:
    """Measure the root mean square distance of the rigid points (of T P 3) from their centre: T, in pixels.

    It is about half a face's width.
    """
    rigid = points[:, RIGID]
    scale: np.ndarray = np.sqrt(((rigid - rigid.mean(1, keepdims=True)) ** 2).sum(2).mean(1))
    return scale


def rotations(points: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Measure how faces are turned: the least-squares rotation (Kabsch) of the centred rigid points.

    Size and position do not change it.

    Args:
        points: T P 3.
        reference: P 3, from which they are turned.

    Returns:
        T 3 3.
    """
    there = points[:, RIGID] - points[:, RIGID].mean(1, keepdims=True)
    here = reference[RIGID] - reference[RIGID].mean(0)
    u, _, vt = np.linalg.svd(np.einsum("tni,nj->tij", there, here))
    mirror = np.ones((len(points), 3))
    mirror[:, 2] = np.sign(np.linalg.det(u @ vt))  # a rotation, never a reflection
    turned: np.ndarray = (u * mirror[:, None]) @ vt
    return turned


def euler(rotation: np.ndarray) -> np.ndarray:
    """Split T 3 3 rotations into T 3 degrees (yaw, pitch, roll): R = Rz(roll) Ry(yaw) Rx(pitch), in camera axes."""
    yaw = np.arcsin(np.clip(-rotation[:, 2, 0], -1, 1))
    pitch = np.arctan2(rotation[:, 2, 1], rotation[:, 2, 2])
    roll = np.arctan2(rotation[:, 1, 0], rotation[:, 0, 0])
    degrees: np.ndarray = np.degrees(np.stack([yaw, pitch, roll], axis=1))
    return degrees


def moves(driver: Signals, name: str, found: np.ndarray) -> bool:
    """Whether the driver's signal moves enough to be followed; of the eyes, whether the driver blinks.

    Args:
        driver: Its signals, T values each.
        name: Which signal, one of ``SIGNALS``.
        found: T bool, the frames that count.
    """
    values = getattr(driver, name)[found]
    if not len(values):
        return False
    if name == "eyes":
        return bool(values.min() < BLINK * np.median(values))
    low, high = np.percentile(values, [5, 95])
    return bool(high - low >= LEAST_SPAN[name])


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's correlation; 0 where nothing followed anything: one is constant, or there are fewer than three values.

    Args:
        one: n values.
        other: n values.
    """
    if len(one) < 3 or np.ptp(one) < 1e-9 or np.ptp(other) < 1e-9:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def slope(result: np.ndarray, driver: np.ndarray) -> float:
    """By how much the result moves for each unit that the driver does (least squares); 1 is as far as the driver.

    Args:
        result: n values.
        driver: n values; where they are constant, or fewer than three, the slope is 0.
    """
    if len(driver) < 3 or np.ptp(driver) < 1e-9:
        return 0.0
    centred = driver - driver.mean()
    return float((centred * (result - result.mean())).sum() / (centred**2).sum())


def followed(
    compared: Callable[[np.ndarray, np.ndarray], float],
    driver: Signals,
    result: Signals,
    found: tuple[np.ndarray, np.ndarray],
) -> dict[str, float]:
    """Compare each signal that the driver moves, over the frames that show a face in both.

    Args:
        compared: The comparison of two signals of n values, the result's and the driver's.
        driver: Its signals, T values each.
        result: The results' signals, as many.
        found: T bool each, which of the driver's and of the results' frames show a face.

    Returns:
        Signal to figure.
    """
    both = found[0] & found[1]
    return {
        name: compared(getattr(result, name)[both], getattr(driver, name)[both])
        for name in SIGNALS
        if moves(driver, name, found[0])
    }


def landmark_error(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Mean distance of two tracks' points in the picture's plane, the irises left out.

    Args:
        one: T P 3; T may be 1 in either.
        other: T P 3.

    Returns:
        T, in pixels.
    """
    distance: np.ndarray = np.hypot(*np.moveaxis((one - other)[..., :MESH_POINTS, :2], -1, 0))
    mean: np.ndarray = distance.mean(-1)
    return mean


def _gaps(points: np.ndarray, pairs: list[tuple[int, int]]) -> np.ndarray:
    one, other = points[:, [a for a, _ in pairs]], points[:, [b for _, b in pairs]]
    distances: np.ndarray = np.linalg.norm(one - other, axis=2).mean(1)
    return distances


def _eye(points: np.ndarray, lids: list[tuple[int, int]], corners: tuple[int, int]) -> np.ndarray:
    openness: np.ndarray = _gaps(points, lids) / np.maximum(_gaps(points, [corners]), 1e-6)
    return openness


def _gaze(points: np.ndarray, iris: int, left: int, right: int) -> np.ndarray:
    across = points[:, right] - points[:, left]
    middle = (points[:, right] + points[:, left]) / 2
    share: np.ndarray = ((points[:, iris] - middle) * across).sum(1) / np.maximum((across**2).sum(1), 1e-9)
    return share
