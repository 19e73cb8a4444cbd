"""Panels side by side with captions inside them, and still sheets of a clip's moments.

Everything here takes and gives H W 3 uint8 RGB frames; inputs are never changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from motionkit.config.bounds import SIDE
from motionkit.config.checks import check_whole
from motionkit.drawing.captions import write_caption
from motionkit.errors import InputError
from motionkit.frames import Frame, check_frame
from motionkit.structures import PanelPlace

__all__ = ["PANELS", "ContactSheet", "Panel", "contact_sheet", "lay_out", "places", "scale_to_height"]

PANELS = ("source", "driving", "result", "keypoints", "occlusion", "flow", "deformed")
"""Captions of the panels that an animation can show."""

RULE = 200  # grey level between panels: seen beside white flow and black occlusion alike
PAPER = 255  # grey level of a contact sheet
GAP = 1 / 64  # of the panels' height
SHEET_GAP = 1 / 20  # of a moment's height; wider than GAP, so that the panels of one moment stay together
SHEET_RATIO = 16 / 9  # width to height that a sheet's number of columns aims at
SHEET_WIDTH = 2560  # pixels; wider sheets are scaled down
MOMENTS = 1000  # that a sheet may show
KEPT = 4  # frames kept for each moment while a clip's length is unknown


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture of a collage.

    Attributes:
        caption: Written into the panel, printable ASCII; an empty one writes nothing.
        frame: H W 3 uint8 RGB.
    """

    caption: str
    frame: Frame


def lay_out(
    panels: Sequence[Panel], *, height: int | None = None, captions: bool = True, gap: int | None = None
) -> Frame:
    """Panels side by side, in the order given, at one height, aspect kept, captions in their lower left corners.

    Args:
        panels: At least one.
        height: Of all panels, in pixels; the tallest panel's if None.
        captions: Whether to write them; one too long for its panel ends in an ellipsis.
        gap: Light grey pixels between panels; a 64th of the height if None.

    Returns:
        A new frame of even width and height: an odd row or column is filled up by repeating the last one.

    Raises:
        InputError: No panels, a frame that is not H W 3 uint8, a height below 1 or a gap below 0.
    """
    if not panels:
        raise InputError("A collage needs panels", got="none")
    for panel in panels:
        check_frame(panel.frame, what=f"panel {panel.caption!r}")
    height = max(panel.frame.shape[0] for panel in panels) if height is None else height
    gap = max(2, round(height * GAP)) if gap is None else gap
    if gap < 0:
        raise InputError("The gap between panels is negative", got=gap, expected="0 or more pixels")
    pictures = [scale_to_height(panel.frame, height) for panel in panels]
    width = sum(picture.shape[1] for picture in pictures) + gap * (len(pictures) - 1)
    collage = np.full((height + height % 2, width + width % 2, 3), RULE, dtype=np.uint8)
    for place, picture in zip(places(panels, height=height, gap=gap), pictures, strict=True):
        part = collage[:height, place.left : place.left + place.width]
        part[...] = picture
        if captions:
            write_caption(part, place.caption, bottom=True)
    if height % 2:
        collage[-1] = collage[-2]
    if width % 2:
        collage[:, -1] = collage[:, -2]
    return collage


def places(panels: Sequence[Panel], *, height: int, gap: int | None = None) -> tuple[PanelPlace, ...]:
    """Where ``lay_out`` puts panels.

    Args:
        panels: At least one.
        height: Of all panels, in pixels.
        gap: As for ``lay_out``.
    """
    widths = [max(1, round(panel.frame.shape[1] * height / panel.frame.shape[0])) for panel in panels]
    gap = max(2, round(height * GAP)) if gap is None else gap
    lefts = [sum(widths[:at]) + gap * at for at in range(len(widths))]
    return tuple(
        PanelPlace(panel.caption, left, width) for panel, left, width in zip(panels, lefts, widths, strict=True)
    )


def scale_to_height(frame: Frame, height: int) -> Frame:
    """Scale a frame, aspect kept.

    A picture that stays the same through a clip is best scaled once, before it is laid out in every frame.

    Args:
        frame: H W 3 uint8.
        height: In pixels, at least 1.

    Returns:
        A frame of this height; the same one if it has it.

    Raises:
        InputError: A height below 1, or a side above ``bounds.SIDE``.
    """
    width = max(1, round(frame.shape[1] * height / frame.shape[0]))
    if height < 1 or (height != frame.shape[0] and max(width, height) > SIDE):
        raise InputError(
            f"The height of a picture is too {'small' if height < 1 else 'large'}",
            got=f"{width}x{height} pixels" if height >= 1 else height,
            expected=f"at least 1 pixel, width and height at most {SIDE}",
        )
    if frame.shape[0] == height:
        return frame
    return _resize(frame, width, height)


class ContactSheet:
    """Collects evenly spread moments of a clip whose frames come one by one, for a still picture.

    With the number of frames known, only the frames to be shown and the last one are kept. With it unknown, every
    2^n-th is kept, n growing so that there are never more than four times as many as moments, and the last one: memory
    stays bounded and a moment is off by at most a quarter of the distance between two. A clip that ends early or late
    is shown from its first to its last frame all the same, the moments between less evenly spread.

    Args:
        total: Number of frames to come, None if unknown.
        moments: Number of frames to show; fewer are shown of a shorter clip.

    Raises:
        InputError: ``moments`` is below 1 or above ``MOMENTS``.
    """

    def __init__(self, total: int | None = None, moments: int = 6) -> None:
        check_whole("moments", moments, 1, MOMENTS)
        self.moments = moments
        self._wanted = None if total is None else set(_spread(total, moments))
        self._stride = 1
        self._kept: dict[int, Frame] = {}
        self._last: tuple[int, Frame] | None = None

    def add(self, index: int, frame: Frame) -> None:
        """Take the next frame; it is copied if kept.

        Args:
            index: Its number in the clip, from 0, in rising order.
            frame: H W 3 uint8.

        Raises:
            InputError: The frame is not H W 3 uint8, or of another size than those before.
        """
        check_frame(frame, what=f"moment {index}")
        if self._last is not None and self._last[1].shape != frame.shape:
            raise InputError(
                "The frames of a contact sheet differ in size",
                got=f"{frame.shape[1]}×{frame.shape[0]} at frame {index}",
                expected=f"{self._last[1].shape[1]}×{self._last[1].shape[0]} as before",
            )
        copy = frame.copy()
        self._last = (index, copy)
        if self._wanted is not None:
            if index in self._wanted:
                self._kept[index] = _at_most(copy, SHEET_WIDTH)
        elif index % self._stride == 0:
            self._kept[index] = _at_most(copy, SHEET_WIDTH)
            if len(self._kept) > KEPT * self.moments:
                self._stride *= 2
                self._kept = {at: kept for at, kept in self._kept.items() if at % self._stride == 0}

    def picture(self, *, columns: int | None = None, fps: Fraction | float | None = None) -> Frame:
        """The moments in rows, first and last frame included (the middle one if only one is shown).

        Args:
            columns: Number of moments in a row; if None, the number that brings the sheet nearest to 16:9.
            fps: Frames a second (only rounded times are shown, so a float will do); None for no times.

        Returns:
            A frame of even width and height, at most 2560 pixels wide.

        Raises:
            InputError: No frames were added, or ``columns`` is below 1.
        """
        if self._last is None:
            raise InputError("A contact sheet needs frames", got="none")
        if columns is not None and columns < 1:
            raise InputError("A contact sheet needs columns", got=columns, expected="1 or more")
        frames = self._kept | {self._last[0]: _at_most(self._last[1], SHEET_WIDTH)}
        targets = _spread(self._last[0] + 1, self.moments)
        shown = sorted({min(frames, key=lambda index: abs(index - target)) for target in targets})
        captions = [_time(float(index / fps)) if fps else "" for index in shown]
        return _grid([frames[index] for index in shown], captions, columns)


def contact_sheet(
    frames: Iterable[Frame],
    *,
    moments: int = 6,
    total: int | None = None,
    columns: int | None = None,
    fps: Fraction | float | None = None,
) -> Frame:
    """A still picture of evenly spread moments of a clip, read once, in bounded memory; see ContactSheet.

    Args:
        frames: H W 3 uint8 frames of one size.
        moments: Number of frames to show.
        total: Number of frames; found out for a sequence.
        columns: Number of moments in a row, chosen if None.
        fps: Frames a second, to write the time into each moment; None for no times.

    Returns:
        A frame of even width and height, at most 2560 pixels wide.

    Raises:
        InputError: No frames, frames of several sizes, ``moments`` or ``columns`` below 1.
    """
    if total is None and isinstance(frames, (Sequence, np.ndarray)):
        total = len(frames)
    sheet = ContactSheet(total, moments)
    for index, frame in enumerate(frames):
        sheet.add(index, frame)
    return sheet.picture(columns=columns, fps=fps)


def _spread(total: int, moments: int) -> list[int]:
    """Indices of ``moments`` evenly spread frames out of ``total``, ends included; the middle one for one moment."""
    if moments == 1:
        return [(total - 1) // 2] if total > 0 else []
    return sorted({round(at) for at in np.linspace(0, total - 1, moments)}) if total > 0 else []


def _time(seconds: float) -> str:
    """1.25 s as "1.2 s", 75.25 s as "1:15.2"."""
    tenths = int(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    return f"{minutes}:{rest // 10:02d}.{rest % 10}" if minutes else f"{rest // 10}.{rest % 10} s"


def _grid(frames: list[Frame], captions: list[str], columns: int | None) -> Frame:
    """Frames of one size in rows, captions in their upper left corners, white between and around them."""
    height, width = frames[0].shape[:2]
    gap = max(2, round(height * SHEET_GAP))

    def extent(across: int) -> tuple[int, int]:
        rows = -(-len(frames) // across)
        return across * (width + gap) + gap, rows * (height + gap) + gap

    def misfit(across: int) -> tuple[int, float]:
        sheet_width, sheet_height = extent(across)
        return -len(frames) % across, abs(float(np.log(sheet_width / sheet_height / SHEET_RATIO)))

    columns = columns or min(range(1, len(frames) + 1), key=misfit)
    shrink = min(1.0, SHEET_WIDTH / extent(columns)[0])
    if shrink < 1:
        height, width, gap = max(1, int(height * shrink)), max(1, int(width * shrink)), max(1, int(gap * shrink))
    sheet_width, sheet_height = extent(columns)
    sheet = np.full((sheet_height + sheet_height % 2, sheet_width + sheet_width % 2, 3), PAPER, dtype=np.uint8)
    for position, (frame, caption) in enumerate(zip(frames, captions, strict=True)):
        row, column = divmod(position, columns)
        top, left = gap + row * (height + gap), gap + column * (width + gap)
        place = sheet[top : top + height, left : left + width]
        place[...] = frame if frame.shape == place.shape else _resize(frame, width, height)
        write_caption(place, caption, bottom=False)
    return sheet


def _at_most(frame: Frame, width: int) -> Frame:
    """Scale a frame down to ``width`` pixels if it is wider, aspect kept."""
    if frame.shape[1] <= width:
        return frame
    return _resize(frame, width, max(1, round(frame.shape[0] * width / frame.shape[1])))


def _resize(frame: Frame, width: int, height: int) -> Frame:
    from PIL import Image

    return np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.LANCZOS))
