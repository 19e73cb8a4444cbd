"""Weights for a model that grew: more keypoints, eyes or mouth seen closely. What they knew stays.

Legend: K keypoints before, N after; C colours of a picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import torch
from torch import Tensor, nn

from motionkit.config import ModelConfig
from motionkit.errors import ConfigError
from motionkit.modules.eyes import EyeFinder
from motionkit.modules.mouth import MouthPainter
from motionkit.weights.checkpoints import Checkpoint

__all__ = ["AT_FIRST", "BEGINNINGS", "UNKNOWN", "is_wider", "widened"]

BEGINNINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {f"iris_{side}": (f"lid_upper_{side}", f"lid_lower_{side}") for side in ("left", "right")}
    | dict.fromkeys(("collar", "shoulder_left", "shoulder_right"), ("neck",))
)
"""Keypoints like which a new one moves: it begins between them. Any other begins in the middle of the picture."""

# Too far from there: a map that is sharp in the wrong place hardly learns the right one. These are looked for evenly.
FAR = frozenset({"shoulder_left", "shoulder_right"})

# How much less than its beginnings' motion a new keypoint's counts at first: e^-1.5 is 22%. It moves nearly as they do,
# so little changes. With e^-8, 0.03%, hardly a gradient came through: after a thousand steps it counted less still.
AT_FIRST = 1.5
# One that begins as nothing knows no motion yet, and would tear the picture.
UNKNOWN = 8.0


def is_wider(config: ModelConfig, start: ModelConfig) -> bool:
    """Whether a model has more than another: further named keypoints, eyes or a mouth seen closely.

    Args:
        config: The model's.
        start: The other's.
    """
    if not start.keypoint_names or not set(start.keypoint_names) <= set(config.keypoint_names):
        return False
    before, after = ([part.eyes == "close", part.mouth == "close"] for part in (start, config))
    if before != after:
        return all(has or not had for had, has in zip(before, after, strict=True))  # it loses nothing
    return len(start.keypoint_names) < len(config.keypoint_names)


def widened(start: Checkpoint, config: ModelConfig) -> Checkpoint:
    """Make weights for a model with further keypoints, or with eyes or a mouth seen closely.

    How the known keypoints are found stays exactly as it was, but for lids where eyes are seen closely.

    A new keypoint's logits, Jacobians and motion are the mean of those that it begins as (``BEGINNINGS``); its motion
    counts ``AT_FIRST`` less, so that flows and pictures change little; what networks see of it has weights of zero. A
    discriminator, which sees keypoints too, begins anew. What looks at eyes, or paints mouths, begins by chance, alike
    every time.

    Args:
        start: Weights of a model with named keypoints; its ``config`` is not None.
        config: The model's; it has those names or more, in any order.

    Raises:
        ConfigError: The names do not include the weights' own, or nothing is to be added.
    """
    assert start.config is not None, "weights.load finds it"
    if not is_wider(config, start.config):
        raise ConfigError(
            "Weights can be widened for further keypoints, eyes or a mouth seen closely only",
            got=f"weights that know {', '.join(start.config.keypoint_names) or 'no names'}",
            expected=f"some of {', '.join(config.keypoint_names) or 'none'}",
        )
    before = start.config.keypoint_names
    # One row for each keypoint: the mean of which rows it begins as.
    mixture = torch.zeros(config.num_kp, len(before))
    for row, name in zip(mixture, config.keypoint_names, strict=True):
        known = [name] if name in before else [other for other in BEGINNINGS.get(name, ()) if other in before]
        for other in known:
            row[before.index(other)] = 1 / len(known)
    found = mixture * torch.tensor([name not in FAR for name in config.keypoint_names])[:, None]
    # By how much their motion counts less: nothing where they are known.
    is_new = torch.tensor([name not in before for name in config.keypoint_names])
    less = torch.where(mixture.sum(1) > 0, AT_FIRST, UNKNOWN) * is_new
    moved, less = mixture[list(config.moving)][:, list(start.config.moving)], less[list(config.moving)]
    return replace(
        start,
        kp_detector=_detector(start.kp_detector, found, mixture, shared=config.kp_detector.single_jacobian_map)
        | _eyes(start, config),
        generator=_generator(start.generator, moved, less, config.num_channels + 1) | _mouth(start, config),
        discriminator=None,
        config=config,
    )


def _eyes(start: Checkpoint, config: ModelConfig) -> dict[str, Tensor]:
    """Weights of what looks at eyes as it is made, alike every time; none where there is nothing to add."""
    assert start.config is not None
    return {} if config.eyes == start.config.eyes else _made("eyes", EyeFinder, config)


def _mouth(start: Checkpoint, config: ModelConfig) -> dict[str, Tensor]:
    """The same of what paints mouths."""
    assert start.config is not None
    return {} if config.mouth == start.config.mouth else _made("mouth", MouthPainter, config)


def _made(name: str, kind: Callable[[ModelConfig], nn.Module], config: ModelConfig) -> dict[str, Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = kind(config)
    return {f"{name}.{part}": value for part, value in network.state_dict().items()}


def _detector(state: Mapping[str, Tensor], found: Tensor, mixture: Tensor, *, shared: bool) -> dict[str, Tensor]:
    wide = dict(state)
    for name in state.keys() & {"kp.weight", "kp.bias"}:
        wide[name] = _mixed(state[name], found)
    if shared:
        return wide
    for name in state.keys() & {"jacobian.weight", "jacobian.bias"}:
        value = state[name]
        rows = _mixed(value.reshape(mixture.shape[1], 4, *value.shape[1:]), mixture)
        if name == "jacobian.bias":  # the identity where it begins as nothing, since zeros cannot be inverted
            rows[mixture.sum(1) == 0] = rows.new_tensor([1, 0, 0, 1])
        wide[name] = rows.flatten(0, 1)
    return wide


def _generator(state: Mapping[str, Tensor], mixture: Tensor, less: Tensor, planes: int) -> dict[str, Tensor]:
    """The dense-motion network sees (K+1)·``planes`` maps, the background's first, and gives K+1 masks."""
    wide, network = dict(state), "dense_motion_network."
    seen = torch.where(less[:, None] > 0, 0, mixture)
    first = network + "hourglass.encoder.down_blocks.0.conv.weight"
    wide[first] = _looking(state[first], seen, planes)
    if (name := f"{network}skip.weight") in state:
        wide[name] = _looking(state[name], seen, planes)
    for head in ("mask", "occlusion"):  # the hourglass hands its input on to them, behind its own maps
        if (name := f"{network}{head}.weight") in state and f"{network}skip.weight" not in state:
            own = state[name].shape[1] - planes * (1 + mixture.shape[1])
            wide[name] = torch.cat([state[name][:, :own], _looking(state[name][:, own:], seen, planes)], 1)
    for part in ("weight", "bias"):
        value = wide[name := f"{network}mask.{part}"]
        wide[name] = torch.cat([value[:1], _mixed(value[1:], mixture)])
    wide[f"{network}mask.bias"][1:] -= less
    return wide


def _looking(weight: Tensor, seen: Tensor, planes: int) -> Tensor:
    """Weights O (K+1)·p h w, of p maps of the background and of each keypoint, as O (N+1)·p h w."""
    parts = weight.reshape(len(weight), -1, planes, *weight.shape[2:])  # O K+1 p h w
    moved = torch.einsum("nk,okphw->onphw", seen.to(weight), parts[:, 1:])
    return torch.cat([parts[:, :1], moved], 1).flatten(1, 2)


def _mixed(rows: Tensor, mixture: Tensor) -> Tensor:
    """K … as N …; what is taken over whole is copied, bit for bit."""
    return torch.einsum("nk,k...->n...", mixture.to(rows), rows)
