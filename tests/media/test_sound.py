"""Sound that is carried over stays in time and clean."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from motionkit import media
from motionkit.errors import MotionkitWarning
from motionkit.media.audio import AudioFeed
from tests.support.clips import click_and_flash, copy, ffmpeg, make, read_audio


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
        ("a.mp4", "aac", "b.webm", "opus"),
        ("a.mp4", "aac", "b.mkv", "aac"),
    ],
)
def test_flash_and_click_stay_together(
    tmp_path: Path, source: str, codec: str, target: str, result: str, cut: Fraction | None
) -> None:
    rate = 44100 if codec.startswith("pcm") else 48000
    out = copy(media.open_clip(click_and_flash(tmp_path / source, codec, rate), start=cut), tmp_path / target)
    flash = int(np.argmax([f.mean() for f in media.open_clip(out)])) / 25
    assert flash == pytest.approx(2 - float(cut or 0), abs=0.021)
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


def test_audio_packets_without_a_decoding_time_are_copied(tmp_path: Path) -> None:
    """Some containers store no decoding times; the presentation time alone places a packet."""
    clip = media.open_clip(click_and_flash(tmp_path / "a.mp4", "aac"))
    with av.open(str(tmp_path / "b.mp4"), "w") as container:
        feed = AudioFeed(media.sound_of(clip), container, ".mp4")
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


def test_no_audio_gives_none_and_gif_says_so(tmp_path: Path) -> None:
    silent = media.open_clip(make(tmp_path / "silent.mp4", 3))
    assert not media.open_clip(make(tmp_path / "b.mp4", 3, audio=silent)).info.has_audio
    loud = media.open_clip(click_and_flash(tmp_path / "loud.mp4"))
    with pytest.warns(MotionkitWarning, match="c.gif cannot carry audio"):
        make(tmp_path / "c.gif", 3, audio=loud)
