"""Motion templates: the keypoints of a driving clip in a file, without a pixel of the person in it.

The file is safetensors: tensors ``value`` (T K 2), for models with Jacobians ``jacobian`` (T K 2 2), and, where they
are known, ``confidence`` (T K), all float32, and ``scene`` (T), int64; the metadata holds what it is, its version, the
exact fps, the model's name and hash, and the size of the picture seen.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from motionkit import jsontext
from motionkit.config import ModelConfig
from motionkit.config.bounds import FRAMES, RATES, SIDE
from motionkit.errors import InputError, TemplateError
from motionkit.showing import described
from motionkit.structures import Detected, Keypoints
from motionkit.wholefile import write_whole

__all__ = ["SUFFIX", "MotionTemplate", "check_model", "is_template", "load_template", "save_template"]

SUFFIX = ".motion"
FORMAT = "motionkit.motion"
VERSION = 1
MAX_HEADER = 1 << 20  # bytes; ours has some 300
MAX_KEYPOINTS, MAX_TEXT = 1000, 200


class _OfModel(Protocol):
    """The part of a model by which a template knows it."""

    config: ModelConfig
    fingerprint: str


@dataclass(frozen=True)
class MotionTemplate:
    """The keypoints of a driving clip.

    Attributes:
        keypoints: Batch T, one for each frame; kept as float32 on the CPU.
        fps: Exact rate of the clip.
        model: Name of the model whose detector found them.
        model_hash: Hash of that model's weights; only that model's generator understands these keypoints.
        size: Width and height in pixels of the driving picture that was seen.
        scenes: T numbers, alike for frames of one scene of the film; None is one scene.
        version: Of the file format.
        path: The file it was read from, if any.

    Raises:
        TemplateError: No frame, wrong shapes, keypoints that are not finite, or more frames, fps or pixels than a clip
            may have.
    """

    keypoints: Keypoints
    fps: Fraction
    model: str
    model_hash: str
    size: tuple[int, int]
    scenes: Sequence[int] | None = None
    version: int = VERSION
    path: Path | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "keypoints", self.keypoints.to("cpu", torch.float32))
        _check_shapes(self.keypoints, self.scenes)
        _check_numbers(self.keypoints)
        length, count = self.keypoints.value.shape[:2]
        if length > FRAMES.value or count > MAX_KEYPOINTS:
            got = f"{length} frames of {count} keypoints"
            expected = f"at most {FRAMES.value} of {MAX_KEYPOINTS}"
            raise TemplateError("A motion template is too long", got=got, expected=expected, todo=FRAMES.todo)
        if not RATES[0] <= self.fps <= RATES[1] or not 1 <= min(self.size) <= max(self.size) <= SIDE:
            raise TemplateError(
                "A motion template's fps or size is impossible",
                got=f"{_shown(self.fps)} fps, {'x'.join(map(_shown, self.size))}",
                expected=f"{RATES[0]} to {RATES[1]} fps, sides from 1 to {SIDE}",
            )

    def __repr__(self) -> str:
        keypoints = self.keypoints.value.shape[1]
        return described(
            "MotionTemplate", frames=len(self), fps=self.fps, keypoints=keypoints, model=self.model, path=self.path
        )

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.keypoints)

    @property
    def length(self) -> int:
        """Number of frames."""
        return len(self)

    @property
    def once(self) -> bool:
        """Whether it can be read only once: never."""
        return False

    def batches(self, model: _OfModel, batch_size: int) -> Iterator[Detected]:
        """The frames' keypoints in batches, as a driving gives them; there are no pictures.

        Args:
            model: The model that is to animate with them.
            batch_size: Frames in a batch; the last one may have fewer.

        Raises:
            TemplateError: It was made with another model.
        """
        check_model(self, name=model.config.name, model_hash=model.fingerprint)
        parts = (slice(start, start + batch_size) for start in range(0, len(self.keypoints), batch_size))
        return (
            Detected(self.keypoints[part], scenes=None if self.scenes is None else self.scenes[part]) for part in parts
        )


def save_template(path: str | Path, template: MotionTemplate) -> None:
    """Write a template, whole or not at all.

    Args:
        path: The file; its name must end in ``.motion``.
        template: The keypoints, and what they were made with.

    Raises:
        InputError: ``path`` does not end in ``.motion``, or cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != SUFFIX:
        raise InputError("A motion template needs its own suffix", got=path.name, expected=f"a name ending in {SUFFIX}")
    keypoints = template.keypoints
    tensors = {"value": keypoints.value.detach().contiguous()}
    if keypoints.jacobian is not None:
        tensors["jacobian"] = keypoints.jacobian.detach().contiguous()
    if keypoints.confidence is not None:
        tensors["confidence"] = keypoints.confidence.detach().contiguous()
    if template.scenes is not None:
        tensors["scene"] = torch.tensor(list(template.scenes), dtype=torch.int64)
    metadata = {
        "format": FORMAT,
        "version": str(template.version),
        "fps": "{}/{}".format(*template.fps.as_integer_ratio()),
        "model": template.model,
        "model_hash": template.model_hash,
        "size": "{}x{}".format(*template.size),
    }
    try:
        write_whole(path, lambda part: part.write_bytes(save(tensors, metadata)))
    except OSError as error:
        raise InputError(f"Cannot write the motion template {path}", got=error.strerror or str(error)) from error


def is_template(path: str | Path) -> bool:
    """Whether a file is a motion template, by its content.

    Args:
        path: Any path; a file that cannot be read is none.
    """
    try:
        return _metadata(Path(path)).get("format") == FORMAT
    except (OSError, ValueError):
        return False


def load_template(path: str | Path) -> MotionTemplate:
    """Read a template.

    Args:
        path: The file.

    Raises:
        InputError: There is no such file, or it cannot be read.
        TemplateError: It is not a motion template, is damaged, or was written by a newer version.
    """
    path = Path(path)
    try:
        metadata = _metadata(path)
    except OSError as error:
        raise InputError(f"Cannot read the motion template {path}", got=error.strerror or str(error)) from error
    except ValueError:
        metadata = {}
    if metadata.get("format") != FORMAT:
        raise TemplateError(
            f"{path} is not a motion template, or its beginning is damaged",
            todo=f"Make one with: motionkit extract clip.mp4 -o name{SUFFIX}",
        )
    if metadata.get("version") != str(VERSION):
        raise TemplateError(
            f"{path} is in a format of another version",
            got=f"version {str(metadata.get('version'))[:40]}",
            expected=f"version {VERSION}",
            todo="Update motionkit, or extract the motion again",
        )
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        _check_lengths(metadata)
        width, height = metadata["size"].split("x")
        numerator, denominator = metadata["fps"].split("/")
        return MotionTemplate(
            keypoints=Keypoints(tensors["value"], tensors.get("jacobian"), tensors.get("confidence")),
            scenes=_scenes(tensors.get("scene")),
            fps=Fraction(int(numerator), int(denominator)),
            model=metadata["model"],
            model_hash=metadata["model_hash"],
            size=(int(width), int(height)),
            path=path,
        )
    except TemplateError as error:
        raise TemplateError(f"{path} is damaged: {error.what}", got=error.got, expected=error.expected) from error
    except (SafetensorError, KeyError, ValueError, TypeError, AttributeError, ZeroDivisionError, OSError) as error:
        raise TemplateError(
            f"{path} is damaged", got=f"{type(error).__name__}: {str(error)[:200]}", todo="Extract the motion again"
        ) from error


def _scenes(stored: torch.Tensor | None) -> list[int] | None:
    """Scene numbers as a template stores them; ValueError where they are none."""
    if stored is None:
        return None
    if stored.ndim != 1 or stored.dtype != torch.int64:
        raise ValueError(f"scene is {stored.dtype} of {tuple(stored.shape)}")
    numbers: list[int] = stored.tolist()
    return numbers


def _check_lengths(metadata: Mapping[str, object]) -> None:
    """Raise ValueError for a text that no template needs: numbers of so many digits take very long to read."""
    if long := [name for name, text in metadata.items() if len(str(text)) > MAX_TEXT]:
        raise ValueError(f"{long[0][:40]} has more than {MAX_TEXT} characters")


def check_model(template: MotionTemplate, *, name: str, model_hash: str) -> None:
    """Raise unless the template was made with this model.

    The hash decides: each model learns keypoints of its own, so another model's would move the wrong parts. The same
    weights under another name are accepted.

    Args:
        template: The template.
        name: The model's, for the message.
        model_hash: Of the model's weights.

    Raises:
        TemplateError: It was made with other weights.
    """
    if template.model_hash == model_hash:
        return
    if template.model == name:
        what = f"This motion template was made with other weights of the model {name!r}"
    else:
        what = f"This motion template was made with the model {template.model!r}, whose keypoints are not {name!r}'s"
    raise TemplateError(
        what,
        got=f"weights {template.model_hash[:12]}",
        expected=f"weights {model_hash[:12]} of {name!r}",
        todo=f"Extract the motion of the driving clip again with {name!r}, or animate with the model it was made with",
    )


def _metadata(path: Path) -> dict[str, str]:
    """The metadata of a safetensors file; raises ValueError if it is none, OSError if it cannot be read."""
    with path.open("rb") as file:
        start = file.read(8)
        if len(start) < 8:
            raise ValueError("too short")
        (length,) = struct.unpack("<Q", start)
        if not 2 <= length <= MAX_HEADER:
            raise ValueError("no safetensors header")
        header = jsontext.parse(file.read(length))
    metadata = header.get("__metadata__", {}) if isinstance(header, dict) else {}
    return metadata if isinstance(metadata, dict) else {}


def _check_shapes(keypoints: Keypoints, scenes: Sequence[int] | None) -> None:
    shape = tuple(keypoints.value.shape)
    wanted = {"value": (*shape[:2], 2), "jacobian": (*shape[:2], 2, 2), "confidence": shape[:2], "scene": shape[:1]}
    given = {
        "value": shape,
        "jacobian": None if keypoints.jacobian is None else tuple(keypoints.jacobian.shape),
        "confidence": None if keypoints.confidence is None else tuple(keypoints.confidence.shape),
        "scene": None if scenes is None else (len(scenes),),
    }
    if len(shape) != 3 or 0 in shape or any(given[name] not in (None, wanted[name]) for name in given):
        raise TemplateError(
            "A motion template's keypoints have the wrong shape",
            got=", ".join(f"{name} {size}" for name, size in given.items() if size is not None),
            expected="value (T, K, 2), jacobian (T, K, 2, 2), confidence (T, K), scene (T,), with at least one frame",
        )


def _check_numbers(keypoints: Keypoints) -> None:
    for tensor in (keypoints.value, keypoints.jacobian, keypoints.confidence):
        if tensor is not None and not torch.isfinite(tensor).all():
            frame = int((~torch.isfinite(tensor)).flatten(1).any(dim=1).nonzero()[0])
            raise TemplateError(
                "A motion template's keypoints are not all finite", got=f"NaN or infinity in frame {frame}"
            )
    confidence = keypoints.confidence
    if confidence is not None and not bool(((confidence >= 0) & (confidence <= 1)).all()):
        raise TemplateError("A motion template's confidence is impossible", expected="numbers from 0 to 1")


def _shown(number: Fraction | int) -> str:
    """A number, or of one that is too long to be printed, only that."""
    exact = Fraction(number)
    return str(number) if max(abs(exact.numerator), exact.denominator) < 10**40 else "a number of over 40 digits"
