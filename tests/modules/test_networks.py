"""The networks against the published code's outputs, and properties that must hold for any configuration."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from motionkit import media, samples
from motionkit.config import (
    PUBLISHED,
    DenseMotionConfig,
    DiscriminatorConfig,
    GeneratorConfig,
    KpDetectorConfig,
    ModelConfig,
)
from motionkit.errors import ConfigError
from motionkit.fast import FastModel
from motionkit.model import Model, load_model
from motionkit.modules.dense_motion import affine_motions
from motionkit.modules.discriminator import Discriminator
from motionkit.modules.first_order import FirstOrderModel
from motionkit.modules.grid import AntiAliasDown, gaussian, identity_grid, resize_flow, softmax, warp
from motionkit.structures import Keypoints
from motionkit.tensors import to_tensor
from tests.support.networks import seeded_model, tiny_config

VARIANTS = {
    "plain": {},
    "single Jacobian map": {
        "kp_detector": KpDetectorConfig(
            block_expansion=4, max_features=16, num_blocks=2, scale_factor=0.5, single_jacobian_map=True
        )
    },
    "no Jacobians": {"estimate_jacobian": False},
    "no occlusion": {
        "generator": GeneratorConfig(
            block_expansion=4, max_features=16, num_bottleneck_blocks=1, estimate_occlusion_map=False
        )
    },
    "blend": {"blend_warped": True},
    "no decoder": {"blend_warped": True, "decoder": "none"},
    "bicubic": {"blend_warped": True, "interpolation": "bicubic", "padding": "border"},
    "bicubic, zeros": {"interpolation": "bicubic"},
    "reduced skip": {
        "dense_motion": DenseMotionConfig(
            block_expansion=4, max_features=16, num_blocks=2, scale_factor=0.5, skip_features=3
        ),
    },
    "half-pixel corners": {"align_corners": False},
    "other K, depth and width": {
        "num_kp": 5,
        "size": 64,
        "kp_detector": KpDetectorConfig(block_expansion=6, max_features=20, num_blocks=3, scale_factor=0.25),
        "generator": GeneratorConfig(block_expansion=6, max_features=20, num_down_blocks=3, num_bottleneck_blocks=1),
    },
    "full resolution": {
        "kp_detector": KpDetectorConfig(block_expansion=4, max_features=16, num_blocks=2, scale_factor=1),
    },
}


def frames(golden: dict[str, np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(golden["frames"]).permute(0, 3, 1, 2).float() / 255


def some_keypoints(batch: int, config: ModelConfig, seed: int = 0) -> Keypoints:
    rng = torch.Generator().manual_seed(seed)
    value = torch.rand(batch, config.num_kp, 2, generator=rng) - 0.5
    jacobian = torch.eye(2) + 0.2 * torch.randn(batch, config.num_kp, 2, 2, generator=rng)
    return Keypoints(value, jacobian if config.estimate_jacobian else None)


def test_keys_are_the_published_ones(golden: dict[str, np.ndarray]) -> None:
    model, discriminator = FirstOrderModel(PUBLISHED["vox"]), Discriminator(PUBLISHED["vox"])
    keys = {*model.state_dict(), *(f"discriminator.{key}" for key in discriminator.state_dict())}
    assert keys == set(golden["keys"].tolist())


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameter_counts_are_the_published_ones(name: str) -> None:
    with torch.device("meta"):
        model = FirstOrderModel(PUBLISHED[name])
    count = {part: sum(p.numel() for p in getattr(model, part).parameters()) for part in ("kp_detector", "generator")}
    shared = 4 * 9 * (35 * 49 + 1) if name == "mgif" else 0  # one Jacobian map instead of ten
    # The published figures count the fixed kernels too: 3 colours, 13×13, in both networks.
    assert count["kp_detector"] + shared == pytest.approx(14_215_368, abs=600)
    assert count["generator"] == pytest.approx(45_575_391, abs=600)


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("mode", ["relative", "absolute"])
@pytest.mark.parametrize("form", ["trained", "fast"])
def test_golden_outputs(golden: dict[str, np.ndarray], align_corners: bool, mode: str, form: str) -> None:
    reference = seeded_model(PUBLISHED["vox"].replace(align_corners=align_corners))
    pictures = frames(golden)
    prefix = f"{mode}.{str(align_corners).lower()}."
    driving = Keypoints(torch.from_numpy(golden[prefix + "kp_value"]), torch.from_numpy(golden[prefix + "kp_jacobian"]))
    with torch.inference_mode():
        if form == "trained":
            detected = reference.detect(pictures)
            generated = reference.generate(pictures[:1], detected[:1], driving)
        else:
            fast = FastModel(reference)
            detected = fast.detect(pictures)
            generated = fast.generate(fast.encode(pictures[:1]), detected[:1], driving)
    for i, who in enumerate(("source", "reference", "driving")):
        np.testing.assert_allclose(detected.value[i].numpy(), golden[f"kp_{who}_value"][0], atol=1e-4)
        np.testing.assert_allclose(detected.jacobian[i].numpy(), golden[f"kp_{who}_jacobian"][0], atol=1e-4)
    assert generated.occlusion is not None
    np.testing.assert_allclose(generated.image[..., ::4, ::4].numpy(), golden[prefix + "prediction"], atol=1e-4)
    np.testing.assert_allclose(generated.mask[..., ::4, ::4].numpy(), golden[prefix + "mask"], atol=1e-4)
    np.testing.assert_allclose(generated.occlusion.numpy(), golden[prefix + "occlusion"], atol=1e-4)


def test_heatmaps_are_alike_in_both_forms_and_without_denormal_numbers() -> None:
    """Denormal numbers far from every point made convolutions several times slower."""
    model = FastModel(seeded_model(tiny_config()))
    grid = identity_grid(64, 48, like=torch.zeros(1))
    points = torch.tensor([[[-1.0, -1.0], [0.3, -0.2], [5.0, 0.0]]])
    found = model.motion._heatmaps(Keypoints(points), grid)
    expected = gaussian(points, grid, model.config.dense_motion.kp_variance)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)
    tiny = torch.finfo(torch.float32).tiny
    assert all((part == 0).any() and not ((part > 0) & (part < tiny)).any() for part in (found, expected))


@pytest.mark.parametrize("variant", VARIANTS)
def test_fast_form_equals_the_trained_form(variant: str) -> None:
    config = tiny_config(**VARIANTS[variant])
    reference = seeded_model(config)
    fast = FastModel(reference)
    size = config.size * 2 if config.blend_warped else config.size
    source = torch.rand(3, 3, size, size)
    driving = some_keypoints(3, config)
    with torch.inference_mode():
        seen = torch.rand(3, 3, config.size, config.size)
        a, b = reference.detect(seen), fast.detect(seen)
        torch.testing.assert_close(a.value, b.value, atol=1e-5, rtol=0)
        if config.estimate_jacobian:
            torch.testing.assert_close(a.jacobian, b.jacobian, atol=1e-5, rtol=0)
        exact = reference.generate(source, a, driving)
        quick = fast.generate(fast.encode(source), a, driving)
    for name in ("image", "flow", "mask", "deformed", "occlusion"):
        left, right = getattr(exact, name), getattr(quick, name)
        assert (left is None) == (right is None)
        if left is not None:
            torch.testing.assert_close(left, right, atol=1e-4, rtol=0, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("variant", [v for v in VARIANTS if v != "half-pixel corners"])
def test_equal_keypoints_move_nothing(variant: str) -> None:
    config = tiny_config(**VARIANTS[variant])
    model = seeded_model(config)
    source, keypoints = torch.rand(1, 3, config.size, config.size), some_keypoints(1, config)
    with torch.no_grad():
        generated = model.generate(source, keypoints, keypoints)
    h, w = generated.flow.shape[1:3]
    assert (generated.flow - identity_grid(h, w, like=source)).abs().max() < 1e-6
    if (h, w) == (config.size, config.size):
        torch.testing.assert_close(generated.deformed, source, atol=1e-4, rtol=0)
    else:  # resizing the flow keeps it linear but for half a pixel at the border
        inner = (..., slice(4, -4), slice(4, -4))
        assert (generated.deformed - source)[inner].abs().mean() < 0.2


def test_equal_keypoints_give_the_source_back_at_full_motion_size() -> None:
    config = tiny_config()
    config = config.replace(dense_motion=dataclasses.replace(config.dense_motion, scale_factor=1))
    model = seeded_model(config)
    source, keypoints = torch.rand(2, 3, 32, 32), some_keypoints(2, config)
    with torch.no_grad():
        generated = model.generate(source, keypoints, keypoints)
    torch.testing.assert_close(generated.deformed, source, atol=2e-5, rtol=0)


def test_batches_equal_single_items() -> None:
    config = tiny_config()
    model = seeded_model(config)
    source, driving = torch.rand(1, 3, 32, 32), some_keypoints(4, config, seed=1)
    with torch.no_grad():
        keypoints = model.detect(source)
        together = model.generate(source, keypoints, driving)
        for i in range(4):
            alone = model.generate(source, keypoints, driving[i : i + 1])
            torch.testing.assert_close(together.image[i : i + 1], alone.image, atol=1e-5, rtol=0)
            torch.testing.assert_close(together.flow[i : i + 1], alone.flow, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (16, 40), (64, 24)])
def test_every_multiple_works(height: int, width: int) -> None:
    config = tiny_config()
    model = seeded_model(config)
    picture = torch.rand(1, 3, height, width)
    with torch.no_grad():
        keypoints = model.detect(picture)
        generated = model.generate(picture, keypoints, keypoints)
    assert generated.image.shape == picture.shape
    assert generated.deformed.shape == picture.shape


@pytest.mark.parametrize("verb", ["detect", "generate"])
def test_other_sizes_name_the_multiple(verb: str) -> None:
    config = tiny_config()
    model, picture = seeded_model(config), torch.rand(1, 3, 33, 32)
    keypoints = some_keypoints(1, config)
    arguments = (picture,) if verb == "detect" else (picture, keypoints, keypoints)
    with pytest.raises(ConfigError, match=r"got 33x32; expected sides that are multiples of 8, from 16"):
        getattr(model, verb)(*arguments)


def test_published_multiple_is_128() -> None:
    assert {config.size_multiple for config in PUBLISHED.values()} == {128}


def test_train_mode_has_gradients_everywhere() -> None:
    config = tiny_config()
    model = FirstOrderModel(config).train()
    pictures = torch.rand(2, 3, 32, 32)
    keypoints = model.detect(pictures)
    swapped = Keypoints(keypoints.value.flip(0), keypoints.jacobian.flip(0))
    generated = model.generate(pictures, keypoints, swapped)
    (generated.image.mean() + keypoints.jacobian.square().mean()).backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert without == []


def test_discriminator_shapes_and_scales() -> None:
    config = tiny_config(
        discriminator=DiscriminatorConfig(
            scales=(1, 0.5), block_expansion=4, max_features=16, num_blocks=2, use_kp=True
        )
    )
    discriminator = Discriminator(config)
    assert set(discriminator.discs) == {"1", "0-5"}
    pyramid = {"1": torch.rand(2, 3, 32, 32), "0-5": torch.rand(2, 3, 16, 16)}
    outputs = discriminator(pyramid, some_keypoints(2, config))
    maps, realness = outputs["1"]
    assert [tuple(m.shape) for m in maps] == [(2, 8, 14, 14), (2, 16, 11, 11)]
    assert realness.shape == (2, 1, 11, 11)


def test_identity_grid_by_hand() -> None:
    grid = identity_grid(2, 3, like=torch.zeros(1))
    expected = [[[-1, -1], [0, -1], [1, -1]], [[-1, 1], [0, 1], [1, 1]]]
    torch.testing.assert_close(grid, torch.tensor([expected], dtype=torch.float32))


def test_warp_by_hand() -> None:
    picture = torch.arange(16.0).view(1, 1, 4, 4)
    right = identity_grid(4, 4, like=picture) + torch.tensor([2 / 3, 0.0])  # one pixel to the right in the source
    expected = torch.tensor([[1, 2, 3, 0], [5, 6, 7, 0], [9, 10, 11, 0], [13, 14, 15, 0.0]]).view(1, 1, 4, 4)
    torch.testing.assert_close(warp(picture, right, align_corners=True), expected)


def test_gaussian_by_hand() -> None:
    grid = identity_grid(3, 3, like=torch.zeros(1))
    heat = gaussian(torch.tensor([[[0.0, 1.0]]]), grid, variance=0.5)
    one, two, five = (float(np.exp(-d)) for d in (1, 4, 5))
    expected = torch.tensor([[five, two, five], [float(np.exp(-2)), one, float(np.exp(-2))], [one, 1, one]])
    torch.testing.assert_close(heat[0, 0], expected)


def test_softmax_is_the_usual_one_down_to_what_would_be_denormal() -> None:
    logits = torch.randn(2, 5, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 40
    logits.requires_grad_()
    torch.testing.assert_close(softmax(logits, dim=1), logits.softmax(dim=1), atol=1e-13, rtol=0)
    weight = torch.randn(2, 5, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    ours, usual = (torch.autograd.grad((p * weight).sum(), logits)[0] for p in (softmax(logits, 1), logits.softmax(1)))
    torch.testing.assert_close(ours, usual, atol=1e-12, rtol=0)


def test_training_meets_no_denormal_numbers() -> None:
    # One part in ten of a gradient was enough for backward passes that took ten times as long on CPUs.
    model = load_model("heads", device="cpu").reference.train().requires_grad_()
    frames = list(media.open_clip(samples.driving_clip()))
    source, driving = (to_tensor([frames[i]], size=128) for i in (0, 20))
    denormal: dict[str, int] = {}

    def count(name: str, tensor: torch.Tensor) -> None:
        size = tensor.detach().abs()
        denormal[name] = int(((size > 0) & (size < torch.finfo(size.dtype).tiny)).sum())

    convolutions = {name: part for name, part in model.named_modules() if isinstance(part, torch.nn.Conv2d)}
    for name, part in convolutions.items():
        part.register_forward_hook(lambda _, given, made, name=name: count(f"{name}, input", given[0]))
        part.register_full_backward_hook(lambda _, given, made, name=name: count(name, made[0]))
    generated = model.generate(source, model.detect(source), model.detect(driving))
    ((generated.image - driving).abs().mean() + generated.occlusion.mean()).backward()
    assert len(denormal) == 2 * len(convolutions) and not any(denormal.values()), denormal


def test_down_keeps_a_constant_and_takes_every_fourth_pixel() -> None:
    down = AntiAliasDown(3, 0.25)
    assert tuple(down.weight.shape) == (3, 1, 13, 13)
    flat = down(torch.ones(1, 3, 64, 64))
    assert flat.shape == (1, 3, 16, 16)
    torch.testing.assert_close(flat[..., 2:-2, 2:-2], torch.ones(1, 3, 12, 12))
    spike = torch.zeros(1, 3, 64, 64)
    spike[..., 32, 32] = 1
    assert down(spike)[0, 0].argmax() == 8 * 16 + 8


def test_a_singular_jacobian_spoils_no_picture() -> None:
    config = tiny_config()
    model = seeded_model(config)
    source, keypoints = torch.rand(1, 3, 32, 32), some_keypoints(1, config)
    driving = some_keypoints(1, config, seed=1)
    driving.jacobian[0, 0] = 0
    driving.jacobian[0, 1] = torch.tensor([[1.0, 2.0], [2.0, 4.0]])
    with torch.no_grad():
        assert model.generate(source, keypoints, driving).image.isfinite().all()


def test_local_motions_by_hand() -> None:
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    source = Keypoints(torch.tensor([[[0.5, 0.0]]]), turn[None, None])
    driving = Keypoints(torch.tensor([[[0.0, 0.5]]]), 2 * torch.eye(2)[None, None])
    linear, offset = affine_motions(source, driving)
    torch.testing.assert_close(linear[0, 0], turn / 2)
    torch.testing.assert_close(offset[0, 0], torch.tensor([0.75, 0.0]))  # p_S - A p_D, A p_D = (-0.25, 0)


@pytest.mark.parametrize("side", [32, 48, 100])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_no_motion_gives_the_source_at_any_size_where_it_shows_through(side: int, interpolation: str) -> None:
    model = seeded_model(tiny_config(blend_warped=True, padding="border", interpolation=interpolation))
    source, still = torch.rand(1, 3, side, side), some_keypoints(1, model.config)
    torch.testing.assert_close(model.generate(source, still, still).deformed, source, atol=1e-4, rtol=0)
    fast = Model(model, device="cpu", precision="float32").generate(source, still, still)
    torch.testing.assert_close(fast.deformed, source, atol=1e-4, rtol=0)


def test_resizing_a_flow_exactly_keeps_an_affine_motion() -> None:
    linear = torch.tensor([[0.9, -0.2], [0.1, 1.1]])
    coarse, fine = identity_grid(8, 8, like=linear) @ linear.T, identity_grid(31, 20, like=linear) @ linear.T
    torch.testing.assert_close(resize_flow(coarse, 31, 20, exact=True), fine, atol=1e-6, rtol=0)
    assert (resize_flow(coarse, 31, 20) - fine).abs().max() > 0.05  # the published arithmetic is another


def test_border_padding_leaves_no_dark_rim() -> None:
    white, outside = torch.ones(1, 1, 4, 4), torch.full((1, 1, 1, 2), -3.0)
    assert warp(white, outside, align_corners=True).item() == 0
    assert warp(white, outside, align_corners=True, padding="border").item() == 1
    with pytest.raises(ConfigError, match=r"Unknown padding; got 'mirror'; expected one of zeros, border"):
        tiny_config(padding="mirror")
