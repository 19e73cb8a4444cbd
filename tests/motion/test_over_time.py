"""Smoothing and the best reference: what motion.py does with a whole clip."""

from __future__ import annotations

import math

import pytest
import torch

from motionkit.config import AnimateOptions, ModelConfig
from motionkit.errors import InputError
from motionkit.motion.movement import best_references
from motionkit.motion.mover import Mover
from motionkit.motion.presence import lost
from motionkit.motion.smoothing import Smoother
from motionkit.structures import Detected, Keypoints

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


def best(source: Keypoints, poses: torch.Tensor, size: int = 4) -> int:
    """The index of the best reference of a clip of one scene."""
    batches = (Detected(Keypoints(poses[start : start + size])) for start in range(0, len(poses), size))
    ((index, keypoints),) = best_references(source, batches).values()
    assert torch.equal(keypoints.value, poses[index : index + 1])
    return index


def test_best_reference_ignores_place_and_size() -> None:
    poses = torch.randn(11, 10, 2)
    source = Keypoints(0.3 * poses[6:7] + torch.tensor([0.5, -0.2]) + 0.005 * torch.randn(10, 2))
    assert best(source, poses) == 6
    assert best(source, torch.cat([poses, poses]), 3) == 6  # the first of equals


def test_each_scene_has_a_best_reference_of_its_own() -> None:
    poses = torch.randn(6, 10, 2)
    source = Keypoints(poses[4:5].clone())
    batches = [Detected(Keypoints(poses[:4]), scenes=[0, 0, 7, 7]), Detected(Keypoints(poses[4:]), scenes=[7, 0])]
    found = best_references(source, batches)
    own = [0, 1, 5]
    assert {scene: index for scene, (index, _) in found.items()} == {7: 4, 0: own[best(source, poses[own])]}


def test_frames_that_cannot_be_used_are_skipped() -> None:
    poses = torch.randn(4, 10, 2)
    source = Keypoints(poses[3:4].clone())
    poses[0], poses[1, 2], poses[2] = 0.25, math.nan, torch.linspace(0, 1, 10)[:, None]
    assert best(source, poses) == 3
    with pytest.raises(InputError, match="No frame of the driving clip can be the reference; got 3 frames"):
        best(source, poses[:3])
    with pytest.raises(InputError, match=r"The source's keypoints coincide.*Choose the reference frame by its index"):
        best(Keypoints(poses[:1]), poses)
    with pytest.raises(InputError, match="got 0 frames"):
        best_references(source, [])


def test_a_lost_frame_is_no_reference() -> None:
    poses = torch.randn(3, 10, 2)
    sure, unsure = torch.full((1, 10), 0.9), torch.full((1, 10), 0.5)
    source = Keypoints(poses[1:2].clone(), confidence=sure)
    driving = Keypoints(poses, confidence=torch.cat([sure, unsure, sure]))
    assert lost(source, driving) == [False, True, False]
    ((index, _),) = best_references(source, [Detected(driving)]).values()
    assert index != 1
    assert lost(Keypoints(poses[:1], confidence=unsure), driving) == [False] * 3  # a detector that knows nothing
    assert lost(Keypoints(poses[:1]), driving) == [False] * 3  # nobody knows


# Lost frames and scenes


SURE, UNSURE = 0.92, 0.4
CONFIG = ModelConfig(num_kp=4)


def driven(places: list[float], sure: list[bool], scenes: list[int] | None, **options: object) -> list[float]:
    """Where the source's first keypoint goes, from its place, with driving squares moved to these places."""
    shift = torch.tensor(places)[:, None, None] * torch.tensor([1.0, 0.0])
    confidence = torch.tensor([SURE if x else UNSURE for x in sure])[:, None].expand(-1, 4)
    source = Keypoints(SQUARE, confidence=torch.full((1, 4), SURE))
    driving = Keypoints(SQUARE + shift, confidence=confidence)
    moved = []
    for size in (len(places), 1, 2):  # how a clip is cut into batches does not matter
        mover = Mover(CONFIG, AnimateOptions(motion_limit=None, **options))
        parts = [
            mover.move(source, driving[at : at + size], scenes and scenes[at : at + size])
            for at in range(0, len(places), size)
        ]
        moved.append([round(x, 4) for x in (Keypoints.cat(parts).value[:, 0, 0] - SQUARE[0, 0, 0]).tolist()])
    assert moved[0] == moved[1] == moved[2]
    return moved[0]


def test_lost_frames_hold_the_last_pose_or_show_the_source() -> None:
    places, sure = [9.0, 0.1, 0.3, 7.0, 8.0, 0.2], [False, True, True, False, False, True]
    assert driven(places, sure, None) == [0, 0, 0.2, 0.2, 0.2, 0.1]  # the reference is the first that is not lost
    assert driven(places, sure, None, lost="source") == [0, 0, 0.2, 0, 0, 0.1]
    assert driven(places, sure, None, lost="follow") == [0, -8.9, -8.7, -2, -1, -8.8]
    assert driven(places, sure, None, relative=False) == [0, 0.1, 0.3, 0.3, 0.3, 0.2]


def test_each_scene_has_a_neutral_pose_of_its_own() -> None:
    places, scenes = [0.0, 0.1, 0.5, 0.7, 0.2, 0.6], [0, 0, 1, 1, 0, 1]
    assert driven(places, [True] * 6, scenes) == [0, 0.1, 0, 0.2, 0.2, 0.1]
    assert driven(places, [True] * 6, None) == places
    # A pose that is held belongs to the scene before.
    assert driven([0.0, 0.1, 9.0, 0.5, 0.6], [True, True, False, True, True], [0, 0, 2, 1, 1]) == [0, 0.1, 0.1, 0, 0.1]


def test_smoothing_begins_anew_with_a_scene() -> None:
    places, scenes = [0.0, 0.1, 0.2, 0.9, 0.9], [0, 0, 0, 1, 1]
    moved = driven(places, [True] * 5, scenes, smoothing=0.8)
    assert 0 < moved[2] < 0.2
    assert moved[3:] == [0, 0]
