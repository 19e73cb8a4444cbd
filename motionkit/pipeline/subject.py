"""The source, opened, with the squares of it that are animated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from motionkit import faces, media
from motionkit.config import AnimateOptions, ModelConfig
from motionkit.errors import InputError
from motionkit.frames import Frame
from motionkit.pipeline.clips import CroppedClip
from motionkit.pipeline.squares import SceneSquares, steady_square
from motionkit.structures import Box

__all__ = ["Subject", "open_source"]


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
    if Path(source).is_dir():
        raise InputError("The source is a folder", got=str(source), expected="a picture or a clip")
    size = config.picture_side(options.size)
    if media.is_image(source):
        picture = media.read_image(source)
        if options.source_box is not None:
            return Subject([options.source_box], size, picture=picture)
        boxes = faces.choose_square(
            picture,
            crop=options.crop,
            domain=config.domain,
            face=options.face,
            finder=options.finder,
            name=f"the source {Path(source).name}",
        )
        return Subject(boxes, size, picture=picture)
    clip = media.open_clip(source, fps=fps)
    if options.face != "largest":
        raise InputError(
            "Of a source clip the largest face is animated", got=f"face={options.face!r}", todo="Give a box"
        )
    return Subject([steady_square(clip, options.source_box, config, options, what="source")], size, clip=clip)
