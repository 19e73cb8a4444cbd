"""SSIM against scikit-image, MS-SSIM and LPIPS against their formulas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, uniform_filter, zoom
from skimage.metrics import structural_similarity
from torch.nn import functional

from motionkit.errors import InputError, WeightsError
from motionkit.evaluation.perception import FEATURES, load_lpips, lpips, ms_ssim, ssim
from tests.support.evaluations import batch


def alike(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Two smooth pictures and what noise makes of them, each 2 S S 3."""
    random = np.random.default_rng(0)
    smooth = np.stack([zoom(random.uniform(30, 220, (8, 8, 3)), (side // 8, side // 8, 1), order=1) for _ in range(2)])
    noisy = smooth + random.normal(0, [[[[8]]], [[[25]]]], smooth.shape)
    return smooth.round().astype(np.uint8), np.clip(noisy, 0, 255).round().astype(np.uint8)


def test_ssim_is_that_of_skimage() -> None:
    one, other = alike(64)
    as_published = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    expected = [
        structural_similarity(a, b, channel_axis=2, data_range=255, **as_published)
        for a, b in zip(one, other, strict=True)
    ]
    tally = ssim.begin()
    tally.add(batch(one, other))
    assert expected[0] > expected[1] + 0.1
    assert tally.values()["ssim"] == pytest.approx(np.mean(expected), abs=1e-4)


def test_ms_ssim_is_its_formula() -> None:
    one, other = alike(192)
    expected = [formula(a / 255, b / 255) for a, b in zip(one, other, strict=True)]
    tally = ms_ssim.begin()
    tally.add(batch(one, other))
    assert tally.values()["ms_ssim"] == pytest.approx(np.mean(expected), abs=1e-4)
    same = ms_ssim.begin()
    same.add(batch(one, one))
    assert same.values()["ms_ssim"] == pytest.approx(1)


def test_ms_ssim_is_torchmetrics_but_for_the_border_of_the_last_scale() -> None:
    package = pytest.importorskip("torchmetrics.functional.image", reason="torchmetrics is not installed")
    one, other = alike(256)
    tally = ms_ssim.begin()
    tally.add(batch(one, other))
    pair = [torch.from_numpy(frames).permute(0, 3, 1, 2) / 255 for frames in (one, other)]
    theirs = package.multiscale_structural_similarity_index_measure(*pair, data_range=1.0)
    assert tally.values()["ms_ssim"] == pytest.approx(float(theirs), abs=2e-3)


def formula(one: np.ndarray, other: np.ndarray) -> float:
    """Wang et al. 2003: contrast and structure at five scales, luminance at the last."""
    weights = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333]
    product = 1.0
    for scale, weight in enumerate(weights):
        found = [terms(one[..., c], other[..., c]) for c in range(3)]
        inside = [contrast[5:-5, 5:-5].mean() for contrast, _ in found]
        whole = [(contrast * luminance)[5:-5, 5:-5].mean() for contrast, luminance in found]
        product *= np.mean(whole if scale == 4 else inside) ** weight
        one, other = (uniform_filter(x, (2, 2, 1), origin=(-1, -1, 0))[::2, ::2] for x in (one, other))
    return float(product)


def terms(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    def blur(x: np.ndarray) -> np.ndarray:
        return gaussian_filter(x, 1.5, truncate=3.5, mode="mirror")

    a, b = blur(one), blur(other)
    va, vb, covariance = blur(one**2) - a**2, blur(other**2) - b**2, blur(one * other) - a * b
    return (2 * covariance + 0.03**2) / (va + vb + 0.03**2), (2 * a * b + 0.01**2) / (a**2 + b**2 + 0.01**2)


@pytest.fixture(scope="module")
def alexnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file of AlexNet's features with random weights."""
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("weights") / "alexnet.pth"
    torch.save({name: torch.randn(shape) * 0.05 for name, shape in FEATURES.items()}, path)
    yield path
    path.unlink()


def test_lpips_is_its_formula(alexnet: Path) -> None:
    package = pytest.importorskip("torchmetrics.functional.image.lpips", reason="torchmetrics is not installed")
    from torchvision.models import alexnet as build

    one, other = alike(64)
    network, reason = load_lpips(alexnet)
    assert network is not None and not reason
    tally = lpips(network).begin()
    tally.add(batch(one, other))

    with torch.device("meta"):  # its classifier would take seconds
        features = build(weights=None).features.eval()
    states = {name.removeprefix("features."): value for name, value in torch.load(alexnet).items()}
    features.load_state_dict(states, assign=True)
    heads = torch.load(Path(package.__file__).parent / "lpips_models" / "alex.pth", map_location="cpu")
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    x, y = ((torch.from_numpy(p) / 255 * 2 - 1 - shift).div(scale).permute(0, 3, 1, 2) for p in (one, other))
    expected, head = torch.zeros(2), 0
    for number, layer in enumerate(features):
        x, y = layer(x), layer(y)
        if number in (1, 4, 7, 9, 11):  # behind each ReLU
            apart = (functional.normalize(x, dim=1) - functional.normalize(y, dim=1)) ** 2
            expected += (apart * heads[f"lin{head}.model.1.weight"]).sum(1).mean((1, 2)).detach()
            head += 1
    assert head == 5
    assert tally.values()["lpips"] == pytest.approx(float(expected.mean()), rel=1e-4)


def test_weights_that_are_not_there_and_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    network, reason = load_lpips("auto")
    assert network is None and "alexnet-owt-7be5be79.pth" in reason and "--lpips" in reason
    assert load_lpips("none") == (None, "LPIPS is not wanted")
    with pytest.raises(InputError, match="no such file of weights"):
        load_lpips(tmp_path / "absent.pth")
    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="no weights of AlexNet"):
        load_lpips(tmp_path / "other.pth")
    (tmp_path / "bytes.pth").write_bytes(b"no weights at all")
    with pytest.raises(WeightsError, match="no weights of AlexNet"):
        load_lpips(str(tmp_path / "bytes.pth"))
