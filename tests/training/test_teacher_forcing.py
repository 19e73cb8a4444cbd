"""True keypoints and true motion in place of predicted ones, for a share of the pairs."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from motionkit.data.batch import Batch, Truth
from motionkit.motion.movement import transfer
from motionkit.structures import Keypoints
from motionkit.training.objective import GeneratorObjective, Losses
from motionkit.training.teacher_forcing import moved_truly
from tests.support.objectives import objective, part, some_batch, train_config


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
