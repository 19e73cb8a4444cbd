"""What a running animation tells and writes: progress, the result, the collage, the contact sheet."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from motionkit import media, trust
from motionkit.animation.moments import Moment
from motionkit.config import AnimateOptions
from motionkit.drawing import collage as layout
from motionkit.drawing import overlays
from motionkit.errors import AnimationCancelled
from motionkit.motion.templates import MotionTemplate
from motionkit.structures import Progress
from motionkit.tensors import to_frames

__all__ = ["Meter", "ProgressLike", "Sinks", "panels"]

ProgressLike = bool | Callable[[Progress], None]


class Meter:
    """Counts frames, shows or reports the rate and remaining time, and stops when asked to.

    Args:
        total: Frames in all, None if unknown.
        progress: True shows a bar; or a function called with a Progress after each step.
        cancel: AnimationCancelled is raised at the next step once this is set.
    """

    def __init__(self, total: int | None, progress: ProgressLike, cancel: threading.Event | None = None) -> None:
        self.done, self.total = 0, total
        self.cancel = cancel
        self.started = time.monotonic()
        self.report = progress if callable(progress) else None
        self.shown = progress is True
        self.bar: Any = None

    def __enter__(self) -> Meter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.close()

    def step(self, count: int = 1) -> None:
        """Count `count` more frames."""
        self.done += count
        if self.shown:
            self._bar().update(count)
        if self.report is not None:
            elapsed = max(time.monotonic() - self.started, 1e-9)
            self.report(Progress(done=self.done, total=self.total, rate=self.done / elapsed))
        if self.cancel is not None and self.cancel.is_set():
            raise AnimationCancelled(self.done, self.total)

    def _bar(self) -> Any:
        """The bar, made at the first step: a mistake told before it stays one clean line."""
        if self.bar is None:
            from tqdm.auto import tqdm

            self.bar = tqdm(total=self.total, unit="frame", desc="Animating")
            self.bar.start_t -= time.monotonic() - self.started
        return self.bar


class Sinks:
    """The files that an animation writes: whole when left normally, not there when left by an exception."""

    def __init__(
        self,
        output: str | Path,
        collage: str | Path | None,
        still: str | Path | None,
        *,
        driving: media.Clip | MotionTemplate,
        options: AnimateOptions,
    ) -> None:
        clip = None if isinstance(driving, MotionTemplate) else driving
        self.fps: Fraction = driving.fps if isinstance(driving, MotionTemplate) else driving.info.fps
        self.options, self.still = options, still
        self.metadata = trust.container_metadata()
        total = len(driving.keypoints) if isinstance(driving, MotionTemplate) else driving.info.frames
        audio = clip if options.audio else None
        self.writers = [
            None if path is None else media.VideoWriter(path, fps=self.fps, audio=audio, metadata=self.metadata)
            for path in (output, collage)
        ]
        self.sheet = None if still is None else layout.ContactSheet(total)
        self.stack = ExitStack()

    def __enter__(self) -> Sinks:
        for writer in self.writers:
            if writer is not None:
                self.stack.enter_context(writer)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stack.__exit__(kind, error, trace)

    def write(self, moment: Moment, result: np.ndarray) -> None:
        """Add one frame; `result` is the picture as it leaves, pasted back and labelled."""
        video, side_by_side = self.writers
        assert video is not None
        video.write(result)
        if side_by_side is None and self.sheet is None:
            return
        # The height of what the model made: a large picture pasted back into does not blow all panels up.
        shown = panels(moment, result, self.options.overlays)
        frame = layout.lay_out(shown, height=moment.frame.shape[0])
        if side_by_side is not None:
            side_by_side.write(frame)
        if self.sheet is not None:
            self.sheet.add(moment.index, frame)

    def finish(self) -> None:
        """Write the contact sheet, once all frames are in."""
        if self.sheet is not None and self.still is not None:
            picture = self.sheet.picture(fps=float(self.fps))
            media.write_image(self.still, picture, metadata=self.metadata)


def panels(moment: Moment, result: np.ndarray, extra: tuple[str, ...] = ()) -> list[layout.Panel]:
    """Source | driving | the extra panels asked for | result, as far as they are there."""
    shown = [layout.Panel("source", moment.source)]
    if moment.driving is not None:
        shown.append(layout.Panel("driving", moment.driving))
    shown += [panel for name in extra for panel in _extra_panels(name, moment)]
    return [*shown, layout.Panel("result", result)]


def _extra_panels(name: str, moment: Moment) -> list[layout.Panel]:
    height, width = moment.frame.shape[:2]
    generated = moment.generated
    if name == "keypoints":
        ground = moment.frame if moment.driving is None else moment.driving
        points = moment.keypoints if moment.driving is None else moment.driving_keypoints
        return [layout.Panel("keypoints", overlays.draw_keypoints(ground, points.to("cpu")))]
    if name == "occlusion":
        if generated.occlusion is None:
            return []
        occlusion = generated.occlusion[0, 0].float().cpu().numpy()
        return [layout.Panel("occlusion", overlays.occlusion_picture(occlusion, (width, height)))]
    if name == "flow":
        flow = generated.flow[0].float().cpu().numpy()
        return [layout.Panel("flow", overlays.flow_picture(flow, (width, height)))]
    return [layout.Panel("deformed", to_frames(generated.deformed)[0])]
