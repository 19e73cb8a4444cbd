"""The quality gate: whether a result shows what was asked for, by the keypoints that the model finds in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from motionkit.data.multiplication.options import MultiplyOptions
from motionkit.frames import Frame
from motionkit.model import Model
from motionkit.motion.movement import extents
from motionkit.motion.presence import lost
from motionkit.structures import Keypoints
from motionkit.tensors import to_tensor

__all__ = ["DRIVING_LOST", "FACE_LOST", "NOT_FOLLOWED", "Gate", "Verdict"]

NOT_FOLLOWED = "The keypoints do not follow"
FACE_LOST = "The face is lost"
DRIVING_LOST = "The driving shows nothing that the model knows"
# Of the frames that are looked at, so many may be bad: a blink of the detector is no bad clip.
FORGIVEN = 0.25


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says of one result.

    Attributes:
        error: Mean distance of the keypoints from those that were asked for, in units of the source's extent; None
            where nothing was looked at.
        reason: Why it is rejected, None where it is not.
    """

    error: float | None = None
    reason: str | None = None


@dataclass
class Gate:
    """Looks at the frames of one result; what it saw of each is kept.

    Args:
        model: Finds the keypoints.
        options: How far they may be off.
        source: The source's keypoints, batch 1.
    """

    model: Model
    options: MultiplyOptions
    source: Keypoints
    _errors: list[float] = field(default_factory=list)
    _lost: list[bool] = field(default_factory=list)

    def look(self, frames: Sequence[Frame], wanted: Keypoints) -> None:
        """Look at more frames.

        Args:
            frames: Results, S S 3 uint8.
            wanted: The keypoints that were asked for, as many.
        """
        seen = self.model.detect(to_tensor(frames, size=self.model.config.size, device=self.model.device)).to("cpu")
        distance = (seen.value - wanted.value.to("cpu")).norm(dim=-1).mean(dim=1)
        sized_by = self.model.config.sized_by
        self._errors += (distance / extents(self.source, sized_by=sized_by)[0]).tolist()
        self._lost += lost(self.source, seen, sized_by=sized_by)

    def of_each(self) -> list[Verdict]:
        """What is said of each frame by itself."""
        return [self._verdict([error], [gone]) for error, gone in zip(self._errors, self._lost, strict=True)]

    def of_all(self) -> Verdict:
        """What is said of all frames as one clip."""
        return self._verdict(self._errors, self._lost) if self._errors else Verdict()

    def _verdict(self, errors: Sequence[float], gone: Sequence[bool]) -> Verdict:
        mean = round(sum(errors) / len(errors), 5)
        if sum(gone) > FORGIVEN * len(gone):
            return Verdict(mean, FACE_LOST)
        # Written so that an error that is no number is none of those that follow.
        following = [error < self.options.follow_limit for error in errors]
        if len(following) - sum(following) > FORGIVEN * len(following):
            return Verdict(mean, NOT_FOLLOWED)
        return Verdict(mean)
