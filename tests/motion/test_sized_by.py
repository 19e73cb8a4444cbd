"""Shoulders are followed, and say nothing of how large a face is or where it looks."""

from __future__ import annotations

import torch

from motionkit.config import AnimateOptions
from motionkit.motion import best_references, transfer
from motionkit.motion.movement import extents
from motionkit.motion.mover import Mover
from motionkit.motion.presence import lost
from motionkit.structures import Detected, Keypoints
from tests.support.networks import tiny_config

FACE = torch.tensor([[0.0, -0.2], [0.2, 0.0], [0.0, 0.2], [-0.2, 0.0]])  # a square turned by an eighth: area 0.08
NAMES = ("nose", "ear_left", "chin", "ear_right", "shoulder_left", "shoulder_right")
BODY = {"body": ("shoulder_left", "shoulder_right")}


def person(size: float, shoulders: float, confidence: tuple[float, float] = (0.9, 0.9)) -> Keypoints:
    body = torch.tensor([[shoulders, 0.9], [-shoulders, 0.9]])
    sure = torch.tensor([confidence[0]] * 4 + [confidence[1]] * 2)
    return Keypoints(torch.cat([size * FACE, body])[None], None, sure[None])


def test_a_configuration_names_all_but_the_body() -> None:
    config = tiny_config(num_kp=6, keypoint_names=NAMES, keypoint_groups=BODY)
    assert config.sized_by == (0, 1, 2, 3)
    assert tiny_config().sized_by is None
    assert tiny_config(num_kp=6, keypoint_names=NAMES).sized_by is None
    assert tiny_config(num_kp=2, keypoint_names=NAMES[4:], keypoint_groups=BODY).sized_by is None


def test_the_size_is_the_face_s_whatever_the_shoulders_do() -> None:
    """A source half as large moves half as far, with its shoulders inside or outside the picture."""
    source, reference = person(1.0, 0.9), person(2.0, 0.3)
    driving = Keypoints(reference.value + torch.tensor([0.1, 0.0]))
    reference = Keypoints(reference.value)
    moved = transfer(Keypoints(source.value), driving, reference, sized_by=(0, 1, 2, 3))
    torch.testing.assert_close(moved.value - source.value, torch.tensor([0.05, 0.0]).expand(1, 6, 2))
    torch.testing.assert_close(torch.tensor(extents(source, sized_by=(0, 1, 2, 3))), torch.tensor([0.08**0.5]))
    with_body = transfer(Keypoints(source.value), driving, reference).value - source.value
    assert (with_body[..., 0] - 0.05).abs().min() > 0.01
    config = tiny_config(num_kp=6, keypoint_names=NAMES, keypoint_groups=BODY, estimate_jacobian=False)
    mover = Mover(config, AnimateOptions(motion_limit=None, lost="follow"), references={0: reference})
    torch.testing.assert_close(mover.move(Keypoints(source.value), driving).value, moved.value)


def test_the_best_reference_is_that_of_the_face() -> None:
    source = person(1.0, 0.9)
    turned = Keypoints(person(1.0, 0.9).value * torch.tensor([0.7, 1.0]))
    clip = [Detected(turned), Detected(person(1.0, 0.2))]
    assert best_references(source, clip)[0][0] == 0, "the shoulders decide"
    assert best_references(source, clip, sized_by=(0, 1, 2, 3))[0][0] == 1


def test_shoulders_outside_the_picture_lose_no_face() -> None:
    source, outside, gone = person(1.0, 0.9), person(1.0, 0.9, (0.9, 0.2)), person(1.0, 0.9, (0.4, 0.4))
    assert lost(source, outside) == [True]
    assert lost(source, outside, sized_by=(0, 1, 2, 3)) == [False]
    assert lost(source, gone, sized_by=(0, 1, 2, 3)) == [True]
