"""Numbers that are none and disks that are full end a run with its last good checkpoint."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import torch

from motionkit import wholefile
from motionkit.errors import MotionkitWarning, TrainingError
from motionkit.training import DataConfig, train
from motionkit.training.learner import Learner
from tests.support.training_runs import adversarial, small_disk, small_run


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


@pytest.mark.parametrize("workers", [0, 1])
def test_a_disk_that_is_full_of_decoded_frames_is_told(clips: Path, tmp_path: Path, workers: int) -> None:
    """By whichever process decodes; the cache is on a disk of its own, as large as what one clip of nine needs."""
    options: dict[str, Any] = {"device": "cpu", "progress": False}
    run = tmp_path / "run"
    train(small_run(steps=1), clips, run, **options)
    cached = small_run(data=DataConfig(workers=workers, cache=True))
    with small_disk(run / "cache", "16k"), pytest.raises(TrainingError) as caught:
        train(cached, clips, run, resume=True, **options)
    message = str(caught.value)
    assert message.startswith("The next batch cannot be made: Decoded frames cannot be kept (No space left on device)")
    assert message.count("\n") == 0 and "Traceback" not in message
    assert f"got {run / 'cache'}. Free some space on the disk, or train without the cache (data.cache=false)" in message
    assert f"last good checkpoint is {run / 'checkpoint-00000001.pt'}" in message
    assert train(small_run(), clips, run, resume=True, **options).finished, "without the cache, as advised"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # TensorBoard's thread says so, too
def test_a_disk_that_is_full_before_the_first_step_is_told(clips: Path, tmp_path: Path) -> None:
    """What is said first, of each of the things that are written."""
    cached = small_run(data=DataConfig(workers=0, cache=True))
    reasons = set()
    for room in (0, 16, 80):
        with small_disk(tmp_path / f"disk{room}", f"{room + 20}k") as disk:
            (disk / "junk").write_bytes(bytes(16 << 10))
            with pytest.raises(TrainingError, match="No space left on device") as caught:
                train(cached, clips, disk / "run", device="cpu", progress=False)
            message = str(caught.value)
            assert message.count("\n") == 0 and "There is no checkpoint yet" in message
            if "Decoded frames" in message:
                assert message.startswith("The next batch cannot be made: Decoded frames cannot be kept")
                assert f"got {disk / 'run' / 'cache'}" in message and "data.cache=false" in message
            reasons.add(message.split(" (", maxsplit=1)[0].split(":", maxsplit=1)[0])
            left = [path for path in disk.rglob("*") if "part" in path.name]
            assert left == []
    assert "The next batch cannot be made" in reasons and len(reasons) > 1


# The thread of TensorBoard says so, too.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_disk_that_is_full_for_tensorboard_too_ends_with_a_clear_error(clips: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "4m") as disk:

        def fill() -> bool:
            """After the second step leave room for its grid, but not for TensorBoard's."""
            if (disk / "checkpoint-00000001.pt").exists():
                with (disk / "junk").open("wb", buffering=0) as junk:
                    with pytest.raises(OSError, match="No space left"):
                        write_for_ever(junk)
                    junk.truncate(junk.tell() - 4096)
            return False

        with (
            pytest.warns(MotionkitWarning, match=r"TensorBoard are not complete \(No space left on device\)"),
            pytest.raises(TrainingError, match=r"No space left on device\. .*checkpoint-00000001\.pt"),
        ):
            train(small_run(grid_steps=1), clips, disk, device="cpu", progress=False, stop=fill)
        assert (disk / "grids" / "step-000002.jpg").exists()


def write_for_ever(file: BinaryIO) -> None:
    while True:
        file.write(bytes(4096))


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
