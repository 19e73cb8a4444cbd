"""Metrics of how alike pictures look: SSIM, MS-SSIM and LPIPS.

SSIM is computed here: with windows that are blurred by rows and columns it takes a third of torchmetrics' time.

Legend: B frames of a batch, S side of the pictures in pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from motionkit.errors import DownloadError, InputError, MissingPackageError, WeightsError
from motionkit.evaluation.metrics import Batch, FrameMetric, Quantity

__all__ = ["ALEXNET", "LEAST_MS_SSIM", "has_torchmetrics", "load_lpips", "lpips", "ms_ssim", "ssim"]

WINDOW, SIGMA = 11, 1.5  # pixels: places whose window reaches beyond the picture do not count, as in the paper
C1, C2 = 0.01**2, 0.03**2
POWERS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales
LEAST_MS_SSIM = 16 * WINDOW  # pixels of the side: at the last of five scales a window must fit in
ALEXNET = "alexnet-owt-7be5be79.pth"  # torchvision's name of the file
# Of AlexNet all that LPIPS looks at: weights by layer, (out, in, height, width).
_LAYERS = {0: (64, 3, 11, 11), 3: (192, 64, 5, 5), 6: (384, 192, 3, 3), 8: (256, 384, 3, 3), 10: (256, 256, 3, 3)}
FEATURES: dict[str, tuple[int, ...]] = {f"features.{i}.weight": shape for i, shape in _LAYERS.items()}
FEATURES |= {f"features.{i}.bias": shape[:1] for i, shape in _LAYERS.items()}


def has_torchmetrics() -> bool:
    """Whether torchmetrics is installed."""
    return find_spec("torchmetrics") is not None


@torch.inference_mode()
def _ssim(batch: Batch) -> Iterable[float]:
    structure, luminance = _terms_of(batch)
    found: list[float] = (structure * luminance).mean((1, 2, 3)).tolist()
    return found


@torch.inference_mode()
def _ms_ssim(batch: Batch) -> Iterable[float]:
    one, other = batch.tensors
    product = torch.ones(len(one), device=one.device)
    for scale, power in enumerate(POWERS):
        structure, luminance = _terms_of(batch) if scale == 0 else _terms(one, other)
        seen = structure if scale < len(POWERS) - 1 else structure * luminance
        product = product * seen.mean((1, 2, 3)).clamp(min=0) ** power
        one, other = functional.avg_pool2d(one, 2), functional.avg_pool2d(other, 2)
    found: list[float] = product.tolist()
    return found


def _terms_of(batch: Batch) -> tuple[Tensor, Tensor]:
    """Of the pictures as they are, computed once for both metrics; frame by frame, to stay in the processor's cache."""
    if "structure" not in batch.memo:
        pairs = [_terms(one[None], other[None]) for one, other in zip(*batch.tensors, strict=True)]
        structures, luminances = zip(*pairs, strict=True)
        batch.memo["structure"] = torch.cat(structures), torch.cat(luminances)
    found: tuple[Tensor, Tensor] = batch.memo["structure"]
    return found


def _terms(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Contrast and structure, and luminance, at each place whose window lies in the picture: B 3 s s each."""
    a, b, aa, bb, ab = _blur(torch.cat([one, other, one * one, other * other, one * other])).chunk(5)
    spread, shared = aa - a * a + bb - b * b, ab - a * b
    return (2 * shared + C2) / (spread + C2), (2 * a * b + C1) / (a * a + b * b + C1)


def _blur(maps: Tensor) -> Tensor:
    """Weighted means in Gaussian windows, columns first and then rows: N C H W to N C s s."""
    places = torch.arange(WINDOW) - WINDOW // 2
    weights = torch.exp(-((places / SIGMA) ** 2) / 2)
    for axis in (2, 3):
        length = maps.shape[axis] - WINDOW + 1
        total = torch.zeros_like(maps.narrow(axis, 0, length))
        for i, weight in enumerate((weights / weights.sum()).tolist()):
            total.add_(maps.narrow(axis, i, length), alpha=weight)  # on processors far sooner than conv2d
        maps = total
    return maps


ssim = FrameMetric(Quantity("ssim", "structural similarity, at most 1", "more"), _ssim, frozenset({"truth"}))
"""Wang et al. 2004: Gaussian windows of 11 pixels and sigma 1.5, a channel at a time."""
ms_ssim = FrameMetric(
    Quantity("ms_ssim", "structural similarity over five scales, at most 1", "more"), _ms_ssim, frozenset({"truth"})
)
"""Wang et al. 2003: the same, each scale half the one before."""


def lpips(network: Callable[[Tensor, Tensor], Tensor]) -> FrameMetric:
    """Learned perceptual distance (Zhang et al. 2018) by a network.

    Args:
        network: From two batches B 3 S S in [0, 1] to B distances; ``load_lpips`` gives one.
    """

    @torch.inference_mode()
    def distances(batch: Batch) -> Iterable[float]:
        return network(*batch.tensors).reshape(-1).tolist()

    quantity = Quantity("lpips", "learned perceptual distance, AlexNet")
    return FrameMetric(quantity, distances, frozenset({"truth", "lpips"}))


def load_lpips(
    asked: str | Path, *, device: torch.device | str = "cpu"
) -> tuple[Callable[[Tensor, Tensor], Tensor] | None, str]:
    """Load the network of LPIPS: torchmetrics' weights on AlexNet's features.

    Args:
        asked: "auto" takes AlexNet's weights where torchvision keeps them and downloads nothing; "download" downloads
            them (0.2 GB); "none" is none; any other text and any Path is their file.
        device: Where it computes.

    Returns:
        The network, or None and why there is none.

    Raises:
        MissingPackageError: torchmetrics is missing, and a file or the download was asked for.
        InputError: There is no such file.
        WeightsError: The file does not hold AlexNet's weights.
        DownloadError: They cannot be downloaded.
    """
    if str(asked) == "none":
        return None, "LPIPS is not wanted"
    place = Path(torch.hub.get_dir()) / "checkpoints" / ALEXNET
    if str(asked) == "auto" and not has_torchmetrics():
        return None, 'torchmetrics is not installed: pip install "motionkit[evaluate]"'
    if str(asked) == "auto" and not place.is_file():
        return (
            None,
            f"the weights of LPIPS are not there: give {ALEXNET} with --lpips FILE, or --lpips download (0.2 GB)",
        )
    if not has_torchmetrics():
        raise MissingPackageError("LPIPS needs torchmetrics", todo='pip install "motionkit[evaluate]"')
    states = _download() if str(asked) == "download" else _read(place if str(asked) == "auto" else Path(asked))
    return _network(states, device), ""


def _network(states: dict[str, Tensor], device: torch.device | str) -> Callable[[Tensor, Tensor], Tensor]:
    from torchmetrics.functional.image.lpips import _LPIPS

    network: Any = _LPIPS(pretrained=True, net="alex", pnet_rand=True)  # its heads come with torchmetrics
    for i in range(1, 6):
        for number, layer in getattr(network.net, f"slice{i}").named_children():  # numbered as in AlexNet's features
            layer.load_state_dict({name: states[f"features.{number}.{name}"] for name in layer.state_dict()})
    network.eval().to(device)
    return lambda one, other: network(one, other, normalize=True)


def _read(file: Path) -> dict[str, Tensor]:
    if not file.is_file():
        raise InputError("There is no such file of weights", got=str(file), expected=f"torchvision's {ALEXNET}")
    try:
        states: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
        wrong = [name for name, shape in FEATURES.items() if states[name].shape != shape]
    except Exception as error:  # torch raises whatever the bytes make it
        wrong = [str(error)[:120]]
    if wrong:
        expected = f"torchvision's {ALEXNET}, or its features"
        raise WeightsError("These are no weights of AlexNet", got=f"{file} ({wrong[0]})", expected=expected)
    return states


def _download() -> dict[str, Tensor]:
    from torchvision.models import AlexNet_Weights

    weights = AlexNet_Weights.IMAGENET1K_V1
    try:
        states: dict[str, Tensor] = weights.get_state_dict(progress=True, check_hash=True)
    except (OSError, RuntimeError) as error:
        raise DownloadError(
            "The weights of LPIPS cannot be downloaded",
            got=f"{weights.url} ({error})",
            todo=f"Give the path of {ALEXNET}",
        ) from error
    return states
