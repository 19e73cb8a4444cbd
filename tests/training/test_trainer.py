"""Training from beginning to end: what a run leaves and says, and the pieces of a step."""

from __future__ import annotations

import csv
import json
import shutil
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors import safe_open

import motionkit as mk
from motionkit import media, trust
from motionkit.errors import ConfigError, InputError, MotionkitWarning, WeightsError
from motionkit.training import TrainConfig, train
from motionkit.training.learner import Learner, rate_factor
from motionkit.training.processes import make_accelerator
from motionkit.training.runs import Run
from motionkit.weights import checkpoints
from tests.support.networks import seeded_model, tiny_config
from tests.support.training_runs import adversarial, assert_same, small_run, written


def test_what_a_run_leaves(whole: Path) -> None:
    facts = json.loads((whole / "config.json").read_text())
    assert TrainConfig.from_dict(facts["config"]) == small_run()
    assert facts["motionkit"] == mk.__version__ and facts["torch"] == torch.__version__
    assert [path.name for path in Run(whole).checkpoints()] == ["checkpoint-00000003.pt", "checkpoint-00000004.pt"]
    rows = list(csv.DictReader((whole / "scalars.csv").open()))
    totals = {int(row["step"]): float(row["value"]) for row in rows if row["name"] == "loss/total"}
    assert list(totals) == [1, 2, 3, 4]
    for step, total in totals.items():
        terms = [r for r in rows if r["step"] == str(step) and r["name"].startswith("loss/")]
        parts = [float(r["value"]) for r in terms if r["name"] != "loss/total"]
        assert len(parts) == 3 and sum(parts) == pytest.approx(total, rel=1e-5)
    grids = sorted(path.name for path in (whole / "grids").iterdir())
    assert grids == ["step-000003.jpg", "step-000004.jpg"]
    said = [media.read_metadata(whole / "grids" / name)["comment"] for name in grids]
    assert all(trust.SOURCE_TYPE in text for text in said), "they hold what the model made"
    # One test identity of nine; six panels with five rules between them.
    width, height = Image.open(whole / "grids" / grids[0]).size
    assert height == 32 and 6 * 32 < width < 6 * 32 + 6 * 3
    assert [path for path in (whole / "tensorboard").iterdir() if "tfevents" in path.name]


def test_the_model_is_one_that_load_model_takes(whole: Path) -> None:
    model = mk.load_model(whole / "model.safetensors", device="cpu")
    assert model.config == tiny_config()
    with safe_open(str(whole / "model.safetensors"), "pt") as file:
        assert {"licence": "as the data", "steps": "4"}.items() <= file.metadata().items()
        assert mk.__version__ in file.metadata()["origin"]
    # It is the moving average, not the weights of the last step.
    state, average = model.reference.state_dict(), written(whole)["average"]
    assert_same({name: state[name] for name in average}, average)
    assert not torch.equal(average["generator.final.weight"], written(whole)["model"]["generator.final.weight"])
    assert torch.equal(
        average["generator.first.norm.running_var"], written(whole)["model"]["generator.first.norm.running_var"]
    )


def test_broken_test_clips_are_counted_and_none_at_all_is_told(clips: Path, tmp_path: Path) -> None:
    for part, numbers in (("train", range(4)), ("test", (4, 5))):
        (tmp_path / "clips" / part).mkdir(parents=True)
        for number in numbers:
            (tmp_path / "clips" / part / f"person{number}#1").symlink_to(clips / f"person{number}#1")
    broken = tmp_path / "clips" / "test" / "broken.mp4"
    broken.write_bytes(b"no clip")
    options: dict[str, Any] = {"device": "cpu", "progress": False}
    with pytest.warns(MotionkitWarning, match="broken.mp4 is left out"):
        result = train(small_run(steps=1), tmp_path / "clips", tmp_path / "a", **options)
    assert result.broken == (broken,)
    shutil.rmtree(tmp_path / "clips" / "test")
    with pytest.warns(MotionkitWarning, match="There are no test clips: .* made of clips that are trained on"):
        train(small_run(steps=1), tmp_path / "clips", tmp_path / "b", **options)


def test_fine_tuning_begins_with_the_weights_given(clips: Path, tmp_path: Path) -> None:
    known = seeded_model(tiny_config())
    states = {"generator": known.generator.state_dict(), "kp_detector": known.kp_detector.state_dict()}
    checkpoints.save(tmp_path / "known.safetensors", **states, config=tiny_config(), metadata={})
    torch.save({**states, "epoch": 1}, tmp_path / "known.pth.tar")  # as published files are
    for name in ("known.safetensors", "known.pth.tar"):
        frozen = small_run(lr_generator=1e-30, lr_detector=0.0, ema=0.0, steps=1)
        result = train(frozen, clips, tmp_path / f"run-{name}", init=tmp_path / name, device="cpu", progress=False)
        got = mk.load_model(result.path, device="cpu").reference
        # A frozen detector keeps its statistics, too.
        assert_same(dict(got.kp_detector.state_dict()), dict(states["kp_detector"]))
        for (key, parameter), given in zip(got.generator.named_parameters(), known.generator.parameters(), strict=True):
            assert torch.equal(parameter, given), key
    other = small_run(model=tiny_config(num_kp=4))
    with pytest.raises(WeightsError, match="do not fit"):
        train(other, clips, tmp_path / "other", init=tmp_path / "known.safetensors", device="cpu", progress=False)


def test_random_weights_depend_on_the_seed_alone(clips: Path, tmp_path: Path) -> None:
    weights = []
    for seed, junk in ((0, 1), (0, 2), (1, 1)):
        torch.manual_seed(junk)
        config = small_run(seed=seed)
        weights.append(Learner(config, make_accelerator(config, "cpu")).model.state_dict())
    assert_same(dict(weights[0]), dict(weights[1]))
    assert not torch.equal(weights[0]["generator.final.weight"], weights[2]["generator.final.weight"])


def test_rates_rise_and_fall() -> None:
    config = small_run(milestones=(2, 3), warmup=4)
    rises = [rate_factor(config, epoch=0, step=step) for step in range(6)]
    assert rises == [0.25, 0.5, 0.75, 1, 1, 1]
    falls = [rate_factor(config, epoch=epoch, step=99) for epoch in range(5)]
    assert falls == pytest.approx([1, 1, 0.1, 0.01, 0.01])


def test_precisions(clips: Path, tmp_path: Path) -> None:
    result = train(small_run(precision="bfloat16", steps=1), clips, tmp_path / "a", device="cpu", progress=False)
    assert {p.dtype for p in mk.load_model(result.path, device="cpu").reference.parameters()} == {torch.float32}
    with pytest.raises(ConfigError, match="CPU cannot train in float16"):
        train(small_run(precision="float16"), clips, tmp_path / "b", device="cpu", progress=False)
    # The next run of this process is not bound by those before.
    train(small_run(steps=1), clips, tmp_path / "c", device="cpu", progress=False)


def test_batches_must_fit(clips: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="do not fill a batch"):
        train(small_run(batch_size=12), clips, tmp_path, device="cpu", progress=False)
    with pytest.raises(ConfigError, match="equal parts"):
        small_run(batch_size=4, accumulate=3)


def test_a_run_without_tensorboard(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    train(small_run(steps=1), clips, tmp_path, device="cpu", progress=False)
    assert not (tmp_path / "tensorboard").exists() and (tmp_path / "scalars.csv").exists()


def test_the_summary_of_a_run(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = train(small_run(steps=2), clips, tmp_path, device="cpu")
    seconds = result.seconds
    assert result.samples_per_second == pytest.approx(2 * 4 / seconds, rel=0.01)
    assert str(result).startswith("2 steps, ") and str(result).endswith("% of the time waiting for data")
    bar = capsys.readouterr().err
    assert "2/2" in bar and "samples/s" in bar and "total" in bar and "pixel" in bar


def test_a_run_in_another_thread(clips: Path, tmp_path: Path) -> None:
    # Signals are for the main thread alone; notebooks train in others.
    with ThreadPoolExecutor() as pool:
        run = pool.submit(train, small_run(steps=1), clips, tmp_path, device="cpu", progress=False)
        assert run.result().finished


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_gpu_trains_stops_and_resumes(clips: Path, tmp_path: Path, precision: Any) -> None:
    config = adversarial(precision=precision, clip=1.0)
    options: dict[str, Any] = {"device": "cuda", "progress": False}
    assert not train(config, clips, tmp_path, stop=lambda: True, **options).finished
    result = train(config, clips, tmp_path, resume=True, **options)
    assert result.finished and result.steps == 4
    assert mk.load_model(result.path, device="cuda").config == config.model
