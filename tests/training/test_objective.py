"""Each term of the objective against numpy, who gets gradients from it, and what autocast must not touch."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from motionkit.config import DiscriminatorConfig, ModelConfig
from motionkit.data.batch import Batch, Truth
from motionkit.errors import ConfigError
from motionkit.modules.discriminator import Discriminator, least_size
from motionkit.modules.first_order import FirstOrderModel
from motionkit.motion.movement import transfer
from motionkit.structures import Keypoints
from motionkit.training.adversarial import DiscriminatorObjective, Shown
from motionkit.training.close_ups import close_ups
from motionkit.training.config import DataConfig, LossConfig, TrainConfig
from motionkit.training.equivariance import Transform
from motionkit.training.objective import GeneratorObjective, Losses
from motionkit.training.perceptual import reduce
from motionkit.training.supervision import flow_loss, visibility_loss
from motionkit.training.teacher_forcing import moved_truly
from tests.conftest import seed_state, seeded_model, tiny_config

NOTHING: dict[str, Any] = {
    "network": "none",
    "equivariance_value": 0.0,
    "equivariance_jacobian": 0.0,
    "feature_matching": 0.0,
}
EVERYTHING: dict[str, Any] = {
    "network": "none",
    "pixel": 2.0,
    "gan": 1.0,
    "feature_matching": 10.0,
    "keypoints": 10.0,
    "keypoint_motion": 3.0,
    "jacobians": 4.0,
    "flow": 5.0,
    "visibility": 0.5,
}


def train_config(model: ModelConfig | None = None, *, lr_detector: float = 2e-4, **losses: Any) -> TrainConfig:
    loss = LossConfig(**{**NOTHING, **losses})
    return TrainConfig(model=model or tiny_config(), loss=loss, lr_detector=lr_detector)


def small_discriminator(**changes: Any) -> ModelConfig:
    part = {"block_expansion": 4, "num_blocks": 2, **changes}
    return tiny_config(discriminator=DiscriminatorConfig(**part))


def some_keypoints(batch: int, rng: torch.Generator) -> Keypoints:
    jacobian = torch.eye(2) + 0.2 * torch.randn(batch, 3, 2, 2, generator=rng)
    return Keypoints(torch.rand(batch, 3, 2, generator=rng) - 0.5, jacobian)


def some_batch(batch: int = 4, *, truth: bool = True, size: int = 32) -> Batch:
    rng = torch.Generator().manual_seed(1)
    pictures = torch.rand(2, batch, 3, size, size, generator=rng)
    if not truth:
        return Batch(pictures[0], pictures[1], torch.arange(batch))
    known = Truth(
        some_keypoints(batch, rng),
        some_keypoints(batch, rng),
        torch.rand(batch, 32, 32, 2, generator=rng) * 2 - 1,
        torch.rand(batch, 1, 32, 32, generator=rng),
        torch.arange(batch) != 2,
    )
    return Batch(pictures[0], pictures[1], torch.arange(batch), known)


def part(batch: Batch, index: slice) -> Batch:
    truth = batch.truth
    if truth is not None:
        truth = Truth(
            truth.source[index], truth.driving[index], truth.flow[index], truth.visibility[index], truth.has_flow[index]
        )
    return Batch(batch.source[index], batch.driving[index], batch.seed[index], truth)


def double(batch: Batch) -> Batch:
    truth = batch.truth
    if truth is not None:
        source, driving = truth.source.to(torch.float64), truth.driving.to(torch.float64)
        truth = Truth(source, driving, truth.flow.double(), truth.visibility.double(), truth.has_flow)
    return Batch(batch.source.double(), batch.driving.double(), batch.seed, truth)


def objective(config: TrainConfig, discriminator: Discriminator | None = None) -> GeneratorObjective:
    """Of a seeded model in eval mode, so that what it detects does not depend on the batch around it."""
    return GeneratorObjective(config, seeded_model(config.model), discriminator).eval()


def seeded_discriminator(config: ModelConfig) -> Discriminator:
    discriminator = Discriminator(config)
    seed_state(discriminator, "discriminator.")
    return discriminator


def l1(a: Tensor, b: Tensor) -> float:
    return float(np.abs(a.detach().numpy().astype(np.float64) - b.detach().numpy()).mean())


class Toy(nn.Module):
    """A discriminator of two scales whose outputs are known: realness 2·mean, maps the picture and its negative."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(2.0))
        self.seen: list[Keypoints] = []

    def forward(self, pyramid: dict[str, Tensor], keypoints: Keypoints) -> dict[str, tuple[list[Tensor], Tensor]]:
        self.seen.append(keypoints)
        return {
            key: ([image, -3 * image], self.gain * image.mean((1, 2, 3), keepdim=True))
            for key, image in pyramid.items()
        }


def test_pixel_and_keypoints_by_hand() -> None:
    config = train_config(pixel=2.0, keypoints=10.0, jacobians=4.0)
    run, batch = objective(config), some_batch()
    assert batch.truth is not None
    with torch.no_grad():
        losses = run(batch)
        source, driving = run.model.detect(batch.source), run.model.detect(batch.driving)
    true_source, true_driving = batch.truth.source, batch.truth.driving
    assert losses.terms.keys() == {"pixel", "keypoints", "jacobians"}
    expected = {
        "pixel": 2.0 * l1(losses.generated.image, batch.driving),
        "keypoints": 10.0 * (l1(source.value, true_source.value) + l1(driving.value, true_driving.value)) / 2,
        "jacobians": 4.0
        * (l1(source.jacobian, true_source.jacobian) + l1(driving.jacobian, true_driving.jacobian))
        / 2,
    }
    for name, value in expected.items():
        assert losses.terms[name].item() == pytest.approx(value, rel=1e-5), name
    assert losses.total.item() == pytest.approx(sum(expected.values()), rel=1e-5)


def test_the_perceptual_term_is_the_network_s() -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    run, batch = objective(train_config(network="efficientnet")), some_batch(truth=False)
    with torch.no_grad():
        losses = run(batch)
        expected = 0.0
        for scale in (1, 0.5, 0.25, 0.125):
            pairs = zip(
                *(run.perceptual(reduce(x, scale)) for x in (losses.generated.image, batch.driving)), strict=True
            )
            expected += sum(10 * l1(a, b) for a, b in pairs)
    assert losses.terms.keys() == {"perceptual"}
    assert losses.terms["perceptual"].item() == pytest.approx(expected, rel=1e-4)
    assert not any(name.startswith("perceptual") for name, p in run.named_parameters() if p.requires_grad)


def test_equivariance_by_hand() -> None:
    config = train_config(equivariance_value=3.0, equivariance_jacobian=7.0)
    run, batch = objective(config), some_batch(truth=False)
    with torch.no_grad():
        losses = run(batch)
        transform = Transform.random(batch.seed, sigma_affine=0.05, sigma_tps=0.005, points=5, like=batch.driving)
        driving = run.model.detect(batch.driving)
        moved = run.model.detect(transform.warp_images(batch.driving))
    value = 3 * l1(driving.value, transform.warp_points(moved.value))
    chain = np.linalg.inv(driving.jacobian.numpy()) @ (transform.jacobian(moved.value) @ moved.jacobian).numpy()
    assert losses.terms["equivariance_value"].item() == pytest.approx(value, rel=1e-4)
    assert losses.terms["equivariance_jacobian"].item() == pytest.approx(7 * np.abs(np.eye(2) - chain).mean(), rel=1e-4)


def test_equivariance_of_a_transform_that_moves_nothing_is_free() -> None:
    config = train_config(equivariance_value=10.0, equivariance_jacobian=10.0, sigma_affine=0.0, sigma_tps=0.0)
    losses = objective(config)(some_batch(truth=False))
    assert losses.total < 1e-3


def test_without_jacobians_their_terms_are_left_out() -> None:
    model = tiny_config(estimate_jacobian=False)
    losses = objective(train_config(model, **{**EVERYTHING, "gan": 0.0, "equivariance_jacobian": 10.0}))(some_batch())
    assert "equivariance_jacobian" not in losses.terms and "jacobians" not in losses.terms
    assert losses.total.isfinite() and losses.driving.jacobian is None


def test_perfect_predictions_cost_nothing() -> None:
    config = train_config(keypoints=10.0, jacobians=4.0, flow=5.0, pixel=1.0, true_keypoints=1.0)
    run, batch = objective(config), some_batch()
    with torch.no_grad():
        source, driving = run.model.detect(batch.source), run.model.detect(batch.driving)
        generated = run.model.generate(batch.source, source, driving)
        known = torch.ones(4, dtype=torch.bool)
        truth = Truth(source, driving, generated.flow, torch.ones(4, 1, 16, 16), known)
        losses = run(Batch(batch.source, generated.image, batch.seed, truth))
        # The driving picture is another now, and so are its keypoints; only the source's are exact.
        exact = run(Batch(batch.source, batch.driving, batch.seed, truth))
    assert losses.terms["pixel"] < 1e-6
    for name in ("keypoints", "jacobians", "flow"):
        assert exact.terms[name] < 1e-5, name


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


def test_adversarial_terms_from_known_outputs() -> None:
    config = train_config(small_discriminator(scales=(1, 0.5)), gan=0.3, feature_matching=10.0)
    toy = Toy()
    run, batch = objective(config, toy), some_batch()  # type: ignore[arg-type]
    losses = run(batch)
    image, real = losses.generated.image.detach(), batch.driving
    gan = sum(((1 - 2 * x.mean((1, 2, 3))) ** 2).mean().item() for x in (image, reduce(image, 0.5)))
    matching = sum((1 + 3) * l1(reduce(image, s), reduce(real, s)) for s in (1, 0.5))
    assert losses.terms["gan"].item() == pytest.approx(0.3 * gan, rel=1e-5)
    assert losses.terms["feature_matching"].item() == pytest.approx(10 * matching, rel=1e-5)
    losses.total.backward()
    assert toy.gain.grad is None and toy.gain.requires_grad
    assert run.model.generator.final.weight.grad is not None
    assert not any(keypoints.value.requires_grad for keypoints in toy.seen)

    judge = DiscriminatorObjective(config, toy)  # type: ignore[arg-type]
    loss = judge(losses.shown)
    expected = sum(
        ((1 - 2 * reduce(real, s).mean((1, 2, 3))) ** 2).mean().item()
        + ((2 * reduce(image, s).mean((1, 2, 3))) ** 2).mean().item()
        for s in (1, 0.5)
    )
    assert loss.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("use_kp", [False, True])
@pytest.mark.parametrize("sn", [False, True])
def test_real_discriminators_take_turns(use_kp: bool, sn: bool) -> None:
    model = small_discriminator(use_kp=use_kp, sn=sn, scales=(1, 0.5))
    config = train_config(model, gan=1.0, feature_matching=10.0)
    discriminator = seeded_discriminator(model).eval()
    run, batch = objective(config, discriminator), some_batch(truth=False)
    losses = run(batch)
    losses.total.backward()
    # The generator's turn leaves the discriminator alone, and the other way round.
    assert all(p.grad is None and p.requires_grad for p in discriminator.parameters())
    before = [p.grad.clone() for p in run.model.parameters() if p.grad is not None]
    judge = DiscriminatorObjective(config, discriminator)
    loss = judge(losses.shown)
    loss.backward()
    after = [p.grad for p in run.model.parameters() if p.grad is not None]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert all(p.grad is not None and p.grad.isfinite().all() for p in discriminator.parameters())
    other = Keypoints(losses.driving.value + 0.3, losses.driving.jacobian)
    moved = judge(Shown(batch.driving, losses.generated.image, other))
    assert (moved.item() == loss.item()) != use_kp
    # No parameter of the discriminator's is this module's: it is wrapped and saved on its own.
    assert {*run.state_dict()} == {f"model.{key}" for key in run.model.state_dict()}


def test_close_ups_by_hand() -> None:
    """A pixel's value tells its place; corners stay inside the picture; keypoints lie on the same pixels."""
    places = torch.arange(2 * 20 * 30.0).reshape(2, 1, 20, 30)
    #                       middle of the picture   upper left corner    lower right corner
    value = torch.tensor([[[1 / 29, 1 / 19], [-1.0, -1.0], [-0.8, -0.9], [1.0, 1.0]]]).repeat(2, 1, 1)
    jacobian = torch.rand(2, 4, 2, 2)
    cut, keypoints = close_ups([places, -places], Keypoints(value, jacobian), [[0], [1, 2], [3]], 0.4)
    assert [tuple(one.shape) for one in cut] == [(6, 1, 8, 8)] * 2 and torch.equal(cut[0], -cut[1])
    # The middle pixel (15, 10) has four of the eight columns before it or three, as rounding has it.
    corners = [(int(one[0, 0, 0]) % 600 % 30, int(one[0, 0, 0]) % 600 // 30) for one in cut[0]]
    assert corners[:3] == corners[3:] and corners[0][0] in (11, 12) and corners[0][1] in (6, 7)
    assert corners[1:3] == [(0, 0), (22, 12)]
    assert torch.equal(cut[0][4, 0], places[1, 0, :8, :8]) and torch.equal(cut[0][2, 0], places[0, 0, 12:, 22:])
    pixels = (keypoints.value + 1) / 2 * 7
    for square, (x, y) in enumerate(corners):
        for point, (column, row) in enumerate([(15.0, 10.0), (0.0, 0.0), (2.9, 0.95), (29.0, 19.0)]):
            assert torch.allclose(pixels[square, point], torch.tensor([column - x, row - y]), atol=1e-4)
    assert torch.equal(keypoints.jacobian[4], jacobian[1])


def test_a_discriminator_of_close_ups_sees_true_keypoints_and_no_more() -> None:
    names = {"keypoint_names": ("a", "b", "c"), "keypoint_groups": {"mouth": ("a", "c"), "eyes": ("b",)}}
    losses = {"gan": 1.0, "feature_matching": 0.0, "close_ups": ("eyes", "mouth"), "close_up": 0.5}
    config = train_config(small_discriminator(use_kp=True).replace(**names), **losses)
    assert "keypoints" in config.loss.truth
    run, batch = objective(config, seeded_discriminator(config.model)), some_batch()
    got = run(batch)
    assert batch.truth is not None and got.shown is not None and got.generated is not None
    pictures = [batch.driving, got.generated.image]
    (real, made), keypoints = close_ups(pictures, batch.truth.driving, [[1], [0, 2]], 0.5)
    assert torch.equal(got.shown.real, real) and torch.equal(got.shown.made, made)
    assert torch.equal(got.shown.keypoints.value, keypoints.value) and real.shape == (8, 3, 16, 16)
    # Outside of the squares pictures get no gradient from it.
    inside = torch.zeros_like(batch.driving, requires_grad=True)
    close_ups([inside], batch.truth.driving, [[1], [0, 2]], 0.5)[0][0].sum().backward()
    got.generated.image.retain_grad()
    got.terms["gan"].backward()
    pulled, reached = got.generated.image.grad != 0, inside.grad > 0
    assert not (pulled & ~reached).any() and pulled[reached].float().mean() > 0.5
    with pytest.raises(ConfigError, match="Close-ups need true keypoints; got data without truth"):
        run(some_batch(truth=False))
    plain = small_discriminator()
    made = objective(train_config(plain, **losses), seeded_discriminator(plain))
    with pytest.raises(ConfigError, match="no such keypoint groups; got eyes, mouth"):
        made(batch)
    other = config.model.replace(num_kp=4, keypoint_names=("a", "b", "c", "d"))
    made = objective(train_config(other, **losses), seeded_discriminator(other))
    with pytest.raises(ConfigError, match="true keypoints are not the model's; got 3 of them"):
        made(batch)
    with pytest.raises(ConfigError, match="close_up is out of range; got 0"):
        LossConfig(close_up=0.0)


@pytest.mark.parametrize("blocks", [1, 2, 3, 4])
def test_pictures_too_small_for_a_discriminator_are_refused(blocks: int) -> None:
    part = DiscriminatorConfig(block_expansion=4, num_blocks=blocks)
    least, discriminator = least_size(part), Discriminator(tiny_config(discriminator=part))
    _, realness = discriminator({"1": torch.rand(1, 3, least, least)})["1"]
    assert realness.isfinite().all()
    with pytest.raises((RuntimeError, ValueError)):
        discriminator({"1": torch.rand(1, 3, least - 1, least - 1)})
    config = train_config(tiny_config(discriminator=part), gan=1.0, close_ups=("mouth",), close_up=(least - 1) / 64)
    with pytest.raises(ConfigError, match=f"too small for it; got {least - 1} pixels; expected at least {least}"):
        objective(config.replace(data=DataConfig(size=64)), discriminator)


def test_a_discriminator_learns_to_tell() -> None:
    model = small_discriminator()
    config = train_config(model, gan=1.0)
    judge = DiscriminatorObjective(config, Discriminator(model))
    optimizer = torch.optim.Adam(judge.parameters(), 1e-2)
    real, fake, keypoints = torch.rand(4, 3, 32, 32), torch.full((4, 3, 32, 32), 0.5), Keypoints(torch.zeros(4, 3, 2))
    for _ in range(40):
        optimizer.zero_grad()
        loss = judge(Shown(real, fake, keypoints))
        loss.backward()
        optimizer.step()
    assert loss < 0.1


def test_true_keypoints_for_a_share_of_the_pairs() -> None:
    batch = some_batch()
    assert batch.truth is not None
    with torch.no_grad():
        predicted = objective(train_config(pixel=1.0))(part(batch, slice(4)))
        all_true = objective(train_config(keypoints=1.0, true_keypoints=1.0))(batch)
        none_true = objective(train_config(keypoints=1.0, true_keypoints=0.0))(batch)
    assert torch.equal(all_true.source.value, batch.truth.source.value)
    assert torch.equal(all_true.driving.jacobian, batch.truth.driving.jacobian)
    # Without a weight for keypoints the truth is not asked for: the published recipe.
    torch.testing.assert_close(predicted.source.value, none_true.source.value)


def test_who_sees_true_keypoints_depends_on_the_seed_alone() -> None:
    run, batch = objective(train_config(keypoints=1.0, true_keypoints=0.4)), some_batch()
    assert batch.truth is not None

    def chosen(run_on: Batch) -> list[bool]:
        losses = run(run_on)
        assert run_on.truth is not None
        return (losses.source.value == run_on.truth.source.value).flatten(1).all(1).tolist()

    with torch.no_grad():
        together = [chosen(dataclasses.replace(batch, seed=torch.arange(4) + 4 * i)) for i in range(50)]
        torch.manual_seed(123)
        alone = [chosen(part(dataclasses.replace(batch, seed=torch.arange(4)), slice(i, i + 1)))[0] for i in range(4)]
    assert alone == together[0]
    assert 0.3 < np.mean(together) < 0.5


def test_true_motion_moves_predicted_points_as_relative_motion_does() -> None:
    batch = some_batch()
    assert batch.truth is not None
    with torch.no_grad():
        predicted = objective(train_config(keypoints=1.0, true_keypoints=0.0))(batch)
        moved = objective(train_config(keypoints=1.0, true_keypoints=0.0, true_motion=1.0))(batch)
    for i in range(4):
        source, *truth = (kp[i : i + 1] for kp in (predicted.source, batch.truth.driving, batch.truth.source))
        wanted = transfer(source, *truth, relative=True, adapt_scale=False)
        torch.testing.assert_close(moved.driving[i : i + 1].value, wanted.value)
        torch.testing.assert_close(moved.driving[i : i + 1].jacobian, wanted.jacobian)
    assert torch.equal(moved.source.value, predicted.source.value)


def test_true_motion_by_hand() -> None:
    quarter, twice, flat = [[0.0, -1.0], [1.0, 0.0]], [[2.0, 0.0], [0.0, 2.0]], [[1.0, 0.0], [0.0, 0.0]]
    predicted = Keypoints(torch.tensor([[[0.1, 0.2], [0.0, 0.0]]]), torch.tensor([[quarter, quarter]]))
    truth = Truth(
        Keypoints(torch.tensor([[[0.5, 0.5], [0.0, 0.0]]]), torch.tensor([[twice, flat]])),
        Keypoints(torch.tensor([[[0.6, 0.25], [0.0, 0.0]]]), torch.tensor([[quarter, quarter]])),
        torch.zeros(1, 2, 2, 2), torch.zeros(1, 1, 2, 2), torch.tensor([True]),
    )  # fmt: skip
    moved = moved_truly(predicted, truth)
    torch.testing.assert_close(moved.value[0], torch.tensor([[0.2, -0.05], [0.0, 0.0]]))
    assert moved.jacobian is not None
    # A quarter turn and half the size, of a quarter turn: half a turn and half the size. The singular frame: unmoved.
    torch.testing.assert_close(moved.jacobian[0], torch.tensor([[[-0.5, 0.0], [0.0, -0.5]], quarter]))


def test_shares_of_true_keypoints_and_true_motion() -> None:
    shares = {"true_keypoints": 0.2, "true_motion": 0.5}
    run, batch = objective(train_config(keypoints=1.0, **shares)), some_batch()
    assert batch.truth is not None
    truth, counts = batch.truth, np.zeros(3)
    with torch.no_grad():
        predicted = objective(train_config(keypoints=1.0, true_keypoints=0.0))(batch)
        for i in range(50):
            seen = run(dataclasses.replace(batch, seed=torch.arange(4) + 4 * i))
            true = (seen.source.value == truth.source.value).flatten(1).all(1)
            plain = (seen.driving.value == predicted.driving.value).flatten(1).all(1)
            counts += [int(true.sum()), int((~true & ~plain).sum()), int(plain.sum())]
    np.testing.assert_allclose(counts / 200, [0.2, 0.5, 0.3], atol=0.08)


def gradient_norms(run: GeneratorObjective, losses: Losses) -> tuple[float, float]:
    """Of detector and generator."""
    run.zero_grad()
    losses.total.backward()
    parts = (run.model.kp_detector, run.model.generator)
    return tuple(sum(float(p.grad.norm()) for p in net.parameters() if p.grad is not None) for net in parts)  # type: ignore[return-value]


@pytest.mark.parametrize("shares", [(0.0, 0.0), (0.5, 0.0), (1.0, 0.0), (0.0, 1.0)])
def test_pictures_do_not_pull_a_supervised_detector(shares: tuple[float, float]) -> None:
    config = train_config(pixel=1.0, keypoints=1e-30, true_keypoints=shares[0], true_motion=shares[1])
    run, batch = objective(config), some_batch()
    detector, generator = gradient_norms(run, run(batch))
    assert detector < 1e-20 and generator > 1e-4


def test_pictures_pull_an_unsupervised_detector() -> None:
    for batch in (some_batch(), some_batch(truth=False)):
        run = objective(train_config(pixel=1.0))
        detector, generator = gradient_norms(run, run(batch))
        assert detector > 1e-4 and generator > 1e-4


def test_a_frozen_detector_stays_as_it_is() -> None:
    config = train_config(pixel=1.0, equivariance_value=10.0, lr_detector=0.0)
    run = GeneratorObjective(config, seeded_model(config.model)).train()
    before = {key: value.clone() for key, value in run.model.kp_detector.state_dict().items()}
    losses = run(some_batch(truth=False))
    losses.total.backward()
    assert losses.terms.keys() == {"pixel"}
    assert run.model.generator.training and not run.model.kp_detector.training
    assert all(torch.equal(before[key], value) for key, value in run.model.kp_detector.state_dict().items())
    assert all(p.grad is None for p in run.model.kp_detector.parameters())
    assert run.model.generator.final.weight.grad is not None


def test_larger_pictures_for_models_that_blend() -> None:
    model = tiny_config(blend_warped=True, picture_size=64)
    losses = objective(train_config(model, pixel=1.0, flow=1.0, equivariance_value=1.0))(some_batch(size=64))
    assert losses.generated.image.shape == (4, 3, 64, 64) and losses.total.isfinite()


def test_users_mistakes() -> None:
    with pytest.raises(ConfigError, match="needs a discriminator"):
        objective(train_config(gan=1.0))
    batch = some_batch()
    with pytest.raises(ConfigError, match="No loss takes part"):
        objective(train_config(keypoints=1.0))(some_batch(truth=False))
    with pytest.raises(ConfigError, match="got 3 of them; expected num_kp 4"):
        objective(train_config(tiny_config(num_kp=4), keypoints=1.0))(batch)


def test_a_batch_is_the_mean_of_its_parts() -> None:
    """What makes several processes equal to one; batch norms are frozen here."""
    model = small_discriminator(use_kp=True, scales=(1, 0.5))
    config = train_config(model, **{**EVERYTHING, "equivariance_value": 10.0, "equivariance_jacobian": 10.0})
    run = objective(config, seeded_discriminator(model).double()).double()
    batch = double(some_batch())

    def gradient(parts: list[Batch]) -> tuple[float, list[Tensor]]:
        run.zero_grad()
        total = 0.0
        for one in parts:
            loss = run(one).total / len(parts)
            loss.backward()
            total += loss.item()
        return total, [p.grad.clone() for p in run.model.parameters() if p.grad is not None]

    whole, whole_gradient = gradient([batch])
    parted, parted_gradient = gradient([part(batch, slice(0, 2)), part(batch, slice(2, 4))])
    assert whole == pytest.approx(parted, rel=1e-12)
    assert len(whole_gradient) == len(parted_gradient) == len(list(run.model.parameters()))
    for a, b in zip(whole_gradient, parted_gradient, strict=True):
        torch.testing.assert_close(a, b, atol=1e-10, rtol=1e-8)


@pytest.mark.parametrize("truth", [False, True])
def test_gradients_of_everything(truth: bool) -> None:
    """Against finite differences in float64, with respect to parameters that every path runs through."""
    # Differences see through what is detached on purpose: predicted keypoints beside the truth, the discriminator's.
    model = small_discriminator(use_kp=False)
    losses = {**EVERYTHING, "equivariance_value": 10.0, "equivariance_jacobian": 10.0, "true_keypoints": 1.0}
    config = train_config(model, **losses)
    run = objective(config, seeded_discriminator(model).double()).double()
    batch = double(part(some_batch(truth=truth), slice(2)))
    names = [
        # Not the last bias: it is the same at every place, which a softmax over places does not see.
        "model.kp_detector.predictor.decoder.up_blocks.1.norm.bias",
        "model.kp_detector.jacobian.bias",
        "model.generator.dense_motion_network.mask.bias",
        "model.generator.dense_motion_network.occlusion.bias",
        "model.generator.final.bias",
    ]
    inputs = [dict(run.named_parameters())[name] for name in names]

    def total(*values: Tensor) -> Tensor:
        return torch.func.functional_call(run, dict(zip(names, values, strict=True)), (batch,)).total

    assert torch.autograd.gradcheck(total, inputs, eps=1e-7, atol=1e-4, rtol=1e-3)


def bfloat16_steps(x: Tensor) -> Tensor:
    """How far each number is from its neighbour in bfloat16."""
    return (x - x.bfloat16().float()).abs()


@pytest.fixture
def mixed() -> Iterator[None]:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        yield


def test_places_stay_exact_under_autocast() -> None:
    config = tiny_config()
    model, batch = seeded_model(config), some_batch(16, truth=False)
    with torch.no_grad():
        exact = model.detect(batch.driving)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            mixed = model.detect(batch.driving)
            generated = model.generate(batch.source, exact[:16], mixed)
        plain = model.generate(batch.source, exact, mixed)
    for a, b in ((exact.value, mixed.value), (exact.jacobian, mixed.jacobian)):
        assert b.dtype == torch.float32
        torch.testing.assert_close(b, a, atol=2e-2, rtol=0)
        assert (bfloat16_steps(b) > 0).float().mean() > 0.9  # not on bfloat16's raster
    for name in ("image", "flow", "mask", "occlusion", "deformed"):
        value = getattr(generated, name)
        assert value.dtype == torch.float32, name
        torch.testing.assert_close(value, getattr(plain, name), atol=0.1, rtol=0)
        assert (bfloat16_steps(value) > 0).float().mean() > 0.9, name


def test_equal_keypoints_move_nothing_under_autocast(mixed: None) -> None:
    model = seeded_model(tiny_config())
    keypoints = some_keypoints(1, torch.Generator().manual_seed(3))
    with torch.no_grad():
        flow = model.generate(torch.rand(1, 3, 32, 32), keypoints, keypoints).flow
    ramp = torch.linspace(-1, 1, 16)
    assert (flow[0, 0, :, 0] - ramp).abs().max() < 1e-6 and (flow[0, :, 0, 1] - ramp).abs().max() < 1e-6


def test_losses_under_autocast_are_float32_and_near() -> None:
    model = small_discriminator(use_kp=True, sn=True)
    config = train_config(model, **{**EVERYTHING, "equivariance_value": 10.0, "equivariance_jacobian": 10.0})
    run, batch = objective(config, seeded_discriminator(model).eval()), some_batch()
    exact = run(batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = run(batch)
    rough.total.backward()
    assert len(exact.terms) == 10
    for name, value in rough.terms.items():
        assert value.dtype == torch.float32
        assert value.item() == pytest.approx(exact.terms[name].item(), rel=0.05, abs=0.05), name
    assert all(p.grad is not None and p.grad.isfinite().all() for p in run.model.parameters())


def test_a_few_steps_learn() -> None:
    torch.manual_seed(0)
    model = small_discriminator()
    config = train_config(model, pixel=1.0, keypoints=10.0, jacobians=4.0, flow=1.0, visibility=0.1)
    run, batch = GeneratorObjective(config, FirstOrderModel(model)), some_batch()
    optimizer = torch.optim.Adam(run.parameters(), 5e-3)
    totals = []
    for _ in range(15):
        optimizer.zero_grad()
        losses = run(batch)
        losses.total.backward()
        optimizer.step()
        totals.append(losses.total.item())
    assert totals[-1] < 0.8 * totals[0]
