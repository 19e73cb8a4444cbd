"""Sources, read and changed as drawn: work without a model, which worker processes do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from motionkit import faces, media
from motionkit.config import ModelConfig
from motionkit.data.multiplication.options import MultiplyOptions
from motionkit.data.multiplication.plan import Plan, local_file
from motionkit.data.multiplication.variation import SourceDraw, changed_square, draw_source, moved_box
from motionkit.errors import MotionkitError, heard_warnings
from motionkit.frames import Frame
from motionkit.pipeline.subject import open_source
from motionkit.structures import Box

__all__ = ["Failure", "SourceSquare", "read_square"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a source or driving cannot be used.

    Attributes:
        reason: The error's sentence.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class SourceSquare:
    """A source as the model is to see it.

    Attributes:
        frame: S S 3 uint8, changed as drawn.
        box: Where it lies in the source.
        draw: What was drawn.
        background: S S 3, what is to be behind it; None keeps what is there.
        note: What was warned of, None without.
    """

    frame: Frame
    box: Box
    draw: SourceDraw
    background: Frame | None = None
    note: str | None = None


def read_square(
    plan: Plan, options: MultiplyOptions, config: ModelConfig, cache: Path, *, of: tuple[int, int]
) -> SourceSquare | Failure:
    """Read a source, find its square, and change it as drawn.

    Args:
        plan: Lists the sources and backgrounds.
        options: What is asked for.
        config: The model's.
        cache: Folder of what was fetched from addresses.
        of: Number of the source, and of the variation.
    """
    source, variation = of
    heard: list[str] = []
    try:
        with heard_warnings(heard):
            place = local_file(plan.sources[source].place, cache)
            draw = draw_source(options, source, variation, len(plan.backgrounds))
            subject = open_source(place, config, options.animate)
            whole = subject.first_picture()
            box = moved_box(subject.boxes[0], draw, whole.shape[1], whole.shape[0])
            frame = changed_square(faces.crop(whole, box, size=subject.size), draw)
            background = None
            if draw.background is not None:
                picture = media.read_image(local_file(plan.backgrounds[draw.background], cache))
                square = faces.squares.centred_square(picture.shape[1], picture.shape[0])
                background = faces.crop(picture, square, size=subject.size)
    except MotionkitError as error:
        listed = plan.sources[source]
        return Failure(str(error).replace(str(listed.place), listed.name))
    except MemoryError:
        return Failure("There is not enough memory to read the source.")
    return SourceSquare(frame, box, draw, background, " ".join(heard) or None)
