"""The whole model in its readable, trained form: exact, differentiable, with the published state_dict keys."""

from __future__ import annotations

from torch import Tensor, nn

from motionkit.config import ModelConfig
from motionkit.errors import ConfigError
from motionkit.modules.generator import Generator
from motionkit.modules.keypoint_detector import KeypointDetector
from motionkit.structures import Generated, Keypoints

__all__ = ["FirstOrderModel", "check_images", "match_batches"]


class FirstOrderModel(nn.Module):
    """Keypoint detector and generator of the First Order Motion Model (arXiv 2003.00196).

    ``motionkit.Model`` wraps it for inference, several times faster.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.kp_detector = KeypointDetector(config)
        self.generator = Generator(config)

    def detect(self, images: Tensor) -> Keypoints:
        """Keypoints of B 3 H W pictures in [0, 1]; H and W multiples of ``config.size_multiple``."""
        check_images(images, self.config)
        return self.kp_detector(images)

    def generate(self, source: Tensor, source_keypoints: Keypoints, driving_keypoints: Keypoints) -> Generated:
        """The source in the driving pose.

        Args:
            source: 1 or B pictures 3 H W in [0, 1]. H and W are multiples of ``config.size_multiple``; models with
                ``blend_warped`` take any size and give the picture in it.
            source_keypoints: 1 or B sets.
            driving_keypoints: B sets, as ``motion.transfer`` gives them.
        """
        check_images(source, self.config, any_size=self.config.blend_warped)
        source, source_keypoints = match_batches(source, source_keypoints, len(driving_keypoints))
        return self.generator(source, source_keypoints, driving_keypoints)


def check_images(images: Tensor, config: ModelConfig, *, any_size: bool = False) -> None:
    """Raise ConfigError unless `images` is B C H W of a size that the networks can see."""
    if images.ndim != 4 or images.shape[1] != config.num_channels:
        raise ConfigError(
            "These are not pictures", got=f"a tensor of shape {tuple(images.shape)}", expected="B 3 H W in [0, 1]"
        )
    if not any_size:
        config.check_size(*images.shape[2:])


def match_batches(source: Tensor, keypoints: Keypoints, batch: int) -> tuple[Tensor, Keypoints]:
    """Views of the source and its keypoints with `batch` items each; raises ConfigError where that cannot be."""
    if source.shape[0] not in (1, batch) or len(keypoints) not in (1, batch):
        raise ConfigError(
            "Batches do not fit",
            got=f"{source.shape[0]} sources, {len(keypoints)} source keypoints, {batch} driving keypoints",
            expected="one source or as many as there are driving keypoints",
        )
    jacobian = None if keypoints.jacobian is None else keypoints.jacobian.expand(batch, -1, -1, -1)
    return source.expand(batch, -1, -1, -1), Keypoints(keypoints.value.expand(batch, -1, -1), jacobian)
