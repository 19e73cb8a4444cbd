"""The keypoint detector: where K points are in a picture, and how the surface around each is turned.

Legend: B batch, C channels, K keypoints, H W picture size, h w size of the probability maps (58×58 at 256×256).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from motionkit.config import ModelConfig
from motionkit.modules.blocks import Hourglass
from motionkit.modules.grid import AntiAliasDown, at_least_float32, identity_grid, softmax
from motionkit.structures import Keypoints

__all__ = ["EVEN_SPREAD", "KeypointDetector", "expectation", "expected_places"]

EVEN_SPREAD = math.sqrt(2 / 3)  # root mean square distance from the middle of places even in [-1, 1]²


class KeypointDetector(nn.Module):
    """Pictures to keypoints: an hourglass, K probability maps, expectations under them.

    Source: arXiv 2003.00196, section 3.1 and supplementary A.

    Args:
        config: The whole model's configuration.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        part = config.kp_detector
        self.temperature = part.temperature
        self.num_kp = config.num_kp
        if part.scale_factor != 1:
            self.down = AntiAliasDown(config.num_channels, part.scale_factor)
        self.predictor = Hourglass(part.block_expansion, config.num_channels, part.num_blocks, part.max_features)
        # No padding: a point never lies on the outermost three pixels of the map.
        self.kp = nn.Conv2d(self.predictor.out_channels, config.num_kp, 7)
        self.jacobian: nn.Conv2d | None = None
        if config.estimate_jacobian:
            maps = 1 if part.single_jacobian_map else config.num_kp
            self.jacobian = nn.Conv2d(self.predictor.out_channels, 4 * maps, 7)
            nn.init.zeros_(self.jacobian.weight)
            assert self.jacobian.bias is not None
            self.jacobian.bias.data.copy_(self.jacobian.bias.new_tensor([1, 0, 0, 1] * maps))

    def forward(self, image: Tensor) -> Keypoints:
        """B C H W in [0, 1] to keypoints of batch B."""
        x = self.down(image) if hasattr(self, "down") else image
        features = self.predictor(x)
        logits, maps = self.kp(features), None if self.jacobian is None else self.jacobian(features)
        # Autocast would take the expectations in half precision: places on a raster of their own.
        with torch.autocast(image.device.type, enabled=False):
            maps = None if maps is None else at_least_float32(maps)
            return expectation(at_least_float32(logits), maps, self.temperature)


def expectation(logits: Tensor, jacobian_maps: Tensor | None, temperature: float) -> Keypoints:
    """Expected position and Jacobian under the softmax over positions of logits/temperature, and how sure they are.

    The confidence is 1 - s/s_U: s is the root mean square distance of the places from their expectation, s_U that of
    places spread evenly over the picture.

    Args:
        logits: B K h w.
        jacobian_maps: B 4·K h w, or B 4 h w shared by all keypoints, row-major 2×2; or None.
        temperature: Of the softmax.

    Returns:
        Keypoints of batch B.
    """
    b, k, h, w = logits.shape
    probability = softmax(logits.flatten(2) / temperature, dim=2)  # B K hw
    value, confidence = expected_places(probability, identity_grid(h, w, like=logits).view(1, h * w, 2))
    if jacobian_maps is None:
        return Keypoints(value, confidence=confidence)
    maps = jacobian_maps.reshape(b, -1, 4, h * w)  # B K|1 4 hw
    jacobian = (maps @ probability[..., None]).view(b, k, 2, 2)
    return Keypoints(value, jacobian, confidence)


def expected_places(probability: Tensor, grid: Tensor) -> tuple[Tensor, Tensor]:
    """Expected position, and how sure it is; see ``expectation``.

    Args:
        probability: B K hw.
        grid: 1 hw 2, the places.

    Returns:
        B K 2 and B K.
    """
    value = probability @ grid
    with torch.no_grad():
        variance = (probability @ grid.square().sum(2, keepdim=True))[..., 0] - value.square().sum(2)
        confidence = (1 - variance.clamp(min=0).sqrt() / EVEN_SPREAD).clamp(min=0)
    return value, confidence
