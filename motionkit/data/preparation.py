"""Crop faces out of long videos into a folder of training clips."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from motionkit import jsontext
from motionkit.config.checks import check_choice, check_number, check_path, check_same, check_whole
from motionkit.data.clips import list_clips
from motionkit.data.tracks import FaceClip, Track, holds, nearest, within
from motionkit.errors import FaceNotFoundError, InputError, MediaError, MotionkitError, MotionkitWarning
from motionkit.faces.crops import crop
from motionkit.faces.finders import Finder, find_faces, overlap
from motionkit.faces.squares import face_square
from motionkit.frames import Frame
from motionkit.media import open_clip
from motionkit.structures import Box
from motionkit.wholefile import write_whole

__all__ = ["Prepared", "prepare"]

STATE_FOLDER = ".prepared"
# Pictures shrunk to this many pixels a side show a cut: their mean difference jumps over so many of 255 levels.
THUMB_SIDE, CUT = 16, 20
# The face is followed within the square and this much around it, looked at in this many pixels.
NEAR, NEAR_SIDE = 1.25, 224
# Two boxes whose overlap is a larger share of both together are one face's.
SAME = 0.2
MOST_FACES = 16  # that are followed at once
MAX_FRAMES = 10**9  # of a video, in what was written down about it
FACES = ("all", "largest")


@dataclass(frozen=True)
class Prepared:
    """What ``prepare`` did.

    Attributes:
        clips: Clips that were written now.
        kept: Clips that were there before.
        broken: Videos that could not be read, or not wholly.
    """

    clips: int
    kept: int
    broken: tuple[Path, ...]


@dataclass(frozen=True)
class _Settings:
    size: int
    min_seconds: float
    every: int
    min_side: int
    faces: str

    def __post_init__(self) -> None:
        check_whole("every", self.every, 1, 10_000)
        check_number("min_seconds", self.min_seconds, 0, 1e6)
        check_whole("min_side", self.min_side, 0, 1 << 16)
        check_choice("faces", self.faces, FACES)


@dataclass
class _State:
    """How far a video is: kept in the output folder after each clip, so that a stopped run goes on from there."""

    settings: dict[str, Any]
    frame: int = 0  # the next to look at
    clips: int = 0
    done: bool = False

    def __post_init__(self) -> None:
        check_whole("frame", self.frame, 0, MAX_FRAMES)
        check_whole("clips", self.clips, 0, MAX_FRAMES)
        if not isinstance(self.done, bool):
            raise TypeError("done is neither true nor false")


@dataclass
class _Count:
    clips: int = 0
    kept: int = 0
    broken: list[Path] = field(default_factory=list)

    def break_off(self, path: Path, error: MotionkitError) -> None:
        self.broken.append(path)
        warnings.warn(f"{path.name} cannot be read: {error}", MotionkitWarning, stacklevel=4)


def prepare(
    inputs: Sequence[str | Path],
    output: str | Path,
    *,
    size: int = 256,
    min_seconds: float = 1.0,
    every: int = 5,
    min_side: int | None = None,
    faces: Literal["all", "largest"] = "all",
    finder: Finder = "auto",
    progress: bool = False,
) -> Prepared:
    """Crop faces out of videos into clips, ``NAME#0001.mp4`` and so on.

    A clip is one fixed square around a face, which lasts until the face leaves it, is lost, or the video cuts. Each
    face has clips of its own, numbered in the order in which they begin. A run that is stopped leaves no half clips;
    the same call goes on where it was.

    Args:
        inputs: Videos, or folders of them.
        output: Folder of the clips; made if it is not there.
        size: Side of the clips in pixels.
        min_seconds: Shorter clips are left out.
        every: Frames from one look for the face to the next.
        min_side: Squares with fewer pixels a side in the video are left out; None is half of ``size``.
        faces: "all" follows every face, "largest" one at a time, the largest where none is followed yet.
        finder: As for ``motionkit.faces.find_faces``.
        progress: Whether to show a bar with rate and remaining time.

    Raises:
        InputError: An input is not there, two have one name, or the folder was prepared with other settings or holds
            a damaged record of what was done.
        MediaError: A clip, or how far a video is, cannot be written.
        FaceNotFoundError: There is no clip at the end.
    """
    from tqdm import tqdm

    check_whole("size", size, 2, 8192)  # before half of it is taken
    settings = _Settings(size, min_seconds, every, size // 2 if min_side is None else min_side, faces)
    videos = _list_videos(inputs)
    output = check_path("output", output)
    try:
        (output / STATE_FOLDER).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MediaError(f"The folder cannot be made ({error.strerror})", got=str(output)) from error
    count = _Count()
    with tqdm(unit=" frames", disable=not progress, total=0) as bar:
        jobs = [job for path in videos if (job := _open(path, output, settings, finder, bar=bar, count=count))]
        for job in jobs:
            job.run(count)
    if not count.clips + count.kept:
        raise FaceNotFoundError(
            f"No face could be followed for {min_seconds} s",
            got=f"{len(videos)} videos, {len(count.broken)} of them unreadable",
            expected=f"faces whose square has at least {settings.min_side} pixels a side",
            todo="Look at the videos, or lower min_seconds or size",
        )
    return Prepared(count.clips, count.kept, tuple(count.broken))


def _list_videos(inputs: Sequence[str | Path]) -> list[Path]:
    videos: list[Path] = []
    for given in (check_path("input", path) for path in inputs):
        if not os.path.exists(given):
            raise InputError("There is no such file", got=str(given))
        found = [clip.path for clip in list_clips(given)] if given.is_dir() else [given]
        if not found:
            raise InputError("The folder holds no videos", got=str(given))
        videos += found
    names: dict[str, Path] = {}
    for path in videos:
        if (other := names.setdefault(path.stem, path)) != path:
            raise InputError("Two videos have one name, which their clips would share", got=f"{other} and {path}")
    if not videos:
        raise InputError("There is nothing to prepare", todo="Name some videos, or a folder of them")
    return list(names.values())


def _open(path: Path, output: Path, settings: _Settings, finder: Finder, *, bar: Any, count: _Count) -> _Job | None:
    """A video as something to do; None if it is done, or cannot be read."""
    try:
        job = _Job(path, output, settings, finder, bar)
    except MediaError as error:
        count.break_off(path, error)
        return None
    count.kept += job.state.clips
    return None if job.state.done else job


class _Job:
    """One video."""

    def __init__(self, path: Path, output: Path, settings: _Settings, finder: Finder, bar: Any) -> None:
        self._path, self._output, self._settings, self._finder, self._bar = path, output, settings, finder, bar
        self._state_file = output / STATE_FOLDER / f"{path.stem}.json"
        self.state = self._load()
        if self.state.done:
            return
        info = open_clip(path).info
        self._fps = info.fps
        bar.total += max((info.frames or 0) - self.state.frame, 0)

    def run(self, count: _Count) -> None:
        """Write the clips that are not there yet."""
        self._bar.set_description(self._path.stem)
        clips: list[FaceClip] = []
        saved = self.state.clips
        try:
            for frame, cut in self._frames(count):
                if cut:
                    self._end(clips, count)
                    clips = []
                clips = self._step(frame, clips, count)
                # A stopped run goes on from where no face was being followed.
                if not clips and self.state.clips > saved:
                    self._save()
                    saved = self.state.clips
            self._end(clips, count)
        except BaseException:
            for clip in clips:
                clip.abandon()
            raise
        self.state.done = True
        self._save()

    def _step(self, frame: Frame, clips: list[FaceClip], count: _Count) -> list[FaceClip]:
        """Take the next frame; returns the clips that go on or begin with it."""
        for clip in clips:
            clip.track.add(frame)
        if not self._looks:
            return clips
        every = self._settings.faces == "all"
        found = find_faces(frame, finder=self._finder) if every or not clips else []
        going: list[FaceClip] = []
        for clip in clips:
            face = nearest(found, clip.track.face) or self._find_near(frame, clip.track)
            twice = face is not None and any(overlap(face, other.track.face) > SAME for other in going)
            if not twice and clip.track.look(face):
                self._keep(clip)
                going.append(clip)
            else:
                self._end([clip], count)
        for face in found if every else found[:1]:
            square = within(face_square(face), frame.shape[1], frame.shape[0])
            fits = square.width >= self._settings.min_side and holds(square, face)
            new = all(overlap(face, clip.track.face) <= SAME for clip in going)
            if fits and new and len(going) < MOST_FACES and nearest([clip.track.face for clip in going], face) is None:
                going.append(FaceClip(Track(frame, face, square, size=self._settings.size)))
                self._keep(going[-1])
        return going

    def _keep(self, clip: FaceClip) -> None:
        """Write what is known to belong to the clip; it gets its name as soon as it is long enough."""
        if not clip.named:
            if len(clip.track) < max(round(self._settings.min_seconds * self._fps), 2):
                return
            self.state.clips += 1
            clip.begin(self._output / f"{self._path.stem}#{self.state.clips:04}.mp4", self._fps)
        clip.write()

    def _end(self, clips: list[FaceClip], count: _Count) -> None:
        for clip in clips:
            if clip.named:
                clip.finish()
                count.clips, count.kept = count.clips + clip.written, count.kept + (not clip.written)
                self._bar.set_postfix(clips=count.clips + count.kept)

    def _frames(self, count: _Count) -> Iterator[tuple[np.ndarray, bool]]:
        """Frames not yet looked at, and whether each comes after a cut."""
        start = Fraction(self.state.frame) / self._fps
        previous = None
        try:
            for frame in open_clip(self._path, start=start or None):
                self.state.frame += 1
                self._bar.update()
                picture = Image.fromarray(frame).resize((THUMB_SIDE, THUMB_SIDE), Image.Resampling.BOX)
                thumb = np.asarray(picture, np.int16)
                yield frame, previous is not None and float(np.abs(thumb - previous).mean()) > CUT
                previous = thumb
        except (MediaError, InputError) as error:  # the latter where the video ends before the place to go on from
            count.break_off(self._path, error)

    @property
    def _looks(self) -> bool:
        """Whether to look for the face in this frame; counted from the video's start, so that stopping is harmless."""
        return (self.state.frame - 1) % self._settings.every == 0

    def _find_near(self, frame: Frame, track: Track) -> Box | None:
        """The face of a track, looked for in and around its square alone."""
        square = track.square
        margin = round((NEAR - 1) / 2 * square.width)
        left, top, side = square.left - margin, square.top - margin, square.width + 2 * margin
        near = crop(frame, Box(left, top, left + side, top + side), size=NEAR_SIDE)
        scale = side / NEAR_SIDE
        found = [
            Box(
                round(left + box.left * scale),
                round(top + box.top * scale),
                round(left + box.right * scale),
                round(top + box.bottom * scale),
            )
            for box in find_faces(near, finder=self._finder)
        ]
        return nearest(found, track.face)

    def _load(self) -> _State:
        try:
            settings = {**asdict(self._settings), "bytes": self._path.stat().st_size}
        except OSError as error:
            raise MediaError(f"The video cannot be read ({error.strerror})", got=str(self._path)) from error
        try:
            state = _State(**jsontext.parse(self._state_file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return _State(settings)
        except (OSError, ValueError, TypeError) as error:
            raise InputError(
                f"What was written down about {self._path.name} cannot be read",
                got=f"{self._state_file} ({error})",
                todo="Delete that file to look through the video again; its clips that are there are kept",
            ) from error
        check_same(
            f"{self._path.name} was prepared in this folder before, differently or from another video",
            settings,
            state.settings if isinstance(state.settings, dict) else {},
            todo="Choose another folder, or the same settings",
        )
        return state

    def _save(self) -> None:
        text = json.dumps(asdict(self.state))
        try:
            write_whole(self._state_file, lambda part: part.write_text(text, encoding="utf-8"))
        except OSError as error:
            raise MediaError(
                f"It cannot be written down how far {self._path.name} is ({error.strerror or error})",
                got=str(self._state_file),
                todo="Free some space on the disk; the same command goes on where it was",
            ) from error
