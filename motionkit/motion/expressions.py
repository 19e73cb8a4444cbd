"""Expressions: what a face does, in the 52 actions of ARKit and a turn of the head; and takes, sequences of them.

Legend: T frames, A actions, C curves (the actions, then yaw, pitch, roll).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from numbers import Real
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from motionkit.config import ModelConfig
from motionkit.config.bounds import FRAMES, RATES
from motionkit.config.checks import check_number, shown
from motionkit.errors import InputError
from motionkit.motion.placed import PlacedTake
from motionkit.motion.rig import Rig
from motionkit.motion.templates import MotionTemplate
from motionkit.showing import described, some
from motionkit.structures import Detected, Keypoints

__all__ = ["ACTIONS", "CURVES", "TURNS", "Expression", "Take", "curve_name", "find_curve"]

LOWEST, HIGHEST = RATES
LONGEST = 80  # characters of a name that others are compared with
TURN_RANGE = {"yaw": 60.0, "pitch": 45.0, "roll": 60.0}


@dataclass(frozen=True, kw_only=True)
class Expression:
    """What a face does: actions as ARKit and Live Link Face name them, each from 0 (at rest) to 1, and the head's turn.

    It is added to what the source's face does already. An action that none of the model's keypoints shows moves
    nothing: with "heads" the tongue.

    Attributes:
        yaw: Degrees that the head turns to the subject's left, -60 to 60.
        pitch: Degrees that it looks up, -45 to 45.
        roll: Degrees that it tilts to the subject's left, -60 to 60.

    Raises:
        InputError: A value is out of its range.
    """

    brow_down_left: float = 0.0
    brow_down_right: float = 0.0
    brow_inner_up: float = 0.0
    brow_outer_up_left: float = 0.0
    brow_outer_up_right: float = 0.0
    cheek_puff: float = 0.0
    cheek_squint_left: float = 0.0
    cheek_squint_right: float = 0.0
    eye_blink_left: float = 0.0
    eye_blink_right: float = 0.0
    eye_look_down_left: float = 0.0
    eye_look_down_right: float = 0.0
    eye_look_in_left: float = 0.0
    eye_look_in_right: float = 0.0
    eye_look_out_left: float = 0.0
    eye_look_out_right: float = 0.0
    eye_look_up_left: float = 0.0
    eye_look_up_right: float = 0.0
    eye_squint_left: float = 0.0
    eye_squint_right: float = 0.0
    eye_wide_left: float = 0.0
    eye_wide_right: float = 0.0
    jaw_forward: float = 0.0
    jaw_left: float = 0.0
    jaw_open: float = 0.0
    jaw_right: float = 0.0
    mouth_close: float = 0.0
    mouth_dimple_left: float = 0.0
    mouth_dimple_right: float = 0.0
    mouth_frown_left: float = 0.0
    mouth_frown_right: float = 0.0
    mouth_funnel: float = 0.0
    mouth_left: float = 0.0
    mouth_lower_down_left: float = 0.0
    mouth_lower_down_right: float = 0.0
    mouth_press_left: float = 0.0
    mouth_press_right: float = 0.0
    mouth_pucker: float = 0.0
    mouth_right: float = 0.0
    mouth_roll_lower: float = 0.0
    mouth_roll_upper: float = 0.0
    mouth_shrug_lower: float = 0.0
    mouth_shrug_upper: float = 0.0
    mouth_smile_left: float = 0.0
    mouth_smile_right: float = 0.0
    mouth_stretch_left: float = 0.0
    mouth_stretch_right: float = 0.0
    mouth_upper_up_left: float = 0.0
    mouth_upper_up_right: float = 0.0
    nose_sneer_left: float = 0.0
    nose_sneer_right: float = 0.0
    tongue_out: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0

    def __post_init__(self) -> None:
        for one in fields(self):
            most = TURN_RANGE.get(one.name)
            value = _plain(getattr(self, one.name))
            check_number(one.name, value, *((0, 1) if most is None else (-most, most)))
            object.__setattr__(self, one.name, value)

    def __repr__(self) -> str:
        return described("Expression", **{one.name: getattr(self, one.name) or None for one in fields(self)})

    def replace(self, **changes: float) -> Expression:
        """Return a copy with some values changed, checked again.

        Args:
            **changes: Field name to new value.

        Raises:
            InputError: A value is out of its range.
        """
        return replace(self, **changes)

    def curves(self) -> np.ndarray:
        """C, the actions in the order of ``ACTIONS``, then yaw, pitch and roll in degrees."""
        return np.array([getattr(self, one.name) for one in fields(self)], np.float64)

    @classmethod
    def named(cls, values: Mapping[str, float]) -> Expression:
        """An expression from values by ARKit's names (jawOpen), Live Link Face's (JawOpen) or Python's (jaw_open).

        Args:
            values: Name to value; "yaw", "pitch" and "roll" are degrees.

        Raises:
            InputError: A name is unknown or there in two spellings, or a value is out of its range.
        """
        if not isinstance(values, Mapping):
            raise InputError("These are no values by name", got=shown(values), expected='{"jawOpen": 0.5, …}')
        given: dict[str, float] = {}
        for name, value in values.items():
            known = _FIELDS[CURVES.index(curve_name(name))]
            if known in given:
                raise InputError("An action is given twice", got=shown(name), expected=f"one value of {known}")
            given[known] = value
        return cls(**given)


def _plain(value: Any) -> Any:
    """NumPy's numbers and fractions as Python's floats, all else as it is."""
    return float(value) if isinstance(value, Real) and not isinstance(value, (int, float)) else value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


_FIELDS = tuple(one.name for one in fields(Expression))
CURVES = tuple(_camel(name) for name in _FIELDS)
"""The names of an expression's values as ARKit writes them: the actions, then yaw, pitch, roll."""
TURNS = CURVES[-3:]
ACTIONS = CURVES[:-3]
_BY_LETTERS = {name.lower(): name for name in CURVES}
_SIDE = {"l": "left", "r": "right"}


def find_curve(name: str) -> str | None:
    """The name in ``CURVES`` that is meant by one in any spelling, or None.

    Args:
        name: Such as jawOpen, JawOpen, jaw_open, or eyeBlink_L, as ARKit itself prints it.
    """
    *words, last = re.split(r"[\s_-]+", name.strip().lower())
    return _BY_LETTERS.get("".join([*words, _SIDE.get(last, last) if words else last]))


def curve_name(name: str) -> str:
    """As ``find_curve``, where there has to be one.

    Args:
        name: In any spelling.

    Raises:
        InputError: There is none.
    """
    if (found := find_curve(text := str(name))) is not None:
        return found
    close = difflib.get_close_matches(text.lower()[:LONGEST], _BY_LETTERS, n=1)
    raise InputError(
        "This is no facial action",
        got=shown(name),
        expected="an action of ARKit such as jawOpen, or yaw, pitch, roll",
        todo=f"Did you mean {_BY_LETTERS[close[0]]}?" if close else None,
    )


class _OfModel(Protocol):
    """The part of a model by which expressions move a source."""

    config: ModelConfig
    fingerprint: str

    @property
    def rig(self) -> Rig: ...


@dataclass(frozen=True, eq=False)
class Take:
    """A sequence of expressions with a rate: a driving, as a clip or a motion template is one.

    The source moves by each expression from where it is: the neutral pose of relative motion is the expression of all
    zeros, unless ``AnimateOptions.reference`` names a frame.

    Args:
        expressions: T expressions, or their curves T C, the actions in [0, 1] in the order of ``ACTIONS``, then yaw,
            pitch and roll in degrees.
        fps: Their rate.

    Attributes:
        curves: T C float64.
        fps: Exact rate.
        path: The file it was read from, if any.

    Raises:
        InputError: There are none or too many, a value is out of its range, or the rate is impossible.
    """

    curves: np.ndarray
    fps: Fraction
    path: Path | None = field(default=None)
    once: bool = field(default=False, init=False)

    def __init__(
        self, expressions: Iterable[Expression] | np.ndarray, fps: Fraction | float = 30, *, path: Path | None = None
    ) -> None:
        curves, given = _curves(expressions), fps if isinstance(fps, Fraction) else _plain(fps)
        if isinstance(given, bool) or not isinstance(given, (int, float, Fraction)) or not LOWEST <= given <= HIGHEST:
            raise InputError("fps is out of range", got=shown(fps), expected=f"{LOWEST} to {HIGHEST}")
        rate = Fraction(given).limit_denominator(1_000_000)
        _check_curves(curves)
        for name, value in (("curves", curves), ("fps", rate), ("path", path), ("once", False)):
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        moving = some([name for name, values in zip(CURVES, self.curves.T, strict=True) if values.any()])
        return described("Take", frames=len(self), fps=self.fps, moving=moving, path=self.path)

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.curves)

    @property
    def length(self) -> int:
        """Number of frames."""
        return len(self.curves)

    @property
    def expressions(self) -> list[Expression]:
        """The T expressions."""
        return [Expression(**dict(zip(_FIELDS, map(float, row), strict=True))) for row in self.curves]

    def timed(self, fps: Fraction, frames: int) -> Take:
        """The same at another rate, as it is at those times, again and again until there are so many frames.

        Args:
            fps: The rate.
            frames: How many.
        """
        at = (np.arange(frames) * float(self.fps / fps)) % len(self)
        before = at.astype(int)
        share = (at - before)[:, None]
        after = np.minimum(before + 1, len(self) - 1)  # the last frame is held, since a take need not be a loop
        return Take(self.curves[before] * (1 - share) + self.curves[after] * share, fps, path=self.path)

    def placed(self, model: _OfModel, source: Keypoints | None) -> PlacedTake:
        """The take on a source's head.

        Args:
            model: Whose keypoints.
            source: Those of the source, batch 1 or more, of which the first counts; None is an average head.

        Raises:
            InputError: Expressions do not know the model's keypoints.
        """
        head = model.rig.average() if source is None else model.rig.fit(source)
        order = [ACTIONS.index(name) for name in head.rig.actions]
        return PlacedTake(self.curves, self.fps, head, order=order, path=self.path)

    def batches(self, model: _OfModel, batch_size: int) -> Iterator[Detected]:
        """The frames' keypoints on an average head, as a driving gives them; ``placed`` has them on the source's.

        Args:
            model: Whose keypoints.
            batch_size: Frames in a batch; the last one may have fewer.

        Raises:
            InputError: Expressions do not know the model's keypoints.
        """
        return self.placed(model, None).batches(model, batch_size)

    def template(self, model: _OfModel) -> MotionTemplate:
        """The take as a motion template: on an average head, after one frame of its neutral face.

        Args:
            model: Whose keypoints.

        Raises:
            InputError: Expressions do not know the model's keypoints.
        """
        placed = self.placed(model, None)
        keypoints = Keypoints.cat([placed.references[0], placed.keypoints(slice(None))])
        side = model.config.size
        return MotionTemplate(keypoints, self.fps, model.config.name, model.fingerprint, (side, side))


def _curves(expressions: Iterable[Expression] | np.ndarray) -> np.ndarray:
    """T C float64 of what a take was given."""
    if isinstance(expressions, np.ndarray):
        if expressions.dtype.kind not in "fiu":
            raise InputError("A take is made of numbers", got=f"an array of {expressions.dtype}", expected="float64")
        return expressions.astype(np.float64)
    if not isinstance(expressions, Iterable):
        raise InputError("A take is made of expressions", got=shown(expressions), expected="[mk.Expression(…), …]")
    listed = list(expressions)
    if wrong := [one for one in listed if not isinstance(one, Expression)]:
        raise InputError("A take is made of expressions", got=shown(wrong[0]), expected="mk.Expression(…)")
    return np.stack([one.curves() for one in listed]) if listed else np.zeros((0, len(CURVES)))


def _check_curves(curves: np.ndarray) -> None:
    if curves.ndim != 2 or curves.shape[1] != len(CURVES) or not 1 <= len(curves) <= FRAMES.value:
        got, expected = "x".join(map(str, curves.shape)), f"1 to {FRAMES.value} frames of {len(CURVES)} values"
        raise InputError("A take has the wrong shape", got=got, expected=expected)
    most = np.array([TURN_RANGE.get(name, 1.0) for name in CURVES])
    least = np.array([-TURN_RANGE[name] if name in TURN_RANGE else 0.0 for name in CURVES])
    fine = (curves >= least - 1e-9) & (curves <= most + 1e-9)  # false for NaN
    if not fine.all():
        frame, column = np.argwhere(~fine)[0]
        raise InputError(
            f"{CURVES[column]} of frame {frame} is out of its range",
            got=f"{curves[frame, column]:g}",
            expected=f"{least[column]:g} to {most[column]:g}",
        )
