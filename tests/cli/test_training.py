"""``motionkit train`` and ``motionkit prepare``: options to configurations, errors in a line, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import motionkit as mk
from motionkit import training
from motionkit.cli.main import main
from motionkit.data import preparation
from motionkit.training import PRESETS, TrainConfig, TrainResult
from motionkit.weights import checkpoints
from tests.support.networks import seeded_model, tiny_config
from tests.support.training_runs import make_clips, small_run, written


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture
def wanted(tmp_path: Path) -> Path:
    path = tmp_path / "wanted.json"
    path.write_text(json.dumps(small_run().to_dict()))
    return path


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[TrainConfig, str, str, dict[str, Any]]]:
    """What ``train`` is called with, instead of training."""
    found = []

    def train(config: TrainConfig, data: str, output: str, **options: Any) -> TrainResult:
        found.append((config, data, output, options))
        return TrainResult(Path(output) / "model.safetensors", None, 7, 1, 2.0, 3.5, 0.25, True, (Path("broken.mp4"),))

    monkeypatch.setattr(training, "train", train, raising=False)
    return found


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line that a mistake gives."""
    assert main([str(a) for a in arguments]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("motionkit: ") and err.count("\n") == 1
    return err


def test_a_preset_with_changes(calls: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    arguments = (
        "train clips -o run --preset mgif --epochs 2 --batch-size 6 --steps 9 --freeze-detector --precision bfloat16 "
        "--workers 0 --set loss.perceptual=1,2,3,4,5 --set data.id_sampling=true --set loss.network=efficientnet "
        "--set augmentation.resize=null --set clip=1 --set milestones=1 --set loss.focus_groups=eyes "
        "--set model.common_params.num_kp=12 "
        "--resume --second drive --device cpu --accumulate 2 --seed 3 --quiet"
    )
    assert main(arguments.split()) == 0
    ((config, data, output, options),) = calls
    assert (data, output) == ("clips", "run")
    assert options == {"resume": True, "init": None, "second": "drive", "device": "cpu", "progress": False}
    assert (config.epochs, config.batch_size, config.steps, config.accumulate, config.seed) == (2, 6, 9, 2, 3)
    assert config.lr_detector == 0 and config.precision == "bfloat16" and config.data.workers == 0
    assert config.loss.perceptual == (1, 2, 3, 4, 5) and config.loss.network == "efficientnet"
    assert config.data.id_sampling and config.augmentation.resize is None and config.clip == 1
    assert config.milestones == (1,) and config.model.num_kp == 12 and config.loss.focus_groups == ("eyes",)
    # All else is the preset's.
    assert config.loss.gan == 1 and config.augmentation.hue == 0.5 and config.model.kp_detector.single_jacobian_map
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "run/model.safetensors: 7 steps, 3.5 samples/s, 25.0% of the time waiting for data"
    assert out[1] == "1 clips could not be read: broken.mp4"


@pytest.mark.parametrize(("preset", "given", "init"), [
    ("vox-adv", [], "vox"), ("vox-adv", ["--from", "x.pth.tar"], "x.pth.tar"), ("vox", [], None), ("heads", [], None),
])  # fmt: skip
def test_where_presets_begin(calls: list[Any], preset: str, given: list[str], init: str | None) -> None:
    assert main(["train", "clips", "-o", "run", "--preset", preset, *given]) == 0
    assert calls[0][3]["init"] == init and calls[0][0] == PRESETS[preset]


def test_a_preset_resumed_begins_with_what_the_run_began_with(calls: list[Any], tmp_path: Path) -> None:
    from motionkit.training.runs import Run

    arguments = ["train", "clips", "-o", str(tmp_path), "--preset", "vox-adv", "--resume"]
    assert main(arguments) == 0
    Run(tmp_path).begin(PRESETS["vox-adv"], {"data": "clips", "init": "/own.safetensors"}, resume=False)
    assert main(arguments) == 0
    assert [options["init"] for _, _, _, options in calls] == ["vox", None]


def test_fine_tuning_takes_the_configuration_of_the_weights(calls: list[Any]) -> None:
    assert main(["train", "clips", "-o", "run", "--from", "heads", "--epochs", "1"]) == 0
    config, _, _, options = calls[0]
    assert config.model == mk.load_model("heads", device="cpu").config
    assert config.epochs == 1 and options["init"] == "heads"


def test_a_run_is_resumed_with_its_own_configuration(
    clips: Path, wanted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(tmp_path / "run")
    common = ["--device", "cpu", "--quiet"]
    assert main(["train", str(clips), "-o", run, "--config", str(wanted), "--steps", "3", *common]) == 0
    assert "3 steps, " in capsys.readouterr().out
    assert "holds a run already" in said(capsys, "train", clips, "-o", run, "--config", wanted, *common)
    assert main(["train", "-o", run, "--resume", "--steps", "4", *common]) == 0
    assert capsys.readouterr().out.startswith(f"{run}/model.safetensors: 4 steps, ")
    assert written(tmp_path / "run")["step"] == 4
    wrong = said(capsys, "train", "-o", run, "--resume", "--set", "loss.pixel=1", *common)
    assert "The run was begun with another configuration; got loss.pixel 1.0, steps" not in wrong
    assert "got loss.pixel 1.0; expected loss.pixel 10.0" in wrong


def test_fine_tuning_from_a_file(clips: Path, wanted: Path, tmp_path: Path) -> None:
    known = seeded_model(tiny_config())
    states = {"generator": known.generator.state_dict(), "kp_detector": known.kp_detector.state_dict()}
    start = checkpoints.save(tmp_path / "known.safetensors", **states, config=tiny_config(), metadata={})
    arguments = ["train", str(clips), "-o", str(tmp_path / "run"), "--from", str(start), "--config", str(wanted)]
    assert main([*arguments, "--steps", "1", "--device", "cpu", "--quiet", "--set", "lr_generator=1e-30"]) == 0
    tuned = mk.load_model(tmp_path / "run" / "model.safetensors", device="cpu").reference
    difference = tuned.generator.final.weight - known.generator.final.weight
    assert float(difference.detach().abs().max()) == 0


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("clips -o run", "Nothing says what to train. Give --preset (vox, "),
        ("clips -o run --resume", "Nothing says what to train"),
        ("-o run --preset vox", "No folder of clips is given"),
        ("absent -o run --preset nemo --device cpu", "no such folder of clips"),
        ("clips -o run --preset voxx", "Unknown preset; got 'voxx'; expected one of vox, vox-adv"),
        ("clips -o run --preset vox --config x.json", "There are two recipes"),
        ("clips -o run --config absent.json", "Cannot read a training configuration"),
        ("clips -o run --from absent.safetensors", "No such weight file"),
        ("clips -o run --preset vox --set epochs", "This sets no field; got 'epochs'"),
        ("clips -o run --preset vox --set epoch=1", "Unknown field 'epoch'; got epoch; expected one of model"),
        ("clips -o run --preset vox --set los.gan=1", "Unknown group of fields 'los'"),
        ("clips -o run --preset vox --set loss.gan.x=1", "Unknown group of fields 'gan'"),
        ("clips -o run --preset vox --set loss.gan=much", "loss.gan is of another kind; got 'much'; expected float"),
        ("clips -o run --preset vox --device abacus", "This device is not here"),
        ("clips -o run --preset vox --epochs 0", "epochs is out of range"),
        ("clips -o run --preset vox --epochs many", "invalid int value"),
        ("clips", "the following arguments are required: -o"),
    ],
)
def test_mistakes_are_told_in_a_line(arguments: str, reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert reason in said(capsys, "train", *arguments.split())


def test_training_without_accelerate_names_the_extra() -> None:
    code = """
import sys
sys.modules["accelerate"] = None
from motionkit.cli.main import main
sys.exit(main(["train", "clips", "-o", "run", "--preset", "vox"]))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 1 and result.stderr.count("\n") == 1
    assert 'pip install "motionkit[train]"' in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "send"), [(signal.SIGINT, os.killpg), (signal.SIGTERM, os.kill), (signal.SIGTERM, os.killpg)]
)
def test_a_signal_leaves_a_checkpoint_and_says_how_to_go_on(
    clips: Path, wanted: Path, tmp_path: Path, number: int, send: Callable[[int, int], None]
) -> None:
    run = tmp_path / "run"
    command = [
        sys.executable, "-m", "motionkit", "train", str(clips), "-o", str(run), "--config", str(wanted),
        "--epochs", "1000", "--workers", "1", "--device", "cpu",
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as child:
        until = time.monotonic() + 600
        while not list(run.glob("checkpoint-*.pt")):
            assert time.monotonic() < until and child.poll() is None, child.communicate()
            time.sleep(0.01)
        send(child.pid, number)  # to the workers, too, where it goes to the group, as a terminal's do
        out, err = child.communicate(timeout=600)
    assert child.returncode == 130 and out == ""
    assert "Traceback" not in err
    stopped = int(err.split("Stopped after ")[1].split()[0])
    assert f"Stopped after {stopped} of 2000 steps; resume with --resume" in err
    assert err.rstrip().endswith("motionkit: stopped.")
    assert written(run)["step"] == stopped


def test_personalise_hands_its_options_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    seen = []

    def personalise(clip: str, output: str, **options: Any) -> training.Personalised:
        seen.append((clip, output, options))
        return training.Personalised(Path(output), Path("me.jpg"), 0.66, 0.51, 225, 540.0)

    monkeypatch.setattr(training, "personalise", personalise, raising=False)
    assert main(["personalise", "clip.mp4", "-o", "me.safetensors"]) == 0
    options = "--model c --steps 9 --learning-rate 1e-4 --device cpu --quiet"
    assert main(f"personalise a.mp4 -o b.safetensors {options}".split()) == 0
    assert seen == [
        ("clip.mp4", "me.safetensors", {"model": "heads", "device": None, "progress": True}),
        ("a.mp4", "b.safetensors", {
            "model": "c", "device": "cpu", "progress": False, "steps": 9, "learning_rate": 1e-4,
        }),
    ]  # fmt: skip
    first, second = capsys.readouterr().out.splitlines()[:2]
    assert first == (
        "me.safetensors: error of the held-out part 0.660 before, 0.510 after 225 steps (1 is standing still); 9:00"
    )
    assert second == "me.jpg shows the held-out part before and after"
    monkeypatch.undo()
    assert "me.pth" in said(capsys, "personalise", tmp_path / "absent.mp4", "-o", tmp_path / "me.pth")


def test_prepare_hands_its_options_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = []

    def prepare(inputs: list[str], output: str, **options: Any) -> preparation.Prepared:
        seen.append((inputs, output, options))
        return preparation.Prepared(3, 2, (Path("broken.mp4"),))

    monkeypatch.setattr(preparation, "prepare", prepare)
    assert main(["prepare", "a.mp4", "b", "-o", "clips", "--size", "128", "--min-seconds", "2"]) == 0
    assert seen == [(["a.mp4", "b"], "clips", {"size": 128, "min_seconds": 2.0, "faces": "all", "progress": True})]
    assert capsys.readouterr().out == "clips: 3 clips, 2 were there before; 1 videos could not be read\n"
    monkeypatch.undo()
    assert "absent.mp4" in said(capsys, "prepare", tmp_path / "absent.mp4", "-o", tmp_path / "clips")
