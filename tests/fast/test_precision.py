"""The type that pictures are made in: chosen by device, proven on the first frame."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from motionkit import model as models
from motionkit.errors import InputError, MotionkitWarning
from motionkit.fast import precision
from motionkit.model import Model
from motionkit.structures import Keypoints
from tests.support.networks import seeded_model, tiny_config

CPU = torch.device("cpu")


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that takes float16 for its own, wherever this runs."""
    monkeypatch.setattr(precision, "native_dtype", lambda _: torch.float16)


def moved(keypoints: Keypoints) -> Keypoints:
    return Keypoints(keypoints.value + 0.1, keypoints.jacobian)


def test_psnr_is_that_of_skimage() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 3, 16, 16), dtype=np.float32)
    expected = peak_signal_noise_ratio(a, b, data_range=1)
    assert precision.psnr(torch.from_numpy(b), torch.from_numpy(a)) == pytest.approx(expected, abs=1e-4)
    same = torch.from_numpy(a)
    assert precision.psnr(same, same) == float("inf") and precision.is_faithful(same, same)
    assert not precision.is_faithful(torch.full_like(same, torch.nan), same)
    assert not precision.is_faithful(same + 0.02, same)  # 34 dB
    assert precision.is_faithful(same + 0.017, same)  # 35.4 dB


@pytest.mark.parametrize(
    ("amx", "avx512_bf16", "expected"),
    [(True, True, torch.bfloat16), (False, True, torch.bfloat16), (False, False, torch.float32)],
)
def test_processors_take_bfloat16_where_they_have_units_for_it(
    monkeypatch: pytest.MonkeyPatch, amx: bool, avx512_bf16: bool, expected: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512_bf16, raising=False)
    assert precision.pick_dtype("auto", CPU) == expected
    assert precision.pick_dtype("float16", CPU) == torch.float16


@pytest.mark.parametrize(
    ("capability", "expected"), [((9, 0), torch.bfloat16), ((7, 5), torch.float16), ((6, 1), torch.float32)]
)
def test_gpus_take_the_short_type_they_have_units_for(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], expected: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert precision.pick_dtype("auto", torch.device("cuda")) == expected


def test_an_unknown_precision_is_named() -> None:
    with pytest.raises(InputError, match="got 'int4'; expected one of auto"):
        precision.pick_dtype("int4", CPU)  # type: ignore[arg-type]


@pytest.mark.usefixtures("short")
def test_auto_stays_with_a_short_type_that_gives_the_same_picture() -> None:
    reference, source = seeded_model(tiny_config()), torch.rand(1, 3, 32, 32)
    model, exact = Model(reference, device=CPU), Model(reference, device=CPU, precision="float32")
    keypoints = model.detect(source)
    picture = model.generate(source, keypoints, moved(keypoints)).image
    assert model.dtype == torch.float16
    expected = exact.generate(source, keypoints, moved(keypoints)).image
    assert 0 < (picture - expected).abs().max() < 0.02


@pytest.mark.usefixtures("short")
def test_auto_goes_back_to_float32_once_and_says_so() -> None:
    """Weights beyond float16's range: black frames on some GPUs, NaN here."""
    reference, source = seeded_model(tiny_config()), torch.rand(1, 3, 32, 32)
    reference.generator.final.weight.data *= 1e6
    model = Model(reference, device=CPU)
    keypoints, encoded = model.detect(source), model.encode(source)
    with pytest.warns(MotionkitWarning, match=r"In float16 the first frame came out wrong on cpu; float32 is used"):
        picture = model.generate(encoded, keypoints, moved(keypoints)).image
    exact = Model(reference, device=CPU, precision="float32")
    torch.testing.assert_close(picture, exact.generate(source, keypoints, moved(keypoints)).image)
    model.generate(encoded, keypoints, keypoints)  # a second warning would be an error
    assert model.dtype == torch.float32 and models.pick_device("cpu") == CPU
