"""Gains: names, factors on whole movements, and parts that ride on a head, against arrays computed by hand."""

from __future__ import annotations

import math

import pytest
import torch

import motionkit as mk
from motionkit import samples
from motionkit.animation.driving import detect_clip
from motionkit.config import ModelConfig
from motionkit.errors import InputError
from motionkit.media import open_clip
from motionkit.motion.gains import Gains, apply_gains, keypoint_gains
from motionkit.motion.movement import transfer
from motionkit.structures import Keypoints

NAMED = ModelConfig(
    num_kp=5,
    keypoint_names=("nose", "lip_top", "lip_bottom", "eye_left", "eye_right"),
    keypoint_groups={
        "lips": ("lip_top", "lip_bottom"),
        "face": ("nose", "lip_top", "lip_bottom", "eye_left", "eye_right"),
        "nose": ("nose", "lip_top"),
        "tip": ("nose",),
    },
)
# Ears and nose tell the head's movement, lips and chin ride on it, the neck does neither.
HEADED = ModelConfig(
    num_kp=6,
    keypoint_names=("nose", "ear_left", "ear_right", "neck", "lip", "chin"),
    keypoint_groups={"head": ("nose", "ear_left", "ear_right", "neck"), "mouth": ("lip",), "jaw": ("chin",)},
)
NECK, LIP, CHIN = 3, 4, 5
POINTS = torch.tensor([[[0.0, 0.1], [-0.5, -0.1], [0.5, -0.1], [0.0, 0.8], [0.0, 0.3], [0.1, 0.5]]])


def headed(value: torch.Tensor = POINTS, jacobian: torch.Tensor | None = None) -> Keypoints:
    jacobian = torch.eye(2) if jacobian is None else jacobian
    return Keypoints(value.clone(), jacobian.expand(len(value), 6, 2, 2).clone())


def similarity(degrees: float, scale: float = 1.0) -> torch.Tensor:
    angle = math.radians(degrees)
    return scale * torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


def random_keypoints(batch: int = 1, k: int = 10) -> Keypoints:
    return Keypoints(torch.rand(batch, k, 2) * 2 - 1, torch.eye(2) + 0.15 * torch.randn(batch, k, 2, 2))


def test_a_body_does_not_ride_on_its_head() -> None:
    config = ModelConfig(
        num_kp=4,
        keypoint_names=("nose", "lip", "neck", "collar"),
        keypoint_groups={"head": ("nose", "neck"), "mouth": ("lip",), "body": ("collar",)},
    )
    found = keypoint_gains({"body": 2.0, "head": 0.5}, config)
    assert found is not None and (found.head, found.carried) == ((0,), (1,))
    base = Keypoints(torch.zeros(1, 4, 2))
    moved = Keypoints(torch.tensor([[[0.2, 0.0], [0.2, 0.0], [0.1, 0.0], [0.1, 0.0]]]))
    result = transfer(base, moved, base, adapt_scale=False, gains=found).value[0, :, 0]
    torch.testing.assert_close(result, torch.tensor([0.1, 0.1, 0.05, 0.2]))


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ({"lips": 2.0}, [1, 2, 2, 1, 1]),
        ({"lip_top": 3.0, "lips": 2.0}, [1, 3, 2, 1, 1]),  # the keypoint over its group, whatever the order
        ({"lips": 2.0, "face": 0.5}, [0.5, 2, 2, 0.5, 0.5]),  # the smaller group over the larger
        ({0: 4.0, "tip": 2.0}, [4, 1, 1, 1, 1]),  # the keypoint over even a group of one
        ({"nose": 0.0}, [0, 1, 1, 1, 1]),  # a keypoint's name over a group's
        ({4: 1.5, "3": 0.5}, [1, 1, 1, 0.5, 1.5]),
        ({4: 1.5, "eye_right": 0.5}, [1, 1, 1, 1, 0.5]),  # the later of equals
    ],
)
def test_gains_by_index_name_and_group(gains: dict[str | int, float], expected: list[float]) -> None:
    found = keypoint_gains(gains, NAMED)
    assert found is not None and found.factors.tolist() == expected
    assert not found.head and not found.carried


def test_no_gains() -> None:
    assert keypoint_gains({}, NAMED) is None


def test_unknown_gains_are_explained() -> None:
    with pytest.raises(InputError, match=r"got 'lisp'; expected an index from 0 to 4, .*eye_left.*\(lips.*'lips'\?"):
        keypoint_gains({"lisp": 2.0}, NAMED)
    with pytest.raises(InputError, match="got 5; expected an index from 0 to 4"):
        keypoint_gains({5: 2.0}, NAMED)
    with pytest.raises(InputError, match="got -1; expected an index"):
        keypoint_gains({-1: 2.0}, NAMED)
    with pytest.raises(InputError, match=r"'mouth'; expected an index from 0 to 9\. .*'vox' have no names; give ind"):
        keypoint_gains({"mouth": 2.0}, ModelConfig(name="vox"))


@pytest.mark.parametrize("relative", [True, False])
def test_without_a_head_gains_are_factors_on_each_keypoints_movement(relative: bool) -> None:
    source, driving, reference = random_keypoints(), random_keypoints(3), random_keypoints()
    factors = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    result = transfer(source, driving, reference, relative=relative, strength=0.8, gains=Gains(factors))
    for k, factor in enumerate(factors.tolist()):
        alone = transfer(source, driving, reference, relative=relative, strength=0.8 * factor)
        assert torch.allclose(result.value[:, k], alone.value[:, k], atol=1e-6)
        assert torch.allclose(result.jacobian[:, k], alone.jacobian[:, k], atol=1e-5)
    assert torch.equal(result.value[:, 0], source.value[:, 0].expand(3, -1))


def test_who_rides_on_the_head() -> None:
    gains = keypoint_gains({"mouth": 2.0}, HEADED)
    assert gains is not None and gains.head == (0, 1, 2) and gains.carried == (LIP, CHIN)


def test_by_hand_only_what_a_mouth_does_itself_is_exaggerated() -> None:
    # The head turns a quarter in the plane, grows by half and shifts: (x, y) -> (0.2 - 1.5y, -0.1 + 1.5x).
    driving = headed(jacobian=similarity(90, 1.5))
    driving.value[0] = torch.stack([0.2 - 1.5 * POINTS[0, :, 1], -0.1 + 1.5 * POINTS[0, :, 0]], -1)
    driving.value[0, LIP] += torch.tensor([0.04, -0.02])  # and the lip moves by itself, and turns by 10 degrees more
    driving.jacobian[0, LIP] = similarity(100, 1.5)
    gains = keypoint_gains({"mouth": 2.5}, HEADED)
    assert gains is not None
    result = transfer(headed(), driving, headed(), gains=gains)
    # Where the head takes the lip, (0.2 - 1.5·0.3, -0.1), and 2.5 times (0.04, -0.02).
    assert torch.allclose(result.value[0, LIP], torch.tensor([-0.25 + 0.1, -0.1 - 0.05]), atol=1e-5)
    assert torch.allclose(result.jacobian[0, LIP], similarity(90 + 25, 1.5), atol=1e-4)
    others = [0, 1, 2, NECK, CHIN]
    plain = transfer(headed(), driving, headed())
    assert torch.equal(result.value[0, others], plain.value[0, others])
    assert torch.equal(result.jacobian[0, others], plain.jacobian[0, others])


def test_by_hand_near_keypoints_of_the_head_count_most() -> None:
    # The nose alone moves by 0.1. Squared distances from the lip are 0.04 to the nose, 0.41 to either ear.
    driving = headed()
    driving.value[0, 0, 0] += 0.1
    gains = keypoint_gains({"mouth": 0.0}, HEADED)
    assert gains is not None
    moved, _ = apply_gains(driving, headed(), gains)
    head = POINTS[0, :3].double()
    spread = (head - head.mean(0)).square().sum(1).mean()
    weight = 1 / (torch.tensor([0.04, 0.41, 0.41]).double() + 0.01 * spread)
    weight = weight / weight.sum()
    centre = (weight[:, None] * head).sum(0)
    arm, shift = head - centre, weight[0] * 0.1
    rest = torch.tensor([[0.1, 0.0], [0, 0], [0, 0]]).double() - torch.tensor([shift, 0])
    size = (weight * arm.square().sum(1)).sum()
    stretch = (weight * (arm * rest).sum(1)).sum() / size
    turn = (weight * (arm[:, 0] * rest[:, 1] - arm[:, 1] * rest[:, 0])).sum() / size
    x, y = (POINTS[0, LIP].double() - centre).tolist()
    expected = POINTS[0, LIP] + torch.tensor([shift + stretch * x - turn * y, turn * x + stretch * y])
    # Held by itself, the lip still goes where the head takes it: most of the way that the nose goes.
    assert torch.allclose(moved.value[0, LIP].double(), expected.double(), atol=1e-5)
    assert moved.value[0, LIP, 0] > 0.07


def test_a_head_that_is_held_lets_the_mouth_speak() -> None:
    driving = headed(POINTS @ similarity(20).T + 0.1, similarity(20))
    own = torch.tensor([0.0, 0.05])
    driving.value[0, LIP] += own
    gains = keypoint_gains({"head": 0.0}, HEADED)
    assert gains is not None
    result = transfer(headed(), driving, headed(), gains=gains)
    assert torch.equal(result.value[0, :4], POINTS[0, :4])  # neck included
    assert torch.allclose(result.value[0, LIP], POINTS[0, LIP] + own, atol=1e-5)
    assert torch.allclose(result.value[0, CHIN], POINTS[0, CHIN], atol=1e-5)
    assert torch.allclose(result.jacobian[0], torch.eye(2).expand(6, 2, 2), atol=1e-4)


@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize("strength", [1.0, 1.4])
def test_gains_of_one_change_nothing_bit_for_bit(relative: bool, strength: float) -> None:
    source, driving, reference = random_keypoints(1, 6), random_keypoints(5, 6), random_keypoints(1, 6)
    driving.jacobian[0, LIP] = torch.diag(torch.tensor([1.0, -1.0]))
    ones = keypoint_gains({"mouth": 1.0}, HEADED)
    plain = transfer(source, driving, reference, relative=relative, strength=strength)
    result = transfer(source, driving, reference, relative=relative, strength=strength, gains=ones)
    assert torch.equal(result.value, plain.value) and torch.equal(result.jacobian, plain.jacobian)
    louder = transfer(
        source, driving, reference, relative=relative, strength=strength, gains=keypoint_gains({"mouth": 3.0}, HEADED)
    )
    others = [0, 1, 2, NECK, CHIN]
    assert torch.equal(louder.value[:, others], plain.value[:, others])
    assert torch.equal(louder.jacobian[:, others], plain.jacobian[:, others])
    assert not torch.allclose(louder.value[:, LIP], plain.value[:, LIP], atol=1e-3)


def test_the_same_gain_for_all_is_a_strength() -> None:
    source, driving, reference = random_keypoints(1, 6), random_keypoints(5, 6), random_keypoints(1, 6)
    gains = keypoint_gains(dict.fromkeys(HEADED.keypoint_groups, 0.6), HEADED)
    result = transfer(source, driving, reference, gains=gains)
    assert torch.allclose(result.value, transfer(source, driving, reference, strength=0.6).value, atol=1e-5)


def test_degenerate_heads_tell_a_shift_or_nothing() -> None:
    point = headed(torch.full((1, 6, 2), 0.2))  # all coincide: no turn can be known
    driving = headed(point.value + 0.1)
    driving.value[0, LIP, 0] += 0.1
    gains = keypoint_gains({"mouth": 2.0}, HEADED)
    assert gains is not None
    moved, _ = apply_gains(driving, point, gains)
    assert torch.allclose(moved.value[0, LIP], torch.tensor([0.5, 0.3]), atol=1e-4)
    flat = headed(POINTS.repeat(2, 1, 1))
    flat.value[:, :3] = 0  # a head that shrinks to nothing
    moved, _ = apply_gains(flat, headed(), gains)
    assert torch.isfinite(moved.value).all() and torch.isfinite(moved.jacobian).all()


def test_the_samples_mouth_does_little_while_the_head_turns() -> None:
    """The head turns from one side to the other, the mouth stays as it is."""
    model = mk.load_model("heads", device="cpu")
    frames = [frame for i, frame in enumerate(open_clip(samples.driving_clip("turns"))) if i in (0, *range(15, 57, 6))]
    seen = Keypoints.cat(list(detect_clip(frames, model=model)))
    first, turned = seen[:1], seen[1:]
    gains = keypoint_gains({"mouth": 0.0}, model.config)
    assert gains is not None
    mouth = [model.config.keypoint_names.index(name) for name in model.config.keypoint_groups["mouth"]]
    whole = (turned.value - first.value)[:, mouth].norm(dim=-1)
    held, _ = apply_gains(turned, first, gains)
    own = (turned.value - held.value)[:, mouth].norm(dim=-1)
    assert whole.mean() > 0.08 and own.mean() < 0.3 * whole.mean()
