"""The experiment of ``does_it_help`` in under a minute, for a notebook: without a renderer, from pictures kept here.

``few-heads/`` holds portraits of rendered people and test pictures of others, as two sheets of squares side by side,
and the true landmarks of all of them: part of the large experiment's data, packed by

    python weights/recipe/few_heads.py DATA
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from labelled_heads import carried_labels
from landmarks import Labelled, Training, errors, mirrored_order, train

import motionkit as mk
from motionkit import media, samples
from motionkit.model import Model
from motionkit.tensors import to_tensor

__all__ = ["pack", "small_try"]

KEPT = Path(__file__).with_name("few-heads")
SIDE = 64  # of what the networks see
PORTRAITS, COLUMNS = 8, 13
FRAMES = 4  # made of each pair
QUALITY = 92


def pack(data: Path, folder: Path = KEPT) -> None:
    """Keep a part of the large experiment's data.

    Args:
        data: Its folder.
        folder: Where to.
    """
    import labelled_heads

    heads = labelled_heads.Heads(data, labelled_heads.Sizes(), mk.load_model("heads"), SIDE)
    test, truth = (part[:, 0] for part in heads.split("test"))
    portraits = [next(iter(media.open_clip(heads.person(number)))) for number in range(PORTRAITS)]
    folder.mkdir(exist_ok=True)
    _write_sheet(folder / "portraits.jpg", portraits)
    _write_sheet(folder / "test.jpg", list(test.permute(0, 2, 3, 1).numpy()))
    points = {"portraits": heads.split("people")[1][:PORTRAITS, 0], "test": truth}
    told: dict[str, object] = {name: np.round(part.numpy().astype(float), 4).tolist() for name, part in points.items()}
    told["names"] = heads.names
    (folder / "points.json").write_text(json.dumps(told, separators=(",", ":")) + "\n", encoding="utf-8")


def small_try(model: Model, *, people: int = 4, seeds: int = 1, steps: int = 100) -> dict[str, list[float]]:
    """Multiply a few portraits by the sample clips, train, and measure on people that nobody saw.

    Args:
        model: Moves the portraits.
        people: How many, up to 8.
        seeds: Of the networks; the people are the same.
        steps: Of each network.

    Returns:
        Kind of data, as in ``help_report.KINDS``, to the error of each seed, as a share of the head's size.
    """
    told = json.loads((KEPT / "points.json").read_text(encoding="utf-8"))
    points = {name: torch.tensor(told[name]) for name in ("portraits", "test")}
    squares, truth = _read_sheet(KEPT / "portraits.jpg")[:people], points["portraits"][:people]
    test = Labelled(_small(_read_sheet(KEPT / "test.jpg")), points["test"])
    few = Labelled(_small(squares), truth)
    sets = {"few": few, "multiplied": Labelled.cat([few, _multiplied(model, squares, truth)])}
    mirrored, how = mirrored_order(told["names"]), Training(steps=steps)
    found: dict[str, list[float]] = {}
    for kind in ("few", "few+usual", "multiplied", "multiplied+usual"):
        data = sets[kind.removesuffix("+usual")]
        for seed in range(seeds):
            network = train(data, how, seed, mirrored=mirrored if kind.endswith("usual") else None)
            with torch.no_grad():
                wrong = errors(network(test.pictures.float() / 255), test.points)
            found.setdefault(kind, []).append(float(wrong.mean()))
    return found


def _multiplied(model: Model, squares: list[np.ndarray], truth: torch.Tensor) -> Labelled:
    import pyarrow.parquet

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = [folder / f"{number}.png" for number in range(len(squares))]
        for file, square in zip(files, squares, strict=True):
            media.write_image(file, square)
        options = mk.MultiplyOptions(
            frames=FRAMES,
            labels=("keypoints",),
            animate=mk.AnimateOptions(crop="none", size=squares[0].shape[0], reference="best"),
        )
        drivings = [samples.driving_clip("nod"), samples.driving_clip()]
        result = mk.multiply(files, drivings, folder / "made", model=model, options=options)
        rows = [row for row in pyarrow.parquet.read_table(result.manifest).to_pylist() if row["status"] == "ok"]
        person = torch.tensor([int(Path(row["source"]).stem) for row in rows])
        labels = [np.load(folder / "made" / row["labels"]) for row in rows]
        pictures = _small([media.read_image(folder / "made" / row["file"]) for row in rows])
    return Labelled(pictures, carried_labels(model, squares, truth, person, labels))


def _small(frames: Sequence[np.ndarray]) -> torch.Tensor:
    return (to_tensor(frames, size=SIDE) * 255).round().to(torch.uint8)


def _write_sheet(path: Path, squares: list[np.ndarray]) -> None:
    from PIL import Image

    rows = [np.concatenate(squares[first : first + COLUMNS], 1) for first in range(0, len(squares), COLUMNS)]
    Image.fromarray(np.concatenate(rows)).save(path, quality=QUALITY)


def _read_sheet(path: Path) -> list[np.ndarray]:
    sheet = media.read_image(path)
    side = sheet.shape[1] // (PORTRAITS if path.stem == "portraits" else COLUMNS)
    places = [(top, left) for top in range(0, sheet.shape[0], side) for left in range(0, sheet.shape[1], side)]
    return [sheet[top : top + side, left : left + side] for top, left in places]


if __name__ == "__main__":
    pack(Path(sys.argv[1]))
