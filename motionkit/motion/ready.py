"""Ready motions: short takes by name, made of expressions, so nobody's. Each begins and ends with the same pose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from motionkit.config.bounds import FRAMES, RATES, SECONDS
from motionkit.config.checks import shown
from motionkit.errors import InputError
from motionkit.motion.expressions import CURVES, Take, curve_name

__all__ = ["MOTIONS", "eased", "keyed", "motion", "sided"]

FPS = 30
Keys = Sequence[tuple[float, Mapping[str, float]]]

_REST: Mapping[str, float] = MappingProxyType({})
_SMILE = {"mouthSmile": 0.9, "cheekSquint": 0.6, "eyeSquint": 0.3, "browOuterUp": 0.15, "mouthDimple": 0.3}
_SHUT = {"eyeBlink": 1.0}
_LAUGH = {**_SMILE, "jawOpen": 0.35, "mouthUpperUp": 0.4, "eyeSquint": 0.6, "pitch": 5.0}
_SAD = {"browInnerUp": 0.9, "mouthFrown": 0.9, "mouthShrugLower": 0.4, "eyeBlink": 0.2, "pitch": -9.0, "roll": 4.0}
_SURPRISE = {"browInnerUp": 0.9, "browOuterUp": 0.9, "eyeWide": 1.0, "jawOpen": 0.45, "mouthFunnel": 0.15, "pitch": 4.0}
_A = {"jawOpen": 0.55, "mouthLowerDown": 0.4, "mouthUpperUp": 0.2}
_E = {"jawOpen": 0.25, "mouthStretch": 0.5, "mouthLowerDown": 0.4, "mouthUpperUp": 0.2}
_O = {"jawOpen": 0.35, "mouthFunnel": 0.8}
_U = {"jawOpen": 0.12, "mouthPucker": 0.8}
_GLANCE = {"eyeLookOutLeft": 0.3, "eyeLookInRight": 0.3}
_M = {"mouthPress": 0.6, "mouthRollLower": 0.2}


def _at(values: Mapping[str, float], **more: float) -> dict[str, float]:
    return {**values, **more}


MOTIONS: Mapping[str, tuple[str, Keys]] = MappingProxyType(
    {
        "smile": ("a smile that comes, stays and goes", (
            (0, _REST), (0.9, _SMILE), (1.4, _at(_SMILE, yaw=3, roll=2)), (2.1, _at(_SMILE, yaw=3, roll=2)),
            (3.0, _REST),
        )),
        "laugh": ("a laugh, head back, in three bursts", (
            (0, _REST), (0.5, _LAUGH), (0.75, _at(_LAUGH, jawOpen=0.7, pitch=9)), (1.0, _at(_LAUGH, pitch=6)),
            (1.25, _at(_LAUGH, jawOpen=0.7, pitch=9, roll=3)), (1.5, _at(_LAUGH, pitch=6, roll=3)),
            (1.75, _at(_LAUGH, jawOpen=0.6, pitch=8, roll=2)), (2.3, _at(_SMILE, pitch=2)), (3.2, _REST),
        )),
        "blink": ("two blinks, the second after a while", (
            (0, _REST), (0.5, _REST), (0.6, _SHUT), (0.68, _SHUT), (0.85, _REST), (1.7, _REST), (1.8, _SHUT),
            (1.88, _SHUT), (2.05, _REST), (2.5, _REST),
        )),
        "wink": ("the subject's left eye winks, with half a smile", (
            (0, _REST), (0.6, {"mouthSmileLeft": 0.5, "roll": 4}),
            (0.8, {"eyeBlinkLeft": 1, "cheekSquintLeft": 0.8, "mouthSmileLeft": 0.8, "roll": 6, "yaw": -3}),
            (1.05, {"eyeBlinkLeft": 1, "cheekSquintLeft": 0.8, "mouthSmileLeft": 0.8, "roll": 6, "yaw": -3}),
            (1.4, {"mouthSmileLeft": 0.7, "mouthSmileRight": 0.4, "roll": 4}), (2.2, _REST),
        )),
        "nod": ("three nods: yes", (
            (0, _REST), (0.4, {"pitch": -11}), (0.75, {"pitch": 5}), (1.1, {"pitch": -9}), (1.45, {"pitch": 3}),
            (1.75, {"pitch": -6}), (2.2, _REST),
        )),
        "shake": ("the head shakes: no", (
            (0, _REST), (0.4, {"yaw": 9}), (0.85, {"yaw": -9}), (1.3, {"yaw": 8}), (1.7, {"yaw": -6}), (2.3, _REST),
        )),
        "look-around": ("the head looks to one side, to the other, and up", (
            (0, _REST), (0.9, {"yaw": 11, "roll": 2, "eyeLookOutLeft": 0.6, "eyeLookInRight": 0.6}),
            (1.5, {"yaw": 11, "roll": 2, "eyeLookOutLeft": 0.6, "eyeLookInRight": 0.6}), (1.9, {"eyeBlink": 1.0}),
            (2.6, {"yaw": -11, "roll": -2, "eyeLookInLeft": 0.6, "eyeLookOutRight": 0.6}),
            (3.2, {"yaw": -11, "roll": -2, "eyeLookInLeft": 0.6, "eyeLookOutRight": 0.6}),
            (4.0, {"pitch": 8, "browInnerUp": 0.3, "eyeLookUp": 0.5}), (5.0, _REST),
        )),
        "surprise": ("brows up, eyes wide, mouth open", (
            (0, _REST), (0.25, {"eyeBlink": 0.6, "pitch": -2}), (0.6, _SURPRISE), (1.6, _SURPRISE),
            (2.0, _at(_SURPRISE, jawOpen=0.25, mouthFunnel=0, eyeWide=0.4)), (2.8, _REST),
        )),
        "sad": ("the mouth's corners fall, the head sinks", (
            (0, _REST), (1.1, _SAD), (1.9, _at(_SAD, eyeBlink=0.9)), (2.2, _SAD), (3.0, _SAD), (4.2, _REST),
        )),
        "talk": ("the mouth speaks without words", (
            (0, _REST), (0.18, _M), (0.32, _A), (0.5, _E), (0.62, _at(_M, pitch=-2)), (0.78, _at(_O, pitch=-2, yaw=2)),
            (0.95, _U), (1.1, _at(_A, yaw=3, browInnerUp=0.3)), (1.25, _at(_M, yaw=3)), (1.4, _at(_E, yaw=3, pitch=2)),
            (1.55, _at(_A, yaw=2)), (1.7, _M), (1.95, _at(_REST, eyeBlink=1)), (2.15, _at(_O, yaw=-2)),
            (2.3, _at(_E, yaw=-3, pitch=-2)), (2.45, _at(_M, yaw=-3)), (2.6, _at(_A, yaw=-3, pitch=-3)),
            (2.78, _at(_E, yaw=-2)), (2.95, _U), (3.1, _A), (3.3, _M), (3.7, _REST),
        )),
        "breathe": ("a living portrait: slight movement, a blink and a glance", (
            (0, _REST), (1.3, {"pitch": 2, "roll": 0.8, "noseSneer": 0.05}), (2.1, {"pitch": 1, "yaw": 1.5}),
            (2.22, {"pitch": 1, "yaw": 1.6, "eyeBlink": 1}), (2.32, {"pitch": 1, "yaw": 1.7, "eyeBlink": 1}),
            (2.52, {"pitch": 0.8, "yaw": 1.8, **_GLANCE}), (3.4, {"pitch": -0.6, "yaw": 1.1, **_GLANCE}),
            (3.5, {"pitch": -0.8, "yaw": 1, "mouthSmile": 0.15}), (5.0, _REST),
        )),
    }
)  # fmt: skip
"""Name to what it shows and its keys: seconds, and the values there, an action without a side being both sides'."""


def motion(name: str, fps: float = FPS) -> Take:
    """A ready motion.

    Args:
        name: One of ``MOTIONS``.
        fps: Frames a second.

    Raises:
        InputError: There is none of this name.
    """
    if name not in MOTIONS:
        raise InputError("There is no motion of this name", got=shown(name), expected=", ".join(MOTIONS))
    return keyed(MOTIONS[name][1], fps)


def keyed(keys: Keys, fps: float = FPS) -> Take:
    """A take through key expressions, resting a moment in each.

    Args:
        keys: Seconds, from 0 and rising, and the values there by ARKit's names; what is not named is 0. An action
            without its side, such as mouthSmile, is both sides'.
        fps: Frames a second.

    Raises:
        InputError: There are no two keys, their times do not rise, a name is unknown, or a value or the rate is
            out of its range.
    """
    times = np.array([second for second, _ in keys], np.float64)
    if len(times) < 2 or times[0] < 0 or not np.all(np.diff(times) > 0) or not times[-1] <= SECONDS:
        got = ", ".join(f"{second:g}" for second in times[:8])
        raise InputError("The times of keys do not rise", got=got or "no keys", expected="two or more seconds")
    if not RATES[0] <= fps <= RATES[1]:
        raise InputError("fps is out of range", got=shown(fps), expected=f"{RATES[0]} to {RATES[1]}")
    if times[-1] * fps > FRAMES.value:
        raise InputError("The keys reach too far", got=f"{times[-1]:g} s at {fps:g} fps", expected=FRAMES.expected)
    values = np.zeros((len(keys), len(CURVES)))
    for row, (_, named) in zip(values, keys, strict=True):
        for name, value in sided(named).items():
            row[CURVES.index(name)] = value
    at = np.arange(round(times[-1] * fps) + 1) / fps
    before = np.clip(np.searchsorted(times, at, side="right") - 1, 0, len(times) - 2)
    share = eased((at - times[before]) / (times[before + 1] - times[before]))[:, None]
    return Take(values[before] * (1 - share) + values[before + 1] * share, fps)


def sided(values: Mapping[str, float]) -> dict[str, float]:
    """The values of a key by the names in ``CURVES``, an action without its side being both sides'.

    Args:
        values: By ARKit's names, or those without their sides.

    Raises:
        InputError: A name is unknown, or an action has two values.
    """
    found: dict[str, float] = {}
    for name, value in values.items():
        for side in ("",) if name in CURVES else ("Left", "Right"):
            known = curve_name(name + side)
            if known in found:
                raise InputError("An action is given twice", got=shown(name), expected=f"one value of {known}")
            found[known] = value
    return found


def eased(share: np.ndarray) -> np.ndarray:
    """From 0 to 1 with a gentle start and end.

    Args:
        share: Any shape; what is beyond 0 and 1 is held there.
    """
    share = np.clip(share, 0, 1)
    gentle: np.ndarray = share * share * (3 - 2 * share)
    return gentle
