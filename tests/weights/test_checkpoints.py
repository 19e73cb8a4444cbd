"""Weight files: both containers of torch.save, safetensors, and everything that only looks like one."""

from __future__ import annotations

import io
import json
import math
import os
import pickle
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from motionkit.config import PUBLISHED, DenseMotionConfig, DiscriminatorConfig, GeneratorConfig, KpDetectorConfig
from motionkit.errors import WeightsError
from motionkit.weights import checkpoints
from tests.support.madeup import SMALL, made_up, published
from tests.support.places import GOLDEN, ROOT


def stacked(path: Path, content: object) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=False)
    return path


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_shapes_of_the_published_configuration_are_the_published_keys() -> None:
    keys = {str(key) for key in np.load(GOLDEN / "vox-256.npz")["keys"]}
    assert set(checkpoints.expected_shapes(PUBLISHED["vox"], discriminator=True)) == keys
    assert set(checkpoints.expected_shapes(PUBLISHED["vox"])) == {k for k in keys if not k.startswith("disc")}


def test_shapes_give_the_published_numbers_of_parameters() -> None:
    shapes = checkpoints.expected_shapes(PUBLISHED["vox"])
    buffers = ("running_mean", "running_var", "num_batches_tracked", "down.weight")
    for network, parameters in (("kp_detector.", 14_215_368), ("generator.", 45_575_391)):
        trained = [s for k, s in shapes.items() if k.startswith(network) and not k.endswith(buffers)]
        assert sum(math.prod(shape) for shape in trained) == parameters
    assert shapes["kp_detector.predictor.decoder.up_blocks.0.conv.weight"] == (512, 1024, 3, 3)
    assert shapes["kp_detector.down.weight"] == (3, 1, 13, 13)


def test_shapes_of_the_embedded_weights() -> None:
    with safe_open(ROOT / "weights" / "heads.safetensors", framework="pt") as file:
        shapes = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
        config = checkpoints.ModelConfig.from_dict(json.loads(file.metadata()["config"]))
    assert checkpoints.expected_shapes(config) == shapes


CONFIGS = {
    "small": SMALL,
    "vox": PUBLISHED["vox"],
    "mgif": PUBLISHED["mgif"],
    "no jacobian": SMALL.replace(estimate_jacobian=False),
    "single jacobian": SMALL.replace(kp_detector=replace(SMALL.kp_detector, single_jacobian_map=True)),
    "no occlusion": SMALL.replace(generator=replace(SMALL.generator, estimate_occlusion_map=False)),
    "full size": SMALL.replace(kp_detector=replace(SMALL.kp_detector, scale_factor=1)),
    "eighth": SMALL.replace(dense_motion=replace(SMALL.dense_motion, scale_factor=0.125)),
    "deep": SMALL.replace(dense_motion=DenseMotionConfig(num_blocks=7), size=512, picture_size=512),
    "flat": SMALL.replace(generator=GeneratorConfig(num_down_blocks=0, num_bottleneck_blocks=0)),
    "one point": SMALL.replace(num_kp=1, num_channels=1),
    "wide": SMALL.replace(kp_detector=KpDetectorConfig(block_expansion=64, max_features=2048)),
    "discriminators": SMALL.replace(
        discriminator=DiscriminatorConfig(scales=(1, 0.5), block_expansion=8, max_features=24, sn=True, use_kp=True)
    ),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_configuration_is_recognised_from_shapes(name: str) -> None:
    config, states = CONFIGS[name], {}
    for key, shape in checkpoints.expected_shapes(config, discriminator=True).items():
        network, _, rest = key.partition(".")
        states.setdefault(network, {})[rest] = torch.empty(shape, device="meta")
    found = checkpoints.recognise(**states)
    assert found == config.replace(name="custom", domain="other")


def test_ambiguous_limits_take_the_default_and_explain_every_shape() -> None:
    config = SMALL.replace(generator=replace(SMALL.generator, max_features=100))  # 20 is the widest
    states = made_up(config)
    found = checkpoints.recognise(states["generator"], states["kp_detector"])
    assert found.generator.max_features == GeneratorConfig().max_features
    assert checkpoints.expected_shapes(found) == checkpoints.expected_shapes(config)


def test_other_networks_are_named_by_their_first_odd_key() -> None:
    states = made_up()
    generator, kp_detector = states["generator"], states["kp_detector"]
    with pytest.raises(
        WeightsError, match=r"not a First Order Motion Model network; got kp_detector.kp.weight missing"
    ):
        checkpoints.recognise(generator, {"fc.weight": torch.zeros(3, 3)})
    with pytest.raises(WeightsError, match=r"generator.final.weight does not fit.*\(3, 9, 7, 7\).*\(3, 5, 7, 7\)"):
        checkpoints.recognise({**generator, "final.weight": torch.zeros(3, 9, 7, 7)}, kp_detector)
    with pytest.raises(WeightsError, match=r"kp_detector.extra does not fit.*got \(1,\); expected no such key"):
        checkpoints.recognise(generator, {**kp_detector, "extra": torch.zeros(1)})


@pytest.mark.parametrize("old", [True, False])
def test_published_files_in_both_containers(tmp_path: Path, old: bool) -> None:
    path, content = tmp_path / "model.pth.tar", published()
    torch.save(content, path, _use_new_zipfile_serialization=not old)
    assert path.read_bytes().startswith(checkpoints.STACKED_START) is old
    checkpoint = checkpoints.read(path)
    for network in ("generator", "kp_detector", "discriminator"):
        assert same(getattr(checkpoint, network), content[network])  # type: ignore[arg-type]
    assert checkpoint.config is None and checkpoint.metadata == {}
    assert checkpoints.recognise(checkpoint.generator, checkpoint.kp_detector) == SMALL


def test_prefixes_and_missing_counters_are_tolerated(tmp_path: Path) -> None:
    states = made_up()
    for network in ("generator", "kp_detector"):
        states[network] = {f"module.{k}": v for k, v in states[network].items() if not k.endswith("tracked")}
    checkpoint = checkpoints.read(stacked(tmp_path / "a", {**states, "discriminator": None}))
    whole = made_up()
    checkpoints.check_shapes(SMALL, generator=checkpoint.generator, kp_detector=checkpoint.kp_detector)
    assert checkpoint.discriminator is None and checkpoint.generator.keys() == whole["generator"].keys()
    counter = checkpoint.generator["first.norm.num_batches_tracked"]
    assert counter.dtype == torch.int64 and counter.shape == () and counter == 0
    assert torch.equal(checkpoint.generator["final.bias"], whole["generator"]["final.bias"])
    states["generator"]["final.bias"] = torch.zeros(3)
    with pytest.raises(WeightsError, match=r"generator.final.bias twice, with and without module\."):
        checkpoints.read(stacked(tmp_path / "b", states))


def test_mismatches_are_listed_by_kind() -> None:
    states = made_up()
    generator, kp_detector = dict(states["generator"]), dict(states["kp_detector"])
    del generator["dense_motion_network.down.weight"]
    generator["final.bias"] = torch.zeros(4)
    kp_detector["extra"] = torch.zeros(1)
    with pytest.raises(WeightsError) as caught:
        checkpoints.check_shapes(SMALL, generator=generator, kp_detector=kp_detector)
    message = str(caught.value)
    assert "1 missing (generator.dense_motion_network.down.weight)" in message
    assert "1 unexpected (kp_detector.extra)" in message
    assert "1 of another shape (generator.final.bias (4,) instead of (3,))" in message
    with pytest.raises(WeightsError, match=r"missing \((\S+, ){3}\S+ …\)"):
        checkpoints.check_shapes(SMALL, generator={}, kp_detector=kp_detector)


@pytest.mark.parametrize("half", [False, True])
def test_safetensors_round_trip(tmp_path: Path, half: bool) -> None:
    states = made_up()
    states["generator"]["first.norm.running_var"][0] = 1e6  # beyond float16
    path = tmp_path / "new folder" / "model.safetensors"
    config = SMALL.replace(name="mine", domain="face", keypoint_names=("a", "b", "c"), keypoint_groups={"g": ("a",)})
    networks = {name: states[name] for name in ("generator", "kp_detector")}
    checkpoints.save(path, **networks, config=config, metadata={"licence": "MIT", "origin": "here"}, half=half)
    checkpoint = checkpoints.read(path)
    assert checkpoint.config == config and checkpoint.metadata == {"licence": "MIT", "origin": "here"}
    for name, state in networks.items():
        read: dict[str, torch.Tensor] = getattr(checkpoint, name)
        assert all(v.dtype in (torch.float32, torch.int64) for v in read.values())
        assert all(torch.allclose(read[k], v, rtol=1e-3 if half else 0, atol=0) for k, v in state.items())
    assert checkpoint.generator["first.norm.running_var"][0] == 1e6
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    with pytest.raises(WeightsError, match="do not fit the configuration 'vox'"):
        checkpoints.save(path, **networks, config=PUBLISHED["vox"], metadata={})
    assert checkpoints.read(path).sha256 == checkpoint.sha256
    with pytest.raises(WeightsError, match="Cannot write"):
        checkpoints.save(path / "below", **networks, config=config, metadata={})


class Dangerous:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol 5")
def test_safetensors_whose_length_begins_as_a_pickle(tmp_path: Path) -> None:
    """The header's length comes first; lengths of 0x…80 bytes must not be taken for a pickle's mark."""
    made, path = made_up(), tmp_path / "heads.safetensors"
    states = {name: made[name] for name in ("generator", "kp_detector")}
    for filler in range(0, 256, 8):
        checkpoints.save(path, **states, config=SMALL, metadata={"note": "x" * filler})
        if path.read_bytes()[:1] == b"\x80":
            break
    else:
        pytest.fail("no length begins so")
    assert checkpoints.read(path).metadata["note"] == "x" * filler
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("way", ["stacked", "zip", "pickle 2", "pickle 5", "tar"])
def test_pickle_that_would_run_code_is_refused(tmp_path: Path, way: str) -> None:
    path, made = tmp_path / "model.pth.tar", tmp_path / "made"
    content = {**published(), "epoch": Dangerous(made)}
    if way in ("stacked", "zip"):
        torch.save(content, path, _use_new_zipfile_serialization=way == "zip")
    elif way.startswith("pickle"):
        path.write_bytes(pickle.dumps({"generator": Dangerous(made)}, protocol=int(way[-1])))
    else:
        _tar_posing_as_stacked(path, pickle.dumps(Dangerous(made), protocol=2))
    with pytest.raises(WeightsError, match=r"model.pth.tar is refused: .*") as caught:
        checkpoints.read(path)
    assert not made.exists()
    if way != "tar":
        assert "could run any code" in str(caught.value) and "tensors and plain values only" in str(caught.value)
    if way in ("stacked", "zip", "pickle 2"):
        assert "the Python object posix.mkdir" in str(caught.value) or os.name == "nt"


def _tar_posing_as_stacked(path: Path, content: bytes) -> None:
    """An old tar, without the mark that newer ones have, whose first bytes are a pickle's."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in ("storages", "tensors", "pickle"):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    header = bytearray(buffer.getvalue())
    header[:2] = b"\x80\x02"
    header[257:265] = bytes(8)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    path.write_bytes(header)
    assert tarfile.is_tarfile(path) and path.read_bytes()[257:262] != b"ustar"


def test_numpy_scalars_are_refused_too(tmp_path: Path) -> None:
    path = stacked(tmp_path / "model.pth.tar", {**published(), "best": np.float64(0.5)})
    with pytest.raises(WeightsError, match=r"refused: it needs the Python object numpy\S*scalar"):
        checkpoints.read(path)


@pytest.mark.parametrize("kind", ["stacked", "zip", "safetensors"])
@pytest.mark.parametrize("kept", [0.01, 0.1, 0.5, 0.9, 0.999])
def test_truncated_files(tmp_path: Path, kind: str, kept: float) -> None:
    whole, path = tmp_path / "whole", tmp_path / "model"
    if kind == "safetensors":
        states = made_up()
        checkpoints.save(
            whole, generator=states["generator"], kp_detector=states["kp_detector"], config=SMALL, metadata={}
        )
    else:
        torch.save(published(), whole, _use_new_zipfile_serialization=kind == "zip")
    content = whole.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(WeightsError, match=r"model is truncated or damaged after \d+ bytes"):
        checkpoints.read(path)


def _zip(names: list[str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return buffer.getvalue()


def _tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("vox-cpk.pth"))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "model is empty. Fetch it again"),
        (b"\n  <!DOCTYPE html><html><body>Quota exceeded", "model is a web page, usually about a quota"),
        (b"<HTML><head>", "model is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "Git LFS pointer.*Run git lfs pull"),
        (_tar(), "model is an archive; a published .pth.tar is none, in spite of its name. Unpack it"),
        (b"\x1f\x8b\x08\x00rest", "model is an archive"),
        (_zip(["readme.txt"]), "model is a zip archive, but no PyTorch checkpoint; got readme.txt"),
        (_zip(["m/data.pkl", "m/constants.pkl"]), "a zip archive, but no PyTorch checkpoint"),
        (pickle.dumps({"generator": 1}, protocol=2), "model is a pickle, but no PyTorch checkpoint"),
        (b"GIF89a then some more", "model is not a weight file; got first bytes b'GIF89a"),
        (b"tiny", "model is not a weight file"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else value[:30],
)
def test_what_only_looks_like_weights(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "model"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=message):
        checkpoints.read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"state_dict": {}, "epoch": 3},
            "holds no First Order Motion Model; got state_dict, epoch; expected generator",
        ),
        ([torch.zeros(1)], "holds no First Order Motion Model; got list"),
        ({**published(), "generator": {"first.conv.weight": [1, 2]}}, "generator.first.conv.weight is no tensor"),
    ],
)
def test_checkpoints_of_something_else(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        checkpoints.read(stacked(tmp_path / "model", content))


def test_safetensors_of_something_else(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path, tensors = tmp_path / "model", {"kp_detector.a": torch.zeros(1), "generator.a": torch.zeros(1)}
    save_file({"unet.a": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match="holds unknown networks; got unet"):
        checkpoints.read(path)
    save_file({"generator.a": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match="holds no First Order Motion Model; got generator; expected"):
        checkpoints.read(path)
    for config, message in (("{", "cannot be read"), ('{"wings": 2}', "Unknown field"), ("{}", "do not fit the conf")):
        save_file(tensors, path, metadata={"config": config})
        with pytest.raises(WeightsError, match=message):
            checkpoints.read(path)


def test_missing_files_and_directories(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"Cannot read .*No such file"):
        checkpoints.read(tmp_path / "none")
    with pytest.raises(WeightsError, match=r"Cannot read .*directory"):
        checkpoints.read(tmp_path)
