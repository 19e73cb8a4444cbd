"""The session against ``animate``, and the recorder against its clip."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import motionkit as mk
from motionkit import media, trust
from motionkit.config import AnimateOptions
from motionkit.errors import InputError, MediaError
from motionkit.live.session import LiveSession, Recorder
from motionkit.model import Model
from tests.support import clips
from tests.support.live import DRIVING, PLAIN, SOURCE


def live(model: Model, frames: list[np.ndarray], fps: float = 30.0, **session: Any) -> list[np.ndarray]:
    made = LiveSession(model, SOURCE, **{"options": PLAIN, **session})
    return [made.step(frame, at=5 + i / fps).frame for i, frame in enumerate(frames)]


@pytest.mark.parametrize(
    "options",
    [PLAIN, PLAIN.replace(strength=1.6, gains={"left": 2.0, "b": 0}), PLAIN.replace(relative=False, motion_limit=None),
     PLAIN.replace(smoothing=0.7), PLAIN.replace(motion_limit=0.1, label=True)],
)  # fmt: skip
def test_a_session_gives_what_animate_gives(model: Model, options: AnimateOptions) -> None:
    expected = list(mk.animate(SOURCE, DRIVING, model=model, options=options.replace(batch_size=1), fps=12))
    expected = [trust.mark_frame(frame) for frame in expected]
    if options.label:
        expected = [trust.label_frame(frame) for frame in expected]
    got = live(model, DRIVING, fps=12, options=options)
    # Smoothing sees the rate as differences of times, so that the last bit of a float may differ.
    assert max(int(np.abs(a.astype(int) - b).max()) for a, b in zip(got, expected, strict=True)) <= bool(
        options.smoothing
    )
    assert all((a != b).any() for a, b in pairwise(got))


def test_smoothing_goes_by_the_frames_own_times(model: Model) -> None:
    options = PLAIN.replace(smoothing=0.8)
    slow, fast = (live(model, DRIVING, fps=fps, options=options) for fps in (8, 60))
    plain = live(model, DRIVING)
    lag = [np.abs(np.array(frames[1:]).astype(int) - plain[1:]).mean() for frames in (slow, fast)]
    assert 0 < lag[0] < lag[1]
    # After a pause the filter begins anew: nothing of the old pose is left in the picture.
    session = LiveSession(model, SOURCE, options=options)
    got = [session.step(frame, at=10.0 * i).frame for i, frame in enumerate(DRIVING)]
    assert np.array_equal(got, plain)


def test_calibrating_makes_the_next_frame_neutral(model: Model) -> None:
    session = LiveSession(model, SOURCE, options=PLAIN)
    for frame in DRIVING[:3]:
        session.step(frame)
    session.calibrate()
    got = [session.step(frame).frame for frame in DRIVING[3:]]
    assert np.array_equal(got, live(model, DRIVING[3:]))
    still = live(model, DRIVING, options=PLAIN.replace(strength=0.0))
    assert np.array_equal(got[0], still[0]) and all(np.array_equal(still[0], frame) for frame in still)


def test_mirror_is_the_flipped_frame_and_the_neutral_pose_follows(model: Model) -> None:
    flipped = [np.ascontiguousarray(frame[:, ::-1]) for frame in DRIVING]
    expected = live(model, flipped)
    assert np.array_equal(live(model, DRIVING, mirror=True), expected)
    session = LiveSession(model, SOURCE, options=PLAIN)
    session.step(DRIVING[0])
    session.mirror = True
    assert np.array_equal([session.step(frame).frame for frame in DRIVING[1:]], expected[1:])
    session.mirror = False
    assert np.array_equal(session.step(DRIVING[1]).frame, live(model, DRIVING)[1])


def test_options_and_source_change_between_steps_and_a_held_pose_follows(model: Model) -> None:
    session = LiveSession(model, SOURCE, options=PLAIN)
    assert session.redraw() is None
    session.step(DRIVING[0])
    assert session.step(DRIVING[1]).index == 1
    session.options = PLAIN.replace(strength=1.5, gains={"rest": 0.5})
    held = session.redraw()
    assert held is not None and held.index == 2
    assert np.array_equal(held.frame, live(model, DRIVING[:2], options=session.options)[1])
    session.set_source(DRIVING[5])
    session.options = PLAIN
    other = list(mk.animate(DRIVING[5], DRIVING[:2], model=model, options=PLAIN.replace(batch_size=1)))
    again = session.redraw()
    assert again is not None and np.array_equal(again.frame, trust.mark_frame(other[1]))


def test_keypoints_drive_as_the_frames_that_they_come_from(model: Model) -> None:
    session = LiveSession(model, SOURCE, options=PLAIN, mirror=True)  # keypoints are not flipped
    results = [LiveSession(model, SOURCE).step(frame) for frame in DRIVING]
    got = [session.follow(result.driving_keypoints).frame for result in results]
    assert np.array_equal(got, live(model, DRIVING))
    assert all(result.times.detect > 0 and result.times.generate > 0 for result in results)


def test_what_has_no_meaning_live_is_refused(model: Model) -> None:
    for options, words in (
        (AnimateOptions(reference="best"), "Calibrate"),
        (AnimateOptions(paste_back=True), "paste_back"),
        (AnimateOptions(gains={"nose": 2.0}), "left"),
        (AnimateOptions(size=64), "32"),
    ):
        with pytest.raises(InputError, match=words):
            LiveSession(model, SOURCE, options=options)
    session = LiveSession(model, SOURCE)
    with pytest.raises(InputError, match="not square"):
        session.step(np.zeros((32, 48, 3), np.uint8))
    with pytest.raises(InputError, match="H W 3 uint8"):
        session.step(np.zeros((32, 32, 3)))
    with pytest.raises(InputError, match="Nothing is being recorded"):
        session.stop_recording()


def test_a_recording_keeps_time_whatever_the_rate(tmp_path: Path) -> None:
    times = [0.0, 0.031, 0.16, 0.17, 0.175, 0.5, 0.55]
    recorder = Recorder(tmp_path / "a.mp4")
    for number, at in enumerate(times):
        recorder.add(clips.frame(number + 1), 100 + at)
    clip = recorder.finish(100.8)
    # Each slot shows the newest frame at its time, to half a slot.
    slots = [max(i for i, at in enumerate(times) if at <= (slot + 0.5) / 25) + 1 for slot in range(20)]
    got = [clips.number(frame) for frame in media.open_clip(clip.path)]
    assert got == slots
    assert (clip.frames, clip.results, clip.seconds) == (20, len(set(slots)), 0.8)
    assert media.open_clip(clip.path).info.fps == Fraction(25)
    assert trust.SOURCE_TYPE in media.read_metadata(clip.path)["comment"]


def test_a_recording_of_a_single_moment_has_one_frame_and_an_empty_one_is_told(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "one.mp4")
    recorder.add(clips.frame(3), 1.0)
    assert recorder.finish(1.0).frames == 1
    with pytest.raises(InputError, match="at least one frame"):
        Recorder(tmp_path / "none.mp4").finish(1.0)
    dropped = Recorder(tmp_path / "dropped.mp4")
    dropped.add(clips.frame(3), 1.0)
    dropped.add(clips.frame(4), 2.0)
    dropped.discard()
    with pytest.raises(MediaError, match="folder is not there"):
        Recorder(tmp_path / "no" / "a.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["one.mp4"]


def test_a_session_records_what_it_shows(model: Model, tmp_path: Path) -> None:
    session = LiveSession(model, SOURCE, options=AnimateOptions())
    session.step(DRIVING[0], at=0)
    session.record(tmp_path / "pngs", fps=Fraction(10))
    with pytest.raises(InputError, match="under way"):
        session.record(tmp_path / "b.mp4")
    shown = [session.step(frame, at=1 + i / 10).frame for i, frame in enumerate(DRIVING)]
    clip = session.stop_recording(at=1 + len(DRIVING) / 10)
    assert np.array_equal(list(media.open_clip(clip.path)), shown) and clip.results == len(shown)
    session.record(tmp_path / "b.mp4")
    session.step(DRIVING[0])
    session.close()
    assert [path.name for path in tmp_path.iterdir()] == ["pngs"]
