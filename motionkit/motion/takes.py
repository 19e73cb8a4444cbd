"""Takes in files: Live Link Face's CSV, a plain CSV of times and actions, and JSON.

Live Link Face writes a row a frame: its timecode HH:MM:SS:FF.sss, how many values follow, 52 actions by ARKit's names
with a capital, and rotations of head and eyes in radians. A plain CSV has a column ``time`` in seconds and columns by
ARKit's names, the head's turn as ``yaw``, ``pitch`` and ``roll`` in degrees; commas, semicolons or tabs part them.
JSON is {"fps": "30", "frames": [{"jawOpen": 0.5}, …]}, or a list of frames that each have a "time".

Legend: T frames, C curves.
"""

from __future__ import annotations

import csv
import io
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from motionkit import jsontext
from motionkit.config.bounds import FRAMES, RATES, SECONDS
from motionkit.config.checks import check_path, shown
from motionkit.errors import InputError, MotionkitWarning
from motionkit.motion.expressions import ACTIONS, CURVES, TURN_RANGE, TURNS, Take, find_curve
from motionkit.motion.timecodes import rate_of, read_timecodes, shown_rate, timecode
from motionkit.wholefile import write_text

__all__ = ["SUFFIXES", "load_take", "save_take"]

SUFFIXES = (".csv", ".json")
"""Of files of takes."""
LARGEST = 256 << 20  # bytes of a file
LENGTH = 40  # characters of a rate
LOWEST, HIGHEST = RATES
HEAD = {"HeadYaw": "yaw", "HeadPitch": "pitch", "HeadRoll": "roll"}
EYES = tuple(f"{side}Eye{turn}" for side in ("Left", "Right") for turn in ("Yaw", "Pitch", "Roll"))
_HEAD = {name.lower(): turn for name, turn in HEAD.items()}  # other programs write its columns in other cases
_SKIPPED = {"blendshapecount", *(name.lower() for name in EYES)}
# The order of Live Link Face's columns.
_SIDED = ("eyeBlink", "eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp", "eyeSquint", "eyeWide")
_ORDER = (
    *(f"{name}Left" for name in _SIDED), *(f"{name}Right" for name in _SIDED),
    "jawForward", "jawRight", "jawLeft", "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthRight",
    "mouthLeft", "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight", "mouthDimpleLeft",
    "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight", "mouthRollLower", "mouthRollUpper",
    "mouthShrugLower", "mouthShrugUpper", "mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft",
    "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight", "browDownLeft", "browDownRight", "browInnerUp",
    "browOuterUpLeft", "browOuterUpRight", "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft",
    "noseSneerRight", "tongueOut",
)  # fmt: skip


def load_take(path: str | Path) -> Take:
    """Read a take. Unknown columns are named in a warning, and so are values beyond their range, which are held there.

    Frames that are missing between others are filled in.

    Args:
        path: .csv or .json.

    Raises:
        InputError: It cannot be read, or is no take.
    """
    path = check_path("take", path)
    reader = _from_json if path.suffix.lower() == ".json" else _from_csv
    read = reader(_text(path), path)
    _warn_unknown(read.unknown, path)
    times, rate, columns = read.times, read.rate, read.columns
    _check_times(read, path)
    if rate is None:
        rate = rate_of(times) if len(times) > 1 else Fraction(30)
        if len(times) > 1 and rate < 1:
            message = f"A frame of {path} lasts {float(1 / rate):.4g} s: times are seconds"
            warnings.warn(message, MotionkitWarning, 2)
    if not LOWEST <= rate <= HIGHEST:
        got = f"{float(rate):.4g} frames a second"
        raise InputError(f"The rate of {path} is impossible", got=got, expected=f"{LOWEST} to {HIGHEST}")
    seconds = float(times[-1] - times[0])
    count = round(seconds * float(rate)) + 1
    if count > FRAMES.value:
        got = f"{seconds:.4g} seconds at {float(rate):.4g} frames a second"
        raise InputError(f"{path} is too long for a take", got=got, expected=FRAMES.expected, todo=FRAMES.todo)
    later = np.append(np.diff(times) > 0, True)  # of frames at the same time the last one counts
    at = times[0] + np.arange(count) / float(rate)
    curves = np.zeros((count, len(CURVES)))
    for name, values in columns.items():
        curves[:, CURVES.index(name)] = np.interp(at, times[later], values[later])
    return Take(_held(curves, path), rate, path=path)


def save_take(path: str | Path, take: Take) -> None:
    """Write a take, whole or not at all.

    Args:
        path: .csv is as Live Link Face writes it, at a whole rate that its timecodes show, no lower than the take's;
            .json keeps the exact rate.
        take: The take.

    Raises:
        InputError: This is no take, or the path has another suffix, or cannot be written.
    """
    path = check_path("take", path)
    if not isinstance(take, Take):
        raise InputError("This is no take", got=shown(take), expected="mk.Take([mk.Expression(…), …])")
    if path.suffix.lower() not in SUFFIXES:
        raise InputError("A take is written as CSV or JSON", got=path.name, expected=" or ".join(SUFFIXES))
    text = _live_link(take) if path.suffix.lower() == ".csv" else _as_json(take)
    write_text(path, text)


def _live_link(take: Take) -> str:
    rate = shown_rate(take.fps, len(take))
    take = take.timed(Fraction(rate), int((len(take) - 1) * rate / take.fps) + 1)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [name[0].upper() + name[1:] for name in _ORDER]
    writer.writerow(["Timecode", "BlendShapeCount", *names, *HEAD, *EYES])
    order = [CURVES.index(name) for name in _ORDER]
    for frame, row in enumerate(take.curves):
        values = [*row[order], *np.radians(row[-3:]), *np.zeros(len(EYES))]
        writer.writerow([timecode(frame, rate), len(values), *(f"{value:.8f}" for value in values)])
    return out.getvalue()


def _as_json(take: Take) -> str:
    frames = [
        {name: round(value, 6) for name, value in zip(CURVES, map(float, row), strict=True) if value}
        for row in take.curves
    ]
    return json.dumps({"fps": "{}/{}".format(*take.fps.as_integer_ratio()), "frames": frames}, indent=1)


@dataclass(frozen=True, eq=False)
class _Read:
    """What a file says: T seconds, the rate or None, T values by curve, what is unknown, and what a frame is called."""

    times: np.ndarray
    rate: Fraction | None
    columns: Mapping[str, np.ndarray]
    unknown: Sequence[str]
    places: Sequence[str]


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise InputError(f"{path} is too large for a take", expected=f"at most {LARGEST >> 20} MiB")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise InputError(f"{path} is no text in UTF-8", expected="CSV or JSON", todo="Save it as UTF-8") from error
        raise InputError(f"Cannot read the take {path}", got=getattr(error, "strerror", None) or str(error)) from error
    if "\0" in text:
        raise InputError(f"{path} is no text in UTF-8", expected="CSV or JSON", todo="Save it as UTF-8")
    return text


def _from_csv(text: str, path: Path) -> _Read:
    header, body = _rows(text, path)
    letters = [name.lower() for name in header]
    stamp = next((letters.index(name) for name in ("timecode", "time", "seconds") if name in letters), None)
    if stamp is None:
        got = f"columns {', '.join(header)[:200]}"
        raise InputError(f"{path} is no take", got=got, expected="a column Timecode or time")
    places = [f"Row {number}" for number, _ in body]
    cells = list(zip_longest(*(row for _, row in body), fillvalue=""))
    cells += [("",) * len(body)] * (len(header) - len(cells))
    rate: Fraction | None = None
    if letters[stamp] == "timecode":
        times, rate = read_timecodes(cells[stamp], str(path))
    else:
        times = _numbers(cells[stamp], header[stamp], places, path)
    columns: dict[str, np.ndarray] = {}
    unknown = []
    for at, name in enumerate(header):
        # The rotations of the eyes: the actions of looking say the same.
        if at == stamp or letters[at] in _SKIPPED or not (name or any(cells[at])):
            continue
        known = find_curve(_HEAD.get(letters[at], name))
        if known is None:
            unknown.append(name or f"column {at + 1}, which has no name")
            continue
        if known in columns:
            got = f"columns {', '.join(header)[:200]}"
            raise InputError(f"{path} has {known} in two columns", got=got, expected="one for each action")
        values = _numbers(cells[at], name, places, path, hold=True)
        columns[known] = np.degrees(values) if letters[at] in _HEAD else values
    if not columns:
        got = f"columns {', '.join(header)[:200]}"
        raise InputError(f"{path} has no facial actions", got=got, expected="columns such as jawOpen or yaw")
    return _Read(times, rate, columns, unknown, places)


def _rows(text: str, path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The names, and the rows, each with its number in the file."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    reader = csv.reader(io.StringIO(text), delimiter=max(",;\t", key=first.count))
    try:
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise InputError(f"{path} is no CSV", got=str(error)) from error
    (_, header), *body = [(number, row) for number, row in rows if any(row)] or [(0, [])]
    if not body:
        raise InputError(f"{path} has no frames", expected="a row of names, and a row a frame")
    for number, row in body:
        if any(row[len(header) :]):
            raise InputError(
                f"Row {number} of {path} has more values than there are names",
                got=f"{len(row)} values, {len(header)} names",
                todo="Where commas are decimal, semicolons belong between the columns",
            )
    return header, body


def _from_json(text: str, path: Path) -> _Read:
    try:
        given = jsontext.parse(text.encode())
    except ValueError as error:
        raise InputError(f"{path} is no JSON", got=str(error)[:200]) from error
    rate: Fraction | None = None
    frames: Any = given
    if isinstance(given, Mapping):
        frames = given.get("frames")
        rate = _rate(given["fps"], path) if "fps" in given else None
    if not isinstance(frames, list) or not all(isinstance(frame, Mapping) for frame in frames):
        raise InputError(f"{path} is no take", expected='{"fps": "30", "frames": [{"jawOpen": 0.5}, …]}')
    if not frames:
        raise InputError(f"{path} has no frames", expected="at least one")
    if rate is None and not all("time" in frame for frame in frames):
        raise InputError(f"{path} says no times", expected='"fps", or a "time" in every frame')
    places = [f"Frame {number}" for number in range(len(frames))]
    stamps = [frame.get("time", number / rate if rate else 0) for number, frame in enumerate(frames)]
    names = sorted({name for frame in frames for name in frame} - {"time"})
    known = {name: find_curve(name) for name in names}
    columns = {}
    for curve in sorted({curve for curve in known.values() if curve}):
        spelled = [name for name in names if known[name] == curve]
        if twice := [number for number, frame in enumerate(frames) if sum(name in frame for name in spelled) > 1]:
            got = " and ".join(spelled)
            raise InputError(f"Frame {twice[0]} of {path} says {curve} in two ways", got=got, expected="one of them")
        cells = [next((frame[name] for name in spelled if name in frame), 0.0) for frame in frames]
        columns[curve] = _numbers(cells, spelled[0], places, path)
    unknown = [name or '""' for name in names if known[name] is None]
    if unknown and not columns:
        got = ", ".join(unknown)[:200]
        raise InputError(f"{path} has no facial actions", got=got, expected="names such as jawOpen or yaw")
    return _Read(_numbers(stamps, "time", places, path), rate, columns, unknown, places)


def _rate(given: Any, path: Path) -> Fraction:
    text = "" if isinstance(given, bool) else str(given)
    try:
        # Fraction would write out all the digits of 1e999999999.
        rate = Fraction(text if len(text) <= LENGTH and "e" not in text.lower() else "")
        if rate > 0:
            return rate
    except (ValueError, ZeroDivisionError):
        pass
    expected = "a number above 0, such as 30 or 30000/1001"
    raise InputError(f"The rate of {path} is none", got=shown(given), expected=expected)


def _warn_unknown(names: Sequence[str], path: Path) -> None:
    if names:
        listed = ", ".join(names)[:200]
        warnings.warn(f"{path} has columns that are no facial actions, left out: {listed}", MotionkitWarning, 3)


def _numbers(cells: Sequence[Any], name: str, places: Sequence[str], path: Path, *, hold: bool = False) -> np.ndarray:
    """T float64; with ``hold`` an empty cell, where a camera saw no face, is as the one before."""
    values = np.zeros(len(cells))
    for at, cell in enumerate(cells):
        if hold and cell == "":
            values[at] = values[at - 1] if at else 0.0
            continue
        try:
            values[at] = _number(cell)
        except (TypeError, ValueError, OverflowError):
            what = f"{places[at]} of {path} holds no number in {name or 'a column without a name'}"
            raise InputError(what, got=shown(cell), expected="one such as 0.5") from None
    if not np.isfinite(values).all():
        at = int(np.argmin(np.isfinite(values)))
        what = f"{places[at]} of {path} is not finite in {name}"
        raise InputError(what, got=shown(cells[at]), expected="a number such as 0.5")
    return values


def _number(cell: Any) -> float:
    """A number as programs in many languages write it: 0.5 or 0,5."""
    if isinstance(cell, str):
        if "_" in cell:
            raise ValueError(cell)
        cell = cell.replace(",", ".", 1)
    return float(cell)


def _check_times(read: _Read, path: Path) -> None:
    """Raise unless times rise; where a few are those of the frame before, warn."""
    times = read.times
    if np.any(falls := times[1:] < times[:-1]):
        at = int(np.argmax(falls)) + 1
        got = f"{times[at]:.10g} s after {times[at - 1]:.10g} s"
        raise InputError(f"The times of {path} do not rise: {read.places[at]}", got=got, todo="Sort its rows by time")
    if not float(times[-1] - times[0]) <= SECONDS:
        raise InputError(f"The times of {path} reach too far", got=f"{times[-1] - times[0]:.4g} s", expected="seconds")
    same = int(np.sum(times[1:] == times[:-1]))
    if same and 2 * same >= len(times) - 1:
        got = f"{times[0]:.10g} s again and again" if same == len(times) - 1 else f"{same} of {len(times)} as before"
        raise InputError(f"The times of {path} repeat", got=got, expected="seconds such as 0.033, a time a frame")
    if same:
        message = f"{path} has {same} frames at the time of the one before; of them the last counts"
        warnings.warn(message, MotionkitWarning, 3)


def _held(curves: np.ndarray, path: Path) -> np.ndarray:
    """T C within their ranges."""
    most = np.array([TURN_RANGE.get(name, 1.0) for name in CURVES])
    least = np.where(np.isin(CURVES, TURNS), -most, 0.0)
    held: np.ndarray = np.clip(curves, least, most)
    off = np.abs(held - curves)
    worst = curves[off.argmax(0), np.arange(len(CURVES))]
    beyond = [f"{name} ({value:.4g})" for name, value, by in zip(CURVES, worst, off.max(0), strict=True) if by > 1e-3]
    if beyond:
        warnings.warn(f"{path} goes beyond the range of {', '.join(beyond)[:200]}; held there", MotionkitWarning, 3)
    return held


assert set(_ORDER) == set(ACTIONS), "Live Link Face's columns are the actions"
