"""Clips side by side, and keypoints drawn, from file to file."""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from motionkit import media
from motionkit.errors import InputError, MotionkitError
from motionkit.model import Model
from motionkit.motion.templates import MotionTemplate
from motionkit.pipeline.inspection import collage_files, keypoint_files
from motionkit.tensors import to_tensor
from tests.support.networks import seeded_model, tiny_config, tiny_model

COLOURS = ((200, 30, 30), (30, 180, 30), (40, 40, 220))


def plain(height: int, width: int, colour: tuple[int, int, int]) -> np.ndarray:
    return np.broadcast_to(np.array(colour, np.uint8), (height, width, 3)).copy()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """red.png, green.mp4 (five frames at 24000/1001), blue.mp4 (three frames, twice as high)."""
    media.write_image(tmp_path / "red.png", plain(64, 64, COLOURS[0]))
    for name, count, side, colour in (("green", 5, 64, COLOURS[1]), ("blue", 3, 128, COLOURS[2])):
        with media.VideoWriter(tmp_path / f"{name}.mp4", fps=Fraction(24000, 1001)) as writer:
            for _ in range(count):
                writer.write(plain(side, side, colour))
    return tmp_path


def colours_of(row: np.ndarray, count: int) -> list[int]:
    """Which of COLOURS each of `count` equal panels shows near its middle."""
    height, width = row.shape[:2]
    middles = [row[height // 3, round((i + 0.5) * width / count)].astype(int) for i in range(count)]
    return [int(np.argmin([np.abs(middle - colour).sum() for colour in COLOURS])) for middle in middles]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 0), (0, 2, 0, 1), (0, 0)])
def test_panels_stand_in_the_order_given(folder: Path, order: tuple[int, ...]) -> None:
    paths = [folder / ("red.png", "green.mp4", "blue.mp4")[i] for i in order]
    collage_files([(str(i), path) for i, path in enumerate(paths)], folder / "c.mp4", height=64)
    clip = media.open_clip(folder / "c.mp4")
    rows = list(clip)
    assert len(rows) == (3 if 2 in order else 5 if 1 in order else 1)  # the shortest clip decides
    assert all(colours_of(row, len(order)) == list(order) for row in rows)
    assert clip.info.fps == (Fraction(24000, 1001) if {1, 2} & set(order) else 25)


def test_the_tallest_panel_decides_the_height(folder: Path) -> None:
    panels = [("", folder / "red.png"), ("", folder / "blue.mp4")]
    collage_files(panels, folder / "c.mp4")
    assert media.open_clip(folder / "c.mp4").info.height == 128
    collage_files(panels, folder / "c.png", moments=2)
    assert media.read_image(folder / "c.png").shape[0] > 128


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(seeded_model(tiny_config(keypoint_names=("nose", "jaw", "brow"))), device="cpu", precision="float32")


def test_the_table_holds_what_the_model_sees(folder: Path, model: Model) -> None:
    clip = media.open_clip(folder / "green.mp4")
    count = keypoint_files(clip, folder / "k.mp4", model=model, table=folder / "k.csv", progress=False)
    assert count == 5 and len(list(media.open_clip(folder / "k.mp4"))) == 5
    with (folder / "k.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["frame"], row["keypoint"]) for row in rows[:4]] == [
        ("0", "nose"), ("0", "jaw"), ("0", "brow"), ("1", "nose"),
    ]  # fmt: skip
    seen = model.detect(to_tensor([next(iter(clip))], size=32))
    assert seen.jacobian is not None
    for k, row in enumerate(rows[:3]):
        np.testing.assert_allclose([float(row["x"]), float(row["y"])], seen.value[0, k], atol=1e-4)
        matrix = [float(row[name]) for name in ("j11", "j12", "j21", "j22")]
        np.testing.assert_allclose(matrix, seen.jacobian[0, k].flatten(), atol=1e-3)


def test_a_model_without_jacobians_has_a_narrower_table(folder: Path) -> None:
    model = tiny_model(estimate_jacobian=False)
    keypoint_files(
        media.open_clip(folder / "red.png"), folder / "k.mp4", model=model, table=folder / "k.csv", progress=False
    )
    assert (folder / "k.csv").read_text().splitlines()[0] == "frame,keypoint,x,y"


def test_mistakes_are_told_before_any_work(folder: Path, model: Model) -> None:
    clip = media.open_clip(folder / "green.mp4")
    before = set(folder.iterdir())
    for output, table, message in (
        ("green.mp4", None, "would overwrite an input"),
        ("k.mp4", "green.mp4", "would overwrite an input"),
        ("k.mp4", "k.mp4", "would overwrite an input"),
        ("k.png", None, "A clip cannot be written as a picture"),
        ("k.mp4", "none/k.csv", "folder is not there"),
    ):
        with pytest.raises(MotionkitError, match=message):
            keypoint_files(clip, folder / output, model=model, table=table and folder / table, progress=False)
    template = MotionTemplate(model.detect(to_tensor([plain(32, 32, COLOURS[0])])), Fraction(25), "tiny", "", (32, 32))
    with pytest.raises(InputError, match="A motion template has no pictures to draw on"):
        keypoint_files(template, folder / "k.mp4", model=model, progress=False)  # type: ignore[arg-type]
    assert set(folder.iterdir()) == before
