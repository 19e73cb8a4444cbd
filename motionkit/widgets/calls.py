"""The Python code that does what was set by hand."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from motionkit.config import AnimateOptions, ModelConfig
from motionkit.model import Model, pick_device
from motionkit.samples import SAMPLES
from motionkit.structures import Box
from motionkit.weights.registry import WEIGHTS

__all__ = ["model_call", "python_call"]


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
    names = {sample.path(): sample.code for sample in SAMPLES if sample.path() in (Path(source), Path(driving))}
    given = [
        f"    {_path(source, names)},",
        f"    {_path(driving, names)},",
        f"    {_path(output, {})},",
        "    model=model,",
    ]
    if changed := _changed(options):
        one_line = f"    options=mk.AnimateOptions({', '.join(changed)}),"
        if len(one_line) <= 88:
            given.append(one_line)
        else:
            given += ["    options=mk.AnimateOptions(", *(f"        {item}," for item in changed), "    ),"]
    if collage is not None:
        given.append(f"    collage={_path(collage, {})},")
    lines = ["import motionkit as mk", *(["from motionkit import samples"] if names else []), "", model_call(model)]
    return "\n".join([*lines, "result = mk.animate_file(", *given, ")"]) + "\n"


def model_call(model: Model) -> str:
    """The line that loads the model, or says which it is where its weights are not known to be the registered ones."""
    config = model.config
    registered = WEIGHTS.get(config.name)
    if registered is None or registered.sha256 != model.fingerprint:
        return f"# model is what load_model gave: {config.name!r}"
    given = [_quoted(config.name)]
    if model.device != pick_device():
        given.append(f"device={_quoted(str(model.device))}")
    if model.asked_precision != "auto":
        given.append(f"precision={_quoted(model.asked_precision)}")
    if config.align_corners != ModelConfig().align_corners:
        given.append(f"align_corners={config.align_corners}")
    return f"model = mk.load_model({', '.join(given)})"


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
