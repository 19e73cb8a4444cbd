"""The recipes of the eight published models, and the two of the embedded weights.

Figures of the published ones: arXiv 2003.00196, supplementary material, and the YAML files beside the published code.
Their batches of 256² pictures ask for much memory; ``accumulate`` sees fewer pairs at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from motionkit.config import (
    PUBLISHED,
    DenseMotionConfig,
    DiscriminatorConfig,
    KpDetectorConfig,
    ModelConfig,
)
from motionkit.data.config import AugmentationConfig, DataConfig
from motionkit.training.config import LossConfig, TrainConfig

__all__ = ["HEADS", "HEADS_ADV", "HEADS_MODEL", "PRESETS", "STARTS"]

JITTER: dict[str, Any] = {"brightness": 0.1, "contrast": 0.1, "saturation": 0.1, "hue": 0.1}
MILESTONES = (60, 90)

STARTS: Mapping[str, str] = MappingProxyType({"vox-adv": "vox", "taichi-adv": "taichi", "heads-adv": "heads"})
"""Presets that begin with another's weights."""


def _published(
    name: str,
    *,
    epochs: int,
    repeats: int,
    batch: int,
    gan: float,
    milestones: tuple[int, ...] = (),
    id_sampling: bool = False,
    augmentation: AugmentationConfig | None = None,
    lr_detector: float = 2e-4,
) -> TrainConfig:
    return TrainConfig(
        model=PUBLISHED[name],
        data=DataConfig(repeats=repeats, id_sampling=id_sampling),
        augmentation=augmentation or AugmentationConfig(),
        loss=LossConfig(gan=gan),
        epochs=epochs,
        milestones=milestones,
        batch_size=batch,
        lr_detector=lr_detector,
    )


def _faces_and_bodies() -> dict[str, TrainConfig]:
    jitter = AugmentationConfig(**JITTER)
    shared: dict[str, Any] = {"id_sampling": True, "augmentation": jitter}
    return {
        "vox": _published("vox", epochs=100, repeats=75, batch=40, gan=0, milestones=MILESTONES, **shared),
        "vox-adv": _published("vox-adv", epochs=150, repeats=75, batch=36, gan=1, **shared),
        "taichi": _published("taichi", epochs=100, repeats=150, batch=30, gan=0, milestones=MILESTONES, **shared),
        "taichi-adv": _published("taichi-adv", epochs=150, repeats=150, batch=27, gan=1, lr_detector=0, **shared),
    }


def _others() -> dict[str, TrainConfig]:
    hue, jitter = AugmentationConfig(hue=0.1), AugmentationConfig(**JITTER)
    cartoons = AugmentationConfig(hue=0.5, resize=(0.9, 1.1))
    shared: dict[str, Any] = {"gan": 1, "milestones": MILESTONES}
    return {
        "fashion": _published("fashion", epochs=100, repeats=50, batch=27, augmentation=hue, **shared),
        "bair": _published("bair", epochs=20, repeats=1, batch=36, gan=1, milestones=(12, 18), augmentation=jitter),
        "mgif": _published("mgif", epochs=100, repeats=25, batch=36, augmentation=cartoons, **shared),
        "nemo": _published("nemo", epochs=100, repeats=8, batch=36, **shared),
    }


# Small enough to be live on two CPU cores. Motion is found at 64², so that a mouth's two lips can part; the picture is
# the warped source, at any size. A decoder painted smears where the source does not show what should be seen: without
# it real and rendered clips came out nearer to the truth, and sharper.
HEADS_MODEL = ModelConfig(
    name="heads",
    domain="face",
    num_kp=27,
    kp_detector=KpDetectorConfig(block_expansion=20, max_features=256, num_blocks=4, scale_factor=0.5),
    dense_motion=DenseMotionConfig(
        block_expansion=16, max_features=192, num_blocks=4, scale_factor=0.5, kp_variance=0.005, skip_features=16
    ),
    size=128,
    picture_size=256,
    blend_warped=True,
    padding="border",
    interpolation="bicubic",
    eyes="close",
    landing="exact",
    mouth="close",
    decoder="none",
    keypoint_names=(
        "nose", "bridge", "forehead", "crown", "ear_left", "ear_right", "neck",
        "brow_inner_left", "brow_inner_right", "brow_outer_left", "brow_outer_right",
        "lid_upper_left", "lid_upper_right", "lid_lower_left", "lid_lower_right",
        "mouth_left", "mouth_right", "lip_top", "lip_bottom",
        "chin", "jaw_left", "jaw_right",
        "iris_left", "iris_right",
        "collar", "shoulder_left", "shoulder_right",
    ),
    keypoint_groups={
        "head": ("nose", "bridge", "forehead", "crown", "ear_left", "ear_right", "neck"),
        "brows": ("brow_inner_left", "brow_inner_right", "brow_outer_left", "brow_outer_right"),
        "eyes": ("lid_upper_left", "lid_upper_right", "lid_lower_left", "lid_lower_right"),
        "mouth": ("mouth_left", "mouth_right", "lip_top", "lip_bottom"),
        "jaw": ("chin", "jaw_left", "jaw_right"),
        "gaze": ("iris_left", "iris_right"),
        "body": ("collar", "shoulder_left", "shoulder_right"),
    },
)  # fmt: skip

HEADS = TrainConfig(
    model=HEADS_MODEL,
    data=DataConfig(repeats=4),
    augmentation=AugmentationConfig(
        brightness=0.3, contrast=0.4, saturation=0.5, hue=0.08, resize=(0.85, 1.25), shift=0.05, rotation=12.0,
        texture=0.3, degrade=0.7,
    ),
    # The renderer's truth does what unsupervised training takes weeks for.
    loss=LossConfig(
        network="none", pixel=10.0, equivariance_value=0.0, equivariance_jacobian=0.0,
        keypoints=10.0, keypoint_motion=40.0, jacobians=4.0, flow=60.0, visibility=2.0, true_keypoints=0.2,
        true_motion=0.45, focus=12.0, focus_keypoints=1.0, focus_groups=("mouth", "eyes", "gaze"), hidden=12.0,
    ),
    epochs=100,
    batch_size=8,
    lr_detector=8e-4,
    lr_generator=8e-4,
    betas=(0.9, 0.999),
    warmup=200,
    clip=5.0,
    ema=0.998,
    precision="bfloat16",
)  # fmt: skip
"""The recipe of the embedded weights; ``weights/README.md`` describes how it was run."""

# L1 alone paints the median of all that an opened mouth may show, a grey blur. A discriminator of close-ups, which is
# given the lips' keypoints, asks for one of them: dark, and teeth. It does not mind where a face is, so that flow and
# visibility have to count more.
HEADS_ADV = HEADS.replace(
    model=HEADS_MODEL.replace(
        discriminator=DiscriminatorConfig(block_expansion=24, max_features=128, num_blocks=3, use_kp=True)
    ),
    # Noise serves the detector, which rests here; with less of it L1 on real clips fell.
    augmentation=replace(HEADS.augmentation, texture=0.1, degrade=0.15),
    loss=replace(
        HEADS.loss,
        gan=6.0, feature_matching=5.0, close_ups=("mouth", "eyes"), flow=150.0, visibility=4.0, hidden=10.0,
        keypoints=0.001, keypoint_motion=0.0,
    ),
    lr_detector=0.0,
    lr_generator=2e-4,
    lr_discriminator=1e-3,
)  # fmt: skip

PRESETS: Mapping[str, TrainConfig] = MappingProxyType(
    {**_faces_and_bodies(), **_others(), "heads": HEADS, "heads-adv": HEADS_ADV}
)
"""Recipe by name."""
