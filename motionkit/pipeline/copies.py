"""A result in other forms: a GIF or WebP that moves, a picture of one frame. What they are is said in them too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from motionkit import media, trust
from motionkit.errors import InputError
from motionkit.frames import Frame
from motionkit.media.seeking import read_frames_at
from motionkit.media.webp import write_webp
from motionkit.structures import AnimationResult

__all__ = ["MOVING_SIDE", "copy_clip", "copy_frame"]

MOVING_SIDE = 512  # pixels, the longer side of a moving picture: these formats are many times an MP4's size
MOST_FRAMES = 1500  # that a moving picture holds; more of them belong into a clip


def copy_clip(result: AnimationResult, target: str | Path, *, model: tuple[str, str] | None = None) -> Path:
    """Write a result as a GIF or WebP, at most ``MOVING_SIDE`` pixels wide and high.

    The pixels' label and watermark come along; metadata and the signature are made anew.

    Args:
        result: What was made.
        target: Ends in .gif or .webp.
        model: Name and hash of the weights, for the signature.

    Returns:
        The target.

    Raises:
        InputError: The clip is too long, or the target of another kind.
        MediaError: The clip cannot be read, or the target not written.
    """
    target = Path(target)
    if result.frames > MOST_FRAMES:
        raise InputError(
            "The clip is too long for a moving picture",
            got=f"{result.frames} frames",
            expected=f"at most {MOST_FRAMES}",
            todo="Take the MP4",
        )
    metadata, seal = trust.container_metadata(), trust.make_seal([("result", result.path)], model=model)
    if target.suffix.lower() == ".webp":
        write_webp(target, list(_frames(result)), fps=result.fps, metadata=metadata, seal=seal)
    elif target.suffix.lower() == ".gif":
        with media.VideoWriter(target, fps=result.fps, metadata=metadata, seal=seal) as writer:
            for frame in _frames(result):
                writer.write(frame)
    else:
        raise InputError("A moving picture is of another kind", got=target.name, expected=".gif or .webp")
    return target


def copy_frame(
    result: AnimationResult, target: str | Path, index: int, *, model: tuple[str, str] | None = None
) -> Path:
    """Write one frame of a result as a picture, at its full size.

    Args:
        result: What was made.
        target: As for ``write_image``.
        index: From 0; one beyond the end gives the last frame.
        model: As for ``copy_clip``.

    Returns:
        The target.

    Raises:
        InputError: The target is of another kind.
        MediaError: The clip cannot be read, or the target not written.
    """
    (frame,) = read_frames_at(result.path, [min(max(index, 0), result.frames - 1)])
    seal = trust.make_seal([("result", result.path)], model=model)
    media.write_image(target, frame, metadata=trust.container_metadata(), seal=seal)
    return Path(target)


def _frames(result: AnimationResult) -> Iterator[Frame]:
    from PIL import Image

    for frame in media.open_clip(result.path):
        if max(frame.shape[:2]) <= MOVING_SIDE:
            yield frame
            continue
        picture = Image.fromarray(frame)
        picture.thumbnail((MOVING_SIDE, MOVING_SIDE), Image.Resampling.LANCZOS)
        yield np.asarray(picture)
