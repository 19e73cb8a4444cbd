"""A configuration's parameter names and shapes, and back: the published checkpoint's keys as a pure function.

The layout is that of the published First Order Motion Model (arXiv 2003.00196); names are with their network in front,
``generator.first.conv.weight``. No tensors here, only shapes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from motionkit.config import DenseMotionConfig, DiscriminatorConfig, GeneratorConfig, KpDetectorConfig, ModelConfig
from motionkit.config.networks import EYE_NETWORK, EYES, MOUTH_NETWORK, MOUTH_PLANES
from motionkit.errors import WeightsError

__all__ = ["Shapes", "expected_shapes", "recognise_shapes"]

Shapes = dict[str, tuple[int, ...]]


def expected_shapes(config: ModelConfig, *, discriminator: bool = False) -> Shapes:
    """Every parameter and buffer that a configuration implies.

    Args:
        config: The model's configuration.
        discriminator: Include the discriminator, which only training needs.

    Returns:
        Name to shape, ``generator.*``, ``kp_detector.*`` and, if asked for, ``discriminator.*``.
    """
    shapes = {**_kp_detector(config), **_generator(config), **_dense_motion(config)}
    return {**shapes, **_discriminator(config)} if discriminator else shapes


def _width(part: GeneratorConfig | KpDetectorConfig | DenseMotionConfig | DiscriminatorConfig, level: int) -> int:
    return min(part.max_features, part.block_expansion << level)


def _conv(name: str, outputs: int, inputs: int, kernel: int) -> Shapes:
    return {f"{name}.weight": (outputs, inputs, kernel, kernel), f"{name}.bias": (outputs,)}


def _norm(name: str, channels: int) -> Shapes:
    vectors = ("weight", "bias", "running_mean", "running_var")
    return {**{f"{name}.{v}": (channels,) for v in vectors}, f"{name}.num_batches_tracked": ()}


def _block(name: str, outputs: int, inputs: int, kernel: int = 3) -> Shapes:
    return {**_conv(f"{name}.conv", outputs, inputs, kernel), **_norm(f"{name}.norm", outputs)}


def _down(name: str, channels: int, scale_factor: float) -> Shapes:
    """The fixed Gaussian of the anti-aliased downsampling, 13 wide for a quarter of the size."""
    if scale_factor == 1:
        return {}
    kernel = 2 * round(4 * (1 / scale_factor - 1) / 2) + 1
    return {f"{name}.weight": (channels, 1, kernel, kernel)}


def _hourglass(name: str, part: KpDetectorConfig | DenseMotionConfig, inputs: int) -> Shapes:
    shapes: Shapes = {}
    for i in range(part.num_blocks):
        shapes |= _block(f"{name}.encoder.down_blocks.{i}", _width(part, i + 1), _width(part, i) if i else inputs)
    for j in range(part.num_blocks):
        i = part.num_blocks - 1 - j
        skips = 2 if j else 1  # the encoder's output of the same size is concatenated after every block
        shapes |= _block(f"{name}.decoder.up_blocks.{j}", _width(part, i), skips * _width(part, i + 1))
    return shapes


def _kp_detector(config: ModelConfig) -> Shapes:
    part, name = config.kp_detector, "kp_detector"
    features = part.block_expansion + config.num_channels
    shapes = {
        **_down(f"{name}.down", config.num_channels, part.scale_factor),
        **_hourglass(f"{name}.predictor", part, config.num_channels),
        **_conv(f"{name}.kp", config.num_kp, features, 7),
    }
    if config.estimate_jacobian:
        maps = 1 if part.single_jacobian_map else config.num_kp
        shapes |= _conv(f"{name}.jacobian", 4 * maps, features, 7)
    if config.eyes == "close":
        shapes |= _hourglass(f"{name}.eyes.predictor", EYE_NETWORK, config.num_channels)
        shapes |= _conv(f"{name}.eyes.kp", len(EYES[0]), EYE_NETWORK.block_expansion + config.num_channels, 7)
    return shapes


def _dense_motion(config: ModelConfig) -> Shapes:
    part, name = config.dense_motion, "generator.dense_motion_network"
    motions = len(config.moving) + 1
    inputs = motions * (config.num_channels + 1)
    features = part.block_expansion + (part.skip_features or inputs)
    shapes = {
        **_down(f"{name}.down", config.num_channels, part.scale_factor),
        **_hourglass(f"{name}.hourglass", part, inputs),
        **_conv(f"{name}.mask", motions, features, 7),
    }
    if part.skip_features:
        shapes |= _conv(f"{name}.skip", part.skip_features, inputs, 1)
    if config.generator.estimate_occlusion_map:
        shapes |= _conv(f"{name}.occlusion", 1, features, 7)
    return shapes


def _generator(config: ModelConfig) -> Shapes:
    name = "generator"
    shapes = _decoder(config) if config.decoder == "full" else {}
    if config.mouth == "close":
        inputs = config.num_channels + MOUTH_PLANES
        shapes |= _hourglass(f"{name}.mouth.predictor", MOUTH_NETWORK, inputs)
        features = MOUTH_NETWORK.block_expansion + inputs
        shapes |= _conv(f"{name}.mouth.paint", config.num_channels + 1, features, 3)
    return shapes


def _decoder(config: ModelConfig) -> Shapes:
    """With the encoder before it."""
    part, name = config.generator, "generator"
    depth = part.num_down_blocks
    shapes = _block(f"{name}.first", part.block_expansion, config.num_channels, 7)
    for i in range(depth):
        shapes |= _block(f"{name}.down_blocks.{i}", _width(part, i + 1), _width(part, i))
        shapes |= _block(f"{name}.up_blocks.{i}", _width(part, depth - i - 1), _width(part, depth - i))
    deepest = _width(part, depth)
    for i in range(part.num_bottleneck_blocks):
        for half in "12":
            shapes |= _norm(f"{name}.bottleneck.r{i}.norm{half}", deepest)
            shapes |= _conv(f"{name}.bottleneck.r{i}.conv{half}", deepest, deepest, 3)
    return shapes | _conv(f"{name}.final", config.num_channels, part.block_expansion, 7)


def _discriminator(config: ModelConfig) -> Shapes:
    part = config.discriminator
    shapes: Shapes = {}
    for scale in part.scales:
        name = f"discriminator.discs.{str(scale).replace('.', '-')}"
        inputs = config.num_channels + (config.num_kp if part.use_kp else 0)
        for i in range(part.num_blocks):
            shapes |= _spectral(f"{name}.down_blocks.{i}.conv", _width(part, i + 1), inputs, 4, sn=part.sn)
            if i:
                shapes |= {f"{name}.down_blocks.{i}.norm.{v}": (_width(part, i + 1),) for v in ("weight", "bias")}
            inputs = _width(part, i + 1)
        shapes |= _spectral(f"{name}.conv", 1, inputs, 1, sn=part.sn)
    return shapes


def _spectral(name: str, outputs: int, inputs: int, kernel: int, *, sn: bool) -> Shapes:
    shapes = _conv(name, outputs, inputs, kernel)
    if sn:
        shapes[f"{name}.weight_orig"] = shapes.pop(f"{name}.weight")
        shapes[f"{name}.weight_u"] = (outputs,)
        shapes[f"{name}.weight_v"] = (inputs * kernel * kernel,)
    return shapes


def recognise_shapes(shapes: Mapping[str, tuple[int, ...]]) -> ModelConfig:
    """The configuration that explains these shapes; what shapes do not show takes its default.

    Only the keys that decide are looked at; compare with ``expected_shapes`` afterwards.

    Args:
        shapes: Name to shape, as ``expected_shapes`` gives them.

    Raises:
        WeightsError: A deciding key is missing or has another rank; names it.
    """
    num_kp = _dim(shapes, "kp_detector.kp.weight", 0)
    jacobian = "kp_detector.jacobian.weight" in shapes
    maps = _dim(shapes, "kp_detector.jacobian.weight", 0) // 4 if jacobian else num_kp
    kp_detector = KpDetectorConfig(
        **_recognise_hourglass(shapes, "kp_detector.predictor", KpDetectorConfig.max_features),
        scale_factor=_recognise_scale(shapes, "kp_detector.down.weight"),
        single_jacobian_map=maps == 1 and num_kp > 1,
    )
    motion = "generator.dense_motion_network"
    dense_motion = DenseMotionConfig(
        **_recognise_hourglass(shapes, f"{motion}.hourglass", DenseMotionConfig.max_features),
        scale_factor=_recognise_scale(shapes, f"{motion}.down.weight"),
    )
    expansion, depth = _dim(shapes, "generator.first.conv.weight", 0), _count(shapes, "generator.down_blocks.{}.conv")
    deepest = _dim(shapes, f"generator.down_blocks.{depth - 1}.conv.weight", 0) if depth else expansion
    generator = GeneratorConfig(
        block_expansion=expansion,
        max_features=_recognise_limit(expansion, depth, deepest, GeneratorConfig.max_features),
        num_down_blocks=depth,
        num_bottleneck_blocks=_count(shapes, "generator.bottleneck.r{}.conv1"),
        estimate_occlusion_map=f"{motion}.occlusion.weight" in shapes,
    )
    multiple = max(round(2**part.num_blocks / part.scale_factor) for part in (kp_detector, dense_motion))
    size = math.ceil(ModelConfig.size / multiple) * multiple
    return ModelConfig(
        num_kp=num_kp,
        num_channels=_dim(shapes, "generator.first.conv.weight", 1),
        estimate_jacobian=jacobian,
        kp_detector=kp_detector,
        generator=generator,
        dense_motion=dense_motion,
        discriminator=_recognise_discriminator(shapes, num_kp),
        size=size,
        picture_size=size,
    )


def _dim(shapes: Mapping[str, tuple[int, ...]], key: str, axis: int) -> int:
    shape = shapes.get(key)
    if shape is None or len(shape) <= axis or not shape[axis]:
        raise WeightsError(
            "This is not a First Order Motion Model network",
            got=f"{key} {'missing' if shape is None else f'of shape {shape}'}",
            todo="Give a file that holds the published generator and keypoint detector",
        )
    return shape[axis]


def _count(shapes: Mapping[str, tuple[int, ...]], pattern: str) -> int:
    """How many numbered blocks there are, counted from 0 without a gap."""
    count = 0
    while pattern.format(count) + ".weight" in shapes:
        count += 1
    return count


def _recognise_limit(expansion: int, depth: int, deepest: int, default: int) -> int:
    """max_features: the default where that gives the deepest width that is seen, else that width."""
    return default if min(default, expansion * 2**depth) == deepest else deepest


def _recognise_hourglass(shapes: Mapping[str, tuple[int, ...]], name: str, default_limit: int) -> dict[str, int]:
    depth = max(1, _count(shapes, f"{name}.encoder.down_blocks.{{}}.conv"))
    expansion = _dim(shapes, f"{name}.decoder.up_blocks.{depth - 1}.conv.weight", 0)
    deepest = _dim(shapes, f"{name}.encoder.down_blocks.{depth - 1}.conv.weight", 0)
    limit = _recognise_limit(expansion, depth, deepest, default_limit)
    return {"block_expansion": expansion, "max_features": limit, "num_blocks": depth}


def _recognise_scale(shapes: Mapping[str, tuple[int, ...]], key: str) -> float:
    return 1 / ((_dim(shapes, key, 3) - 1) // 4 + 1) if key in shapes else 1


def _recognise_discriminator(shapes: Mapping[str, tuple[int, ...]], num_kp: int) -> DiscriminatorConfig:
    prefix = "discriminator.discs."
    scales = sorted({key.removeprefix(prefix).split(".")[0] for key in shapes if key.startswith(prefix)}, reverse=True)
    if not scales:
        return DiscriminatorConfig()
    name = f"{prefix}{scales[0]}"
    sn = f"{name}.conv.weight_orig" in shapes
    kind = "weight_orig" if sn else "weight"
    depth = 0
    while f"{name}.down_blocks.{depth}.conv.{kind}" in shapes:
        depth += 1
    expansion = _dim(shapes, f"{name}.down_blocks.0.conv.{kind}", 0) // 2
    deepest = _dim(shapes, f"{name}.conv.{kind}", 1)
    return DiscriminatorConfig(
        scales=tuple(float(s.replace("-", ".")) if "-" in s else int(s) for s in scales),
        block_expansion=expansion,
        max_features=_recognise_limit(expansion, depth, deepest, DiscriminatorConfig.max_features),
        num_blocks=depth,
        sn=sn,
        use_kp=_dim(shapes, f"{name}.down_blocks.0.conv.{kind}", 1) > num_kp,
    )
