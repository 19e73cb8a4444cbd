"""A run's folder: checkpoints whole or absent, the second place, resuming with the same configuration only."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
import torch

from motionkit.errors import ConfigError, InputError, MotionkitWarning, TrainingError
from motionkit.lock import locked
from motionkit.training import DataConfig, runs
from motionkit.training.runs import KEPT, Run, check_same, read_config
from motionkit.wholefile import write_whole
from tests.support import clips
from tests.support.training_runs import small_disk, small_run

STATE = {"step": 1, "model": {"weight": torch.arange(1000.0)}, "names": ["a"]}


def begun(folder: Path, second: Path | None = None) -> Run:
    run = Run(folder, second)
    run.begin(small_run(), {"data": "clips"}, resume=False)
    return run


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_last_checkpoints_are_kept_and_the_newest_is_loaded(tmp_path: Path) -> None:
    run = begun(tmp_path)
    assert run.load() is None
    for step in (5, 99, 100, 123456789):
        run.save({**STATE, "step": step}, step)
    assert names(tmp_path) == ["checkpoint-00000100.pt", "checkpoint-123456789.pt", "config.json"]
    assert len(run.checkpoints()) == KEPT
    state, path = run.load() or pytest.fail("nothing was loaded")
    assert state["step"] == 123456789 and path.name == "checkpoint-123456789.pt"
    assert torch.equal(state["model"]["weight"], STATE["model"]["weight"])


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "not one"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path, damage: str) -> None:
    run = begun(tmp_path)
    run.save({**STATE, "step": 1}, 1)
    newest = run.save({**STATE, "step": 2}, 2)
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    whole = {"cut": content[:-500], "flipped": content, "empty": b"", "not one": b"PK\3\4 not an archive"}[damage]
    newest.write_bytes(whole)
    with pytest.warns(MotionkitWarning, match=r"checkpoint-00000002\.pt is damaged"):
        state, path = run.load() or pytest.fail("nothing was loaded")
    assert state["step"] == 1 and path.name == "checkpoint-00000001.pt"
    path.write_bytes(b"")
    with pytest.warns(MotionkitWarning), pytest.raises(TrainingError, match="No checkpoint of this run is whole"):
        run.load()


def test_a_checkpoint_needs_no_code_to_be_read(tmp_path: Path) -> None:
    run = begun(tmp_path)
    torch.save({"step": 1, "model": os.system}, tmp_path / "checkpoint-00000001.pt")
    with pytest.warns(MotionkitWarning, match="damaged"), pytest.raises(TrainingError):
        run.load()


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("before")

    def fail(path: Path) -> None:
        path.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_whole(target, fail)
    assert target.read_text() == "before" and names(tmp_path) == ["file"]
    write_whole(target, lambda path: path.write_text("after"))
    assert target.read_text() == "after" and names(tmp_path) == ["file"]


def test_a_full_disk_is_an_error_that_names_the_last_good_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begun(tmp_path)
    good = run.save(STATE, 1)

    def full(state: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(runs, "_write", full)
    with pytest.raises(TrainingError) as caught:
        run.save(STATE, 2)
    assert "No space left on device" in str(caught.value) and str(good) in str(caught.value)
    assert names(tmp_path) == [good.name, "config.json"]


@pytest.fixture
def disk(tmp_path: Path):
    with small_disk(tmp_path / "disk", "200k") as folder:
        yield folder


def test_a_disk_that_really_is_full(disk: Path) -> None:
    run = begun(disk)
    good = run.save({"step": 1, "model": torch.zeros(10_000)}, 1)
    with pytest.raises(TrainingError, match="No space left on device") as caught:
        run.save({"step": 2, "model": torch.zeros(100_000)}, 2)
    assert str(good) in str(caught.value)
    assert run.checkpoints() == [good]
    assert not list(disk.glob(".*")), "no half file is left to take up room"
    state, _ = run.load() or pytest.fail("the good one is still there")
    assert state["step"] == 1


def test_the_second_place_gets_whole_copies_and_gives_them_back(tmp_path: Path) -> None:
    second = tmp_path / "drive" / "run"
    run = begun(tmp_path / "run", second)
    (tmp_path / "run" / "scalars.csv").write_text("step,name,value\n1,loss/total,2\n")
    for step in (1, 2, 3):
        run.save({**STATE, "step": step}, step)
    run.publish(lambda path: path.write_bytes(b"weights"))
    assert names(second) == [
        "checkpoint-00000002.pt", "checkpoint-00000003.pt", "config.json", "model.safetensors", "scalars.csv",
    ]  # fmt: skip
    again = Run(tmp_path / "elsewhere", second)
    again.begin(small_run(), {}, resume=True)
    state, path = again.load() or pytest.fail("nothing came from the second place")
    assert state["step"] == 3 and path.parent == tmp_path / "elsewhere"
    assert (tmp_path / "elsewhere" / "scalars.csv").read_text().endswith("1,loss/total,2\n")


def test_a_resume_from_the_second_place_checks_the_configuration(tmp_path: Path) -> None:
    begun(tmp_path / "run", tmp_path / "second").save(STATE, 1)
    with pytest.raises(ConfigError, match="another configuration"):
        Run(tmp_path / "new", tmp_path / "second").begin(small_run(seed=1), {}, resume=True)


def test_the_newest_whole_checkpoint_of_both_places_is_resumed(tmp_path: Path) -> None:
    here, second = tmp_path / "here", tmp_path / "second"
    begun(here, second).save({**STATE, "step": 1}, 1)
    elsewhere = Run(tmp_path / "elsewhere", second)  # another machine went on from the drive
    elsewhere.begin(small_run(), {}, resume=True)
    (tmp_path / "elsewhere" / "scalars.csv").write_text("step,name,value\n2,loss/total,2\n")
    elsewhere.save({**STATE, "step": 2}, 2)
    assert resumed(here, second) == 2
    assert (here / "scalars.csv").read_text().endswith("2,loss/total,2\n")
    # What is newer here stays.
    Run(here).save({**STATE, "step": 3}, 3)
    assert resumed(here, second) == 3


def resumed(folder: Path, second: Path) -> int:
    run = Run(folder, second)
    run.begin(small_run(), {}, resume=True)
    state, path = run.load() or pytest.fail("nothing was loaded")
    assert path.parent == folder
    return state["step"]


def test_damage_in_one_place_is_made_good_by_the_other(tmp_path: Path) -> None:
    here, second = tmp_path / "here", tmp_path / "second"
    run = begun(here, second)
    for step in (1, 2):
        run.save({**STATE, "step": step}, step)
    for path in here.glob("*.pt"):
        path.write_bytes(b"damaged")
    assert resumed(here, second) == 2
    for path in (*second.glob("*.pt"), here / "checkpoint-00000001.pt"):
        path.write_bytes(b"damaged")
    (second / "checkpoint-00000005.pt").write_bytes(b"damaged")
    with pytest.warns(MotionkitWarning, match=r"second/checkpoint-00000005\.pt is damaged"):
        assert resumed(here, second) == 2
    with (
        pytest.warns(MotionkitWarning, match="damaged"),
        pytest.raises(TrainingError, match="No checkpoint of this run is whole"),
    ):
        resumed(tmp_path / "new", second)


def test_older_steps_after_damage_are_not_dropped(tmp_path: Path) -> None:
    run = begun(tmp_path)
    for step in (8, 9):
        (tmp_path / f"checkpoint-{step:08d}.pt").write_bytes(b"damaged")
    run.save({**STATE, "step": 5}, 5)
    with pytest.warns(MotionkitWarning, match="damaged"):
        state, _ = run.load() or pytest.fail("nothing was loaded")
    assert state["step"] == 5


def test_a_used_second_place_is_not_overwritten(tmp_path: Path) -> None:
    second = tmp_path / "second"
    begun(tmp_path / "run", second).save(STATE, 1)
    before = {path: path.read_bytes() for path in second.iterdir()}
    with pytest.raises(InputError, match=r"holds a run already; got .*second\. .*--resume"):
        Run(tmp_path / "new", second).begin(small_run(seed=1), {}, resume=False)
    assert {path: path.read_bytes() for path in second.iterdir()} == before
    assert not (tmp_path / "new").exists()


def test_a_run_knows_what_it_began_with(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert run.begin(small_run(), {"init": "heads"}, resume=False) == "heads"
    for init in (None, "heads"):
        assert run.begin(small_run(), {"init": init}, resume=True) == "heads"
    with pytest.raises(ConfigError, match=r"begun with other weights; got vox; expected heads.*without init"):
        run.begin(small_run(), {"init": "vox"}, resume=True)
    # One that was begun before this was written down takes what it is given.
    values = json.loads((tmp_path / "config.json").read_text())
    del values["init"]
    (tmp_path / "config.json").write_text(json.dumps(values))
    assert run.begin(small_run(), {"init": None}, resume=True) is None
    assert run.begin(small_run(), {"init": "vox"}, resume=True) == "vox"


def test_a_second_place_that_fails_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "gone").write_text("a file where the drive's folder was")
    with pytest.warns(MotionkitWarning, match=r"config\.json was not copied to .*gone.*training goes on"):
        run = begun(tmp_path / "run", tmp_path / "gone" / "run")
    with pytest.warns(MotionkitWarning, match=r"checkpoint-00000001\.pt was not copied"):
        path = run.save(STATE, 1)
    assert path.is_file()


def test_a_run_is_not_overwritten(tmp_path: Path) -> None:
    begun(tmp_path).save(STATE, 1)
    with pytest.raises(InputError, match=r"holds a run already.*--resume"):
        Run(tmp_path).begin(small_run(), {}, resume=False)
    Run(tmp_path).begin(small_run(), {}, resume=True)


def test_half_files_of_killed_runs_are_cleared_away_and_no_others(tmp_path: Path) -> None:
    begun(tmp_path)
    dead = 2**22 + 1  # no process has such a number
    for place in (tmp_path / "cache", tmp_path / "grids"):
        place.mkdir()
    for half in (
        tmp_path / f".checkpoint-00000007.pt.mk{dead}-0.part",
        tmp_path / "cache" / f".ann-0123.32.rgb.mk{dead}-3.part",
        tmp_path / "grids" / f".00000100.mk{dead}-1.part.jpg",
    ):
        half.write_bytes(b"half")
    kept = [
        tmp_path / f".checkpoint-00000009.pt.mk{os.getpid()}-0.part",  # of a living process
        tmp_path / ".video.mp4.part",
        tmp_path / ".holiday.123.part",
        tmp_path / "film.mp4.part",
        tmp_path / "cache" / "ann-0123.32.rgb",
    ]
    for other in kept:
        other.write_bytes(b"somebody's")
    (tmp_path / ".model.safetensors.mine").mkdir()
    Run(tmp_path).begin(small_run(), {}, resume=True)
    assert names(tmp_path) == sorted(
        ["cache", "grids", "config.json", ".model.safetensors.mine", *(path.name for path in kept[:-1])]
    )
    assert names(tmp_path / "cache") == ["ann-0123.32.rgb"] and names(tmp_path / "grids") == []


def test_a_folder_is_trained_in_by_one_process(tmp_path: Path) -> None:
    code = "import sys, time; from pathlib import Path; from motionkit.lock import locked\n"
    code += "with locked(Path(sys.argv[1]), main=True): print('held', flush=True); time.sleep(60)"
    folder = tmp_path / "run"
    other = clips.run(code, folder)
    try:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        with (
            pytest.raises(InputError, match=r"Another process trains in this folder; got .*run"),
            locked(folder, main=True, does="trains"),
        ):
            pass
        with locked(folder, main=False):  # of one run's several processes only the first one asks
            pass
    finally:
        other.kill()
        other.wait()
    with locked(folder, main=True):  # what was killed holds nothing
        pass


def test_a_resumed_run_keeps_its_configuration(tmp_path: Path) -> None:
    before = small_run()
    check_same(before.replace(data=DataConfig(workers=3, cache=True)), before)
    check_same(before.replace(epochs=9, steps=100, checkpoint_minutes=5, grid_steps=7, log_steps=9), before)
    with pytest.raises(ConfigError) as caught:
        check_same(small_run(batch_size=8, betas=(0.9, 0.99)), before)
    assert "batch_size 8, betas [0.9, 0.99]" in str(caught.value)
    assert "batch_size 4, betas [0.5, 0.999]" in str(caught.value)
    changed = small_run(model=before.model.replace(num_kp=4))
    with pytest.raises(ConfigError, match=r"model\.common_params\.num_kp 4"):
        check_same(changed, before)


def test_the_configuration_is_read_from_a_folder_or_a_file(tmp_path: Path) -> None:
    begun(tmp_path)
    config, facts = read_config(tmp_path)
    assert config == small_run() and facts == {"data": "clips"}
    bare = tmp_path / "bare.json"
    bare.write_text(json.dumps(small_run().to_dict()))
    assert read_config(bare) == (small_run(), {})
    for text, reason in (("{", "Cannot read"), ("[]", "not a training configuration"), ("{}", "needs a model")):
        bare.write_text(text)
        with pytest.raises(ConfigError, match=reason):
            read_config(bare)
    with pytest.raises(ConfigError, match="Cannot read"):
        read_config(tmp_path / "absent.json")
