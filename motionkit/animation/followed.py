"""What of a driving could be followed, for the one warning that says so."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from motionkit.animation.driving import Driving
from motionkit.errors import MotionkitWarning

__all__ = ["Followed"]

SHOWN = 5  # spans that a warning names


class Followed:
    """Counts a driving's frames: which were lost, and where its scenes change.

    Args:
        driving: For its name and rate.
    """

    def __init__(self, driving: Driving) -> None:
        self._fps = driving.fps
        self._name = "The driving" if driving.path is None else f"The driving {driving.path.name}"
        self._frames = 0
        self._spans: list[list[int]] = []  # of lost frames: first, and the one after the last
        self._scene: int | None = None
        self._cuts: list[int] = []

    def add(self, lost: Sequence[bool], scenes: Sequence[int] | None) -> None:
        """Add the next frames: whether each is lost, and its scene."""
        for at, missing in enumerate(lost):
            if missing:
                if not self._spans or self._spans[-1][1] != self._frames:
                    self._spans.append([self._frames, self._frames])
                self._spans[-1][1] = self._frames + 1
            elif scenes is not None:
                if self._scene not in (None, scenes[at]):
                    self._cuts.append(self._frames)
                self._scene = scenes[at]
            self._frames += 1

    def warn(self, way: str) -> None:
        """Warn where frames were lost or the scene has changed; not otherwise, nor where all was followed.

        Args:
            way: As ``AnimateOptions.lost``, what was done.
        """
        if way == "follow":
            return
        if self._spans:
            when = self._list([f"{self._time(a)}-{self._time(b)}" for a, b in self._spans])
            begun = ", at the start the source's own," if self._spans[0][0] == 0 else ""
            done = f"the last pose{begun} is held there" if way == "hold" else "the source is shown there as it is"
            count = sum(b - a for a, b in self._spans)
            self._say(
                f"{self._name} shows nothing that the model knows at {when} s ({count} of {self._frames} frames); "
                f'{done}. lost="follow" moves by it all the same.'
            )
        if self._cuts:
            when = self._list([self._time(at) for at in self._cuts])
            self._say(f"{self._name} cuts to another scene at {when} s; each has its own neutral pose.")

    def _time(self, frame: int) -> str:
        return f"{float(frame / self._fps):.2f}"

    @staticmethod
    def _list(times: list[str]) -> str:
        rest = len(times) - SHOWN
        return ", ".join(times[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")

    @staticmethod
    def _say(text: str) -> None:
        warnings.warn(text, MotionkitWarning, stacklevel=4)
