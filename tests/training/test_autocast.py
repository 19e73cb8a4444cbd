"""What autocast must not touch: places stay exact, losses float32."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from tests.support.networks import seeded_model, tiny_config
from tests.support.objectives import (
    EVERY_TERM,
    objective,
    seeded_discriminator,
    small_discriminator,
    some_batch,
    some_keypoints,
    train_config,
)


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
    config = train_config(model, **{**EVERY_TERM, "equivariance_value": 10.0, "equivariance_jacobian": 10.0})
    run, batch = objective(config, seeded_discriminator(model).eval()), some_batch()
    exact = run(batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = run(batch)
    rough.total.backward()
    assert len(exact.terms) == 11
    for name, value in rough.terms.items():
        assert value.dtype == torch.float32
        assert value.item() == pytest.approx(exact.terms[name].item(), rel=0.05, abs=0.05), name
    assert all(p.grad is not None and p.grad.isfinite().all() for p in run.model.parameters())
