"""The model as people get it: devices, precision, and the embedded weights against a clip whose truth is known."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from motionkit import media, samples
from motionkit.animation.moments import animate
from motionkit.bench.measure import count_flop
from motionkit.config import AnimateOptions
from motionkit.errors import ConfigError, DeviceError, InputError, WeightsError
from motionkit.model import Model, load_model, pick_device
from motionkit.structures import Keypoints
from motionkit.tensors import to_tensor
from motionkit.weights.registry import WEIGHTS
from tests.support.networks import tiny_model
from tests.support.places import GOLDEN


@pytest.fixture(scope="module")
def heads() -> Model:
    return load_model("heads", device="cpu", precision="float32")


@pytest.fixture(scope="module")
def driving() -> list[np.ndarray]:
    """Every fifth frame of the sample clip, which was rendered and never trained on."""
    return list(media.open_clip(samples.driving_clip()))[::5]


def test_heads_is_small_and_cheap(heads: Model, driving: list[np.ndarray]) -> None:
    assert WEIGHTS["heads"].bytes <= 16e6
    picture = to_tensor([driving[0]], size=256)
    seen, source = to_tensor([driving[9]], size=heads.config.size), heads.encode(picture)
    keypoints = heads.detect(seen)
    frame = count_flop(lambda: heads.generate(source, keypoints, heads.detect(seen)))
    print(f"heads: {frame / 1e9:.2f} GFLOP a frame at 256x256, the source encoded once")
    assert 1e9 < frame <= 6e9


def test_heads_finds_the_true_keypoints(heads: Model, driving: list[np.ndarray]) -> None:
    with np.load(GOLDEN / "driving-truth.npz") as file:
        order = [file["names"].tolist().index(name) for name in heads.config.keypoint_names]
        true, jacobian = (file[part][::5, order] for part in ("keypoints", "jacobians"))
    found = heads.detect(to_tensor(driving, size=heads.config.size))
    assert found.jacobian is not None
    off = np.linalg.norm(found.value.numpy() - true, axis=-1) * 128  # pixels of 256
    on_head = list(heads.config.sized_by)
    shoulders = [i for i in range(heads.config.num_kp) if i not in on_head]
    assert off[:, shoulders].mean() < 35  # under clothes, and often out of the picture: found roughly
    error, true, jacobian = off[:, on_head], true[:, on_head], jacobian[:, on_head]
    assert np.median(error) < 4 and error.mean() < 5
    still = np.linalg.norm(true[:1] - true, axis=-1).mean() * 128
    assert error.mean() < 0.5 * still  # it follows the head
    assert np.abs(found.jacobian.numpy()[:, on_head] - jacobian).mean() < 0.15


def test_heads_moves_a_picture_as_the_clip_moves(heads: Model, driving: list[np.ndarray]) -> None:
    options = AnimateOptions(relative=False, motion_limit=None)
    result = np.stack(list(animate(driving[0], driving, model=heads, options=options))).astype(float)
    after = np.abs(result - driving).mean()
    before = np.abs(driving[0].astype(float) - driving).mean()
    assert after < 0.9 * before


def test_heads_leaves_a_picture_that_does_not_move_as_it_is(heads: Model, driving: list[np.ndarray]) -> None:
    (result,) = animate(driving[0], driving[:1], model=heads, options=AnimateOptions())
    assert np.abs(result.astype(float) - driving[0]).mean() < 4


def test_the_trained_and_the_fast_form_of_heads_agree(heads: Model, driving: list[np.ndarray]) -> None:
    images = to_tensor([driving[0], driving[9]], size=heads.config.size)
    keypoints = heads.detect(images)
    with torch.inference_mode():
        trained = heads.reference.detect(images)
        torch.testing.assert_close(keypoints.value, trained.value, atol=1e-4, rtol=0)
        slow = heads.reference.generate(images[:1], trained[:1], trained[1:]).image
    torch.testing.assert_close(heads.generate(images[:1], keypoints[:1], keypoints[1:]).image, slow, atol=1e-3, rtol=0)


@pytest.mark.gpu
def test_a_gpu_gives_what_the_cpu_gives(heads: Model, driving: list[np.ndarray]) -> None:
    options = AnimateOptions(size=128, motion_limit=None)
    expected = np.stack(list(animate(driving[0], driving[:6], model=heads, options=options)))
    for precision, tolerance in (("float32", 2), ("auto", 16)):
        model = load_model("heads", device="cuda", precision=precision)  # type: ignore[arg-type]
        for batch_size in (2, None):  # None: as many as the free memory holds
            part = options.replace(batch_size=batch_size)
            frames = np.stack(list(animate(driving[0], driving[:6], model=model, options=part)))
            assert np.abs(frames.astype(int) - expected).max() <= tolerance


def test_loading_a_model_does_not_load_the_compiler() -> None:
    # It would take as long as everything else together.
    code = "import sys, torch, motionkit\nbefore = 'torch._dynamo' in sys.modules\n"
    code += "motionkit.load_model('heads', device='cpu')\nassert before or 'torch._dynamo' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


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


def test_align_corners_can_be_overridden(driving: list[np.ndarray]) -> None:
    assert load_model("heads", device="cpu").config.align_corners is True
    model = load_model("heads", device="cpu", align_corners=False)
    assert model.config.align_corners is False
    source = to_tensor(driving[:1], size=model.config.size)
    at = model.detect(source)
    assert model.generate(source, at, at).image.shape == source.shape


def test_an_encoded_source_serves_as_the_picture_does() -> None:
    model = tiny_model()
    picture, other = torch.rand(1, 3, 32, 32), torch.rand(3, 3, 32, 32)
    at, moved = model.detect(picture), model.detect(other)
    plain, encoded = model.generate(picture, at, moved), model.generate(model.encode(picture), at, moved)
    torch.testing.assert_close(plain.image, encoded.image)
    assert plain.image.shape == (3, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(plain.image, model.reference.generate(picture, at, moved).image, atol=1e-4, rtol=0)


def test_a_size_that_the_networks_cannot_see_is_an_error() -> None:
    model = tiny_model()
    with pytest.raises(ConfigError, match="multiples of 8"):
        model.detect(torch.rand(1, 3, 36, 36))


def test_a_model_says_what_it_is() -> None:
    model = tiny_model()
    assert repr(model) == "Model('tiny', size=32, keypoints=3, device='cpu', precision='float32')"
    assert isinstance(model.detect(torch.rand(2, 3, 32, 32)), Keypoints)
