"""The keypoint detector: where K points are in a picture, and how the surface around each is turned.

Legend: B batch, C channels, K keypoints, H W picture size, h w size of the probability maps (58×58 at 256×256).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from motionkit.config import ModelConfig
from motionkit.modules.blocks import Hourglass
from motionkit.modules.expectation import expectation
from motionkit.modules.eyes import EyeFinder
from motionkit.modules.grid import AntiAliasDown, at_least_float32
from motionkit.structures import Keypoints

__all__ = ["KeypointDetector"]


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
        self.eyes = EyeFinder(config) if config.eyes == "close" else None

    def forward(self, image: Tensor) -> Keypoints:
        """B C H W in [0, 1] to keypoints of batch B."""
        x = self.down(image) if hasattr(self, "down") else image
        features = self.predictor(x)
        logits, maps = self.kp(features), None if self.jacobian is None else self.jacobian(features)
        # Autocast would take the expectations in half precision: places on a raster of their own.
        with torch.autocast(image.device.type, enabled=False):
            maps = None if maps is None else at_least_float32(maps)
            keypoints = expectation(at_least_float32(logits), maps, self.temperature)
        return keypoints if self.eyes is None else self.eyes(image, keypoints)
