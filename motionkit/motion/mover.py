"""Keypoints in, keypoints out: everything that moves a source under one set of options."""

from __future__ import annotations

from motionkit.config import AnimateOptions, ModelConfig
from motionkit.motion.gains import keypoint_gains
from motionkit.motion.movement import limit, transfer
from motionkit.motion.smoothing import Smoother
from motionkit.structures import Keypoints

__all__ = ["Mover"]


class Mover:
    """Moves a source's keypoints as the driving's move: transfer, limit, then smoothing over time.

    Args:
        config: The model's, whose keypoints the gains name.
        options: May be replaced at any time.
        fps: Frames a second of the driving, by which smoothing knows the time between two frames.
        reference: The neutral pose of relative motion, batch 1; None takes the first driving frame that comes.

    Attributes:
        reference: The neutral pose in use, None before the first frame. Set it to None to take the next frame.

    Raises:
        InputError: A gain's name is unknown.
    """

    def __init__(
        self,
        config: ModelConfig,
        options: AnimateOptions,
        *,
        fps: float = 30.0,
        reference: Keypoints | None = None,
    ) -> None:
        self.reference = reference
        self._config = config
        self._smoother = Smoother(options.smoothing, fps)
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

    def move(self, source: Keypoints, driving: Keypoints, *, seconds: float | None = None) -> Keypoints:
        """The source's keypoints in the next driving frames.

        Args:
            source: Batch 1 or B, the source's own.
            driving: Batch B in time order; how a clip is cut into batches does not matter.
            seconds: Time since the frame before, where it is not one over the rate.

        Returns:
            Batch B.
        """
        if self.reference is None:
            self.reference = driving[:1]
        if seconds is not None:
            self._smoother.fps = 1 / seconds  # to the filter, a rate is the time between two frames
        return self._smoother.smooth(self.move_at_once(source, driving))

    def move_at_once(self, source: Keypoints, driving: Keypoints) -> Keypoints:
        """As ``move``, without smoothing, and leaving no trace: any frame in any order.

        Args:
            source: Batch 1 or B, the source's own.
            driving: Batch B.
        """
        options = self._options
        keypoints = transfer(
            source,
            driving,
            driving[:1] if self.reference is None else self.reference,
            relative=options.relative,
            adapt_scale=options.adapt_scale,
            strength=options.strength,
            gains=self._gains,
        )
        return limit(keypoints, source, motion_limit=options.motion_limit) if options.relative else keypoints

    def forget(self) -> None:
        """Forget the frames before: smoothing begins anew. The reference stays."""
        self._smoother.reset()
