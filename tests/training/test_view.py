"""Curves and pictures of a run as it goes on."""

from __future__ import annotations

import builtins
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import IPython.display
import numpy as np
import pytest
from PIL import Image

from motionkit import media
from motionkit.errors import MissingPackageError
from motionkit.training import TrainProgress, train
from motionkit.training import view as views
from tests.support.training_runs import make_clips, small_run


class Handle:
    """What was shown in one place, first to last."""

    def __init__(self, image: IPython.display.Image) -> None:
        self.images = [image]

    def update(self, image: IPython.display.Image) -> None:
        self.images.append(image)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Handle]:
    handles: list[Handle] = []

    def display(image: IPython.display.Image, *, display_id: bool) -> Handle:
        assert display_id
        handles.append(Handle(image))
        return handles[-1]

    monkeypatch.setattr(IPython.display, "display", display)
    return handles


def test_a_run_is_seen_while_it_runs_and_when_it_goes_on(tmp_path: Path, shown: list[Handle]) -> None:
    clips, run = make_clips(tmp_path / "clips"), tmp_path / "run"
    config = small_run(steps=3, grid_steps=2)
    view = views.TrainingView(run, seconds=0)
    assert not shown, "there is nothing yet"
    train(config, clips, run, device="cpu", progress=False, callback=view)
    plot, grid = shown
    assert len(plot.images) == 3 and len(grid.images) == 2
    assert all(image.format == "png" for image in plot.images)
    assert len({image.data for image in plot.images}) == 3
    assert grid.images[-1].data == (run / "grids" / "step-000003.jpg").read_bytes()

    shown.clear()
    view = views.TrainingView(run, seconds=1000)
    assert [len(handle.images) for handle in shown] == [1, 1], "what there is, at once"
    assert shown[1].images[0].data == grid.images[-1].data
    train(config.replace(steps=4), clips, run, device="cpu", progress=False, callback=view, resume=True)
    assert [len(handle.images) for handle in shown] == [2, 2], "in the same places"
    assert views.read_scalars(run)["loss/total"][0] == [1, 2, 3, 4]


def test_drawing_does_not_keep_training_waiting(
    tmp_path: Path, shown: list[Handle], monkeypatch: pytest.MonkeyPatch
) -> None:
    titles, now = [], [0.0]
    monkeypatch.setattr(views, "draw_curves", lambda _, title: titles.append(title) or b"png")
    monkeypatch.setattr(views, "time", SimpleNamespace(monotonic=lambda: now[0]))
    picture = tmp_path / "step-000040.jpg"
    media.write_image(picture, np.zeros((8, 8, 3), np.uint8))
    view = views.TrainingView(tmp_path, seconds=2)
    for now[0], step, grid in ((0, 10, None), (1, 20, None), (2.5, 30, None), (3, 40, picture), (3.5, 37100, None)):
        view(TrainProgress(step, 37100, 0, {}, 7.3, 0.031, grid))
    same = "7.3 pairs a second  ·  3% of the time waiting for data"
    assert titles == [
        f"step 10 of 37100  ·  {same}",
        f"step 30 of 37100  ·  {same}  ·  1:17:14 left",  # 37070 steps at 20 steps in 2.5 s
        f"step 40 of 37100  ·  {same}  ·  1:01:46 left",
        f"step 37100 of 37100  ·  {same}",
    ]


def test_curves_are_drawn(tmp_path: Path) -> None:
    (tmp_path / "scalars.csv").write_text("step,name,value\n1,loss/a,2.5\n1,test/l1,0.5\n3,loss/a,1e-3\n")
    curves = views.read_scalars(tmp_path)
    assert curves == {"loss/a": ([1, 3], [2.5, 1e-3]), "test/l1": ([1], [0.5])}
    assert views.read_scalars(tmp_path / "absent") == {}
    full, empty = (np.asarray(Image.open(io.BytesIO(views.draw_curves(c, "title")))) for c in (curves, {}))
    assert full.shape == empty.shape == (300, 960, 4)

    def colour(picture: np.ndarray, rgb: tuple[int, int, int]) -> int:
        return int((np.abs(picture[..., :3].astype(int) - rgb).max(axis=2) < 8).sum())

    for rgb in ((31, 119, 180), (44, 160, 44)):  # matplotlib's tab:blue and tab:green
        assert colour(full, rgb) > 20 and colour(empty, rgb) == 0


def test_a_missing_package_is_told_before_training(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = builtins.__import__

    def without_matplotlib(name: str, *rest: Any, **more: Any) -> Any:
        if name == "matplotlib":
            raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without_matplotlib)
    with pytest.raises(MissingPackageError, match=r"got matplotlib.*motionkit\[notebook\]"):
        views.TrainingView(tmp_path)
