"""Adversarial terms, from discriminators whose outputs are known, and close-ups."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from motionkit.config import DiscriminatorConfig
from motionkit.errors import ConfigError
from motionkit.modules.discriminator import Discriminator, least_size
from motionkit.structures import Keypoints
from motionkit.training.adversarial import DiscriminatorObjective, Shown
from motionkit.training.close_ups import close_ups
from motionkit.training.config import DataConfig, LossConfig
from motionkit.training.perceptual import reduce
from tests.support.networks import tiny_config
from tests.support.objectives import l1, objective, seeded_discriminator, small_discriminator, some_batch, train_config


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
    run = objective(train_config(plain, **losses), seeded_discriminator(plain))
    with pytest.raises(ConfigError, match="no such keypoint groups; got eyes, mouth"):
        run(batch)
    other = config.model.replace(num_kp=4, keypoint_names=("a", "b", "c", "d"))
    run = objective(train_config(other, **losses), seeded_discriminator(other))
    with pytest.raises(ConfigError, match="true keypoints are not the model's; got 3 of them"):
        run(batch)
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
