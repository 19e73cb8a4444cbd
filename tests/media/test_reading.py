"""Clips as phones, editors and browsers make them: exact rates, odd containers, damage; and memory that stays."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from motionkit import media
from motionkit.errors import InputError, MediaError, MotionkitWarning
from tests.support.clips import ffmpeg, frame, make, number, run

NTSC = Fraction(30000, 1001)


@pytest.fixture(scope="module")
def phone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 s at 30000/1001 with sound, a keyframe every 12 frames, loadable from the front."""
    path = tmp_path_factory.mktemp("phone") / "phone.mp4"
    video, sound = f"testsrc2=s=160x120:r={NTSC}:d=4", "sine=f=440:d=4"
    options = ("-g", 12, "-shortest", "-movflags", "+faststart")
    ffmpeg("-f", "lavfi", "-i", video, "-f", "lavfi", "-i", sound, *options, path)
    return path


KINDS = {
    "t.mp4": ("-c", "copy", "-movflags", "+faststart"),
    "fragments.mp4": ("-c", "copy", "-movflags", "+frag_keyframe+empty_moov"),
    "t.mkv": ("-c", "copy"),
    "t.webm": ("-deadline", "realtime"),
    "t.avi": ("-c:v", "mjpeg"),
    "t.gif": (),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_whole_clip_is_read_whole_and_a_cut_one_says_so(tmp_path: Path, phone: Path, name: str) -> None:
    path, cut = tmp_path / name, tmp_path / f"cut-{name}"
    ffmpeg("-i", phone, *KINDS[name], path)
    whole = media.open_clip(path)
    frames = len(list(whole))  # a warning would be an error
    assert frames == whole.info.frames == pytest.approx(119, abs=1)
    if path.suffix != ".gif":  # its times are whole hundredths of a second
        assert whole.info.fps == NTSC
    assert whole.info.duration is not None and float(whole.info.duration) == pytest.approx(119 / NTSC, abs=0.04)
    cut.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    with pytest.warns(MotionkitWarning, match=rf"{cut.name} is (cut off|damaged).* (is|are) used"):
        left = list(media.open_clip(cut))
    assert 55 < len(left) < 90
    np.testing.assert_array_equal(left[50], list(media.open_clip(path, end=2))[50])


def test_a_trimmed_clip_is_not_called_damaged(tmp_path: Path) -> None:
    """Its table still lists the frames before the cut, which its edit list hides."""
    path = make(tmp_path / "a.mp4", 60)
    ffmpeg("-ss", 1, "-i", path, "-c", "copy", tmp_path / "trimmed.mp4")
    numbers = [number(f) for f in media.open_clip(tmp_path / "trimmed.mp4")]
    assert numbers == list(range(25, 60))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_rounded_times_drop_and_repeat_nothing(tmp_path: Path, suffix: str) -> None:
    path = make(tmp_path / f"a{suffix}", 90, NTSC)
    assert [number(f) for f in media.open_clip(path)] == list(range(90))
    assert media.open_clip(path).info.fps == NTSC
    cut = media.open_clip(path, start=1, end=2)  # seconds, of a rate that does not divide them
    assert [number(f) for f in cut] == list(range(30, 60))
    assert cut.info.frames == 30 and cut.info.duration == 1
    assert [number(f) for f in cut.every(7)] == [30, 37, 44, 51, 58]


def test_gif_keeps_each_frame_once(tmp_path: Path) -> None:
    """30 frames a second are delays of 3, 3 and 4 hundredths."""
    path = make(tmp_path / "a.gif", 30, Fraction(30))
    clip = media.open_clip(path)
    assert [number(f) for f in clip] == list(range(30))
    assert clip.info.fps == 30 and clip.info.duration == 1


def test_sound_longer_than_the_picture_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    ffmpeg("-f", "lavfi", "-i", "color=s=64x48:r=25:d=2", "-f", "lavfi", "-i", "sine=d=3", path)
    info = media.open_clip(path).info
    assert (info.frames, info.duration, info.has_audio) == (50, 2, True)


def test_a_single_frame(tmp_path: Path) -> None:
    info = media.open_clip(make(tmp_path / "one.mp4", 1)).info
    assert info.frames == 1 and info.duration == Fraction(1, 25)
    assert len(list(media.open_clip(tmp_path / "one.mp4"))) == 1
    assert len(list(media.open_clip(tmp_path / "one.mp4", end=10))) == 1


def test_rates_become_fractions_that_containers_hold(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", 10, NTSC)
    assert media.open_clip(path, fps=29.97).info.fps == Fraction(2997, 100)  # type: ignore[arg-type]
    again = make(tmp_path / "b.mp4", 3, media.open_clip(path, fps=NTSC).info.fps)
    with av.open(str(again)) as container:
        assert container.streams.video[0].average_rate == NTSC


@pytest.mark.parametrize(("size", "fps"), [((0, 10), None), ((-2, 4), None), (None, 0), (None, -1)])
def test_impossible_wishes_are_refused(tmp_path: Path, size: tuple[int, int] | None, fps: int | None) -> None:
    with pytest.raises(InputError, match=r"The (size|frame rate) is impossible; got"):
        media.open_clip(make(tmp_path / "a.mp4", 2), size=size, fps=fps)


def test_resizing_a_turned_clip_gives_the_size_asked_for(tmp_path: Path) -> None:
    ffmpeg("-display_rotation", 90, "-i", make(tmp_path / "a.mp4", 2), "-c", "copy", tmp_path / "turned.mp4")
    clip = media.open_clip(tmp_path / "turned.mp4", size=(20, 30))
    assert [f.shape for f in clip] == [(30, 20, 3)] * 2
    one = list(clip)[1].mean(axis=(1, 2))  # its light column, at the left, is now a row at the bottom
    assert one[-2:].mean() > one[:20].mean() + 80


def test_hdr_looks_like_the_sdr_it_was_made_from(tmp_path: Path) -> None:
    """zimg, in the real ffmpeg, puts an SDR picture into PQ with its white at 203 cd/m²."""
    tags = "setparams=colorspace=smpte170m:color_primaries=bt709:color_trc=bt709:range=tv"
    to_pq = "zscale=m=gbr:t=linear:npl=203,format=gbrpf32le,zscale=p=bt2020:t=smpte2084:m=bt2020nc:r=tv:npl=203"
    sdr, hdr = tmp_path / "sdr.mkv", tmp_path / "hdr.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=160x120:d=0.1", "-pix_fmt", "yuv444p", "-crf", 3, sdr)
    ffmpeg("-i", sdr, "-vf", f"{tags},{to_pq},format=yuv444p10le", "-crf", 3, hdr)
    plain = next(iter(media.open_clip(sdr))).astype(float)
    with pytest.warns(MotionkitWarning, match=r"hdr.mkv is HDR \(PQ\); it is tone-mapped to SDR"):
        mapped = next(iter(media.open_clip(hdr))).astype(float)
    assert np.corrcoef(plain.ravel(), mapped.ravel())[0, 1] > 0.95
    assert np.abs(plain.mean((0, 1)) - mapped.mean((0, 1))).max() < 35, "neither darker nor tinted"


def test_full_range_and_alpha(tmp_path: Path) -> None:
    full, clear = tmp_path / "full.mp4", tmp_path / "clear.mov"
    ffmpeg("-f", "lavfi", "-i", "color=0x808080:s=64x64:d=0.1", "-pix_fmt", "yuvj420p", full)
    assert np.abs(next(iter(media.open_clip(full))).astype(int) - 128).max() <= 1
    half = "color=red:s=64x48:d=0.1,format=rgba,colorchannelmixer=aa=0.5"
    ffmpeg("-f", "lavfi", "-i", half, "-c:v", "qtrle", clear)
    np.testing.assert_allclose(next(iter(media.open_clip(clear)))[5, 5], (255, 127, 127), atol=1)


def test_pictures_of_a_glob_are_cut_and_resized(tmp_path: Path) -> None:
    for n in range(12):
        media.write_image(tmp_path / f"²{n}.png", frame(n))
    clip = media.open_clip(tmp_path / "²*.png", start=Fraction(1, 5), end=Fraction(2, 5), size=(32, 24))
    assert [number(f) for f in clip] == list(range(5, 10)) and clip.info.frames == 5
    assert [number(f) for f in clip.every(2)] == [5, 7, 9]
    assert next(iter(clip)).shape == (24, 32, 3)
    with pytest.raises(InputError, match=r"The cut leaves no pictures; got start 3 s"):
        media.open_clip(tmp_path, start=3)
    (tmp_path / "²3.png").write_bytes(b"no picture")
    with pytest.raises(MediaError, match=r"This is not a picture; got .*²3.png"):
        list(media.open_clip(tmp_path))


def test_a_song_with_a_cover_is_no_video(tmp_path: Path) -> None:
    media.write_image(tmp_path / "cover.png", frame(1))
    cover = ("-i", tmp_path / "cover.png", "-map", 0, "-map", 1, "-c:v", "copy", "-disposition:v", "attached_pic")
    ffmpeg("-f", "lavfi", "-i", "sine=d=1", *cover, tmp_path / "song.m4a")
    with pytest.raises(MediaError, match=r"no video stream; got .*song.m4a"):
        media.open_clip(tmp_path / "song.m4a")


def test_damage_at_the_start_is_an_error(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", 3)
    content = path.read_bytes()
    (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(5000))
    (tmp_path / "head.mp4").write_bytes(content[: content.index(b"mdat") + 4])
    with pytest.raises(MediaError, match=r"This is not a video that can be read; got .*noise.mp4"):
        media.open_clip(tmp_path / "noise.mp4")
    with pytest.raises(MediaError, match=r"(No frame of the video can be read|not a video).*head.mp4"):
        media.open_clip(tmp_path / "head.mp4")


def test_an_unreadable_file_is_told_from_a_missing_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path / "a.mp4", 2)
    monkeypatch.setattr("os.access", lambda *_: False)  # root may read anything
    with pytest.raises(MediaError, match=r"cannot be read; got .*a.mp4. Check its permissions"):
        media.open_clip(path)


READ_AND_WRITE = """
import resource, sys
from pathlib import Path
from motionkit import media
source, target = Path(sys.argv[1]), Path(sys.argv[2])
clip = media.open_clip(source)
with media.VideoWriter(target, fps=clip.info.fps, audio=clip) as writer:
    for frame in clip:
        writer.write(frame)
print(writer.count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    """Nor with the sound beside it; held in memory, the 900 frames more would be 100 MB."""
    peaks = []
    for seconds in (4, 40):
        source = tmp_path / f"{seconds}.mp4"
        video = f"testsrc2=s=224x168:r=25:d={seconds}"
        quick = ("-preset", "ultrafast", "-shortest")
        ffmpeg("-f", "lavfi", "-i", video, "-f", "lavfi", "-i", f"sine=d={seconds}", *quick, source)
        out, errors = run(READ_AND_WRITE, source, tmp_path / f"out{seconds}.mp4").communicate()
        assert out, errors
        count, peak = map(int, out.split())
        assert count == 25 * seconds
        peaks.append(peak / 1024)
    assert peaks[1] - peaks[0] < 25, f"MiB: {peaks}"


def test_animated_pictures_of_pillow_are_clips(tmp_path: Path) -> None:
    """Delays that differ are kept as time, at the average rate."""
    pictures = [Image.fromarray(frame(n)) for n in range(4)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=[100, 300, 100, 100])
    assert [number(f) for f in media.open_clip(tmp_path / "a.gif", fps=10)] == [0, 1, 1, 1, 2, 3]
