"""What the network sees, as pictures: keypoints with their Jacobians, the occlusion map, the flow.

Everything here takes and gives H W 3 uint8 RGB frames; inputs are never changed.

Legend: K keypoints, H W picture size, h w size of the dense motion.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from motionkit.errors import InputError
from motionkit.frames import Frame, check_frame

if TYPE_CHECKING:
    from motionkit.structures import Keypoints

__all__ = ["COLOURS", "draw_keypoints", "flow_picture", "keypoint_colour", "occlusion_picture"]

# Okabe and Ito's palette without its black, then white, violet and brown: every pair stays at least 16 apart in CIELAB
# in normal vision, protanopia, deuteranopia and tritanopia (Machado et al. 2009).
COLOURS = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
    (255, 255, 255),
    (136, 0, 255),
    (119, 51, 17),
)
DARK, LIGHT = (18, 20, 24), (255, 255, 255)

RADIUS = 1 / 64  # of the picture's shorter side
AXIS = 1 / 16  # of the picture's size, for a Jacobian column of norm 1
LONGEST_AXIS = 1 / 6  # of the picture's shorter side, so that one wild Jacobian does not cross out the face
NAME_SIZE = 1 / 24  # of the picture's shorter side
SMALLEST_NAME = 9  # pixels

FLOW_SCALE = 0.25  # displacement in full colour; the picture is 2 wide, so an eighth of it
RAMPS = (15, 6, 4, 11, 13, 6)  # steps red → yellow → green → cyan → blue → magenta → red of the Middlebury wheel


def keypoint_colour(index: int) -> tuple[int, int, int]:
    """RGB of a keypoint; colours repeat after ``len(COLOURS)``, those dots then have a dark centre.

    Args:
        index: The keypoint's, from 0.
    """
    return COLOURS[index % len(COLOURS)]


def draw_keypoints(
    frame: Frame,
    value: np.ndarray | Keypoints,
    jacobian: np.ndarray | None = None,
    *,
    names: Sequence[str] = (),
    radius: float | None = None,
) -> Frame:
    """Draw keypoints as dots, their Jacobians as two short axes.

    The axes are the Jacobian's columns, that is the images of the unit vectors along x (in the point's colour) and y
    (half as light). One of norm 1 is a 16th of the picture long, all others in proportion, up to a sixth of it.

    Args:
        frame: H W 3 uint8 RGB.
        value: K 2, (x, y) in [-1, 1]: -1 and 1 are the centres of the first and last pixel. Points outside the picture
            are cut off at its border. Or Keypoints of a batch of 1, which bring their Jacobians.
        jacobian: K 2 2, or None for no axes.
        names: K names to write beside the points (printable ASCII), or none.
        radius: Of the dots, in pixels; a 64th of the picture's shorter side, at least 2, if None.

    Returns:
        A new H W 3 uint8 frame.

    Raises:
        InputError: A shape that does not fit, or a coordinate that is not a finite number.
    """
    check_frame(frame, what="frame to draw on")
    points, jacobians = _keypoint_arrays(value, jacobian)
    if names and len(names) != len(points):
        raise InputError("Names and keypoints differ in number", got=f"{len(names)} names", expected=f"{len(points)}")
    height, width = frame.shape[:2]
    shorter = min(height, width)
    radius = max(2.0, shorter * RADIUS) if radius is None else radius
    half = np.array([width - 1, height - 1]) / 2
    centres = (points + 1) * half  # K 2, pixels
    picture = frame.astype(np.float32)
    if jacobians is not None:
        for index, (centre, columns) in enumerate(zip(centres, jacobians, strict=True)):
            ends = _axis_ends(columns, half, shorter)
            _draw_axes(picture, centre, ends, np.array(keypoint_colour(index)), radius)
    for index, centre in enumerate(centres):
        _draw_dot(picture, centre, index, radius)
    drawn = (picture + 0.5).astype(np.uint8)
    return _write_names(drawn, centres, names, radius) if names else drawn


def occlusion_picture(occlusion: np.ndarray, size: tuple[int, int]) -> Frame:
    """The occlusion map in grey: white where the source is visible, black where the generator paints anew.

    Args:
        occlusion: h w in [0, 1].
        size: Width and height of the picture in pixels; the map is resized bilinearly.

    Returns:
        A height width 3 uint8 frame.

    Raises:
        InputError: The map has another shape or leaves [0, 1].
    """
    grid = _check_map(occlusion, "occlusion map", (2,), "h w")
    if grid.min() < -1e-3 or grid.max() > 1 + 1e-3:
        raise InputError(
            "The occlusion map is out of range", got=f"{grid.min():.3g} … {grid.max():.3g}", expected="0 … 1"
        )
    grey = np.rint(np.clip(_resize(grid, size), 0, 1) * 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def flow_picture(flow: np.ndarray, size: tuple[int, int], *, scale: float = FLOW_SCALE) -> Frame:
    """The flow in colours of the Middlebury wheel: hue is direction, saturation is distance, white is no motion.

    The flow holds for each place of the result where in the source it comes from; shown is the way back, that is how
    the source's content moves. Moving right is red, down yellow, left cyan, up violet.

    Source: Baker et al., "A Database and Evaluation Methodology for Optical Flow", IJCV 2011.

    Args:
        flow: h w 2, (x, y) in absolute source coordinates; the picture spans [-1, 1].
        size: Width and height of the picture in pixels; the motion is resized bilinearly.
        scale: Distance shown in full colour, in the flow's units; longer ones look the same. It is fixed, not taken
            from the flow, so that pictures of a clip can be compared.

    Returns:
        A height width 3 uint8 frame.

    Raises:
        InputError: The flow has another shape or is not finite, or the scale is not positive.
    """
    sources = _check_map(flow, "flow", (3,), "h w 2")
    if sources.shape[2] != 2:
        raise InputError("The flow has the wrong shape", got=sources.shape, expected="h w 2")
    if not scale > 0:
        raise InputError("The scale of the flow's colours is not positive", got=scale)
    h, w = sources.shape[:2]
    identity = np.stack(np.meshgrid(np.linspace(-1, 1, w), np.linspace(-1, 1, h)), axis=-1)  # h w 2
    motion = ((identity - sources) / scale).astype(np.float32)
    right, down = _resize(motion[..., 0], size), _resize(motion[..., 1], size)
    wheel = _wheel()
    turn = (np.arctan2(down, right) % (2 * np.pi)) / (2 * np.pi)  # 0 right, 1/4 down, 1/2 left, 3/4 up
    position = turn * len(wheel)
    before = position.astype(np.intp)
    part = (position - before)[..., None]
    # The published wheel leaves a gap between its last colour and red; closed here, or noise would make it flicker.
    hue = (1 - part) * wheel[before % len(wheel)] + part * wheel[(before + 1) % len(wheel)]
    saturation = np.minimum(np.hypot(right, down), 1)[..., None]
    picture: Frame = np.rint(255 * (1 - saturation * (1 - hue))).astype(np.uint8)
    return picture


@lru_cache(maxsize=1)
def _wheel() -> np.ndarray:
    """The Middlebury colour wheel: 55 RGB colours in [0, 1], starting at red."""
    corners = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1], [1, 0, 0]], dtype=np.float32)
    ramps = [
        start + (end - start) * (np.arange(steps)[:, None] / steps)
        for start, end, steps in zip(corners[:-1], corners[1:], RAMPS, strict=True)
    ]
    return np.concatenate(ramps)


def _check_map(array: Any, what: str, dims: tuple[int, ...], expected: str) -> np.ndarray:
    grid = np.asarray(array, dtype=np.float32)
    if grid.ndim not in dims or 0 in grid.shape:
        raise InputError(f"The {what} has the wrong shape", got=grid.shape, expected=expected)
    if not np.isfinite(grid).all():
        raise InputError(f"The {what} holds values that are not finite")
    return grid


def _resize(grid: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scale h w float32 to the given width and height, bilinear."""
    from PIL import Image

    return np.asarray(Image.fromarray(grid).resize(size, Image.Resampling.BILINEAR))


def _keypoint_arrays(value: Any, jacobian: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """K 2 and K 2 2 | None float arrays of what was given, checked."""
    if hasattr(value, "jacobian"):
        if len(value) != 1:
            raise InputError("Keypoints of one frame are needed", got=f"a batch of {len(value)}", todo="Pass one item")
        jacobian = value.jacobian if jacobian is None else jacobian
        jacobian = jacobian[0].detach().float().cpu().numpy() if hasattr(jacobian, "detach") else jacobian
        value = value.value[0].detach().float().cpu().numpy()
    points = np.asarray(value, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise InputError("Keypoints have the wrong shape", got=points.shape, expected="K 2")
    jacobians = None if jacobian is None else np.asarray(jacobian, dtype=np.float64)
    if jacobians is not None and jacobians.shape != (len(points), 2, 2):
        raise InputError("Jacobians have the wrong shape", got=jacobians.shape, expected=f"{(len(points), 2, 2)}")
    if not np.isfinite(points).all() or (jacobians is not None and not np.isfinite(jacobians).all()):
        raise InputError("Keypoints hold values that are not finite")
    return points, jacobians


def _axis_ends(columns: np.ndarray, half: np.ndarray, shorter: int) -> np.ndarray:
    """2 2 offsets in pixels, one row for each axis of a Jacobian."""
    offsets = columns.T * half * (2 * AXIS)
    length = np.linalg.norm(offsets, axis=1, keepdims=True)
    ends: np.ndarray = offsets * np.minimum(1, shorter * LONGEST_AXIS / np.maximum(length, 1e-9))
    return ends


def _draw_axes(picture: np.ndarray, centre: np.ndarray, ends: np.ndarray, colour: np.ndarray, radius: float) -> None:
    """Two lines from the centre with a dark edge, in place; both edges first, so that none cuts the other line."""
    pale = (colour + np.array(LIGHT)) / 2
    for extra, colours in ((radius / 4 + 0.25, (np.array(DARK), np.array(DARK))), (0.0, (colour, pale))):
        for end, stroke in zip(ends, colours, strict=True):
            _draw_segment(
                picture, centre, centre + end, radius=radius / 3 + extra, colour=stroke, opacity=0.6 if extra else 1.0
            )


def _draw_dot(picture: np.ndarray, centre: np.ndarray, index: int, radius: float) -> None:
    colour = np.array(keypoint_colour(index))
    edge = radius + max(1.0, radius / 3)
    _draw_segment(picture, centre, centre, radius=edge, colour=np.array(DARK), opacity=0.8)
    _draw_segment(picture, centre, centre, radius=radius, colour=colour, opacity=1.0)
    if index >= len(COLOURS):
        _draw_segment(picture, centre, centre, radius=radius * 0.45, colour=np.array(DARK), opacity=1.0)


def _draw_segment(
    picture: np.ndarray, start: np.ndarray, end: np.ndarray, *, radius: float, colour: np.ndarray, opacity: float
) -> None:
    """Blend a line with round ends, ``radius`` pixels to each side, into a float picture, in place.

    A pixel is covered by how far the line's edge reaches into it, which makes the edges smooth at subpixel positions.
    """
    height, width = picture.shape[:2]
    low = np.floor(np.minimum(start, end) - radius - 1)
    high = np.ceil(np.maximum(start, end) + radius + 1) + 1
    left, top = np.clip(low, 0, (width, height)).astype(int)
    right, bottom = np.clip(high, 0, (width, height)).astype(int)
    if left >= right or top >= bottom:
        return
    x, y = np.arange(left, right) - start[0], (np.arange(top, bottom) - start[1])[:, None]
    along = end - start
    squared = float(along @ along)
    at = np.clip((x * along[0] + y * along[1]) / squared, 0, 1) if squared > 0 else 0.0
    distance = np.hypot(x - at * along[0], y - at * along[1])
    cover = (np.clip(radius + 0.5 - distance, 0, 1) * opacity)[..., None]
    region = picture[top:bottom, left:right]
    region += cover * (colour - region)


def _write_names(frame: Frame, centres: np.ndarray, names: Sequence[str], radius: float) -> Frame:
    """Names at a corner of their points, each where it covers least of the dots and the names before it."""
    from PIL import Image, ImageDraw, ImageFont

    height, width = frame.shape[:2]
    font = ImageFont.load_default(max(SMALLEST_NAME, round(min(height, width) * NAME_SIZE)))
    picture = Image.fromarray(frame)
    draw = ImageDraw.Draw(picture)
    taken = [(x - radius, y - radius, x + radius, y + radius) for x, y in centres]
    inside = (0.0, 0.0, float(width), float(height))
    for (x, y), name in zip(centres, names, strict=True):
        left, top, right, bottom = draw.textbbox((0, 0), name, font=font, anchor="ls", stroke_width=1)
        corners = [
            (at_x - (left if at_x > x else right), at_y - (top if at_y > y else bottom))
            for at_y in (y - radius, y + radius)
            for at_x in (x + radius, x - radius)
        ]
        boxes = [(left + dx, top + dy, right + dx, bottom + dy) for dx, dy in corners]
        area = (right - left) * (bottom - top)
        hidden = [sum(_overlap(box, other) for other in taken) + 2 * (area - _overlap(box, inside)) for box in boxes]
        best = int(np.argmin(hidden))
        taken.append(boxes[best])
        draw.text(corners[best], name, fill=LIGHT, font=font, anchor="ls", stroke_width=1, stroke_fill=DARK)
    return np.array(picture)


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    """Common area of two boxes given as left, top, right, bottom."""
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
