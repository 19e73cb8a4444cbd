"""The shapes of the four networks that make a model. Field names are those of the published YAML files."""

from __future__ import annotations

from dataclasses import dataclass

from motionkit.config.checks import check_number, check_whole, shown
from motionkit.errors import ConfigError

__all__ = [
    "EYES",
    "EYE_NETWORK",
    "LANDING",
    "MOUTH",
    "MOUTH_NETWORK",
    "MOUTH_PLANES",
    "DenseMotionConfig",
    "DiscriminatorConfig",
    "GeneratorConfig",
    "KpDetectorConfig",
    "check_switches",
]

# Far beyond any network that is known: configurations come inside files, from anyone.
MAX_CHANNELS, MAX_DEPTH, MIN_SCALE = 8192, 12, 1 / 64


@dataclass(frozen=True, kw_only=True)
class KpDetectorConfig:
    """The keypoint detector: an hourglass, a softmax over positions, one affine frame for each keypoint.

    Attributes:
        block_expansion: Channels at the hourglass's widest level; each level below it has twice as many.
        max_features: Most channels of any level.
        num_blocks: Levels below the widest; each has half the height and width of the one above.
        scale_factor: Size of the picture that the network sees, as a share of the whole picture's; at most 1.
        temperature: What scores are divided by before the softmax over positions, above 0; a small one gives sharp
            maps.
        single_jacobian_map: Whether all keypoints share one map of Jacobians, instead of one for each.
    """

    block_expansion: int = 32
    max_features: int = 1024
    num_blocks: int = 5
    scale_factor: float = 0.25
    temperature: float = 0.1
    single_jacobian_map: bool = False

    def __post_init__(self) -> None:
        _check_hourglass("kp_detector", self)
        check_number("kp_detector temperature", self.temperature, 0, 1e6, above=True, error=ConfigError)
        check_switches("kp_detector", self, "single_jacobian_map")


@dataclass(frozen=True, kw_only=True)
class DenseMotionConfig:
    """The dense-motion network, inside the generator: from sparse motions to a flow and an occlusion map.

    Attributes:
        block_expansion: As in ``KpDetectorConfig``.
        max_features: As in ``KpDetectorConfig``.
        num_blocks: As in ``KpDetectorConfig``.
        scale_factor: As in ``KpDetectorConfig``.
        kp_variance: Variance of the Gaussians that mark keypoints, in squared units of [-1, 1].
        skip_features: Maps that the last skip connection, all that the network sees, is reduced to before mask and
            occlusion read it; 0 hands on all of it, as published models do.
    """

    block_expansion: int = 64
    max_features: int = 1024
    num_blocks: int = 5
    scale_factor: float = 0.25
    kp_variance: float = 0.01
    skip_features: int = 0

    def __post_init__(self) -> None:
        _check_hourglass("dense_motion", self)
        check_whole("dense_motion skip_features", self.skip_features, 0, MAX_CHANNELS, error=ConfigError)
        check_number("dense_motion kp_variance", self.kp_variance, 0, 1e6, above=True, error=ConfigError)


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """The generator: encoder, warp, occlusion, bottleneck, decoder.

    Attributes:
        block_expansion: Channels at the picture's size; each halving doubles them.
        max_features: Most channels at any size.
        num_down_blocks: How often the encoder halves height and width before the warp.
        num_bottleneck_blocks: Residual blocks between warp and decoder.
        estimate_occlusion_map: Whether the dense-motion network says what of the result the source does not show.
    """

    block_expansion: int = 64
    max_features: int = 512
    num_down_blocks: int = 2
    num_bottleneck_blocks: int = 6
    estimate_occlusion_map: bool = True

    def __post_init__(self) -> None:
        _check_widths("generator", self)
        check_whole("generator num_down_blocks", self.num_down_blocks, 0, MAX_DEPTH, error=ConfigError)
        check_whole("generator num_bottleneck_blocks", self.num_bottleneck_blocks, 0, 256, error=ConfigError)
        check_switches("generator", self, "estimate_occlusion_map")


@dataclass(frozen=True, kw_only=True)
class DiscriminatorConfig:
    """The multi-scale patch discriminator; used in training only.

    Attributes:
        scales: Sizes of the pictures that are judged, as shares of the whole picture's.
        block_expansion: Half of the channels after the first block; each further block doubles them.
        max_features: Most channels of any block.
        num_blocks: Blocks; all but the last halve height and width.
        sn: Whether convolutions have spectral normalisation.
        use_kp: Whether it also sees a Gaussian around each keypoint.
    """

    scales: tuple[float, ...] = (1,)
    block_expansion: int = 32
    max_features: int = 512
    num_blocks: int = 4
    sn: bool = False
    use_kp: bool = False

    def __post_init__(self) -> None:
        _check_widths("discriminator", self)
        check_whole("discriminator num_blocks", self.num_blocks, 1, MAX_DEPTH, error=ConfigError)
        check_whole("the number of discriminator scales", len(self.scales), 1, 8, error=ConfigError)
        for scale in self.scales:
            check_number("discriminator scale", scale, MIN_SCALE, 1, error=ConfigError)
        check_switches("discriminator", self, "sn", "use_kp")


EYES = tuple((f"iris_{side}", f"lid_upper_{side}", f"lid_lower_{side}") for side in ("left", "right"))
"""The keypoints of either eye that it needs, by their names."""
LANDING = (
    ("collar", "shoulder_left", "shoulder_right"),
    (
        "brow_inner_left", "brow_inner_right", "brow_outer_left", "brow_outer_right",
        "mouth_left", "mouth_right", "lip_top", "lip_bottom", "chin",
    ),
)  # fmt: skip
"""The keypoints that land where they should, by their names: of the body, then of the face."""

MOUTH = ("mouth_left", "mouth_right", "lip_top", "lip_bottom", "nose")
"""The keypoints by which a mouth is seen closely, by their names; the eyes' are needed too."""

_Network = KpDetectorConfig | DenseMotionConfig | GeneratorConfig | DiscriminatorConfig


def _check_widths(where: str, part: _Network) -> None:
    for name in ("block_expansion", "max_features"):
        check_whole(f"{where} {name}", getattr(part, name), 1, MAX_CHANNELS, error=ConfigError)


def _check_hourglass(where: str, part: KpDetectorConfig | DenseMotionConfig) -> None:
    _check_widths(where, part)
    check_whole(f"{where} num_blocks", part.num_blocks, 1, MAX_DEPTH, error=ConfigError)
    check_number(f"{where} scale_factor", part.scale_factor, MIN_SCALE, 1, error=ConfigError)


def check_switches(where: str, part: object, *names: str) -> None:
    """Raise unless some fields of a configuration are true or false.

    Args:
        where: The part of the model, for the message.
        part: The configuration.
        *names: Its fields.

    Raises:
        ConfigError: One of them is something else.
    """
    for name in names:
        if not isinstance(value := getattr(part, name), bool):
            raise ConfigError(f"{where} {name} is out of range".strip(), got=shown(value), expected="true or false")


EYE_NETWORK = KpDetectorConfig(block_expansion=12, max_features=48, num_blocks=3, scale_factor=1)
"""What looks at eyes closely."""

MOUTH_NETWORK = KpDetectorConfig(block_expansion=12, max_features=48, num_blocks=3, scale_factor=1)
"""What paints mouths."""
MOUTH_PLANES = 3 + 6 + 3
"""What it sees beside the picture: distances from the lips and place, how both mouths are, how light it is."""
