"""Results that are whole or not there: sound in time and clean, and everything that can stop a writer."""

from __future__ import annotations

import signal
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from motionkit import media
from motionkit.errors import InputError, MediaError, MotionkitWarning
from motionkit.media.audio import AudioFeed
from tests.support.clips import copy, ffmpeg, frame, make, number, read_audio, run


def click_and_flash(path: Path, codec: str, rate: int = 48000) -> Path:
    """3 s at 25 fps, black and silent but for a flash and a click 2 s in."""
    flash = "color=black:s=64x48:r=25:d=3,drawbox=color=white:t=fill:enable='between(t,1.99,2.03)'"
    click = f"aevalsrc='if(between(t,2,2.04),sin(6000*t),0)':s={rate}:d=3"
    ffmpeg("-f", "lavfi", "-i", flash, "-f", "lavfi", "-i", click, "-c:a", codec, path)
    return path


@pytest.mark.parametrize("cut", [None, Fraction(1), Fraction(77, 100)])
@pytest.mark.parametrize(
    ("source", "codec", "target", "result"),
    [
        ("a.mp4", "aac", "b.mp4", "aac"),
        ("a.mov", "pcm_s16le", "b.mp4", "aac"),
        ("a.mp4", "libmp3lame", "b.mov", "mp3"),
        ("a.mkv", "libmp3lame", "b.mkv", "aac"),
        ("a.mkv", "libopus", "b.webm", "opus"),
        ("a.avi", "pcm_s16le", "b.mp4", "aac"),
    ],
)
def test_flash_and_click_stay_together(
    tmp_path: Path, source: str, codec: str, target: str, result: str, cut: Fraction | None
) -> None:
    rate = 44100 if codec.startswith("pcm") else 48000
    out = copy(media.open_clip(click_and_flash(tmp_path / source, codec, rate), start=cut), tmp_path / target)
    flash = int(np.argmax([f.mean() for f in media.open_clip(out)])) / 25
    assert flash == pytest.approx(2 - float(cut or 0), abs=0.041)
    begin, rate, sound = read_audio(out)
    click = begin + int(np.argmax(np.abs(sound) > 0.3 * np.abs(sound).max())) / rate
    assert abs(click - flash) <= 1 / 25
    with av.open(str(out)) as container:
        audio = container.streams.audio[0]
        if cut is None:
            assert audio.codec_context.codec.canonical_name == result
        packets = [p for p in container.demux(audio) if p.pts is not None]
    last = packets[-1]
    assert last.pts * last.time_base <= len(list(media.open_clip(out))) / Fraction(25) + Fraction(3, 100)


@pytest.mark.parametrize(("source", "target"), [("a.mkv", "b.mkv"), ("a.mp4", "b.mp4"), ("a.avi", "b.webm")])
def test_a_cut_tone_stays_clean(tmp_path: Path, source: str, target: str) -> None:
    """Containers that round times to milliseconds must not put clicks between the packets."""
    sound = ("-f", "lavfi", "-i", "sine=f=440:d=3:r=44100")
    codec = ("-c:a", "aac" if source == "a.mp4" else "pcm_s16le")
    ffmpeg("-f", "lavfi", "-i", "color=s=64x48:r=25:d=3", *sound, *codec, tmp_path / source)
    out = copy(media.open_clip(tmp_path / source, start=Fraction(1, 2)), tmp_path / target)
    _, rate, heard = read_audio(out)
    heard = heard[rate // 4 : 2 * rate]
    angle = 2 * np.pi * 440 * np.arange(heard.size) / rate
    basis = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    tone = basis @ np.linalg.lstsq(basis, heard, rcond=None)[0]
    assert 10 * np.log10(tone.var() / (heard - tone).var()) > 25, "dB of the tone above everything else"


def test_a_cut_end_ends_the_sound(tmp_path: Path) -> None:
    path = click_and_flash(tmp_path / "a.mp4", "aac")
    out = copy(media.open_clip(path, start=1, end=Fraction(3, 2)), tmp_path / "b.mp4")
    begin, rate, sound = read_audio(out)
    assert begin + sound.size / rate == pytest.approx(0.5, abs=0.05)


def test_damaged_sound_does_not_stop_the_result(tmp_path: Path) -> None:
    whole = tmp_path / "a.mp4"
    video, sound = "testsrc2=s=160x120:r=25:d=4", "sine=d=4"
    ffmpeg("-f", "lavfi", "-i", video, "-f", "lavfi", "-i", sound, "-g", 12, "-movflags", "+faststart", whole)
    (tmp_path / "cut.mp4").write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    with pytest.warns(MotionkitWarning, match="cut.mp4 is (cut off|damaged)"):
        out = copy(media.open_clip(tmp_path / "cut.mp4"), tmp_path / "b.mp4")
    info = media.open_clip(out).info
    assert info.has_audio and info.frames is not None and 40 < info.frames < 90


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm", "a.gif"])
def test_a_comment_in_any_script_survives(tmp_path: Path, name: str) -> None:
    make(tmp_path / name, 2, metadata={"comment": "Käse 日本 ©"})
    assert media.read_metadata(tmp_path / name)["comment"] == "Käse 日本 ©"


@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_players_can_start_at_once(tmp_path: Path, name: str) -> None:
    content = make(tmp_path / name, 5).read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    with av.open(str(tmp_path / name)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")


def test_odd_sizes_are_padded_by_their_last_row_and_column(tmp_path: Path) -> None:
    picture = np.full((33, 47, 3), 60, np.uint8)
    picture[-8:], picture[:, -8:] = 200, 200
    with media.VideoWriter(tmp_path / "a.mp4", fps=Fraction(25)) as writer:
        writer.write(picture)
    (back,) = media.open_clip(tmp_path / "a.mp4")
    assert back.shape == (34, 48, 3)
    np.testing.assert_allclose(back, np.pad(picture, ((0, 1), (0, 1), (0, 0)), mode="edge"), atol=25)


def test_a_clip_needs_a_frame_and_a_clip_s_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"A clip needs at least one frame; got .*a.mp4"):
        make(tmp_path / "a.mp4", 0)
    with pytest.raises(InputError, match=r"A clip cannot be a single picture; got a.png; expected .mp4"):
        make(tmp_path / "a.png", 1)
    assert list(tmp_path.iterdir()) == []


def test_an_older_target_survives_until_the_new_one_is_whole(tmp_path: Path) -> None:
    target = make(tmp_path / "a.mp4", 3)
    older = target.read_bytes()
    with (  # noqa: PT012  # what the writer does when an exception leaves its block is what is tested
        pytest.raises(ZeroDivisionError),
        media.VideoWriter(target, fps=Fraction(25)) as writer,
    ):
        writer.write(frame(9))
        raise ZeroDivisionError
    assert target.read_bytes() == older and list(tmp_path.iterdir()) == [target]
    with media.VideoWriter(target, fps=Fraction(25)) as writer:
        writer.write(frame(9))
        assert target.read_bytes() == older
    assert [number(f) for f in media.open_clip(target)] == [9]


def test_a_folder_that_vanishes_is_said(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    writer = media.VideoWriter(tmp_path / "sub" / "a.mp4", fps=Fraction(25))
    (tmp_path / "sub").rmdir()
    with pytest.raises(MediaError, match=r"cannot be written; got .*a.mp4 \(No such file"), writer:
        writer.write(frame(1))


WRITE = """
import resource, signal, sys
from fractions import Fraction
import numpy as np
from motionkit import media
if len(sys.argv) > 2:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
rng = np.random.default_rng(0)
with media.VideoWriter(sys.argv[1], fps=Fraction(25)) as writer:
    for n in range(150 if len(sys.argv) > 2 else 10**6):
        writer.write(rng.integers(0, 256, (96, 128, 3), np.uint8))
        if n == 60:
            print("half-way", flush=True)
"""


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif", "folder"])
def test_killed_half_way_leaves_no_target(tmp_path: Path, name: str) -> None:
    process = run(WRITE, tmp_path / name)
    assert process.stdout is not None and process.stdout.readline() == "half-way\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / name).exists()
    assert not [p for p in tmp_path.iterdir() if ".part" not in p.name]
    make(tmp_path / name, 2)  # what the killed one left is in nobody's way
    assert len(list(media.open_clip(tmp_path / name))) == 2


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.gif", "folder"])
def test_a_full_disk_is_a_clear_error_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    process = run(WRITE, tmp_path / name, 20_000)
    _, errors = process.communicate()
    assert process.returncode == 1
    last = errors.strip().splitlines()[-1]
    assert "MediaError: The" in last and "cannot be written" in last and "File too large" in last, errors
    assert list(tmp_path.iterdir()) == []


def test_pictures_of_an_input_folder_are_inputs(tmp_path: Path) -> None:
    media.write_image(tmp_path / "1.png", frame(1))
    for given in (tmp_path, tmp_path / "*.png", tmp_path / "1.png"):
        with pytest.raises(InputError, match=r"would overwrite an input; got .*1.png"):
            media.check_target(tmp_path / "1.png", given)
        media.check_target(tmp_path / "2.png", given)


def test_audio_packets_without_a_decoding_time_are_copied(tmp_path: Path) -> None:
    """Some containers store no decoding times; the presentation time alone places a packet."""
    clip = media.open_clip(click_and_flash(tmp_path / "a.mp4", "aac"))
    with av.open(str(tmp_path / "b.mp4"), "w") as container:
        feed = AudioFeed(clip, container, ".mp4")
        with av.open(str(tmp_path / "a.mp4")) as source:
            packets = [packet for packet in source.demux(audio=0) if packet.pts is not None]
        for packet in packets:
            packet.dts = None
        feed.input.close()
        feed.input = SimpleNamespace(demux=lambda _: iter(packets))  # type: ignore[assignment]
        copied = list(feed._copied())
    assert len(copied) > 100
    assert [packet.dts for _, packet in copied] == [None] * len(copied)
    assert [float(time) for time, _ in copied] == sorted(float(time) for time, _ in copied)
