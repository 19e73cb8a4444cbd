"""From a decoded frame to what it is meant to look like: colours, square pixels, upright, resized."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from motionkit.frames import Frame
from motionkit.media.colour import hdr_curve, matrix_of, tone_map

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from numpy import typing as npt

__all__ = ["Upright", "aspect_of", "displayed_size", "to_array", "upright"]

_MATRIX = struct.Struct("=9i")


@dataclass(frozen=True, slots=True)
class Upright:
    """How a stored picture is laid on the screen: first its axes are swapped, then it is mirrored.

    Attributes:
        swapped: Whether rows become columns.
        left_right: Whether it is then mirrored from left to right.
        up_down: Whether it is then mirrored from top to bottom.
    """

    swapped: bool = False
    left_right: bool = False
    up_down: bool = False

    def __call__(self, picture: Frame) -> Frame:
        """The picture as it is seen; H W 3 uint8."""
        if self.swapped:
            picture = picture.swapaxes(0, 1)
        step = {False: 1, True: -1}
        return np.ascontiguousarray(picture[:: step[self.up_down], :: step[self.left_right]])


def upright(frame: VideoFrame) -> Upright:
    """How a frame's display matrix lays it, as the nearest of the eight ways; what has none stays.

    The matrix of rows (a, b, u), (c, d, v), (x, y, w) takes a stored place (p, q) to (a·p + c·q + x, b·p + d·q + y).

    A frame that was asked for its side data refers to itself, so that its pixels stay in memory until Python collects
    garbage: ask the first frame of a video, not every one.

    Args:
        frame: PyAV's.
    """
    data = cast("Any", frame.side_data).get("DISPLAYMATRIX")  # iterating gives entries up to PyAV 18, then their types
    if data is None or len(raw := bytes(data)) < _MATRIX.size:
        return Upright()
    a, b, _, c, d, *_ = _MATRIX.unpack(raw[: _MATRIX.size])
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Upright(swapped=True, left_right=c < 0, up_down=b < 0)
    return Upright(left_right=a < 0, up_down=d < 0)


def aspect_of(stream: VideoStream) -> Fraction:
    """Width of a stored pixel as a share of its height; 1 where the container does not say or says nonsense."""
    ratio = stream.sample_aspect_ratio
    return Fraction(ratio) if ratio and ratio > 0 else Fraction(1)


def displayed_size(frame: VideoFrame, aspect: Fraction, lay: Upright) -> tuple[int, int]:
    """(width, height) of a frame as it is seen: its width is stretched to square pixels, then it is turned.

    Args:
        frame: PyAV's.
        aspect: Of its pixels, as ``aspect_of`` gives it.
        lay: How the video is laid, as ``upright`` gives it.
    """
    width, height = max(round(frame.width * aspect), 1), frame.height
    return (height, width) if lay.swapped else (width, height)


def to_array(frame: VideoFrame, size: tuple[int, int], lay: Upright) -> Frame:
    """Convert a decoded frame to what it is meant to look like: right matrix, tone-mapped, upright, resized.

    Args:
        frame: PyAV's.
        size: (width, height) in square pixels of the picture that is seen.
        lay: How the video is laid, as ``upright`` gives it.
    """
    width, height = size[::-1] if lay.swapped else size
    curve = hdr_curve(int(getattr(frame, "color_trc", 0) or 0))
    clear = curve is None and any(component.is_alpha for component in frame.format.components)
    smaller = width * height < frame.width * frame.height
    picture = frame.reformat(
        width=width,
        height=height,
        format=("rgba" if clear else "rgb24") if curve is None else "rgb48le",
        src_colorspace=matrix_of(frame),
        interpolation="AREA" if smaller else "BICUBIC",
    ).to_ndarray()
    if curve is not None:
        picture = tone_map(cast("npt.NDArray[np.uint16]", picture), curve)
    elif clear:  # transparency lies on white, as in pictures
        alpha = picture[..., 3:].astype(np.uint16)
        picture = ((picture[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    return lay(cast("Frame", picture))
