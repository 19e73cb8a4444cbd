"""Takes in files: Live Link Face's CSV, a plain CSV of times and actions, and JSON.

Live Link Face writes a row a frame: its timecode HH:MM:SS:FF.sss, how many values follow, 52 actions by ARKit's names
with a capital, and rotations of head and eyes in radians. A plain CSV has a column ``time`` in seconds and columns by
ARKit's names, the head's turn as ``yaw``, ``pitch`` and ``roll`` in degrees. JSON is {"fps": "30", "frames":
[{"jawOpen": 0.5}, …]}, or a list of frames that each have a "time".

Legend: T frames, C curves.
"""

from __future__ import annotations

import csv
import io
import json
import warnings
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from motionkit import jsontext
from motionkit.config.bounds import FRAMES
from motionkit.errors import InputError, MotionkitWarning
from motionkit.motion.expressions import ACTIONS, CURVES, TURN_RANGE, TURNS, Take, curve_name
from motionkit.wholefile import write_text

__all__ = ["SUFFIXES", "load_take", "save_take"]

SUFFIXES = (".csv", ".json")
"""Of files of takes."""
LARGEST = 256 << 20  # bytes of a file
LATEST = 100, 60, 60, 1000  # hours, minutes, seconds, frames that are too many
LENGTH = 40  # characters of a rate
RATE = Fraction(60)  # Live Link Face's own, where a take is too short to show it
RATES = (24, 25, 30, 48, 50, 60)
HEAD = {"HeadYaw": "yaw", "HeadPitch": "pitch", "HeadRoll": "roll"}
EYES = tuple(f"{side}Eye{turn}" for side in ("Left", "Right") for turn in ("Yaw", "Pitch", "Roll"))
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

    Args:
        path: .csv or .json.

    Raises:
        InputError: It cannot be read, or is no take.
    """
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST:
            raise InputError(f"{path} is too large for a take", expected=f"at most {LARGEST >> 20} MiB")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"Cannot read the take {path}", got=error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text", expected="CSV or JSON in UTF-8") from error
    reader = _from_json if path.suffix.lower() == ".json" else _from_csv
    times, rate, columns = reader(text, path)
    if not len(times):
        raise InputError(f"{path} has no frames", expected="at least one")
    if np.any(np.diff(times) < 0) or not np.isfinite(times).all():
        raise InputError(f"The times of {path} do not rise", todo="Sort its rows by time")
    if rate is None:
        steps = np.diff(times)
        step = float(np.median(steps)) if len(steps) else 1 / 30
        rate = Fraction(1 / step).limit_denominator(1001) if step > 0 else Fraction(30)
    count = round(min((times[-1] - times[0]) * float(rate), FRAMES.value)) + 1
    at = times[0] + np.arange(count) / float(rate)
    curves = np.zeros((count, len(CURVES)))
    for name, values in columns.items():
        curves[:, CURVES.index(name)] = np.interp(at, times, values)
    return Take(_held(curves, path), rate, path=path)


def save_take(path: str | Path, take: Take) -> None:
    """Write a take, whole or not at all.

    Args:
        path: .csv is as Live Link Face writes it, at the nearest whole rate, which is all that a timecode holds; .json
            keeps the exact rate.
        take: The take.

    Raises:
        InputError: The path has another suffix, or cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise InputError("A take is written as CSV or JSON", got=path.name, expected=" or ".join(SUFFIXES))
    text = _live_link(take) if path.suffix.lower() == ".csv" else _as_json(take)
    write_text(path, text)


def _live_link(take: Take) -> str:
    rate = max(round(take.fps), 1)
    take = take.timed(Fraction(rate), int((len(take) - 1) * rate / take.fps) + 1)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [name[0].upper() + name[1:] for name in _ORDER]
    writer.writerow(["Timecode", "BlendShapeCount", *names, *HEAD, *EYES])
    order = [CURVES.index(name) for name in _ORDER]
    for frame, row in enumerate(take.curves):
        second = frame // rate
        stamp = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}:{frame % rate:02d}.000"
        values = [*row[order], *np.radians(row[-3:]), *np.zeros(len(EYES))]
        writer.writerow([stamp, len(values), *(f"{value:.8f}" for value in values)])
    return out.getvalue()


def _as_json(take: Take) -> str:
    frames = [
        {name: round(value, 6) for name, value in zip(CURVES, map(float, row), strict=True) if value}
        for row in take.curves
    ]
    return json.dumps({"fps": "{}/{}".format(*take.fps.as_integer_ratio()), "frames": frames}, indent=1)


_Read = tuple[np.ndarray, Fraction | None, dict[str, np.ndarray]]


def _from_csv(text: str, path: Path) -> _Read:
    try:
        rows = [row for row in csv.reader(io.StringIO(text)) if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise InputError(f"{path} is no CSV", got=str(error)) from error
    if len(rows) < 2:
        raise InputError(f"{path} has no frames", expected="a row of names, and a row a frame")
    header, body = [name.strip() for name in rows[0]], rows[1:]
    letters = [name.lower() for name in header]
    stamp = next((letters.index(name) for name in ("timecode", "time", "seconds") if name in letters), None)
    if stamp is None:
        raise InputError(
            f"{path} is no take", got=f"columns {', '.join(header)[:200]}", expected="a column Timecode or time"
        )
    live = letters[stamp] == "timecode"
    stamps = [row[stamp] if stamp < len(row) else "" for row in body]
    times, rate = _timecodes(stamps, path) if live else (_numbers(stamps, path), None)
    skipped = {stamp, *(at for at, name in enumerate(letters) if name == "blendshapecount")}
    columns, unknown = {}, []
    for at, name in enumerate(header):
        if at in skipped or name in EYES:  # eyes: the actions of looking say the same
            continue
        known = _known(HEAD.get(name, name))
        if known is None:
            unknown.append(name)
            continue
        values = _numbers([row[at] if at < len(row) else "" for row in body], path, hold=True)
        columns[known] = np.degrees(values) if name in HEAD else values
    _warn_unknown(unknown, path)
    return times, rate, columns


def _from_json(text: str, path: Path) -> _Read:
    try:
        given = jsontext.parse(text.encode())
    except ValueError as error:
        raise InputError(f"{path} is no JSON", got=str(error)[:200]) from error
    rate: Fraction | None = None
    frames: Any = given
    if isinstance(given, Mapping):
        frames = given.get("frames")
        try:
            # Fraction would write out all the digits of 1e999999999.
            rate = Fraction(str(given["fps"])[:LENGTH].replace("e", "?")) if "fps" in given else None
        except (ValueError, ZeroDivisionError) as error:
            raise InputError(f"The rate of {path} is none", got=str(given["fps"])[:80]) from error
    if not isinstance(frames, Sequence) or not all(isinstance(frame, Mapping) for frame in frames):
        raise InputError(f"{path} is no take", expected='{"fps": "30", "frames": [{"jawOpen": 0.5}, …]}')
    if rate is not None and rate <= 0:
        raise InputError(f"The rate of {path} is none", got=str(rate))
    if rate is None and not all("time" in frame for frame in frames):
        raise InputError(f"{path} says no times", expected='"fps", or a "time" in every frame')
    stamps = [frame.get("time", number / rate if rate else 0) for number, frame in enumerate(frames)]
    names = sorted({str(name) for frame in frames for name in frame} - {"time"})
    columns = {
        known: _numbers([frame.get(name, 0.0) for frame in frames], path)
        for name in names
        if (known := _known(name)) is not None
    }
    _warn_unknown([name for name in names if _known(name) is None], path)
    return _numbers(stamps, path), rate, columns


def _known(name: str) -> str | None:
    try:
        return curve_name(name)
    except InputError:
        return None


def _warn_unknown(names: Sequence[str], path: Path) -> None:
    if names:
        listed = ", ".join(names)[:200]
        warnings.warn(f"{path} has columns that are no facial actions, left out: {listed}", MotionkitWarning, 4)


def _numbers(cells: Sequence[Any], path: Path, *, hold: bool = False) -> np.ndarray:
    """T float64; with ``hold`` an empty cell, where a camera saw no face, is as the one before."""
    values = np.zeros(len(cells))
    for at, cell in enumerate(cells):
        if hold and isinstance(cell, str) and not cell.strip():
            values[at] = values[at - 1] if at else 0.0
            continue
        try:
            values[at] = float(cell)
        except (TypeError, ValueError) as error:
            raise InputError(f"Frame {at} of {path} holds no number", got=repr(cell)[:80]) from error
    if not np.isfinite(values).all():
        raise InputError(f"Frame {int(np.argmin(np.isfinite(values)))} of {path} is not finite")
    return values


def _timecodes(stamps: Sequence[str], path: Path) -> tuple[np.ndarray, Fraction]:
    """Seconds of T timecodes, and their rate: a second's last frame is one less."""
    try:
        parts = np.array([[float(part) for part in stamp.replace(";", ":").split(":")] for stamp in stamps])
        hours, minutes, seconds, frames = parts.T
    except ValueError:
        parts = np.full((1, 4), np.nan)
    if not ((parts >= 0) & (parts < LATEST)).all():  # false for NaN
        raise InputError(f"{path} has a timecode that is none", expected="HH:MM:SS:FF.sss")
    whole = hours * 3600 + minutes * 60 + seconds
    most = int(np.floor(frames.max())) + 1
    if whole[-1] > whole[0]:
        rate = Fraction(next((rate for rate in RATES if rate >= most), most))
    else:
        rate = max(RATE, Fraction(most))
        warnings.warn(f"{path} is too short to show its rate; {rate} frames a second are assumed", MotionkitWarning, 4)
    return whole + frames / float(rate), rate


def _held(curves: np.ndarray, path: Path) -> np.ndarray:
    """T C within their ranges."""
    most = np.array([TURN_RANGE.get(name, 1.0) for name in CURVES])
    least = np.where(np.isin(CURVES, TURNS), -most, 0.0)
    held: np.ndarray = np.clip(curves, least, most)
    beyond = [name for name, off in zip(CURVES, np.abs(held - curves).max(0), strict=True) if off > 1e-3]
    if beyond:
        warnings.warn(f"{path} goes beyond the range of {', '.join(beyond)[:200]}; held there", MotionkitWarning, 3)
    return held


assert set(_ORDER) == set(ACTIONS), "Live Link Face's columns are the actions"
