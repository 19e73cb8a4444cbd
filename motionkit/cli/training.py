"""``motionkit train``, ``motionkit personalise`` and ``motionkit prepare``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motionkit import jsontext
from motionkit.cli.shared import AddCommand
from motionkit.errors import InputError, MotionkitError

if TYPE_CHECKING:
    from motionkit.training import TrainConfig

__all__ = ["add_commands"]

REPEATS = 100  # of the clips in an epoch, where no recipe says
# Options of their own for the fields that are changed most: option, field, type, help.
SHORTCUTS = (
    ("--epochs", "epochs", int, "passes over the data"),
    ("--steps", "steps", int, "stop after this many steps"),
    ("--batch-size", "batch_size", int, "pairs a step, over all processes"),
    ("--accumulate", "accumulate", int, "parts in which a batch is seen, for less memory"),
    ("--precision", "precision", str, "float32, bfloat16 or float16"),
    ("--workers", "data.workers", int, "processes that decode"),
    ("--seed", "seed", int, "of every random draw"),
)


def add_commands(command: AddCommand) -> None:
    """Add the family's commands; ``command`` makes a parser from a name, a help text and what to run."""
    _add_train(command)
    _add_personalise(command)
    _add_prepare(command)


def _add_train(command: AddCommand) -> None:
    parser = command("train", "train a model on a folder of clips", _train)
    parser.add_argument("data", nargs="?", help="folder of clips; the run's own if it is resumed")
    parser.add_argument("-o", "--output", required=True, help="the run's folder: checkpoints, pictures, model")
    what = parser.add_argument_group("what to train: one of these, or both --from and another")
    what.add_argument("--preset", metavar="NAME", help="a recipe: vox, taichi, fashion … or heads")
    what.add_argument("--config", metavar="FILE", help="a config.json, as runs write it")
    what.add_argument("--from", dest="init", metavar="MODEL", help="fine-tune these weights: a name or a weights file")
    what.add_argument("--resume", action="store_true", help="go on from the newest checkpoint, or begin")
    how = parser.add_argument_group("how")
    for option, field, kind, text in SHORTCUTS:
        how.add_argument(option, dest=field, type=kind, metavar=kind.__name__.upper()[:3], help=text)
    how.add_argument("--freeze-detector", action="store_true", help="train the generator alone")
    how.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="any field: loss.gan=1, milestones=60,90"
    )
    how.add_argument("--second", metavar="FOLDER", help="keep a copy of every checkpoint here, for instance on a drive")
    how.add_argument("--device", help="cpu, cuda, cuda:1, mps (default: the best that is there)")
    how.add_argument("--quiet", action="store_true", help="no progress bar")


def _add_personalise(command: AddCommand) -> None:
    parser = command("personalise", "fine-tune a model on a clip of one person, in minutes", _personalise)
    parser.add_argument("clip", help="a video of the person, who agreed to it; its last quarter judges the result")
    parser.add_argument(
        "-o", "--output", required=True, help="the model, NAME.safetensors; NAME.jpg shows what changed"
    )
    parser.add_argument("--model", default="heads", help="what to begin with: a name, or path of a weights file")
    parser.add_argument("--steps", type=int, help="of training at most; it stops by itself when it no longer helps")
    parser.add_argument("--learning-rate", type=float, help="lower where training makes it worse")
    parser.add_argument("--device", help="cpu, cuda, cuda:1, mps (default: the best that is there)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def _add_prepare(command: AddCommand) -> None:
    parser = command("prepare", "cut training clips around the faces of long videos", _prepare)
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="videos, or folders of them")
    parser.add_argument("-o", "--output", required=True, help="folder for the clips")
    parser.add_argument("--size", type=int, default=256, help="side of the clips in pixels")
    parser.add_argument("--min-seconds", type=float, default=1.0, help="shorter clips are left out")
    parser.add_argument(
        "--faces", default="all", choices=("all", "largest"), help="which faces get clips (default: all)"
    )


def _train(given: argparse.Namespace) -> None:
    from motionkit.training import train
    from motionkit.training.processes import leave_the_others

    try:
        config, data, init = _configure(given)
        result = train(
            config, data, given.output,
            resume=given.resume, init=init, second=given.second, device=given.device, progress=not given.quiet,
        )  # fmt: skip
    except MotionkitError:
        if _is_main():  # the others say the same
            raise
        raise SystemExit(1) from None
    finally:
        leave_the_others()
    if _is_main():
        print(f"{result.path}: {result}")
        if result.broken:
            print(f"{len(result.broken)} clips could not be read: {', '.join(map(str, result.broken))}")


def _is_main() -> bool:
    """Whether this is the process that speaks, of those that ``accelerate launch`` started."""
    return os.environ.get("RANK", "0") == "0"


def _configure(given: argparse.Namespace) -> tuple[TrainConfig, str, str | None]:
    """The configuration that the options describe, the folder of clips, and the weights to begin with."""
    from motionkit import weights
    from motionkit.training import PRESETS, STARTS, DataConfig, TrainConfig, read_config

    run = _run_there(given) if given.resume else None
    before, facts = (None, dict[str, Any]()) if run is None else read_config(run)
    if given.preset is not None and given.config is not None:
        raise InputError("There are two recipes", got="--preset and --config", todo="Give one of them")
    if given.preset is not None:
        if given.preset not in PRESETS:
            raise InputError("Unknown preset", got=repr(given.preset), expected=f"one of {', '.join(PRESETS)}")
        config = PRESETS[given.preset]
    elif given.config is not None:
        config, _ = read_config(Path(given.config))
    elif before is not None:
        config = before
    elif given.init is not None:
        model = weights.load(given.init).config
        assert model is not None, "weights.load finds one"
        # A user's folder often holds a few clips; an epoch that goes through them once is no unit to speak of.
        config = TrainConfig(model=model, data=DataConfig(repeats=REPEATS))
    else:
        raise InputError(
            "Nothing says what to train",
            todo=f"Give --preset ({', '.join(PRESETS)}), --config with a run's config.json, or --from with weights",
        )
    data = given.data or facts.get("data")
    if data is None:
        raise InputError("No folder of clips is given", todo="Name it: motionkit train CLIPS -o RUN")
    # A run that remembers what it began with need not be given what its preset begins with.
    init = given.init or (None if "init" in facts else STARTS.get(given.preset))
    return _override(config, given), data, init


def _run_there(given: argparse.Namespace) -> Path | None:
    """The folder of the run that is to be resumed, if there is one."""
    folders = [Path(folder) for folder in (given.output, given.second) if folder is not None]
    return next((folder for folder in folders if os.path.isfile(folder / "config.json")), None)


def _override(config: TrainConfig, given: argparse.Namespace) -> TrainConfig:
    from motionkit.training import TrainConfig

    values = config.to_dict()
    for _, field, _, _ in SHORTCUTS:
        if getattr(given, field) is not None:
            _put(values, field, getattr(given, field))
    if given.freeze_detector:
        _put(values, "lr_detector", 0.0)
    for text in given.set:
        field, equals, value = text.partition("=")
        if not equals:
            raise InputError("This sets no field", got=repr(text), expected="FIELD=VALUE, such as loss.gan=1")
        _put(values, field.strip(), _value(value.strip()))
    return TrainConfig.from_dict(values)


def _put(values: dict[str, Any], field: str, value: Any) -> None:
    *groups, name = field.split(".")
    for group in groups:
        if not isinstance(values.get(group), dict):
            raise InputError(f"Unknown group of fields {group!r}", got=field, expected=f"one of {_groups(values)}")
        values = values[group]
    if name not in values:
        raise InputError(f"Unknown field {name!r}", got=field, expected=f"one of {', '.join(values)}")
    if isinstance(values[name], (list, tuple)) and isinstance(value, (str, int, float)):  # milestones=60
        value = value.split(",") if isinstance(value, str) else [value]
    values[name] = value


def _groups(values: dict[str, Any]) -> str:
    return ", ".join(name for name, value in values.items() if isinstance(value, dict))


def _value(text: str) -> Any:
    """A JSON value, numbers with commas between them, or the text itself."""
    for attempt in (text, f"[{text}]" if "," in text else text):
        try:
            return jsontext.parse(attempt)
        except ValueError:
            continue
    return text


def _personalise(given: argparse.Namespace) -> None:
    from motionkit import training

    chosen = {name: getattr(given, name) for name in ("steps", "learning_rate") if getattr(given, name) is not None}
    result = training.personalise(
        given.clip, given.output, model=given.model, device=given.device, progress=not given.quiet, **chosen
    )
    print(f"{result.path}: {result}\n{result.sheet} shows the held-out part before and after")


def _prepare(given: argparse.Namespace) -> None:
    from motionkit.data.preparation import prepare

    result = prepare(
        given.inputs, given.output,
        size=given.size, min_seconds=given.min_seconds, faces=given.faces, progress=True,
    )  # fmt: skip
    there = f", {result.kept} were there before" if result.kept else ""
    broken = f"; {len(result.broken)} videos could not be read" if result.broken else ""
    print(f"{given.output}: {result.clips} clips{there}{broken}")
