"""Weights for further keypoints: what they knew is found as before, and pictures change little."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain

import pytest
import torch

from motionkit import weights
from motionkit.config import KpDetectorConfig, ModelConfig
from motionkit.config.networks import EYES
from motionkit.errors import ConfigError, WeightsError
from motionkit.modules.first_order import FirstOrderModel
from motionkit.structures import Keypoints
from motionkit.training.learner import Learner
from motionkit.training.presets import HEADS_MODEL
from motionkit.training.processes import make_accelerator
from motionkit.training.widening import AT_FIRST, BEGINNINGS, is_wider, widened
from motionkit.weights.checkpoints import Checkpoint
from tests.support.networks import seeded_model, tiny_config
from tests.support.training_runs import small_run

BEFORE = ("neck", "lid_upper_left", "lid_lower_left")
AFTER = ("iris_left", *BEFORE[::-1], "collar", "elbow", "shoulder_left")  # the elbow begins as nothing


def narrow(**changes: object) -> Checkpoint:
    config = tiny_config(keypoint_names=BEFORE, **changes)
    model = seeded_model(config)
    return Checkpoint(model.generator.state_dict(), model.kp_detector.state_dict(), None, config, {}, "")


def wide(start: Checkpoint) -> FirstOrderModel:
    assert start.config is not None
    config = start.config.replace(num_kp=len(AFTER), keypoint_names=AFTER)
    checkpoint = widened(start, config)
    model = FirstOrderModel(config).eval()
    model.generator.load_state_dict(checkpoint.generator)
    model.kp_detector.load_state_dict(checkpoint.kp_detector)
    return model


def old(keypoints: Keypoints) -> Keypoints:
    index = [AFTER.index(name) for name in BEFORE]
    assert keypoints.jacobian is not None
    return Keypoints(keypoints.value[:, index], keypoints.jacobian[:, index])


@pytest.mark.parametrize("shared", [False, True])
@torch.no_grad()
def test_known_keypoints_are_found_exactly_as_before(shared: bool) -> None:
    detector = replace(tiny_config().kp_detector, single_jacobian_map=shared)
    start = narrow(kp_detector=detector)
    pictures = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    before, after = seeded_model(start.config).detect(pictures), wide(start).detect(pictures)
    torch.testing.assert_close(old(after).value, before.value, rtol=0, atol=1e-6)
    torch.testing.assert_close(old(after).jacobian, before.jacobian, rtol=0, atol=1e-6)
    collar, neck = AFTER.index("collar"), AFTER.index("neck")
    torch.testing.assert_close(after.value[:, collar], after.value[:, neck], rtol=0, atol=1e-6)
    # What begins as nothing is in the middle, with a frame that can be inverted.
    assert after.value[:, [AFTER.index("elbow"), AFTER.index("shoulder_left")]].abs().max() < 1e-5
    if not shared:
        torch.testing.assert_close(after.jacobian[:, AFTER.index("elbow")], torch.eye(2).expand(2, 2, 2))


@torch.no_grad()
def test_the_new_move_a_share_of_what_they_begin_as_and_can_learn() -> None:
    start = narrow()
    generator = torch.Generator().manual_seed(1)
    picture = torch.rand(1, 3, 32, 32, generator=generator)
    points = [Keypoints(torch.rand(1, 7, 2, generator=generator) - 0.5, torch.eye(2).expand(1, 7, 2, 2)) for _ in "sd"]
    before = seeded_model(start.config).generate(picture, *map(old, points))
    model = wide(start)
    after = model.generate(picture, *points)
    share = dict(zip(AFTER, after.mask[:, 1:].unbind(1), strict=True))
    for name, beginnings in BEGINNINGS.items():
        if name in share:
            logits = torch.stack([share[other].log() for other in beginnings]).mean(0)
            torch.testing.assert_close(share[name], (logits - AT_FIRST).exp(), rtol=1e-4, atol=0)
    assert share["elbow"].max() < 1e-3
    # The known ones share the rest as before.
    known = torch.stack([after.mask[:, 0], *(share[name] for name in BEFORE)], 1)
    torch.testing.assert_close(known / known.sum(1, keepdim=True), before.mask, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(after.occlusion, before.occlusion, rtol=0, atol=1e-6)
    mask = model.generator.dense_motion_network.mask
    with torch.enable_grad():
        model.generate(picture, *points).flow.sum().backward()
    gradient = mask.weight.grad.flatten(1).abs().amax(1)  # of each mask
    assert (gradient > 0).all()


@torch.no_grad()
def test_eyes_seen_closely_begin_alike_and_move_the_picture_themselves() -> None:
    names = tuple(chain(*EYES))
    lids = tuple(name for name in names if name.startswith("lid"))
    narrow = tiny_config(num_kp=4, keypoint_names=lids)
    model = seeded_model(narrow)
    start = Checkpoint(model.generator.state_dict(), model.kp_detector.state_dict(), None, narrow, {}, "")
    config = narrow.replace(num_kp=6, keypoint_names=names, eyes="close")
    assert is_wider(config, narrow) and not is_wider(config, config)
    first, again = widened(start, config), widened(start, config)
    after = FirstOrderModel(config).eval()
    after.generator.load_state_dict(first.generator)
    after.kp_detector.load_state_dict(first.kp_detector)
    assert all(torch.equal(again.kp_detector[name], value) for name, value in first.kp_detector.items())
    points = Keypoints(torch.rand(1, 6, 2, generator=torch.Generator().manual_seed(0)) - 0.5)
    points = Keypoints(points.value, torch.eye(2).expand(1, 6, 2, 2))
    picture = torch.rand(1, 3, 32, 32)
    known = [names.index(name) for name in lids]
    before = model.generate(picture, *2 * [Keypoints(points.value[:, known], points.jacobian[:, known])])
    torch.testing.assert_close(after.generate(picture, points, points).mask, before.mask)  # irises are not among them
    # A model that has the keypoints already gets the eyes alone.
    plain = replace(start, config=config.replace(eyes="plain"), kp_detector=_without_eyes(first.kp_detector))
    plain = replace(plain, generator=FirstOrderModel(config.replace(eyes="plain")).generator.state_dict())
    more = widened(plain, config)
    FirstOrderModel(config).generator.load_state_dict(more.generator)
    assert more.kp_detector.keys() == first.kp_detector.keys()
    # What a model has it does not lose: it would keep weights that nothing uses.
    assert not is_wider(config.replace(eyes="plain"), config)


def _without_eyes(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value for name, value in state.items() if not name.startswith("eyes.")}


def test_the_embedded_weights_fit_the_recipe_s_model() -> None:
    start = weights.load("heads")
    assert start.config is not None
    if not is_wider(HEADS_MODEL, start.config):  # they have been trained anew
        assert start.config.keypoint_names == HEADS_MODEL.keypoint_names
        return
    checkpoint = widened(start, HEADS_MODEL)
    model = FirstOrderModel(HEADS_MODEL)
    model.generator.load_state_dict(checkpoint.generator)
    model.kp_detector.load_state_dict(checkpoint.kp_detector)


def test_what_new_keypoints_begin_as_is_there() -> None:
    for name, others in BEGINNINGS.items():
        assert name in HEADS_MODEL.keypoint_names and set(others) < set(HEADS_MODEL.keypoint_names)


def test_training_widens_what_it_begins_with() -> None:
    start = narrow()
    model = start.config.replace(num_kp=len(AFTER), keypoint_names=AFTER)
    config = small_run(model=model)
    learner = Learner(config, make_accelerator(config, "cpu"), start)
    kept = learner.model.state_dict()["kp_detector.kp.weight"][AFTER.index("neck")]
    torch.testing.assert_close(kept, start.kp_detector["kp.weight"][0], rtol=0, atol=0)


def test_other_weights_are_refused() -> None:
    start = narrow()
    other = start.config.replace(keypoint_names=("a", "b", "c"))
    assert not is_wider(other, start.config) and not is_wider(start.config, start.config)
    with pytest.raises(ConfigError, match=r"further keypoints, eyes .* only; got weights that know neck"):
        widened(start, other)
    config = small_run(model=tiny_config(num_kp=4, kp_detector=KpDetectorConfig(block_expansion=8, num_blocks=2)))
    with pytest.raises(WeightsError, match="do not fit"):
        Learner(config, make_accelerator(config, "cpu"), start)


def test_a_model_without_names_is_never_wider() -> None:
    assert not is_wider(ModelConfig(num_kp=2, keypoint_names=("a", "b")), ModelConfig(num_kp=1))
