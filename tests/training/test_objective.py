"""The objective as a whole: its terms by hand, who gets gradients from it, and that it learns."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
import torch
from torch import Tensor

from motionkit.config.networks import EYES, MOUTH
from motionkit.data.batch import Batch, Truth
from motionkit.errors import ConfigError
from motionkit.modules.first_order import FirstOrderModel
from motionkit.training.config import TrainConfig
from motionkit.training.equivariance import Transform
from motionkit.training.objective import GeneratorObjective
from motionkit.training.perceptual import reduce
from tests.support.networks import seeded_model, tiny_config
from tests.support.objectives import (
    EVERY_TERM,
    double,
    l1,
    objective,
    part,
    seeded_discriminator,
    small_discriminator,
    some_batch,
    train_config,
)


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


def test_a_keypoint_outside_the_picture_is_wanted_at_its_edge() -> None:
    run, batch = objective(train_config(keypoints=1.0, keypoint_motion=1.0)), some_batch()
    assert batch.truth is not None
    batch.truth.source.value[:, 0, 1], batch.truth.driving.value[:, 0, 1] = 1.3, 1.8
    with torch.no_grad():
        terms = run(batch).terms
        batch.truth.source.value[:, 0, 1] = batch.truth.driving.value[:, 0, 1] = 1.0
        assert run(batch).terms == terms


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
    losses = objective(train_config(model, **{**EVERY_TERM, "gan": 0.0, "equivariance_jacobian": 10.0}))(some_batch())
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


def test_keypoints_that_are_not_to_learn_are_found_as_before() -> None:
    """To the last bit, also after steps of Adam, while those of the group move."""
    names = {"keypoint_names": ("a", "b", "c"), "keypoint_groups": {"new": ("b",), "rest": ("a", "c")}}
    config = train_config(tiny_config(**names), keypoints=10.0, jacobians=4.0).replace(detector_groups=("new",))
    run, batch = GeneratorObjective(config, seeded_model(config.model)).train(), some_batch()
    detector = run.model.kp_detector
    before = detector.eval()(batch.source)
    optimizer = torch.optim.Adam(detector.parameters(), lr=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        run.train()(batch).total.backward()
        optimizer.step()
    after = detector(batch.source)
    assert not detector.training
    for one, other in ((before.value, after.value), (before.jacobian, after.jacobian)):
        assert torch.equal(one[:, [0, 2]], other[:, [0, 2]])
        assert (one[:, 1] - other[:, 1]).abs().max() > 1e-3


def three_steps(config: TrainConfig) -> dict[str, Tensor]:
    """What three steps of Adam change in a generator that is kept in part: name to where."""
    run, batch = GeneratorObjective(config, seeded_model(config.model)).train(), some_batch()
    generator = run.model.generator
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    optimizer = torch.optim.Adam(generator.parameters(), lr=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        run.train()(batch).total.backward()
        optimizer.step()
    assert not any(part.training for part in generator.modules())
    after = generator.state_dict().items()
    return {name: before[name] != value for name, value in after if not torch.equal(before[name], value)}


def test_a_decoder_learns_alone() -> None:
    config = train_config(pixel=1.0, flow=1.0, visibility=1.0, lr_detector=0.0).replace(generator_part="decoder")
    learned = {name.partition(".")[0] for name in three_steps(config)}
    assert learned == {"first", "down_blocks", "bottleneck", "up_blocks", "final"}, "and no motion"


def test_what_paints_mouths_learns_alone() -> None:
    names = (*MOUTH, *chain(*EYES))
    model = tiny_config(num_kp=len(names), keypoint_names=names, mouth="close")
    config = train_config(model, pixel=1.0, lr_detector=0.0).replace(generator_part="mouth")
    run, batch = GeneratorObjective(config, seeded_model(model)).train(), some_batch(truth=False)
    generator = run.model.generator
    norms = [part for part in generator.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    assert {norm.training for norm in norms} == {False, True}, "its own statistics are learned"
    assert {id(norm) for norm in norms if norm.training} < {id(part) for part in generator.mouth.modules()}
    run(batch).total.backward()
    learns = {name.partition(".")[0] for name, part in generator.named_parameters() if part.grad is not None}
    assert learns <= {"mouth"}
    with pytest.raises(ConfigError, match="no such part to train; got generator_part mouth"):
        train_config(pixel=1.0).replace(generator_part="mouth")


def test_of_a_reduced_skip_what_is_seen_of_the_group_learns() -> None:
    names = {"keypoint_names": ("a", "b", "c"), "keypoint_groups": {"new": ("b",), "rest": ("a", "c")}}
    dense_motion = replace(tiny_config().dense_motion, skip_features=3)
    config = train_config(tiny_config(**names, dense_motion=dense_motion), flow=100.0, visibility=1.0, lr_detector=0.0)
    learned = three_steps(config.replace(generator_groups=("new",)))
    network = "dense_motion_network."
    assert {name.removeprefix(network) for name in learned} == {
        "hourglass.encoder.down_blocks.0.conv.weight", "skip.weight", "mask.weight", "mask.bias"
    }  # fmt: skip
    planes = learned[network + "skip.weight"].flatten(1).any(0)
    assert torch.arange(16)[planes].tolist() == [8, 9, 10, 11], "of background, a, b and c what is seen of b"


def test_what_the_generator_is_not_to_learn_stays_as_it_is() -> None:
    """To the last bit, also after steps of Adam: all but what is seen of the group's keypoints."""
    names = {"keypoint_names": ("a", "b", "c"), "keypoint_groups": {"new": ("b",), "rest": ("a", "c")}}
    terms = {"flow": 100.0, "visibility": 1.0, "warped": 1.0, "pixel": 1.0, "lr_detector": 0.0}
    config = train_config(tiny_config(**names), **terms).replace(generator_groups=("new",))
    learned = {name.removeprefix("dense_motion_network."): where for name, where in three_steps(config).items()}
    assert set(learned) == {
        "hourglass.encoder.down_blocks.0.conv.weight", "mask.weight", "mask.bias", "occlusion.weight"
    }  # fmt: skip
    # Of background, a, b, c it is b: four planes of each are seen, the picture's three and the heatmap.
    assert torch.arange(4)[learned["mask.bias"]].tolist() == [2]
    for name in ("hourglass.encoder.down_blocks.0.conv.weight", "occlusion.weight"):
        planes = learned[name].flatten(2).any(2).any(0)
        assert torch.arange(len(planes))[planes].tolist() == [len(planes) - 8 + n for n in range(4)]
    seen = learned["mask.weight"].flatten(2).any(2)  # rows are masks
    assert (
        seen[2, :-8].any()
        and not seen[[0, 1, 3], :-8].any()
        and not seen[[0, 1, 3], -4:].any()
        and seen[:, -8:-4].all()
    )


@pytest.mark.parametrize("blend", [False, True])
def test_motion_alone_leaves_the_decoder_out(blend: bool) -> None:
    """The motion is what it is with a picture, the picture is the warped source, and only the motion learns."""
    model = tiny_config(blend_warped=blend)
    run, whole = (
        objective(train_config(model, lr_detector=0.0, flow=1.0, visibility=1.0, warped=1.0, pixel=pixel))
        for pixel in (0.0, 1.0)
    )
    batch = some_batch()
    losses, with_picture = run(batch), whole(batch)
    assert losses.terms.keys() == {"flow", "visibility", "warped"}
    assert all(torch.equal(losses.terms[name], with_picture.terms[name]) for name in losses.terms)
    assert losses.generated is not None and torch.equal(losses.generated.image, losses.generated.deformed)
    losses.total.backward()
    learning = {name for name, p in run.model.generator.named_parameters() if p.grad is not None}
    assert learning == {n for n, _ in run.model.generator.named_parameters() if n.startswith("dense_motion_network.")}


def test_a_batch_is_the_mean_of_its_parts() -> None:
    """What makes several processes equal to one; batch norms are frozen here."""
    model = small_discriminator(use_kp=True, scales=(1, 0.5))
    config = train_config(model, **{**EVERY_TERM, "equivariance_value": 10.0, "equivariance_jacobian": 10.0})
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
    losses = {**EVERY_TERM, "equivariance_value": 10.0, "equivariance_jacobian": 10.0, "true_keypoints": 1.0}
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
