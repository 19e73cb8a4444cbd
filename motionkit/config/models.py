"""What a whole model looks like: its networks, its sizes, its keypoints' names.

Everything here is frozen and keyword-only. Model field names are those of the published YAML files.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from typing import Any, Literal, get_args

from motionkit.config.checks import (
    as_tuple,
    check_fields,
    check_whole,
    shown,
    take_group,
)
from motionkit.config.networks import (
    EYES,
    LANDING,
    MOUTH,
    DenseMotionConfig,
    DiscriminatorConfig,
    GeneratorConfig,
    KpDetectorConfig,
    check_switches,
)
from motionkit.errors import ConfigError, InputError

__all__ = [
    "BODY",
    "PRECISIONS",
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
MAX_KEYPOINTS, MAX_SIDE, MAX_NAME = 1000, 8192, 200  # what a stored configuration may ask for
BODY = "body"  # the group of keypoints that bear a head
_CHOICES = {
    "domain": DOMAINS,
    "padding": ("zeros", "border"),
    "interpolation": ("bilinear", "bicubic"),
    "eyes": ("plain", "close"),
    "landing": ("free", "exact"),
    "mouth": ("plain", "close"),
    "decoder": ("full", "none"),
}
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
        interpolation: How the last warp, that of the picture itself, samples: "bilinear" as in published models, or
            "bicubic", which keeps more of the source's sharpness. Features are always sampled bilinearly.
        eyes: How irises and lids are found: "plain", as any keypoint, or "close", in close-ups, and how they move the
            picture: they come out where they should (``modules.eyes``), and the dense motion knows nothing of irises.
            It needs the keypoints named in ``EYES``.
        landing: Whether the flow leaves brows, mouth, chin and shoulders where the networks have them, "free", or takes
            them to where their keypoints are, "exact" (``modules.landing``). It needs these keypoints, and the eyes'.
        mouth: Who paints what an opened mouth shows: the decoder, "plain", or a small network that sees it "close"
            (``modules.mouth``). It needs the keypoints named in ``MOUTH``, and the eyes'.
        decoder: "full", or "none": the picture is the warped source, and the model has neither encoder nor decoder.
            Where the source does not show what should be seen, what is around it is stretched, and background is
            continued (``modules.background``). It needs ``blend_warped``.
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
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    eyes: Literal["plain", "close"] = "plain"
    landing: Literal["free", "exact"] = "free"
    mouth: Literal["plain", "close"] = "plain"
    decoder: Literal["full", "none"] = "full"
    keypoint_names: tuple[str, ...] = ()
    keypoint_groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, known in _CHOICES.items():
            if (value := getattr(self, name)) not in known:
                raise ConfigError(f"Unknown {name}", got=shown(value), expected=f"one of {', '.join(known)}")
        for name, most in {
            "num_kp": MAX_KEYPOINTS, "num_channels": 64, "size": MAX_SIDE, "picture_size": MAX_SIDE
        }.items():  # fmt: skip
            check_whole(name, getattr(self, name), 1, most, error=ConfigError)
        check_switches("", self, "estimate_jacobian", "blend_warped", "align_corners")
        texts = [self.name, *self.keypoint_names, *self.keypoint_groups, *chain(*self.keypoint_groups.values())]
        if wrong := [name for name in texts if not isinstance(name, str) or len(name) > MAX_NAME]:
            what = "A name in the model's configuration cannot be used"
            raise ConfigError(what, got=shown(wrong[0]), expected=f"text of at most {MAX_NAME} characters")
        if self.keypoint_names and len(self.keypoint_names) != self.num_kp:
            raise ConfigError(
                "Every keypoint needs a name, or none",
                got=f"{len(self.keypoint_names)} names",
                expected=f"{self.num_kp}",
            )
        if len(set(self.keypoint_names)) < len(self.keypoint_names):
            twice = next(name for name in self.keypoint_names if self.keypoint_names.count(name) > 1)
            raise ConfigError("Two keypoints have one name", got=shown(twice), expected="a name for each")
        for group, names in self.keypoint_groups.items():
            if unknown := set(names) - set(self.keypoint_names):
                raise ConfigError(f"Group {group!r} names unknown keypoints", got=", ".join(sorted(unknown)))
        self._check_parts()
        self.check_size(self.size)

    def _check_parts(self) -> None:
        if self.blend_warped and not self.generator.estimate_occlusion_map:
            raise ConfigError("blend_warped needs an occlusion map", todo="Set estimate_occlusion_map")
        if self.decoder == "none" and not self.blend_warped:
            raise ConfigError("Without a decoder a picture is the warped source", todo="Set blend_warped")
        needed = {"Eyes cannot be seen closely": {*chain(*EYES)}} if self.eyes == "close" else {}
        needed |= {"Nothing can land": {*chain(*EYES, *LANDING)}} if self.landing == "exact" else {}
        needed |= {"A mouth cannot be seen closely": {*chain(*EYES), *MOUTH}} if self.mouth == "close" else {}
        for what, names in needed.items():
            if lacking := sorted(names - {*self.keypoint_names}):
                raise ConfigError(f"{what} without its keypoints", got=f"none named {', '.join(lacking)}")

    @property
    def size_multiple(self) -> int:
        """Sides that the networks see must be multiples of this many pixels."""
        parts = (self.kp_detector, self.dense_motion)
        return max(round((1 << part.num_blocks) / part.scale_factor) for part in parts)

    @property
    def sized_by(self) -> tuple[int, ...] | None:
        """Indices of the keypoints that show how large a face is and where it looks: all but those of a group "body".

        None where there is no such group, or nothing else.
        """
        body = self.keypoint_groups.get(BODY, ())
        rest = tuple(i for i, name in enumerate(self.keypoint_names) if name not in body)
        return rest if body and rest else None

    @property
    def moving(self) -> tuple[int, ...]:
        """Indices of the keypoints whose motions the dense motion blends: all, or all but irises seen closely."""
        apart = {eye[0] for eye in EYES} if self.eyes == "close" else set()
        names = self.keypoint_names or ("",) * self.num_kp
        return tuple(i for i, name in enumerate(names) if name not in apart)

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
        params = take_group(model_params, None)
        generator, common = take_group(params, "generator_params"), take_group(params, "common_params")
        parts: dict[str, Any] = {
            "kp_detector": take_group(params, "kp_detector_params"),
            "dense_motion": take_group(generator, "dense_motion_params"),
            "generator": generator,
            "discriminator": take_group(params, "discriminator_params"),
        }
        if "scales" in parts["discriminator"]:
            parts["discriminator"]["scales"] = as_tuple("scales", parts["discriminator"]["scales"])
        if "keypoint_names" in params:
            params["keypoint_names"] = as_tuple("keypoint_names", params["keypoint_names"])
        if "keypoint_groups" in params:
            groups = take_group(params, "keypoint_groups")
            params["keypoint_groups"] = {k: as_tuple(f"keypoint_groups {shown(k)}", v) for k, v in groups.items()}
        top = {**common, **params}
        check_fields(cls, top, "model_params")
        if twice := sorted(top.keys() & parts.keys()):
            raise ConfigError("A group of fields has another name", got=shown(twice[0]), expected=f"{twice[0]}_params")
        for name, values in parts.items():
            check_fields(_PARTS[name], values, f"{name}_params")
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
