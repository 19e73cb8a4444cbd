"""Batches and memory: how many frames at once, and what happens when they do not fit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import TypeVar

import torch

from motionkit.errors import OutOfMemoryError
from motionkit.fast import EncodedSource
from motionkit.model import Model
from motionkit.structures import Generated, Keypoints

__all__ = ["Generator", "fitting_batch", "memory_explained", "usual_batch"]

T = TypeVar("T")
MOST = 16  # frames at once on a GPU; more of them fill it no better
USABLE = 0.5  # of the free memory: two batches are under way, and others use the GPU too


def usual_batch(model: Model, side: int | None = None) -> int:
    """Frames at once: GPUs want many; on a CPU a few small pictures hide the overhead, large ones do not gain.

    Args:
        model: The model; on a CUDA device its memory decides, which one frame is made to measure.
        side: Of the result in pixels, where it is not the model's own.
    """
    if model.device.type == "cpu":
        return 4 if model.config.size <= 128 else 1
    if model.device.type != "cuda":
        return 4
    each = _memory_of_one(model, side or model.config.picture_size)
    free = torch.cuda.mem_get_info(model.device)[0]
    kept = torch.cuda.memory_reserved(model.device) - torch.cuda.memory_allocated(model.device)
    return fitting_batch(each, free + kept)


def fitting_batch(each: int, free: int) -> int:
    """The largest power of two up to ``MOST`` of which this share of the free bytes holds all; 1 at least."""
    fits = max(int(USABLE * free / max(each, 1)), 1)
    return min(1 << (fits.bit_length() - 1), MOST)


@torch.inference_mode()
def _memory_of_one(model: Model, side: int) -> int:
    """Bytes that a CUDA device needs at most while it makes one frame."""
    seen = torch.zeros(1, 3, model.config.size, model.config.size, device=model.device)
    picture = torch.zeros(1, 3, side, side, device=model.device)
    with memory_explained(model, "one frame"):
        keypoints = model.detect(seen)
        source = model.encode(picture)
        before = torch.cuda.memory_allocated(model.device)
        torch.cuda.reset_peak_memory_stats(model.device)
        model.detect(seen)
        model.fast.generate(source, keypoints, keypoints)
        return torch.cuda.max_memory_allocated(model.device) - before


class Generator:
    """Generates batches; out of memory, it goes over to half batches, once, and then gives up with a clear error."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.halved = False

    def generate(self, source: EncodedSource, source_keypoints: Keypoints, keypoints: Keypoints) -> Generated:
        count = len(keypoints)
        if count > 1 and not self.halved:
            try:
                return self.model.generate(source, source_keypoints, keypoints)
            except RuntimeError as error:
                if not _is_out_of_memory(error):
                    raise
            # Outside the handler, whose traceback would keep what did not fit.
            self.halved = True
            if self.model.device.type == "cuda":
                torch.cuda.empty_cache()
        half = (count + 1) // 2
        parts = [part for part in (slice(0, half), slice(half, count)) if part.start < part.stop]
        tried = f"a batch of {count} frames" + (f", then {half}" if count > 1 else "")
        with memory_explained(self.model, tried):
            return _join(
                [
                    self.model.generate(_part(source, part), _part(source_keypoints, part), keypoints[part])
                    for part in parts
                ]
            )


def _join(parts: list[Generated]) -> Generated:
    columns = ([getattr(part, field.name) for part in parts] for field in fields(Generated))
    return Generated(*(None if column[0] is None else torch.cat(column) for column in columns))


def _part(batch: T, part: slice) -> T:
    """A part of a batch; a batch of one serves every part."""
    return batch if len(batch) == 1 else batch[part]  # type: ignore[arg-type,index]


def _is_out_of_memory(error: RuntimeError) -> bool:
    """CUDA has its own class; the others say so in words."""
    words = ("out of memory", "allocate memory", "not enough memory")
    return isinstance(error, torch.cuda.OutOfMemoryError) or any(word in str(error).lower() for word in words)


@contextmanager
def memory_explained(model: Model, tried: str) -> Iterator[None]:
    """Say clearly that what was tried did not fit."""
    try:
        yield
    except RuntimeError as error:
        if not _is_out_of_memory(error):
            raise
        raise OutOfMemoryError(
            f"{model.device} has too little memory",
            got=tried,
            todo="Set batch_size=1, a smaller size or another device, or close what else uses it",
        ) from error
