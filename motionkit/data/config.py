"""How pairs are read and changed. Frozen and keyword-only; these are the defaults."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["AugmentationConfig", "DataConfig"]


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
    """

    size: int | None = None
    id_sampling: bool = False
    repeats: int = 1
    test_share: float = 0.1
    workers: int = 2
    cache: bool = False


@dataclass(frozen=True, kw_only=True)
class AugmentationConfig:
    """Random changes, the same for both pictures of a pair; the truth follows the geometric ones.

    Attributes:
        horizontal_flip: Mirror half of the pairs; keypoints named ``*_left`` and ``*_right`` change places.
        time_flip: Exchange source and driving in half of the pairs (not those with a true flow, which has a direction).
        brightness: Largest change, as in torchvision's ColorJitter: 0.1 is a factor from 0.9 to 1.1.
        contrast: Largest change, likewise.
        saturation: Largest change, likewise.
        hue: Largest turn about the grey axis, in full turns.
        resize: Range of a random magnification, for instance (0.9, 1.1), or None.
        shift: Largest shift, in units of the picture's side.
        rotation: Largest rotation in degrees.
        texture: Share of pairs that are seen through a random small filter, which keeps shapes and changes how surfaces
            look: what a detector learns from renderings shall hold for photographs.
        degrade: Share of pairs that are blurred, made noisy or compressed.
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
