"""Smoothing and the best reference: what motion.py does with a whole clip."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch

from motionkit.errors import InputError
from motionkit.motion.movement import best_reference
from motionkit.motion.smoothing import Smoother
from motionkit.structures import Keypoints

SQUARE = torch.tensor([[[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]])


def equal(a: Keypoints, b: Keypoints) -> bool:
    return torch.equal(a.value, b.value) and torch.equal(a.jacobian, b.jacobian)


def noisy(frames: int, deviation: float = 0.005) -> Keypoints:
    return Keypoints(
        SQUARE + deviation * torch.randn(frames, 4, 2), torch.eye(2) + deviation * torch.randn(frames, 4, 2, 2)
    )


def test_smoothing_zero_is_the_identity() -> None:
    keypoints = noisy(5)
    assert Smoother(0.0).smooth(keypoints) is keypoints


@pytest.mark.parametrize(("smoothing", "left"), [(0.2, 0.65), (0.5, 0.3), (1.0, 0.15)])
def test_jitter_of_a_still_pose_shrinks(smoothing: float, left: float) -> None:
    keypoints = noisy(400)
    smoothed = Smoother(smoothing).smooth(keypoints)
    for before, after in ((keypoints.value, smoothed.value), (keypoints.jacobian, smoothed.jacobian)):
        assert after[60:].diff(dim=0).std() < left * before.diff(dim=0).std()
        assert torch.allclose(after[60:].mean(dim=0), before[60:].mean(dim=0), atol=2e-3)  # no bias


@pytest.mark.parametrize("fps", [25.0, 30000 / 1001, 60.0])
def test_fast_movement_lags_less_than_a_thirtieth_of_a_second(fps: float) -> None:
    time = torch.arange(round(3 * fps)) / fps
    path = (time - 1).clamp(0, 1) * 0.8  # across four tenths of the picture in a second
    smoothed = Smoother(1.0, fps).smooth(Keypoints(SQUARE + path[:, None, None])).value[:, 0] - SQUARE[0, 0]
    moving = (time > 1.5) & (time < 2)
    lag = ((path[:, None] - smoothed)[moving] / 0.8).mean()
    assert 0 <= lag < 1 / 30


def test_smoothing_is_causal_and_batches_do_not_matter() -> None:
    keypoints = noisy(12, 0.05)
    whole = Smoother(0.6).smooth(keypoints)
    one_by_one, uneven = Smoother(0.6), Smoother(0.6)
    assert equal(whole, Keypoints.cat([one_by_one.smooth(keypoints[i : i + 1]) for i in range(12)]))
    assert equal(whole, Keypoints.cat([uneven.smooth(keypoints[a:b]) for a, b in ((0, 5), (5, 5), (5, 12))]))
    assert equal(whole[:7], Smoother(0.6).smooth(keypoints[:7]))
    one_by_one.reset()
    assert equal(whole, one_by_one.smooth(keypoints))
    assert equal(whole[:1], keypoints[:1])


def test_smoothing_by_hand() -> None:
    points = Keypoints(torch.tensor([[[0.0, 0.0]], [[0.3, 0.4]]]))
    result = Smoother(1.0, 30.0).smooth(points).value[1, 0]
    speed = 0.5 * 30 / (1 + 30 / (2 * math.pi * 1.0))  # the norm, low-passed at 1 Hz from rest
    weight = 1 / (1 + 30 / (2 * math.pi * (0.4 + 8.0 * speed)))
    assert torch.allclose(result, weight * points.value[1, 0])


def test_a_broken_frame_leaves_no_trace() -> None:
    keypoints = noisy(6)
    broken = Keypoints(keypoints.value.clone(), keypoints.jacobian)
    broken.value[3] = math.nan
    result, expected = Smoother(0.7).smooth(broken), Smoother(0.7).smooth(keypoints[torch.tensor([0, 1, 2, 4, 5])])
    assert result.value[3].isnan().all()
    assert equal(result[torch.tensor([0, 1, 2, 4, 5])], expected)


def test_smoother_refuses_what_is_out_of_range() -> None:
    with pytest.raises(InputError, match=r"smoothing is out of range; got 1\.5; expected a number from 0 to 1"):
        Smoother(1.5)
    with pytest.raises(InputError, match="fps is out of range; got 0; expected a finite number above 0"):
        Smoother(0.5, 0)


# Best reference


def in_batches(points: torch.Tensor, size: int = 4) -> Iterator[Keypoints]:
    for start in range(0, len(points), size):
        yield Keypoints(points[start : start + size])


def test_best_reference_ignores_place_and_size() -> None:
    poses = torch.randn(11, 10, 2)
    source = Keypoints(0.3 * poses[6:7] + torch.tensor([0.5, -0.2]) + 0.005 * torch.randn(10, 2))
    assert best_reference(source, in_batches(poses)) == 6
    assert best_reference(source, in_batches(torch.cat([poses, poses]), 3)) == 6  # the first of equals


def test_frames_that_cannot_be_used_are_skipped() -> None:
    poses = torch.randn(4, 10, 2)
    source = Keypoints(poses[3:4].clone())
    poses[0], poses[1, 2], poses[2] = 0.25, math.nan, torch.linspace(0, 1, 10)[:, None]
    assert best_reference(source, in_batches(poses)) == 3
    with pytest.raises(InputError, match="No frame of the driving clip can be the reference; got 3 frames"):
        best_reference(source, in_batches(poses[:3]))
    with pytest.raises(InputError, match=r"The source's keypoints coincide.*Choose the reference frame by its index"):
        best_reference(Keypoints(poses[:1]), in_batches(poses))
    with pytest.raises(InputError, match="got 0 frames"):
        best_reference(source, [])
