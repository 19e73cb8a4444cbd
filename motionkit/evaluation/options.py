"""What is evaluated and how, with the only defaults: the command line reads them here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from motionkit.config import AnimateOptions
from motionkit.config.checks import check_choice, check_flag, check_number, check_whole
from motionkit.config.models import MAX_SIDE

__all__ = ["CROPS", "EvaluateOptions"]

CROPS = ("auto", "face", "centre", "none")
LEAST_RESAMPLES = 100  # of fewer, the ends of an interval are one draw or two


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """How models are evaluated. These are the only defaults; the command line reads them here.

    Attributes:
        size: Side of the pictures that are compared, in pixels; None is the model's own.
        crop: The square of each clip and picture, as in ``AnimateOptions``. None takes the middle of a clip that is
            reconstructed, as training does, and ``"auto"`` where sources are animated.
        relative: Whether sources are animated by how the driver moves, rather than to where it is. Reconstruction is
            always absolute.
        every: Use every n-th frame of a clip, from 1.
        seconds: Use so much of each clip's beginning; None is the whole clip.
        batch: Frames measured at once.
        resamples: Of the bootstrap, by which intervals are found; from 100.
        confidence: Of those intervals, above 0 and below 1.
        seed: Of the resamples.
        pictures: Worst and best clips that the page shows, each so many.
        metrics: Names of ``toolbox.METRICS``, metrics, or functions of (result, driving frame) to a number; None is all
            that can be had.
        landmarks: One of ``landmarks.LANDMARKS``, or a function from frame to points in pixels (N 2), None where there
            is no face.
        mesh_folder: Of the face mesh's networks; None is the folder in motionkit's cache.
        embedder: One of ``embedders.EMBEDDERS``, the file of facenet's weights, or a function from a face's picture to
            a vector.
        lpips: "auto", "download", "none", or the file of AlexNet's weights.

    Raises:
        InputError: A value is out of its range, or not one of the choices.
    """

    size: int | None = None
    crop: Literal["auto", "face", "centre", "none"] | None = None
    relative: bool = True
    every: int = 1
    seconds: float | None = None
    batch: int = 8
    resamples: int = 2000
    confidence: float = 0.95
    seed: int = 0
    pictures: int = 4
    metrics: Sequence[Any] | None = None
    landmarks: Any = "auto"
    mesh_folder: str | Path | None = None
    embedder: Any = "auto"
    lpips: str | Path = "auto"

    def __post_init__(self) -> None:
        if self.size is not None:
            check_whole("size", self.size, 16, MAX_SIDE)
        if self.crop is not None:
            check_choice("crop", self.crop, CROPS)
        check_flag("relative", self.relative)
        check_whole("every", self.every, 1, 10_000)
        if self.seconds is not None:
            check_number("seconds", self.seconds, 0, 10**7, above=True)
        check_whole("batch", self.batch, 1, 4096)
        check_whole("resamples", self.resamples, LEAST_RESAMPLES, 1_000_000)
        check_number("confidence", self.confidence, 0.01, 0.999)
        check_whole("seed", self.seed, 0, 2**63 - 1)
        check_whole("pictures", self.pictures, 0, 100)

    def animation(self, *, reconstruction: bool) -> AnimateOptions:
        """How the models animate.

        Args:
            reconstruction: Whether a clip drives its own first frame.
        """
        crop = self.crop or ("centre" if reconstruction else "auto")
        # Every frame counts, so none may be held back.
        return AnimateOptions(relative=self.relative and not reconstruction, lost="follow", size=self.size, crop=crop)

    @property
    def plain(self) -> dict[str, Any]:
        """Those fields that say how, by name; what measures tells itself what it is."""
        tools = {"metrics", "landmarks", "mesh_folder", "embedder", "lpips"}
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in tools}

    @property
    def measured(self) -> dict[str, Any]:
        """Those of ``plain`` on which a clip's figures depend; the others only say how they are shown."""
        shown = {"batch", "resamples", "confidence", "seed", "pictures"}
        return {name: value for name, value in self.plain.items() if name not in shown}
