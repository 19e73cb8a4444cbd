"""The model as people get it: devices, precision, and the embedded weights against their golden file."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import DATA, seeded_model, tiny_config

from motionkit import motion
from motionkit.animation import animate
from motionkit.config import AnimateOptions
from motionkit.errors import ConfigError, DeviceError, InputError, WeightsError
from motionkit.model import Model, load_model, pick_device
from motionkit.structures import Keypoints
from motionkit.tensors import to_tensor


@pytest.fixture(scope="module")
def heads() -> Model:
    return load_model("heads", device="cpu", precision="float32")


@pytest.fixture(scope="module")
def heads_golden() -> dict[str, np.ndarray]:
    """What the embedded weights gave where they were trained."""
    with np.load(DATA / "heads-golden.npz", allow_pickle=False) as file:
        return dict(file)


def test_heads_finds_the_golden_keypoints(heads: Model, heads_golden: dict[str, np.ndarray]) -> None:
    frames = [heads_golden["source"], heads_golden["reference"], *heads_golden["driving"]]
    keypoints = heads.detect(to_tensor(frames))
    np.testing.assert_allclose(keypoints.value, heads_golden["kp_value"], atol=1e-4, rtol=0)
    np.testing.assert_allclose(keypoints.jacobian, heads_golden["kp_jacobian"], atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", ["relative", "absolute"])
def test_heads_makes_the_golden_pictures(heads: Model, heads_golden: dict[str, np.ndarray], name: str) -> None:
    source, reference = to_tensor([heads_golden["source"]]), to_tensor([heads_golden["reference"]])
    at = heads.detect(source)
    moved = motion.transfer(
        at, heads.detect(to_tensor(heads_golden["driving"])), heads.detect(reference), relative=name == "relative"
    )
    moved = motion.limit(moved, at, motion_limit=None)
    image = heads.generate(source, at, moved).image.permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(image, heads_golden[name], atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["relative", "absolute"])
def test_animate_makes_the_golden_pictures(heads: Model, heads_golden: dict[str, np.ndarray], name: str) -> None:
    driving = [heads_golden["reference"], *heads_golden["driving"]]
    options = AnimateOptions(size=128, motion_limit=None, relative=name == "relative")
    frames = np.stack(list(animate(heads_golden["source"], driving, model=heads, options=options)))[1:]
    assert np.abs(frames / 255 - heads_golden[name]).max() <= 1 / 255


@pytest.mark.gpu
def test_a_gpu_gives_what_the_cpu_gives(heads_golden: dict[str, np.ndarray]) -> None:
    options = AnimateOptions(size=128, motion_limit=None)
    driving = [heads_golden["reference"], *heads_golden["driving"]]
    for precision, tolerance in (("float32", 2 / 255), ("auto", 16 / 255)):
        model = load_model("heads", device="cuda", precision=precision)  # type: ignore[arg-type]
        frames = np.stack(list(animate(heads_golden["source"], driving, model=model, options=options)))[1:]
        assert np.abs(frames / 255 - heads_golden["relative"]).max() <= tolerance


def test_a_device_that_is_not_there_is_an_error_before_any_download() -> None:
    for name in ("cuda:99", "xpu", "toaster"):
        with pytest.raises(DeviceError, match=rf"This device is not here; got '{name}'; expected one of cpu"):
            load_model("vox", device=name)
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device() == pick_device("auto")


def test_an_unknown_precision_is_an_error() -> None:
    with pytest.raises(InputError, match=r"Unknown precision; got 'float8'; expected one of auto, float32"):
        load_model("heads", precision="float8")  # type: ignore[arg-type]


def test_an_unknown_name_lists_the_models_and_the_nearest() -> None:
    with pytest.raises(WeightsError, match=r"'haeds'(?s:.*)heads") as caught:
        load_model("haeds")
    for name in ("vox", "vox-adv", "taichi", "fashion", "bair", "mgif", "nemo"):
        assert name in str(caught.value)


def test_a_directory_is_no_weights_file(tmp_path: object) -> None:
    with pytest.raises(WeightsError, match=r"folder|directory"):
        load_model(str(tmp_path))


def test_align_corners_can_be_overridden(heads_golden: dict[str, np.ndarray]) -> None:
    assert load_model("heads", device="cpu").config.align_corners is False
    model = load_model("heads", device="cpu", align_corners=True)
    assert model.config.align_corners is True
    source = to_tensor([heads_golden["source"]])
    at = model.detect(source)
    assert model.generate(source, at, at).image.shape == source.shape


def test_an_encoded_source_serves_as_the_picture_does() -> None:
    model = Model(seeded_model(tiny_config()), device="cpu")
    picture, other = torch.rand(1, 3, 32, 32), torch.rand(3, 3, 32, 32)
    at, moved = model.detect(picture), model.detect(other)
    plain, encoded = model.generate(picture, at, moved), model.generate(model.encode(picture), at, moved)
    torch.testing.assert_close(plain.image, encoded.image)
    assert plain.image.shape == (3, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(plain.image, model.reference.generate(picture, at, moved).image, atol=1e-4, rtol=0)


def test_a_size_that_the_networks_cannot_see_is_an_error() -> None:
    model = Model(seeded_model(tiny_config()), device="cpu")
    with pytest.raises(ConfigError, match="multiples of 8"):
        model.detect(torch.rand(1, 3, 36, 36))


def test_a_model_says_what_it_is() -> None:
    model = Model(seeded_model(tiny_config()), device="cpu")
    assert repr(model) == "Model('tiny', device='cpu', precision='float32')"
    assert isinstance(model.detect(torch.rand(2, 3, 32, 32)), Keypoints)
