"""Where in a clip the model looks: one steady square for each scene of the film."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from motionkit import faces, media
from motionkit.animation.scenes import Look, Scenes, alike, look
from motionkit.config import AnimateOptions, ModelConfig
from motionkit.frames import Frame
from motionkit.media.seeking import spread_frames
from motionkit.structures import Box

__all__ = ["Placed", "SceneSquares", "scene_squares", "steady_square"]

# Frames from all over a clip on which its steady crop is decided.
BOX_SAMPLES = 8

Placed = tuple[Frame, Box, int]
"""A whole frame, its square, and the number of its scene."""


@dataclass(frozen=True)
class SceneSquares:
    """The square of each scene of a clip.

    Attributes:
        first: Of the first scene that shows a face, or the one square of the whole clip.
        known: Scenes that were seen before the clip is read, each with its square.
        find: The square around the face of a frame in which another scene begins, None where it shows none; None where
            the first square serves every scene.
    """

    first: Box
    known: Sequence[tuple[Look, Box]] = ()
    find: Callable[[Frame], Box | None] | None = field(default=None, compare=False)

    def place(self, frames: Iterable[Frame]) -> Iterator[Placed]:
        """Frames in order, each with its square and scene."""
        scenes = Scenes()
        boxes: dict[int, Box] = {}
        box = self.first
        for frame in frames:
            scene = scenes.next(frame)
            if scene not in boxes:
                boxes[scene] = self.at(frame, box)
            box = boxes[scene]
            yield frame, box, scene

    def at(self, frame: Frame, otherwise: Box | None = None) -> Box:
        """The square of one frame by itself.

        Args:
            frame: The whole frame.
            otherwise: Its square where it shows no face; None is the first.
        """
        if self.find is None:
            return self.first
        seen = look(frame)
        known = next((box for other, box in self.known if alike(seen, other)), None)
        return known or self.find(frame) or otherwise or self.first


def scene_squares(clip: media.Clip, config: ModelConfig, options: AnimateOptions) -> SceneSquares:
    """The squares of a driving clip, unless one is given by hand.

    Args:
        clip: The whole frames.
        config: The model's.
        options: What is asked for.

    Raises:
        FaceNotFoundError: A face was insisted on and not found in any scene.
    """
    if options.driving_box is not None or not _looked_for(config, options):
        return SceneSquares(steady_square(clip, options.driving_box, config, options, what="driving"))
    samples = spread_frames(clip, BOX_SAMPLES)
    found: list[tuple[Look, Box]] = []
    scenes = _scenes(samples)
    for scene in scenes if len(scenes) > 1 else ():
        box = faces.steady_box(scene, finder=options.finder)
        if box is not None:
            found.append((look(scene[0]), _inside(box, scene[0])))
    first = found[0][1] if found else _steady(samples, clip, config, options, "driving")
    known = found or [(look(samples[0]), first)]

    def find(frame: Frame) -> Box | None:
        box = faces.steady_box([frame], finder=options.finder)
        return None if box is None else _inside(box, frame)

    return SceneSquares(first, known, find)


def steady_square(
    clip: media.Clip, manual: Box | None, config: ModelConfig, options: AnimateOptions, *, what: str
) -> Box:
    """One steady square for a whole clip, unless one is given by hand.

    Args:
        clip: The whole frames.
        manual: The square by hand, or None.
        config: The model's.
        options: What is asked for.
        what: "source" or "driving", for messages.

    Raises:
        FaceNotFoundError: A face was insisted on and not found.
    """
    if manual is not None:
        return manual
    samples = spread_frames(clip, BOX_SAMPLES if _looked_for(config, options) else 1)
    return _steady(samples, clip, config, options, what)


def _steady(samples: Sequence[Frame], clip: media.Clip, config: ModelConfig, options: AnimateOptions, what: str) -> Box:
    return faces.choose_clip_square(
        samples,
        crop=options.crop,
        domain=config.domain,
        finder=options.finder,
        name=f"the {what} {clip.info.path.name}",
    )


def _looked_for(config: ModelConfig, options: AnimateOptions) -> bool:
    """Whether faces are looked for."""
    return options.crop == "face" or (options.crop == "auto" and config.domain == "face")


def _scenes(samples: Sequence[Frame]) -> list[list[Frame]]:
    """Frames from all over a clip, sorted by their scene."""
    scenes: list[tuple[Look, list[Frame]]] = []
    for frame in samples:
        seen = look(frame)
        for at, (last, scene) in enumerate(scenes):
            if alike(seen, last):
                scene.append(frame)
                scenes[at] = (seen, scene)
                break
        else:
            scenes.append((seen, [frame]))
    return [scene for _, scene in scenes]


def _inside(box: Box, frame: Frame) -> Box:
    return faces.held_inside(box, frame.shape[1], frame.shape[0])
