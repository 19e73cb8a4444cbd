"""Clips measured in a folder that one may leave and come back to: nothing is measured twice."""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from motionkit import jsontext
from motionkit.config.checks import check_path, check_same
from motionkit.errors import InputError, MediaError, MotionkitWarning
from motionkit.evaluation.gallery import Gallery
from motionkit.evaluation.items import Item
from motionkit.evaluation.measuring import measure_item
from motionkit.evaluation.options import EvaluateOptions
from motionkit.evaluation.processes import Processes
from motionkit.evaluation.rows import Log, Rows, read_logs
from motionkit.evaluation.toolbox import Tools
from motionkit.lock import locked
from motionkit.model import Model
from motionkit.progress import Meter, ProgressLike
from motionkit.wholefile import write_text

__all__ = ["TABLES", "Work", "place"]

SETTINGS = "settings.json"
TABLES = ("clips.csv", "clips.parquet", "evaluation.json", "report.html")


@contextmanager
def place(output: str | Path | None, processes: Processes) -> Iterator[Path]:
    """The folder in which an evaluation works, for it alone; a temporary one where no output is wanted."""
    with ExitStack() as stack:
        if output is None:
            yield Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="motionkit-")))
            return
        folder = check_path("output", output)
        if not str(output):
            raise InputError("The name of the output is empty", got="''", expected="a folder")
        if processes.main:
            _check_own(folder)
        stack.enter_context(locked(folder, main=processes.main, does="evaluates"))
        processes.wait()
        yield folder


def _check_own(folder: Path) -> None:
    """Raise where tables would replace files that no evaluation has written, such as the table of the clips."""
    strange = [name for name in TABLES if (folder / name).exists()]
    if strange and not (folder / SETTINGS).exists():
        got = str(folder / strange[0])
        raise InputError("The folder holds a file that would be replaced", got=got, expected="a new folder")


@dataclass(frozen=True)
class Work:
    """What is to be measured, and with what.

    Attributes:
        models: By their names, in order.
        items: In order.
        options: How.
        tools: What measures.
        reconstruction: Whether clips reconstruct themselves.
    """

    models: Mapping[str, Model]
    items: Sequence[Item]
    options: EvaluateOptions
    tools: Tools
    reconstruction: bool

    @property
    def settings(self) -> dict[str, Any]:
        """What rows depend on beside model and clip, which they name themselves."""
        return {
            "mode": "reconstruction" if self.reconstruction else "animation",
            "metrics": [metric.name for metric in self.tools.metrics],
            "landmarks": "" if self.tools.landmarks is None else self.tools.landmarks.name,
            "embedder": self.tools.embedder,
            **self.options.measured,
        }

    def settle(self, folder: Path, processes: Processes) -> None:
        """Write the settings into the folder.

        Args:
            folder: Where rows are.
            processes: Of which the main one writes.

        Raises:
            InputError: Its rows were measured with others.
            MediaError: They cannot be read or written.
        """
        path, settings = folder / SETTINGS, self.settings
        there = path.exists()
        processes.wait()
        if not there:
            if processes.main:
                write_text(path, json.dumps(settings, indent=1) + "\n")
            return
        try:
            before = jsontext.parse(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            todo = "Give another folder, or remove this file and rows-*.jsonl to measure all clips anew"
            raise MediaError("The evaluation's settings cannot be read", got=f"{path} ({error})", todo=todo) from error
        was = before if isinstance(before, dict) else {}
        check_same(
            "The folder holds an evaluation with other settings",
            settings,
            {name: was.get(name) for name in settings},
            todo="Give the same again to go on, or another folder",
        )

    def measure(self, folder: Path, processes: Processes, progress: ProgressLike, *, pictures: bool) -> Rows:
        """Measure what is not measured yet.

        Args:
            folder: Where rows are.
            processes: Which share the clips.
            progress: As for ``evaluate``.
            pictures: Whether those of the best and worst clips are kept.

        Returns:
            The rows of all models and items, model by model.

        Raises:
            MediaError: A row cannot be written.
            MotionkitError: See ``measuring.measure_item``.
        """
        states = {name: f"{m.fingerprint[:16]} {m.asked_precision} {m.device.type}" for name, m in self.models.items()}
        done = {row.key: row.state for row in read_logs(folder)}
        todo = [
            (name, item)
            for item in self.items
            for name in self.models
            if done.get(item.row_key(name)) != f"{states[name]} {item.state}"
        ]
        count = self.options.pictures if pictures else 0
        gallery = Gallery(folder, self.tools.quantities, count, read_logs(folder))
        processes.wait()  # nobody writes rows before all have seen which are there
        mine = processes.share(todo)
        shown = progress if processes.main or callable(progress) else False
        with Log(folder, processes.rank) as log, Meter(len(mine), shown, what="Evaluating", unit="clip") as meter:
            try:
                for name, item in mine:
                    measured = measure_item(self.models[name], name, item, self.options, self.tools)
                    row = replace(measured.row, state=f"{states[name]} {measured.row.state}")
                    gallery.offer(row, measured.sheet)
                    log.append(row)
                    meter.step()
            except KeyboardInterrupt:
                if pictures:
                    left = f"Stopped after {meter.done} of {len(mine)} clips; run it again to go on"
                    warnings.warn(left, MotionkitWarning, stacklevel=2)
                raise
        processes.wait()
        keys = [item.row_key(name) for name in self.models for item in self.items]
        return Rows(read_logs(folder), [quantity.name for quantity in self.tools.quantities]).ordered(keys)
