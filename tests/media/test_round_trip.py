"""Pictures and clips in and out, with the real ffmpeg as the second opinion."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from motionkit import media
from motionkit.errors import InputError, MediaError, MissingPackageError, MotionkitWarning

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


def ffmpeg(*arguments: object) -> None:
    subprocess.run([FFMPEG, "-v", "error", "-y", *map(str, arguments)], check=True)


def colours(count: int, size: tuple[int, int] = (64, 48)) -> list[np.ndarray]:
    """Frames whose left half tells their number: grey 2·n; the right half is red, green and blue bars."""
    width, height = size
    frames = []
    for n in range(count):
        frame = np.full((height, width, 3), min(20 + 4 * n, 250), np.uint8)
        for i in range(3):
            third = slice(i * height // 3, (i + 1) * height // 3)
            frame[third, width // 2 :] = 40
            frame[third, width // 2 :, i] = 200
        frames.append(frame)
    return frames


def number(frame: np.ndarray) -> int:
    """The number that `colours` put into a frame."""
    return round((float(frame[4:-4, 4 : frame.shape[1] // 2 - 4].mean()) - 20) / 4)


def make(path: Path, count: int = 20, fps: Fraction = Fraction(25), **options: object) -> Path:
    with media.VideoWriter(path, fps=fps, **options) as writer:  # type: ignore[arg-type]
        for frame in colours(count):
            writer.write(frame)
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm", ".gif", ""])
def test_a_round_trip_keeps_frames_rate_and_colours(tmp_path: Path, suffix: str) -> None:
    path = make(tmp_path / f"clip{suffix}", 20)
    clip = media.open_clip(path)
    frames = list(clip)
    assert [number(f) for f in frames] == list(range(20))
    assert clip.info.fps == 25 and (clip.info.width, clip.info.height) == (64, 48)
    assert [f.shape for f in media.open_clip(path)] == [(48, 64, 3)] * 20, "it can be read again"
    bar = frames[5][4:12, 40:60].reshape(-1, 3).mean(0)
    np.testing.assert_allclose(bar, (200, 40, 40), atol=8 if suffix in (".mp4", ".webm", ".mov", ".mkv") else 3)


def test_ntsc_rates_stay_exact(tmp_path: Path) -> None:
    path = make(tmp_path / "clip.mp4", 30, Fraction(30000, 1001))
    info = media.open_clip(path).info
    assert info.fps == Fraction(30000, 1001)
    assert info.duration == 30 * Fraction(1001, 30000)
    assert info.frames == 30
    again = make(tmp_path / "again.mp4", 3, info.fps)
    with av.open(str(again)) as container:
        assert container.streams.video[0].average_rate == Fraction(30000, 1001)


def test_cut_rate_and_size(tmp_path: Path) -> None:
    path = make(tmp_path / "clip.mp4", 20)
    cut = media.open_clip(path, start=Fraction(1, 5), end=Fraction(3, 5))
    assert [number(f) for f in cut] == list(range(5, 15))
    assert cut.info.frames == 10
    assert [number(f) for f in media.open_clip(path, fps=50)] == [n for n in range(20) for _ in (0, 1)]
    assert [number(f) for f in media.open_clip(path, fps=Fraction(25, 2))] == list(range(0, 20, 2))
    small = media.open_clip(path, size=(32, 24))
    assert next(iter(small)).shape == (24, 32, 3)
    with pytest.raises(InputError, match=r"cut is impossible.*expected 0 <= start < end"):
        media.open_clip(path, start=2, end=1)
    with pytest.raises(InputError, match="starts after the clip's end"):
        media.open_clip(path, start=9)


def test_odd_sizes_are_padded_not_rescaled(tmp_path: Path) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (31, 45, 1), np.uint8).repeat(3, 2)
    smooth = np.array(Image.fromarray(frame).resize((45, 31), Image.Resampling.BOX))
    with media.VideoWriter(tmp_path / "odd.mp4", fps=Fraction(10)) as writer:
        writer.write(smooth)
    back = list(media.open_clip(tmp_path / "odd.mp4"))
    assert len(back) == 1 and back[0].shape == (32, 46, 3)
    assert np.abs(back[0][:31, :45].astype(int) - smooth).mean() < 6


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_rotation_is_applied(tmp_path: Path, turn: int) -> None:
    path, turned = make(tmp_path / "clip.mp4", 3), tmp_path / "turned.mp4"
    ffmpeg("-display_rotation", turn, "-i", path, "-c", "copy", turned)
    expected = next(iter(media.open_clip(path)))
    clip = media.open_clip(turned)
    frame = next(iter(clip))
    assert (clip.info.height, clip.info.width) == frame.shape[:2]
    np.testing.assert_allclose(frame, np.rot90(expected, turn // 90), atol=2)


def test_variable_rate_becomes_constant(tmp_path: Path) -> None:
    path, variable = make(tmp_path / "clip.mp4", 12), tmp_path / "variable.mp4"
    # Frames 4 to 7 are missing; what is there keeps its time.
    ffmpeg("-i", path, "-vf", "select='not(between(n,4,7))'", "-fps_mode", "vfr", variable)
    assert [number(f) for f in media.open_clip(variable, fps=25)] == [0, 1, 2, 3, 3, 3, 3, 3, 8, 9, 10, 11]


def test_ten_bit_and_hdr(tmp_path: Path) -> None:
    path = make(tmp_path / "clip.mp4", 3)
    ten, hdr = tmp_path / "ten.mkv", tmp_path / "hdr.mkv"
    ffmpeg("-i", path, "-pix_fmt", "yuv420p10le", "-c:v", "libx264", "-crf", 5, ten)
    eight, deep = (next(iter(media.open_clip(p))) for p in (path, ten))
    assert np.abs(eight[:, 4:28].astype(int) - deep[:, 4:28]).max() <= 3
    assert np.abs(eight[20:28, 40:60].astype(int) - deep[20:28, 40:60]).max() <= 6
    tags = ["-vf", "setparams=color_trc=smpte2084:color_primaries=bt2020:colorspace=bt2020nc"]
    ffmpeg("-i", path, "-pix_fmt", "yuv420p10le", "-c:v", "libx264", *tags, hdr)
    clip = media.open_clip(hdr)
    with pytest.warns(MotionkitWarning, match=r"hdr.mkv is HDR \(PQ\); it is tone-mapped to SDR") as said:
        frames = list(clip)
    assert len(said) == 1 and len(frames) == 3
    assert frames[0].dtype == np.uint8


def test_pq_tone_curve_keeps_order_and_white() -> None:
    from motionkit.media.colour import tone_map

    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None, :, None].repeat(3, 2)
    mapped = tone_map(ramp, "PQ")[0, :, 0].astype(int)
    assert mapped[0] == 0 and mapped[-1] == 255 and (np.diff(mapped) >= 0).all()
    diffuse_white = round(0.58 * 255)  # PQ signal of 203 cd/m² (ITU-R BT.2408)
    assert 200 <= mapped[diffuse_white] <= 235


def test_a_truncated_clip_is_kept_up_to_the_damage(tmp_path: Path) -> None:
    path = tmp_path / "long.mp4"
    rng = np.random.default_rng(0)
    with media.VideoWriter(path, fps=Fraction(25)) as writer:
        for _ in range(30):
            writer.write(rng.integers(0, 256, (48, 64, 3), np.uint8))
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.warns(MotionkitWarning, match=r"cut.mp4 is (cut off|damaged)"):
        frames = list(media.open_clip(cut))
    assert 5 < len(frames) < 28


def test_folders_and_globs_in_natural_order(tmp_path: Path) -> None:
    for i in (0, 1, 2, 10, 11):
        media.write_image(tmp_path / f"f{i}.png", colours(12)[i])
    assert [number(f) for f in media.open_clip(tmp_path)] == [0, 1, 2, 10, 11]
    assert [number(f) for f in media.open_clip(tmp_path / "f1*.png")] == [1, 10, 11]
    assert media.open_clip(tmp_path, fps=10).info.duration == Fraction(1, 2)
    media.write_image(tmp_path / "f12.png", colours(1, (32, 32))[0])
    with pytest.raises(MediaError, match=r"pictures differ in size; got f12.png: 32x32; expected 64x48"):
        list(media.open_clip(tmp_path))


def test_pictures_of_every_kind(tmp_path: Path) -> None:
    rgb = Image.fromarray(colours(3)[2])
    expected = np.asarray(rgb).astype(int)
    for name, picture in {
        "rgb.png": rgb, "palette.png": rgb.quantize(256), "cmyk.jpg": rgb.convert("CMYK"), "lossy.webp": rgb,
    }.items():  # fmt: skip
        picture.save(tmp_path / name)
        assert np.abs(media.read_image(tmp_path / name) - expected).mean() < 8, name
    rgb.convert("L").save(tmp_path / "grey.png")
    assert media.read_image(tmp_path / "grey.png").shape == (48, 64, 3)
    Image.fromarray(np.full((4, 4), 257 * 100, np.uint16)).save(tmp_path / "deep.png")
    assert (media.read_image(tmp_path / "deep.png") == 100).all()
    clear = rgb.convert("RGBA")
    clear.putalpha(0)
    clear.save(tmp_path / "clear.png")
    assert (media.read_image(tmp_path / "clear.png") == 255).all(), "transparency lies on white"
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90° clockwise
    rgb.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    assert np.abs(media.read_image(tmp_path / "turned.jpg").astype(int) - np.rot90(expected, -1)).mean() < 4


def test_avi_is_read(tmp_path: Path) -> None:
    ffmpeg("-i", make(tmp_path / "a.mp4", 5), "-c:v", "mjpeg", "-q:v", 2, tmp_path / "a.avi")
    clip = media.open_clip(tmp_path / "a.avi")
    assert [number(f) for f in clip] == list(range(5)) and clip.info.fps == 25


def test_heic_names_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(64))
    assert media.is_image(tmp_path / "a.heic")
    with pytest.raises(MissingPackageError, match=r'pip install "motionkit\[heic\]"'):
        media.read_image(tmp_path / "a.heic")


def test_is_image_looks_at_the_content(tmp_path: Path) -> None:
    media.write_image(tmp_path / "a.png", colours(1)[0])
    (tmp_path / "a.png").rename(tmp_path / "a.mp4")
    assert media.is_image(tmp_path / "a.mp4")
    assert not media.is_image(make(tmp_path / "b.mp4", 2)) and not media.is_image(make(tmp_path / "c.gif", 2))
    assert media.open_clip(tmp_path / "a.mp4").info.frames == 1


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm", "a.gif", "a.png", "a.jpg", "a.webp"])
def test_the_comment_survives(tmp_path: Path, name: str) -> None:
    comment = 'made by "AI"; x=1: yes'
    if Path(name).suffix in media.IMAGE_SUFFIXES:
        media.write_image(tmp_path / name, colours(1)[0], metadata={"title": "t", "comment": comment})
    else:
        make(tmp_path / name, 2, metadata={"title": "t", "comment": comment})
    assert media.read_metadata(tmp_path / name)["comment"] == comment


def test_mp4_can_start_before_it_is_loaded(tmp_path: Path) -> None:
    content = make(tmp_path / "a.mp4").read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")


def click_and_flash(path: Path, codec: str = "aac") -> Path:
    """2 s at 25 fps: black and silent but for a white frame and a click at 1 s, with 48 kHz stereo sound."""
    flash = "color=black:s=64x48:r=25:d=2,drawbox=color=white:t=fill:enable='between(t,0.99,1.03)'"
    click = "aevalsrc='if(between(t,1,1.04),sin(6000*t),0)':s=48000:d=2"
    ffmpeg("-f", "lavfi", "-i", flash, "-f", "lavfi", "-i", click, "-ac", 2, "-c:a", codec, path)
    return path


def flash_and_click_at(path: Path) -> tuple[float, float]:
    brightness = [f.mean() for f in media.open_clip(path)]
    flash = int(np.argmax(brightness)) / 25
    with av.open(str(path)) as container:
        start = None
        parts = []
        for frame in container.decode(audio=0):
            start = float(frame.pts * frame.time_base) if start is None else start
            parts.append(np.abs(frame.to_ndarray()).max(axis=0))
            rate = frame.sample_rate
    loud = np.concatenate(parts)
    assert start is not None
    return flash, start + int(np.argmax(loud > 0.3 * loud.max())) / rate


@pytest.mark.parametrize("cut", [None, Fraction(3, 5)])
@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".mkv"])
def test_audio_stays_in_time(tmp_path: Path, suffix: str, cut: Fraction | None) -> None:
    clip = media.open_clip(click_and_flash(tmp_path / "in.mp4"), start=cut)
    out = tmp_path / f"out{suffix}"
    with media.VideoWriter(out, fps=clip.info.fps, audio=clip) as writer:
        for frame in clip:
            writer.write(frame)
    flash, click = flash_and_click_at(out)
    assert flash == pytest.approx(1 - float(cut or 0), abs=0.001)
    assert click == pytest.approx(flash, abs=0.04)
    with av.open(str(out)) as container:
        last = max(p.pts * p.time_base for p in container.demux(audio=0) if p.pts is not None)
    assert last <= 2 - float(cut or 0) + 0.03, "the sound ends with the picture"


def test_no_audio_gives_none_and_gif_says_so(tmp_path: Path) -> None:
    silent = media.open_clip(make(tmp_path / "silent.mp4", 3))
    assert not media.open_clip(make(tmp_path / "b.mp4", 3, audio=silent)).info.has_audio
    loud = media.open_clip(click_and_flash(tmp_path / "loud.mp4"))
    with pytest.warns(MotionkitWarning, match="c.gif cannot carry audio"):
        make(tmp_path / "c.gif", 3, audio=loud)


@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "folder"])
def test_an_exception_leaves_everything_as_it_was(tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    if target.suffix:
        target.write_bytes(b"older")
    with (  # noqa: PT012  # what the writer does when an exception leaves its block is what is tested
        pytest.raises(KeyboardInterrupt),
        media.VideoWriter(target, fps=Fraction(25)) as writer,
    ):
        writer.write(colours(1)[0])
        raise KeyboardInterrupt
    assert [p.name for p in tmp_path.iterdir()] == ([name] if target.suffix else [])
    assert not target.suffix or target.read_bytes() == b"older"


def test_a_killed_process_leaves_no_target(tmp_path: Path) -> None:
    code = f"""
import numpy as np
from fractions import Fraction
from motionkit import media
with media.VideoWriter({str(tmp_path / "a.mp4")!r}, fps=Fraction(25)) as writer:
    for i in range(100000):
        writer.write(np.full((240, 320, 3), i % 256, np.uint8))
        if i == 50:
            print("ready", flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "a.mp4").exists()


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    code = f"""
import resource, signal, sys
import numpy as np
from fractions import Fraction
from motionkit import media
from motionkit.errors import MediaError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
rng = np.random.default_rng(0)
try:
    with media.VideoWriter({str(tmp_path / "a.mp4")!r}, fps=Fraction(25)) as writer:
        for _ in range(200):
            writer.write(rng.integers(0, 256, (240, 320, 3), np.uint8))
except MediaError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "The clip cannot be written" in done.stdout, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_bad_inputs_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("this is no video\n" * 50)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "dir").mkdir()
    ffmpeg("-f", "lavfi", "-i", "sine=d=1", tmp_path / "tone.m4a")
    for name, error, message in (
        ("text.mp4", MediaError, "not a video that can be read"),
        ("empty.mp4", MediaError, "The file is empty"),
        ("tone.m4a", MediaError, "no video stream"),
        ("tone.m4", InputError, r"no such file; got .*tone.m4. Did you mean tone.m4a\?"),
        ("dir", InputError, "There are no pictures here"),
        ("*.png", InputError, "There are no pictures here"),
    ):
        with pytest.raises(error, match=message):
            media.open_clip(tmp_path / name)
    with pytest.raises(MediaError, match=r"This is not a picture; got .*text.mp4"):
        media.read_image(tmp_path / "text.mp4")


def test_bad_targets_are_told_apart(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4", 2)
    (tmp_path / "link.mp4").symlink_to(source)
    (tmp_path / "sub.mp4").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    for name, error, message in (
        ("in.mp4", InputError, "would overwrite an input"),
        ("link.mp4", InputError, "would overwrite an input"),
        ("nowhere/a.mp4", MediaError, "folder is not there"),
        ("a.xyz", InputError, r"Unknown kind of output; got a.xyz; expected .mp4 .mov"),
        ("sub.mp4", InputError, "a folder where a file belongs"),
        ("full", InputError, "The target folder is not empty"),
    ):
        with pytest.raises(error, match=message):
            media.check_target(tmp_path / name, source)
    media.check_target(tmp_path / "fine.webm", source)


def test_an_unwritable_folder_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may write anywhere, so the operating system's answer is given in its place.
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(MediaError, match="folder cannot be written to"):
        media.check_target(tmp_path / "a.mp4")


def test_frames_of_one_clip_have_one_size(tmp_path: Path) -> None:
    with (  # noqa: PT012  # what the writer does when an exception leaves its block is what is tested
        pytest.raises(InputError, match="frames of a clip differ in size"),
        media.VideoWriter(tmp_path / "a.mp4", fps=Fraction(25)) as writer,
    ):
        writer.write(colours(1)[0])
        writer.write(colours(1, (32, 32))[0])
    assert list(tmp_path.iterdir()) == []
