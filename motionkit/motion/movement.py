"""Motion: how the driving keypoints move the source's. Pure functions of keypoints; no networks, no pictures.

The order is transfer (with strength and gains), ``limit``, then a ``Smoother``. Everything is float32 (or float64) on
whatever device the keypoints are; sizes of point sets are taken on the CPU.

Legend: B frames, S sources (1 or B), K keypoints; points (x, y) in [-1, 1]; a Jacobian is a 2 2 matrix.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from motionkit.errors import InputError
from motionkit.motion import affine
from motionkit.motion.gains import Gains, apply_gains, keypoint_gains
from motionkit.motion.presence import lost
from motionkit.structures import Detected, Keypoints

__all__ = ["Gains", "best_references", "extents", "hull_area", "keypoint_gains", "limit", "transfer"]

MIN_SPREAD = 1e-4  # root mean square distance from the centre below which points coincide; in [-1, 1] coordinates
MIN_FLATNESS = 1e-4  # hull area over squared spread below which points are collinear
KNEE = 0.7  # fraction of motion_limit up to which movement is untouched


def transfer(
    source: Keypoints,
    driving: Keypoints,
    reference: Keypoints,
    *,
    relative: bool = True,
    adapt_scale: bool = True,
    strength: float = 1.0,
    gains: Gains | None = None,
    sized_by: Sequence[int] | None = None,
) -> Keypoints:
    """Move the source's keypoints as the driving keypoints move (arXiv 2003.00196, section 3.3).

    Relative: p = p_S + a·(p_D - p_D0) and J = (J_D · J_D0⁻¹) · J_S, with a = √(hull area of p_S) / √(hull area of p_D0)
    if ``adapt_scale``, else 1. Where either hull has no area (coincident or collinear points) a is the ratio of the
    root mean square distances from the centre, and 1 where one of those vanishes too. A keypoint whose J_D0 is singular
    keeps J_S. Absolute: p_D and J_D.

    Each keypoint's movement from the source is then multiplied by f = strength · its gain: points on a straight line,
    Jacobians as R^f · J_S = exp(f·log R) · J_S, where R is J_D · J_D0⁻¹ (relative) or J_D · J_S⁻¹ (absolute), so that
    half the strength of a rotation is half its angle. Where R has no usable real logarithm (singular, mirrored, near
    half a turn; ``LOG_CONDITION`` and ``LOG_HALF_TURN`` in affine.py) the Jacobian goes over, continuously, to the
    straight line. f = 0 is exactly the source and f = 1 exactly the plain transfer. A keypoint that rides on a head has
    f = strength; its gain acts before, on what the driving does beyond the head's movement (see ``gains.apply_gains``).

    Args:
        source: S = 1 or B.
        driving: Batch B.
        reference: Batch 1, the driving frame that counts as neutral; ignored when absolute.
        relative: Move by how the driving moves, rather than to where it is.
        adapt_scale: Adapt relative movement to the source's size.
        strength: f for every keypoint, 0 to 2.
        gains: Further factors, 0 to 4, or None; see ``keypoint_gains``.
        sized_by: The keypoints whose hulls give a, such as ``ModelConfig.sized_by``; None is all of them.

    Returns:
        Batch B; with Jacobians if the inputs have them.

    Raises:
        InputError: The keypoints are not of one model, or batches do not fit.
    """
    _check_fit(source, driving, reference)
    factor = torch.full_like(source.value[0, :, :1], strength)  # K 1
    if gains is not None:
        driving, left = apply_gains(driving, reference if relative else source, gains)
        factor = factor * left.reshape(-1, 1)
    if relative:
        scale = _scale(_part(source.value, sized_by), _part(reference.value, sized_by)) if adapt_scale else 1.0
        movement = scale * (driving.value - reference.value)
        plain = source.value + movement
    else:
        movement = driving.value - source.value
        plain = driving.value
    value = torch.where(factor == 1, plain, source.value + factor * movement)
    if source.jacobian is None or driving.jacobian is None or reference.jacobian is None:
        return Keypoints(value)
    base = reference.jacobian if relative else None
    return Keypoints(value, _transfer_jacobian(source.jacobian, driving.jacobian, base, factor[..., None]))


def limit(
    keypoints: Keypoints,
    source: Keypoints,
    *,
    motion_limit: float | None,
    sized_by: Sequence[int] | None = None,
) -> Keypoints:
    """Keep a wild pose from tearing the picture: bound each keypoint's movement from the source, softly.

    Movement up to ``KNEE`` · motion_limit is untouched, bit for bit; beyond it approaches motion_limit smoothly (the
    slope is continuous) and never exceeds it. Likewise the singular values of J · J_S⁻¹, untouched in [1/1.5, 1.5] and
    kept in [1/2, 2]; a mirrored matrix counts as one whose smaller singular value is negative, so it comes out upright.
    Where J_S is singular, J is left as it is.

    Args:
        keypoints: Batch B, transferred.
        source: S = 1 or B.
        motion_limit: In units of the source keypoints' extent, which is the square root of their convex hull's area
            (for coincident or collinear points as in ``transfer``: their spread, then 1); None is no limit.
        sized_by: As for ``transfer``.

    Returns:
        Batch B.
    """
    if motion_limit is None:
        return keypoints
    extent = source.value.new_tensor(extents(source, sized_by=sized_by)).reshape(-1, 1, 1)
    movement = keypoints.value - source.value
    length = movement.norm(dim=-1, keepdim=True) / extent  # B K 1
    knee = KNEE * motion_limit
    shorter = source.value + movement * (affine.soft_bound(length, knee, motion_limit) / length)
    value = torch.where(length > knee, shorter, keypoints.value)
    if keypoints.jacobian is None or source.jacobian is None:
        return Keypoints(value, keypoints.jacobian)
    return Keypoints(value, _limit_jacobian(keypoints.jacobian, source.jacobian))


def extents(keypoints: Keypoints, *, sized_by: Sequence[int] | None = None) -> list[float]:
    """The size of each set of keypoints: the square root of its convex hull's area.

    For coincident or collinear points it is their spread, then 1; as in ``transfer``.

    Args:
        keypoints: Batch B.
        sized_by: As for ``transfer``.
    """
    return [_extent(points) for points in _numpy(_part(keypoints.value, sized_by))]


def best_references(
    source: Keypoints, driving: Iterable[Detected], *, sized_by: Sequence[int] | None = None
) -> dict[int, tuple[int, Keypoints]]:
    """In each scene the frame whose pose is nearest to the source's: the best reference of relative motion.

    Points are centred on their mean and divided by the square root of their convex hull's area; nearest is the least
    sum of squared distances, the first of equals. Frames that are lost, or whose points are not finite, coincide or are
    collinear, are skipped. One frame of each scene is held at a time.

    Args:
        source: Batch 1.
        driving: Batches of consecutive frames, together the whole clip in order.
        sized_by: The keypoints that are compared; None is all of them.

    Returns:
        By scene, where it has such a frame: its index in the clip, and its keypoints, batch 1.

    Raises:
        InputError: No frame can be used, or the source's own keypoints cannot.
    """
    goal = _normalised(_numpy(_part(source.value, sized_by))[0])
    if goal is None:
        raise InputError(
            "The source's keypoints coincide or lie on a line, so no best reference can be found",
            todo="Choose the reference frame by its index, or the first",
        )
    best: dict[int, tuple[int, Keypoints]] = {}
    nearest: dict[int, float] = {}
    index = 0
    for batch in driving:
        missing = lost(source, batch.keypoints, sized_by=sized_by)
        for at, points in enumerate(_numpy(_part(batch.keypoints.value, sized_by))):
            scene = batch.scenes[at] if batch.scenes else 0
            pose = None if missing[at] else _normalised(points)
            distance = math.inf if pose is None else float(np.square(pose - goal).sum())
            if distance < nearest.get(scene, math.inf):
                nearest[scene], best[scene] = distance, (index, batch.keypoints[at : at + 1])
            index += 1
    if not best:
        raise InputError(
            "No frame of the driving clip can be the reference",
            got=f"{index} frames, none with keypoints that are sure, finite and spread out",
            todo="Choose the reference frame by its index, or use another clip",
        )
    return best


def _check_fit(source: Keypoints, driving: Keypoints, reference: Keypoints) -> None:
    everyone = (source, driving, reference)
    kinds = {(kp.value.shape[1:], kp.jacobian is None) for kp in everyone}
    if len(kinds) > 1 or len(reference) != 1 or len(source) not in (1, len(driving)):
        shapes = ["x".join(map(str, kp.value.shape)) + " without Jacobians" * (kp.jacobian is None) for kp in everyone]
        raise InputError(
            "Source, driving and reference keypoints do not fit together",
            got=", ".join(shapes),
            expected="keypoints of one model, one source or as many as driving frames, and one reference",
        )


def _part(points: Tensor, sized_by: Sequence[int] | None) -> Tensor:
    """Of B K 2 points those that count for size and pose."""
    return points if sized_by is None else points[:, list(sized_by)]


def _numpy(points: Tensor) -> np.ndarray:
    return points.detach().cpu().double().numpy()


def _sizes(points: np.ndarray) -> tuple[float, float]:
    """Square root of the convex hull's area, and spread, of K 2 points; 0 where degenerate or not finite."""
    return _measure(points.tobytes())


@lru_cache(maxsize=16)
def _measure(data: bytes) -> tuple[float, float]:
    """As ``_sizes``, remembered: source and reference come with every batch, and a hull takes most of a transfer."""
    points = np.frombuffer(data, dtype=np.float64).reshape(-1, 2)
    spread = float(np.sqrt(np.square(points - points.mean(axis=0)).sum(axis=1).mean()))
    if not MIN_SPREAD < spread < math.inf:
        return 0.0, 0.0
    area = hull_area(points)
    return (math.sqrt(area) if area > MIN_FLATNESS * spread**2 else 0.0), spread


def hull_area(points: np.ndarray) -> float:
    """Area of the convex hull, by Andrew's monotone chain; SciPy's takes half a second to be imported.

    Args:
        points: K 2; fewer than three, or collinear ones, have none.
    """

    def turn(a: list[float], b: list[float], c: list[float]) -> float:
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    def chain(ordered: list[list[float]]) -> list[list[float]]:
        kept: list[list[float]] = []
        for point in ordered:
            while len(kept) > 1 and turn(kept[-2], kept[-1], point) <= 0:
                kept.pop()
            kept.append(point)
        return kept[:-1]

    ordered = sorted(points.tolist())
    hull = chain(ordered) + chain(ordered[::-1])
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(hull, hull[1:] + hull[:1], strict=True)) / 2


def _extent(points: np.ndarray) -> float:
    hull, spread = _sizes(points)
    return hull or spread or 1.0


def _scale(source: Tensor, reference: Tensor) -> Tensor:
    """S 1 1 ratios of the sources' size to the reference's, by the first measure that both have, else 1."""
    other = _sizes(_numpy(reference)[0])
    pairs = [zip(_sizes(points), other, strict=True) for points in _numpy(source)]
    ratios = [next((a / b for a, b in pair if a and b), 1.0) for pair in pairs]
    return source.new_tensor(ratios).reshape(-1, 1, 1)


def _normalised(points: np.ndarray) -> np.ndarray | None:
    hull, _ = _sizes(points)
    return (points - points.mean(axis=0)) / hull if hull else None


def _transfer_jacobian(source: Tensor, driving: Tensor, reference: Tensor | None, factor: Tensor) -> Tensor:
    """J = R^factor · J_S; the reference is None for absolute transfer; factor K 1 1."""
    base = source if reference is None else reference
    inverse, regular = affine.inverse(base)
    # R minus the identity in this form is exactly zero, and J exactly J_S, when the driving rests.
    change = (driving - base) @ inverse
    plain = driving.expand_as(change) if reference is None else source + change @ source
    straight = source + factor * (plain - source)
    power, weight = affine.power(change, factor)
    curved = straight + torch.where(regular, weight, 0) * (power @ source - straight)
    return torch.where(factor == 1, plain, curved)


def _limit_jacobian(jacobian: Tensor, source: Tensor) -> Tensor:
    inverse, regular = affine.inverse(source)
    change = jacobian @ inverse
    bounded, untouched = affine.bound_scales(change)
    return torch.where(untouched | ~regular, jacobian, bounded @ source)
