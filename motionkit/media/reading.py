"""Opening clips: video files, animated pictures, folders and globs of pictures, single pictures."""

from __future__ import annotations

import glob
import os
from fractions import Fraction
from pathlib import Path

from motionkit.config.bounds import SIDE
from motionkit.config.checks import check_path
from motionkit.errors import InputError
from motionkit.media.clip import Clip, Wish
from motionkit.media.collections import natural_order
from motionkit.media.files import check_file, check_no_address
from motionkit.media.images import picture_kind
from motionkit.media.pictures import AnimatedClip, PictureClip
from motionkit.media.suffixes import READ_IMAGE_SUFFIXES
from motionkit.media.timing import as_cut, as_rate, shown
from motionkit.media.video import VideoClip

__all__ = ["Clip", "open_clip"]

Seconds = float | Fraction | int | None


def open_clip(
    path: str | Path,
    *,
    start: Seconds = None,
    end: Seconds = None,
    fps: Fraction | int | None = None,
    size: tuple[int, int] | None = None,
) -> Clip:
    """Open a clip; frames are read when it is iterated, each time anew.

    Pixels are square and upright: what a container says of their shape, turning and mirroring is applied.

    Args:
        path: A video, GIF or animated WebP, PNG or AVIF; a folder or glob of pictures (natural order); or one picture.
        start: Second at which the part to use begins; None is the clip's beginning.
        end: Second at which it ends; None is the clip's end.
        fps: Rate to resample to; None is the clip's own (25 for pictures). Variable rates become their average.
        size: (width, height) to resize to; None is the clip's own.

    Raises:
        InputError: No such file, an address, no pictures in the folder, an impossible cut, rate or size.
        MediaError: Not a video, no video stream, empty, damaged from the start, or beyond ``motionkit.config.bounds``.
    """
    first, last = as_cut(start, end)
    if size is not None and not (
        isinstance(size, (list, tuple)) and len(size) == 2 and all(isinstance(s, int) and 0 < s <= SIDE for s in size)
    ):
        expected = f"width and height in whole pixels above 0, at most {SIDE}"
        raise InputError("The size is impossible", got=shown(size), expected=expected)
    wish = Wish(first, last, as_rate(fps), size)
    files = _pictures(path)
    if files is not None:
        return PictureClip(Path(path), files, wish)
    file = check_file(path)
    kind = picture_kind(file)
    if kind == "still":
        return PictureClip(file, [file], wish)
    return AnimatedClip(file, wish) if kind == "moving" else VideoClip(file, wish)


def _pictures(path: str | Path) -> list[Path] | None:
    """The pictures of a folder or glob in natural order; None if the path is neither."""
    if not str(path):
        raise InputError("The name of a file is empty", got="''")
    place = check_path("clip", path)
    check_no_address(path)
    try:
        if os.path.isdir(place):
            found = [
                p for p in place.iterdir() if p.suffix.lower() in READ_IMAGE_SUFFIXES and not p.name.startswith(".")
            ]
        elif any(c in str(path) for c in "*?[") and not os.path.exists(place):
            found = [Path(p) for p in glob.glob(str(path))]
        else:
            return None
    except (OSError, ValueError):
        return None  # check_file says what is wrong with the name
    if not found:
        raise InputError("There are no pictures here", got=str(path), expected=" ".join(READ_IMAGE_SUFFIXES))
    return sorted(found, key=natural_order)
