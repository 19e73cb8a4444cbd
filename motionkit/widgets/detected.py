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
from motionkit.structures import Detected, Keypoints

__all__ = ["DetectedDriving", "SmoothedMotion"]

# A frame this much further on than detection has come is read and looked at by itself.
FAR = 8

Check = Callable[[], None]


@dataclass(frozen=True)
class _Seen:
    """One frame: its keypoints, batch 1, its picture as JPEG, None where a template drives, and its scene."""

    keypoints: Keypoints
    picture: bytes | None
    scene: int = 0


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
            scene = batch.scenes[i] if batch.scenes else 0
            self._seen.append(_Seen(batch.keypoints[i : i + 1], picture, scene))
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

    def scene(self, index: int) -> int:
        """Of one frame that is there; one far beyond where detection has come counts as one of the first scene."""
        return self._at(index).scene

    def batches(self) -> Iterator[Detected]:
        """All frames from the first one on, one by one, looking on as far as they are taken."""
        index = 0
        while self.reaches(index):
            yield Detected(self._seen[index].keypoints, scenes=[self._seen[index].scene])
            index += 1

    def moved(self, index: int, source: Keypoints, mover: Mover) -> Keypoints:
        """The source's keypoints as one frame that is there moves them, without smoothing.

        Args:
            index: The frame's.
            source: The source's keypoints at it, batch 1.
            mover: Of the options; scenes whose reference it lacks get their first frame that is not lost.
        """
        pose: _Seen | None = self._at(index)
        assert pose is not None
        ahead = index >= self.ready  # its scene is not known
        if mover.lost(source, pose.keypoints)[0]:
            pose = self._before(index, source, mover) if mover.options.lost == "hold" else None
            if pose is None:
                return source
        if pose.scene not in mover.references:
            for first in self._followed(source, mover):
                if ahead or first.scene == pose.scene:
                    mover.references[pose.scene] = first.keypoints
                    break
        return mover.move_at_once(source, pose.keypoints, pose.scene)

    def _before(self, index: int, source: Keypoints, mover: Mover) -> _Seen | None:
        """The last frame before this one that is not lost; looks on as far as that needs."""
        self.reaches(index)
        before = reversed(self._seen[:index])
        return next((seen for seen in before if not mover.lost(source, seen.keypoints)[0]), None)

    def _followed(self, source: Keypoints, mover: Mover) -> Iterator[_Seen]:
        """The frames that are not lost from the first one on, looking on as far as they are taken."""
        index = 0
        while self.reaches(index):
            seen = self._seen[index]
            if not mover.lost(source, seen.keypoints)[0]:
                yield seen
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
                [self._driving.scene(at) for at in new],
            )
            self._moved += [moved[at : at + 1] for at in range(len(new))]
        return self._moved[index]
