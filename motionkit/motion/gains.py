"""Gains: factors on the movement of single parts. Where a model names a head, its other parts ride on it.

Legend: B frames (driving), S bases (1 or B), K keypoints, J keypoints of the head, C keypoints carried by it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from motionkit.config import ModelConfig
from motionkit.config.bounds import TEXT
from motionkit.config.checks import shown
from motionkit.config.models import BODY
from motionkit.errors import InputError
from motionkit.motion import affine
from motionkit.structures import Keypoints

__all__ = ["Gains", "apply_gains", "keypoint_gains"]

HEAD, NECK = "head", "neck"  # the group that shows the head's movement, and its member that stays behind
NEAR = 0.01  # squared distances below this part of the head's squared spread count alike
RIDGE = 1e-6  # of the head's squared spread; keeps one or coincident points from showing a rotation
MIN_SPREAD = 1e-8  # squared, in [-1, 1] coordinates


@dataclass(frozen=True, slots=True)
class Gains:
    """One factor for each keypoint, and which keypoints ride on the head.

    Attributes:
        factors: K.
        head: Indices of the keypoints by which the head's movement is known; empty where the model names no head.
        carried: Indices of the keypoints that it carries along.
    """

    factors: Tensor
    head: tuple[int, ...] = ()
    carried: tuple[int, ...] = ()


def keypoint_gains(gains: Mapping[str | int, float], config: ModelConfig) -> Gains | None:
    """One factor for each keypoint from factors by index, keypoint name or group name.

    A keypoint's own gain, by index or name, overrides its groups', a smaller group a larger one, and among equals the
    later counts. Where a name is both a keypoint's and a group's, the keypoint is meant.

    Args:
        gains: Index (an int or its digits), keypoint name or group name to factor.
        config: The model's, which knows the names.

    Returns:
        K float32 factors, or None if ``gains`` is empty. Where the model has a group "head", its keypoints (but "neck",
        against which a head turns) show the head's movement, and all keypoints outside the group and outside a group
        "body" ride on it.

    Raises:
        InputError: A name or index that the model does not have; lists those that it has.
    """
    if not gains:
        return None
    found = [(*_keypoints_named(name, config), gain) for name, gain in gains.items()]
    factors = torch.ones(config.num_kp)
    for _, indices, gain in sorted(found, key=lambda item: (item[0], len(item[1])), reverse=True):
        factors[indices] = gain
    group = config.keypoint_groups.get(HEAD, ())
    head = tuple(config.keypoint_names.index(name) for name in group if name != NECK)
    apart = {*group, *config.keypoint_groups.get(BODY, ())}
    carried = tuple(i for i, name in enumerate(config.keypoint_names) if name not in apart) if head else ()
    return Gains(factors, head, carried)


def apply_gains(driving: Keypoints, base: Keypoints, gains: Gains) -> tuple[Keypoints, Tensor]:
    """Exaggerate what carried keypoints do beyond the head's movement.

    The head's movement at a carried keypoint p is a similarity, fitted to the movements m_j of the head's keypoints q_j
    by weighted least squares with weights 1/(|p - q_j|² + ``NEAR`` · their squared spread): near ones count most, since
    a turning head moves what is in front more than what is behind ("moving least squares", Schaefer et al. 2006). With
    c and A its shift at p and its matrix, h the median gain of the head's keypoints and g the keypoint's own:

        p' = p + h·c + g·(m - c),        R' = (R·A⁻¹)^g · A^h,

    so gains of 1 change nothing, bit for bit, and the same gain for all is that factor on everything's shift. Where
    base or A is singular, the Jacobian takes g times its whole change, straight.

    Args:
        driving: Batch B.
        base: Where movement counts from, S = 1 or B.
        gains: As ``keypoint_gains`` gives them.

    Returns:
        The driving keypoints, the carried ones moved; and K factors that are still to be put on whole movements, 1 for
        carried keypoints.
    """
    factors = gains.factors.to(driving.value)
    if not gains.head or not gains.carried:
        return driving, factors
    head, carried = list(gains.head), list(gains.carried)
    own, whole = factors[carried].reshape(-1, 1), factors[head].median()
    movement = driving.value - base.value  # B K 2
    shift, matrix = _head_movement(base.value[:, carried], base.value[:, head], movement[:, head])
    value = driving.value.clone()
    value[:, carried] += (whole - 1) * shift + (own - 1) * (movement[:, carried] - shift)
    left = factors.clone()
    left[carried] = 1
    if driving.jacobian is None or base.jacobian is None:
        return Keypoints(value, driving.jacobian), left
    jacobian = driving.jacobian.clone()
    changed = _exaggerated(driving.jacobian[:, carried], base.jacobian[:, carried], matrix, own[..., None], whole)
    jacobian[:, carried] = torch.where((own[..., None] == 1) & (whole == 1), jacobian[:, carried], changed)
    return Keypoints(value, jacobian), left


def _head_movement(points: Tensor, head: Tensor, movement: Tensor) -> tuple[Tensor, Tensor]:
    """The head's shift at S C 2 points, B C 2, and its matrix there, B C 2 2, from B J 2 movements of S J 2 points."""
    spread = (head - head.mean(dim=1, keepdim=True)).square().sum(-1).mean(1)[:, None, None].clamp(min=MIN_SPREAD)
    weight = 1 / ((points[:, :, None] - head[:, None]).square().sum(-1) + NEAR * spread)  # S C J
    weight = weight / weight.sum(-1, keepdim=True)
    centre, mean = weight @ head, weight @ movement  # S C 2, B C 2
    arm = head[:, None] - centre[:, :, None]  # S C J 2
    rest = movement[:, None] - mean[:, :, None]  # B C J 2
    size = (weight * arm.square().sum(-1)).sum(-1) + RIDGE * spread[..., 0]  # S C
    stretch = (weight * (arm * rest).sum(-1)).sum(-1) / size  # B C
    turn = (weight * (arm[..., 0] * rest[..., 1] - arm[..., 1] * rest[..., 0])).sum(-1) / size
    linear = torch.stack([torch.stack([stretch, -turn], -1), torch.stack([turn, stretch], -1)], -2)
    shift = mean + (linear @ (points - centre)[..., None])[..., 0]
    return shift, torch.eye(2).to(linear) + linear


def _exaggerated(driving: Tensor, base: Tensor, head: Tensor, own: Tensor, whole: Tensor) -> Tensor:
    """Jacobians (R·A⁻¹)^own · A^whole · base, with R the driving's change from the base and A the head's matrix."""
    inverse, regular = affine.inverse(base)
    undone, turned = affine.inverse(head)
    apart = _power(driving @ inverse @ undone, own) @ _power(head, whole) @ base
    return torch.where(regular & turned, apart, base + own * (driving - base))


def _power(matrix: Tensor, exponent: Tensor) -> Tensor:
    """Real powers of ... 2 2 matrices; where there are none, on the straight line from the identity."""
    identity = torch.eye(2).to(matrix)
    power, weight = affine.power(matrix - identity, exponent)
    straight = identity + exponent * (matrix - identity)
    return straight + weight * (power - straight)


def _keypoints_named(name: str | int, config: ModelConfig) -> tuple[bool, list[int]]:
    """Whether ``name`` is a group's, and the indices that it stands for."""
    names, groups = config.keypoint_names, config.keypoint_groups
    if name in names:
        return False, [names.index(str(name))]
    if isinstance(name, str) and name in groups:
        return True, [names.index(member) for member in groups[name]]
    digits = str(name)
    if digits.isdecimal() and len(digits) <= TEXT and int(digits) < config.num_kp:
        return False, [int(digits)]
    expected, todo = f"an index from 0 to {config.num_kp - 1}", None
    if names:
        expected += f", a keypoint ({', '.join(names)})"
        expected += f" or a group ({', '.join(groups)})" if groups else ""
        if close := difflib.get_close_matches(digits, [*names, *groups], n=1):
            todo = f"Did you mean {close[0]!r}?"
    else:
        todo = f"The keypoints of model {config.name!r} have no names; give indices"
    raise InputError("Unknown keypoint or group in gains", got=shown(name), expected=expected, todo=todo)
