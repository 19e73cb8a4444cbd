"""The random transform of the equivariance loss, against its formula, autograd and pictures that were moved by it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from motionkit.data.batch import sample_rng
from motionkit.modules.grid import gaussian, identity_grid
from motionkit.structures import Keypoints
from motionkit.training.equivariance import Transform, equivariance_jacobian, equivariance_value

SIGMAS = {"sigma_affine": 0.05, "sigma_tps": 0.005, "points": 5}


def some_transform(batch: int = 3, *, tps: float = 0.05) -> Transform:
    like = torch.zeros((), dtype=torch.float64)
    return Transform.random(torch.arange(batch) + 7, sigma_affine=0.1, sigma_tps=tps, points=5, like=like)


def identity(batch: int, *, points: int = 5) -> Transform:
    return Transform(torch.eye(2, 3).expand(batch, 2, 3), torch.zeros(batch, points**2))


def some_points(batch: int, number: int = 6) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(1).uniform(-0.9, 0.9, (batch, number, 2)))


def some_keypoints(batch: int, seed: int) -> Keypoints:
    rng = np.random.default_rng(seed)
    jacobian = np.eye(2) + 0.2 * rng.standard_normal((batch, 6, 2, 2))
    return Keypoints(torch.from_numpy(rng.uniform(-0.9, 0.9, (batch, 6, 2))), torch.from_numpy(jacobian))


def test_points_move_as_the_formula_says() -> None:
    affine = np.array([[1.1, 0.2, -0.3], [0.0, 0.9, 0.4]])
    weights = np.array([0.1, -0.2, 0.3, 0.4])
    x, y = 0.25, -0.5
    offset = 0.0
    for weight, (cx, cy) in zip(weights, [(-1, -1), (1, -1), (-1, 1), (1, 1)], strict=True):
        r = abs(x - cx) + abs(y - cy)
        offset += weight * r * r * np.log(r + 1e-6)
    expected = [1.1 * x + 0.2 * y - 0.3 + offset, 0.9 * y + 0.4 + offset]
    moved = Transform(torch.from_numpy(affine)[None], torch.from_numpy(weights)[None]).warp_points(
        torch.tensor([[[x, y]]], dtype=torch.float64)
    )
    np.testing.assert_allclose(moved[0, 0].numpy(), expected, rtol=1e-12)


def test_jacobian_is_the_derivative() -> None:
    transform, points = some_transform(), some_points(3)
    closed = transform.jacobian(points)
    full = torch.func.jacrev(transform.warp_points)(points)  # B n 2 B n 2
    own = torch.einsum("bnibnj->bnij", full)
    torch.testing.assert_close(closed, own, atol=1e-12, rtol=0)
    for axis in range(2):
        step = torch.zeros(2, dtype=torch.float64)
        step[axis] = 1e-6
        slope = (transform.warp_points(points + step) - transform.warp_points(points - step)) / 2e-6
        torch.testing.assert_close(closed[..., axis], slope, atol=1e-7, rtol=0)


def test_jacobian_is_finite_at_a_control_point() -> None:
    at_control = torch.zeros(3, 1, 2, dtype=torch.float64)
    assert some_transform().jacobian(at_control).isfinite().all()


def test_draws_belong_to_the_sample() -> None:
    like = torch.zeros(())
    together = Transform.random(torch.tensor([5, 6, 2**62 + 1]), **SIGMAS, like=like)
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002  # the global state must not matter
    alone = Transform.random(torch.tensor([6]), **SIGMAS, like=like)
    assert torch.equal(together.affine[1:2], alone.affine) and torch.equal(together.weights[1:2], alone.weights)
    assert not torch.equal(together.affine[0], together.affine[1])
    assert sample_rng(3, purpose=1).random() != sample_rng(3, purpose=2).random()
    assert sample_rng(-3, purpose=1).random() == sample_rng(-3, purpose=1).random()


def test_noise_has_the_asked_size() -> None:
    many = Transform.random(torch.arange(2000), **SIGMAS, like=torch.zeros(()))
    noise = many.affine - torch.eye(2, 3)
    assert noise.std() == pytest.approx(0.05, rel=0.03) and abs(noise.mean()) < 2e-3
    assert many.weights.std() == pytest.approx(0.005, rel=0.03)
    assert many.weights.shape == (2000, 25)


def test_identity_moves_nothing() -> None:
    images, points = torch.rand(2, 3, 16, 16), some_points(2).float()
    torch.testing.assert_close(identity(2).warp_images(images), images, atol=1e-5, rtol=0)
    torch.testing.assert_close(identity(2).warp_points(points), points)
    torch.testing.assert_close(identity(2).jacobian(points), torch.eye(2).expand(2, 6, 2, 2))


def test_shift_by_a_pixel_reflects_the_border() -> None:
    images = torch.arange(5.0).expand(1, 1, 5, 5)
    shift = torch.tensor([[[1, 0, 2 / 4], [0, 1, 0]]])
    moved = Transform(shift, torch.zeros(1, 25)).warp_images(images)
    torch.testing.assert_close(moved[0, 0, 2], torch.tensor([1.0, 2, 3, 4, 3]))


def test_pictures_and_points_move_together() -> None:
    """A blob at p_D in a picture is seen at the p_T with T(p_T) = p_D in the transformed picture."""
    like = torch.zeros((), dtype=torch.float64)
    transform = Transform.random(torch.arange(4), sigma_affine=0.05, sigma_tps=0.005, points=5, like=like)
    grid = identity_grid(128, 128, like=like)
    points = torch.tensor([[[0.2, -0.3]]], dtype=torch.float64).expand(4, 1, 2)
    moved = transform.warp_images(gaussian(points, grid, 0.002))
    seen = torch.einsum("bkhw,ohwc->bkc", moved, grid) / moved.sum((2, 3))[..., None]
    torch.testing.assert_close(transform.warp_points(seen), points, atol=2e-3, rtol=0)
    assert (seen - points).abs().max() > 0.02  # and it did move


def test_losses_by_hand() -> None:
    transform = some_transform()
    driving, transformed = some_keypoints(3, 1), some_keypoints(3, 2)
    assert driving.jacobian is not None and transformed.jacobian is not None
    moved = transform.warp_points(transformed.value).numpy()
    value = np.abs(driving.value.numpy() - moved).mean()
    chain = np.linalg.inv(driving.jacobian.numpy()) @ transform.jacobian(transformed.value).numpy()
    jacobian = np.abs(np.eye(2) - chain @ transformed.jacobian.numpy()).mean()
    assert equivariance_value(driving, transformed, transform).item() == pytest.approx(value, rel=1e-12)
    assert equivariance_jacobian(driving, transformed, transform).item() == pytest.approx(jacobian, rel=1e-12)


def test_equivariant_keypoints_cost_nothing() -> None:
    transform, transformed = some_transform(), some_keypoints(3, 2)
    assert transformed.jacobian is not None
    driving = Keypoints(
        transform.warp_points(transformed.value), transform.jacobian(transformed.value) @ transformed.jacobian
    )
    assert equivariance_value(driving, transformed, transform) < 1e-15
    assert equivariance_jacobian(driving, transformed, transform) < 1e-12


def test_gradients() -> None:
    transform, a, b = some_transform(), some_keypoints(3, 1), some_keypoints(3, 2)

    def both(*parts: torch.Tensor) -> torch.Tensor:
        driving, transformed = Keypoints(*parts[:2]), Keypoints(*parts[2:])
        value = equivariance_value(driving, transformed, transform)
        return value + equivariance_jacobian(driving, transformed, transform)

    assert a.jacobian is not None and b.jacobian is not None
    inputs = [part.requires_grad_() for part in (a.value, a.jacobian, b.value, b.jacobian)]
    assert torch.autograd.gradcheck(both, inputs)


def test_autocast_changes_nothing() -> None:
    transform = Transform.random(torch.arange(3), **SIGMAS, like=torch.zeros(()))
    a, b = some_keypoints(3, 1).to(torch.float32), some_keypoints(3, 2).to(torch.float32)
    losses = [equivariance_value, equivariance_jacobian]
    plain = [loss(a, b, transform) for loss in losses]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = [loss(a, b, transform) for loss in losses]
    assert plain == mixed and all(loss.dtype == torch.float32 for loss in mixed)
