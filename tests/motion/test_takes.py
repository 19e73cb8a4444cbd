"""Takes in files: Live Link Face, CSV, JSON."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from motionkit.errors import InputError, MotionkitWarning
from motionkit.motion.expressions import Expression, Take
from motionkit.motion.ready import motion
from motionkit.motion.takes import load_take, save_take


def written(folder: Path, text: str, name: str = "take.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_live_link_face_round_trip(tmp_path: Path) -> None:
    take = motion("look-around")
    save_take(tmp_path / "take.csv", take)
    header, first, *rest = (tmp_path / "take.csv").read_text().splitlines()
    assert header.startswith("Timecode,BlendShapeCount,EyeBlinkLeft,EyeLookDownLeft,") and header.endswith(
        "RightEyeRoll"
    )
    assert first.startswith("00:00:00:00.000,61,") and rest[29].startswith("00:00:01:00.000,61,")
    loaded = load_take(tmp_path / "take.csv")
    assert loaded.fps == 30 and len(loaded) == len(take) and np.allclose(loaded.curves, take.curves, atol=1e-6)


def test_json_keeps_the_exact_rate(tmp_path: Path) -> None:
    take = Take([Expression(jaw_open=0.5), Expression(roll=-7.5)], Fraction(30000, 1001))
    save_take(tmp_path / "take.json", take)
    loaded = load_take(tmp_path / "take.json")
    assert loaded.fps == Fraction(30000, 1001) and np.allclose(loaded.curves, take.curves, atol=1e-6)


def test_timecodes_say_the_rate_and_lost_frames_are_filled(tmp_path: Path) -> None:
    # 60 a second, one frame lost at the turn of the second; the head's turn in radians.
    rows = [f"11:30:57:{frame:02d}.250,61,{frame / 100},0.1" for frame in (57, 58, 59)] + [
        "11:30:58:01.250,61,0.61,0.1"
    ]
    take = load_take(written(tmp_path, "Timecode,BlendshapeCount,JawOpen,HeadYaw\n" + "\n".join(rows)))
    assert take.fps == 60 and len(take) == 5
    assert [one.jaw_open for one in take.expressions] == pytest.approx([0.57, 0.58, 0.59, 0.60, 0.61])
    assert take.expressions[0].yaw == pytest.approx(np.degrees(0.1))


def test_unknown_columns_are_named(tmp_path: Path) -> None:
    path = written(tmp_path, "time,jawOpen,eyebrowWaggle,yaw\n0,0,1,0\n0.5,0.4,1,10\n1.0,0.8,1,20\n")
    with pytest.warns(MotionkitWarning, match="eyebrowWaggle"):
        take = load_take(path)
    assert take.fps == 2 and [one.yaw for one in take.expressions] == pytest.approx([0, 10, 20])


def test_values_beyond_their_range_are_held_and_said(tmp_path: Path) -> None:
    with pytest.warns(MotionkitWarning, match="jawOpen"):
        take = load_take(written(tmp_path, "time,jawOpen\n0,1.5\n0.1,-0.2\n"))
    assert [one.jaw_open for one in take.expressions] == [1, 0]


def test_frames_without_a_face_hold_the_one_before(tmp_path: Path) -> None:
    path = written(tmp_path, "Timecode,BlendShapeCount,JawOpen\n0:0:0:0,61,0.5\n0:0:0:1,0,\n0:0:0:2,61,0.7\n")
    with pytest.warns(MotionkitWarning, match="too short to show its rate; 60"):
        take = load_take(path)
    assert [one.jaw_open for one in take.expressions] == [0.5, 0.5, 0.7]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no frames"),
        ("time,jawOpen\n", "no frames"),
        ("jawOpen\n1\n", "no take"),
        ("time,jawOpen\n0,wide\n", "no number"),
        ("time,jawOpen\n0,nan\n", "not finite"),
        ("time,jawOpen\n1,0\n0,0\n", "do not rise"),
        ("Timecode,BlendShapeCount,JawOpen\n1:2,61,0\n", "timecode"),
        ("Timecode,BlendShapeCount,JawOpen\n0:0:0:nan,61,0\n", "timecode"),
        ("Timecode,BlendShapeCount,JawOpen\n0:0:0:0,61,0\n0:0:1e9:0,61,0\n", "timecode"),
    ],
)
def test_what_is_no_take_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_take(written(tmp_path, text))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"fps": "1e999999999", "frames": [{}]}, "rate"),
        ({"fps": 0, "frames": [{}]}, "rate"),
        ({"fps": 30, "frames": 3}, "no take"),
        ([{"jawOpen": 1}], "no times"),
        ([{"time": 0, "jawOpen": "wide"}], "no number"),
    ],
)
def test_what_is_no_take_in_json_is_refused(tmp_path: Path, given: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_take(written(tmp_path, json.dumps(given), "take.json"))


def test_only_takes_suffixes_are_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.csv or \.json"):
        save_take(tmp_path / "take.txt", motion("nod"))
