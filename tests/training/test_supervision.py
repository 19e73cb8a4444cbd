"""Flow, visibility and the focus on parts, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from motionkit.data.batch import Truth
from motionkit.errors import ConfigError
from motionkit.structures import Keypoints
from motionkit.training.supervision import flow_loss, visibility_loss, warped_loss
from tests.support.networks import tiny_config
from tests.support.objectives import objective, some_batch, train_config


def test_flow_by_hand() -> None:
    rng = np.random.default_rng(0)
    flow, true = rng.uniform(-1, 1, (2, 3, 3, 2)), rng.uniform(-1, 1, (2, 6, 6, 2))
    visible = rng.uniform(0, 1, (2, 1, 6, 6)) * (rng.uniform(0, 1, (2, 1, 6, 6)) > 0.4)
    visible[0, 0, :2, :2] = 0  # a place of the small map that nothing is known about
    expected = []
    for b in range(2):
        total = weights = 0.0
        for i in range(3):
            for j in range(3):
                v = visible[b, 0, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
                t = true[b, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
                if v.sum() > 0:
                    mean = (v[..., None] * t).sum((0, 1)) / v.sum()
                    total += v.mean() * np.abs(flow[b, i, j] - mean).mean()
                    weights += v.mean()
        expected.append(total / weights)
    none = Keypoints(torch.zeros(2, 0, 2))
    tensors = [torch.from_numpy(x) for x in (flow, true, visible)]
    known = torch.tensor([True, True])
    got = flow_loss(tensors[0], Truth(none, none, tensors[1], tensors[2], known))
    assert got.item() == pytest.approx(np.mean(expected), rel=1e-9)
    # A pair without flow counts nothing, whatever its place holds.
    tensors[1][1] = torch.nan
    tensors[2][1] = torch.nan
    got = flow_loss(tensors[0], Truth(none, none, tensors[1], tensors[2], torch.tensor([True, False])))
    assert got.item() == pytest.approx(expected[0] / 2, rel=1e-9)


def test_flow_where_nothing_is_visible_is_free() -> None:
    none = Keypoints(torch.zeros(1, 0, 2))
    flow = torch.rand(1, 4, 4, 2, requires_grad=True)
    for known in (True, False):
        truth = Truth(none, none, torch.rand(1, 8, 8, 2), torch.zeros(1, 1, 8, 8), torch.tensor([known]))
        loss = flow_loss(flow, truth)
        (gradient,) = torch.autograd.grad(loss, flow)
        assert loss == 0 and gradient.abs().max() == 0


def test_flow_may_be_stored_smaller_than_it_is_generated() -> None:
    none = Keypoints(torch.zeros(1, 0, 2))
    truth = Truth(none, none, torch.full((1, 4, 4, 2), 0.25), torch.ones(1, 1, 4, 4), torch.tensor([True]))
    assert flow_loss(torch.full((1, 8, 8, 2), 0.75), truth).item() == pytest.approx(0.5)


def test_visibility_by_hand() -> None:
    occlusion = np.array([[[[0.9, 0.2]]], [[[0.6, 0.4]]]])
    visible = np.array([[[[1.0, 0.5, 0.0, 0.0], [1.0, 0.5, 0.0, 0.0]]], np.full((1, 2, 4), np.nan)])
    mean = np.array([0.75, 0.0])
    o = occlusion[0, 0, 0]
    expected = -(mean * np.log(o) + (1 - mean) * np.log(1 - o)).mean() / 2  # of two pairs, one unknown
    none = Keypoints(torch.zeros(2, 0, 2))
    truth = Truth(none, none, torch.zeros(2, 2, 4, 2), torch.from_numpy(visible), torch.tensor([True, False]))
    assert visibility_loss(torch.from_numpy(occlusion), truth).item() == pytest.approx(expected, rel=1e-9)


def test_warped_by_hand() -> None:
    """Each pair's mean error where it is visible, be that a little or all; nothing of a pair without flow."""
    deformed, driving = torch.rand(3, 2, 3, 4, 4, generator=torch.Generator().manual_seed(0)).double()[:2]
    visible = np.array([[[[1.0, 0.5], [0.0, 0.0]]], np.full((1, 2, 2), np.nan)])
    weight = F.interpolate(torch.from_numpy(visible[:1]), size=(4, 4), mode="bilinear").numpy()[0, 0]
    error = np.abs((deformed - driving).numpy()[0]).mean(0)
    none = Keypoints(torch.zeros(2, 0, 2))
    truth = Truth(none, none, torch.zeros(2, 2, 2, 2), torch.from_numpy(visible), torch.tensor([True, False]))
    expected = (weight * error).sum() / weight.sum() / 2
    assert warped_loss(deformed, driving, truth).item() == pytest.approx(expected, rel=1e-9)


def test_focus_by_hand() -> None:
    """Each error counts 1 + focus · exp(-d²/(2·0.006)) times, d the distance to the nearest point of the group."""
    names = {"keypoint_names": ("a", "b", "c"), "keypoint_groups": {"mouth": ("a", "c"), "rest": ("b",)}}
    losses = {"pixel": 1.0, "keypoints": 1.0, "flow": 1.0, "visibility": 1.0, "focus_groups": ("mouth",)}
    batch = some_batch()
    assert batch.truth is not None
    run = objective(train_config(tiny_config(**names), focus=5.0, **losses))
    with torch.no_grad():
        got = run(batch)
    ramp = np.linspace(-1, 1, 32)
    grid = np.stack(np.meshgrid(ramp, ramp), -1)[None, None]
    points = batch.truth.driving.value.numpy()[:, [0, 2], None, None]
    near = np.exp(-((grid - points) ** 2).sum(-1) / 0.012).max(1, keepdims=True)
    error = np.abs(got.generated.image.numpy() - batch.driving.numpy())
    assert got.terms["pixel"].item() == pytest.approx(((1 + 5 * near) * error).mean(), rel=1e-4)
    with torch.no_grad():
        plain = objective(train_config(tiny_config(**names), **losses))(batch)
    for name in ("pixel", "flow", "visibility"):
        assert got.terms[name] > 1.01 * plain.terms[name]
    assert got.terms["keypoints"] == plain.terms["keypoints"]
    with torch.no_grad():
        hidden = objective(train_config(tiny_config(**names), hidden=4.0, **losses))(batch)
    unseen = np.where(batch.truth.has_flow.numpy()[:, None, None, None], 1 - batch.truth.visibility.numpy(), 0)
    error = np.abs(hidden.generated.image.numpy() - batch.driving.numpy())
    assert hidden.terms["pixel"].item() == pytest.approx(((1 + 4 * unseen) * error).mean(), rel=1e-4)
    with torch.no_grad():  # points a and c count three times, b once, all together as before
        weighed = objective(train_config(tiny_config(**names), focus_keypoints=2.0, **losses))
        losses_weighed = weighed(batch)
        source, driving = weighed.model.detect(batch.source), weighed.model.detect(batch.driving)
    off = (source.value - batch.truth.source.value).abs() + (driving.value - batch.truth.driving.value).abs()
    expected = (off.mean((0, 2)) * torch.tensor([3.0, 1.0, 3.0])).sum().item() / 7 / 2
    assert losses_weighed.terms["keypoints"].item() == pytest.approx(expected, rel=1e-5)
    with torch.no_grad():  # what both pictures' keypoints are off by alike costs nothing
        moving = objective(
            train_config(tiny_config(**names), focus_keypoints=2.0, **{**losses, "keypoint_motion": 6.0})
        )(batch)
    off = ((driving.value - source.value) - (batch.truth.driving.value - batch.truth.source.value)).abs()
    expected = 6 * (off.mean((0, 2)) * torch.tensor([3.0, 1.0, 3.0])).sum().item() / 7
    assert moving.terms["keypoint_motion"].item() == pytest.approx(expected, rel=1e-4)
    with pytest.raises(ConfigError, match="true keypoints are not the model's"):
        objective(train_config(tiny_config(num_kp=4), keypoint_motion=1.0))(batch)
    with pytest.raises(ConfigError, match="no such keypoint groups; got mouth"):
        objective(train_config(focus=5.0, **losses))(batch)
