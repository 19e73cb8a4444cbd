"""What a multiplied data set should be, with the only defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from motionkit.config import GAIN_RANGE, STRENGTH_RANGE, AnimateOptions
from motionkit.config.checks import check_choice, check_flag, check_number, check_whole, shown
from motionkit.errors import InputError

__all__ = ["ENGINES", "FORMATS", "LABELS", "PICTURES", "MultiplyOptions", "Variations"]

FORMATS = ("folder", "webdataset")
ENGINES = ("local", "ray")
PICTURES = ("png", "jpg", "webp")
LABELS = ("keypoints", "flow", "occlusion", "box")
MAX_COUNT, MAX_FRAMES, MAX_SHARD, MAX_WORKERS, MAX_SEED = 10_000, 1_000_000, 1_000_000, 256, 2**32
MAX_JITTER, MAX_CROP = 1.0, 0.5
RANDOM = re.compile(r"random:([1-9]\d{0,11})")


@dataclass(frozen=True, kw_only=True)
class Variations:
    """What differs between the results of one pair; drawn by the seed.

    What changes the source is drawn once for a source and the number of the variation, so that a source is encoded once
    for all its drivings; what changes the motion is drawn for each result.

    Attributes:
        count: Results of each pair, from 1.
        strength: Range of the factor on all movement, within 0 to 2.
        gains: Keypoint or group to the range of its gain, within 0 to 4.
        flip: Share of sources that are mirrored, 0 to 1.
        jitter: Largest change of brightness, contrast and saturation, 0 to 1 (0.2 is a factor from 0.8 to 1.2); the hue
            turns by a tenth of it, in full turns.
        crop: Largest change of the source's square, in shares of its side, 0 to 0.5: it grows or shrinks by that much
            and moves by half of it.
        backgrounds: Pictures that replace what is behind the source: a folder, a glob, a table or an address; None
            keeps the background.
        replaced: Share of sources whose background is replaced, where there are backgrounds.

    Raises:
        InputError: A value is out of its range.
    """

    count: int = 1
    strength: tuple[float, float] = (1.0, 1.0)
    gains: Mapping[str | int, tuple[float, float]] = field(default_factory=dict)
    flip: float = 0.0
    jitter: float = 0.0
    crop: float = 0.0
    backgrounds: str | Path | None = None
    replaced: float = 1.0

    def __post_init__(self) -> None:
        check_whole("number of variations", self.count, 1, MAX_COUNT)
        _check_range("strength", self.strength, *STRENGTH_RANGE)
        for part, gain in self.gains.items():
            _check_range(f"gain of {shown(part)}", gain, *GAIN_RANGE)
        check_number("flip", self.flip, 0, 1)
        check_number("jitter", self.jitter, 0, MAX_JITTER)
        check_number("crop", self.crop, 0, MAX_CROP)
        check_number("replaced", self.replaced, 0, 1)


@dataclass(frozen=True, kw_only=True)
class MultiplyOptions:
    """What a multiplied data set should be. These are the only defaults; the command line reads them here.

    Attributes:
        pairs: "all", "random:N" (N different pairs, by the seed), or the path of a CSV with the columns ``source`` and
            ``driving``.
        format: "folder" of files, or "webdataset", tar shards.
        engine: "local", this machine; or "ray", a cluster.
        seed: What is random follows from it.
        frames: None makes a clip of each result; a number, so many pictures from all over the driving.
        picture: Kind of the pictures: "png", "jpg" or "webp".
        labels: What is written beside each result, any of ``LABELS``.
        variations: What differs between the results of a pair.
        animate: How sources move. Its strength and gains are replaced by the variations'.
        gate: Reject results that do not follow the driving, or in which the face is lost.
        follow_limit: Mean distance of a result's keypoints from those that were asked for, from which on it is
            rejected; in units of the source keypoints' extent (the square root of their convex hull's area).
        gate_frames: Frames of a clip that are looked at.
        shard: Results in a tar file.
        licence: Of the results where a table of sources has no column ``licence``.
        workers: Processes that read and write, 0 for none beside this one; on a Ray cluster, actors that do everything,
            where 0 is as None. None is by the machine.
        retry: Try again what failed before because its source or driving could not be used; they may have been mended.

    Raises:
        InputError: A value is out of its range, or not one of the choices.
    """

    pairs: str = "all"
    format: Literal["folder", "webdataset"] = "folder"
    engine: Literal["local", "ray"] = "local"
    seed: int = 0
    frames: int | None = None
    picture: Literal["png", "jpg", "webp"] = "png"
    labels: tuple[str, ...] = LABELS
    variations: Variations = field(default_factory=Variations)
    animate: AnimateOptions = field(default_factory=AnimateOptions)
    gate: bool = True
    follow_limit: float = 0.1
    gate_frames: int = 8
    shard: int = 200
    licence: str | None = None
    workers: int | None = None
    retry: bool = False

    def __post_init__(self) -> None:
        check_choice("format", self.format, FORMATS)
        check_choice("engine", self.engine, ENGINES)
        check_choice("picture", self.picture, PICTURES)
        check_whole("seed", self.seed, 0, MAX_SEED)
        if self.frames is not None:
            check_whole("frames", self.frames, 1, MAX_FRAMES)
        for label in self.labels:
            check_choice("label", label, LABELS)
        check_flag("gate", self.gate)
        check_flag("retry", self.retry)
        check_number("follow_limit", self.follow_limit, 0, 100, above=True)
        check_whole("gate_frames", self.gate_frames, 1, MAX_FRAMES)
        check_whole("shard", self.shard, 1, MAX_SHARD)
        if self.workers is not None:
            check_whole("workers", self.workers, 0, MAX_WORKERS)
        if self.animate.pasted:
            raise InputError("A multiplied data set is made of squares", got="paste_back", todo="Leave it out")
        if self.pairs != "all" and self.random_pairs is None and not str(self.pairs).lower().endswith(".csv"):
            raise InputError(
                "Unknown pairs", got=shown(self.pairs), expected="all, random:N with N from 1, or the name of a .csv"
            )

    @property
    def random_pairs(self) -> int | None:
        """N of "random:N", else None."""
        found = RANDOM.fullmatch(str(self.pairs))
        return int(found[1]) if found else None


def _check_range(name: str, value: Any, low: float, high: float) -> None:
    if not isinstance(value, tuple) or len(value) != 2:
        raise InputError(f"{name} is no range", got=shown(value), expected="two numbers, such as (0.8, 1.2)")
    for bound in value:
        check_number(name, bound, low, high)
    if value[0] > value[1]:
        raise InputError(f"{name} is a range from high to low", got=shown(value), expected="the lower number first")
