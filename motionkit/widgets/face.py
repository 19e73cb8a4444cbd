"""One square of the panel's source, ready to be animated at any of the driving's frames."""

from __future__ import annotations

from itertools import islice

from motionkit import faces
from motionkit.animation.source import EncodedFrames
from motionkit.fast import EncodedSource
from motionkit.frames import Frame
from motionkit.media.seeking import read_frames_at
from motionkit.model import Model
from motionkit.pipeline.clips import CroppedClip
from motionkit.pipeline.squares import SceneSquares
from motionkit.pipeline.subject import Subject
from motionkit.structures import Box, Keypoints
from motionkit.widgets.detected import Check, DetectedDriving
from motionkit.widgets.kept import Kept

__all__ = ["Face"]


class Face:
    """One square of the source, encoded: of a picture once, of a clip frame by frame, looped.

    Args:
        subject: The source.
        box: The square.
        model: Encodes it and finds its keypoints.
        check: Called now and then while keypoints are looked for; what it raises stops the work.
    """

    def __init__(self, subject: Subject, box: Box, model: Model, check: Check) -> None:
        self._subject, self._model, self._box = subject, model, box
        self._still: EncodedFrames | None = None
        self._clip: DetectedDriving | None = None
        if subject.clip is None:
            self._still = EncodedFrames(subject.squares(box), model, subject.size)
        else:
            self._clip = DetectedDriving(CroppedClip(subject.clip, SceneSquares(box), subject.size), model, check=check)
        self._latest = Kept[EncodedFrames]()

    def close(self) -> None:
        """Let go of a clip's file."""
        if self._clip is not None:
            self._clip.close()

    @property
    def moves(self) -> bool:
        """Whether the source is a clip."""
        return self._clip is not None

    def keypoints(self, index: int) -> Keypoints:
        """The source's own, batch 1."""
        return self._frames(index).first_keypoints if self._clip is None else self._clip.keypoints(self._looped(index))

    def encoded(self, index: int) -> tuple[EncodedSource, Keypoints, Frame]:
        """What the generator wants of the source, and the frame itself."""
        encoded, keypoints, frames = self._frames(index).take(1)
        return encoded, keypoints, frames[0]

    def whole(self, index: int) -> Frame:
        """The whole source frame."""
        return self._subject.first_picture() if self._clip is None else self._read(self._looped(index))

    def _frames(self, index: int) -> EncodedFrames:
        if self._still is not None:
            return self._still
        at = self._looped(index)
        return self._latest.get(at, make=lambda: EncodedFrames(self._square(at), self._model, self._subject.size))

    def _square(self, at: int) -> Frame:
        return faces.crop(self._read(at), self._box, size=self._subject.size)

    def _read(self, at: int) -> Frame:
        clip = self._subject.clip
        assert clip is not None
        if clip.seekable:
            return read_frames_at(clip.info.path, [at])[0]
        return next(islice(clip, at, None))  # resampled: only reading in order knows which frame has this place

    def _looped(self, index: int) -> int:
        assert self._clip is not None
        return index if self._clip.reaches(index) else index % self._clip.ready
