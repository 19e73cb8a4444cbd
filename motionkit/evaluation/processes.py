"""One process, or several that ``accelerate launch`` started, each with a part of the clips."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from motionkit.errors import MissingPackageError

__all__ = ["Processes", "join"]

T = TypeVar("T")
PATIENCE = timedelta(days=7)  # for which one that has finished waits for the others


@dataclass(frozen=True)
class Processes:
    """The processes that evaluate together.

    Attributes:
        rank: This one's number, from 0, which writes the results.
        count: How many there are.
        device: This one's, as ``load_model`` takes it.
        state: accelerate's, None for a single process.
    """

    rank: int
    count: int
    device: Any
    state: Any = None

    @property
    def main(self) -> bool:
        """Whether this is the one that writes the results."""
        return self.rank == 0

    def share(self, work: Sequence[T]) -> list[T]:
        """This process's part of the work, of which all must have the same list."""
        return list(work[self.rank :: self.count])

    def wait(self) -> None:
        """Wait until all have come so far."""
        if self.state is not None:
            self.state.wait_for_everyone()

    def leave(self) -> None:
        """Leave the group; one that is still there at the interpreter's end aborts it now and then."""
        if self.state is not None:
            self.state.destroy_process_group()


def join(device: Any = None) -> Processes:
    """Join the processes that were launched together, if any.

    Args:
        device: "cpu", "cuda", …; None is the best that is there. With several processes, each has a device of its own,
            unless all are to compute on "cpu".

    Raises:
        MissingPackageError: There are several, and accelerate is not installed.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Processes(0, 1, device)
    try:
        from accelerate import PartialState
    except ImportError:
        todo = 'pip install "motionkit[evaluate]"'
        raise MissingPackageError("Several processes need accelerate", got="WORLD_SIZE above 1", todo=todo) from None
    cpu = str(device) == "cpu" or os.environ.get("ACCELERATE_USE_CPU", "").lower() in ("true", "yes", "1")
    state = PartialState(cpu=cpu, timeout=PATIENCE)
    return Processes(state.process_index, state.num_processes, str(state.device), state)
