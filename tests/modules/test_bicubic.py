"""Bicubic sampling of the last warp."""

from __future__ import annotations

import pytest
import torch

from motionkit.modules.grid import bicubic, warp
from motionkit.structures import Keypoints
from tests.support.networks import seeded_model, tiny_config


def test_bicubic_by_hand() -> None:
    """Half-way between pixels cubic convolution with a = -3/4 weighs four of them -3/32, 19/32, 19/32, -3/32."""
    row = torch.tensor([[0.0, 0.0, 1.0, 0.0, 0.0, 0.0]]).expand(6, 6)[None, None]
    halves = torch.tensor([[0.5, 1.5, 2.5, 3.5]]) * 2 / 5 - 1
    there = torch.stack([halves, torch.zeros(1, 4)], -1)[None]
    found = warp(row, there, align_corners=True, interpolation="bicubic")
    torch.testing.assert_close(found[0, 0, 0], torch.tensor([-3.0, 19.0, 19.0, -3.0]) / 32, atol=1e-5, rtol=0)


@pytest.mark.parametrize("padding", ["zeros", "border"])
@pytest.mark.parametrize("align_corners", [True, False])
def test_bicubic_where_pytorch_has_no_kernel_is_the_same(padding: str, align_corners: bool) -> None:
    picture, there = torch.rand(2, 3, 17, 12), torch.rand(2, 8, 9, 2) * 3 - 1.5  # some of it outside
    how = {"align_corners": align_corners, "padding": padding}
    torch.testing.assert_close(
        bicubic(picture, there, **how), warp(picture, there, interpolation="bicubic", **how), atol=2e-5, rtol=0
    )


def test_a_bicubic_picture_stays_in_its_range() -> None:
    """Beside an edge between black and white the interpolation itself overshoots."""
    model = seeded_model(tiny_config(blend_warped=True, interpolation="bicubic", padding="border"))
    source = (torch.arange(64) // 8 % 2).float().expand(1, 3, 64, 64)
    rng = torch.Generator().manual_seed(0)
    keypoints = [Keypoints(torch.rand(1, 3, 2, generator=rng) - 0.5, torch.eye(2).expand(1, 3, 2, 2)) for _ in range(2)]
    with torch.no_grad():
        generated = model.generate(source, *keypoints)
    assert generated.deformed.min() == 0 and generated.deformed.max() == 1
