"""The configurations of the eight published models."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from motionkit.config.models import DiscriminatorConfig, KpDetectorConfig, ModelConfig

__all__ = ["PUBLISHED"]


def _published(name: str, domain: str, *, sn: bool, use_kp: bool, single_jacobian_map: bool = False) -> ModelConfig:
    return ModelConfig(
        name=name,
        domain=domain,
        kp_detector=KpDetectorConfig(single_jacobian_map=single_jacobian_map),
        discriminator=DiscriminatorConfig(sn=sn, use_kp=use_kp),
    )


# All eight share one architecture (arXiv 2003.00196, supplementary); the fashion file was trained without sn
# according to its YAML but carries spectral norm nevertheless, so the file's truth is kept here.
PUBLISHED: Mapping[str, ModelConfig] = MappingProxyType(
    {
        "vox": _published("vox", "face", sn=True, use_kp=False),
        "vox-adv": _published("vox-adv", "face", sn=False, use_kp=True),
        "taichi": _published("taichi", "body", sn=False, use_kp=False),
        "taichi-adv": _published("taichi-adv", "body", sn=False, use_kp=True),
        "fashion": _published("fashion", "fashion", sn=True, use_kp=False),
        "bair": _published("bair", "robot", sn=True, use_kp=False),
        "mgif": _published("mgif", "cartoon", sn=True, use_kp=False, single_jacobian_map=True),
        "nemo": _published("nemo", "smile", sn=True, use_kp=False),
    }
)
