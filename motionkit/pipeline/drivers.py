"""One driving for all faces of the source, or one for each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from motionkit import media
from motionkit.config import AnimateOptions
from motionkit.errors import InputError
from motionkit.model import Model
from motionkit.motion.expressions import Take
from motionkit.motion.templates import MotionTemplate
from motionkit.pipeline.driving import OpenDriving, SeenDriving, open_driving

__all__ = ["AnyDriving", "open_drivings", "seen_together"]

AnyDriving = str | Path | media.Clip | MotionTemplate | Take | OpenDriving
"""Whatever ``open_driving`` takes."""


def open_drivings(driving: AnyDriving | Sequence[AnyDriving], *, beside: str | Path) -> list[OpenDriving]:
    """One driving or several, opened.

    Args:
        driving: One, or a list or tuple of them.
        beside: The source.

    Raises:
        InputError, MediaError, TemplateError: One of them cannot be used, or there is none.
    """
    given: Sequence[Any] = driving if isinstance(driving, list | tuple) else [driving]
    if not given:
        raise InputError("There is no driving", got="an empty list", expected="a clip, or one for each face")
    return [open_driving(one, beside=beside) for one in given]


def seen_together(
    opened: Sequence[OpenDriving], faces: int, model: Model, options: AnimateOptions
) -> list[SeenDriving]:
    """The drivings as the model sees them, all of the first one's rate and length.

    Args:
        opened: One for all faces, or one for each.
        faces: How many are animated.
        model: Whose networks look.
        options: What is asked for.

    Raises:
        InputError: There are more of them than one, and not as many as faces.
        TemplateError: A template of another model.
        FaceNotFoundError: A face was insisted on and not found.
    """
    if len(opened) not in (1, faces):
        one = "1 face" if faces == 1 else f"{faces} faces"
        todo = 'Set face="all" to animate every face' if options.face != "all" else "Give as many as there are faces"
        raise InputError(
            "Each face takes a driving of its own, or all take one",
            got=f"{len(opened)} drivings for {one}",
            expected="1" if faces == 1 else f"1 or {faces}",
            todo=todo,
        )
    first, *others = opened
    seen = first.seen(model, options)
    if not others:
        return [seen]
    frames = sum(1 for _ in seen.glimpses(1))  # what is there: a file's end may be missing
    return [seen, *(other.timed(first.fps, frames).seen(model, options) for other in others)]
