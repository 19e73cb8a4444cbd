"""Training from beginning to end: what a run leaves, stops and resumes to the bit, errors, the pieces of a step."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

import motionkit as mk
from motionkit import wholefile
from motionkit.config import DiscriminatorConfig
from motionkit.errors import ConfigError, InputError, MotionkitWarning, TrainingError, WeightsError
from motionkit.training import DataConfig, LossConfig, TrainConfig, TrainProgress, train
from motionkit.training.learner import Learner, rate_factor
from motionkit.training.processes import make_accelerator
from motionkit.training.runs import Run
from motionkit.weights import checkpoints
from tests.conftest import seeded_model, tiny_config
from tests.support.training_runs import assert_same, make_clips, small_disk, small_run, start, written


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def whole(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    train(small_run(), clips, folder, device="cpu", progress=False)
    return folder


def adversarial(**changes: Any) -> TrainConfig:
    # The published four blocks would leave nothing of so small a picture.
    model = tiny_config(discriminator=DiscriminatorConfig(block_expansion=4, num_blocks=2, sn=True, use_kp=True))
    return small_run(model=model, loss=LossConfig(network="none", pixel=10.0, gan=1.0), **changes)


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


@pytest.mark.slow
def test_killed_and_resumed_is_the_same_to_the_last_bit(clips: Path, whole: Path, tmp_path: Path) -> None:
    kill_after(small_run(), clips, tmp_path, step=1)  # in the middle of the first epoch
    with start(small_run(), clips, tmp_path, deadly_step=3) as child:
        assert child.wait(600) == -signal.SIGKILL
    assert list(tmp_path.glob(".checkpoint-00000003.pt.*.part")), "it was killed while it wrote"
    assert_finishes_the_same(small_run(), clips, tmp_path, whole)


@pytest.mark.slow
def test_killed_with_worker_processes_and_resumed_is_the_same(clips: Path, whole: Path, tmp_path: Path) -> None:
    config = small_run(data=DataConfig(workers=2))
    kill_after(config, clips, tmp_path, step=3)  # in the middle of the second epoch
    assert_finishes_the_same(config, clips, tmp_path, whole)


def kill_after(config: TrainConfig, clips: Path, folder: Path, *, step: int) -> None:
    with start(config, clips, folder) as child:
        await_file(folder / f"checkpoint-{step:08d}.pt", child)
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    assert not (folder / "checkpoint-00000004.pt").exists(), "it was killed too late to test anything"


def assert_finishes_the_same(config: TrainConfig, clips: Path, folder: Path, whole: Path) -> None:
    with start(config, clips, folder) as child:
        _, errors = child.communicate(timeout=600)
    assert child.returncode == 0, errors
    assert_same(written(folder), written(whole))
    assert_same(load_file(folder / "model.safetensors"), load_file(whole / "model.safetensors"))
    losses = [
        [line for line in (f / "scalars.csv").read_text().splitlines() if ",loss/" in line or ",test/" in line]
        for f in (folder, whole)
    ]
    assert losses[0] == losses[1]
    assert not list(folder.glob(".*")), "nothing half is left"


def await_file(path: Path, child: Any) -> None:
    until = time.monotonic() + 600
    while not path.exists():
        assert time.monotonic() < until and child.poll() is None, child.communicate()
        time.sleep(0.001)


def test_stopped_and_resumed_with_a_discriminator(clips: Path, tmp_path: Path) -> None:
    config = adversarial(accumulate=2, clip=1.0, warmup=3)
    train(config, clips, tmp_path / "whole", device="cpu", progress=False)
    asked = []

    def stop() -> bool:
        asked.append(len(asked))
        return len(asked) == 3

    options: dict[str, Any] = {"device": "cpu", "progress": False}
    first = train(config, clips, tmp_path / "parts", stop=stop, **options)
    assert (first.finished, first.steps, first.epochs) == (False, 3, 1)
    assert first.checkpoint == tmp_path / "parts" / "checkpoint-00000003.pt"
    second = train(config, clips, tmp_path / "parts", resume=True, **options)
    assert (second.finished, second.steps, second.epochs) == (True, 4, 2)
    assert_same(written(tmp_path / "parts"), written(tmp_path / "whole"))
    assert "discriminator" in written(tmp_path / "parts")


def test_resuming_from_the_second_place(clips: Path, whole: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"device": "cpu", "progress": False, "second": tmp_path / "drive"}
    train(small_run(steps=3), clips, tmp_path / "lost", **options)
    result = train(small_run(), clips, tmp_path / "new", resume=True, **options)
    assert result.steps == 4
    assert_same(written(tmp_path / "new"), written(whole))
    assert (tmp_path / "drive" / "model.safetensors").read_bytes() == result.path.read_bytes()


class KilledError(Exception):
    """Stands for whatever ends a run between a step and its checkpoint."""


def kill(progress: TrainProgress) -> None:
    raise KilledError


def test_killed_before_the_first_checkpoint_it_begins_with_the_same_weights(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = seeded_model(tiny_config())
    states = {"generator": known.generator.state_dict(), "kp_detector": known.kp_detector.state_dict()}
    checkpoints.save(tmp_path / "known.safetensors", **states, config=tiny_config(), metadata={})
    options: dict[str, Any] = {"device": "cpu", "progress": False}
    monkeypatch.chdir(tmp_path)
    train(small_run(steps=2), clips, "whole", init="known.safetensors", **options)
    with pytest.raises(KilledError):
        train(small_run(steps=2), clips, "run", init="known.safetensors", callback=kill, **options)
    assert not list((tmp_path / "run").glob("*.pt"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match=r"begun with other weights; got heads; expected .*known\.safetensors"):
        train(small_run(steps=2), clips, tmp_path / "run", init="heads", resume=True, **options)
    train(small_run(steps=2), clips, tmp_path / "run", resume=True, **options)
    assert_same(written(tmp_path / "run"), written(tmp_path / "whole"))


def test_a_finished_run_resumed_is_finished_and_longer_goes_on(clips: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"device": "cpu", "progress": False}
    train(small_run(), clips, tmp_path, **options)
    (tmp_path / "model.safetensors").unlink()
    assert train(small_run(), clips, tmp_path, resume=True, **options).path.is_file()
    assert train(small_run(epochs=3), clips, tmp_path, resume=True, **options).steps == 6
    with pytest.raises(InputError, match="holds a run already"):
        train(small_run(), clips, tmp_path, **options)
    with pytest.raises(ConfigError, match=r"another configuration; got seed 1"):
        train(small_run(seed=1), clips, tmp_path, resume=True, **options)


def test_a_damaged_checkpoint_costs_a_step(clips: Path, whole: Path, tmp_path: Path) -> None:
    train(small_run(steps=3), clips, tmp_path, device="cpu", progress=False)
    (tmp_path / "checkpoint-00000003.pt").write_bytes(b"damaged")
    with pytest.warns(MotionkitWarning, match="damaged"):
        train(small_run(), clips, tmp_path, resume=True, device="cpu", progress=False)
    assert_same(written(tmp_path), written(whole))


def test_other_clips_are_not_resumed_with(clips: Path, tmp_path: Path) -> None:
    train(small_run(steps=1), clips, tmp_path / "run", device="cpu", progress=False)
    fewer = tmp_path / "fewer"
    fewer.mkdir()
    for clip in sorted(clips.iterdir())[:6]:
        (fewer / clip.name).symlink_to(clip)
    with pytest.raises(InputError, match=r"5 pairs an epoch .*expected 8"):
        train(small_run(), fewer, tmp_path / "run", resume=True, device="cpu", progress=False)


def test_control_c_finishes_the_step_and_keeps_it(clips: Path, tmp_path: Path) -> None:
    seen: list[TrainProgress] = []

    def interrupt(progress: TrainProgress) -> None:
        seen.append(progress)
        if progress.step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(small_run(), clips, tmp_path, device="cpu", progress=False, callback=interrupt)
    assert signal.getsignal(signal.SIGINT) is before
    assert [progress.step for progress in seen] == [1, 2, 3]
    assert max(tmp_path.glob("*.pt")).name == "checkpoint-00000003.pt"
    last = seen[-1]
    assert last.steps == 4 and last.epoch == 1 and last.samples_per_second > 0 and 0 <= last.waiting <= 1
    assert last.grid == tmp_path / "grids" / "step-000003.jpg"
    assert sum(v for k, v in last.losses.items() if k != "total") == pytest.approx(last.losses["total"], rel=1e-5)


def test_a_loss_that_is_no_number_stops_with_the_last_good_checkpoint(clips: Path, tmp_path: Path) -> None:
    train(small_run(steps=2), clips, tmp_path, device="cpu", progress=False)

    state = torch.load(tmp_path / "checkpoint-00000002.pt", weights_only=True)
    state["model"]["generator.final.bias"][:] = float("nan")
    torch.save(state, tmp_path / "checkpoint-00000002.pt")
    with pytest.raises(TrainingError) as caught:
        train(small_run(), clips, tmp_path, resume=True, device="cpu", progress=False)
    message = str(caught.value)
    assert "no finite number" in message and "pixel nan" in message and "step 3" in message
    assert f"last good checkpoint is {tmp_path / 'checkpoint-00000002.pt'}" in message


def test_weights_that_are_no_numbers_are_not_kept(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = Learner.step

    def overshoot(self: Learner, *arguments: Any, **options: Any) -> dict[str, torch.Tensor]:
        losses = step(self, *arguments, **options)  # finite, unlike what the step makes of the weights
        self.model.generator.final.weight.data[0] = float("inf")
        return losses

    monkeypatch.setattr(Learner, "step", overshoot)
    with pytest.raises(TrainingError, match=r"weights are no finite numbers.*There is no checkpoint yet"):
        train(small_run(), clips, tmp_path, device="cpu", progress=False)
    assert not list(tmp_path.glob("*.pt")) and not (tmp_path / "model.safetensors").exists()


@pytest.mark.parametrize("which", ["discriminator", "_average"])
def test_nothing_that_the_next_steps_depend_on_is_kept_poisoned(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    step = Learner.step

    def overshoot(self: Learner, *arguments: Any, **options: Any) -> dict[str, torch.Tensor]:
        losses = step(self, *arguments, **options)
        if options["step"] == 1:
            next(getattr(self, which).parameters()).data[0] = float("nan")
        return losses

    monkeypatch.setattr(Learner, "step", overshoot)
    with pytest.raises(TrainingError, match=r"no finite numbers.*step 2.*checkpoint-00000001\.pt"):
        train(adversarial(), clips, tmp_path, device="cpu", progress=False)
    assert [path.name for path in tmp_path.glob("*.pt")] == ["checkpoint-00000001.pt"]


def test_a_disk_that_is_full_of_decoded_frames_is_told_by_a_worker(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, parent = os.replace, os.getpid()

    def full(source: Path, target: Path) -> None:
        if target.suffix == ".rgb" and os.getpid() != parent:
            raise OSError(28, "No space left on device")
        replace(source, target)

    options: dict[str, Any] = {"device": "cpu", "progress": False}
    train(small_run(steps=1), clips, tmp_path, **options)
    with monkeypatch.context() as patch:
        patch.setattr(wholefile.os, "replace", full)
        with pytest.raises(TrainingError) as caught:
            train(small_run(data=DataConfig(workers=1, cache=True)), clips, tmp_path, resume=True, **options)
    message = str(caught.value)
    assert message.startswith("The next batch cannot be made: Decoded frames cannot be kept (No space left on device)")
    assert message.count("\n") == 0 and "Traceback" not in message and "data.cache=false" in message
    assert f"last good checkpoint is {tmp_path / 'checkpoint-00000001.pt'}" in message
    assert train(small_run(), clips, tmp_path, resume=True, **options).finished, "without the cache, as advised"


# The thread of TensorBoard says so, too.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_disk_that_is_full_for_tensorboard_too_ends_with_a_clear_error(clips: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "4m") as disk:

        def fill() -> bool:
            """After the second step leave room for its grid, but not for TensorBoard's."""
            if (disk / "checkpoint-00000001.pt").exists():
                with (disk / "junk").open("wb", buffering=0) as junk:
                    with pytest.raises(OSError, match="No space left"):  # noqa: PT012  # which write fails is unknown
                        while True:
                            junk.write(bytes(4096))
                    junk.truncate(junk.tell() - 4096)
            return False

        with (
            pytest.warns(MotionkitWarning, match=r"TensorBoard are not complete \(No space left on device\)"),
            pytest.raises(TrainingError, match=r"No space left on device\. .*checkpoint-00000001\.pt"),
        ):
            train(small_run(grid_steps=1), clips, disk, device="cpu", progress=False, stop=fill)
        assert (disk / "grids" / "step-000002.jpg").exists()


def test_the_curves_are_whole_or_as_they_were(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = os.replace

    def full(source: Path, target: Path) -> None:
        if target.name == "scalars.csv":
            raise OSError(28, "No space left on device")
        replace(source, target)

    options: dict[str, Any] = {"device": "cpu", "progress": False}
    train(small_run(steps=2), clips, tmp_path, **options)
    curves = tmp_path / "scalars.csv"
    before = curves.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(wholefile.os, "replace", full)
        with pytest.raises(TrainingError, match=r"No space left.*checkpoint-00000002"):
            train(small_run(), clips, tmp_path, resume=True, **options)
    assert curves.read_bytes() == before
    # A kill in the middle of a line, or a disk that gave back noise, costs these lines alone.
    curves.write_bytes(before + b"2,loss\n,,\n\x00\xff,a,1\n2,loss/to")
    train(small_run(steps=3), clips, tmp_path, resume=True, **options)
    lines = curves.read_bytes()
    assert lines.startswith(before) and lines[len(before) :].startswith(b"3,loss/")


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


def test_a_full_disk_stops_with_the_last_good_checkpoint(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from motionkit.training import runs

    write = runs._write

    def full(state: dict[str, Any], path: Path) -> None:
        if state["step"] == 3:
            raise OSError(28, "No space left on device")
        write(state, path)

    monkeypatch.setattr(runs, "_write", full)
    with pytest.raises(TrainingError, match=r"step 3: No space left on device\..*checkpoint-00000002\.pt; make room"):
        train(small_run(), clips, tmp_path, device="cpu", progress=False)
    monkeypatch.undo()
    assert train(small_run(), clips, tmp_path, resume=True, device="cpu", progress=False).steps == 4


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
