"""Memory: how many frames fit into a device at once, and what happens when they do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

from motionkit.errors import OutOfMemoryError

__all__ = ["Memory"]

T = TypeVar("T")
MOST = 16  # frames at once on a GPU; more of them fill it no better
USABLE = 0.5  # of the free memory: two batches are under way, and others use the GPU too


class Memory:
    """A device's memory, as one model uses it.

    Args:
        device: Where the model computes.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._fits: dict[int, int] = {}  # frames at once, by side, where more did not fit

    def usual_batch(self, side: int, one: Callable[[], int]) -> int:
        """Frames at once: GPUs want many; on a CPU a few small pictures hide the overhead, large ones do not gain.

        Args:
            side: Side in pixels of the pictures that the networks see.
            one: Measures the bytes that one frame needs; called on a CUDA device only.
        """
        if self.device.type == "cpu":
            return 4 if side <= 128 else 1
        if self.device.type != "cuda":
            return 4
        each = one()
        free = torch.cuda.mem_get_info(self.device)[0]
        kept = torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(self.device)
        return fitting_batch(each, free + kept)

    def in_parts(self, count: int, side: int, make: Callable[[slice], T], join: Callable[[list[T]], T]) -> T:
        """Make a batch whole; out of memory, in halves, and from then on without trying what did not fit.

        Args:
            count: Frames of the batch.
            side: Side in pixels of the result.
            make: Makes a part of the batch.
            join: Puts parts together.

        Raises:
            OutOfMemoryError: Half a batch does not fit either.
        """
        if 1 < count <= self._fits.get(side, count):
            try:
                return make(slice(0, count))
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
            # Outside the handler, whose traceback would keep what did not fit.
            self._fits[side] = (count + 1) // 2
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
        half = (count + 1) // 2
        parts = [part for part in (slice(0, half), slice(half, count)) if part.start < part.stop]
        with self.explained(f"a batch of {count} frames" + (f", then {half}" if count > 1 else "")):
            return join([make(part) for part in parts])

    @contextmanager
    def explained(self, tried: str) -> Iterator[None]:
        """Turn PyTorch's error into one that names what was tried.

        Args:
            tried: What is computed inside the context.

        Raises:
            OutOfMemoryError: It does not fit into the device's memory.
        """
        try:
            yield
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise OutOfMemoryError(
                f"{self.device} has too little memory",
                got=tried,
                todo="Set batch_size=1, a smaller size or another device, or close what else uses it",
            ) from error


def fitting_batch(each: int, free: int) -> int:
    """The largest power of two up to ``MOST`` of which this share of the free bytes holds all; 1 at least.

    Args:
        each: Bytes for one frame.
        free: Bytes that are free.
    """
    fits = max(int(USABLE * free / max(each, 1)), 1)
    return min(1 << (fits.bit_length() - 1), MOST)


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether PyTorch ran out of memory: CUDA has its own class; the others show it in the message alone."""
    words = ("out of memory", "allocate memory", "not enough memory")
    return isinstance(error, torch.cuda.OutOfMemoryError) or any(word in str(error).lower() for word in words)
