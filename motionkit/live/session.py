"""Live animation without a widget: a source, driving frames as they come, results with what each step took."""

from __future__ import annotations

import math
import time
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from motionkit import media, motion, trust
from motionkit.animation.moments import Generator, Source, move, picture_side
from motionkit.config import AnimateOptions
from motionkit.errors import InputError
from motionkit.frames import check_frame
from motionkit.model import Model
from motionkit.structures import Keypoints
from motionkit.tensors import to_frames, to_tensor

__all__ = ["RECORDING_FPS", "LiveResult", "LiveSession", "RecordedClip", "Recorder", "StepTimes"]

RECORDING_FPS = Fraction(25)
# After a longer pause the pose may be any other: smoothing begins anew.
PAUSE = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class StepTimes:
    """Seconds that the steps of one result took; `detect` and `generate` are the networks'."""

    detect: float
    transfer: float
    generate: float
    finish: float

    @property
    def total(self) -> float:
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

    frame: np.ndarray
    index: int
    driving_keypoints: Keypoints
    times: StepTimes


class LiveSession:
    """One source that is moved by driving frames as they come.

    The source is encoded once. The first driving frame is the neutral pose of relative motion until `calibrate` is
    called. Smoothing goes by the frames' own times, so that an uneven rate does no harm.

    Args:
        model: As ``load_model`` gives it.
        source: A square H W 3 uint8 picture.
        options: None is the defaults; may be replaced at any time.
        mirror: Take driving frames flipped, as one sees oneself in a mirror.

    Attributes:
        model: The model.
        mirror: May be set at any time; the neutral pose follows. Keypoints handed to `step` are never flipped.

    Raises:
        InputError: The source is not square, or an option has no meaning here.
    """

    def __init__(
        self, model: Model, source: np.ndarray, *, options: AnimateOptions | None = None, mirror: bool = False
    ) -> None:
        self.model, self.mirror = model, mirror
        self.options = options or AnimateOptions()
        self._generator = Generator(model)
        self._smoother = motion.Smoother(0.0)
        self._recorder: Recorder | None = None
        self._count = 0
        self._last_time = -math.inf
        self._held: Keypoints | None = None  # of the last driving frame
        self.calibrate()
        self.set_source(source)

    @property
    def options(self) -> AnimateOptions:
        """What the next step goes by."""
        return self._options

    @options.setter
    def options(self, options: AnimateOptions) -> None:
        if options.reference not in ("first", 0):
            raise InputError(
                "A live driving has no best frame and no frame by index",
                got=f"reference={options.reference!r}",
                expected='"first"',
                todo="Calibrate in the pose that is to be neutral",
            )
        if options.paste_back:
            raise InputError("Live results are squares, not pasted back", todo="Leave paste_back out")
        # Computed here: a wrong name is told where it was given, and steps lose no time on it.
        self._gains = motion.keypoint_gains(options.gains, self.model.config)
        self._options = options

    def set_source(self, source: np.ndarray) -> None:
        """Go on with another source, a square H W 3 uint8 picture; the neutral pose stays."""
        size = picture_side(self.model.config, self.options.size)
        self._encoded, self._source_keypoints, _ = Source(source, self.model, size).take(1)

    def calibrate(self) -> None:
        """Make the next driving frame the neutral pose."""
        self._reference: Keypoints | None = None
        self._reference_frame: np.ndarray | None = None
        self._reference_mirrored = False

    def restart(self) -> None:
        """Forget the driving: another camera or clip comes next."""
        self.calibrate()
        self._held = None
        self._smoother.reset()

    def step(self, driving: np.ndarray | Keypoints, *, at: float | None = None) -> LiveResult:
        """The source in the pose of the next driving frame.

        Args:
            driving: A square H W 3 uint8 frame, or keypoints that this model detected, batch 1.
            at: The frame's time in seconds, of any clock that only runs forward; None is now.

        Raises:
            InputError: The frame is no square picture.
        """
        at = time.monotonic() if at is None else at
        begun = time.perf_counter()
        mirrored = self.mirror
        detected = driving if isinstance(driving, Keypoints) else self._detect(driving, mirrored)
        if self._reference is None:
            self._reference = detected
            self._reference_frame = None if isinstance(driving, Keypoints) else driving.copy()
        elif self._reference_frame is not None and self._reference_mirrored != mirrored:
            self._reference = self._detect(self._reference_frame, mirrored)
        self._reference_mirrored = mirrored
        self._held = detected
        found = time.perf_counter()
        keypoints = self._smooth(self._moved(detected, self._reference), at)
        return self._finish(keypoints, detected, at, begun, found)

    def redraw(self, *, at: float | None = None) -> LiveResult | None:
        """The last pose again under the present options, without smoothing; None if there was none."""
        if self._held is None:
            return None
        at = time.monotonic() if at is None else at
        begun = time.perf_counter()
        reference = self._reference or self._held
        self._smoother.reset()
        return self._finish(self._moved(self._held, reference), self._held, at, begun, begun)

    def record(self, path: str | Path, *, fps: Fraction = RECORDING_FPS) -> None:
        """Write the results from now on into a clip.

        Raises:
            InputError, MediaError: It cannot be written there, or a recording is under way.
        """
        if self._recorder is not None:
            raise InputError("A recording is under way", got=str(self._recorder.path), todo="Stop it first")
        self._recorder = Recorder(path, fps=fps)

    @property
    def recording(self) -> bool:
        return self._recorder is not None

    def stop_recording(self, *, at: float | None = None) -> RecordedClip:
        """Finish the clip; the last result lasts until now.

        Raises:
            InputError: Nothing is being recorded, or no result has come since `record`.
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

    def _detect(self, frame: np.ndarray, mirrored: bool) -> Keypoints:
        height, width = check_frame(frame, what="driving frame").shape[:2]
        if height != width:
            raise InputError("The driving frame is not square", got=f"{width}x{height} pixels", expected="a square")
        seen = np.ascontiguousarray(frame[:, ::-1]) if mirrored else frame
        images = to_tensor([seen], size=self.model.config.size, device=self.model.device)
        # Motion transfer is many small steps, which cost least on the CPU.
        return self.model.detect(images).to("cpu")

    def _moved(self, detected: Keypoints, reference: Keypoints) -> Keypoints:
        return move(self._source_keypoints, detected, reference, options=self._options, gains=self._gains)

    def _smooth(self, keypoints: Keypoints, at: float) -> Keypoints:
        passed = at - self._last_time
        self._last_time = at
        if not 0 < passed < PAUSE:
            self._smoother.reset()
        else:
            self._smoother.fps = 1 / passed  # to the filter, a rate is the time between two frames
        self._smoother.smoothing = self._options.smoothing
        return self._smoother.smooth(keypoints)

    def _finish(self, keypoints: Keypoints, detected: Keypoints, at: float, begun: float, found: float) -> LiveResult:
        moved = time.perf_counter()
        generated = self._generator.generate(self._encoded, self._source_keypoints, keypoints)
        frame = to_frames(generated.image)[0]
        made = time.perf_counter()
        if self._options.label:
            frame = trust.label_frame(frame)
        if self._recorder is not None:
            self._recorder.add(frame, at)
        done = time.perf_counter()
        self._count += 1
        times = StepTimes(found - begun, moved - found, made - moved, done - made)
        return LiveResult(frame, self._count - 1, detected, times)


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
        path: As for ``media.VideoWriter``; the file is there once `finish` has returned.
        fps: Of the clip.
    """

    def __init__(self, path: str | Path, *, fps: Fraction = RECORDING_FPS) -> None:
        self.path, self.fps = Path(path), fps
        self._stack = ExitStack()
        writer = media.VideoWriter(path, fps=fps, metadata=trust.container_metadata())
        self._writer = self._stack.enter_context(writer)
        self._held: np.ndarray | None = None
        self._begun = 0.0
        self._results = 0

    def add(self, frame: np.ndarray, at: float) -> None:
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
        """Write the held frame into all free slots before `end`; whether there was one."""
        assert self._held is not None
        first = self._writer.count
        for _ in range(first, end):
            self._writer.write(self._held)
        return self._writer.count > first
