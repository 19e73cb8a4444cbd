"""The bottleneck in 8-bit integers against the one in float32."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from motionkit.errors import InputError, MotionkitWarning
from motionkit.fast import int8, precision
from motionkit.fast.int8 import _Int8Conv
from motionkit.fast.precision import LEAST_PSNR, pick_dtype, psnr
from motionkit.model import Model, load_model
from motionkit.structures import Keypoints
from tests.support.networks import seeded_model, tiny_config

needs_units = pytest.mark.skipif(not int8.works(), reason="this processor has no units for 8-bit integers")


def moved(keypoints: Keypoints, by: float) -> Keypoints:
    return Keypoints(keypoints.value + by, keypoints.jacobian)


@needs_units
@torch.inference_mode()
def test_a_convolution_of_integers_is_exact_but_for_the_steps_of_its_weights() -> None:
    """Weights that are whole numbers of their channel's step lose nothing: integers in, the very sums out."""
    rng = np.random.default_rng(0)
    weight = rng.integers(-127, 128, (5, 32, 3, 3)).astype(np.float32)
    weight[:, 0, 0, 0] = 127  # the largest of each channel sets its step, here to that channel's scale
    scales = np.float32([1, 0.5, 0.25, 2, 4])
    conv = nn.Conv2d(32, 5, 3, padding=1)
    conv.weight = nn.Parameter(torch.from_numpy(weight * scales[:, None, None, None]))
    values = torch.from_numpy(rng.integers(0, 256, (1, 32, 9, 9)).astype(np.uint8))
    form = _Int8Conv(conv)
    for step in (1.0, 0.125):  # the second on weights that were put in order for the first
        found = form(values.contiguous(memory_format=torch.channels_last), step)
        expected = nn.functional.conv2d(values.double() * step, conv.weight.double(), conv.bias.double(), padding=1)  # type: ignore[union-attr]
        torch.testing.assert_close(found.double(), expected, atol=0.02, rtol=1e-5)
    again = form(values, 1.0, into=2000.0)
    expected = nn.functional.conv2d(values.double(), conv.weight.double(), conv.bias.double(), padding=1)  # type: ignore[union-attr]
    assert again.dtype == torch.uint8
    assert (again.double() - (expected / 2000).round().clamp(0, 255)).abs().max() <= 1


@needs_units
def test_pictures_are_those_of_float32_for_one_source_after_another(golden: dict[str, np.ndarray]) -> None:
    reference = load_model("heads", device="cpu").reference
    exact, model = Model(reference, precision="float32"), Model(reference, precision="int8")
    assert model.precision == "int8" and "int8" in repr(model)
    sources = torch.nn.functional.interpolate(torch.from_numpy(golden["frames"][:2]).permute(0, 3, 1, 2) / 255, 128)
    for source in (sources[:1], 0.2 * sources[1:]):
        keypoints = exact.detect(source)
        encoded = model.encode(source)
        for by in (0.0, 0.03, -0.1):
            expected = exact.generate(source, keypoints, moved(keypoints, by)).image
            found = model.generate(encoded, keypoints, moved(keypoints, by)).image
            assert LEAST_PSNR < psnr(found, expected) < 100  # not float32 after all
    assert model.precision == "int8"


@needs_units
def test_it_is_the_same_from_run_to_run_and_in_a_batch() -> None:
    model = load_model("heads", device="cpu", precision="int8")
    source = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    keypoints = model.detect(source)
    encoded = model.encode(source)
    three = Keypoints.cat([moved(keypoints, by) for by in (0.0, 0.02, 0.1)])
    one = model.generate(encoded, keypoints, moved(keypoints, 0.1)).image
    assert torch.equal(one, model.generate(encoded, keypoints, moved(keypoints, 0.1)).image)
    assert psnr(model.generate(encoded, keypoints, three).image[2:], one) > 60


@needs_units
def test_a_picture_too_different_goes_back_to_float32_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(int8, "MARGIN", 0.01)  # nearly everything is cut off
    reference, source = seeded_model(tiny_config()), torch.rand(1, 3, 32, 32)
    model, exact = Model(reference, precision="int8"), Model(reference, precision="float32")
    keypoints = exact.detect(source)
    encoded = model.encode(source)
    monkeypatch.setattr("motionkit.fast.precision.LEAST_PSNR", 60.0)
    with pytest.warns(MotionkitWarning, match="In int8 the first frame came out wrong on cpu; float32 is used"):
        found = model.generate(encoded, keypoints, moved(keypoints, 0.1)).image
    assert model.precision == "float32"
    expected = exact.generate(source, keypoints, moved(keypoints, 0.1)).image
    torch.testing.assert_close(found, expected)


def test_a_device_without_units_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision.int8, "works", lambda: False)
    with pytest.raises(InputError, match=r'8-bit integers; got cpu; expected .*VNNI.*precision="auto"'):
        load_model("heads", device="cpu", precision="int8")
    with pytest.raises(InputError, match="8-bit integers; got cuda"):
        pick_dtype("int8", torch.device("cuda"))


def test_processors_without_units_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_is_vnni_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False, raising=False)
    int8.works.cache_clear()
    assert not int8.works()
    int8.works.cache_clear()
