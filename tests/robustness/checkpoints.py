"""Weight files: both containers of PyTorch, safetensors, what is wrong inside them, and what only poses as weights."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes

from motionkit.errors import WeightsError
from motionkit.model import load_model
from motionkit.weights import convert
from tests.robustness.fault import Call, Category, Place, Refused, Works
from tests.robustness.giving import tiny
from tests.support.madeup import SMALL, published

__all__ = ["CHECKPOINTS"]

CHECKPOINTS = Category("checkpoints")
add = CHECKPOINTS.add
FILE = "model.pth.tar"
SAFE = "model.safetensors"
Held = dict[str, Any]


def used(name: str) -> Call:
    """Load a weights file, and convert it; what refuses one refuses the other."""

    def call() -> Any:
        model = load_model(name, device="cpu", precision="float32")
        convert(Path(name), Path("..") / "out" / "small.safetensors")
        again = load_model(Path("..") / "out" / "small.safetensors", device="cpu", precision="float32")
        for key, value in model.reference.state_dict().items():
            assert torch.equal(value, again.reference.state_dict()[key]), key
        return model

    return call


def torch_file(
    change: Callable[[Held], Any] = lambda held: held, name: str = FILE, **options: Any
) -> Callable[[Place], Call]:
    """What a published file holds, changed, as torch saves it."""

    def make(place: Place) -> Call:
        held = published()
        instead = change(held)
        torch.save(held if instead is None else instead, place.given / name, **options)
        return used(name)

    return make


def safe_file(change: Callable[[Held, dict[str, str]], Any], name: str = SAFE) -> Callable[[Place], Call]:
    """motionkit's own file: its tensors and its metadata, changed."""

    def make(place: Place) -> Call:
        data = tiny(place.out.parent).read_bytes()
        (length,) = struct.unpack("<Q", data[:8])
        metadata = json.loads(data[8 : 8 + length])["__metadata__"]
        del metadata["crc32"]
        tensors = from_bytes(data)
        change(tensors, metadata)
        (place.given / name).write_bytes(to_bytes(tensors, metadata))
        return used(name)

    return make


def raw(name: str, write: Callable[[Path], object]) -> Callable[[Place], Call]:
    """A file written by hand."""

    def make(place: Place) -> Call:
        write(place.given / name)
        return used(name)

    return make


def loads(name: str, keypoints: int) -> Works:
    """The model that was loaded is this one."""

    def check(model: Any) -> None:
        assert model.config.num_kp == keypoints, model.config
        assert model.config.name == name, model.config.name

    return Works(check, leaves=("out/small.safetensors",))


SMALL_ONE = loads(SMALL.name, 3)


def refused(says: str, name: str = FILE) -> Refused:
    return Refused(WeightsError, name, says)


def put(network: str, key: str, value: Any) -> Callable[[Held], None]:
    """Put something into a network's state."""

    def change(held: Held) -> None:
        held[network][key] = value

    return change


def each(change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Held], None]:
    """Change all tensors of all networks that are floats."""

    def apply(held: Held) -> None:
        for network in ("generator", "kp_detector", "discriminator"):
            held[network] = {k: change(v) if v.is_floating_point() else v for k, v in held[network].items()}

    return apply


def renamed(change: Callable[[str], str]) -> Callable[[Held], None]:
    def apply(held: Held) -> None:
        for network in ("generator", "kp_detector"):
            held[network] = {change(key): value for key, value in held[network].items()}

    return apply


LEGACY = {"_use_new_zipfile_serialization": False}
KEY = "first.conv.weight"
add("the published kind", torch_file(**LEGACY), SMALL_ONE)
add("the kind of newer PyTorch", torch_file(), SMALL_ONE)
add("under another suffix", torch_file(name="model.pt"), SMALL_ONE)
add(
    "OrderedDicts, as DataParallel saves them",
    torch_file(lambda h: {k: OrderedDict(v) if k in ("generator", "kp_detector") else v for k, v in h.items()}),
    SMALL_ONE,
)
add("names that begin with module.", torch_file(renamed(lambda key: f"module.{key}")), SMALL_ONE)
add("no counters of batches, as PyTorch 0.4 saved", torch_file(lambda h: h.update({n: {k: v for k, v in h[n].items() if "num_batches" not in k} for n in ("generator", "kp_detector")})), SMALL_ONE)  # fmt: skip
add(
    "without optimiser and discriminator",
    torch_file(lambda h: {k: h[k] for k in ("generator", "kp_detector")}),
    SMALL_ONE,
)
add("float16", torch_file(each(torch.Tensor.half)), SMALL_ONE)
add("bfloat16", torch_file(each(torch.Tensor.bfloat16)), SMALL_ONE)
add("float64", torch_file(each(torch.Tensor.double)), SMALL_ONE)
add("tensors that need gradients", torch_file(each(lambda v: v.clone().requires_grad_())), SMALL_ONE)
add(
    "tensors that are not contiguous",
    torch_file(each(lambda v: v.transpose(0, 1).contiguous().transpose(0, 1) if v.ndim > 1 else v)),
    SMALL_ONE,
)
add("motionkit's own kind", safe_file(lambda _, __: None), loads("tiny", 3))

HOLDS_NONE = r"holds no First Order Motion Model; got .*; expected generator and kp_detector state dicts"
for name, change, says in [
    ("a tensor of NaN", put("generator", KEY, torch.full((5, 3, 7, 7), torch.nan)), r"is damaged: generator.first.conv.weight holds NaN or infinity"),
    ("infinity in one place", put("generator", KEY, torch.full((5, 3, 7, 7), 0.5).index_fill(0, torch.tensor(2), torch.inf)), r"is damaged: generator.first.conv.weight holds NaN or infinity"),
    ("a variance below zero", put("generator", "first.norm.running_var", torch.full((5,), -1.0)), r"holds a variance below 0"),
    ("a tensor missing", lambda h: {**h, "generator": {k: v for k, v in h["generator"].items() if k != KEY}}, r"(is not a First Order Motion Model network|does not fit)"),
    ("a tensor too many", put("generator", "extra.weight", torch.zeros(3)), r"is not a First Order Motion Model network: generator.extra.weight"),
    ("a tensor of another shape", put("generator", KEY, torch.zeros(5, 4, 7, 7)), r"(is not a First Order Motion Model network|does not fit)"),
    ("a tensor of no numbers", put("generator", KEY, torch.zeros(0, 3, 7, 7)), r"(is not a First Order Motion Model network|does not fit)"),
    ("a tensor of whole numbers", put("generator", KEY, torch.zeros(5, 3, 7, 7, dtype=torch.int32)), r"is damaged: generator.first.conv.weight holds whole numbers"),
    ("a tensor of yes and no", put("kp_detector", "kp.bias", torch.zeros(3, dtype=torch.bool)), r"is damaged: kp_detector.kp.bias holds whole numbers"),
    ("a tensor of 8 bits", put("generator", KEY, torch.zeros(5, 3, 7, 7, dtype=torch.uint8)), r"is damaged: generator.first.conv.weight holds whole numbers"),
    ("complex numbers", put("generator", KEY, torch.zeros(5, 3, 7, 7, dtype=torch.complex64)), r"is damaged: generator.first.conv.weight is no plain tensor"),
    ("a sparse tensor", put("generator", KEY, torch.zeros(5, 3, 7, 7).to_sparse()), r"is damaged: generator.first.conv.weight is no plain tensor"),
    ("one number that claims to be many", put("generator", KEY, torch.zeros(1).expand(5, 3, 7, 7)), r"claims \d+ numbers that are not there"),
    ("a text where a tensor belongs", put("generator", KEY, "zeros"), r"generator.first.conv.weight is no tensor; got str"),
    ("a number as a name", put("generator", 7, torch.zeros(3)), r"generator.7 is no tensor"),
    ("a name twice, with and without module.", put("generator", f"module.{KEY}", torch.zeros(5, 3, 7, 7)), r"holds generator.first.conv.weight twice"),
    ("networks within networks", lambda h: {"state_dict": h}, HOLDS_NONE),
    ("a network alone", lambda h: h["generator"], HOLDS_NONE),
    ("no detector", lambda h: {"generator": h["generator"]}, HOLDS_NONE),
    ("a list of networks", lambda h: [h["generator"], h["kp_detector"]], HOLDS_NONE),
    ("a single tensor", lambda _: torch.zeros(3), HOLDS_NONE),
    ("empty networks", lambda _: {"generator": {}, "kp_detector": {}}, r"is not a First Order Motion Model network"),
    ("another network altogether", lambda _: {"generator": {"layer1.weight": torch.zeros(3)}, "kp_detector": {"x": torch.zeros(1)}}, r"is not a First Order Motion Model network"),
    ("a whole model of Python", lambda _: torch.nn.Linear(2, 2), r"is refused: it needs the Python object torch.nn.modules.linear.Linear"),
]:  # fmt: skip
    add(name, torch_file(change), refused(says))


class _Runs:
    """What would run a program when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("ran",)


def packed(path: Path) -> None:
    """A checkpoint whose entries are packed, as no PyTorch writes."""
    buffer = io.BytesIO()
    torch.save(published(), buffer)
    with zipfile.ZipFile(buffer) as one, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as two:
        for entry in one.infolist():
            two.writestr(entry.filename, one.read(entry))


def flipped(path: Path) -> None:
    """A checkpoint with one byte of its numbers changed, which PyTorch does not look at."""
    torch.save(published(), path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def bomb(path: Path) -> None:
    """A zip of a few kilobytes whose entry unpacks to 100 MB."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(100 << 20))


def tar(path: Path, mode: str) -> None:
    torch.save(published(), path.with_name("inside.pth"))
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        archive.add(path.with_name("inside.pth"))
    path.with_name("inside.pth").unlink()


def script(path: Path) -> None:
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), path)


def half(path: Path, **options: Any) -> None:
    torch.save(published(), path, **options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


for name, write, says in [
    ("a pickle that runs a program", lambda p: torch.save({"generator": _Runs(), "kp_detector": {}}, p), r"is refused: it needs the Python object \S+mkdir"),
    ("a bare pickle that runs a program", lambda p: p.write_bytes(pickle.dumps(_Runs())), r"is refused: it needs "),
    ("a bare pickle", lambda p: p.write_bytes(pickle.dumps({"generator": {}})), r"is refused: it needs "),
    ("half of the published kind", lambda p: half(p, **LEGACY), r"is truncated or damaged after \d+ bytes .*Fetch it again"),
    ("half of the newer kind", half, r"is truncated or damaged after \d+ bytes .*Fetch it again"),
    ("a byte flipped within", flipped, r"is truncated or damaged .*checksum"),
    ("packed entries", packed, r"is truncated or damaged .*its entries are packed"),
    ("a zip bomb", bomb, r"is truncated or damaged .*its entries are packed"),
    ("a zip of something else", lambda p: zipfile.ZipFile(p, "w").writestr("a.txt", "x"), r"is a zip archive, but no PyTorch checkpoint; got a.txt"),
    ("TorchScript, which is code", script, r"is a zip archive, but no PyTorch checkpoint"),
    ("a tar, as the name says", lambda p: tar(p, "w"), r"is an archive; a published .pth.tar is none"),
    ("a packed tar", lambda p: tar(p, "w:gz"), r"is an archive; a published .pth.tar is none"),
    ("a page about a quota", lambda p: p.write_text("<!DOCTYPE html><title>Google Drive - Quota exceeded</title>"), r"is a web page, usually about a quota"),
    ("a pointer of Git LFS", lambda p: p.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), r"is a Git LFS pointer .*git lfs pull"),
    ("no bytes", lambda p: p.write_bytes(b""), r"is empty|cannot mmap an empty file|Cannot read"),
    ("a megabyte of zeros", lambda p: p.write_bytes(bytes(1 << 20)), r"is not a weight file; got first bytes"),
    ("a picture", lambda p: p.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99)), r"is not a weight file; got first bytes"),
    ("a folder", lambda p: p.mkdir(), r"A directory cannot be loaded"),
]:  # fmt: skip
    add(f"{name} named .pth.tar", raw(FILE, write), refused(says))
