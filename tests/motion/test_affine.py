"""Algebra of 2 2 matrices against scipy and torch.linalg."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import fractional_matrix_power

from motionkit.motion import affine


@pytest.mark.parametrize("exponent", [0.3, 0.5, 1.0, 1.9])
def test_power_agrees_with_scipy(exponent: float) -> None:
    change = 0.3 * torch.randn(200, 2, 2, dtype=torch.float64)
    ours, trust = affine.power(change, torch.tensor(exponent, dtype=change.dtype))
    assert (trust == 1).float().mean() > 0.9
    for i in (trust[:, 0, 0] == 1).nonzero()[:, 0]:
        expected = fractional_matrix_power(np.eye(2) + change[i].numpy(), exponent)
        np.testing.assert_allclose(ours[i].numpy(), expected.real, atol=1e-9)


def test_power_of_a_shear_and_of_the_identity() -> None:
    shear = torch.tensor([[0.0, 3.0], [0.0, 0.0]])  # a double eigenvalue, not diagonalisable
    assert torch.allclose(affine.power(shear, torch.tensor(0.5))[0], torch.tensor([[1.0, 1.5], [0.0, 1.0]]))
    assert torch.equal(affine.power(torch.zeros(2, 2), torch.tensor(1.3))[0], torch.eye(2))


def test_inverse_agrees_with_torch_and_is_zero_where_singular() -> None:
    matrices = torch.randn(50, 2, 2, dtype=torch.float64)
    matrices[7] = torch.tensor([[1.0, 2.0], [2.0, 4.0]])
    matrices[8] = 0
    matrices[9] = 1e-4 * torch.eye(2)
    ours, regular = affine.inverse(matrices)
    regular = regular[:, 0, 0]
    assert not regular[7:10].any() and regular.float().mean() > 0.8
    assert torch.allclose(ours[regular], torch.linalg.inv(matrices[regular]))
    assert (ours[~regular] == 0).all()


def test_bounded_scales_keep_the_singular_vectors() -> None:
    matrices = torch.randn(300, 2, 2, dtype=torch.float64) * 1.5
    matrices = matrices[torch.linalg.det(matrices) > 0]
    bounded, untouched = affine.bound_scales(matrices)
    u, s, vh = torch.linalg.svd(matrices)
    kept = u.mT @ bounded @ vh.mT  # diagonal if the singular vectors are the same
    assert kept[:, [0, 1], [1, 0]].abs().max() < 1e-9
    assert torch.equal(untouched[:, 0, 0], (s < 1.5).all(dim=1) & (s > 1 / 1.5).all(dim=1))
    assert kept[:, [0, 1], [0, 1]].max() <= 2 and kept[:, [0, 1], [0, 1]].min() >= 0.5
