"""safetensors: headers that lie, damage, and configurations stored in them; a part of the faults of checkpoints."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from motionkit.config import PUBLISHED
from motionkit.model import load_model
from tests.robustness.checkpoints import CHECKPOINTS, FILE, SAFE, Held, raw, refused, safe_file, used
from tests.robustness.fault import Call, Place
from tests.robustness.giving import tiny
from tests.support.madeup import published
from tests.support.networks import tiny_config

__all__ = ["HEADERS"]

add = CHECKPOINTS.add


# safetensors: the header that says what is where.
def header(text: bytes | dict[str, Any], data: bytes = b"", length: int | None = None) -> Callable[[Path], object]:
    said = text if isinstance(text, bytes) else json.dumps(text).encode()
    return lambda path: path.write_bytes(struct.pack("<Q", len(said) if length is None else length) + said + data)


def at(begin: int, end: int, shape: list[int], kind: str = "F32") -> dict[str, Any]:
    return {"generator.x": {"dtype": kind, "shape": shape, "data_offsets": [begin, end]}}


BROKEN = r"is truncated or damaged after \d+ bytes"
for name, write, says in [
    ("a header longer than the file", header(b'{"a":1}', length=1 << 20), BROKEN),
    ("a header of 5 MB of blanks", header(b"{" + b" " * (5 << 20) + b"}"), BROKEN),
    ("a header that is no JSON", header(b'{"a": nothing, bla'), BROKEN),
    ("a header of 100,000 brackets", header(b'{"a":' + b"[" * 100_000), BROKEN),
    ("a tensor that lies beyond the end", header(at(0, 400, [100]), bytes(8)), BROKEN),
    ("a tensor that is shorter than its shape", header(at(0, 8, [100]), bytes(8)), BROKEN),
    ("a tensor whose size overflows", header(at(0, 8, [2**62, 4]), bytes(8)), BROKEN),
    ("a tensor of a kind that is not known", header(at(0, 8, [2], "Q7"), bytes(8)), BROKEN),
    ("no tensors", header({}), r"holds no First Order Motion Model; got no tensors"),
    ("other networks", header({"unet.x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, bytes(8)), r"holds unknown networks; got unet"),
    ("one network alone", header(at(0, 8, [2]), bytes(8)), r"holds no First Order Motion Model; got generator"),
]:  # fmt: skip
    add(f"safetensors: {name}", raw(SAFE, write), refused(says, SAFE))


def half_safe(place: Place) -> Call:
    data = tiny(place.out.parent).read_bytes()
    (place.given / SAFE).write_bytes(data[: len(data) // 2])
    return used(SAFE)


def flipped_safe(place: Place) -> Call:
    data = bytearray(tiny(place.out.parent).read_bytes())
    data[-1000] ^= 0x01
    (place.given / SAFE).write_bytes(data)
    return used(SAFE)


add("safetensors: half of it", half_safe, refused(BROKEN, SAFE))
add("safetensors: a bit flipped", flipped_safe, refused(r"checksum of its data is wrong", SAFE))


def stored(**changes: Any) -> Callable[[Place], Call]:
    """motionkit's file with another configuration in it."""

    def change(_: Held, metadata: dict[str, str]) -> None:
        metadata["config"] = json.dumps({**tiny_config().to_dict(), **changes})

    return safe_file(change)


def stored_text(text: str) -> Callable[[Place], Call]:
    return safe_file(lambda _, metadata: metadata.update(config=text))


UNREADABLE = r"stores a configuration that cannot be read"
for name, make, says in [
    ("no JSON", stored_text("{num_kp: 10"), UNREADABLE),
    ("a list", stored_text("[1, 2]"), UNREADABLE),
    ("10,000 brackets", stored_text("[" * 10_000), UNREADABLE),
    ("a field that is not known", stored(colour="blue"), UNREADABLE),
    ("10^10 keypoints", stored(num_kp=10**10), UNREADABLE),
    ("a number of 5,000 digits", stored_text('{"num_kp": ' + "9" * 5000 + "}"), UNREADABLE),
    ("keypoints below zero", stored(num_kp=-3), UNREADABLE),
    ("keypoints as a text", stored(num_kp="three"), UNREADABLE),
    ("a size that is no number", stored(size=float("nan")), UNREADABLE),
    (
        "other keypoints than the tensors have",
        stored(num_kp=4),
        r"The weights do not fit the configuration 'tiny'; got keys",
    ),
]:
    add(f"a configuration of {name}", make, refused(says, "tiny" if "fit" in says else SAFE))


def fitted(place: Place) -> Call:
    torch.save(published(), place.given / FILE)
    return lambda: load_model(FILE, config=PUBLISHED["vox"], device="cpu")


add(
    "a configuration given that is another's",
    fitted,
    refused(r"The weights do not fit the configuration 'vox'; got keys", "'vox'"),
)
add("a name that nothing has", lambda _: lambda: load_model("haeds", device="cpu"), refused(r"No weights of this name; got 'haeds'.*The nearest name is 'heads'", "'haeds'"))  # fmt: skip
add(
    "a file that is not there",
    lambda _: used("missing.pth.tar"),
    refused(r"No such weight file; got .*Check the path", "missing.pth.tar"),
)

HEADERS = CHECKPOINTS
"""The category that these faults are added to."""
