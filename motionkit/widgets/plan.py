"""What the panel's Animate would make now, and the Python code that makes the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motionkit.config import AnimateOptions
from motionkit.errors import InputError
from motionkit.model import Model
from motionkit.motion.expressions import Take
from motionkit.widgets.calls import pose_call, python_call
from motionkit.widgets.pose import expression_of, keys_of, posing_options, take_of

__all__ = ["Plan"]


@dataclass(frozen=True)
class Plan:
    """An animation of the panel.

    Attributes:
        source: A picture or clip.
        clip: The driving; None where the timeline moves the source.
        pose: The panel's trait.
        given: What the controls say.
        folder: Where results go.
    """

    source: Path
    clip: Path | None
    pose: Mapping[str, Any]
    given: AnimateOptions
    folder: Path

    @property
    def options(self) -> AnimateOptions:
        """What the animation goes by."""
        return posing_options(self.given) if self.clip is None else self.given

    @property
    def targets(self) -> tuple[Path, Path]:
        """The result and the collage."""
        name = f"{self.source.stem}-{self.clip.stem if self.clip else self.pose['motion'] or 'pose'}"
        return self.folder / f"{name}.mp4", self.folder / f"{name}-collage.mp4"

    def driving(self) -> Path | Take:
        """What moves the source. Raises InputError where the timeline is no clip yet."""
        return self.clip or take_of(self.pose)

    def call(self, model: Model) -> str:
        """The code; a comment that says what is wrong where there can be none."""
        result, collage = self.targets
        if self.clip is not None:
            return python_call(self.source, self.clip, self.options, model=model, output=result, collage=collage)
        keys, picture = self.pose["keys"], self.folder / f"{self.source.stem}-pose.png"
        try:
            # One key is where every timeline begins, and no clip.
            driving = self.pose["motion"] or (keys_of(keys) if len(keys) > 1 else None)
            return pose_call(
                self.source, expression_of(self.pose["values"]), driving, self.options, model=model,
                picture=picture, output=result, collage=collage,
            )  # fmt: skip
        except InputError as error:
            return f"# This pose cannot be used. {error}\n"
