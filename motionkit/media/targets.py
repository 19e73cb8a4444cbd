"""Where outputs go: what is checked before any work, and the temporary name beside the target."""

from __future__ import annotations

import glob
import os
from pathlib import Path

from motionkit.errors import InputError, MediaError
from motionkit.media.suffixes import IMAGE_SUFFIXES, VIDEO_SUFFIXES

__all__ = ["check_target", "explain", "part_name"]


def check_target(path: str | Path, *inputs: str | Path, any_suffix: bool = False) -> None:
    """Raise unless an output can be written here; to be called before any long work.

    Args:
        path: The target: a clip, a picture, or a folder of PNGs (no suffix).
        *inputs: Files, folders and globs of pictures that must not be overwritten.
        any_suffix: Accept any suffix, for files that are neither clip nor picture.

    Raises:
        InputError: The target is one of the inputs, a folder where a file belongs, or of an unknown kind.
        MediaError: Its folder is not there or cannot be written to.
    """
    target = Path(path)
    if any(_same(target, Path(other)) for other in inputs):
        raise InputError("The target would overwrite an input", got=str(path), todo="Give the output another name")
    suffix = target.suffix.lower()
    if suffix and not any_suffix and suffix not in VIDEO_SUFFIXES + IMAGE_SUFFIXES:
        known = " ".join(VIDEO_SUFFIXES + IMAGE_SUFFIXES)
        raise InputError("Unknown kind of output", got=target.name, expected=f"{known}, or a folder without a suffix")
    if suffix and target.is_dir():
        raise InputError("The target is a folder where a file belongs", got=str(path))
    if not suffix and target.is_dir() and any(target.iterdir()):
        raise InputError("The target folder is not empty", got=str(path), todo="Name a new folder, or add .mp4")
    folder = target.absolute().parent
    if not folder.is_dir():
        raise MediaError("The target's folder is not there", got=str(folder), todo="Make it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise MediaError("The target's folder cannot be written to", got=str(folder))


def part_name(target: Path) -> Path:
    """A hidden temporary name beside the target, one for each process, with its suffix."""
    return target.with_name(f".{target.stem}.{os.getpid()}.part{target.suffix}")


def explain(error: Exception) -> str:
    """The reason in an error of the operating system or FFmpeg, without numbers and paths."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _same(one: Path, other: Path) -> bool:
    if other.is_dir() and one.suffix and one.exists():  # a picture of an input folder
        return other.samefile(one.parent)
    if any(c in str(other) for c in "*?[") and not other.exists():
        return any(_same(one, Path(found)) for found in glob.glob(str(other)))
    try:
        return one.samefile(other)
    except OSError:
        return one.absolute() == other.absolute()
