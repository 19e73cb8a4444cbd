"""Models evaluated on many clips: resumable, in one process or several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from motionkit import model as models_room
from motionkit.config import Precision
from motionkit.config.checks import given_or_default
from motionkit.errors import InputError, MissingPackageError
from motionkit.evaluation.items import Item, Pairs, list_items
from motionkit.evaluation.judging import short_names
from motionkit.evaluation.options import EvaluateOptions
from motionkit.evaluation.page import page
from motionkit.evaluation.processes import Processes, join
from motionkit.evaluation.published import differences as not_comparable
from motionkit.evaluation.result import Evaluated, Evaluation
from motionkit.evaluation.rows import Rows
from motionkit.evaluation.toolbox import Tools, make_tools
from motionkit.evaluation.work import Work, place
from motionkit.media.collections import Collection
from motionkit.model import Model
from motionkit.progress import ProgressLike
from motionkit.versions import installed
from motionkit.wholefile import write_text

__all__ = ["evaluate"]

PACKAGES = ("motionkit", "torch", "numpy", "scipy", "scikit-image", "av", "torchmetrics", "pyarrow", "ai-edge-litert")
AnyModel = str | Path | Model


def evaluate(
    models: AnyModel | Sequence[AnyModel],
    clips: Collection | None = None,
    *,
    sources: Collection | None = None,
    pairs: Pairs | None = None,
    output: str | Path | None = None,
    options: EvaluateOptions | None = None,
    device: str | None = None,
    precision: Precision = "auto",
    allow_unverified: bool = False,
    progress: ProgressLike = False,
) -> Evaluation:
    """Measure how good models are, on clips that reconstruct themselves or on sources that clips drive.

    A clip that cannot be read is a row with its reason. Metrics that need what is not at hand are left out, and the
    result says so. With ``output``, what was measured is kept: killed and called again, no clip is measured twice.
    Several processes, started by ``accelerate launch``, share the clips.

    Args:
        models: Names or files, as ``load_model`` takes them, or models; the first is what others are compared with.
        clips: A folder, a glob, a CSV or a list of clips or pictures: each reconstructs itself, from its first frame.
        sources: Pictures, likewise: each is driven by each of the clips instead.
        pairs: A CSV with the columns ``source`` and ``driving``, or a list of such pairs, instead of clips.
        output: Folder for ``clips.csv``, ``clips.parquet``, ``evaluation.json`` and ``report.html``; None writes none.
        options: What is measured, and how; None is the defaults.
        device: As for ``load_model``.
        precision: As for ``load_model``.
        allow_unverified: As for ``load_model``.
        progress: True shows a bar with the remaining time; or a function called with a Progress after each clip.

    Returns:
        The figures. Printed, and in a notebook, they are a table.

    Raises:
        InputError: There is nothing to evaluate or to measure; the folder holds another evaluation, or another process
            works in it.
        MotionkitError: A model or what was asked for by name cannot be had; a file cannot be written.
    """
    options = given_or_default(options, EvaluateOptions)
    given = [models] if isinstance(models, (str, Path, Model)) else list(models)
    items = list_items(clips, sources=sources, pairs=pairs)
    processes = join(device)
    if output is None and processes.count > 1:
        raise InputError("Several processes need a folder to meet in", got="no output", expected="a folder")
    loaded = _load(given, processes, precision, allow_unverified)
    work = _prepare(loaded, items, options)
    with place(output, processes) as folder:
        work.settle(folder, processes)
        rows = work.measure(folder, processes, progress, pictures=output is not None)
        result = _result(loaded, work, rows, None if output is None else folder)
        if output is not None and processes.main:
            result = _write(result, folder)
        processes.wait()
    processes.leave()
    return result


def _prepare(loaded: dict[str, tuple[AnyModel, Model]], items: Sequence[Item], options: EvaluateOptions) -> Work:
    models = {name: model for name, (_, model) in loaded.items()}
    reconstruction, device = items[0].source is None, next(iter(models.values())).device
    tools = make_tools(options, reconstruction=reconstruction, side=_side(models, options), device=device)
    return Work(models, items, options, tools, reconstruction)


def _result(loaded: dict[str, tuple[AnyModel, Model]], work: Work, rows: Rows, folder: Path | None) -> Evaluation:
    options, tools = work.options, work.tools
    landmarks = "" if tools.landmarks is None else tools.landmarks.name
    notes = not_comparable(
        landmarks=landmarks,
        embedder=tools.embedder,
        side=_side(work.models, options),
        crop=options.animation(reconstruction=True).crop,
        every=options.every,
        seconds=options.seconds,
    )
    return Evaluation(
        models=tuple(_described(name, *loaded[name]) for name in loaded),
        options=options,
        rows=rows,
        quantities=tools.quantities,
        skipped=_skipped(tools, rows),
        reconstruction=work.reconstruction,
        landmarks=landmarks,
        embedder=tools.embedder,
        notes=tuple(notes) if work.reconstruction else (),
        versions=installed(PACKAGES),
        folder=folder,
    )


def _load(
    given: Sequence[AnyModel], processes: Processes, precision: Precision, allow_unverified: bool
) -> dict[str, tuple[AnyModel, Model]]:
    """Models by short names, in order."""
    if not given:
        raise InputError("There are no models", got="an empty list", expected="at least one")
    names = short_names([one.config.name if isinstance(one, Model) else one for one in given])
    loaded: dict[str, tuple[AnyModel, Model]] = {}
    for name, one in zip(names, given, strict=True):
        model = one
        if not isinstance(model, Model):
            model = models_room.load_model(
                model, device=processes.device, precision=precision, allow_unverified=allow_unverified
            )
        loaded[name] = one, model
    return loaded


def _side(models: Mapping[str, Model], options: EvaluateOptions) -> int:
    sides = {name: model.picture_side(options.size) for name, model in models.items()}
    if len(set(sides.values())) > 1:
        got = ", ".join(f"{name} {side}" for name, side in sides.items())
        raise InputError("The models make pictures of several sizes", got=got, todo="Give one size for all")
    return next(iter(sides.values()))


def _write(result: Evaluation, folder: Path) -> Evaluation:
    """Write tables and report; a table that needs a missing package is left out, which is said."""
    result.rows.write_csv(folder / "clips.csv")
    try:
        result.rows.write_parquet(folder / "clips.parquet")
    except MissingPackageError as error:
        result = replace(result, skipped={**result.skipped, "clips.parquet": str(error)})
    write_text(folder / "report.html", page(result))
    write_text(folder / "evaluation.json", result.to_json())
    return result


def _skipped(tools: Tools, rows: Rows) -> dict[str, str]:
    """Metrics that were left out, and those to which no clip gave a value."""
    skipped = dict(tools.skipped)
    if "ok" not in rows.texts("status"):
        return skipped
    for metric in tools.metrics:
        columns = [rows.column(quantity.name) for quantity in metric.quantities]
        if all(np.isnan(column).all() for column in columns):
            skipped[metric.name] = "no clip gave it a value"
    return skipped


def _described(name: str, given: AnyModel, model: Model) -> Evaluated:
    return Evaluated(
        name, name if isinstance(given, Model) else str(given), model.fingerprint, model.precision, str(model.device)
    )
