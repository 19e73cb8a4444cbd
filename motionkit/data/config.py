"""How pairs are read and changed. Frozen and keyword-only; these are the defaults."""

from __future__ import annotations

from dataclasses import dataclass

from motionkit.config.checks import check_number, check_whole, shown
from motionkit.errors import ConfigError

__all__ = ["AugmentationConfig", "DataConfig"]

MAX_SIDE, MAX_REPEATS, MAX_WORKERS = 8192, 10**6, 256


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Where pairs come from.

    Attributes:
        size: Side in pixels of the pictures that training sees; None is the model's ``size``.
        id_sampling: Clips whose names agree up to ``#`` show one identity: an epoch draws an identity, then a clip.
        repeats: How often an epoch goes through the clips.
        test_share: Share of the identities kept for testing where there are no ``train`` and ``test`` folders.
        workers: Processes that decode.
        cache: Keep decoded frames on disk beside the run, so that each clip is decoded once.

    Raises:
        ConfigError: A value is out of range.
    """

    size: int | None = None
    id_sampling: bool = False
    repeats: int = 1
    test_share: float = 0.1
    workers: int = 2
    cache: bool = False

    def __post_init__(self) -> None:
        if self.size is not None:
            check_whole("size", self.size, 1, MAX_SIDE, error=ConfigError)
        check_whole("repeats", self.repeats, 1, MAX_REPEATS, error=ConfigError)
        check_number("test_share", self.test_share, 0, 1, error=ConfigError)
        check_whole("workers", self.workers, 0, MAX_WORKERS, error=ConfigError)


@dataclass(frozen=True, kw_only=True)
class AugmentationConfig:
    """Random changes, the same for both pictures of a pair; the truth follows the geometric ones.

    Attributes:
        horizontal_flip: Mirror half of the pairs; keypoints named ``*_left`` and ``*_right`` change places.
        time_flip: Exchange source and driving in half of the pairs (not those with a true flow, which has a direction).
        brightness: Largest change, as in torchvision's ColorJitter: 0.1 is a factor from 0.9 to 1.1.
        contrast: Largest change, likewise.
        saturation: Largest change, likewise.
        hue: Largest turn about the grey axis, in full turns; at most 0.5.
        resize: Range of a random magnification, for instance (0.9, 1.1), or None.
        shift: Largest shift, in units of the picture's side.
        rotation: Largest rotation in degrees.
        texture: Share of pairs that are seen through a random small filter, which keeps shapes and changes how surfaces
            look: what a detector learns from renderings shall hold for photographs.
        degrade: Share of pairs that are blurred, made noisy or compressed.

    Raises:
        ConfigError: A value is out of range.
    """

    horizontal_flip: bool = True
    time_flip: bool = True
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    resize: tuple[float, float] | None = None
    shift: float = 0.0
    rotation: float = 0.0
    texture: float = 0.0
    degrade: float = 0.0

    def __post_init__(self) -> None:
        for name in ("brightness", "contrast", "saturation", "shift", "texture", "degrade"):
            check_number(name, getattr(self, name), 0, 1, error=ConfigError)
        check_number("hue", self.hue, 0, 0.5, error=ConfigError)
        check_number("rotation", self.rotation, 0, 180, error=ConfigError)
        if self.resize is not None:
            for factor in self.resize:
                check_number("a factor of resize", factor, 0.1, 10, error=ConfigError)
            if self.resize[0] > self.resize[1]:
                raise ConfigError("resize is no range", got=shown(self.resize), expected="the smaller factor first")
