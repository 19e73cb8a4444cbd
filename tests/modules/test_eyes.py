"""Eyes seen closely: where a close-up lies, what it finds, and how far a gaze reaches into the picture."""

from __future__ import annotations

import math

import pytest
import torch

from motionkit.config import ModelConfig
from motionkit.config.networks import EYES
from motionkit.errors import ConfigError
from motionkit.model import Model
from motionkit.modules.eyes import FURTHEST, REACH, SIDE, Eyes, eye_indices, follow_eyes, look
from motionkit.modules.first_order import FirstOrderModel
from motionkit.modules.grid import identity_grid, sample_flow
from motionkit.structures import Keypoints
from motionkit.training.partly import learn_to_find
from motionkit.weights.shapes import expected_shapes
from tests.support.networks import seeded_model, tiny_config

NAMES = ("nose", *(name for eye in EYES for name in eye))
INDICES = eye_indices(tiny_config(num_kp=7, keypoint_names=NAMES))
# The subject's left eye is on the picture's right: middles 0.4 apart, lids 0.1 apart, irises a little aside.
POINTS = torch.tensor([[0, 0.2], [0.22, 0], [0.2, -0.05], [0.2, 0.05], [-0.18, 0], [-0.2, -0.05], [-0.2, 0.05]])


def close(**changes: object) -> FirstOrderModel:
    return seeded_model(tiny_config(num_kp=7, keypoint_names=NAMES, eyes="close", **changes))


def keypoints(points: torch.Tensor = POINTS) -> Keypoints:
    return Keypoints(points[None], torch.eye(2).expand(1, 7, 2, 2))


def turned(degrees: float) -> torch.Tensor:
    """2x2: what turns places clockwise, as they are seen in a picture."""
    angle = math.radians(degrees)
    return torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


@pytest.mark.parametrize("degrees", [0.0, 30.0, -100.0])
def test_where_the_eyes_are_whichever_way_the_head_is_tilted(degrees: float) -> None:
    turn = turned(degrees)
    eyes = Eyes.of((POINTS @ turn.T)[None], INDICES)
    torch.testing.assert_close(eyes.middle[0], torch.tensor([[0.2, 0], [-0.2, 0]]) @ turn.T)
    torch.testing.assert_close(eyes.distance, torch.tensor([[0.4]]))
    torch.testing.assert_close(eyes.opening, torch.tensor([[0.1, 0.1]]))
    torch.testing.assert_close(eyes.across[0], turn @ torch.tensor([-1.0, 0]), atol=1e-6, rtol=0)
    torch.testing.assert_close(eyes.down[0], turn @ torch.tensor([0, 1.0]), atol=1e-6, rtol=0)


def test_close_ups_are_upright_with_the_nose_to_the_right() -> None:
    """A picture whose colours are its places: red to the right, green downwards."""
    picture = identity_grid(65, 65, like=POINTS).permute(0, 3, 1, 2)
    (left, right), middle, axes = look(picture, POINTS[None], INDICES)
    reach = 0.4 * REACH
    # Columns run towards the nose: for the left eye to the picture's left.
    torch.testing.assert_close(left[0, 0], torch.linspace(0.2 + reach, 0.2 - reach, SIDE))
    torch.testing.assert_close(right[0, 0], torch.linspace(-0.2 - reach, -0.2 + reach, SIDE))
    for eye in (left, right):
        torch.testing.assert_close(eye[1, :, 0], torch.linspace(-reach, reach, SIDE), atol=1e-6, rtol=0)
    corner = middle[0] + axes[0] @ torch.tensor([1.0, 1.0])  # what a coordinate of a close-up means
    torch.testing.assert_close(corner, torch.tensor([[0.2 - reach, reach], [-0.2 + reach, reach]]))


@torch.no_grad()
def test_a_mirrored_picture_gives_mirrored_eyes() -> None:
    finder = close().kp_detector.eyes
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    found = finder(picture, keypoints()).value[0]
    swapped = [0, 4, 5, 6, 1, 2, 3]  # the left eye's points are the right eye's in a mirror
    mirror = torch.tensor([-1.0, 1.0])
    mirrored = finder(picture.flip(3), keypoints(POINTS[swapped] * mirror)).value[0]
    assert (found[1:] - POINTS[1:]).abs().amax() > 0.01, "it has an opinion"
    torch.testing.assert_close(mirrored[swapped] * mirror, found, atol=1e-5, rtol=0)


@torch.no_grad()
def test_only_irises_and_lids_are_replaced() -> None:
    model = close()
    plain = seeded_model(model.config.replace(eyes="plain")).kp_detector
    plain.load_state_dict({k: v for k, v in model.kp_detector.state_dict().items() if not k.startswith("eyes.")})
    picture = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    before, after = plain(picture), model.detect(picture)
    changed = (before.value != after.value).any(-1).any(0)
    assert changed.tolist() == [False] + 6 * [True]
    torch.testing.assert_close(before.jacobian, after.jacobian, rtol=0, atol=0)


def test_an_iris_that_moves_with_the_flow_changes_nothing() -> None:
    flow = identity_grid(64, 64, like=POINTS) + torch.tensor([0.1, -0.05])
    source = keypoints(POINTS + torch.tensor([0.1, -0.05]))
    torch.testing.assert_close(follow_eyes(flow, source, keypoints(), INDICES), flow, atol=1e-6, rtol=0)


def test_each_iris_comes_from_where_the_source_s_is_and_the_rest_stays() -> None:
    still = identity_grid(129, 129, like=POINTS)
    moved = POINTS.clone()
    moved[1] += torch.tensor([-0.03, 0.01])  # the left eye looks aside, the right one stays
    flow = follow_eyes(still, keypoints(), keypoints(moved), INDICES)
    there = sample_flow(flow, moved[None, [1, 4]])[0]
    # Between cells the flow is interpolated, and at the iris the lids hold it back by less than a thirtieth.
    torch.testing.assert_close(there, POINTS[[1, 4]], atol=0.001, rtol=0)
    difference = (flow - still).norm(dim=-1)[0]
    rows, columns = torch.nonzero(difference > 1e-3, as_tuple=True)
    places = still[0, rows, columns]
    assert len(places) > 20
    assert (places[:, 1].abs() < 0.07).all(), "between the lids, at ±0.05, and hardly beyond"
    assert ((places[:, 0] - 0.2).abs() < 0.15).all(), "in this eye alone"


def test_nothing_of_an_iris_is_left_where_the_eye_is_closed() -> None:
    still = identity_grid(128, 128, like=POINTS)
    for upper in (0.05, 0.06):  # on the lower lid, and below it
        shut = POINTS.clone()
        shut[2, 1] = upper
        aside = shut.clone()
        aside[1, 0] = 0.25
        flows = [follow_eyes(still, keypoints(), keypoints(points), INDICES) for points in (shut, aside)]
        torch.testing.assert_close(*flows, atol=1e-3, rtol=0)


def test_lids_come_from_the_source_s_lids() -> None:
    still = identity_grid(4097, 129, like=POINTS)  # rows so near that a lid's edge is hardly between two
    shut = POINTS.clone()
    shut[2] = torch.tensor([0.2, 0.02])  # the left upper lid, from -0.05; the lower one stays at 0.05
    flow = follow_eyes(still, keypoints(), keypoints(shut), INDICES)
    edges = sample_flow(flow, shut[None, [2, 3]])[0]
    torch.testing.assert_close(edges, POINTS[[2, 3]], atol=0.005, rtol=0)  # of the 0.07 that it moved
    column = flow[0, :, 77, 1]  # down the middle of this eye
    rows = still[0, :, 0, 1]
    assert (column.diff() >= 0).all(), "no skin is seen twice"
    torch.testing.assert_close(column[rows < -0.25], rows[rows < -0.25], atol=2e-3, rtol=0)
    torch.testing.assert_close(flow[:, :, :64], still[:, :, :64], atol=1e-6, rtol=0)  # the other eye


def test_an_iris_that_would_leave_the_eye_is_held() -> None:
    still = identity_grid(128, 128, like=POINTS)
    source = POINTS.clone()
    source[1] += torch.tensor([5.0, 0])
    difference = follow_eyes(still, keypoints(source), keypoints(), INDICES) - still
    assert difference.norm(dim=-1).max() <= FURTHEST * 0.4 + 1e-6


def test_eyes_in_one_place_give_numbers() -> None:
    nowhere = keypoints(torch.zeros(7, 2))
    flow = follow_eyes(identity_grid(16, 16, like=POINTS), nowhere, nowhere, INDICES)
    assert flow.isfinite().all()
    assert look(torch.rand(1, 3, 16, 16), nowhere.value, INDICES)[0].isfinite().all()


@torch.no_grad()
@pytest.mark.parametrize("blend", [False, True])
def test_the_inference_form_sees_eyes_as_the_trained_one(blend: bool) -> None:
    model = close(blend_warped=blend, padding="border")
    fast = Model(model, device="cpu", precision="float32")
    pictures = torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    wanted = model.detect(pictures)
    torch.testing.assert_close(fast.detect(pictures).value, wanted.value, atol=1e-4, rtol=0)
    moved = POINTS + 0.02 * torch.randn(7, 2, generator=torch.Generator().manual_seed(1))
    source, driving = keypoints(), keypoints(moved)
    after = model.generate(pictures[:1], source, driving)
    torch.testing.assert_close(fast.generate(pictures[:1], source, driving).image, after.image, atol=1e-4, rtol=0)
    aside = POINTS.clone()
    aside[[1, 4], 0] += 0.03
    looking = model.generate(pictures[:1], source, keypoints(aside))
    ahead = model.generate(pictures[:1], source, source)
    assert (looking.image - ahead.image).abs().max() > 1e-3, "gaze reaches the picture"
    torch.testing.assert_close(looking.mask, ahead.mask, msg="the dense motion knows nothing of irises")
    # The picture's own flow is finer: the coarse one, which moves features, is left as it is.
    assert torch.equal(looking.flow, ahead.flow) == blend


def test_its_tensors_are_those_that_files_are_checked_against() -> None:
    model = close()
    assert expected_shapes(model.config) == {name: tuple(value.shape) for name, value in model.state_dict().items()}
    assert ModelConfig.from_dict(model.config.to_dict()) == model.config


def test_a_model_without_such_keypoints_is_refused() -> None:
    with pytest.raises(ConfigError, match="none named iris_left, iris_right, lid_"):
        tiny_config(eyes="close")
    with pytest.raises(ConfigError, match="Unknown eyes; got 'near'"):
        tiny_config(eyes="near")


@pytest.mark.parametrize(("keypoint", "learns"), [("iris_left", True), ("lid_upper_right", True), ("nose", False)])
def test_what_looks_at_eyes_learns_for_irises_and_lids_alone(keypoint: str, learns: bool) -> None:
    detector = close().kp_detector
    learn_to_find(detector, [NAMES.index(keypoint)])
    learning = {name.partition(".")[0] for name, part in detector.named_parameters() if part.requires_grad}
    assert learning == ({"eyes"} if learns else {"kp", "jacobian"})
