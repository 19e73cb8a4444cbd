"""Configurations: what a network looks like, and the published presets.

Everything here is frozen and keyword-only. Model field names are those of the published YAML files.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, Literal, get_args

from motionkit.errors import ConfigError, InputError

__all__ = [
    "PRECISIONS",
    "PUBLISHED",
    "DenseMotionConfig",
    "DiscriminatorConfig",
    "GeneratorConfig",
    "KpDetectorConfig",
    "ModelConfig",
    "Precision",
]

# Of the picture-making part; "auto" is by device.
Precision = Literal["auto", "float32", "bfloat16", "float16", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
DOMAINS = ("face", "body", "fashion", "robot", "cartoon", "smile", "other")


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


@dataclass(frozen=True, kw_only=True)
class DenseMotionConfig:
    """The dense-motion network, inside the generator: from sparse motions to a flow and an occlusion map.

    Attributes:
        block_expansion: As in ``KpDetectorConfig``.
        max_features: As in ``KpDetectorConfig``.
        num_blocks: As in ``KpDetectorConfig``.
        scale_factor: As in ``KpDetectorConfig``.
        kp_variance: Variance of the Gaussians that mark keypoints, in squared units of [-1, 1].
    """

    block_expansion: int = 64
    max_features: int = 1024
    num_blocks: int = 5
    scale_factor: float = 0.25
    kp_variance: float = 0.01


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


_PARTS = {
    "kp_detector": KpDetectorConfig,
    "generator": GeneratorConfig,
    "dense_motion": DenseMotionConfig,
    "discriminator": DiscriminatorConfig,
}


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Everything that determines a model's shapes and arithmetic.

    Attributes:
        name: Registry name, or any label.
        domain: What it animates, one of ``DOMAINS``; ``face`` models crop around the face by default.
        num_kp: K, the number of keypoints.
        num_channels: Colours of a picture.
        estimate_jacobian: Whether each keypoint has a local affine frame (first order) or not (zeroth order).
        kp_detector: The keypoint detector's shape.
        generator: The generator's.
        dense_motion: The dense-motion network's.
        discriminator: The discriminator's; training alone uses it.
        size: Side in pixels of the square that the networks see.
        picture_size: Side in pixels of the picture that comes out.
        blend_warped: The picture is o·warped + (1-o)·decoded, with the source warped at its own size and o the
            occlusion map, instead of the decoder's output alone, and no motion is exactly the source. Published
            models do not set it.
        align_corners: Of every ``grid_sample``. True is what published weights were trained under.
        padding: What a warp reads outside the source: "zeros" as in published models, or "border", which repeats the
            outermost pixels and so leaves no dark rims.
        keypoint_names: A name for each keypoint, or empty.
        keypoint_groups: Group name to keypoint names, or empty; the names that ``gains`` accepts. On a group "head" all
            others ride, see ``AnimateOptions.gains``.

    Raises:
        ConfigError: The fields do not fit together.
    """

    name: str = "custom"
    domain: str = "other"
    num_kp: int = 10
    num_channels: int = 3
    estimate_jacobian: bool = True
    kp_detector: KpDetectorConfig = field(default_factory=KpDetectorConfig)
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    dense_motion: DenseMotionConfig = field(default_factory=DenseMotionConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    size: int = 256
    picture_size: int = 256
    blend_warped: bool = False
    align_corners: bool = True
    padding: Literal["zeros", "border"] = "zeros"
    keypoint_names: tuple[str, ...] = ()
    keypoint_groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.domain not in DOMAINS:
            raise ConfigError("Unknown domain", got=repr(self.domain), expected=f"one of {', '.join(DOMAINS)}")
        if self.padding not in ("zeros", "border"):
            raise ConfigError("Unknown padding", got=repr(self.padding), expected="'zeros' or 'border'")
        if self.num_kp < 1:
            raise ConfigError("A model needs keypoints", got=f"num_kp {self.num_kp}", expected="at least 1")
        if self.keypoint_names and len(self.keypoint_names) != self.num_kp:
            raise ConfigError(
                "Every keypoint needs a name, or none",
                got=f"{len(self.keypoint_names)} names",
                expected=f"{self.num_kp}",
            )
        for group, names in self.keypoint_groups.items():
            if unknown := set(names) - set(self.keypoint_names):
                raise ConfigError(f"Group {group!r} names unknown keypoints", got=", ".join(sorted(unknown)))
        if self.blend_warped and not self.generator.estimate_occlusion_map:
            raise ConfigError("blend_warped needs an occlusion map", todo="Set estimate_occlusion_map")
        self.check_size(self.size)

    @property
    def size_multiple(self) -> int:
        """Sides that the networks see must be multiples of this many pixels."""
        parts = (self.kp_detector, self.dense_motion)
        return max(round((1 << part.num_blocks) / part.scale_factor) for part in parts)

    def picture_side(self, size: int | None = None) -> int:
        """Side in pixels of the result.

        Args:
            size: The side that is wanted; None is the model's own ``picture_size``.

        Raises:
            InputError: The model cannot give pictures of this size.
        """
        if size is None or size == self.picture_size:
            return self.picture_size
        if not self.blend_warped:
            raise InputError(
                f"Model {self.name!r} gives pictures of one size only",
                got=f"size {size}",
                expected=str(self.picture_size),
                todo="Leave the size out",
            )
        return size

    def replace(self, **changes: Any) -> ModelConfig:
        """Return a copy with some fields changed, checked again.

        Args:
            **changes: Field name to new value.

        Raises:
            ConfigError: The fields do not fit together.
        """
        return replace(self, **changes)

    def check_size(self, *sides: int) -> None:
        """Raise unless every side is one that the networks can see.

        Args:
            *sides: Heights or widths in pixels.

        Raises:
            ConfigError: A side is too small, or no multiple of ``size_multiple``.
        """
        multiple = self.size_multiple
        # The detector's last convolutions are 7×7 without padding: its maps need that many pixels.
        least = -(-math.ceil(7 / self.kp_detector.scale_factor) // multiple) * multiple
        if any(side < least or side % multiple for side in sides):
            raise ConfigError(
                "The networks cannot see a picture of this size",
                got="x".join(str(side) for side in sides),
                expected=f"sides that are multiples of {multiple}, from {least}",
                todo=f"Resize it, for instance to {max(least, sides[0] // multiple * multiple)}",
            )

    @classmethod
    def from_dict(cls, model_params: Mapping[str, Any]) -> ModelConfig:
        """Read ``model_params`` of a published YAML file, or what ``to_dict`` wrote.

        Args:
            model_params: Nested as in the file; missing fields take the defaults above.

        Raises:
            ConfigError: A field is not known, or the fields do not fit together.
        """
        params = dict(model_params)
        generator = dict(params.pop("generator_params", {}))
        common = dict(params.pop("common_params", {}))
        parts: dict[str, Any] = {
            "kp_detector": params.pop("kp_detector_params", {}),
            "dense_motion": generator.pop("dense_motion_params", {}),
            "generator": generator,
            "discriminator": dict(params.pop("discriminator_params", {})),
        }
        if "scales" in parts["discriminator"]:
            parts["discriminator"]["scales"] = tuple(parts["discriminator"]["scales"])
        if "keypoint_names" in params:
            params["keypoint_names"] = tuple(params["keypoint_names"])
        if "keypoint_groups" in params:
            params["keypoint_groups"] = {k: tuple(v) for k, v in params["keypoint_groups"].items()}
        top = {**common, **params}
        _check_fields(cls, top, "model_params")
        for name, values in parts.items():
            _check_fields(_PARTS[name], values, f"{name}_params")
        return cls(**top, **{name: _PARTS[name](**values) for name, values in parts.items()})

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration in the published YAML's structure; JSON-ready; ``from_dict`` reads it back."""
        flat = asdict(self)
        generator = flat.pop("generator")
        generator["dense_motion_params"] = flat.pop("dense_motion")
        common = {name: flat.pop(name) for name in ("num_kp", "num_channels", "estimate_jacobian")}
        return {
            **{name: value for name, value in flat.items() if name not in _PARTS},
            "common_params": common,
            "kp_detector_params": flat["kp_detector"],
            "generator_params": generator,
            "discriminator_params": flat["discriminator"],
        }


def _check_fields(cls: type, values: Mapping[str, Any], where: str) -> None:
    """Raise ConfigError if ``values`` has a key that is no field of the dataclass ``cls``."""
    known = {f.name for f in fields(cls)}
    if unknown := set(values) - known:
        raise ConfigError(
            f"Unknown field in {where}", got=", ".join(sorted(unknown)), expected=f"among {', '.join(sorted(known))}"
        )


def _published(name: str, domain: str, *, sn: bool, use_kp: bool, single_jacobian_map: bool = False) -> ModelConfig:
    return ModelConfig(
        name=name,
        domain=domain,
        kp_detector=KpDetectorConfig(single_jacobian_map=single_jacobian_map),
        discriminator=DiscriminatorConfig(sn=sn, use_kp=use_kp),
    )


# All eight share one architecture (arXiv 2003.00196, supplementary); the fashion file was trained without sn
# according to its YAML but carries spectral norm nevertheless, so the file's truth is kept here.
PUBLISHED: Mapping[str, ModelConfig] = MappingProxyType(
    {
        "vox": _published("vox", "face", sn=True, use_kp=False),
        "vox-adv": _published("vox-adv", "face", sn=False, use_kp=True),
        "taichi": _published("taichi", "body", sn=False, use_kp=False),
        "taichi-adv": _published("taichi-adv", "body", sn=False, use_kp=True),
        "fashion": _published("fashion", "fashion", sn=True, use_kp=False),
        "bair": _published("bair", "robot", sn=True, use_kp=False),
        "mgif": _published("mgif", "cartoon", sn=True, use_kp=False, single_jacobian_map=True),
        "nemo": _published("nemo", "smile", sn=True, use_kp=False),
    }
)
