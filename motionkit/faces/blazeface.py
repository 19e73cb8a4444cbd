"""BlazeFace, MediaPipe's face detector for back cameras (arXiv 1907.05047), and how its outputs are read.

The weights are Google's (Apache-2.0), converted by ``weights/recipe/convert_blazeface.py``. The network is
convolutional throughout: it was trained on 256×256 pixels, and looks at a picture of any size.

Legend: B batch, H W picture size (multiples of ``STRIDE``), A = H/16 · W/16 · 2 + H/32 · W/32 · 6 anchors.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from motionkit.weights.store import embedded_file

__all__ = ["FILE", "STRIDE", "BlazeFace", "load_blazeface"]

FILE = "blazeface.safetensors"
STRIDE = 32  # a picture's sides are multiples of this many pixels
WIDTHS = (24, 24, 48, 96)  # channels of the four stages, each of which halves the picture
BLOCKS = 7  # of each stage, after the one that halves it
ANCHORS = ((16, 2), (32, 6))  # pixels from one place to the next, and anchors at each
VALUES = 16  # of an anchor: centre x y, width, height, and x y of six points


class _Block(nn.Module):
    """ReLU(shortcut + 1×1(3×3 depthwise)); with stride 2 the shortcut is pooled, with more channels zeros are added.

    Without gradients the result may take the input's place.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.stride, self.more = stride, outputs - inputs
        self.depthwise = nn.Conv2d(inputs, inputs, 3, stride, padding=2 - stride, groups=inputs)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x
        if self.stride == 2:
            shortcut = functional.max_pool2d(x, 2)
            x = functional.pad(x, (0, 1, 0, 1))  # TensorFlow's "same": the odd pixel comes last
        if self.more:
            shortcut = functional.pad(shortcut, (0, 0, 0, 0, 0, self.more))
        x = self.depthwise(x)
        if not self.pointwise.weight.requires_grad and _can_fuse():
            return _fused(self.pointwise, x, shortcut)
        result: torch.Tensor = self.pointwise(x)
        return result.add_(shortcut).relu_()


class BlazeFace(nn.Module):
    """Pictures to a score and a box with six points for each anchor."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, WIDTHS[0], 5, 2)
        layers: list[nn.Module] = []
        for number, width in enumerate(WIDTHS):
            if number:
                layers.append(_Block(WIDTHS[number - 1], width, stride=2))
            layers += [_Block(width, width) for _ in range(BLOCKS)]
        self.trunk = nn.Sequential(*layers)
        last = WIDTHS[-1]
        self.depthwise = nn.Conv2d(last, last, 3, 2, groups=last)
        self.pointwise = nn.Conv2d(last, last, 1)
        self.scores = nn.ModuleList(nn.Conv2d(last, count, 1) for _, count in ANCHORS)
        self.boxes = nn.ModuleList(nn.Conv2d(last, count * VALUES, 1) for _, count in ANCHORS)

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Look at pictures.

        Args:
            pictures: B 3 H W float in [-1, 1].

        Returns:
            B A logits, above 0 where a face is likely; and B A 8 2: the box's centre, its width and height, and, each
            as (x, y), the person's right and left eye, nose tip, mouth, right and left ear; all in pixels.
        """
        fine = self.trunk(functional.relu_(self.first(functional.pad(pictures, (1, 2, 1, 2)))))
        coarse = functional.relu(self.pointwise(self.depthwise(functional.pad(fine, (0, 1, 0, 1)))))
        scores, boxes = [], []
        for maps, (stride, count), score, box in zip((fine, coarse), ANCHORS, self.scores, self.boxes, strict=True):
            scores.append(score(maps).permute(0, 2, 3, 1).flatten(1))
            values = box(maps).permute(0, 2, 3, 1).unflatten(3, (count, VALUES // 2, 2))
            values = values + _places(maps.shape[2], maps.shape[3], stride)
            boxes.append(values.flatten(1, 3))
        return torch.cat(scores, 1), torch.cat(boxes, 1)


def _fused(conv: nn.Conv2d, x: torch.Tensor, shortcut: torch.Tensor) -> torch.Tensor:
    """ReLU(shortcut + conv(x)) in the shortcut's place: maps of many megabytes are not made and filled thrice."""
    where: list[Any] = [conv.weight, conv.bias, [0, 0], [1, 1], [1, 1], 1]
    result: torch.Tensor = torch.ops.mkldnn._convolution_pointwise_.binary(
        shortcut, x, *where, "add", 1.0, "relu", [], ""
    )
    return result


@cache
@torch.inference_mode()
def _can_fuse() -> bool:
    """Whether a function under PyTorch's own compiler, which is not public, is there and does what it did."""
    conv = nn.Conv2d(24, 24, 1)
    x, shortcut = (torch.rand(1, 24, 5, 5).to(memory_format=torch.channels_last) - 0.5 for _ in range(2))
    expected = functional.relu(shortcut + conv(x))
    try:
        return torch.allclose(_fused(conv, x, shortcut), expected, atol=1e-4)
    except (AttributeError, NotImplementedError, RuntimeError):
        return False


@lru_cache(maxsize=64)
def _places(height: int, width: int, stride: int) -> torch.Tensor:
    """H W 1 8 2: what is added to an anchor's values, its place for all but the box's size."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    places = ((torch.stack([x, y], -1) + 0.5) * stride)[:, :, None, None].expand(-1, -1, 1, VALUES // 2, 2).clone()
    places[..., 1, :] = 0
    return places


@lru_cache(maxsize=1)
def load_blazeface() -> BlazeFace:
    """The network with its weights, which are part of the package.

    Raises:
        WeightsError: They are missing.
    """
    from safetensors.torch import load_file

    network = BlazeFace().eval()
    network.load_state_dict({name: value.float() for name, value in load_file(embedded_file(FILE)).items()})
    return network.to(memory_format=torch.channels_last).requires_grad_(False)
