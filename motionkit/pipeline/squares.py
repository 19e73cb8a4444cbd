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

__all__ = ["Placed", "SceneSquares", "scene_squares", "steady_squares"]

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
    if options.driving_box is not None or not _looked_for(config, options, "driving"):
        (square,) = steady_squares(clip, config, options, what="driving")
        return SceneSquares(square)
    samples = spread_frames(clip, BOX_SAMPLES)
    found: list[tuple[Look, Box]] = []
    scenes = _scenes(samples)
    for scene in scenes if len(scenes) > 1 else ():
        box = _followed(scene, options)
        if box is not None:
            found.append((look(scene[0]), _inside(box, scene[0])))
    first = found[0][1] if found else _steady(samples, clip, config, options, "driving")[0]
    known = found or [(look(samples[0]), first)]

    def find(frame: Frame) -> Box | None:
        box = _followed([frame], options)
        return None if box is None else _inside(box, frame)

    return SceneSquares(first, known, find)


def steady_squares(clip: media.Clip, config: ModelConfig, options: AnimateOptions, *, what: str) -> list[Box]:
    """The steady squares for a whole clip, or the one that is given by hand.

    Args:
        clip: The whole frames.
        config: The model's.
        options: What is asked for.
        what: "source" or "driving".

    Raises:
        FaceNotFoundError: A face was insisted on and not found.
        InputError: The square by hand is far too large.
    """
    manual = options.source_box if what == "source" else options.driving_box
    if manual is not None:
        faces.check_reach(manual, clip.info.width, clip.info.height, name=f"the {what} {clip.info.path.name}")
        return [manual]
    samples = spread_frames(clip, BOX_SAMPLES if _looked_for(config, options, what) else 1)
    return _steady(samples, clip, config, options, what)


def _steady(
    samples: Sequence[Frame], clip: media.Clip, config: ModelConfig, options: AnimateOptions, what: str
) -> list[Box]:
    return faces.choose_clip_squares(
        samples,
        crop=options.crop,
        domain=config.domain,
        face=_wanted(options, what),
        finder=options.finder,
        name=f"the {what} {clip.info.path.name}",
    )


def _followed(frames: Sequence[Frame], options: AnimateOptions) -> Box | None:
    """The square around the driving's face that is asked for, None where these frames do not show it."""
    if options.driving_face == "largest":
        return faces.steady_box(frames, finder=options.finder)
    boxes = faces.steady_boxes(frames, finder=options.finder)
    return boxes[options.driving_face] if options.driving_face < len(boxes) else None


def _wanted(options: AnimateOptions, what: str) -> str | int:
    return options.face if what == "source" else options.driving_face


def _looked_for(config: ModelConfig, options: AnimateOptions, what: str) -> bool:
    """Whether faces are looked for."""
    insisted = options.crop == "face" or _wanted(options, what) != "largest"
    return insisted or (options.crop == "auto" and config.domain == "face")


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
