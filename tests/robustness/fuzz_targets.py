"""What is fuzzed: each reader of ours, given any bytes, ends with a result or with one printable line for the user."""

from __future__ import annotations

import argparse
import io
import json
import os
import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from safetensors.torch import save

from motionkit.cli import animation, shared, training
from motionkit.config.bounds import FRAMES
from motionkit.data.preparation import STATE_FOLDER, _Job, _Settings
from motionkit.errors import MotionkitError
from motionkit.media import streams, timing
from motionkit.motion.templates import is_template, load_template
from motionkit.training import read_config
from motionkit.weights import checkpoints, download
from motionkit.weights.partfile import MirrorError, PartFile, sound_validator
from motionkit.weights.pins import read_pins
from tests.support.madeup import made_up, published
from tests.support.networks import tiny_config

__all__ = ["TARGETS", "Target"]

LINE = 2000  # characters of an error


@dataclass(frozen=True)
class Target:
    """A reader.

    Attributes:
        give: Gives bytes to it, with an empty folder to work in; what it raises is a fault.
        seeds: Sound inputs to begin with.
        longest: Bytes of an input.
    """

    give: Callable[[bytes, Path], None]
    seeds: Callable[[], list[bytes]]
    longest: int = 4096


@contextmanager
def _for_users(name: str = "") -> Iterator[None]:
    """Let errors for users pass that are one printable line, and name the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except MotionkitError as error:
        text = str(error)
        if not text.isprintable() or len(text) > LINE or name not in text:
            raise AssertionError(f"no short printable line that names {name or 'it'}: {text[:3000]!r}") from error


def _written(data: bytes, folder: Path, name: str) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


# Motion templates: the file itself, then its header as JSON with a sound length, then one text of the metadata.

METADATA = {
    "format": "motionkit.motion",
    "version": "1",
    "fps": "25/1",
    "model": "m",
    "model_hash": "f",
    "size": "64x48",
}


def _template(metadata: dict[str, str] | None = None) -> bytes:
    tensors = {"value": torch.zeros(2, 3, 2), "jacobian": torch.eye(2).repeat(2, 3, 1, 1)}
    return save(tensors, metadata or METADATA)


def _give_template(data: bytes, folder: Path) -> None:
    kind, rest = data[:1], data[1:]
    if kind == b"h":
        (length,) = struct.unpack("<Q", _template()[:8])
        rest = struct.pack("<Q", len(rest)) + rest + _template()[8 + length :]
    elif kind == b"m":
        name, _, text = rest.decode("utf-8", errors="replace").partition("=")
        rest = _template(METADATA | {name: text})
    path = _written(rest, folder, "a.motion")
    is_template(path)
    with _for_users("a.motion"):
        template = load_template(path)
        assert 1 <= len(template) <= FRAMES.value and torch.isfinite(template.keypoints.value).all()


def _template_seeds() -> list[bytes]:
    whole = _template()
    (length,) = struct.unpack("<Q", whole[:8])
    texts = ["fps=30000/1001", "size=16384x1", "version=2", "format=", "model=vox", "fps=1e9/1", "size=1x1x1"]
    return [b"r" + whole, b"h" + whole[8 : 8 + length], *(b"m" + text.encode() for text in texts)]


# Weight files: the file itself, a header of a sound length, a pickle in each of PyTorch's containers, a configuration.


def _give_checkpoint(data: bytes, folder: Path) -> None:
    kind, rest = data[:1], data[1:]
    if kind == b"h":
        numbers = b"\0" * 64
        rest = struct.pack("<Q", len(rest)) + rest + numbers
    elif kind == b"z":
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr("archive/data.pkl", rest)
            archive.writestr("archive/version", "3\n")
            archive.writestr("archive/data/0", b"\0" * 64)
        rest = packed.getvalue()
    elif kind == b"s":
        rest = checkpoints.STACKED_START + rest
    elif kind == b"c":
        text = rest.decode("utf-8", errors="replace")
        rest = save(_tensors(), {"config": text, "crc32": "00000000"} if rest[:1] == b"!" else {"config": text})
    path = _written(rest, folder, "a.weights")
    with _for_users("a.weights"):
        read = checkpoints.read(path)
        with _for_users():
            checkpoints.recognise(read.generator, read.kp_detector, discriminator=read.discriminator)


def _tensors() -> dict[str, torch.Tensor]:
    return {"generator.a.weight": torch.ones(2, 3), "kp_detector.b.running_var": torch.ones(4)}


def _checkpoint_seeds() -> list[bytes]:
    small = save(_tensors(), {"config": "{}"})
    (length,) = struct.unpack("<Q", small[:8])
    states = {"generator": {"a": torch.ones(2)}, "kp_detector": {"module.b": torch.ones(2).double()}}
    whole = [b"r" + small, b"h" + small[8 : 8 + length]]
    for zipped in (True, False):
        packed = io.BytesIO()
        torch.save(states, packed, _use_new_zipfile_serialization=zipped)
        whole.append(b"r" + packed.getvalue())
    with zipfile.ZipFile(io.BytesIO(whole[2][1:])) as archive:
        inner = next(archive.read(name) for name in archive.namelist() if name.endswith("data.pkl"))
    whole += [
        b"z\x80\x02cos\ngetcwd\n)R.",
        b"z" + inner,
        b"z" + pickle.dumps({"generator": {}, "kp_detector": {}}, 2),
        b"s" + whole[3][15:],
    ]
    config = json.dumps(tiny_config().to_dict())
    complete = save({f"{net}.{key}": value for net, state in made_up().items() for key, value in state.items()})
    packed = io.BytesIO()
    torch.save(published(), packed)
    return [*whole, b"c" + config.encode(), b"c!{}", b"r" + complete[:8000], b"r" + packed.getvalue()[:8000]]


# What downloads leave behind and servers send: the note beside a part, the pinned hashes, headers.


def _give_note(data: bytes, folder: Path) -> None:
    kind, rest = data[:1], data[1:]
    text = rest.decode("latin-1")
    if kind == b"n":
        target = folder / "a.bin"
        _written(b"begun", folder, "a.bin.part")
        _written(rest, folder, "a.bin.part.json")
        for hashed in (None, "0" * 64):
            part = PartFile(target, size=None, sha256=hashed, check=None, progress=False)
            have, validator = part.resume_point("https://a/b")
            assert have in (0, 5) and (validator is None or validator.isprintable())
    elif kind == b"p":
        path = _written(rest, folder, "pinned.json")
        with _for_users("pinned.json"):
            assert all(isinstance(pin, str) for pin in read_pins(path).values())
    elif kind == b"v":
        assert sound_validator(text) in (None, text)
    else:
        _give_headers(text, folder)


def _give_headers(text: str, folder: Path) -> None:
    """Header lines, as requests gives them."""
    pairs = (line.partition(":") for line in text.splitlines())
    headers = {name: value.strip() for name, _, value in pairs}
    status = headers.pop("Status", "200")
    response: Any = SimpleNamespace(
        headers=headers, status_code=int(status) if status in ("200", "206", "404", "416") else 200, reason="so"
    )
    part = PartFile(folder / "a.bin", size=None, sha256=None, check=None, progress=False)
    with suppress(MirrorError):
        start, total = download._extent(response, 5, part)
        assert start in (0, 5) and (total is None or 0 <= total < 10**18)
    with suppress(MirrorError, ValueError):  # as _by_http turns it into a reason
        download._is_loopback(headers.get("Location", ""))


def _note_seeds() -> list[bytes]:
    note = json.dumps({"url": "https://a/b", "validator": '"v1"'}).encode()
    pins = json.dumps({"vox.pth.tar": "0" * 64}).encode()
    answers = [
        b'Status: 206\nContent-Range: bytes 5-9/10\nETag: W/"1"',
        b"Content-Length: 10\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT",
        b"Location: http://[::1]:80/\nStatus: 416",
        b"Content-Type: text/html",
    ]
    return [b"n" + note, b"p" + pins, b'v"v1"', *(b"h" + answer for answer in answers)]


# Texts of the command line, and the durations and rates that containers store.


def _give_text(data: bytes, _: Path) -> None:
    kind, text = data[:1], data[1:].decode("utf-8", errors="replace")
    with _for_users():
        if kind == b"t":
            with suppress(argparse.ArgumentTypeError):
                number = shared.number(text)
                timing.as_seconds(number)
                rate = timing.as_rate(number)
                assert rate is not None and Fraction(1, 1001) < rate <= 1000
        elif kind == b"b":
            animation._box(text)
        elif kind == b"g":
            animation._gain(text)
        elif kind == b"m":
            stream: Any = SimpleNamespace(metadata={"DURATION": text})
            found = streams._matroska_duration(stream)
            assert found is None or 0 <= found < 10**11
        elif kind == b"e":
            with suppress(ValueError):
                os.environ[FRAMES.variable] = text
            try:
                assert FRAMES.value > 0
            finally:
                os.environ.pop(FRAMES.variable, None)
        else:
            given = argparse.Namespace(**{field: None for _, field, _, _ in training.SHORTCUTS})
            given.freeze_detector, given.set = False, text.split("\0")
            training._override(_train_config(), given)


def _train_config() -> Any:
    from tests.support.objectives import train_config

    return train_config()


def _text_seeds() -> list[bytes]:
    times = ["25", "29.97", "30000/1001", "1e3", "-1", "nan", "inf", "1e99", "0x10", "١٢", "1_000", "1/0", ".5"]
    sets = ["loss.gan=1", "milestones=60,90", "data.workers=2", "precision=float16", "data={}", "seed=1e3", "x"]
    return [
        *(b"t" + text.encode() for text in times),
        *(b"s" + text.encode() for text in sets),
        b"b1,2,3,4", b"b1,2,3,4,45.5", b"gmouth=1.5", b"g3=nan", b"m00:00:02.000000000", b"m99:99:99", b"e1000", b"e0",
    ]  # fmt: skip


# The records of runs and of preparations, which are read again when a run is resumed.


def _give_record(data: bytes, folder: Path) -> None:
    kind, rest = data[:1], data[1:]
    if kind == b"c":
        path = _written(rest, folder, "config.json")
        with _for_users():
            read_config(path)
        return
    (folder / STATE_FOLDER).mkdir(exist_ok=True)
    _written(b"", folder, "film.mp4")
    _written(rest, folder / STATE_FOLDER, "film.json")
    with _for_users("film"):
        # What it says is believed only where the settings agree; the film itself is empty, and said to be.
        job = _Job(folder / "film.mp4", folder, _Settings(64, 1.0, 5, 32, "all"), "auto", SimpleNamespace(total=0))
        assert job.state.frame >= 0 and job.state.clips >= 0 and job.state.done is True


def _record_seeds() -> list[bytes]:
    config = json.dumps(_train_config().to_dict()).encode()
    settings = {"size": 64, "min_seconds": 1.0, "every": 5, "min_side": 32, "faces": "all", "bytes": 0}
    states = [{"settings": settings, "frame": 7, "clips": 2, "done": done} for done in (True, False)]
    return [b"c" + config, b'c{"config": {}}', b"c[]", *(b"s" + json.dumps(state).encode() for state in states)]


TARGETS = {
    "templates": Target(_give_template, _template_seeds),
    "checkpoints": Target(_give_checkpoint, _checkpoint_seeds, 16384),
    "notes": Target(_give_note, _note_seeds),
    "texts": Target(_give_text, _text_seeds, 2048),
    "records": Target(_give_record, _record_seeds, 8192),
}
