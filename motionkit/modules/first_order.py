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

    Args:
        config: The configuration; also an attribute.

    Attributes:
        kp_detector: The keypoint detector.
        generator: The generator, with the dense-motion network inside.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.kp_detector = KeypointDetector(config)
        self.generator = Generator(config)

    def detect(self, images: Tensor) -> Keypoints:
        """Find the keypoints of pictures.

        Args:
            images: B 3 H W in [0, 1]; H and W multiples of ``config.size_multiple``.

        Returns:
            Keypoints of batch B.

        Raises:
            ConfigError: The pictures have another shape.
        """
        check_images(images, self.config)
        keypoints: Keypoints = self.kp_detector(images)
        return keypoints

    def generate(
        self,
        source: Tensor,
        source_keypoints: Keypoints,
        driving_keypoints: Keypoints,
        *,
        decode: bool = True,
        wanted: Tensor | None = None,
    ) -> Generated:
        """Make pictures of the source in the driving pose.

        Args:
            source: 1 or B pictures 3 H W in [0, 1]. H and W are multiples of ``config.size_multiple``; models with
                ``blend_warped`` take any size and give the picture in it.
            source_keypoints: 1 or B sets.
            driving_keypoints: B sets, as ``motion.transfer`` gives them.
            decode: Without, the picture is the warped source: to train motion alone.
            wanted: B pictures that should come out, to train with; see ``mouth.MouthPainter``.

        Returns:
            B pictures, in [0, 1], with the occlusion, flow and masks that they were made with.

        Raises:
            ConfigError: Batches do not fit together, or the source has another shape.
        """
        check_images(source, self.config, any_size=self.config.blend_warped)
        source, source_keypoints = match_batches(source, source_keypoints, len(driving_keypoints))
        generated: Generated = self.generator(source, source_keypoints, driving_keypoints, decode=decode, wanted=wanted)
        return generated


def check_images(images: Tensor, config: ModelConfig, *, any_size: bool = False) -> None:
    """Raise unless these are pictures of a size that the networks can see.

    Args:
        images: Should be B C H W.
        config: The model's.
        any_size: Accept every H and W.

    Raises:
        ConfigError: The tensor has another shape.
    """
    if images.ndim != 4 or images.shape[1] != config.num_channels:
        raise ConfigError(
            "These are not pictures", got=f"a tensor of shape {tuple(images.shape)}", expected="B 3 H W in [0, 1]"
        )
    if not any_size:
        config.check_size(*images.shape[2:])


def match_batches(source: Tensor, keypoints: Keypoints, batch: int) -> tuple[Tensor, Keypoints]:
    """Repeat the source and its keypoints, as views, where there is one of them.

    Args:
        source: 1 or B pictures.
        keypoints: 1 or B sets.
        batch: B.

    Returns:
        Both with B items.

    Raises:
        ConfigError: There are neither 1 nor B of them.
    """
    if source.shape[0] not in (1, batch) or len(keypoints) not in (1, batch):
        raise ConfigError(
            "Batches do not fit",
            got=f"{source.shape[0]} sources, {len(keypoints)} source keypoints, {batch} driving keypoints",
            expected="one source or as many as there are driving keypoints",
        )
    jacobian = None if keypoints.jacobian is None else keypoints.jacobian.expand(batch, -1, -1, -1)
    return source.expand(batch, -1, -1, -1), Keypoints(keypoints.value.expand(batch, -1, -1), jacobian)
