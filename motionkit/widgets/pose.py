"""Pose: the sliders of an expression, and the panel's keys as a take.

An expression goes to the browser and comes back as values by ARKit's names, those at 0 left out. A slider moves one or
several of them together; what no slider shows stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from motionkit.config import AnimateOptions
from motionkit.config.checks import check_number
from motionkit.errors import InputError
from motionkit.model import Model
from motionkit.motion.expressions import ACTIONS, CURVES, TURNS, Expression, Take
from motionkit.motion.ready import MOTIONS, Keys, keyed, motion, sided

__all__ = ["START", "expression_of", "keys_of", "peak", "pose_choices", "posing_options", "take_of", "values_at"]

START: Mapping[str, Any] = {
    "way": "driving", "values": {}, "keys": [{"time": 0, "values": {}}], "time": 1.0, "motion": "", "aside": None,
}  # fmt: skip
"""Of the panel's trait: what moves the source, the expression, the timeline's keys and where it is, the ready motion
that the keys are, and the keys that it was put instead of."""
STRONG_TURN = 12.0  # degrees that show as much as an action at 1
LONGEST = 60.0  # seconds of a timeline
NO_RIG = "Pose needs the model “heads”: facial actions are not known for this model’s keypoints."
NO_PUPILS = "This model has no keypoints on the pupils, so eyes cannot look about."
NOT_SHOWN = "None of this model’s keypoints shows it."


@dataclass(frozen=True)
class PoseSlider:
    """One slider.

    Attributes:
        name: Its own.
        label: What it is called.
        title: What it does.
        up: Actions and their shares of the slider's value, where that is above 0; the first one tells the value.
        down: The same below 0; none is a slider that begins at 0, or a turn.
        limits: Least and largest value.
        group: The model's group of keypoints without which it shows nothing; None asks for none.
    """

    name: str
    label: str
    title: str
    up: Mapping[str, float]
    down: Mapping[str, float] = field(default_factory=dict)
    limits: tuple[float, float] = (0.0, 1.0)
    group: str | None = None


BOTH = (-1.0, 1.0)
# Turns end where the picture still holds, not where an expression does.
GROUPS: Mapping[str, tuple[PoseSlider, ...]] = {
    "Head": (
        PoseSlider("yaw", "Turn", "Degrees to the subject’s left; below 0 right", {"yaw": 1}, limits=(-20, 20)),
        PoseSlider("pitch", "Nod", "Degrees up; below 0 down", {"pitch": 1}, limits=(-15, 15)),
        PoseSlider("roll", "Tilt", "Degrees to the subject’s left; below 0 right", {"roll": 1}, limits=(-15, 15)),
    ),
    "Eyes": (
        PoseSlider("blink", "Blink", "Both eyes close", sided({"eyeBlink": 1})),
        PoseSlider("wide", "Wide", "Both eyes open wide", sided({"eyeWide": 1})),
    ),
    "Gaze": (
        PoseSlider(
            "gaze-aside", "Aside", "Eyes look to the subject’s left; below 0 right",
            {"eyeLookOutLeft": 1, "eyeLookInRight": 1}, {"eyeLookInLeft": 1, "eyeLookOutRight": 1}, BOTH, "gaze",
        ),
        PoseSlider(
            "gaze-up", "Up", "Eyes look up; below 0 down",
            sided({"eyeLookUp": 1}), sided({"eyeLookDown": 1}), BOTH, "gaze",
        ),
    ),
    "Brows": (
        PoseSlider(
            "brows", "Raise", "Brows up; below 0 down, as in a frown",
            sided({"browOuterUp": 1, "browInnerUp": 0.7}), sided({"browDown": 1}), BOTH,
        ),
    ),
    "Mouth": (
        PoseSlider("open", "Open", "The jaw opens", {"jawOpen": 1}),
        PoseSlider(
            "smile", "Smile", "Below 0 the mouth’s corners fall",
            sided({"mouthSmile": 1, "cheekSquint": 0.6, "mouthDimple": 0.3}),
            sided({"mouthFrown": 1, "mouthShrugLower": 0.4}), BOTH,
        ),
        PoseSlider("pucker", "Pucker", "Lips come forward, as for a kiss", {"mouthPucker": 1}),
        PoseSlider("round", "Round", "Lips are round, as for an O", {"mouthFunnel": 1}),
        PoseSlider(
            "mouth-aside", "Aside", "The mouth moves to the subject’s left; below 0 right",
            {"mouthLeft": 1, "jawLeft": 0.5}, {"mouthRight": 1, "jawRight": 0.5}, BOTH,
        ),
    ),
}  # fmt: skip


def pose_choices(model: Model) -> dict[str, Any]:
    """What Pose offers with a model, as JSON: sliders by group, each action, ready motions; or ``off``, why not."""
    try:
        still = set(model.rig.still())
    except InputError:
        return {"off": NO_RIG}
    groups = [
        {"title": title, "sliders": [_told(slider, model, still) for slider in sliders]}
        for title, sliders in GROUPS.items()
    ]
    motions = [
        {"name": name, "about": about, "keys": [{"time": at, "values": sided(values)} for at, values in keys]}
        for name, (about, keys) in MOTIONS.items()
    ]
    return {"groups": groups, "actions": [name for name in ACTIONS if name not in still], "motions": motions}


def _told(slider: PoseSlider, model: Model, still: set[str]) -> dict[str, Any]:
    off = ""
    if slider.group is not None and slider.group not in model.config.keypoint_groups:
        off = NO_PUPILS if slider.group == "gaze" else NOT_SHOWN
    elif {*slider.up, *slider.down} <= still:
        off = NOT_SHOWN
    return {
        "name": slider.name, "label": slider.label, "title": slider.title, "up": dict(slider.up),
        "down": dict(slider.down), "range": list(slider.limits), "off": off,
    }  # fmt: skip


def posing_options(options: AnimateOptions) -> AnimateOptions:
    """The options that a pose goes by: how the source is cut out and what is written, nothing that is about a clip."""
    plain = AnimateOptions()
    about_motion = ("relative", "adapt_scale", "strength", "gains", "smoothing", "motion_limit", "reference", "lost")
    unused = {
        name: getattr(plain, name) for name in (*about_motion, "driving_box", "driving_face", "overlays", "audio")
    }
    return options.replace(**unused)


def expression_of(values: Mapping[str, float]) -> Expression:
    """The expression that the browser's values are.

    Raises:
        InputError: A name is unknown, or a value is out of its range.
    """
    return Expression.named(values)


def keys_of(told: Sequence[Mapping[str, Any]]) -> Keys:
    """The timeline's keys, in order of time and from 0 on: before the first one its expression is held.

    Raises:
        InputError: There are fewer than two, two at one time, or one is out of its range.
    """
    keys = sorted(((float(key["time"]), dict(key["values"])) for key in told), key=lambda key: key[0])
    for at, values in keys:
        check_number("a key’s time", at, 0, LONGEST)
        expression_of(values)
    if len(keys) < 2:
        raise InputError(
            "The timeline has no clip yet", got=f"{len(keys)} key", expected="two or more",
            todo="Move the sliders and press “Add key”, or choose a motion",
        )  # fmt: skip
    if keys[0][0] > 0:
        keys = [(0.0, keys[0][1]), *keys]
    if any(after - before < 1e-3 for (before, _), (after, _) in pairwise(keys)):
        raise InputError("Two keys are at one time", todo="Move or remove one of them")
    return keys


def take_of(pose: Mapping[str, Any]) -> Take:
    """The take that the timeline is: a ready motion, or the keys.

    Raises:
        InputError: As ``keys_of``, or there is no such motion.
    """
    if pose["motion"]:
        return motion(pose["motion"])
    return keyed(keys_of(pose["keys"]))


def values_at(take: Take, seconds: float) -> tuple[int, dict[str, float]]:
    """The frame of a take at a time, the last one beyond its end, and its values that are not 0."""
    index = int(np.clip(round(seconds * float(take.fps)), 0, len(take) - 1))
    row = take.curves[index]
    return index, {name: round(float(value), 3) for name, value in zip(CURVES, row, strict=True) if abs(value) >= 5e-4}


def peak(take: Take) -> int:
    """The frame of a take that shows most: the one furthest from rest."""
    most = np.array([STRONG_TURN if name in TURNS else 1.0 for name in CURVES])
    return int(np.abs(take.curves / most).sum(1).argmax())
