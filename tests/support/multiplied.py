"""Small data sets to multiply, and what came of them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from motionkit import media
from motionkit.data.multiplication.options import MultiplyOptions
from motionkit.samples import portrait
from motionkit.weights import checkpoints
from tests.support.files import write_clip
from tests.support.networks import seeded_model, tiny_config

__all__ = ["PICTURES", "check_whole", "given_files", "pixels", "rows_of", "tiny_weights"]

PICTURES = MultiplyOptions(frames=3, gate=False, workers=0)
"""Three pictures of each pair; weights that know nothing would be rejected."""


def given_files(folder: Path, sources: int = 3, drivings: int = 2, frames: int = 7) -> Path:
    """Write sources/s0.png … of 48×48 and drivings/d0.mp4 … of 64×64; return the folder."""
    picture = media.read_image(portrait())
    for name in ("sources", "drivings"):
        (folder / name).mkdir(parents=True)
    for n in range(sources):
        media.write_image(folder / "sources" / f"s{n}.png", picture[20 + 9 * n : 68 + 9 * n, 200:248])
    for n in range(drivings):
        moving = [picture[30 + i : 94 + i, 180 + n * i : 244 + n * i] for i in range(frames + n)]
        write_clip(folder / "drivings" / f"d{n}.mp4", moving)
    return folder


def tiny_weights(folder: Path) -> Path:
    """A weights file of a network that runs in milliseconds."""
    model, file = seeded_model(tiny_config(name="tiny")), folder / "tiny.safetensors"
    checkpoints.save(
        file, generator=model.generator.state_dict(), kp_detector=model.kp_detector.state_dict(),
        config=model.config, metadata={},
    )  # fmt: skip
    return file


def rows_of(output: Path) -> list[dict[str, Any]]:
    """The manifest's rows."""
    rows: list[dict[str, Any]] = pq.read_table(output / "manifest.parquet").to_pylist()
    return rows


def check_whole(output: Path) -> list[dict[str, Any]]:
    """The rows of a data set in a folder, each file of which is there, whole, and named by one row."""
    rows = rows_of(output)
    there = {path.relative_to(output).as_posix() for path in (output / "data").rglob("*") if path.is_file()}
    told = [row[field] for row in rows for field in ("file", "labels") if row[field]]
    assert sorted(told) == sorted(there)
    for row in rows:
        if row["file"]:
            assert hashlib.sha256((output / row["file"]).read_bytes()).hexdigest() == row["sha256"]
    assert len({row["key"] for row in rows}) == len(rows)
    return rows


def pixels(output: Path) -> dict[str, np.ndarray]:
    """By the names of the result files: their frames, T H W 3."""
    found = {}
    for path in sorted((output / "data").rglob("*")):
        if path.suffix in (".png", ".mp4"):
            found[path.name] = np.stack(list(media.open_clip(path)))
    return found
