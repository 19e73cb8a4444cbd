"""Deep, wide and full-range colour become the 8-bit RGB that they show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from motionkit import media
from motionkit.errors import MotionkitWarning
from tests.support.clips import ffmpeg


def test_ten_bits_give_what_eight_give(tmp_path: Path) -> None:
    source = ("-f", "lavfi", "-i", "smptebars=s=160x120:d=0.1", "-c:v", "libx264", "-crf", 3)
    ffmpeg(*source, "-pix_fmt", "yuv420p", tmp_path / "eight.mkv")
    ffmpeg(*source, "-pix_fmt", "yuv420p10le", tmp_path / "ten.mkv")
    eight, ten = (next(iter(media.open_clip(tmp_path / name))).astype(int) for name in ("eight.mkv", "ten.mkv"))
    # At the bars' edges colour, which has half the resolution, may be blended otherwise.
    assert np.percentile(np.abs(eight - ten), 85) <= 3


def test_hdr_looks_like_the_sdr_it_was_made_from(tmp_path: Path) -> None:
    """zimg, in the real ffmpeg, puts an SDR picture into PQ with its white at 203 cd/m²."""
    tags = "setparams=colorspace=smpte170m:color_primaries=bt709:color_trc=bt709:range=tv"
    to_pq = "zscale=m=gbr:t=linear:npl=203,format=gbrpf32le,zscale=p=bt2020:t=smpte2084:m=bt2020nc:r=tv:npl=203"
    sdr, hdr = tmp_path / "sdr.mkv", tmp_path / "hdr.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=160x120:d=0.2", "-pix_fmt", "yuv444p", "-crf", 3, sdr)
    ffmpeg("-i", sdr, "-vf", f"{tags},{to_pq},format=yuv444p10le", "-crf", 3, hdr)
    plain = next(iter(media.open_clip(sdr))).astype(float)
    with pytest.warns(MotionkitWarning, match=r"hdr.mkv is HDR \(PQ\); it is tone-mapped to SDR") as warned:
        mapped, *rest = (frame.astype(float) for frame in media.open_clip(hdr))
    assert len(warned) == 1 and rest, "once, not for each frame"
    assert np.corrcoef(plain.ravel(), mapped.ravel())[0, 1] > 0.95
    assert np.abs(plain.mean((0, 1)) - mapped.mean((0, 1))).max() < 35, "neither darker nor tinted"


def test_pq_tone_curve_keeps_order_and_white() -> None:
    from motionkit.media.colour import tone_map

    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None, :, None].repeat(3, 2)
    mapped = tone_map(ramp, "PQ")[0, :, 0].astype(int)
    assert mapped[0] == 0 and mapped[-1] == 255 and (np.diff(mapped) >= 0).all()
    diffuse_white = round(0.58 * 255)  # PQ signal of 203 cd/m² (ITU-R BT.2408)
    assert 200 <= mapped[diffuse_white] <= 235


def test_full_range_and_alpha(tmp_path: Path) -> None:
    full, clear = tmp_path / "full.mp4", tmp_path / "clear.mov"
    ffmpeg("-f", "lavfi", "-i", "color=0x808080:s=64x64:d=0.1", "-pix_fmt", "yuvj420p", full)
    assert np.abs(next(iter(media.open_clip(full))).astype(int) - 128).max() <= 1
    half = "color=red:s=64x48:d=0.1,format=rgba,colorchannelmixer=aa=0.5"
    ffmpeg("-f", "lavfi", "-i", half, "-c:v", "qtrle", clear)
    np.testing.assert_allclose(next(iter(media.open_clip(clear)))[5, 5], (255, 127, 127), atol=1)
