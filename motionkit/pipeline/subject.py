"""The source, opened, with the squares of it that are animated."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from motionkit import faces, media
from motionkit.config import AnimateOptions, ModelConfig
from motionkit.errors import InputError, MediaError
from motionkit.frames import Frame
from motionkit.pipeline.clips import CroppedClip
from motionkit.pipeline.squares import SceneSquares, steady_squares
from motionkit.structures import Box

__all__ = ["Subject", "open_source"]

SOURCES = "a picture (jpg, png, webp …) or a clip (mp4, mov, webm …)"


@dataclass(frozen=True)
class Subject:
    """The source, opened: its squares ready to animate, and the way back into the whole picture.

    Attributes:
        boxes: The squares that are animated.
        size: Side in pixels that they are resized to.
        picture: Of a still source, H W 3 uint8; else None.
        clip: Of a moving source; else None.
    """

    boxes: list[Box]
    size: int
    picture: Frame | None = None
    clip: media.Clip | None = None

    def squares(self, box: Box) -> Frame | CroppedClip:
        """What the model animates for one of the boxes."""
        if self.picture is not None:
            return faces.crop(self.picture, box, size=self.size)
        assert self.clip is not None
        return CroppedClip(self.clip, SceneSquares(box), self.size)

    def first_picture(self) -> Frame:
        """The first whole frame."""
        return next(self.wholes())

    def wholes(self) -> Iterator[Frame]:
        """The whole frames, again and again."""
        while True:
            if self.picture is not None:
                yield self.picture
            else:
                assert self.clip is not None
                yield from self.clip

    def paste_back(self, whole: Frame, results: Iterable[Frame]) -> Frame:
        """A whole frame with a result blended into each of the boxes, in their order."""
        for box, result in zip(self.boxes, results, strict=True):
            whole = faces.paste_back(whole, result, box)
        return whole


def open_source(
    source: str | Path, config: ModelConfig, options: AnimateOptions, *, fps: Fraction | None = None
) -> Subject:
    """The source opened, and the squares of it that are animated.

    Args:
        source: A picture or a clip.
        config: The model's, whose domain and size decide the squares.
        options: What is asked for.
        fps: Rate at which a clip's frames are taken, the driving's; None is its own.

    Raises:
        InputError, MediaError: It cannot be used.
        FaceNotFoundError: A face was insisted on and not found.
    """
    if os.path.isdir(source):
        raise InputError("The source is a folder", got=str(source), expected="a picture or a clip")
    size = config.picture_side(options.size)
    if media.is_image(source):
        picture, name = media.read_image(source), f"the source {Path(source).name}"
        if options.source_box is not None:
            faces.check_reach(options.source_box, picture.shape[1], picture.shape[0], name=name)
            return Subject([options.source_box], size, picture=picture)
        boxes = faces.choose_square(
            picture,
            crop=options.crop,
            domain=config.domain,
            face=options.face,
            finder=options.finder,
            name=name,
        )
        return Subject(boxes, size, picture=picture)
    try:
        clip = media.open_clip(source, fps=fps)
    except MediaError as error:
        if error.expected is None or Path(source).suffix.lower() in media.READ_VIDEO_SUFFIXES:
            raise
        raise MediaError(error.what, got=error.got, expected=SOURCES) from error
    return Subject(steady_squares(clip, config, options, what="source"), size, clip=clip)
