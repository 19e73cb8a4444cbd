"""Shared by the tests of training runs: a folder of small clips, a run of seconds, a child that trains."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from motionkit.config import DiscriminatorConfig
from motionkit.training import AugmentationConfig, DataConfig, LossConfig, TrainConfig
from tests.support.networks import tiny_config

SIDE, FRAMES = 32, 4
CLIPS = 9  # eight to train on, in two batches an epoch, and one to test
TRAIN = """
import os, signal, sys, time
from pathlib import Path
from motionkit.training import read_config, runs, train

folder, deadly_step = Path(sys.argv[1]), int(sys.argv[2])
config, facts = read_config(folder / "wanted.json")
write = runs._write

def half(state, path):
    write(state, path)
    if state["step"] == deadly_step:
        os.truncate(path, path.stat().st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)

runs._write = half
wait = lambda progress: time.sleep(0.3)  # so that it is not done before it is killed
train(config, facts["data"], folder, resume=True, device="cpu", progress=False, callback=wait)
"""


def make_clips(folder: Path) -> Path:
    """Folders of pictures of a light spot that moves over a ramp of colours, one identity each."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    for number in range(CLIPS):
        clip = folder / f"person{number}#1"
        clip.mkdir(parents=True)
        colour, ramp = rng.random(3), rng.random((2, 3)) / 2
        for t in range(FRAMES):
            spot = np.exp(-((x - 0.2 - 0.15 * t) ** 2 + (y - 0.5) ** 2) / 0.02)[..., None]
            picture = spot * colour + (1 - spot) * (x[..., None] * ramp[0] + y[..., None] * ramp[1])
            Image.fromarray((picture * 255).astype(np.uint8)).save(clip / f"{t}.png")
    return folder


def small_run(**changes: Any) -> TrainConfig:
    """A tiny model, four steps in two epochs, a checkpoint after each step; every kind of state there is."""
    fields: dict[str, Any] = {
        "model": tiny_config(),
        "data": DataConfig(workers=0),
        "augmentation": AugmentationConfig(brightness=0.1),
        "loss": LossConfig(network="none", pixel=10.0),
        "epochs": 2,
        "batch_size": 4,
        "ema": 0.9,
        "checkpoint_minutes": 0.0,
        "log_steps": 1,
        "grid_steps": 3,
    }
    return TrainConfig(**{**fields, **changes})


def adversarial(**changes: Any) -> TrainConfig:
    """The same with a discriminator."""
    # The published four blocks would leave nothing of so small a picture.
    model = tiny_config(discriminator=DiscriminatorConfig(block_expansion=4, num_blocks=2, sn=True, use_kp=True))
    return small_run(model=model, loss=LossConfig(network="none", pixel=10.0, gan=1.0), **changes)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """The folder as a disk of its own, which is soon full."""
    folder.mkdir()
    try:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small disk needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def start(config: TrainConfig, data: Path, folder: Path, *, deadly_step: int = 0) -> subprocess.Popen[str]:
    """Train in a child process, resuming what is there; it kills itself while it writes the checkpoint of a step."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "wanted.json").write_text(json.dumps({"data": str(data), "config": config.to_dict()}))
    command = [sys.executable, "-c", TRAIN, str(folder), str(deadly_step)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def assert_same(one: Any, other: Any, where: str = "") -> None:
    """Equal to the last bit, through nested dicts and lists of tensors."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for name in one:
            assert_same(one[name], other[name], f"{where}.{name}")
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other), where
        for i, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_same(a, b, f"{where}[{i}]")
    else:
        assert one == other, where


def written(folder: Path) -> dict[str, Any]:
    """What the newest checkpoint of a run holds, but for the state of the global random numbers, which nothing uses."""
    path = max(folder.glob("checkpoint-*.pt"))
    state = torch.load(path, weights_only=True)
    del state["rng"]
    return state
