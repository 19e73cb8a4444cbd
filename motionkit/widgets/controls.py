"""What the widgets' controls are called, where they begin and how far they go; their values as AnimateOptions and back.

Defaults and ranges are ``motionkit.config.options``'s; they are sent to the browser, which holds none of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from motionkit.config import FINDERS, GAIN_RANGE, SMOOTHING_RANGE, STRENGTH_RANGE, AnimateOptions, ModelConfig
from motionkit.errors import InputError
from motionkit.structures import Box

__all__ = ["choices", "options_of", "settings_of"]

# Any limit above 0 is allowed; a slider has to end somewhere.
MOTION_LIMIT_SLIDER = (0.1, 2.0)
# In the panel; "deformed" is for those who debug.
OVERLAYS = ("keypoints", "occlusion", "flow")
PLAIN = (
    "strength", "smoothing", "motion_limit", "reference", "relative", "adapt_scale", "paste_back", "audio", "finder",
)  # fmt: skip
BOXES = ("source_box", "driving_box")


def settings_of(options: AnimateOptions) -> dict[str, Any]:
    """The part of the options that has controls, ready for JSON; boxes are their edges, or None."""
    settings: dict[str, Any] = {name: getattr(options, name) for name in PLAIN}
    if isinstance(options.audio, Path):  # as a text, a file named auto must not become the word
        settings["audio"] = str(options.audio.absolute())
    settings["gains"] = {str(name): gain for name, gain in options.gains.items()}
    settings["overlays"] = list(options.overlays)
    for name in BOXES:
        box = getattr(options, name)
        settings[name] = None if box is None else box.edges
    return settings


def options_of(settings: Mapping[str, Any], base: AnimateOptions) -> AnimateOptions:
    """The options that the controls stand for; those without a control are the base's.

    Raises:
        InputError: A value that is out of range, an unknown name, an empty box.
    """
    known = {*PLAIN, "gains", "overlays", *BOXES}
    if unknown := set(settings) - known:
        raise InputError("Unknown control", got=", ".join(sorted(unknown)), expected=", ".join(sorted(known)))
    values = dict(settings)
    if "overlays" in values:
        values["overlays"] = tuple(values["overlays"])
    for name in BOXES:
        if values.get(name) is not None:
            values[name] = _box(name, values[name])
    return replace(base, **values)


def choices(model: ModelConfig) -> dict[str, Any]:
    """What the controls offer: defaults, ranges, the model's groups and keypoints, overlays, finders of faces."""
    names = list(model.keypoint_names) or [str(index) for index in range(model.num_kp)]
    return {
        "defaults": settings_of(AnimateOptions()),
        "ranges": {
            "strength": list(STRENGTH_RANGE),
            "gain": list(GAIN_RANGE),
            "smoothing": list(SMOOTHING_RANGE),
            "motion_limit": list(MOTION_LIMIT_SLIDER),
        },
        "groups": {group: list(members) for group, members in model.keypoint_groups.items()},
        "keypoints": names,
        "overlays": list(OVERLAYS),
        "finders": list(FINDERS),
    }


def _box(name: str, edges: Any) -> Box:
    try:
        left, top, right, bottom = (round(edge) for edge in edges[:4])
        return Box(left, top, right, bottom, *(float(roll) for roll in edges[4:5]))
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} is no box", got=str(edges), expected="left, top, right, bottom") from error
