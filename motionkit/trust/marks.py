"""All that a picture itself carries: the watermark, then the badge over it."""

from __future__ import annotations

from motionkit.config import AnimateOptions
from motionkit.frames import Frame
from motionkit.trust.label import label_frame
from motionkit.trust.watermark import mark_frame

__all__ = ["finished_frame"]


def finished_frame(frame: Frame, options: AnimateOptions) -> Frame:
    """Return a copy of a result as it leaves motionkit: with the watermark, and with the badge that is asked for.

    Args:
        frame: H W 3 uint8.
        options: The badge's text, place and size.
    """
    return label_frame(mark_frame(frame), text=options.label, place=options.label_place, size=options.label_size)
