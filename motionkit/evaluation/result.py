"""The result of an evaluation: rows, what they come to, and how it shows itself."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from motionkit.evaluation.intervals import Difference, Spread, differences, spreads
from motionkit.evaluation.metrics import Quantity
from motionkit.evaluation.options import EvaluateOptions
from motionkit.evaluation.published import PUBLISHED
from motionkit.evaluation.rows import Rows
from motionkit.evaluation.tables import as_html, as_text, table
from motionkit.showing import described

__all__ = ["Evaluated", "Evaluation", "badness"]

UNCOMPARED = ("l1_still", "measuring")  # they say nothing of the model


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A model that was evaluated.

    Attributes:
        name: What it is called here.
        model: The name or file by which it was loaded.
        sha256: Of its weights.
        precision: In which pictures were made.
        device: On which.
    """

    name: str
    model: str
    sha256: str
    precision: str
    device: str


@dataclass(frozen=True)
class Evaluation:
    """All that an evaluation found; printed, and at the end of a notebook's cell, it is a table.

    Attributes:
        models: Which, the first being what the others are compared with.
        options: How.
        rows: A row for each model and clip, model by model, the clips in order.
        quantities: What was measured, in the order of the table.
        skipped: Metrics that were left out, each with the reason.
        reconstruction: Whether clips reconstructed themselves.
        landmarks: Name of the landmark finder, "" for none.
        embedder: Name of the embedder, "" for none.
        notes: What keeps the published figures from being compared with these.
        versions: Of Python and packages.
        folder: Where files were written, None where none were.
    """

    models: tuple[Evaluated, ...]
    options: EvaluateOptions
    rows: Rows
    quantities: tuple[Quantity, ...]
    skipped: dict[str, str]
    reconstruction: bool
    landmarks: str = ""
    embedder: str = ""
    notes: tuple[str, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    folder: Path | None = None

    @cached_property
    def summary(self) -> dict[str, dict[str, Spread]]:
        """Model to quantity to what its clips come to; without quantities that no clip has."""
        names, found = [quantity.name for quantity in self.quantities], {}
        for model in self.models:
            own = spreads(self._values(model.name, names), **self._bootstrap)  # type: ignore[arg-type]
            found[model.name] = {name: one for name, one in zip(names, own, strict=True) if one is not None}
        return found

    @cached_property
    def differences(self) -> tuple[Difference, ...]:
        """For each model after the first, quantity by quantity, the paired differences from the first."""
        chosen = [quantity for quantity in self.quantities if quantity.name not in UNCOMPARED]
        names = [quantity.name for quantity in chosen]
        first = self._values(self.models[0].name, names)
        found: list[Difference] = []
        for model in self.models[1:]:
            found += differences(model.name, self._values(model.name, names), first, chosen, **self._bootstrap)  # type: ignore[arg-type]
        return tuple(found)

    @property
    def failed(self) -> list[tuple[str, str, str]]:
        """Model, clip and reason of each clip that could not be measured."""
        columns = [self.rows.texts(name) for name in ("status", "model", "clip", "reason")]
        return [(model, clip, reason) for status, model, clip, reason in zip(*columns, strict=True) if status != "ok"]

    @property
    def clips(self) -> int:
        """How many clips there are, those that failed among them."""
        return len(self.rows) // len(self.models)

    @property
    def said(self) -> list[str]:
        """Lines below the table: what was left out and why, what failed, what cannot be compared."""
        reasons: dict[str, list[str]] = {}
        for name, reason in self.skipped.items():
            reasons.setdefault(reason, []).append(name)
        lines = [f"Left out: {', '.join(names)}: {reason}." for reason, names in reasons.items()]
        if failed := self.failed:
            lines.append(f"Failed: {len(failed)} of {len(self.rows)}; the first is {failed[0][1]}: {failed[0][2]}")
        return lines + [f"* {note}" for note in self.notes if self._compared]

    def ranked(self, model: str) -> tuple[str, list[int]]:
        """By which quantity clips are ranked, and the numbers of the model's rows that have it, the best first.

        Args:
            model: Its name.
        """
        quantity = next((one for one in self.quantities if one.better), None)
        if quantity is None:
            return "", []
        mine = [i for i, name in enumerate(self.rows.texts("model")) if name == model]
        column = self.rows.column(quantity.name)
        have = [i for i in mine if not np.isnan(column[i])]
        return quantity.name, sorted(have, key=lambda i: badness(float(column[i]), quantity))

    def lines(self) -> list[list[str]]:
        """The table's head and lines, as texts."""
        return table(
            [model.name for model in self.models],
            self.quantities,
            self.summary,
            self.differences,
            confidence=self.options.confidence,
            published=self._compared,
        )

    def to_json(self) -> str:
        """Write all but the rows as JSON: figures, differences, what was left out, versions, hashes, options, seed."""
        content = {
            "mode": "reconstruction" if self.reconstruction else "animation",
            "models": [asdict(model) for model in self.models],
            "clips": self.clips,
            "frames": sum(self.rows.texts("frames")),
            "options": self.options.plain,
            "seed": self.options.seed,
            "landmarks": self.landmarks,
            "embedder": self.embedder,
            "quantities": [asdict(quantity) for quantity in self.quantities],
            "summary": {
                model: {name: asdict(spread) for name, spread in own.items()} for model, own in self.summary.items()
            },
            "differences": [asdict(difference) for difference in self.differences],
            "published": [asdict(one) for one in PUBLISHED] if self.reconstruction else [],
            "not_comparable": list(self.notes),
            "skipped": self.skipped,
            "failed": [{"model": model, "clip": clip, "reason": reason} for model, clip, reason in self.failed],
            "inputs": self._inputs(),
            "versions": self.versions,
        }
        return json.dumps(content, indent=2, allow_nan=False) + "\n"

    def __repr__(self) -> str:
        names, failed = [model.name for model in self.models], len(self.failed)
        return described("Evaluation", models=names, clips=self.clips, failed=failed, folder=self.folder)

    def __str__(self) -> str:
        said = ["", *self.said] if self.said else []
        return "\n".join([as_text(self.lines()), *said])

    def _repr_html_(self) -> str:
        titles = {quantity.name: quantity.what for quantity in self.quantities}
        said = "".join(f"<div>{html.escape(line)}</div>" for line in self.said)
        return f'<div class="mk-evaluation">{as_html(self.lines(), titles)}{said}</div>'

    @property
    def _compared(self) -> bool:
        """Whether there is a figure beside which a published one stands."""
        return self.reconstruction and any(PUBLISHED[0].values.keys() & own.keys() for own in self.summary.values())

    @property
    def _bootstrap(self) -> dict[str, object]:
        options = self.options
        return {"seed": options.seed, "resamples": options.resamples, "confidence": options.confidence}

    def _values(self, model: str, names: Sequence[str]) -> np.ndarray:
        """N C: a model's figures, its clips in the order that is every model's."""
        mine = [i for i, name in enumerate(self.rows.texts("model")) if name == model]
        return np.stack([self.rows.column(name)[mine] for name in names], axis=1)

    def _inputs(self) -> dict[str, str]:
        """Each input's path and hash, once."""
        found: dict[str, str] = {}
        for path, sha256 in (("source", "source_sha256"), ("driving", "driving_sha256")):
            found |= dict(zip(self.rows.texts(path), self.rows.texts(sha256), strict=True))
        return {path: sha256 for path, sha256 in sorted(found.items()) if path and sha256}


def badness(value: float, quantity: Quantity) -> float:
    """How bad a value is: the sort key by which the best clip comes first.

    Args:
        value: The figure.
        quantity: Which, with its good direction.
    """
    if quantity.better == "one":
        return abs(value - 1)
    return -value if quantity.better == "more" else value
