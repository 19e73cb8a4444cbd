"""Square pixels, every display matrix, frames that change their size, and whose sound; as the real ffmpeg has it."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from motionkit import media
from motionkit.errors import InputError
from motionkit.media.seeking import read_frames_at, spread_frames
from tests.support.clips import copy, ffmpeg, make, read_audio


@pytest.fixture(scope="module")
def skew(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture without any symmetry, 96 x 64."""
    path = tmp_path_factory.mktemp("skew") / "skew.mp4"
    corners = ("0:0:24:16:red:fill", "72:0:24:16:lime:fill", "0:48:24:16:blue:fill")
    corner = ",drawbox=".join(["color=0x203040:s=96x64:d=0.2", *corners])
    ffmpeg("-f", "lavfi", "-i", corner, "-pix_fmt", "yuv420p", "-crf", 1, path)
    return path


@pytest.mark.parametrize(
    ("turn", "left_right", "up_down"), [*itertools.product((0, 90, 180, 270), (False, True), (False, True))]
)
def test_every_display_matrix_is_as_ffmpeg_shows_it(
    tmp_path: Path, skew: Path, turn: int, left_right: bool, up_down: bool
) -> None:
    mirrors = [*(["-display_hflip"] if left_right else []), *(["-display_vflip"] if up_down else [])]
    tagged, shown = tmp_path / "tagged.mp4", tmp_path / "shown.mkv"
    ffmpeg("-display_rotation", turn, *mirrors, "-i", skew, "-c", "copy", tagged)
    ffmpeg("-i", tagged, "-c:v", "ffv1", "-pix_fmt", "yuv444p", shown)
    with av.open(str(shown)) as container:
        wanted = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    clip = media.open_clip(tagged)
    seen = next(iter(clip))
    assert (clip.info.height, clip.info.width) == seen.shape[:2] == wanted.shape[:2]
    assert np.abs(seen - wanted).mean() < 3
    np.testing.assert_array_equal(read_frames_at(tagged, [0])[0], seen)


@pytest.mark.parametrize("aspect", [Fraction(3, 2), Fraction(16, 11), Fraction(1, 2)])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
def test_pixels_become_square(tmp_path: Path, skew: Path, name: str, aspect: Fraction) -> None:
    path = tmp_path / name
    codec = "mpeg4" if name == "a.avi" else "libx264"
    ffmpeg("-i", skew, "-vf", f"setsar={aspect}", "-c:v", codec, "-qscale:v" if name == "a.avi" else "-crf", 2, path)
    ffmpeg("-i", path, "-vf", "scale=round(iw*sar):ih,setsar=1", "-frames:v", 1, tmp_path / "wanted.png")
    wanted = media.read_image(tmp_path / "wanted.png").astype(int)
    clip = media.open_clip(path)
    (seen,) = spread_frames(clip, 1)
    assert (clip.info.width, clip.info.height) == (round(96 * aspect), 64) == seen.shape[1::-1]
    assert np.abs(seen - wanted).mean() < 4
    np.testing.assert_array_equal(read_frames_at(path, [0])[0], seen)
    assert next(iter(media.open_clip(path, size=(50, 40)))).shape == (40, 50, 3)


def test_square_pixels_before_the_turn(tmp_path: Path, skew: Path) -> None:
    wide = tmp_path / "wide.mp4"
    ffmpeg("-i", skew, "-vf", "setsar=2", wide)
    ffmpeg("-display_rotation", 90, "-i", wide, "-c", "copy", tmp_path / "turned.mp4")
    clip = media.open_clip(tmp_path / "turned.mp4")
    assert (clip.info.width, clip.info.height) == (64, 192) == next(iter(clip)).shape[1::-1]


def test_frames_that_change_their_size_become_as_the_first(tmp_path: Path) -> None:
    small, large = tmp_path / "small.h264", tmp_path / "large.h264"
    for path, size in ((small, "64x48"), (large, "96x80")):
        ffmpeg("-f", "lavfi", "-i", f"testsrc2=s={size}:d=0.2", "-pix_fmt", "yuv420p", path)
    joined = tmp_path / "joined.h264"
    joined.write_bytes(small.read_bytes() + large.read_bytes())
    frames = list(media.open_clip(joined))
    assert len(frames) == 10 and {f.shape for f in frames} == {(48, 64, 3)}


def two_tracks(path: Path, default: int) -> Path:
    """A tone of 300 Hz and one of 1200 Hz beside each other."""
    tones = [arg for hertz in (300, 1200) for arg in ("-f", "lavfi", "-i", f"sine=f={hertz}:d=1:r=48000")]
    marks = [f"-disposition:a:{n}" for n in (0, 1)]
    values = ["default" if n == default else "0" for n in (0, 1)]
    maps = ("-map", 0, "-map", 1, "-map", 2, "-c:v", "copy")
    chosen = [arg for pair in zip(marks, values, strict=True) for arg in pair]
    ffmpeg("-i", make(path.with_suffix(".one.mp4"), 25), *tones, *maps, *chosen, path)
    return path


def hertz(path: Path) -> float:
    _, rate, sound = read_audio(path)
    return float(np.abs(np.fft.rfft(sound)).argmax() * rate / sound.size)


@pytest.mark.parametrize("default", [0, 1])
@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_the_default_audio_track_is_carried_over(tmp_path: Path, name: str, default: int) -> None:
    out = copy(media.open_clip(two_tracks(tmp_path / name, default)), tmp_path / "out.mp4")
    assert hertz(out) == pytest.approx((300, 1200)[default], abs=10)


@pytest.mark.parametrize("track", [0, 1])
def test_an_audio_track_can_be_chosen(tmp_path: Path, track: int) -> None:
    clip = media.open_clip(two_tracks(tmp_path / "a.mkv", 0))
    with media.VideoWriter(tmp_path / "out.mp4", fps=clip.info.fps, audio=clip, audio_track=track) as writer:
        for picture in clip:
            writer.write(picture)
    assert hertz(tmp_path / "out.mp4") == pytest.approx((300, 1200)[track], abs=10)
    for wrong in (2, -1):
        with pytest.raises(InputError, match=r"There is no such audio track; got .* of a.mkv; expected 0 to 1"):
            media.VideoWriter(tmp_path / "b.mp4", fps=clip.info.fps, audio=clip, audio_track=wrong)
    silent = media.open_clip(make(tmp_path / "silent.mp4", 2))
    with pytest.raises(
        InputError, match=r"There is no such audio track; got 0 of silent.mp4; expected a clip with aud"
    ):
        media.VideoWriter(tmp_path / "b.mp4", fps=clip.info.fps, audio=silent, audio_track=0)
