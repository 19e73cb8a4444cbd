"""Keypoints of a clip found once, batch after batch, as far as they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, cast

from motionkit.animation.driving import detect
from motionkit.frames import Frame
from motionkit.media.jpeg import decode_jpeg, encode_jpeg
from motionkit.model import Model
from motionkit.motion.mover import Mover
from motionkit.pipeline.driving import SeenDriving
from motionkit.structures import Keypoints

__all__ = ["DetectedDriving", "SmoothedMotion"]

# A frame this much further on than detection has come is read and looked at by itself.
FAR = 8

Check = Callable[[], None]


@dataclass(frozen=True)
class _Seen:
    """One frame: its keypoints, batch 1, and its picture as JPEG, None where a template drives."""

    keypoints: Keypoints
    picture: bytes | None


class DetectedDriving:
    """A driving whose keypoints are found when they are first needed, and kept.

    Memory grows by some kilobytes a frame: keypoints and a small JPEG.

    Args:
        drive: As the model sees it.
        model: Finds the keypoints.
        check: Called before each further batch; what it raises stops the waiting.

    Attributes:
        finished: Whether detection has come to the end, or was closed.
    """

    def __init__(self, drive: SeenDriving, model: Model, *, check: Check = lambda: None) -> None:
        self._drive, self._model, self._check = drive, model, check
        self._batches = cast("Generator[Any, None, None]", drive.batches(model, model.usual_batch()))
        self._seen: list[_Seen] = []
        self._ahead: dict[int, _Seen] = {}
        self.finished = False

    @property
    def ready(self) -> int:
        """Number of frames that detection has come to."""
        return len(self._seen)

    def step(self) -> bool:
        """Look at the next batch; False at the clip's end."""
        batch = None
        try:
            batch = next(self._batches, None)
        finally:
            self.finished = batch is None
        if batch is None:
            return False
        for i in range(len(batch)):
            picture = None if batch.frames is None else encode_jpeg(batch.frames[i])
            self._seen.append(_Seen(batch.keypoints[i : i + 1], picture))
        return True

    def close(self) -> None:
        """Look no further and let go of the clip's file; call it in the thread that looks."""
        self._batches.close()
        self.finished = True

    def reaches(self, index: int) -> bool:
        """Look on until frame ``index`` is there; False where the clip ends before."""
        while self.ready <= index and not self.finished:
            self._check()
            self.step()
        return index < self.ready

    def keypoints(self, index: int) -> Keypoints:
        """Of one frame that is there, batch 1."""
        return self._at(index).keypoints

    def picture(self, index: int) -> Frame | None:
        """One frame that is there, as the model sees it; None where a template drives."""
        data = self._at(index).picture
        return None if data is None else decode_jpeg(data)

    def batches(self) -> Iterator[Keypoints]:
        """The keypoints of all frames from the first one on, looking on as far as they are taken."""
        index = 0
        while self.reaches(index):
            yield self._seen[index].keypoints
            index += 1

    def glimpse(self, index: int) -> bool:
        """Make frame ``index`` be there, by itself where detection is far from it; False where there is none."""
        if index < self.ready or index in self._ahead:
            return True
        if index < self.ready + FAR or self.finished:
            return self.reaches(index)
        square = self._drive.square_at(index)
        if square is None:  # the way in order knows what to do
            return self.reaches(index)
        (found,) = detect([square], self._model, 1)
        self._ahead[index] = _Seen(found.keypoints, encode_jpeg(square))
        return True

    def _at(self, index: int) -> _Seen:
        return self._seen[index] if index < self.ready else self._ahead[index]


class SmoothedMotion:
    """The source's keypoints as one set of options moves them, frame after frame, smoothed over time and kept.

    Args:
        source: Gives the source's keypoints, batch 1, for a frame's index.
        source_moves: Whether they differ from frame to frame.
        driving: Gives the driving's.
        mover: Of these options, with its reference.
    """

    def __init__(
        self, source: Callable[[int], Keypoints], source_moves: bool, driving: DetectedDriving, mover: Mover
    ) -> None:
        self._source, self._source_moves = source, source_moves
        self._driving, self._mover = driving, mover
        self._moved: list[Keypoints] = []

    def keypoints(self, index: int) -> Keypoints:
        """Of one frame, batch 1; needs all frames before it."""
        new = range(len(self._moved), index + 1)
        if new:
            self._driving.reaches(index)
            # Together: a hundred small transfers would take longer than the model's step.
            moved = self._mover.move(
                Keypoints.cat([self._source(at) for at in new]) if self._source_moves else self._source(0),
                Keypoints.cat([self._driving.keypoints(at) for at in new]),
            )
            self._moved += [moved[at : at + 1] for at in range(len(new))]
        return self._moved[index]
