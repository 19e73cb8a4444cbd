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


@pytest.mark.parametrize("fps", [1, 10, 12, 12.5, 15, 24, 25, Fraction(30000, 1001), 48, 59, 75, 100])
@pytest.mark.parametrize("seconds", [0.4, 3])
@pytest.mark.filterwarnings("ignore:.*too short to show its rate")
def test_a_csv_of_any_rate_plays_in_its_own_time(tmp_path: Path, fps: Fraction | float, seconds: float) -> None:
    times = np.arange(round(seconds * fps) + 1) / float(fps)
    take = Take([Expression(jaw_open=time / 4) for time in times], fps)
    save_take(tmp_path / "take.csv", take)
    loaded = load_take(tmp_path / "take.csv")
    again = np.arange(len(loaded)) / float(loaded.fps)
    assert times[-1] - 1 / float(loaded.fps) < again[-1] <= times[-1] + 1e-6
    assert [one.jaw_open for one in loaded.expressions] == pytest.approx(again / 4, abs=1e-6)


@pytest.mark.parametrize(
    "text",
    [
        "time;jawOpen\n0;0,25\n0,1;0,5\n",
        "time\tjawOpen\n0\t0.25\n0.1\t0.5\n",
        'time,jawOpen\n"0,0","0,25"\n"0,1","0,5"\n',
        "\ufeffTime,jaw_open\r\n0,0.25\r\n0.1,0.5\r\n",
        "SECONDS, JAWOPEN ,\n0,0.25,\n\n 0.1 , 0.5 ,\n",
    ],
)
def test_tables_of_other_programs_and_countries(tmp_path: Path, text: str) -> None:
    path = tmp_path / "take.csv"
    path.write_bytes(text.encode())
    take = load_take(path)
    assert take.fps == 10 and [one.jaw_open for one in take.expressions] == [0.25, 0.5]


def test_letters_of_other_exports(tmp_path: Path) -> None:
    rows = "".join(f"00:00:0{at // 60}:{at % 60:02d},61,0.5,0.1,0.2\n" for at in range(90))
    for header in (
        "timecode,blendshapecount,eyeblink_l,headyaw,lefteyeyaw",
        "TIMECODE,BLENDSHAPECOUNT,EYEBLINKLEFT,HEADYAW,LEFTEYEYAW",
    ):
        first = load_take(written(tmp_path, f"{header}\n{rows}")).expressions[0]
        assert first.eye_blink_left == 0.5 and first.yaw == pytest.approx(np.degrees(0.1))


def test_json_may_spell_an_action_in_several_ways_but_once_a_frame(tmp_path: Path) -> None:
    given = {"fps": 30, "frames": [{"jawOpen": 0.5}, {"jaw_open": 0.6}, {}]}
    take = load_take(written(tmp_path, json.dumps(given), "take.json"))
    assert [one.jaw_open for one in take.expressions] == [0.5, 0.6, 0]


def test_a_column_without_a_name_is_named_by_its_place(tmp_path: Path) -> None:
    with pytest.warns(MotionkitWarning, match="column 3, which has no name"):
        load_take(written(tmp_path, "time,jawOpen,\n0,0.3,0.5\n0.1,0.2,0.6\n"))


def test_times_in_milliseconds_are_noticed(tmp_path: Path) -> None:
    with pytest.warns(MotionkitWarning, match="lasts 33 s: times are seconds"):
        load_take(written(tmp_path, "time,jawOpen\n0,0.1\n33,0.2\n66,0.1\n"))


def test_of_frames_at_one_time_the_last_counts(tmp_path: Path) -> None:
    path = written(tmp_path, "time,jawOpen\n0,0.1\n0.1,0.9\n0.1,0.2\n0.2,0.3\n0.3,0.4\n")
    with pytest.warns(MotionkitWarning, match="1 frames at the time of the one before"):
        take = load_take(path)
    assert [one.jaw_open for one in take.expressions] == pytest.approx([0.1, 0.2, 0.3, 0.4])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no frames"),
        ("time,jawOpen\n", "no frames"),
        ("jawOpen\n1\n", "no take"),
        ("time,jawOpen\n0,wide\n", "no number"),
        ("time,jawOpen\n0,nan\n", "not finite"),
        ("time,jawOpen\n1,0\n0,0\n", "do not rise: Row 3; got 0 s after 1 s"),
        ("time,jawOpen\n0,0,0\n0,1,0,5\n", "Row 2 of .* has more values .* Where commas are decimal"),
        ("time,jawOpen\n0,wide\n", "Row 2 of .* no number in jawOpen; got 'wide'"),
        ("time,jawOpen\n0,1_0\n", "no number in jawOpen"),
        ("time,jawOpen,jaw_open\n0,0.1,0.9\n", "jawOpen in two columns"),
        ("time,jawOpn\n0,0.1\n", "no facial actions; got columns time, jawOpn"),
        ("time\n0\n", "no facial actions"),
        ("time,jawOpen\n0,0\n0,0.5\n0,1\n", "repeat; got 0 s again and again"),
        ("time,jawOpen\n0,0\n0,1\n1,0\n1,1\n", "repeat; got 2 of 4"),
        ("time,jawOpen\n0,0\n1e300,0\n", "reach too far"),
        ("time,jawOpen\n0,0\n1e-300,0\n", "rate .* is impossible"),
        ("time,jawOpen\n0,0\n0.001,0\n0.002,0\n9000,0\n", "too long for a take; got 9000 seconds at 1000"),
        ("t\0i\0m\0e\0,\0", "no text in UTF-8"),
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
        ([{"time": 0, "jawOpen": 10**400}], "no number in jawOpen; got a number of some 398 digits"),
        ([{"time": 10**400, "jawOpen": 0}], "no number in time"),
        ({"fps": 30, "frames": [{"jawOpen": None}]}, "no number in jawOpen; got None"),
        ({"fps": 10**400, "frames": [{}]}, "rate"),
        ({"fps": 5000, "frames": [{}]}, r"rate of .*take.json is impossible; got 5000"),
        ({"fps": True, "frames": [{}]}, "rate"),
        ({"fps": 30, "frames": []}, "no frames"),
        ({"fps": 30, "frames": [{"jawOpn": 1}]}, "no facial actions; got jawOpn"),
        ({"fps": 30, "frames": [{"jawOpen": 0.5, "jaw_open": 0.1}]}, "jawOpen in two ways"),
    ],
)
def test_what_is_no_take_in_json_is_refused(tmp_path: Path, given: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_take(written(tmp_path, json.dumps(given), "take.json"))


def test_only_takes_suffixes_are_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.csv or \.json"):
        save_take(tmp_path / "take.txt", motion("nod"))


@pytest.mark.parametrize("given", [[Expression()], None, motion("nod").curves])
def test_what_is_no_take_is_not_written(tmp_path: Path, given: object) -> None:
    with pytest.raises(InputError, match="This is no take"):
        save_take(tmp_path / "take.csv", given)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_a_take_needs_a_path(tmp_path: Path) -> None:
    for path in (None, b"take.csv", 5):
        with pytest.raises(InputError, match="no path"):
            load_take(path)  # type: ignore[arg-type]
