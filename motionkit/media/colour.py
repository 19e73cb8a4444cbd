"""Video colours to 8-bit RGB: the right matrix for each clip, and tone mapping for HDR."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from motionkit.frames import Frame

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

__all__ = ["hdr_curve", "matrix_of", "tone_map"]

# Values of H.273, as FFmpeg reports them.
UNSPECIFIED, BT709, BT601 = 2, 1, 5
PQ, HLG = 16, 18
# Diffuse white in PQ and HLG pictures (ITU-R BT.2408), and the level that becomes full white here.
REFERENCE_WHITE = 203.0
PEAK = 1000.0
BT2020_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], dtype=np.float32
)


def matrix_of(frame: VideoFrame) -> int:
    """The YUV matrix of a PyAV frame; an untagged one is BT.709 from 720 lines on, as players take it."""
    tagged = int(frame.colorspace)
    return (BT709 if frame.height >= 720 else BT601) if tagged == UNSPECIFIED else tagged


def hdr_curve(transfer: int) -> str | None:
    """Name an HDR transfer characteristic (of H.273): "PQ" or "HLG"; None for any other."""
    return {PQ: "PQ", HLG: "HLG"}.get(transfer)


def tone_map(rgb: npt.NDArray[np.uint16], curve: str) -> Frame:
    """HDR to SDR.

    Args:
        rgb: H W 3 uint16, full range, BT.2020 primaries.
        curve: "PQ" or "HLG".

    Returns:
        H W 3 uint8, BT.709: diffuse white at about 80% signal, highlights rolled off (extended Reinhard, luminance).
    """
    linear = _eotf(curve)[rgb] @ BT2020_TO_BT709.T  # 1 is diffuse white
    linear = np.maximum(linear, 0)
    luminance = linear @ np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
    white = PEAK / REFERENCE_WHITE
    scale = (1 + luminance / white**2) / (1 + luminance)
    # Reinhard halves diffuse white; what it takes from the mid-tones is given back before the curve.
    mapped = np.clip(linear * scale[..., None] * 1.5, 0, 1)
    picture: Frame = (np.power(mapped, 1 / 2.2) * 255 + 0.5).astype(np.uint8)
    return picture


@lru_cache(maxsize=2)
def _eotf(curve: str) -> npt.NDArray[np.float32]:
    """65536 entries: linear light in units of diffuse white (SMPTE ST 2084; ARIB STD-B67 at 1000 cd/m²)."""
    signal = np.linspace(0, 1, 65536)
    if curve == "PQ":
        m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
        root = signal ** (1 / m2)
        light = 10000 * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)
    else:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
        light = PEAK * scene**1.2
    return (light / REFERENCE_WHITE).astype(np.float32)
