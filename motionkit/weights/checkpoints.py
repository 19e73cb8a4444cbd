"""Weight files: the published ``.pth.tar`` (both containers of ``torch.save``) and motionkit's safetensors.

A pickle is only ever read with ``weights_only=True``: one that needs anything but tensors and plain values is refused.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import pickle
import re
import tarfile
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from motionkit import jsontext
from motionkit.config import ModelConfig
from motionkit.errors import ConfigError, WeightsError, naming
from motionkit.weights.integrity import as_numbers, check_data, check_header, check_plain, check_zip, data_checksum
from motionkit.weights.shapes import Shapes, expected_shapes, recognise_shapes
from motionkit.wholefile import write_whole

__all__ = ["Checkpoint", "check_shapes", "expected_shapes", "read", "recognise", "save", "sniff"]

State = Mapping[str, torch.Tensor]
NETWORKS = ("generator", "kp_detector", "discriminator")
STACKED_START = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."  # torch's magic number, pickled
CHECKSUM = "crc32"  # of the data, in a safetensors file's metadata
LISTED = 4  # keys of each kind that an error names


@dataclass(frozen=True)
class Checkpoint:
    """What a weight file holds.

    Attributes:
        generator: Name to tensor without the network in front, float32 on the CPU (batch counters int64).
        kp_detector: The same.
        discriminator: The same, or None where the file has none.
        config: The configuration stored in the file, or None; published files store none.
        metadata: Further text stored in the file: licence, origin, source_sha256 …
        sha256: Of the file, in hex.
    """

    generator: dict[str, torch.Tensor]
    kp_detector: dict[str, torch.Tensor]
    discriminator: dict[str, torch.Tensor] | None
    config: ModelConfig | None
    metadata: dict[str, str]
    sha256: str


def read(path: Path) -> Checkpoint:
    """Read a weight file of either kind.

    ``module.`` in front of names is dropped and missing batch counters are filled with zero; a configuration stored in
    the file must explain every shape. Optimiser states and the like are ignored.

    Args:
        path: A ``.pth.tar`` or ``.safetensors`` file; its content decides, not its name.

    Raises:
        WeightsError: Missing, empty, truncated, damaged, or with numbers that are not finite; a web page, a Git LFS
            pointer, an archive; a pickle that needs more than weights; no First Order Motion Model networks in it.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            kind = sniff(file.read(512), name=path.name)
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                digest = hashlib.sha256(content).hexdigest()
    except (OSError, ValueError) as error:  # a name may hold what no file system takes
        reason = getattr(error, "strerror", None) or error
        raise WeightsError(f"Cannot read {path}: {reason}", todo="Give a weight file") from error
    networks, metadata = _read_safetensors(path) if kind == "safetensors" else _read_torch(path, kind)
    states = {name: _normalise(networks[name], name, path) for name in NETWORKS if name in networks}
    config = None
    if (text := metadata.pop("config", None)) is not None:
        try:
            config = ModelConfig.from_dict(jsontext.parse(text))
        except (ValueError, TypeError, AttributeError) as error:
            raise WeightsError(f"{path.name} stores a configuration that cannot be read: {error}") from error
        with naming(path):
            check_shapes(config, generator=states["generator"], kp_detector=states["kp_detector"])
    return Checkpoint(states["generator"], states["kp_detector"], states.get("discriminator"), config, metadata, digest)


def recognise(generator: State, kp_detector: State, *, discriminator: State | None = None) -> ModelConfig:
    """The configuration that explains the shapes of these networks.

    What shapes do not show takes its default: temperature, kp_variance, size, names. Where any ``max_features`` above
    some width would do, the published default is taken.

    Args:
        generator: Name to tensor, without the network in front.
        kp_detector: The same.
        discriminator: The same, or None.

    Raises:
        WeightsError: Not a First Order Motion Model; names the first key that does not fit.
    """
    shapes = _shapes(generator=generator, kp_detector=kp_detector, discriminator=discriminator or {})
    try:
        config = recognise_shapes(shapes)
    except ValueError as error:  # a ConfigError, or a name with something else where a number belongs
        reason = error.what if isinstance(error, ConfigError) else str(error)[:120]
        raise WeightsError(f"This is not a First Order Motion Model network: {reason}") from error
    expected = expected_shapes(config, discriminator=discriminator is not None)
    for key in sorted(shapes.keys() | expected.keys()):
        if shapes.get(key) != expected.get(key):
            raise WeightsError(
                f"This is not a First Order Motion Model network: {key} does not fit the others",
                got=shapes.get(key, "no such key"),
                expected=str(expected.get(key, "no such key")),
            )
    return config


def check_shapes(config: ModelConfig, *, generator: State, kp_detector: State) -> None:
    """Raise unless these are exactly the tensors that the configuration implies.

    Args:
        config: The configuration.
        generator: Name to tensor, without the network in front.
        kp_detector: The same.

    Raises:
        WeightsError: Keys are missing, unexpected or of another shape; the message lists them.
    """
    shapes, expected = _shapes(generator=generator, kp_detector=kp_detector), expected_shapes(config)
    wrong = [k for k in expected if k in shapes and shapes[k] != expected[k]]
    troubles = {
        "missing": sorted(expected.keys() - shapes.keys()),
        "unexpected": sorted(shapes.keys() - expected.keys()),
        "of another shape": [f"{k} {shapes[k]} instead of {expected[k]}" for k in sorted(wrong)],
    }
    if any(troubles.values()):
        listed = [
            f"{len(keys)} {kind} ({', '.join(keys[:LISTED])}{' …' if len(keys) > LISTED else ''})"
            for kind, keys in troubles.items()
            if keys
        ]
        raise WeightsError(
            f"The weights do not fit the configuration {config.name!r}",
            got=f"keys {'; '.join(listed)}",
            todo="Give the configuration that they were trained with, or none, to have it recognised",
        )


def save(
    path: Path,
    *,
    generator: State,
    kp_detector: State,
    config: ModelConfig,
    metadata: Mapping[str, str],
    half: bool = False,
) -> Path:
    """Write generator and keypoint detector as safetensors, with the configuration in the metadata.

    Args:
        path: Target; replaced only when the new file is whole.
        generator: Name to tensor, as from ``state_dict()``.
        kp_detector: The same.
        config: Must explain every shape.
        metadata: Further text to store: licence, origin, source_sha256 …
        half: Store floats as float16, except tensors with values beyond its range.

    Returns:
        The target.

    Raises:
        WeightsError: The tensors do not fit the configuration, or the target cannot be written.
    """
    from safetensors.torch import save as to_bytes

    check_shapes(config, generator=generator, kp_detector=kp_detector)
    tensors = {}
    for name, state in (("generator", generator), ("kp_detector", kp_detector)):
        for key, value in state.items():
            tensors[f"{name}.{key}"] = _as_stored(value.detach().cpu(), half)
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not save_file, whose files only their owner can read.
        stored = {**metadata, "config": json.dumps(config.to_dict()), CHECKSUM: data_checksum(to_bytes(tensors))}
        content = to_bytes(tensors, metadata=stored)
        write_whole(path, lambda part: part.write_bytes(content))
    except OSError as error:
        raise WeightsError(f"Cannot write {path}: {error}") from error
    return path


def sniff(start: bytes, *, name: str = "the file") -> Literal["stacked", "zip", "safetensors"]:
    """Recognise the container by a file's first bytes.

    Args:
        start: The first bytes; 512 are enough.
        name: What the file is called in errors.

    Raises:
        WeightsError: Empty, a web page, a Git LFS pointer, an archive, or nothing known.
    """
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    again = "Fetch it again"
    if not start:
        raise WeightsError(f"{name} is empty", todo=again)
    if text.startswith((b"<!doctype", b"<html", b"<head", b"<?xml")):
        raise WeightsError(f"{name} is a web page, usually about a quota or a sign-in, and no weights", todo=again)
    if text.startswith(b"version https://git-lfs"):
        raise WeightsError(f"{name} is a Git LFS pointer and not the weights themselves", todo="Run git lfs pull")
    if start[257:262] == b"ustar" or start.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!")):
        raise WeightsError(
            f"{name} is an archive; a published .pth.tar is none, in spite of its name",
            todo="Unpack it and give the checkpoint that is inside",
        )
    if start.startswith(b"PK\x03\x04"):
        return "zip"
    # Eight bytes of the header's length come first; one length in 32 begins as a pickle does, so this is asked before.
    if start[5:9] == b"\0\0\0{":
        return "safetensors"
    if start.startswith(b"\x80"):
        return "stacked"
    raise WeightsError(
        f"{name} is not a weight file", got=f"first bytes {start[:8]!r}", expected="a .pth.tar or .safetensors file"
    )


def _read_torch(path: Path, kind: str) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    _check_container(path, kind)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of PyTorch, about pickles that are refused in any case
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except pickle.UnpicklingError as error:
        wanted = re.search(r"GLOBAL ([\w.]+)", str(error))
        what = f"the Python object {wanted[1]}" if wanted else "instructions that no weights need"
        raise WeightsError(
            f"{path.name} is refused: it needs {what}, and loading that could run any code",
            expected="tensors and plain values only",
            todo="Ask its maker for one saved with generator and kp_detector state dicts alone",
        ) from error
    except Exception as error:
        # a damaged pickle fails in whatever way its bytes happen to suggest
        if kind == "stacked" and not _starts_as_torch(path):
            raise WeightsError(f"{path.name} is a pickle, but no PyTorch checkpoint") from error
        raise _damaged(path, error) from error
    if not isinstance(loaded, dict) or not all(isinstance(loaded.get(name), dict) for name in NETWORKS[:2]):
        got = ", ".join(str(key) for key in list(loaded)[:8]) if isinstance(loaded, dict) else type(loaded).__name__
        raise WeightsError(
            f"{path.name} holds no First Order Motion Model", got=got, expected="generator and kp_detector state dicts"
        )
    return {name: loaded[name] for name in NETWORKS if isinstance(loaded.get(name), dict)}, {}


def _check_container(path: Path, kind: str) -> None:
    if kind == "zip":
        try:
            with zipfile.ZipFile(path) as archive:
                names = [name.rsplit("/", 1)[-1] for name in archive.namelist()]
                is_ours = "data.pkl" in names and "constants.pkl" not in names  # the latter is TorchScript, code
                if is_ours:
                    check_zip(archive, path.stat().st_size)
        except MemoryError:
            raise
        except Exception as error:  # a damaged archive fails in whatever way its bytes happen to suggest
            raise _damaged(path, error) from error
        if not is_ours:
            raise WeightsError(f"{path.name} is a zip archive, but no PyTorch checkpoint", got=", ".join(names[:4]))
    # torch before 2.6 could be made to run code by a real tar, even with weights_only (CVE-2025-32434), and old
    # tars have no mark of their own
    elif tarfile.is_tarfile(path):
        raise WeightsError(f"{path.name} is refused: it is a tar archive that poses as a checkpoint")


def _starts_as_torch(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(STACKED_START)) == STACKED_START


def _damaged(path: Path, error: Exception) -> WeightsError:
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    return WeightsError(
        f"{path.name} is truncated or damaged after {path.stat().st_size} bytes ({reason})", todo="Fetch it again"
    )


def _read_safetensors(path: Path) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    networks: dict[str, dict[str, Any]] = {}
    try:
        begin = check_header(path)
        with safe_open(path, framework="pt") as file:
            metadata = dict(file.metadata() or {})
            for key in file.keys():  # noqa: SIM118 (not a dict)
                network, _, name = key.partition(".")
                networks.setdefault(network, {})[name] = file.get_tensor(key)
        if (checksum := metadata.pop(CHECKSUM, None)) is not None:
            check_data(path, begin, checksum)
    except (SafetensorError, OSError, ValueError) as error:
        raise _damaged(path, error) from error
    if unknown := networks.keys() - set(NETWORKS):
        raise WeightsError(f"{path.name} holds unknown networks", got=", ".join(sorted(unknown)))
    if not networks.keys() >= set(NETWORKS[:2]):
        raise WeightsError(
            f"{path.name} holds no First Order Motion Model",
            got=", ".join(sorted(networks)) or "no tensors",
            expected="generator.* and kp_detector.* tensors",
        )
    return networks, metadata


def _normalise(state: Mapping[str, Any], network: str, path: Path) -> dict[str, torch.Tensor]:
    """Bare names, float32, every batch norm with its counter."""
    clean: dict[str, torch.Tensor] = {}
    for key, value in state.items():
        if not isinstance(key, str) or not isinstance(value, torch.Tensor):
            raise WeightsError(f"{path.name}: {network}.{key} is no tensor", got=type(value).__name__)
        name = key.removeprefix("module.")
        if name in clean:
            raise WeightsError(f"{path.name} holds {network}.{name} twice, with and without module. in front")
        try:
            check_plain(value)
            clean[name] = as_numbers(name, value)
        except ValueError as error:
            raise WeightsError(f"{path.name} is damaged: {network}.{name} {error}", todo="Fetch it again") from error
    for name in [name for name in clean if name.endswith(".running_mean")]:
        clean.setdefault(name.replace("running_mean", "num_batches_tracked"), torch.tensor(0))
    return clean


def _shapes(**networks: State) -> Shapes:
    return {f"{name}.{key}": tuple(value.shape) for name, state in networks.items() for key, value in state.items()}


def _as_stored(value: torch.Tensor, half: bool) -> torch.Tensor:
    """A tensor of its own memory, in the precision asked for."""
    if half and value.is_floating_point() and value.abs().max() <= torch.finfo(torch.float16).max:
        value = value.half()
    return value.clone(memory_format=torch.contiguous_format)
