"""A folder of training clips: which there are, whose they are, and their frames.

Legend: T frames of a clip, S side of the pictures that training sees.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from motionkit.config.checks import check_path
from motionkit.data.config import DataConfig
from motionkit.errors import InputError, MediaError, MotionkitError
from motionkit.faces.crops import crop
from motionkit.faces.squares import centred_square
from motionkit.media import READ_IMAGE_SUFFIXES, READ_VIDEO_SUFFIXES, open_clip, read_image
from motionkit.media.seeking import read_frames_at
from motionkit.wholefile import write_whole

__all__ = ["BrokenClipError", "ClipFile", "ClipFrames", "Clips", "find_clips", "list_clips"]

TRUTH_SUFFIX = ".truth.safetensors"


class BrokenClipError(Exception):
    """A clip, or some frames of it, cannot be used; says why. Never leaves the data: another clip is used instead."""


@dataclass(frozen=True, slots=True)
class ClipFile:
    """A video, or a folder of pictures.

    Attributes:
        path: Where it is.
        truth: The file beside it with what a renderer knows of it, or None.
    """

    path: Path
    truth: Path | None = None

    @property
    def identity(self) -> str:
        """Who is seen: the name up to ``#``."""
        name = self.path.name if self.path.is_dir() else self.path.stem
        return name.split("#")[0]


@dataclass(frozen=True, slots=True)
class Clips:
    """What ``find_clips`` found, in the order of the names.

    Attributes:
        train: Clips to train on.
        test: Clips that are kept for testing; there may be none.
    """

    train: tuple[ClipFile, ...]
    test: tuple[ClipFile, ...]


def find_clips(folder: str | Path, config: DataConfig | None = None, *, seed: int = 0) -> Clips:
    """Find the clips of a training folder: videos and folders of pictures, in any mixture.

    Sub-folders ``train`` and ``test`` are taken as such. Without them a share of the identities is kept for testing;
    which ones depends on their names and the seed alone, never on what else is in the folder.

    Args:
        folder: Holds the clips, or ``train`` and maybe ``test``.
        config: Its ``test_share`` is used; None is the defaults.
        seed: Of the split.

    Raises:
        InputError: There is no such folder, or no clip in it.
    """
    config = config or DataConfig()
    folder = check_path("folder of clips", folder)
    if not os.path.isdir(folder):
        raise InputError("There is no such folder of clips", got=str(folder))
    if (folder / "train").is_dir():
        test = list_clips(folder / "test") if (folder / "test").is_dir() else []
        found = Clips(tuple(list_clips(folder / "train")), tuple(test))
    else:
        found = _split(list_clips(folder), config.test_share, seed)
    if not found.train:
        raise InputError(
            "The folder holds no clips to train on",
            got=str(folder),
            expected=f"videos ({', '.join(READ_VIDEO_SUFFIXES)}) or folders of pictures, or a train folder with them",
        )
    return found


def list_clips(folder: Path) -> list[ClipFile]:
    """List the clips that stand in a folder itself, in the order of their names."""
    clips = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir() and _pictures(path):
            truth = path.with_name(path.name + TRUTH_SUFFIX)
        elif path.is_file() and path.suffix.lower() in READ_VIDEO_SUFFIXES:
            truth = path.with_name(path.stem + TRUTH_SUFFIX)
        else:
            continue
        clips.append(ClipFile(path, truth if truth.is_file() else None))
    return clips


def _split(clips: Sequence[ClipFile], share: float, seed: int) -> Clips:
    identities = {clip.identity for clip in clips}
    shuffled = sorted(identities, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())
    # At least one of each, where there are two.
    count = min(max(round(share * len(shuffled)), 1), len(shuffled) - 1) if share > 0 else 0
    test = set(shuffled[:count])
    return Clips(
        tuple(clip for clip in clips if clip.identity not in test),
        tuple(clip for clip in clips if clip.identity in test),
    )


def _pictures(folder: Path) -> list[Path]:
    names = (path for path in folder.iterdir() if path.suffix.lower() in READ_IMAGE_SUFFIXES)
    return sorted(path for path in names if not path.name.startswith("."))


class ClipFrames:
    """The frames of one clip as squares of one size: the middle of each frame, resized, never stretched.

    Args:
        clip: Which.
        size: S.
        cache: Folder for the decoded frames, so that the clip is decoded once; None decodes what is asked for.

    Raises:
        BrokenClipError: It cannot be opened, or has fewer than two frames.
        MediaError: The cache cannot be written.
    """

    def __init__(self, clip: ClipFile, size: int, cache: Path | None = None) -> None:
        self._clip, self._size = clip, size
        with _broken():
            self._pictures = _pictures(clip.path) if clip.path.is_dir() else None
        self._cached = None if cache is None else self._cache(cache)
        self._length = self._count() if self._cached is None else self._cached.shape[0]
        if self._length < 2:
            raise BrokenClipError("it has fewer than two frames")

    def __len__(self) -> int:
        return self._length

    @cached_property
    def shape(self) -> tuple[int, int]:
        """(width, height) of its frames as they are stored."""
        with _broken():
            if self._pictures is not None:
                height, width = read_image(self._pictures[0]).shape[:2]
                return width, height
            info = open_clip(self._clip.path).info
            return info.width, info.height

    def read(self, numbers: Sequence[int]) -> np.ndarray:
        """Read some of the frames.

        Args:
            numbers: n numbers from 0.

        Returns:
            n S S 3 uint8.

        Raises:
            BrokenClipError: One of them cannot be read.
        """
        if self._cached is not None:
            return np.stack([self._cached[number] for number in numbers])
        with _broken():
            if self._pictures is not None:
                frames = [read_image(self._pictures[number]) for number in numbers]
            else:
                frames = read_frames_at(self._clip.path, numbers)
            return np.stack([self._fit(frame) for frame in frames])

    def _count(self) -> int:
        """How many frames there are, by a look at the end; one by one only where the file does not say or is wrong."""
        if self._pictures is not None:
            return len(self._pictures)
        with _broken():
            frames = open_clip(self._clip.path).info.frames
            if frames is not None:
                try:
                    read_frames_at(self._clip.path, [frames - 1])
                except MediaError:
                    pass
                else:
                    return frames
            return sum(1 for _ in open_clip(self._clip.path))

    def _decode_all(self) -> Iterator[np.ndarray]:
        if self._pictures is not None:
            yield from map(read_image, self._pictures)
        else:
            yield from open_clip(self._clip.path)

    def _fit(self, frame: np.ndarray) -> np.ndarray:
        return crop(frame, centred_square(frame.shape[1], frame.shape[0]), size=self._size)

    def _cache(self, folder: Path) -> np.ndarray:
        """T S S 3 uint8, mapped from a file of bare pixels that stands in the folder whole or not at all."""
        path = self._clip.path
        with _broken():
            stat = path.stat()
        state = f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns}".encode()
        target = folder / f"{path.stem}-{hashlib.sha256(state).hexdigest()[:12]}.{self._size}.rgb"
        if not target.exists():
            self._write(target)
        if target.stat().st_size == 0:
            raise BrokenClipError("no frame of it can be decoded")
        return np.memmap(target, np.uint8, mode="r").reshape(-1, self._size, self._size, 3)

    def _write(self, target: Path) -> None:
        def fill(part: Path) -> None:
            frames = self._decode_all()
            with part.open("wb") as file:
                while (frame := self._next(frames)) is not None:
                    file.write(self._fit(frame).data)

        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_whole(target, fill)
        except OSError as error:
            raise MediaError(
                f"Decoded frames cannot be kept ({error.strerror or error})",
                got=str(target.parent),
                todo="Free some space on the disk, or train without the cache (data.cache=false)",
            ) from error

    def _next(self, frames: Iterator[np.ndarray]) -> np.ndarray | None:
        # Kept apart from the error of a disk that cannot be written to, which no other clip would mend.
        with _broken():
            return next(frames, None)


@contextmanager
def _broken() -> Iterator[None]:
    """What cannot be read within is a broken clip, in whatever way its bytes make a decoder fail."""
    try:
        yield
    except (BrokenClipError, MemoryError):
        raise
    except Exception as error:
        reason = str(error) if isinstance(error, MotionkitError) else f"{type(error).__name__}: {str(error)[:200]}"
        raise BrokenClipError(reason) from error
