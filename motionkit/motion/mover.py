"""Keypoints in, keypoints out: everything that moves a source under one set of options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from motionkit.config import AnimateOptions, ModelConfig
from motionkit.motion.gains import keypoint_gains
from motionkit.motion.movement import limit, transfer
from motionkit.motion.presence import lost
from motionkit.motion.smoothing import Smoother
from motionkit.structures import Keypoints

__all__ = ["Mover"]


class Mover:
    """Moves a source's keypoints as the driving's move: transfer, limit, then smoothing over time.

    Args:
        config: The model's, whose keypoints the gains name.
        options: May be replaced at any time.
        fps: Frames a second of the driving, by which smoothing knows the time between two frames.
        references: The neutral pose of relative motion in each scene, batch 1; a scene without one takes its first
            frame that is not lost.

    Attributes:
        references: Those in use. Remove one to take the next frame.

    Raises:
        InputError: A gain's name is unknown.
    """

    def __init__(
        self,
        config: ModelConfig,
        options: AnimateOptions,
        *,
        fps: float = 30.0,
        references: Mapping[int, Keypoints] | None = None,
    ) -> None:
        self.references = dict(references or {})
        self._config, self._sized_by = config, config.sized_by
        self._smoother = Smoother(options.smoothing, fps)
        self._scene = 0
        self._held: Keypoints | None = None  # the last driving frame that was not lost, batch 1
        self.options = options

    @property
    def options(self) -> AnimateOptions:
        """What the next frame goes by."""
        return self._options

    @options.setter
    def options(self, options: AnimateOptions) -> None:
        # Computed here: a wrong name is an error where it was given, and frames lose no time on it.
        self._gains = keypoint_gains(options.gains, self._config)
        self._options = options
        self._smoother.smoothing = options.smoothing

    def lost(self, source: Keypoints, driving: Keypoints) -> list[bool]:
        """Whether each driving frame is lost under these options.

        Args:
            source: Batch 1 or B, the source's own.
            driving: Batch B.
        """
        if self._options.lost == "follow":
            return [False] * len(driving)
        return lost(source, driving, sized_by=self._sized_by)

    def move(
        self,
        source: Keypoints,
        driving: Keypoints,
        scenes: Sequence[int] | None = None,
        *,
        seconds: float | None = None,
    ) -> Keypoints:
        """The source's keypoints in the next driving frames.

        Args:
            source: Batch 1 or B, the source's own.
            driving: Batch B in time order; how a clip is cut into batches does not matter.
            scenes: The frames' scenes; None is one.
            seconds: Time since the frame before, where it is not one over the rate.

        Returns:
            Batch B.
        """
        if seconds is not None:
            self._smoother.fps = 1 / seconds  # to the filter, a rate is the time between two frames
        scenes = None if self._options.lost == "follow" else scenes
        parts = []
        for at, scene, missing in _runs(scenes, self.lost(source, driving)):
            own = source if len(source) == 1 else source[at]
            if missing:
                moved = self._wait(own, at.stop - at.start)
            else:
                if scene != self._scene:
                    self._scene = scene
                    self._smoother.reset()
                self.references.setdefault(scene, driving[at][:1])
                moved = self.move_at_once(own, driving[at], scene)
                self._held = driving[at][-1:]
            parts.append(self._smoother.smooth(moved))
        return parts[0] if len(parts) == 1 else Keypoints.cat(parts)

    def move_at_once(self, source: Keypoints, driving: Keypoints, scene: int = 0) -> Keypoints:
        """As ``move``, without smoothing, following whatever it is, and leaving no trace: any frame in any order.

        Args:
            source: Batch 1 or B, the source's own.
            driving: Batch B.
            scene: The frames' own.
        """
        options = self._options
        keypoints = transfer(
            source,
            driving,
            self.references.get(scene, driving[:1]),
            relative=options.relative,
            adapt_scale=options.adapt_scale,
            strength=options.strength,
            gains=self._gains,
            sized_by=self._sized_by,
        )
        if not options.relative:
            return keypoints
        return limit(keypoints, source, motion_limit=options.motion_limit, sized_by=self._sized_by)

    def forget(self) -> None:
        """Forget the frames before: smoothing begins anew. The references stay."""
        self._smoother.reset()

    def restart(self) -> None:
        """Forget the frames before, the references and the pose that would be held."""
        self.forget()
        self.references.clear()
        self._held = None

    def _wait(self, source: Keypoints, count: int) -> Keypoints:
        """The source's keypoints in ``count`` frames that are lost."""
        if self._held is not None and self._options.lost == "hold":
            return self.move_at_once(source, Keypoints.cat([self._held] * count), self._scene)
        still = source if len(source) == count else Keypoints.cat([source] * count)
        return Keypoints(still.value, still.jacobian)


def _runs(scenes: Sequence[int] | None, missing: Sequence[bool]) -> Iterator[tuple[slice, int, bool]]:
    """Frames in a row that are of one scene and alike in being lost."""
    start = 0
    for (scene, gone), run in groupby(zip(scenes or [0] * len(missing), missing, strict=True)):
        end = start + len(list(run))
        yield slice(start, end), scene, gone
        start = end
