"""Two processes do what one does with the whole batch: the same gradients, the same weights after steps."""

from __future__ import annotations

import copy
import json
import os
import socket
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import motionkit as mk
from motionkit.config import DiscriminatorConfig
from motionkit.data.batch import Batch, Truth
from motionkit.errors import ConfigError, MotionkitWarning
from motionkit.modules.discriminator import Discriminator
from motionkit.modules.first_order import FirstOrderModel
from motionkit.structures import Keypoints
from motionkit.training import LossConfig, TrainConfig, learner, train
from motionkit.training.learner import Learner
from motionkit.training.objective import GeneratorObjective
from motionkit.training.processes import every_weight_learns, make_accelerator
from tests.support.networks import seed_state, tiny_config
from tests.support.places import ROOT
from tests.support.training_runs import make_clips, small_run, written

STEPS, PAIRS = 3, 4


def every_loss() -> TrainConfig:
    """Everything that training minimises, but for perceptual networks, whose weights would have to be fetched."""
    return small_run(
        model=tiny_config(discriminator=DiscriminatorConfig(block_expansion=4, num_blocks=2, use_kp=True)),
        loss=LossConfig(
            network="none", pixel=10.0, gan=1.0, keypoints=10.0, jacobians=4.0, flow=10.0, visibility=1.0,
        ),
        batch_size=PAIRS,
        lr_detector=0.01,
        lr_generator=0.01,
        lr_discriminator=0.01,
        clip=None,
    )  # fmt: skip


def batch(step: int) -> Batch:
    """Float64 pictures with truth; one pair without flow, the others visible to a different extent."""
    draw = torch.Generator().manual_seed(step)

    def rand(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=draw, dtype=torch.float64)

    def keypoints() -> Keypoints:
        return Keypoints(rand(PAIRS, 3, 2) * 2 - 1, torch.eye(2) + 0.1 * rand(PAIRS, 3, 2, 2))

    truth = Truth(
        source=keypoints(),
        driving=keypoints(),
        flow=rand(PAIRS, 16, 16, 2) * 2 - 1,
        visibility=(rand(PAIRS, 1, 16, 16) > rand(PAIRS, 1, 1, 1)).double(),
        has_flow=torch.tensor([True, True, True, False]),
    )
    seeds = torch.arange(PAIRS) + 100 * step
    return Batch(rand(PAIRS, 3, 32, 32), rand(PAIRS, 3, 32, 32), seeds, truth)


class Recorder(Learner):
    """Remembers the gradients of each step, by network."""

    gradients: list[list[torch.Tensor]]

    def _apply(self, optimizer: Any, rates: Any, factor: float) -> None:
        for network, _ in rates:
            self.gradients.append([p.grad.clone() for p in network.parameters()])
        super()._apply(optimizer, rates, factor)


def several_steps(rank: int, world: int, accumulate: int = 1) -> dict[str, Any]:
    """Gradients and final weights after SGD steps on this process's part of each batch."""
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    learner.FirstOrderModel = lambda config: FirstOrderModel(config).double()  # fixed kernels are float32 otherwise
    learner._adam = lambda groups, config: torch.optim.SGD(groups, lr=0.01)
    config = every_loss().replace(accumulate=accumulate)
    recorder = Recorder(config, make_accelerator(config, "cpu"))
    recorder.gradients = []
    seed_state(recorder.model, "")
    for module in recorder.model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()  # their statistics would be those of the part
    part = slice(rank * PAIRS // world, (rank + 1) * PAIRS // world)
    losses = [
        {name: float(value) for name, value in recorder.step(learner._slice(batch(i), part), epoch=0, step=i).items()}
        for i in range(STEPS)
    ]
    assert recorder.discriminator is not None
    state = {**recorder.model.state_dict(), **recorder.discriminator.state_dict()}
    average = recorder.result.state_dict()
    return {"gradients": recorder.gradients, "state": state, "average": average, "losses": losses}


def keypoints_alone() -> TrainConfig:
    """Nothing for the generator and the Jacobians to learn."""
    return every_loss().replace(loss=LossConfig(network="none", equivariance_jacobian=0.0, keypoints=10.0))


def odd_steps(rank: int, world: int) -> bool:
    """Two steps in which many weights get no gradient; whether they did, and the others did."""
    config = keypoints_alone()
    trained = Learner(config, make_accelerator(config, "cpu"))
    before = copy.deepcopy(trained.model.state_dict())
    part = slice(rank * PAIRS // world, (rank + 1) * PAIRS // world)
    for i in range(2):
        trained.step(learner._slice(batch(i), part), epoch=0, step=i)
    weights = dict(trained.model.named_parameters())
    moved = {name.split(".")[0] for name, weight in weights.items() if not torch.equal(weight, before[name])}
    return moved == {"kp_detector"}


CHILD = """
import sys, torch
sys.path.insert(0, sys.argv[1])
from tests.training.test_distributed import odd_steps, several_steps
import os
place = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
torch.save({**several_steps(*place), "odd": odd_steps(*place)}, sys.argv[2] + os.environ["RANK"])
torch.distributed.destroy_process_group()
"""


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def two_processes(command: list[str]) -> None:
    """Run a command twice, as ranks 0 and 1, and see both succeed."""
    shared = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    environment = {**os.environ, **shared, "OMP_NUM_THREADS": "1"}
    children = [
        subprocess.Popen(
            command, env={**environment, "RANK": rank, "LOCAL_RANK": rank}, stderr=subprocess.PIPE, text=True
        )
        for rank in ("0", "1")
    ]
    errors = [child.communicate(timeout=600)[1] for child in children]
    assert [child.returncode for child in children] == [0, 0], errors


@pytest.fixture(scope="module")
def one() -> dict[str, Any]:
    return alone()


def alone(**options: int) -> dict[str, Any]:
    """One process's steps, with everything that they change put back."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("FirstOrderModel", "_adam"):
            patch.setattr(learner, name, getattr(learner, name))
        threads = torch.get_num_threads()
        try:
            return several_steps(0, 1, **options)
        finally:
            torch.set_default_dtype(torch.float32)
            torch.set_num_threads(threads)


def largest_difference(a: Any, b: Any) -> float:
    if isinstance(a, dict):
        return max(largest_difference(a[name], b[name]) for name in a)
    if isinstance(a, list):
        return max(largest_difference(x, y) for x, y in zip(a, b, strict=True))
    return float((torch.as_tensor(a) - torch.as_tensor(b)).abs().max())


@pytest.mark.slow
def test_two_processes_are_one_with_twice_the_batch(one: dict[str, Any], tmp_path: Path) -> None:
    two_processes([sys.executable, "-c", CHILD, str(ROOT), str(tmp_path / "rank")])
    ranks = [torch.load(tmp_path / f"rank{rank}", weights_only=True) for rank in (0, 1)]
    # Detector, generator and discriminator, in each step; they are there and not nought.
    assert len(one["gradients"]) == 3 * STEPS
    assert all(max(float(g.abs().max()) for g in gradients) > 1e-3 for gradients in one["gradients"])
    for rank in ranks:
        assert rank["odd"]
        assert largest_difference(one["gradients"], rank["gradients"]) < 1e-8
        assert largest_difference(one["state"], rank["state"]) < 1e-8
        assert largest_difference(one["average"], rank["average"]) < 1e-8
    # Each process has the losses of its part; together they are the whole's.
    for step, whole in enumerate(one["losses"]):
        assert set(whole) >= {"pixel", "gan", "feature_matching", "keypoints", "jacobians", "flow", "visibility"}
        for name, value in whole.items():
            parts = [rank["losses"][step][name] for rank in ranks]
            assert sum(parts) / 2 == pytest.approx(value, abs=1e-8), name
        assert ranks[0]["losses"][step]["pixel"] != pytest.approx(ranks[1]["losses"][step]["pixel"], abs=1e-4)


@pytest.mark.parametrize("truth", [True, False])
@pytest.mark.parametrize(
    "changes",
    [
        {"pixel": 10.0},
        {"pixel": 10.0, "equivariance_value": 0.0, "equivariance_jacobian": 0.0},
        {"pixel": 10.0, "keypoints": 1.0},
        {"pixel": 10.0, "keypoints": 1.0, "equivariance_jacobian": 0.0},
        {"pixel": 10.0, "keypoints": 1.0, "jacobians": 1.0, "equivariance_jacobian": 0.0},
        {"pixel": 10.0, "jacobians": 1.0, "equivariance_value": 0.0},
        {"gan": 1.0, "keypoints": 1.0, "flow": 1.0},
        {"flow": 1.0},
        {"flow": 1.0, "visibility": 1.0, "keypoints": 1.0},
        {"keypoints": 1.0},
        {"perceptual": (0.0, 0.0), "network": "efficientnet"},
    ],
    ids="-".join,
)
def test_processes_look_for_missing_gradients_where_there_are_some(changes: dict[str, Any], truth: bool) -> None:
    pairs = batch(0)
    pairs = Batch(pairs.source.float(), pairs.driving.float(), pairs.seed, as_float(pairs.truth) if truth else None)
    for frozen in (False, True):
        loss = LossConfig(**{"network": "none", **changes})
        config = every_loss().replace(loss=loss, lr_detector=0.0 if frozen else 0.01)
        model = FirstOrderModel(config.model)
        discriminator = Discriminator(config.model) if loss.gan else None
        objective = GeneratorObjective(config, model, discriminator)
        try:
            objective(pairs).total.backward()
        except ConfigError:
            continue  # no loss takes part
        except RuntimeError as error:
            if "does not require grad" not in str(error):
                raise
            continue
        everything = all(weight.grad is not None for weight in model.parameters() if weight.requires_grad)
        if every_weight_learns(config):
            assert everything
        elif truth:
            assert not everything, "looking for them costs time"


def as_float(truth: Truth) -> Truth:
    def keypoints(points: Keypoints) -> Keypoints:
        return Keypoints(points.value.float(), points.jacobian.float())

    return Truth(
        keypoints(truth.source),
        keypoints(truth.driving),
        truth.flow.float(),
        truth.visibility.float(),
        truth.has_flow,
    )


def test_accumulating_is_one_pass_with_the_whole_batch(one: dict[str, Any]) -> None:
    parts = alone(accumulate=2)
    assert largest_difference(one["gradients"], parts["gradients"]) < 1e-8
    assert largest_difference(one["losses"], parts["losses"]) < 1e-8
    assert largest_difference(one["state"], parts["state"]) < 1e-8


def test_synchronised_norms_keep_the_names() -> None:
    plain = FirstOrderModel(tiny_config())
    keys = list(plain.state_dict())
    assert list(nn.SyncBatchNorm.convert_sync_batchnorm(plain).state_dict()) == keys


@pytest.mark.slow
def test_two_processes_of_the_command_line(tmp_path: Path) -> None:
    """As accelerate launch starts them where there are GPUs; without any it would start one."""
    clips = make_clips(tmp_path / "clips")
    for number in range(4):  # each process meets some of them
        (clips / f"broken{number}.mp4").write_bytes(b"no clip")
    (tmp_path / "wanted.json").write_text(json.dumps(small_run().to_dict()))
    launch = [
        sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", str(free_port()),
        "-m", "motionkit", "train", str(clips), "-o", str(tmp_path / "run"), "--quiet", "--device", "cpu",
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    options: dict[str, Any] = {"env": environment, "capture_output": True, "text": True, "timeout": 600}
    first = subprocess.run([*launch, "--config", str(tmp_path / "wanted.json"), "--steps", "3"], check=False, **options)
    assert first.returncode == 0, first.stderr
    assert first.stdout.count("3 steps") == 1, "one process speaks for both"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MotionkitWarning)
        alone = train(small_run(steps=3), clips, tmp_path / "alone", device="cpu", progress=False)
    named = first.stdout.split("clips could not be read: ")[1].split()
    assert len(alone.broken) > 2 and {name.rstrip(",") for name in named} == set(map(str, alone.broken))
    second = subprocess.run([*launch, "--resume", "--steps", "4"], check=False, **options)
    assert second.returncode == 0, second.stderr
    assert written(tmp_path / "run")["step"] == 4
    assert mk.load_model(tmp_path / "run" / "model.safetensors", device="cpu").config == tiny_config()
    wrong = subprocess.run([*launch, "--resume", "--seed", "1"], check=False, **options)
    assert wrong.returncode == 1
    assert wrong.stderr.count("motionkit: The run was begun with another configuration; got seed 1") == 1
