"""What ``make_heads`` does, in numbers: what is rendered, the stages of training with their time, what is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from motionkit.training.config import TrainConfig
from motionkit.training.presets import HEADS, HEADS_ADV

__all__ = ["FULL", "QUICK", "Plan", "Rendering", "Stage"]

# The detector alone: nothing that a picture has to be made for.
POINTS: Mapping[str, Any] = {"pixel": 0.0, "flow": 0.0, "visibility": 0.0, "hidden": 0.0, "focus": 0.0}
# The generator alone: a frozen detector learns nothing, and its loss is kept to have the truth read.
PICTURES: Mapping[str, Any] = {"keypoints": 0.001, "keypoint_motion": 0.0, "jacobians": 0.0}
# What paints mouths alone: where the lips run is known, and motion stays as it is.
MOUTHS: Mapping[str, Any] = {
    **PICTURES, "flow": 0.0, "visibility": 0.0, "close_ups": ("mouth",), "focus_groups": ("mouth",),
}  # fmt: skip
# Of the generator its motion alone, with its truth: a step takes half the time, and the decoder forgets nothing.
MOTION: Mapping[str, Any] = {
    **PICTURES, "pixel": 0.0, "hidden": 0.0, "warped": 10.0, "flow": 100.0, "visibility": 3.0,
    "true_keypoints": 0.15, "true_motion": 0.45,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Rendering:
    """Clips that are rendered; the fields are options of ``render_heads``.

    Attributes:
        clips: Identities to train on.
        test: Identities to judge with.
        frames: Of a clip.
        fps: Frames a second; few, so that they differ.
        exercises: Share of the clips with grimaces instead of speech.
        size: Side of the pictures in pixels.
        seed: Of all that is drawn.
    """

    clips: int = 1000
    test: int = 24
    frames: int = 10
    fps: float = 1.5
    exercises: float = 0.35
    size: int = 256
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A run of training, begun with what the stage before ended with.

    Attributes:
        name: Of its folder.
        preset: Whose settings it takes.
        minutes: How long it trains.
        steps: At most so many steps, if sooner; None is no such limit.
        lr_detector: Learning rate of the detector; 0 leaves it as it is.
        lr_generator: Learning rate of the generator.
        detector_groups: Groups of keypoints that the detector learns to find; empty is all.
        generator_groups: Groups of keypoints that the generator learns to follow; empty is all.
        generator_part: As in ``TrainConfig``.
        size: Side of the pictures in pixels; None is what the networks see.
        loss: What differs in the preset's ``LossConfig``.
        augmentation: What differs in the preset's ``AugmentationConfig``.
        seed: Of every draw.
    """

    name: str
    preset: Literal["heads", "heads-adv"] = "heads"
    minutes: float
    steps: int | None = None
    lr_detector: float = 0.0
    lr_generator: float = 2e-4
    detector_groups: tuple[str, ...] = ()
    generator_groups: tuple[str, ...] = ()
    generator_part: Literal["all", "decoder", "mouth"] = "all"
    size: int | None = None
    loss: Mapping[str, Any] = field(default_factory=dict)
    augmentation: Mapping[str, Any] = field(default_factory=dict)
    seed: int

    def config(self, plan: Plan, precision: Literal["float32", "bfloat16"]) -> TrainConfig:
        """Write out all settings of this stage of a plan.

        Args:
            plan: The plan that it belongs to.
            precision: Of the arithmetic.
        """
        preset = {"heads": HEADS, "heads-adv": HEADS_ADV}[self.preset]
        return preset.replace(
            data=replace(preset.data, repeats=plan.repeats, workers=plan.workers, cache=plan.cache, size=self.size),
            loss=replace(preset.loss, **self.loss),
            augmentation=replace(preset.augmentation, **self.augmentation),
            batch_size=plan.batch_size,
            epochs=10**6,
            steps=self.steps,
            lr_detector=self.lr_detector,
            lr_generator=self.lr_generator,
            detector_groups=self.detector_groups,
            generator_groups=self.generator_groups,
            generator_part=self.generator_part,
            warmup=plan.warmup,
            checkpoint_minutes=plan.checkpoint_minutes,
            precision=precision,
            seed=self.seed,
        )


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that a run of ``make_heads`` is determined by.

    Attributes:
        rendering: What is rendered.
        stages: How it is trained, in order.
        start: Weights to begin with, widened where keypoints were added; None begins with random ones.
        batch_size: Pairs a step.
        repeats: How often an epoch goes through the clips.
        warmup: Steps over which a stage's learning rates rise.
        checkpoint_minutes: Minutes between checkpoints: what a crash can cost.
        workers: Processes that decode.
        cache: Keep decoded frames on disk, so that each clip is decoded once.
        every: Every n-th frame of a clip is judged.
    """

    rendering: Rendering = field(default_factory=Rendering)
    stages: tuple[Stage, ...]
    start: str | None = "heads"
    batch_size: int = 8
    repeats: int = 4
    warmup: int = 100
    checkpoint_minutes: float = 3.0
    workers: int = 1
    cache: bool = True
    every: int = 1

    @property
    def minutes(self) -> float:
        """How long all stages train."""
        return sum(stage.minutes for stage in self.stages)

    def within(self, minutes: float) -> Plan:
        """Share out another time to train among the stages, each as before in proportion.

        Args:
            minutes: Of all stages together.
        """
        factor = minutes / self.minutes
        return replace(self, stages=tuple(replace(stage, minutes=stage.minutes * factor) for stage in self.stages))

    def to_dict(self) -> dict[str, Any]:
        """Write this as nested dicts that JSON can hold."""
        return asdict(self)


FULL = Plan(
    stages=(
        # What is new alone. The known keypoints must stay: trained on, they are found ever better in rendered heads and
        # worse in photographs, and every figure of real clips fell.
        Stage(
            name="points", minutes=15, lr_detector=2e-3, detector_groups=("body",), seed=1,
            loss=POINTS, augmentation={"texture": 0.4, "resize": (0.8, 1.3)},
        ),
        Stage(
            name="points-settle", minutes=5, lr_detector=4e-4, detector_groups=("body",), seed=2,
            loss=POINTS, augmentation={"texture": 0.4, "resize": (0.8, 1.3)},
        ),
        # Irises and lids, which are found in the same close-ups.
        Stage(
            name="eyes", minutes=40, lr_detector=2e-3, detector_groups=("eyes", "gaze"), seed=3,
            loss=POINTS, augmentation={"texture": 0.4, "resize": (0.8, 1.3)},
        ),
        Stage(
            name="eyes-settle", minutes=10, lr_detector=3e-4, detector_groups=("eyes", "gaze"), seed=4,
            loss=POINTS, augmentation={"texture": 0.4, "resize": (0.8, 1.3)},
        ),
        # The same holds for motion: with an hour of all of it rendered heads came out better, and real ones worse.
        # Little noise from here on: it serves the detector, and with less of it L1 on real clips fell.
        Stage(
            name="body", minutes=20, lr_generator=1e-4, generator_groups=("body",), seed=5,
            loss=MOTION, augmentation={"texture": 0.1, "degrade": 0.15},
        ),
        # At twice the size that the networks see, for teeth.
        Stage(
            name="mouth", preset="heads-adv", minutes=40, lr_generator=1e-3, generator_part="mouth", size=256, seed=6,
            loss=MOUTHS, augmentation={"texture": 0.1, "degrade": 0.15},
        ),
    ),
)  # fmt: skip
"""Two hours and ten minutes of training on two cores."""

QUICK = replace(
    FULL,
    rendering=Rendering(clips=4, test=1, frames=4, exercises=0.5),
    stages=tuple(replace(stage, minutes=5.0, steps=2) for stage in FULL.stages),
    batch_size=2,
    repeats=1,
    warmup=0,
)
"""The whole way with a few clips and steps: whether it works, not what comes out."""
