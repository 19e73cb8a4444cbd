"""Convex upsampling: bilinear until it has learned, exact where nothing moves, sharp where its weights say so."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from motionkit.config import DenseMotionConfig
from motionkit.errors import ConfigError
from motionkit.model import Model
from motionkit.modules.first_order import FirstOrderModel
from motionkit.modules.grid import identity_grid, resize_flow
from motionkit.modules.upsampling import ConvexUpsampling
from motionkit.structures import Keypoints
from motionkit.weights.shapes import expected_shapes
from tests.support.networks import seeded_model, tiny_config


def random_motion(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Features, picture, flow and occlusion: 2 items, 8x6 cells, f = 2."""
    rng = torch.Generator().manual_seed(seed)
    moved = identity_grid(8, 6, like=torch.zeros(())) + 0.2 * torch.randn(2, 8, 6, 2, generator=rng)
    picture = torch.rand(2, 3, 16, 12, generator=rng)
    return torch.rand(2, 5, 8, 6, generator=rng), picture, moved, torch.rand(2, 1, 8, 6, generator=rng)


@torch.no_grad()
def test_before_training_it_is_the_bilinear_resize() -> None:
    features, picture, flow, occlusion = random_motion()
    network = ConvexUpsampling(5, 3, 2, "border")
    assert not network.learned
    fine = network(features, picture, flow, occlusion)
    for found, cheap in zip(fine, network.resized(flow, occlusion), strict=True):
        torch.testing.assert_close(found, cheap, rtol=0, atol=2e-3)
    torch.testing.assert_close(fine.flow, resize_flow(flow, 16, 12, exact=True), rtol=0, atol=2e-3)
    wanted = F.interpolate(occlusion, size=(16, 12), mode="bilinear", align_corners=True)
    torch.testing.assert_close(fine.occlusion, wanted, rtol=0, atol=2e-3)


@torch.no_grad()
def test_a_place_can_take_one_of_its_neighbours_whole() -> None:
    """The weights say "the left neighbour" everywhere: an edge stays an edge."""
    network = ConvexUpsampling(5, 3, 2, "border")
    network.logits.bias.view(9, 4)[3] = 50.0  # of the nine, the middle row's first
    assert network.learned
    features, picture, _, _ = random_motion()
    shift = torch.zeros(2, 8, 6, 2)
    shift[:, :, 3:, 0] = 0.5
    occlusion = (shift[..., 0] == 0).float()[:, None]
    fine = network(features, picture, identity_grid(8, 6, like=shift) + shift, occlusion)
    moved = fine.flow - identity_grid(16, 12, like=shift)
    # Of 12 places with their nearest coarse one in 0 0 1 1 2 2 3 3 4 4 5 5, the left of it is 3 or more from the ninth.
    wanted = torch.tensor([0.0] * 8 + [0.5] * 4)
    torch.testing.assert_close(moved[..., 0], wanted.expand(2, 16, 12), rtol=0, atol=1e-5)
    torch.testing.assert_close(fine.occlusion[:, 0], 1 - 2 * wanted.expand(2, 16, 12), rtol=0, atol=1e-5)


@torch.no_grad()
def test_no_motion_stays_none_whatever_the_weights() -> None:
    config = tiny_config(blend_warped=True, padding="border", upsampling="convex")
    model = seeded_model(config)
    upsampling = model.generator.dense_motion_network.upsampling
    torch.nn.init.normal_(upsampling.logits.weight, std=3.0, generator=torch.Generator().manual_seed(1))
    source = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(2))
    rng = torch.Generator().manual_seed(3)
    still = Keypoints(
        torch.rand(1, config.num_kp, 2, generator=rng) - 0.5, torch.eye(2).expand(1, config.num_kp, 2, 2).clone()
    )
    torch.testing.assert_close(model.generate(source, still, still).deformed, source, atol=1e-4, rtol=0)
    moving = Keypoints(still.value.roll(1, 1), still.jacobian)
    fast = Model(model, device="cpu", precision="float32")
    wanted = model.generate(source, still, moving).image
    torch.testing.assert_close(fast.generate(source, still, moving).image, wanted, atol=1e-4, rtol=0)
    bilinear = seeded_model(config.replace(upsampling="bilinear"))
    bilinear.load_state_dict({k: v for k, v in model.state_dict().items() if ".upsampling." not in k})
    assert (bilinear.generate(source, still, moving).image - wanted).abs().max() > 0.01, "the weights matter"


def test_its_tensors_are_those_that_files_are_checked_against() -> None:
    for scale in (0.5, 0.25):
        dense = DenseMotionConfig(block_expansion=4, max_features=16, num_blocks=2, scale_factor=scale)
        config = tiny_config(blend_warped=True, padding="border", upsampling="convex", dense_motion=dense)
        found = {name: tuple(value.shape) for name, value in FirstOrderModel(config).state_dict().items()}
        assert expected_shapes(config) == found


def test_configurations_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match="needs blend_warped"):
        tiny_config(upsampling="convex")
    dense = DenseMotionConfig(block_expansion=4, max_features=16, num_blocks=2, scale_factor=0.4)
    with pytest.raises(ConfigError, match="whole steps"):
        tiny_config(blend_warped=True, upsampling="convex", dense_motion=dense, size=160)
