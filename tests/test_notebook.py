"""Helpers of notebooks: clips to show and to train on, crops, poses, voices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from motionkit import Expression, media, notebook, samples
from motionkit.data.clips import find_clips
from motionkit.errors import InputError
from motionkit.model import load_model
from motionkit.motion import save_template
from motionkit.motion.speech import openness
from motionkit.pipeline import extract
from tests.support.training_runs import make_clips


def test_sample_clips_share_out_the_samples(tmp_path: Path) -> None:
    found = find_clips(notebook.sample_clips(tmp_path))
    assert [clip.path.name for clip in found.train] == ["driving#train.mp4", "nod#train.mp4"]
    assert [clip.identity for clip in found.test] == ["driving", "nod"]
    for one, other in zip(found.train, found.test, strict=True):
        parts = [media.open_clip(clip.path).info.frames for clip in (one, other)]
        assert sum(parts) == media.open_clip(samples.driving_clip(one.identity)).info.frames
        assert parts[0] == 4 * parts[1]
    written = {clip.path: clip.path.stat().st_mtime_ns for clip in found.train}
    notebook.sample_clips(tmp_path)
    assert written == {path: path.stat().st_mtime_ns for path in written}


def test_a_sheet_of_clips_leaves_out_the_broken(tmp_path: Path) -> None:
    clips = make_clips(tmp_path / "train")
    (clips / "a.mp4").write_text("no video")
    sheet = notebook.clip_sheet(find_clips(tmp_path), height=32, count=6)
    assert sheet.shape[0] == 32 and 3 * 32 <= sheet.shape[1] < 4 * 32, "three of the first four"
    (tmp_path / "bad" / "train").mkdir(parents=True)
    (tmp_path / "bad" / "train" / "a.mp4").write_text("no video")
    with pytest.raises(InputError, match="No clip can be read"):
        notebook.clip_sheet(find_clips(tmp_path / "bad"))


def test_a_sheet_of_crops_shows_both_inputs_with_their_squares(tmp_path: Path) -> None:
    model = load_model("heads", device="cpu", precision="float32")
    nod = samples.driving_clip("nod")
    sheet = notebook.crop_sheet(samples.portrait(), nod, model=model, height=64)
    assert sheet.shape[0] == 64 and sheet.shape[1] == 4 * 64 + 3 * 2, "two whole squares and what is seen of each"
    assert np.abs(sheet[:, :64].astype(int) - sheet[:, 66:130]).mean() > 20, "the portrait's crop is a part of it"
    save_template(tmp_path / "nod.motion", extract(media.open_clip(nod, end=0.2), model=model))
    alone = notebook.crop_sheet(samples.portrait(), tmp_path / "nod.motion", model=model, height=64)
    assert np.array_equal(alone, sheet[:, : alone.shape[1]]), "a template has no pictures to show"


def test_a_sheet_of_poses_has_one_for_each_expression() -> None:
    model = load_model("heads", device="cpu", precision="float32")
    three = {"still": Expression(), "open": Expression(jaw_open=0.8), "still again": Expression()}
    sheet = notebook.pose_sheet(samples.portrait(), three, model=model, height=64, columns=2).astype(int)
    assert sheet.shape == (2 * (64 + 1), 64 + 2 + 64, 3)
    still, open_, again = sheet[:48, :64], sheet[:48, 66:130], sheet[65:113, :64]  # above the captions
    assert np.abs(still - again)[:40].mean() < 0.5 < np.abs(still - open_)[24:48].mean()
    assert (sheet[65:, 66:] == 255).all(), "the rest of the last row is paper"
    with pytest.raises(InputError, match="nothing to show"):
        notebook.pose_sheet(samples.portrait(), {}, model=model)


def test_vowels_open_the_mouth_as_phoneticians_say() -> None:
    """The synthesiser knows formants, ``speech`` finds them again; what comes between is a sound."""
    means = {}
    for vowel in "aiu":
        wide, spread, _ = openness(notebook.babble(vowel * 3) / 32768, 30)
        loud = wide > wide.max() / 2
        means[vowel] = wide[loud].mean(), spread[loud].mean()
    assert means["a"][0] > 2 * means["i"][0] and means["a"][0] > 2 * means["u"][0]
    assert means["i"][1] > 0.3 and means["u"][1] < -0.3, "spread lips, round lips"
    assert openness(notebook.babble("a a"), 30)[0].min() < 0.1, "pauses shut it"


def test_speech_of_nobody_is_a_sound_file_that_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spoken = notebook.sample_speech(tmp_path / "a" / "said.wav")
    (tmp_path / "nothing").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    made = notebook.sample_speech(tmp_path / "made.wav")
    for path in (spoken, made):
        rate, samples_ = wavfile.read(path)
        assert rate >= 16_000 and 2 < len(samples_) / rate < 6 and np.abs(samples_).max() > 5000
        assert media.is_sound(path)
    assert np.array_equal(wavfile.read(made)[1], notebook.babble())
    made.write_bytes(b"mine")
    assert notebook.sample_speech(made).read_bytes() == b"mine"
