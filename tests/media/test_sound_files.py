"""A file's sound becomes a clip's: the same sound, from its start, for as long as both last."""

from __future__ import annotations

import warnings
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from motionkit import media
from motionkit.errors import InputError, MediaError, MotionkitWarning
from tests.support.clips import click_and_flash, ffmpeg, make, read_audio

RATE = 48000


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds that are alike nowhere: noise up to 3 kHz, from the first sample to the last, in stereo."""
    rng = np.random.default_rng(7)
    spectrum = np.zeros((2, 2 * RATE + 1), complex)
    spectrum[:, 400:12000] = rng.normal(size=(2, 11600)) + 1j * rng.normal(size=(2, 11600))
    samples = np.fft.irfft(spectrum)
    samples = np.ascontiguousarray((samples / np.abs(samples).max() * 25000).astype("<i2").T)
    path = tmp_path_factory.mktemp("sound") / "song.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return path


def heard(path: Path) -> np.ndarray:
    """What the real ffmpeg hears from second 0 on, mono."""
    plain = path.with_name(path.name + ".heard.wav")
    ffmpeg("-i", path, "-vn", "-af", "aresample=async=1:first_pts=0", "-ac", 1, "-ar", RATE, plain)
    with wave.open(str(plain)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float)


def likeness(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """By how many seconds one lags behind the other, and how well they correlate so; of the shorter's length."""
    count = min(one.size, other.size)
    a, b = one[:count], other[:count]
    lags = np.fft.irfft(np.fft.rfft(a, 2 * count) * np.conj(np.fft.rfft(b, 2 * count)))
    lag = int(np.argmax(lags))
    lag = lag - lags.size if lag > count else lag
    inner = slice(abs(lag), count - abs(lag))
    return float(np.corrcoef(np.roll(a, -lag)[inner], b[inner])[0, 1]), lag / RATE


ENCODED: dict[str, tuple[object, ...]] = {
    "a.wav": (),
    "a.mp3": ("-c:a", "libmp3lame", "-b:a", "192k"),
    "a.m4a": ("-c:a", "aac", "-b:a", "192k"),
    "a.aac": ("-c:a", "aac", "-b:a", "192k"),
    "a.ogg": ("-c:a", "libvorbis", "-q:a", "7"),
    "a.opus": ("-c:a", "libopus", "-b:a", "160k"),
    "a.flac": (),
    "44.mp3": ("-ar", 44100, "-c:a", "libmp3lame", "-b:a", "192k"),
    "44.wav": ("-ar", 44100),
}


@pytest.mark.parametrize(
    ("name", "target"),
    [
        *((name, "b.mp4") for name in ENCODED),
        *((name, "b.webm") for name in ENCODED),
        *((name, "b.mov") for name in ("a.wav", "a.mp3", "a.m4a")),
        *((name, "b.mkv") for name in ("a.aac", "a.ogg", "a.flac")),
    ],
)
def test_the_result_sounds_as_the_file(tmp_path: Path, song: Path, name: str, target: str) -> None:
    ffmpeg("-i", song, *ENCODED[name], tmp_path / name)
    out = make(tmp_path / target, 75, audio=media.open_sound(tmp_path / name))  # 3 s of 4
    correlation, lag = likeness(heard(out), heard(tmp_path / name))
    assert correlation > 0.97 and abs(lag) < 0.0005, (correlation, lag)
    assert heard(out).size / RATE == pytest.approx(3, abs=0.06), "cut where the pictures end"


@pytest.mark.parametrize("target", ["b.mp4", "b.mov", "b.webm"])
def test_a_video_gives_its_sound_as_it_does_as_a_clip(tmp_path: Path, song: Path, target: str) -> None:
    video = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=4", "-i", song)
    ffmpeg(*video, "-c:a", "aac", "-b:a", "192k", tmp_path / "a.mp4")
    ffmpeg("-i", tmp_path / "a.mp4", "-c", "copy", tmp_path / "a.ts")  # whose clock does not begin at 0
    for name in ("a.mp4", "a.ts"):
        out = make(tmp_path / target, 75, audio=media.open_sound(tmp_path / name))
        as_clip = make(tmp_path / f"clip-{target}", 75, audio=media.open_clip(tmp_path / name))
        assert np.array_equal(heard(out), heard(as_clip))
        correlation, lag = likeness(heard(out), heard(song))
        assert correlation > 0.97 and abs(lag) < 0.0005, (name, correlation, lag)


@pytest.mark.parametrize("target", ["b.mp4", "b.webm"])
def test_sound_that_is_shorter_ends_early(tmp_path: Path, song: Path, target: str) -> None:
    ffmpeg("-i", song, "-t", 1, tmp_path / "short.wav")
    out = make(tmp_path / target, 75, audio=media.open_sound(tmp_path / "short.wav"))
    begin, rate, sound = read_audio(out)
    assert begin + sound.size / rate == pytest.approx(1, abs=0.06)
    assert len(list(media.open_clip(out))) == 75, "all pictures are there"


def test_a_cover_picture_is_not_the_clock(tmp_path: Path, song: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "color=s=64x64:d=1:r=1", "-frames:v", 1, tmp_path / "cover.png")
    cover = ("-i", tmp_path / "cover.png", "-map", 0, "-map", 1, "-disposition:v", "attached_pic", "-id3v2_version", 3)
    ffmpeg("-i", song, *cover, "-c:a", "libmp3lame", "-b:a", "192k", tmp_path / "a.mp3")
    out = make(tmp_path / "b.mp4", 75, audio=media.open_sound(tmp_path / "a.mp3"))
    correlation, lag = likeness(heard(out), heard(song))
    assert correlation > 0.97 and abs(lag) < 0.0005, (correlation, lag)


def test_a_track_is_chosen(tmp_path: Path, song: Path) -> None:
    two = tmp_path / "two.mka"
    ffmpeg("-f", "lavfi", "-i", "sine=f=440:d=4", "-i", song, "-map", 0, "-map", 1, "-c:a", "flac", two)
    out = make(tmp_path / "b.mp4", 75, audio=media.open_sound(two, 1))
    assert likeness(heard(out), heard(song))[0] > 0.97
    with pytest.raises(InputError, match=r"no such audio track; got 2 of two\.mka; expected 0 to 1"):
        media.open_sound(two, 2)


def test_files_without_sound_are_refused(tmp_path: Path, song: Path) -> None:
    (tmp_path / "text.mp3").write_text("no sound at all\n" * 99)
    (tmp_path / "empty.wav").touch()
    (tmp_path / "cut.wav").write_bytes(song.read_bytes()[:44])
    (tmp_path / "list.m3u8").write_text(f"#EXTM3U\n{song}\n")
    make(tmp_path / "silent.mp4", 3)
    reasons = {
        "text.mp3": (MediaError, "This is not a file with sound that can be read"),
        "empty.wav": (MediaError, "The file is empty"),
        "cut.wav": (MediaError, "No sound of the file can be read"),
        "silent.mp4": (MediaError, "The file has no sound that can be read"),
        "list.m3u8": (MediaError, "This is a playlist"),
        "missing.wav": (InputError, "There is no such file"),
        ".": (InputError, "This is a folder where a file belongs"),
    }
    for name, (kind, reason) in reasons.items():
        with pytest.raises(kind, match=reason) as caught:
            media.open_sound(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value) and "\n" not in str(caught.value)


def test_sound_at_an_impossible_rate_is_refused(tmp_path: Path, song: Path) -> None:
    """A packet of it would become hours at a usual rate."""
    data = bytearray(song.read_bytes())
    data[24:28] = (1).to_bytes(4, "little")
    (tmp_path / "slow.wav").write_bytes(data)
    with pytest.raises(MediaError, match="has no sound that can be read"):
        media.open_sound(tmp_path / "slow.wav")
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=1", "-f", "lavfi", "-i", "sine=r=100:d=1",
           "-c:a", "pcm_s16le", tmp_path / "slow.avi")  # fmt: skip
    with pytest.warns(MotionkitWarning, match=r"audio of slow\.avi cannot be decoded"):
        assert not media.open_clip(tmp_path / "slow.avi").info.has_audio


def test_a_gap_of_years_is_silence_up_to_the_end(tmp_path: Path, song: Path) -> None:
    """A container of a few kilobytes may say that its second packet comes in years."""
    with av.open(str(tmp_path / "gap.mkv"), "w") as container:
        stream = container.add_stream("flac", rate=RATE)
        stream.layout = "stereo"
        for at in (0, 100 * 3600 * RATE):
            frame = av.AudioFrame.from_ndarray(np.full((1, 2 * 4608), 9000, np.int16), format="s16", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = RATE, at, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = make(tmp_path / "b.mp4", 50, audio=media.open_sound(tmp_path / "gap.mkv"))
    sound = heard(out)
    assert sound.size / RATE == pytest.approx(2, abs=0.06)
    assert np.abs(sound[RATE // 50 : RATE // 20]).mean() > 1000 and np.abs(sound[RATE // 2 :]).max() < 100


def test_damaged_sound_is_used_up_to_there(tmp_path: Path, song: Path) -> None:
    ffmpeg("-i", song, "-c:a", "flac", tmp_path / "a.flac")
    data = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(data[: len(data) // 2] + bytes(len(data) // 2))
    with pytest.warns(MotionkitWarning, match=r"audio of a\.flac is damaged .* it is used up to there"):
        out = make(tmp_path / "b.mp4", 75, audio=media.open_sound(tmp_path / "a.flac"))
    assert likeness(heard(out)[: 3 * RATE // 2], heard(song))[0] > 0.97
    (tmp_path / "b.flac").write_bytes(data[:42] + bytes(len(data)))
    with pytest.raises(MediaError, match=r"is damaged|can be read"):
        media.open_sound(tmp_path / "b.flac")


def test_the_sound_of_a_clip_can_be_a_file_too(tmp_path: Path) -> None:
    loud = click_and_flash(tmp_path / "loud.mp4")
    out = make(tmp_path / "b.mp4", 75, audio=media.open_sound(loud))
    begin, rate, sound = read_audio(out)
    click = begin + int(np.argmax(np.abs(sound) > 0.3 * np.abs(sound).max())) / rate
    assert click == pytest.approx(2, abs=0.03)
