"""Points that a motion carries along, against motions whose effect on every point is known."""

from __future__ import annotations

import math

import pytest
import torch

from motionkit.motion.carrying import carry_points
from motionkit.structures import Keypoints

POINTS = torch.tensor([[0.0, 0.0], [0.3, -0.2], [-0.7, 0.65]])


def keypoints(seed: int = 0) -> Keypoints:
    rng = torch.Generator().manual_seed(seed)
    value = torch.rand(1, 9, 2, generator=rng) * 1.6 - 0.8
    return Keypoints(value, torch.eye(2) + 0.2 * torch.randn(1, 9, 2, 2, generator=rng))


def test_an_affine_motion_of_the_whole_picture_moves_each_point_by_itself() -> None:
    angle = 0.4
    linear = 1.3 * torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle) + 0.2]])
    shift = torch.tensor([0.1, -0.25])
    source = keypoints()
    assert source.jacobian is not None
    moved = Keypoints(source.value @ linear.T + shift, linear @ source.jacobian)
    torch.testing.assert_close(carry_points(POINTS, source, moved)[0], POINTS @ linear.T + shift)


def test_no_motion_moves_nothing_and_a_batch_is_its_results_one_by_one() -> None:
    source, other = keypoints(), keypoints(1)
    both = carry_points(POINTS, source, Keypoints.cat([source, other]))
    torch.testing.assert_close(both[0], POINTS)
    torch.testing.assert_close(both[1:], carry_points(POINTS, source, other))
    assert (both[1] - POINTS).abs().max() > 0.1


@pytest.mark.parametrize("jacobian", [None, torch.zeros(1, 2, 2, 2)], ids=["none", "singular"])
def test_without_jacobians_what_is_near_a_keypoint_shifts_with_it(jacobian: torch.Tensor | None) -> None:
    source = Keypoints(torch.tensor([[[-0.5, 0.0], [0.5, 0.0]]]), jacobian)
    moved = Keypoints(source.value + torch.tensor([[[0.1, 0.0], [0.0, 0.2]]]), jacobian)
    near = torch.tensor([[-0.5, 0.1], [0.6, 0.0], [0.0, 0.0]])
    # Halfway both count the same; a whole picture away, nothing: exp(-50 · 1) of the nearer one's share.
    expected = torch.tensor([[[-0.4, 0.1], [0.6, 0.2], [0.05, 0.1]]])
    torch.testing.assert_close(carry_points(near, source, moved), expected)
