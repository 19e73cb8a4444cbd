"""The folder of a training run: its configuration, its checkpoints, a second place for both, and resuming.

A checkpoint is a ``torch.save`` file of tensors and plain values. No file points to the newest one: the readable one
with the most steps counts, so that a run may be killed at any moment.
"""

from __future__ import annotations

import json
import re
import shutil
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from motionkit import jsontext
from motionkit.config import checks
from motionkit.errors import ConfigError, InputError, MediaError, MotionkitWarning, TrainingError, WeightsError
from motionkit.training.config import TrainConfig
from motionkit.wholefile import leftovers, write_whole

__all__ = ["CONFIG", "KEPT", "MODEL", "SCALARS", "Run", "check_same", "read_config"]

CONFIG, MODEL, SCALARS = "config.json", "model.safetensors", "scalars.csv"
KEPT = 2  # checkpoints; the one before the newest, should that be damaged
NAME = re.compile(r"checkpoint-(\d{8,})\.pt")
# What a resumed run may have differently: none of it changes the numbers of a step.
MAY_CHANGE = frozenset(
    {"data.workers", "data.cache", "checkpoint_minutes", "epochs", "steps", "grid_steps", "log_steps"}
)


@dataclass(frozen=True)
class Run:
    """A run's folder.

    Attributes:
        folder: Where everything is written.
        second: A further folder for checkpoints and configuration, for instance on a mounted drive, or None.
    """

    folder: Path
    second: Path | None = None

    def begin(self, config: TrainConfig, facts: Mapping[str, Any], *, resume: bool) -> str | None:
        """Make the folder and write ``config.json``.

        Args:
            config: What is to be trained.
            facts: What else is worth knowing, JSON-ready: versions, the data's folder, ``init``, the weights to begin
                with.
            resume: Whether a run that is there already goes on, from the newest whole checkpoint of both places.

        Returns:
            The weights that the run begins with, or began with: a resumed one knows them from its folder.

        Raises:
            InputError: One of the places holds a run and is not to be resumed.
            ConfigError: One holds a run with another configuration or other weights to begin with.
            TrainingError: The folder cannot be written, or there are checkpoints and none is whole.
        """
        for place in self._places:
            if not resume:
                _check_unused(place)
            elif _is_file(place / CONFIG):
                before, known = read_config(place)
                check_same(config, before)
                facts = _with_start(facts, known)
        with self.explained("Cannot write the run's folder"):
            self.folder.mkdir(parents=True, exist_ok=True)
            _clear_away(self.folder)
        if resume:
            self._fetch_second()
        text = json.dumps({**facts, "config": config.to_dict()}, indent=2) + "\n"
        with self.explained("Cannot write the run's configuration"):
            write_whole(self.folder / CONFIG, lambda path: path.write_text(text, encoding="utf-8"))
        self._copy_to_second(CONFIG)
        return facts.get("init")

    @property
    def _places(self) -> list[Path]:
        return [self.folder] if self.second is None else [self.folder, self.second]

    def checkpoints(self) -> list[Path]:
        """The checkpoints in the run's folder, oldest first."""
        return _checkpoints(self.folder)

    def save(self, state: Mapping[str, Any], step: int) -> Path:
        """Write a checkpoint, whole or not at all; keep the last ones; copy it to the second place.

        Args:
            state: Tensors and plain values.
            step: Optimiser steps done.

        Returns:
            Its file.

        Raises:
            TrainingError: It cannot be written, a full disk for instance; names the last good checkpoint.
        """
        path = self.folder / f"checkpoint-{step:08d}.pt"
        with self.explained(f"Cannot write the checkpoint of step {step}"):
            write_whole(path, lambda part: _write(dict(state), part))
        _drop_old(self.folder, step)
        for name in (path.name, SCALARS):
            self._copy_to_second(name)
        if self.second is not None:
            with suppress(OSError):
                _drop_old(self.second, step)
        return path

    def load(self) -> tuple[dict[str, Any], Path] | None:
        """Read the newest checkpoint that is whole, on the CPU, with its path; None where there is none.

        Raises:
            TrainingError: There are checkpoints, and none is whole.
        """
        paths = self.checkpoints()
        for path in reversed(paths):
            try:
                return _read(path), path
            except Exception as error:  # a damaged file fails in whatever way its bytes happen to suggest
                _warn_damaged(path, error)
        if paths:
            raise _none_whole(self.folder)
        return None

    def publish(self, write: Callable[[Path], object]) -> Path:
        """Write the run's model file, and copy it to the second place.

        Args:
            write: Writes the file that it is given, whole or not at all.

        Returns:
            The model file.

        Raises:
            TrainingError: It cannot be written.
        """
        path = self.folder / MODEL
        with self.explained("Cannot write the model"):
            write(path)
        self._copy_to_second(MODEL)
        return path

    def last_good(self) -> str:
        """A sentence about the last checkpoint, for errors."""
        paths = self.checkpoints()
        if not paths:
            return "There is no checkpoint yet"
        return f"The last good checkpoint is {paths[-1]}"

    @contextmanager
    def explained(self, what: str) -> Iterator[None]:
        """Raise errors of writing inside as one sentence.

        Args:
            what: What cannot be written, the sentence's beginning.

        Raises:
            TrainingError: Instead of an OSError, or of what PyTorch, safetensors or media make of one.
        """
        try:
            yield
        except (OSError, RuntimeError, WeightsError, MediaError) as error:
            todo = f"{self.last_good()}; make room and resume"
            raise TrainingError(f"{what}: {_reason(error)}", todo=todo) from error

    def _fetch_second(self) -> None:
        """Take over the second place's newest whole checkpoint and its scalars if the folder has none as new."""
        if self.second is None:
            return
        # At the same step the folder's own comes first.
        found = sorted([*self.checkpoints(), *_checkpoints(self.second)], key=_step, reverse=True)
        for path in found:
            try:
                _read(path)
            except Exception as error:
                if path.parent == self.second:  # of the others ``load`` warns
                    _warn_damaged(path, error)
                continue
            if path.parent == self.second:
                with self.explained("Cannot copy the run from its second place"):
                    for name in (path.name, SCALARS):
                        if (self.second / name).is_file():
                            _copy_whole(self.second / name, self.folder / name)
            return
        if found:
            raise _none_whole(self.folder)

    def _copy_to_second(self, name: str) -> None:
        """Copy a file; a second place that fails is a warning, and training goes on."""
        if self.second is None or not (self.folder / name).is_file():
            return
        try:
            self.second.mkdir(parents=True, exist_ok=True)
            _copy_whole(self.folder / name, self.second / name)
        except OSError as error:
            message = f"{name} was not copied to {self.second} ({error.strerror or error}); training goes on"
            warnings.warn(MotionkitWarning(message), stacklevel=2)


def read_config(path: Path) -> tuple[TrainConfig, dict[str, Any]]:
    """Read the configuration in a run's folder or in a JSON file, and what else the file says.

    Args:
        path: The folder or the file.

    Raises:
        ConfigError: No such file, no JSON, or fields that are not known.
    """
    file = path / CONFIG if path.is_dir() else path
    try:
        values = jsontext.parse(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"Cannot read a training configuration: {error}", got=file) from error
    if not isinstance(values, dict):
        raise ConfigError("This is not a training configuration", got=file, expected="a JSON object")
    config = values.pop("config", None)
    return (TrainConfig.from_dict(values), {}) if config is None else (TrainConfig.from_dict(config), values)


def check_same(config: TrainConfig, before: TrainConfig) -> None:
    """Check that a run may go on with a configuration.

    Args:
        config: What it is to go on with.
        before: What it was begun with.

    Raises:
        ConfigError: They differ in fields, which it names, other than those that change no step's numbers.
    """
    now, then = (
        {name: value for name, value in sorted(_flat(given.to_dict()).items()) if name not in MAY_CHANGE}
        for given in (config, before)
    )
    checks.check_same(
        "The run was begun with another configuration",
        now,
        then,
        todo="Resume it as it was, or begin another run in another folder",
        error=ConfigError,
    )


def _is_file(path: Path) -> bool:
    """Not one where it cannot be looked for, on a drive that is gone."""
    try:
        return path.is_file()
    except OSError:
        return False


def _check_unused(place: Path) -> None:
    if _checkpoints(place) or _is_file(place / MODEL):
        raise InputError("This folder holds a run already", got=place, todo="Resume it with --resume, or give another")


def _with_start(facts: Mapping[str, Any], known: Mapping[str, Any]) -> Mapping[str, Any]:
    """``facts`` with the weights that the run began with, which may be named again, but no others."""
    given = facts.get("init")
    if "init" not in known:  # begun by a version that did not write it down
        return {name: value for name, value in facts.items() if name != "init" or value is not None}
    if given is not None and given != known["init"]:
        raise ConfigError(
            "The run was begun with other weights",
            got=given,
            expected=str(known["init"] or "none, it began with random ones")[:1000],  # a file's text, of any length
            todo="Resume it without init (--from), or begin another run in another folder",
        )
    return {**facts, "init": known["init"]}


def _warn_damaged(path: Path, error: Exception) -> None:
    warnings.warn(MotionkitWarning(f"{path} is damaged ({error}); trying the one before"), stacklevel=3)


def _none_whole(folder: Path) -> TrainingError:
    return TrainingError("No checkpoint of this run is whole", got=folder, todo="Begin anew in another folder")


def _copy_whole(source: Path, target: Path) -> None:
    write_whole(target, lambda part: shutil.copyfile(source, part))


def _checkpoints(folder: Path) -> list[Path]:
    try:
        found = [path for path in folder.iterdir() if NAME.fullmatch(path.name)]
    except OSError:
        return []
    return sorted(found, key=_step)


def _step(checkpoint: Path) -> int:
    return int(checkpoint.stem.split("-")[1])


def _clear_away(folder: Path) -> None:
    """Remove what a run that was killed left half written: checkpoints, pictures, decoded frames, the model."""
    for place in (folder, folder / "grids", folder / "cache"):
        for part in leftovers(place):
            shutil.rmtree(part) if part.is_dir() and not part.is_symlink() else part.unlink(missing_ok=True)


def _drop_old(folder: Path, step: int) -> None:
    """Keep the last checkpoints up to ``step``; later ones are damaged, or not this run's to remove."""
    for old in [path for path in _checkpoints(folder) if _step(path) <= step][:-KEPT]:
        old.unlink()


def _write(state: dict[str, Any], path: Path) -> None:
    with path.open("wb") as file:  # given a path, PyTorch does not say why it cannot write
        torch.save(state, file)


def _reason(error: BaseException) -> str:
    """Why something was not written: the OSError, however far down, else the first line of the error itself."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError):
            return cause.strerror or str(cause)
        cause = cause.__cause__ or cause.__context__
    return str(error).split("\n")[0]


def _read(path: Path) -> dict[str, Any]:
    # PyTorch reads its archives without looking at their checksums.
    with zipfile.ZipFile(path) as archive:
        if (name := archive.testzip()) is not None:
            raise ValueError(f"checksum of {name}")
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def _flat(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Nested dicts as one, with dotted names."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{above}{name}.") if isinstance(value, Mapping) else {above + name: value}
    return flat
