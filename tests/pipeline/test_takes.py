"""What drives without a clip: ready motions by name, takes, speech; and poses."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from motionkit import media
from motionkit.config import AnimateOptions
from motionkit.errors import InputError
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
    assert open_driving("smile").length == 6 and open_driving("nod").length == len(motion("nod"))


def test_a_take_can_be_cut_and_resampled(folder: Path) -> None:
    save_take(folder / "take.csv", motion("nod"))
    drive = open_driving(folder / "take.csv", start=Fraction(1), end=Fraction(2), fps=Fraction(15))
    assert (drive.fps, drive.length) == (15, 15)
    assert np.allclose(drive.take.curves, motion("nod").curves[30:60:2], atol=1e-6)  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="Nothing is left"):
        open_driving(folder / "take.csv", start=Fraction(9))


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
