"""A person's clip cut in two by time: what training sees, and the last part, by which a model is judged.

Legend: T frames of a scene, S side of the model's pictures.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from motionkit import trust
from motionkit.animation.moments import animate
from motionkit.config import AnimateOptions
from motionkit.data.clips import BrokenClipError, ClipFrames, list_clips
from motionkit.drawing.collage import Panel, lay_out
from motionkit.errors import InputError, MediaError
from motionkit.frames import Frame
from motionkit.media.images import write_image
from motionkit.model import Model
from motionkit.wholefile import part_path

__all__ = ["HeldOut", "read_held_out", "split_in_time"]

SHARE = 0.25  # of the frames, that is held out
LEAST = 16  # frames that a clip needs
MOST = 1500  # frames that are used of a longer one, evenly spread
JUDGED = 48  # frames of the held-out part that are animated
ROWS = 4  # of the contact sheet
AT_ONCE = 64  # frames decoded


@dataclass(frozen=True)
class HeldOut:
    """What training does not see: the first frame of each scene is animated by the others.

    Attributes:
        scenes: T S S 3 uint8 each, at least two frames. The first is the first frame of the same scene that training
            sees, if there is one: a person's picture, which what follows moves.
    """

    scenes: tuple[np.ndarray, ...]

    def animate(self, model: Model) -> list[np.ndarray]:
        """Let each scene drive its own first frame, with absolute motion: T-1 S S 3 uint8 each.

        Args:
            model: Makes the pictures.
        """
        side = self.scenes[0].shape[1]
        options = AnimateOptions(relative=False, lost="follow", motion_limit=None, size=side)
        return [np.stack(list(animate(scene[0], scene[1:], model=model, options=options))) for scene in self.scenes]

    def error(self, results: Sequence[np.ndarray]) -> float:
        """Mean absolute difference of results from what was filmed, as a share of what standing still has.

        Args:
            results: As ``animate`` gives them.

        Raises:
            InputError: Nothing moves in what was filmed.
        """
        far = sum(_difference(made, scene[1:]) for made, scene in zip(results, self.scenes, strict=True))
        still = sum(_difference(scene[:1], scene[1:]) for scene in self.scenes)
        if not still:
            raise InputError("Nothing moves in the last part of the clip", todo="Give a clip that moves to its end")
        return far / still

    def sheet(self, before: Sequence[np.ndarray], after: Sequence[np.ndarray]) -> Frame:
        """Draw a row for some moments: source | driving | before | after; those that move most, in order.

        Args:
            before: As ``animate`` gives them, of the model that training began with.
            after: The same of the trained one.

        Returns:
            H W 3 uint8, with the watermark.
        """
        moments = [(i, t) for i, scene in enumerate(self.scenes) for t in range(len(scene) - 1)]
        rows: list[Frame] = []
        for part in np.array_split(np.arange(len(moments)), min(ROWS, len(moments))):
            i, t = max((moments[n] for n in part), key=self._moves)
            shown = {"source": self.scenes[i][0], "driving": self.scenes[i][t + 1]}
            shown |= {"before": before[i][t], "after": after[i][t]}
            rows.append(lay_out([Panel(name, frame) for name, frame in shown.items()], captions=not rows))
        return trust.mark_frame(np.concatenate(rows))

    def _moves(self, moment: tuple[int, int]) -> float:
        scene, t = self.scenes[moment[0]], moment[1]
        return _difference(scene[:1], scene[t + 1 : t + 2])


def _difference(one: np.ndarray, other: np.ndarray) -> float:
    """Sum of absolute differences of uint8 pictures, frame by frame to spare memory."""
    pairs = zip(np.broadcast_to(one, other.shape), other, strict=True)
    return float(sum(np.abs(a.astype(np.int16) - b).sum(dtype=np.int64) for a, b in pairs))


def split_in_time(clips: Path, target: Path, size: int) -> None:
    """Cut the last part off some clips, which follow each other: folders ``train`` and ``test`` of picture folders.

    Args:
        clips: A folder of clips, in the order of their names.
        target: Made whole or not at all; one that is there stays.
        size: S, in pixels.

    Raises:
        InputError: There are too few frames.
        MediaError: A clip cannot be read, or pictures cannot be written.
    """
    if target.is_dir():
        return
    try:
        opened = [ClipFrames(clip, size) for clip in list_clips(clips)]
        places = [(n, t) for n, frames in enumerate(opened) for t in range(len(frames))]
        places = places[:: -(-len(places) // MOST) or 1]
        if len(places) < LEAST:
            raise InputError("The clip is too short", got=f"{len(places)} frames with a face", expected=f"{LEAST}")
        part = part_path(target)
        first = round(len(places) * (1 - SHARE))
        try:
            for name, wanted in (("train", places[:first]), ("test", places[first:])):
                for number, group in itertools.groupby(wanted, key=lambda place: place[0]):
                    times = [t for _, t in group]
                    if len(times) > 1:
                        _write(part / name / f"{number:04}", opened[number], times)
            part.rename(target)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except BrokenClipError as error:
        raise MediaError(f"The face's clip cannot be read: {error}", got=str(clips)) from error
    except OSError as error:
        raise MediaError(f"The clip's frames cannot be kept ({error.strerror or error})", got=str(target)) from error


def _write(folder: Path, frames: ClipFrames, times: Sequence[int]) -> None:
    folder.mkdir(parents=True)
    for begin in range(0, len(times), AT_ONCE):
        some = times[begin : begin + AT_ONCE]
        for t, frame in zip(some, frames.read(some), strict=True):
            write_image(folder / f"{t:06}.png", frame)


def read_held_out(folder: Path, size: int) -> HeldOut:
    """Read what ``split_in_time`` held out.

    Args:
        folder: The ``target`` that it made.
        size: S, in pixels.

    Raises:
        MediaError: A picture cannot be read.
    """
    try:
        opened = {clip.path.name: ClipFrames(clip, size) for clip in list_clips(folder / "test")}
        begun = {clip.path.name: clip for clip in list_clips(folder / "train")}
        step = -(-sum(map(len, opened.values())) // JUDGED)
        scenes = []
        for name, frames in opened.items():
            first = [ClipFrames(begun[name], size).read([0])] if name in begun else []
            # Two of a scene at least, where only one of its frames would be taken.
            times = list(range(0, len(frames), step)) if first or len(frames) > step else [0, len(frames) - 1]
            scenes.append(np.concatenate([*first, frames.read(times)]))
        return HeldOut(tuple(scenes))
    except BrokenClipError as error:
        raise MediaError(f"What was held out cannot be read: {error}", got=str(folder)) from error
