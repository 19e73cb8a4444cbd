"""What a moving head uncovers of the background: filled from around it, and from nothing else."""

from __future__ import annotations

import pytest
import torch

from motionkit.config import ModelConfig
from motionkit.errors import ConfigError
from motionkit.model import Model
from motionkit.modules.background import with_background
from motionkit.modules.grid import identity_grid
from motionkit.weights.shapes import expected_shapes
from tests.support.networks import seeded_model, tiny_config
from tests.support.objectives import some_batch


def scene() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """A red head on the left of a grey wall, a stripe of its rim left over at x = 44 to 47, and a flow that moves."""
    picture = torch.full((1, 3, 64, 64), 0.5)
    head, stripe = torch.tensor([1.0, 0, 0])[:, None, None], torch.tensor([0.0, 0, 0])[:, None, None]
    picture[0, :, :, :24], picture[0, :, :, 44:48] = head, stripe
    mask, occlusion = torch.ones(1, 1, 32, 32), torch.ones(1, 1, 32, 32)
    mask[..., :12], occlusion[..., 20:26] = 0, 0
    flow = identity_grid(32, 32, like=picture).clone()
    flow[:, :, :12, 0] += 0.2
    return picture, flow, mask, occlusion


def test_what_is_left_over_of_a_head_becomes_background() -> None:
    picture, flow, mask, occlusion = scene()
    filled = with_background(picture, flow, mask, occlusion)
    torch.testing.assert_close(filled[..., 42:50], torch.full((1, 3, 64, 8), 0.5), atol=1e-3, rtol=0)
    assert torch.equal(filled[..., :38], picture[..., :38]), "heads stay as they are"
    assert torch.equal(filled[..., 54:], picture[..., 54:])


def test_what_heads_uncover_of_themselves_is_left_to_the_flow() -> None:
    picture, flow, _, occlusion = scene()
    assert torch.equal(with_background(picture, flow, torch.zeros(1, 1, 32, 32), occlusion), picture)


def test_without_motion_nothing_changes() -> None:
    picture, flow, mask, occlusion = scene()
    still = identity_grid(32, 32, like=flow)
    assert torch.equal(with_background(picture, still, mask, occlusion), picture)


@pytest.mark.parametrize("known", [0.0, 1.0])
def test_where_nothing_or_all_is_known_it_gives_numbers(known: float) -> None:
    picture, flow, _, _ = scene()
    filled = with_background(picture, flow, torch.full((1, 1, 32, 32), known), torch.full((1, 1, 32, 32), 1 - known))
    assert filled.isfinite().all() and filled.min() >= 0 and filled.max() <= 1


@torch.no_grad()
def test_a_model_without_a_decoder_has_none_and_shows_the_source() -> None:
    config = tiny_config(blend_warped=True, decoder="none", padding="border")
    model = seeded_model(config)
    assert expected_shapes(config) == {name: tuple(value.shape) for name, value in model.state_dict().items()}
    assert not any("up_blocks" in name for name, _ in model.generator.named_modules() if "dense_motion" not in name)
    assert ModelConfig.from_dict(config.to_dict()) == config
    batch = some_batch()
    keypoints = model.detect(batch.source[:1])
    same = model.generate(batch.source[:1], keypoints, keypoints)
    torch.testing.assert_close(same.image, batch.source[:1], atol=1e-5, rtol=0)
    fast = Model(model, device="cpu", precision="auto")
    assert fast.precision == "float32" and fast.asked_precision == "auto"
    moved = fast.generate(fast.encode(batch.source[:1]), keypoints, model.detect(batch.driving[:1]))
    wanted = model.generate(batch.source[:1], keypoints, model.detect(batch.driving[:1]))
    torch.testing.assert_close(moved.image, wanted.image, atol=1e-4, rtol=0)


def test_it_needs_the_warped_source() -> None:
    with pytest.raises(ConfigError, match="Without a decoder a picture is the warped source"):
        tiny_config(decoder="none")
