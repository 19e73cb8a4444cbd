"""A run that is stopped, killed or damaged goes on, to the last bit as if nothing had been."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from motionkit.errors import ConfigError, InputError, MotionkitWarning
from motionkit.lock import LOCK
from motionkit.training import DataConfig, TrainConfig, TrainProgress, train
from motionkit.weights import checkpoints
from tests.support.networks import seeded_model, tiny_config
from tests.support.training_runs import adversarial, assert_same, small_run, start, written


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
    assert [path.name for path in folder.glob(".*")] == [LOCK], "nothing half is left"


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
