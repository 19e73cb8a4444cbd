"""Live animation without a widget: a source, driving frames as they come, results with what each step took."""

from __future__ import annotations

import math
import time
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from motionkit import media, trust
from motionkit.animation.source import EncodedFrames
from motionkit.config import AnimateOptions
from motionkit.errors import InputError
from motionkit.frames import Frame, check_frame
from motionkit.model import Model, check_model
from motionkit.motion.mover import Mover
from motionkit.pipeline.clips import Glimpse
from motionkit.structures import Keypoints
from motionkit.tensors import to_frames, to_tensor

__all__ = ["RECORDING_FPS", "LiveResult", "LiveSession", "RecordedClip", "Recorder", "StepTimes"]

RECORDING_FPS = Fraction(25)
# After a longer pause the pose may be any other: smoothing begins anew.
PAUSE = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class StepTimes:
    """Seconds that the steps of one result took; ``detect`` and ``generate`` are the networks'."""

    detect: float
    transfer: float
    generate: float
    finish: float

    @property
    def total(self) -> float:
        """Seconds of all steps together."""
        return self.detect + self.transfer + self.generate + self.finish


@dataclass(frozen=True, slots=True)
class LiveResult:
    """One live result.

    Attributes:
        frame: S S 3 uint8, labelled unless the options say otherwise.
        index: Results before it.
        driving_keypoints: As detected, batch 1.
        times: What the steps took.
    """

    frame: Frame
    index: int
    driving_keypoints: Keypoints
    times: StepTimes


class LiveSession:
    """One source that is moved by driving frames as they come.

    The source is encoded once. The first driving frame is the neutral pose of relative motion until ``calibrate`` is
    called. Smoothing goes by the frames' own times, so that an uneven rate does no harm.

    Args:
        model: As ``load_model`` gives it.
        source: A square H W 3 uint8 picture.
        options: None is the defaults; may be replaced at any time.
        mirror: Take driving frames flipped, as one sees oneself in a mirror.

    Attributes:
        model: The model.
        mirror: May be set at any time; the neutral pose follows. Keypoints handed to ``follow`` are never flipped.

    Raises:
        InputError: The source is not square, or an option has no meaning here.
    """

    def __init__(
        self, model: Model, source: Frame, *, options: AnimateOptions | None = None, mirror: bool = False
    ) -> None:
        check_model(model)
        self.model, self.mirror = model, mirror
        options = _checked(AnimateOptions.given(options))
        self._mover = Mover(model.config, options)
        self._recorder: Recorder | None = None
        self._count = 0
        self._last_time = -math.inf
        self._held: Keypoints | None = None  # of the last driving frame
        self.calibrate()
        self.set_source(source)

    @property
    def options(self) -> AnimateOptions:
        """What the next step goes by."""
        return self._mover.options

    @options.setter
    def options(self, options: AnimateOptions) -> None:
        self._mover.options = _checked(AnimateOptions.given(options))

    def set_source(self, source: Frame) -> None:
        """Go on with another source, a square H W 3 uint8 picture; the neutral pose stays."""
        size = self.model.picture_side(self.options.size)
        self._encoded, self._source_keypoints, _ = EncodedFrames(source, self.model, size).take(1)

    def calibrate(self) -> None:
        """Make the next driving frame that is not lost the neutral pose."""
        self._mover.references.clear()
        self._reference_frame: Frame | None = None
        self._reference_mirrored = False

    def restart(self) -> None:
        """Forget the driving: another camera or clip comes next."""
        self.calibrate()
        self._held = None
        self._mover.restart()

    def step(self, driving: Frame, *, at: float | None = None) -> LiveResult:
        """The source in the pose of the next driving frame.

        Args:
            driving: A square H W 3 uint8 frame.
            at: The frame's time in seconds, of any clock that only runs forward; None is now.

        Raises:
            InputError: The frame is no square picture.
        """
        at = time.monotonic() if at is None else at
        begun = time.perf_counter()
        mirrored = self.mirror
        detected = self._detect(driving, mirrored)
        if not self._mover.references:
            self._reference_frame = driving.copy()
        elif self._reference_frame is not None and self._reference_mirrored != mirrored:
            self._mover.references[0] = self._detect(self._reference_frame, mirrored)
        self._reference_mirrored = mirrored
        return self._move(detected, at, begun)

    def follow(self, driving: Keypoints, *, at: float | None = None) -> LiveResult:
        """As ``step``, with keypoints that this model detected, batch 1, in place of a frame."""
        at = time.monotonic() if at is None else at
        return self._move(driving, at, time.perf_counter())

    def see(self, driving: Glimpse, *, at: float | None = None) -> LiveResult:
        """``step`` or ``follow``, as the driving has a frame or keypoints."""
        if driving.frame is not None:
            return self.step(driving.frame, at=at)
        assert driving.keypoints is not None
        return self.follow(driving.keypoints, at=at)

    def redraw(self, *, at: float | None = None) -> LiveResult | None:
        """The last pose again under the present options, without smoothing; None if there was none."""
        if self._held is None:
            return None
        at = time.monotonic() if at is None else at
        begun = time.perf_counter()
        self._mover.forget()
        keypoints = self._mover.move_at_once(self._source_keypoints, self._held)
        return self._finish(keypoints, self._held, at, begun, begun)

    def record(self, path: str | Path, *, fps: Fraction = RECORDING_FPS) -> None:
        """Write the results from now on into a clip.

        Raises:
            InputError, MediaError: It cannot be written there, or a recording is under way.
        """
        if self._recorder is not None:
            raise InputError("A recording is under way", got=str(self._recorder.path), todo="Stop it first")
        model = (self.model.config.name, self.model.fingerprint)
        self._recorder = Recorder(path, fps=fps, seal=trust.make_seal([], model=model))

    @property
    def recording(self) -> bool:
        """Whether results are being recorded."""
        return self._recorder is not None

    def stop_recording(self, *, at: float | None = None) -> RecordedClip:
        """Finish the clip; the last result lasts until now.

        Raises:
            InputError: Nothing is being recorded, or no result has come since ``record``.
        """
        if self._recorder is None:
            raise InputError("Nothing is being recorded")
        recorder, self._recorder = self._recorder, None
        return recorder.finish(time.monotonic() if at is None else at)

    def close(self) -> None:
        """Drop a recording that is under way; a no-op otherwise."""
        if self._recorder is not None:
            recorder, self._recorder = self._recorder, None
            recorder.discard()

    def _detect(self, frame: Frame, mirrored: bool) -> Keypoints:
        height, width = check_frame(frame, what="driving frame").shape[:2]
        if height != width:
            raise InputError("The driving frame is not square", got=f"{width}x{height} pixels", expected="a square")
        seen = np.ascontiguousarray(frame[:, ::-1]) if mirrored else frame
        images = to_tensor([seen], size=self.model.config.size, device=self.model.device)
        # Motion transfer is many small steps, which cost least on the CPU.
        return self.model.detect(images).to("cpu")

    def _move(self, detected: Keypoints, at: float, begun: float) -> LiveResult:
        """The source as the next driving keypoints move it, smoothed by the time that has passed."""
        if not self._mover.lost(self._source_keypoints, detected)[0]:
            self._held = detected
        found = time.perf_counter()
        passed = at - self._last_time
        self._last_time = at
        if not 0 < passed < PAUSE:
            self._mover.forget()
            keypoints = self._mover.move(self._source_keypoints, detected)
        else:
            keypoints = self._mover.move(self._source_keypoints, detected, seconds=passed)
        return self._finish(keypoints, detected, at, begun, found)

    def _finish(self, keypoints: Keypoints, detected: Keypoints, at: float, begun: float, found: float) -> LiveResult:
        moved = time.perf_counter()
        generated = self.model.generate(self._encoded, self._source_keypoints, keypoints)
        frame = to_frames(generated.image)[0]
        made = time.perf_counter()
        frame = trust.finished_frame(frame, self.options)
        if self._recorder is not None:
            self._recorder.add(frame, at)
        done = time.perf_counter()
        self._count += 1
        times = StepTimes(found - begun, moved - found, made - moved, done - made)
        return LiveResult(frame, self._count - 1, detected, times)


def _checked(options: AnimateOptions) -> AnimateOptions:
    """The options, if they have a meaning for live motion; InputError else."""
    if options.reference not in ("first", 0):
        raise InputError(
            "A live driving has no best frame and no frame by index",
            got=f"reference={options.reference!r}",
            expected='"first"',
            todo="Calibrate in the pose that is to be neutral",
        )
    if options.pasted:
        raise InputError("Live results are squares, not pasted back", todo="Leave paste_back out, and choose one face")
    return options


@dataclass(frozen=True, slots=True)
class RecordedClip:
    """A finished recording.

    Attributes:
        path: The file.
        frames: Frames in it, at its own rate.
        results: Different results among them.
        seconds: Its length.
    """

    path: Path
    frames: int
    results: int
    seconds: float


class Recorder:
    """Frames that come when they come, into a clip of a fixed rate whose time is true.

    A frame is shown from its own time to the next one's: it is repeated where the next one is late, and dropped where
    the next one comes within the same slot of the clip.

    Args:
        path: As for ``media.VideoWriter``; the file is there once ``finish`` has returned.
        fps: Of the clip.
        seal: Signs the clip.
    """

    def __init__(self, path: str | Path, *, fps: Fraction = RECORDING_FPS, seal: trust.Seal | None = None) -> None:
        self.path, self.fps = Path(path), fps
        self._stack = ExitStack()
        writer = media.VideoWriter(path, fps=fps, metadata=trust.container_metadata(), seal=seal)
        self._writer = self._stack.enter_context(writer)
        self._held: Frame | None = None
        self._begun = 0.0
        self._results = 0

    def add(self, frame: Frame, at: float) -> None:
        """Add an H W 3 uint8 frame with its time in seconds."""
        if self._held is None:
            self._begun = at
        elif self._fill(self._slot(at)):
            self._results += 1
        self._held = frame

    def finish(self, at: float) -> RecordedClip:
        """Close the clip; the last frame lasts until this time.

        Raises:
            InputError: There is no frame.
        """
        with self._stack:
            if self._held is not None and self._fill(max(self._slot(at), self._writer.count + 1)):
                self._results += 1
        count = self._writer.count
        return RecordedClip(self.path, count, self._results, float(count / self.fps))

    def discard(self) -> None:
        """Close without a clip."""
        error = KeyboardInterrupt()
        self._stack.__exit__(type(error), error, None)

    def _slot(self, at: float) -> int:
        return round((at - self._begun) * self.fps)

    def _fill(self, end: int) -> bool:
        """Write the held frame into all free slots before ``end``; whether there was one."""
        assert self._held is not None
        first = self._writer.count
        for _ in range(first, end):
            self._writer.write(self._held)
        return self._writer.count > first
