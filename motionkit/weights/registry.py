"""The registered weights: names, files, sizes, hashes, mirrors and licences. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from motionkit.config import PUBLISHED

__all__ = ["WEIGHTS", "PublishedWeights"]


@dataclass(frozen=True, kw_only=True)
class PublishedWeights:
    """A registered name.

    Attributes:
        name: What ``load_model`` takes.
        domain: What it animates, as in ``ModelConfig``.
        file: File name, in the cache folder and at the mirrors.
        bytes: Exact size where ``sha256`` is published, otherwise to about 5 kB.
        sha256: Published hash in hex, None where there is none.
        md5: The same; not checked.
        mirrors: Addresses in the order to try; none for the embedded weights.
        licence: As far as its makers state one.
        note: A remark for people.
    """

    name: str
    domain: str
    file: str
    bytes: int
    sha256: str | None = None
    md5: str | None = None
    mirrors: tuple[str, ...] = ()
    licence: str = "code MIT; no statement of its own for the weights"
    note: str = ""

    @property
    def embedded(self) -> bool:
        """Whether the file is part of the package."""
        return not self.mirrors


_RELEASE = "https://github.com/graphemecluster/first-order-model-demo/releases/download/checkpoints/"
_YANDEX = (
    "https://cloud-api.yandex.net/v1/disk/public/resources/download"
    "?public_key=https%3A%2F%2Fyadi.sk%2Fd%2FlEw8uRm140L_eQ&path=%2F"
)
_DRIVE = "https://drive.google.com/uc?id="


def _published(
    name: str,
    size: int,
    sha256: str | None = None,
    *,
    file: str | None = None,
    drive: str | None = None,
    md5: str | None = None,
    note: str = "",
) -> PublishedWeights:
    file = file or f"{name}-cpk.pth.tar"
    mirrors = [_RELEASE + file, _YANDEX + file] + ([_DRIVE + drive] if drive else [])
    return PublishedWeights(
        name=name,
        domain=PUBLISHED[name].domain,
        file=file,
        bytes=size,
        sha256=sha256,
        md5=md5,
        mirrors=tuple(mirrors),
        note=note,
    )


_REGISTERED = (
    PublishedWeights(
        name="heads",
        domain="face",
        file="heads.safetensors",
        bytes=4_651_850,
        sha256="1f169b3b94ea140cb738286c68caaaec4b79c4a217997451dd2d5e34bf6526a9",
        licence="MIT",
        note="embedded; trained on rendered heads, no person's face",
    ),
    _published(
        "vox",
        728_766_691,
        "abb41ab1f279f26326c0d6e4d20702de6658364665aa1313daa7a63e89ea2b23",
        drive="1_v_xW1V52gZCZnXgh1Ap_gwA9YVIzUnS",
        note="trained on VoxCeleb: real people's faces",
    ),
    _published(
        "vox-adv",
        750_926_934,
        "6792d6810d7f46e3c5c487a1cfec916b96fad8912c3c6cc81baa1fc300c820d3",
        drive="1L8P-hpBhZi8Q_1vP2KlQ4N6dvlzpYBvZ",
        md5="46b26eabacbcf1533ac66dc5cf234c5e",
        note="trained on VoxCeleb: real people's faces; not the pruned copy of 228 MiB by the same file name",
    ),
    _published("taichi", 728_750_000),
    _published("taichi-adv", 750_930_000),
    _published(
        "fashion",
        750_842_814,
        "b83989ebdc2f0c766034fbec004099ab70733cf4c562794f82c8077afbf7ba7e",
        file="fashion.pth.tar",
    ),
    _published("bair", 750_840_000),
    _published("mgif", 750_100_891, "03152bf4ea1ca2c29c430e60b3010f81577a2bae0740f7f8b06d1951a640fdba"),
    _published("nemo", 750_840_000),
)
WEIGHTS: Mapping[str, PublishedWeights] = MappingProxyType({entry.name: entry for entry in _REGISTERED})
