"""Weights that are damaged in ways that PyTorch and safetensors do not notice are refused, and the tensor is named."""

from __future__ import annotations

import json
import random
import struct
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from motionkit import weights
from motionkit.errors import ConfigError, WeightsError
from motionkit.weights import checkpoints
from tests.support.madeup import SMALL, made_up

KEY = "first.conv.weight"
NETWORKS = ("generator", "kp_detector")


def in_format(path: Path, states: dict[str, Any], kind: str) -> Path:
    if kind == "safetensors":
        flat = {f"{name}.{key}": value.contiguous() for name in NETWORKS for key, value in states[name].items()}
        save_file(flat, path)
    else:
        torch.save(states, path, _use_new_zipfile_serialization=kind == "zip")
    return path


@pytest.mark.parametrize("kind", ["zip", "stacked", "safetensors"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_not_finite(tmp_path: Path, kind: str, value: float) -> None:
    states = made_up()
    states["generator"][KEY].view(-1)[5] = value
    with pytest.raises(WeightsError, match=rf"weights is damaged: generator\.{KEY} holds NaN or infinity"):
        checkpoints.read(in_format(tmp_path / "weights", states, kind))


@pytest.mark.parametrize(("dtype", "most"), [(torch.float16, 70_000.0), (torch.float64, 1e300)])
def test_numbers_beyond_their_type(tmp_path: Path, dtype: torch.dtype, most: float) -> None:
    """A float16 that overflowed when it was stored, a float64 that overflows when it is read."""
    states = made_up()
    states["kp_detector"]["kp.bias"] = torch.full((3,), most, dtype=torch.float64).to(dtype)
    with pytest.raises(WeightsError, match=r"kp_detector\.kp\.bias holds NaN or infinity"):
        checkpoints.read(in_format(tmp_path / "weights", states, "safetensors"))


def test_a_variance_below_0_and_tensors_that_are_none(tmp_path: Path) -> None:
    states = made_up()
    states["generator"]["first.norm.running_var"][1] = -1
    with pytest.raises(WeightsError, match="running_var holds a variance below 0"):
        checkpoints.read(in_format(tmp_path / "variance", states, "zip"))
    for odd, reason in (
        (torch.zeros(1).half().expand(10**12), "claims 1000000000000 numbers that are not there"),
        (torch.zeros(2).to_sparse(), "is no plain tensor"),
        (torch.zeros(2, dtype=torch.complex64), "is no plain tensor"),
    ):
        states = made_up()
        states["generator"][KEY] = odd
        with pytest.raises(WeightsError, match=rf"generator\.{KEY} {reason}"):
            checkpoints.read(in_format(tmp_path / "odd", states, "zip"))


def start_of(path: Path, entry: zipfile.ZipInfo) -> int:
    """Where an entry's data begins, behind its header and PyTorch's padding."""
    header = path.read_bytes()[entry.header_offset : entry.header_offset + 30]
    return entry.header_offset + 30 + sum(struct.unpack("<HH", header[26:30]))


@pytest.mark.parametrize("kind", ["zip", "safetensors"])
def test_every_flipped_byte_of_the_data_is_noticed(tmp_path: Path, kind: str) -> None:
    states, path = made_up(), tmp_path / "weights"
    if kind == "zip":
        torch.save(states, path)
        with zipfile.ZipFile(path) as archive:
            spans = [(start_of(path, entry), entry.file_size) for entry in archive.infolist() if entry.file_size]
    else:
        networks = {name: states[name] for name in NETWORKS}
        checkpoints.save(path, **networks, config=SMALL, metadata={})
        begin = 8 + struct.unpack("<Q", path.read_bytes()[:8])[0]
        spans = [(begin, path.stat().st_size - begin)]
    whole, rng = path.read_bytes(), random.Random(0)
    checkpoints.read(path)
    for _ in range(60):
        offset, size = rng.choice(spans)
        place = offset + rng.randrange(size)
        damaged = bytearray(whole)
        damaged[place] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(WeightsError, match=r"weights is (truncated or )?damaged"):
            checkpoints.read(path)


def test_a_packed_or_overlapping_archive_is_refused(tmp_path: Path) -> None:
    plain, packed = in_format(tmp_path / "plain", made_up(), "zip"), tmp_path / "packed"
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            target.writestr(entry.filename, source.read(entry))
    with pytest.raises(WeightsError, match=r"packed is truncated or damaged.*its entries are packed"):
        checkpoints.read(packed)


def with_config(path: Path, text: str) -> Path:
    states = made_up()
    flat = {f"{name}.{key}": value.contiguous() for name in NETWORKS for key, value in states[name].items()}
    save_file(flat, path, metadata={"config": text})
    return path


BIG = "9" * 10_000
WRONG = {
    "depth": ({"generator_params": {"num_down_blocks": 10**10}}, "num_down_blocks is out of range; got 10000000000"),
    "hourglass": ({"kp_detector_params": {"num_blocks": 10**10}}, "kp_detector num_blocks is out of range"),
    "keypoints": ({"common_params": {"num_kp": 10**9}}, "num_kp is out of range; got 1000000000"),
    "text": ({"common_params": {"num_kp": "3"}}, "num_kp is out of range; got '3'"),
    "width": ({"generator_params": {"block_expansion": -4}}, "block_expansion is out of range; got -4"),
    "scale": ({"kp_detector_params": {"scale_factor": 0}}, "scale_factor is out of range; got 0"),
    "not a number": ({"kp_detector_params": {"temperature": float("nan")}}, "temperature is out of range; got nan"),
    "size": ({"size": 10**8}, "size is out of range"),
    "groups": ({"keypoint_groups": 3}, "keypoint_groups is no group of fields"),
    "a list": ({"generator_params": [1]}, "generator_params is no group of fields"),
    "names": ({"keypoint_names": [1, 2, 3]}, "A name in the model's configuration cannot be used; got 1"),
    "switch": ({"blend_warped": "yes"}, "blend_warped is out of range"),
    "domain": ({"domain": ["face"]}, "Unknown domain"),
    "interpolation": ({"interpolation": ["nearest"]}, "Unknown interpolation"),
}


@pytest.mark.parametrize("case", WRONG)
def test_stored_configurations_are_bounded(tmp_path: Path, case: str) -> None:
    values, reason = WRONG[case]
    begun = time.process_time()
    with pytest.raises(WeightsError, match=f"stores a configuration that cannot be read: .*{reason}"):
        checkpoints.read(with_config(tmp_path / "model.safetensors", json.dumps(values)))
    with pytest.raises(ConfigError, match=reason):
        SMALL.from_dict(values)
    assert time.process_time() - begun < 2


@pytest.mark.parametrize("text", [f'{{"size": {BIG}}}', "[" * 100_000, "3", "null", '{"size": 1e400}', "{"])
def test_configurations_that_are_none(tmp_path: Path, text: str) -> None:
    with pytest.raises(WeightsError, match="stores a configuration that cannot be read") as caught:
        checkpoints.read(with_config(tmp_path / "model.safetensors", text))
    assert len(str(caught.value)) < 500


def test_long_headers_and_odd_keys(tmp_path: Path) -> None:
    path = tmp_path / "long.safetensors"
    header = json.dumps({"__metadata__": {"note": "x" * (8 << 20)}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(WeightsError, match=r"long\.safetensors is truncated or damaged.*a header of \d+ bytes"):
        checkpoints.read(path)
    states = made_up()
    discriminator = {f"discs.{BIG}.conv.weight": torch.zeros(1)}
    with pytest.raises(WeightsError, match="This is not a First Order Motion Model network"):
        checkpoints.recognise(states["generator"], states["kp_detector"], discriminator=discriminator)


def test_damaged_embedded_weights_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytearray(weights.resolve("heads").read_bytes())
    content[-3] ^= 1
    path = tmp_path / "heads.safetensors"
    path.write_bytes(content)
    monkeypatch.setattr("motionkit.weights.store.embedded_file", lambda entry: path)
    with pytest.raises(WeightsError, match=r"embedded weights .* are damaged"):
        weights.load("heads")
