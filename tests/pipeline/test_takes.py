"""What drives without a clip: ready motions by name, takes, speech; and poses."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from motionkit import media
from motionkit.config import AnimateOptions
from motionkit.errors import InputError, MediaError, MotionkitWarning
from motionkit.model import Model
from motionkit.motion.expressions import Expression, Take
from motionkit.motion.ready import motion
from motionkit.motion.speech import RATE
from motionkit.motion.takes import save_take
from motionkit.pipeline import open_driving
from motionkit.pipeline.posing import pose_file
from motionkit.pipeline.run import animate_file, extract
from motionkit.trust.verification import verify
from tests.support.networks import tiny_model

OPTIONS = AnimateOptions(lost="follow", crop="centre")


@pytest.fixture(scope="module")
def named() -> Model:
    """A small model whose keypoints expressions know."""
    return tiny_model("f" * 64, blend_warped=True, keypoint_names=("nose", "lip_bottom", "jaw_left"))


@pytest.fixture
def speech(folder: Path) -> Path:
    """One second of a hum that comes and goes."""
    time = np.arange(RATE) / RATE
    hum = sum(np.sin(2 * np.pi * hertz * time) for hertz in (120, 240, 720, 1200)) * np.sin(np.pi * time)
    wavfile.write(folder / "speech.wav", RATE, (hum * 8000).astype(np.int16))
    return folder / "speech.wav"


def test_a_ready_motion_drives_by_its_name(folder: Path, named: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    result = animate_file("photo.png", "blink", "result.mp4", model=named, options=OPTIONS)
    assert result.frames == len(motion("blink")) and result.fps == 30


def test_a_file_of_that_name_wins(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "drive.mp4").rename(folder / "smile")
    with pytest.warns(MotionkitWarning, match="smile is here by name, and drives"):
        assert open_driving("smile").length == 6
    assert open_driving("nod").length == len(motion("nod"))


def test_a_take_can_be_cut_and_resampled(folder: Path) -> None:
    save_take(folder / "take.csv", motion("nod"))
    drive = open_driving(folder / "take.csv", start=Fraction(1), end=Fraction(2), fps=Fraction(15))
    assert (drive.fps, drive.length) == (15, 15)
    assert np.allclose(drive.take.curves, motion("nod").curves[30:60:2], atol=1e-6)  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="Nothing is left"):
        open_driving(folder / "take.csv", start=Fraction(9))


@pytest.mark.parametrize("name", ["nod", "take.csv", "speech.wav"])
@pytest.mark.parametrize(
    ("cut", "says"),
    [
        ({"fps": 0}, "frame rate is impossible; got 0"),
        ({"fps": -5}, "frame rate is impossible"),
        ({"fps": 1_000_000}, "frame rate is impossible"),
        ({"start": -1}, "cut is impossible"),
        ({"end": 0}, "cut is impossible"),
        ({"start": 1, "end": 0.5}, "cut is impossible; got start 1, end 0.5"),
        ({"start": 99}, "Nothing is left of this cut; got from 99 s|no sound in this cut; got .* from 99 s"),
    ],
)
def test_impossible_cuts_are_said_as_for_clips(
    folder: Path, speech: Path, monkeypatch: pytest.MonkeyPatch, name: str, cut: dict[str, float], says: str
) -> None:
    monkeypatch.chdir(folder)
    save_take("take.csv", motion("nod"))
    with pytest.raises(InputError, match=says):
        open_driving(name, **cut)


def test_a_cut_has_a_bound_before_it_is_made(monkeypatch: pytest.MonkeyPatch, speech: Path) -> None:
    monkeypatch.setenv("MOTIONKIT_FRAMES", "500")
    for driving in ("smile", speech):
        with pytest.raises(InputError, match=r"too many frames; got (1000|3033) of"):
            open_driving(driving, fps=1000)


def test_speech_moves_the_mouth_and_is_heard(folder: Path, named: Model, speech: Path) -> None:
    result = animate_file(folder / "photo.png", speech, folder / "said.mp4", model=named, options=OPTIONS)
    assert result.frames == 30 and media.open_clip(result.path).info.has_audio
    silent = OPTIONS.replace(audio="none")
    result = animate_file(folder / "photo.png", speech, folder / "mute.mp4", model=named, options=silent)
    assert not media.open_clip(result.path).info.has_audio


def test_speech_is_cut_with_its_sound(folder: Path, speech: Path) -> None:
    drive = open_driving(speech, start=Fraction(1, 2))
    assert drive.length == 15 and drive.sound.start == Fraction(1, 2)  # type: ignore[attr-defined]
    whole, part = open_driving(speech), media.read_samples(drive.sound, RATE)  # type: ignore[attr-defined]
    assert whole.length == 30 and len(part) == RATE // 2


def test_samples_are_those_of_the_file(speech: Path) -> None:
    _, truth = wavfile.read(speech)
    read = media.read_samples(media.open_sound(speech), RATE)
    assert np.allclose(read, truth / 32768, atol=1e-3)


def test_sound_alone_is_speech_whatever_its_name(folder: Path, speech: Path) -> None:
    for name in ("voice.mp4", "voice", "voice.webm"):
        shutil.copy(speech, folder / name)
        assert open_driving(folder / name).length == 30


def test_speech_that_is_silent_is_said(folder: Path) -> None:
    wavfile.write(folder / "silent.wav", RATE, np.zeros(RATE, np.int16))
    with pytest.warns(MotionkitWarning, match=r"Nothing is heard in .*silent\.wav"):
        assert open_driving(folder / "silent.wav").length == 30


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_samples_that_are_no_sound_are_refused_and_nothing_is_left(
    folder: Path, named: Model, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    samples = np.sin(np.arange(RATE) / 20).astype(np.float32)
    samples[5000] = value
    wavfile.write("float.wav", RATE, samples)
    before = sorted(folder.iterdir())
    with pytest.raises(MediaError, match=r"float\.wav, with NaN"):
        open_driving("float.wav")
    with pytest.raises(MediaError, match=r"float\.wav, with NaN"):
        animate_file(
            "photo.png", "blink", "result.mp4", model=named, options=OPTIONS.replace(audio=folder / "float.wav")
        )
    assert sorted(folder.iterdir()) == before


def test_damaged_speech_is_used_up_to_there(folder: Path, speech: Path) -> None:
    import av

    with av.open(str(folder / "speech.flac"), "w") as out, av.open(str(speech)) as given:
        stream = out.add_stream("flac", rate=RATE)
        for frame in given.decode(audio=0):
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    whole = (folder / "speech.flac").read_bytes()
    (folder / "speech.flac").write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.warns(MotionkitWarning, match=r"speech\.flac is damaged .* used up to there"):
        assert 10 <= open_driving(folder / "speech.flac").length < 30  # type: ignore[operator]


def test_what_can_be_given_is_said(folder: Path, named: Model) -> None:
    (folder / "notes.txt").write_text("time,jawOpen\n0,1\n")
    with pytest.raises(MediaError, match=r"not a video .*notes\.txt.*; expected a clip .* a take \(\.csv, \.json\)"):
        open_driving(folder / "notes.txt")
    with pytest.raises(MediaError, match=r"not a video .*; got .*notes\.txt.*; expected a picture \(jpg"):
        pose_file(folder / "notes.txt", Expression(), folder / "a.png", model=named)


def test_a_motion_becomes_a_template(named: Model) -> None:
    template = extract("smile", model=named)
    assert len(template) == len(motion("smile")) + 1 and template.model_hash == named.fingerprint


def test_another_models_keypoints_are_refused_in_words(folder: Path, model: Model) -> None:
    with pytest.raises(InputError, match=r"Expressions do not know this model's keypoints"):
        animate_file(folder / "photo.png", "smile", folder / "result.mp4", model=model, options=OPTIONS)
    assert not (folder / "result.mp4").exists()


def test_a_pose_is_a_labelled_picture_that_differs(folder: Path, named: Model) -> None:
    posed = pose_file(
        folder / "photo.png", Expression(jaw_open=1, yaw=20), folder / "a.png", model=named, options=OPTIONS
    )
    still = pose_file(folder / "photo.png", Expression(), folder / "b.png", model=named, options=OPTIONS)
    one, other = (media.read_image(result.path).astype(int) for result in (posed, still))
    assert np.abs(one - other).max() > 20
    assert next(iter(verify(posed.path))).labelled


def test_what_is_no_pose_is_refused(folder: Path, named: Model) -> None:
    with pytest.raises(InputError, match="A pose is a picture"):
        pose_file(folder / "photo.png", Expression(), folder / "a.mp4", model=named)
    with pytest.raises(InputError, match="no expression"):
        pose_file(folder / "photo.png", {"jawOpen": 1}, folder / "a.png", model=named)  # type: ignore[arg-type]


def test_takes_drive_frames_too(named: Model, folder: Path) -> None:
    from motionkit.animation.moments import moments

    source = media.read_image(folder / "photo.png")[:64, :64]
    take = Take([Expression(jaw_open=1), Expression()])
    found = list(moments(source, take, model=named, options=OPTIONS))
    first, last = (moment.keypoints.value[0].numpy() for moment in found)
    assert np.abs(first - last).max() > 1e-3 and len(found) == 2
