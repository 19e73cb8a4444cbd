"""What a training run does: data, augmentation, losses, schedule. Frozen and keyword-only; these are the defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

from motionkit.config import ModelConfig
from motionkit.config.checks import check_number, check_whole, shown
from motionkit.data.config import AugmentationConfig, DataConfig
from motionkit.errors import ConfigError

__all__ = ["AugmentationConfig", "DataConfig", "LossConfig", "TrainConfig"]


MANY, MAX_WEIGHT, BELOW_ONE = 10**9, 1e9, 1 - 2**-53
MAX_FLOAT = 1e300
TERMS = (
    "pixel", "gan", "feature_matching", "equivariance_value", "equivariance_jacobian", "keypoints", "keypoint_motion",
    "jacobians", "flow", "visibility", "warped", "focus", "hidden", "focus_keypoints",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """Weights of the objective's terms; 0 leaves a term out (arXiv 2003.00196, section 3.4 and supplementary).

    Attributes:
        network: Whose features the perceptual loss compares: "vgg19", "efficientnet" or "none".
        perceptual: Weight of each of the network's layers.
        scales: Of the picture pyramid that perceptual loss sees.
        pixel: L1 between the pictures themselves.
        gan: Least-squares GAN; also switches feature matching on.
        feature_matching: L1 between the discriminator's maps.
        close_ups: Names of keypoint groups whose surroundings the discriminator sees, instead of whole pictures: mouths
            and eyes, where a picture has to be likely rather than an average. Needs true keypoints.
        close_up: Side of such a square, as a share of the picture's, above 0 and at most 1.
        equivariance_value: Equivariance of the keypoints under random affine and thin-plate-spline transforms.
        equivariance_jacobian: Equivariance of their Jacobians under the same transforms.
        sigma_affine: Standard deviation of the noise on a transform's affine part.
        sigma_tps: Standard deviation of its spline's weights.
        points_tps: Its control points along each side.
        keypoints: L1 to true keypoints, where the data carries them.
        keypoint_motion: L1 of the way from the source's keypoints to the driving picture's to the true way: errors that
            both share, such as another idea of where a brow ends, do not matter to motion.
        jacobians: L1 to true Jacobians, where the data carries them.
        flow: L1 to the true flow where it is visible.
        visibility: Binary cross-entropy of the occlusion map against true visibility.
        warped: L1 between the warped source and the driving picture where the source shows it. With ``flow`` and
            ``visibility`` alone it trains the motion and leaves the decoder as it is, in less than half the time.
        focus: How much more pixel, flow, visibility and warped count at the true keypoints of ``focus_groups``, fading
            over a tenth of the picture: mouths and eyes are small, and what faces say.
        hidden: How much more pixels count where the source does not show what is to be seen: what the decoder must
            invent, the inside of a mouth above all, is a small part of a picture.
        focus_keypoints: How much more these groups' keypoints count among all.
        focus_groups: Names of the model's keypoint groups that ``focus`` and ``focus_keypoints`` are about.
        true_keypoints: Share of the pairs with truth whose generator sees the true keypoints; the others see
            predicted ones, detached, so that picture losses do not pull the detector away from the truth.
        true_motion: Share of the pairs with truth whose generator sees the source's predicted keypoints, moved as the
            true ones move. So does relative motion: it carries the source's errors along.

    Raises:
        ConfigError: ``true_keypoints`` and ``true_motion``, or ``close_up``, are out of range.
    """

    network: Literal["vgg19", "efficientnet", "none"] = "vgg19"
    perceptual: tuple[float, ...] = (10.0, 10.0, 10.0, 10.0, 10.0)
    scales: tuple[float, ...] = (1.0, 0.5, 0.25, 0.125)
    pixel: float = 0.0
    gan: float = 0.0
    feature_matching: float = 10.0
    close_ups: tuple[str, ...] = ()
    close_up: float = 0.4
    equivariance_value: float = 10.0
    equivariance_jacobian: float = 10.0
    sigma_affine: float = 0.05
    sigma_tps: float = 0.005
    points_tps: int = 5
    keypoints: float = 0.0
    keypoint_motion: float = 0.0
    jacobians: float = 0.0
    flow: float = 0.0
    visibility: float = 0.0
    warped: float = 0.0
    focus: float = 0.0
    hidden: float = 0.0
    focus_keypoints: float = 0.0
    focus_groups: tuple[str, ...] = ("mouth", "eyes")
    true_keypoints: float = 0.5
    true_motion: float = 0.0

    def __post_init__(self) -> None:
        for name in TERMS:
            check_number(name, getattr(self, name), 0, MAX_WEIGHT, error=ConfigError)
        for weight in self.perceptual:
            check_number("a weight of perceptual", weight, 0, MAX_WEIGHT, error=ConfigError)
        check_whole("the number of scales", len(self.scales), 0, 16, error=ConfigError)
        for scale in self.scales:
            check_number("a scale", scale, 1 / 64, 1, error=ConfigError)
        for name in ("sigma_affine", "sigma_tps"):
            check_number(name, getattr(self, name), 0, 10, error=ConfigError)
        check_whole("points_tps", self.points_tps, 2, 64, error=ConfigError)
        shares = self.true_keypoints, self.true_motion
        if not (min(shares) >= 0 and sum(shares) <= 1):
            got = f"true_keypoints {shares[0]:g}, true_motion {shares[1]:g}"
            raise ConfigError("Shares of the pairs are out of range", got=got, expected="from 0, in all at most 1")
        if not 0 < self.close_up <= 1:
            raise ConfigError("close_up is out of range", got=self.close_up, expected="above 0, at most 1")

    @property
    def truth(self) -> frozenset[str]:
        """Parts of the data's truth that a term asks for; unsupervised training asks for none."""
        asked = {
            "keypoints": self.keypoints or self.keypoint_motion or self.focus or (self.gan and self.close_ups),
            "jacobians": self.jacobians,
            "flow": self.flow,
            "visibility": self.visibility or self.hidden or self.warped,
        }
        return frozenset(name for name, weight in asked.items() if weight)


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """A whole training run.

    Attributes:
        model: What is trained.
        data: Where pairs come from.
        augmentation: How pairs are changed at random.
        loss: What is minimised.
        epochs: Passes over the data (each ``data.repeats`` times the clips).
        steps: Stop after this many optimiser steps, if sooner; None is no such limit.
        batch_size: Pairs a step, over all processes.
        accumulate: Backward passes a step; each sees batch_size / accumulate pairs.
        lr_detector: Learning rate of the keypoint detector; with 0 it is frozen.
        detector_groups: Groups of keypoints that the detector learns to find; others are found as before, to the last
            bit. Empty is all of them, and what they share.
        lr_generator: Learning rate of the generator, above 0.
        generator_groups: Groups of keypoints that the generator learns to follow; how it moves the others, and paints,
            stays as it is. Empty is all that it does.
        generator_part: "all"; the "decoder" alone, with the encoder of the source: how it paints what was moved, and
            what the source does not show; or the "mouth" alone, where that is seen closely. All else stays as it is, to
            the last bit.
        lr_discriminator: Learning rate of the discriminator, where ``loss.gan`` asks for one.
        betas: Of Adam, for all three.
        milestones: Epochs after which the learning rates are divided by ten.
        warmup: Steps over which the learning rates rise from 0.
        clip: Largest norm of a network's gradient; None is no limit.
        ema: Decay of the moving average of the weights, which is what the run ends with; 0 is none. Step n uses at
            most (1 + n) / (10 + n), so that short runs forget the random start too.
        precision: "float32", "bfloat16" or "float16" (autocast).
        seed: Of every random draw.
        checkpoint_minutes: Minutes between checkpoints, beside the one at each epoch's end.
        grid_steps: Steps between picture grids.
        log_steps: Steps between scalars.

    Raises:
        ConfigError: A value is out of range, ``batch_size`` is no multiple of ``accumulate``, or the model cannot see
            pictures of this size.
    """

    model: ModelConfig
    data: DataConfig = field(default_factory=DataConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    epochs: int = 100
    steps: int | None = None
    batch_size: int = 8
    accumulate: int = 1
    lr_detector: float = 2e-4
    detector_groups: tuple[str, ...] = ()
    lr_generator: float = 2e-4
    generator_groups: tuple[str, ...] = ()
    generator_part: Literal["all", "decoder", "mouth"] = "all"
    lr_discriminator: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    milestones: tuple[int, ...] = ()
    warmup: int = 0
    clip: float | None = None
    ema: float = 0.0
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    seed: int = 0
    checkpoint_minutes: float = 10.0
    grid_steps: int = 500
    log_steps: int = 20

    def __post_init__(self) -> None:
        for name in ("epochs", "grid_steps", "log_steps"):
            check_whole(name, getattr(self, name), 1, MANY, error=ConfigError)
        for name in ("batch_size", "accumulate"):
            check_whole(name, getattr(self, name), 1, 1 << 16, error=ConfigError)
        for name, value in (("warmup", self.warmup), *(("a milestone", value) for value in self.milestones)):
            check_whole(name, value, 0, MANY, error=ConfigError)
        if self.steps is not None:
            check_whole("steps", self.steps, 1, MANY, error=ConfigError)
        if self.clip is not None:
            check_number("clip", self.clip, 0, MAX_WEIGHT, above=True, error=ConfigError)
        for name in ("lr_detector", "lr_discriminator"):
            check_number(name, getattr(self, name), 0, 1000, error=ConfigError)
        check_number("lr_generator", self.lr_generator, 0, 1000, above=True, error=ConfigError)
        for name, decay in (("ema", self.ema), *(("a beta", beta) for beta in self.betas)):
            check_number(name, decay, 0, BELOW_ONE, error=ConfigError)
        check_number("checkpoint_minutes", self.checkpoint_minutes, 0, MANY, error=ConfigError)
        check_whole("seed", self.seed, 0, (1 << 63) - 1, error=ConfigError)
        if self.batch_size % self.accumulate:
            raise ConfigError(
                "A batch must fall into equal parts",
                got=f"batch_size {self.batch_size}, accumulate {self.accumulate}",
                expected="a multiple",
            )
        self._check_groups()
        if not self.model.blend_warped:  # such models shrink what their networks see themselves
            self.model.check_size(self.size)

    def _check_groups(self) -> None:
        for name in ("detector_groups", "generator_groups"):
            if unknown := sorted({*getattr(self, name)} - {*self.model.keypoint_groups}):
                raise ConfigError(
                    f"{name} names no group of the model's keypoints",
                    got=", ".join(unknown),
                    expected=f"some of {', '.join(self.model.keypoint_groups) or 'none: the keypoints have no names'}",
                )
        if self.generator_groups and self.generator_part != "all":
            raise ConfigError(
                "What paints learns no groups of keypoints",
                got=f"generator_groups {', '.join(self.generator_groups)}, generator_part {self.generator_part}",
                todo="Give one of the two",
            )
        lacks = {"mouth": self.model.mouth == "plain", "decoder": self.model.decoder == "none"}
        if lacks.get(self.generator_part):
            raise ConfigError("The model has no such part to train", got=f"generator_part {self.generator_part}")
        if not self.detector_groups:
            return
        if self.lr_detector == 0:
            raise ConfigError("A frozen detector learns no group", got="lr_detector 0", todo="Give it a learning rate")
        if self.model.kp_detector.single_jacobian_map:
            raise ConfigError(
                "Keypoints that share one Jacobian cannot learn alone", todo="Leave detector_groups empty"
            )

    @property
    def size(self) -> int:
        """Side in pixels of the pictures that training sees."""
        return self.data.size or self.model.size

    def replace(self, **changes: Any) -> TrainConfig:
        """Copy this with some fields, given by name, changed; the copy is checked again."""
        return replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Write this as nested dicts that JSON can hold; ``from_dict`` reads them back."""
        flat = {f.name: getattr(self, f.name) for f in fields(self)}
        parts = {name: asdict(flat[name]) for name in _PARTS}
        plain: dict[str, Any] = _plain({**flat, **parts, "model": self.model.to_dict()})
        return plain

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainConfig:
        """Read what ``to_dict`` wrote.

        Args:
            values: Nested dicts; fields that are missing take the defaults above.

        Raises:
            ConfigError: A field that is not known, or a value of another type or out of range.
        """
        given = dict(values)
        model = given.pop("model", None)
        if not isinstance(model, Mapping):
            raise ConfigError("A training configuration needs a model", got=shown(model), expected="its fields")
        parts = {name: _read(part, given.pop(name, {}), name) for name, part in _PARTS.items()}
        return cls(**_read_fields(cls, given, ""), **parts, model=ModelConfig.from_dict(model))


_PARTS: dict[str, type] = {"data": DataConfig, "augmentation": AugmentationConfig, "loss": LossConfig}


def _plain(value: Any) -> Any:
    """Tuples as lists, so that what was written equals what JSON gives back."""
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, (list, tuple)) else value


def _read(part: type, values: Any, where: str) -> Any:
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where} is no group of fields", got=shown(values))
    return part(**_read_fields(part, values, f"{where}."))


def _read_fields(part: type, values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The values in the types that the dataclass ``part`` declares."""
    types = get_type_hints(part)
    if unknown := sorted(set(values) - set(types)):
        raise ConfigError(
            f"Unknown field {where}{unknown[0]}", expected=f"one of {', '.join(where + name for name in types)}"
        )
    return {name: _as_type(value, types[name], where + name) for name, value in values.items()}


def _as_type(value: Any, wanted: Any, where: str) -> Any:
    """``value`` in the type of its field: lists become tuples, whole numbers floats where floats belong."""
    arguments = get_args(wanted)
    if get_origin(wanted) is Literal:
        if isinstance(value, str) and value in arguments:
            return value
    elif get_origin(wanted) is tuple:
        many = len(arguments) == 2 and arguments[1] is Ellipsis
        if isinstance(value, (list, tuple)) and (many or len(value) == len(arguments)):
            kinds = [arguments[0]] * len(value) if many else arguments
            return tuple(_as_type(part, kind, where) for part, kind in zip(value, kinds, strict=True))
    elif arguments:  # X | None
        return None if value is None else _as_type(value, arguments[0], where)
    elif wanted is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float("inf") if abs(value) > MAX_FLOAT else float(value)  # which no field accepts
    elif isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool)):
        return value
    raise ConfigError(f"{where} is of another kind", got=shown(value), expected=_describe(wanted))


def _describe(wanted: Any) -> str:
    arguments = get_args(wanted)
    if get_origin(wanted) is Literal:
        return f"one of {', '.join(map(str, arguments))}"
    if get_origin(wanted) is tuple:
        return f"a list of {'any number' if arguments[-1] is Ellipsis else len(arguments)} of {arguments[0].__name__}"
    return str(getattr(wanted, "__name__", wanted))
