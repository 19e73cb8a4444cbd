"""The Python code that does what was set by hand."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from motionkit.config import AnimateOptions, ModelConfig
from motionkit.model import Model, pick_device
from motionkit.motion.expressions import Expression
from motionkit.motion.ready import Keys
from motionkit.samples import SAMPLES
from motionkit.structures import Box
from motionkit.weights.registry import WEIGHTS

__all__ = ["model_call", "pose_call", "python_call"]


def python_call(
    source: str | Path,
    driving: str | Path,
    options: AnimateOptions,
    *,
    model: Model,
    output: str | Path = "result.mp4",
    collage: str | Path | None = None,
) -> str:
    """A program that animates ``source`` with ``driving`` under these options; those at their default are left out."""
    names = _samples(source, driving)
    lines = ["import motionkit as mk", *(["from motionkit import samples"] if names else []), "", model_call(model)]
    given = [_path(source, names), _path(driving, names), _path(output, {})]
    return "\n".join([*lines, *_animation(given, options, collage)]) + "\n"


def pose_call(
    source: str | Path,
    expression: Expression,
    driving: str | Keys | None,
    options: AnimateOptions,
    *,
    model: Model,
    picture: str | Path,
    output: str | Path,
    collage: str | Path,
) -> str:
    """A program that makes the picture of an expression, and the clip of a motion by name or of keys.

    Args:
        source: The picture, or clip.
        expression: What the face does.
        driving: A ready motion's name, or keys as ``keyed`` takes them; None makes no clip.
        options: Those at their default are left out.
        model: As ``load_model`` gave it.
        picture: The picture to write.
        output: The clip to write.
        collage: The collage to write.
    """
    names, keys = _samples(source), () if driving is None or isinstance(driving, str) else driving
    asked = {field.name: getattr(expression, field.name) for field in fields(Expression)}
    said = ", ".join(f"{name}={value:g}" for name, value in asked.items() if value)
    lines = ["import motionkit as mk", *(["from motionkit import samples"] if names else [])]
    lines += [*(["from motionkit.motion.ready import keyed"] if keys else []), "", model_call(model)]
    lines += [
        "mk.pose_file(",
        f"    {_path(source, names)},",
        f"    mk.Expression({said}),",
        f"    {_path(picture, {})},",
    ]
    lines += ["    model=model,", *_options(options.replace(paste_back=True)), ")"]
    if keys:
        lines += ["take = keyed([", *(f"    ({second:g}, {_code(values)})," for second, values in keys), "])"]
    if driving is not None:
        given = [_path(source, names), "take" if keys else _code(driving), _path(output, {})]
        lines += _animation(given, options, collage)
    return "\n".join(lines) + "\n"


def _samples(*paths: str | Path) -> dict[Path, str]:
    """Code for those of the paths that are samples."""
    return {sample.path(): sample.code for sample in SAMPLES if sample.path() in map(Path, paths)}


def _animation(given: list[str], options: AnimateOptions, collage: str | Path | None) -> list[str]:
    """The lines that animate with these arguments, in code."""
    lines = ["result = mk.animate_file(", *(f"    {item}," for item in given), "    model=model,", *_options(options)]
    return [*lines, *([] if collage is None else [f"    collage={_path(collage, {})},"]), ")"]


def _options(options: AnimateOptions) -> list[str]:
    """The lines of an argument; none where all are at their defaults."""
    changed = _changed(options)
    one_line = f"    options=mk.AnimateOptions({', '.join(changed)}),"
    if len(one_line) <= 88:
        return [one_line] if changed else []
    return ["    options=mk.AnimateOptions(", *(f"        {item}," for item in changed), "    ),"]


def model_call(model: Model) -> str:
    """The line that loads the model, or says which it is where its weights are not known to be the registered ones."""
    config = model.config
    registered = WEIGHTS.get(config.name)
    if registered is None or registered.sha256 != model.fingerprint:
        if model.origin is not None:
            return f"model = mk.load_model({', '.join([_quoted(str(model.origin)), *_given(model)])})"
        return f"# model is what load_model gave: {config.name!r}"
    return f"model = mk.load_model({', '.join([_quoted(config.name), *_given(model)])})"


def _given(model: Model) -> list[str]:
    """What else ``load_model`` was given."""
    given = []
    if model.device != pick_device():
        given.append(f"device={_quoted(str(model.device))}")
    if model.asked_precision != "auto":
        given.append(f"precision={_quoted(model.asked_precision)}")
    if model.config.align_corners != ModelConfig().align_corners:
        given.append(f"align_corners={model.config.align_corners}")
    return given


def _path(path: str | Path, names: dict[Path, str]) -> str:
    return names.get(Path(path)) or _quoted(str(path))


def _changed(options: AnimateOptions) -> list[str]:
    """``name=value`` for each option that is not at its default."""
    default = AnimateOptions()
    values = {field.name: getattr(options, field.name) for field in fields(AnimateOptions)}
    return [f"{name}={_code(value)}" for name, value in values.items() if value != getattr(default, name)]


def _code(value: Any) -> str:
    if isinstance(value, Box):
        roll = f", roll={value.roll}" if value.roll else ""
        return f"mk.Box({value.left}, {value.top}, {value.right}, {value.bottom}{roll})"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, tuple):
        return "(" + ", ".join(_code(item) for item in value) + ("," if len(value) == 1 else "") + ")"
    if hasattr(value, "items"):
        return "{" + ", ".join(f"{_code(key)}: {_code(item)}" for key, item in value.items()) + "}"
    return repr(value)


def _quoted(text: str) -> str:
    """With double quotes where that needs no escapes."""
    return repr(text) if '"' in text or "\\" in text or not text.isprintable() else f'"{text}"'
