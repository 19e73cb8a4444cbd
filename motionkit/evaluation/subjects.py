"""What is judged: clips with their faces followed, portraits, and what is known of rendered clips.

Legend: T frames, S side of the pictures in pixels, P = 470 points of the mesh, K keypoints of the model.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import safe_open

from motionkit import faces, jsontext, media, pipeline
from motionkit.config import AnimateOptions, ModelConfig
from motionkit.errors import InputError, MotionkitWarning
from motionkit.evaluation.signals import Signals, measure
from motionkit.faces.mesh import Mesh, Track

__all__ = [
    "Portrait",
    "RenderedTruth",
    "Scene",
    "SubjectOptions",
    "Subjects",
    "read_clip",
    "read_portrait",
    "read_rendered",
    "read_subjects",
]

LEAST_SIZE, MOST_SIZE = 64, 1024  # pixels


@dataclass(frozen=True, kw_only=True)
class SubjectOptions:
    """How subjects are read. These are the only defaults; the command line reads them here.

    Attributes:
        size: S, from 64 to 1024.
        every: Use every n-th frame of a clip, from 1; with 3 a blink is still seen.
        seconds: Use so much of each clip's beginning; None is the whole clip.

    Raises:
        InputError: A value is out of range.
    """

    size: int = 256
    every: int = 1
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.every < 1:
            raise InputError("every is out of range", got=self.every, expected="a whole number from 1")
        if not LEAST_SIZE <= self.size <= MOST_SIZE:
            raise InputError("size is out of range", got=self.size, expected=f"{LEAST_SIZE} to {MOST_SIZE}")


@dataclass(frozen=True)
class Scene:
    """A clip as it is judged.

    Attributes:
        name: The file's, without suffix.
        frames: T S S 3 uint8.
        track: The mesh in them.
        signals: What the face does.
    """

    name: str
    frames: np.ndarray
    track: Track
    signals: Signals


@dataclass(frozen=True)
class Portrait:
    """A picture that clips drive.

    Attributes:
        name: The file's, without suffix.
        picture: S S 3 uint8.
        points: P 3, the mesh in it, in pixels.
        found: Whether the mesh sees a face in it; else it cannot be judged.
    """

    name: str
    picture: np.ndarray
    points: np.ndarray
    found: bool


@dataclass(frozen=True)
class RenderedTruth:
    """What is known of a rendered clip.

    Attributes:
        keypoints: T K 2 in [-1, 1].
        names: Of the K keypoints; none if the file has none.
        pose: T 3 3, rotations of the head about the picture's axes, as those of ``signals.rotations``; None if unknown.
    """

    keypoints: np.ndarray
    names: tuple[str, ...]
    pose: np.ndarray | None = None

    def part(self, frames: slice) -> RenderedTruth:
        """The truth of some of the frames, which a slice of their numbers names."""
        return RenderedTruth(self.keypoints[frames], self.names, None if self.pose is None else self.pose[frames])

    @staticmethod
    def read(path: Path) -> RenderedTruth | None:
        """Read the file beside a clip, ``NAME.truth.safetensors``; None where there is no such file.

        It holds the tensors ``keypoints`` and, maybe, ``pose``, and the metadatum ``keypoint_names``, a JSON list.
        """
        if not path.is_file():
            return None
        with safe_open(str(path), "np") as file:
            names = tuple(jsontext.parse((file.metadata() or {}).get("keypoint_names", "[]")))
            pose = file.get_tensor("pose").astype(np.float64) if "pose" in file.keys() else None  # noqa: SIM118
            return RenderedTruth(file.get_tensor("keypoints").astype(np.float64), names, pose)


@dataclass(frozen=True)
class Subjects:
    """All that models are judged by.

    Attributes:
        clips: Real clips, which drive themselves and the portraits.
        portraits: Pictures that clips drive.
        rendered: Rendered clips, each with what is known of it, or None.
    """

    clips: tuple[Scene, ...] = ()
    portraits: tuple[Portrait, ...] = ()
    rendered: tuple[tuple[Scene, RenderedTruth | None], ...] = ()


def read_subjects(
    mesh: Mesh,
    *,
    clips: Path | None = None,
    portraits: Path | None = None,
    rendered: Path | None = None,
    options: SubjectOptions | None = None,
) -> Subjects:
    """Read folders of subjects, each in the order of the files' names.

    Args:
        mesh: Finds and follows the faces.
        clips: Folder of real clips; None is no such clips.
        portraits: Folder of pictures; it may be the clips' own. None is no pictures.
        rendered: Folder of rendered clips ``NAME.mp4``, with ``NAME.truth.safetensors``; None is no such clips.
        options: None is the defaults.

    Raises:
        InputError: A folder has no file of its kind; or see ``read_rendered``.
        MediaError: A file cannot be read.
    """
    options = options or SubjectOptions()
    return Subjects(
        tuple(read_clip(path, mesh, options) for path in _files(clips, media.READ_VIDEO_SUFFIXES, "clips")),
        tuple(read_portrait(path, mesh, options) for path in _files(portraits, media.READ_IMAGE_SUFFIXES, "pictures")),
        tuple(read_rendered(path, mesh, options) for path in _files(rendered, media.READ_VIDEO_SUFFIXES, "clips")),
    )


def read_clip(path: Path, mesh: Mesh, options: SubjectOptions) -> Scene:
    """Read a clip on the square that ``animate_file`` would see of it, and follow its face.

    Args:
        path: The clip.
        mesh: Follows the face.
        options: Which frames, and their size.

    Raises:
        MediaError: The clip cannot be read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MotionkitWarning)
        clip = media.open_clip(path, end=options.seconds)
        box = pipeline.crop_clip(clip, ModelConfig(domain="face"), AnimateOptions(finder="cascade")).box
    frames = [faces.crop(frame, box, size=options.size) for i, frame in enumerate(clip) if i % options.every == 0]
    return _scene(path.stem, frames, mesh)


def read_portrait(path: Path, mesh: Mesh, options: SubjectOptions) -> Portrait:
    """Read a picture on the square that ``animate_file`` would see of it.

    Args:
        path: The picture.
        mesh: Finds the face; a picture without one is only shown, not judged.
        options: Its size.

    Raises:
        MediaError: The picture cannot be read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MotionkitWarning)  # without a face the centred square is worth a look
        picture = media.read_image(path)
        square = faces.crop(picture, faces.choose_square(picture, finder="cascade")[0], size=options.size)
    track = mesh.track([square])
    return Portrait(path.stem, square, track.points[0], bool(track.found[0]))


def read_rendered(path: Path, mesh: Mesh, options: SubjectOptions) -> tuple[Scene, RenderedTruth | None]:
    """Read the middle square of a rendered clip, and the truth beside it, if any.

    Args:
        path: The clip; the truth is in the file of that name with the suffix ``.truth.safetensors``.
        mesh: Follows the face.
        options: Which frames, and their size.

    Raises:
        InputError: The truth has fewer frames than the clip.
        MediaError: The clip cannot be read.
    """
    clip = media.open_clip(path, end=options.seconds)
    frames = []
    for i, frame in enumerate(clip):
        if i % options.every == 0:
            frames.append(faces.crop(frame, faces.centred_square(frame.shape[1], frame.shape[0]), size=options.size))
    truth = RenderedTruth.read(path.with_suffix(".truth.safetensors"))
    if truth is not None:
        truth = truth.part(slice(None, None, options.every)).part(slice(len(frames)))
        if len(truth.keypoints) < len(frames):
            raise InputError("The truth is shorter than its clip", got=str(path))
    return _scene(path.stem, frames, mesh), truth


def _scene(name: str, frames: list[np.ndarray], mesh: Mesh) -> Scene:
    track = mesh.track(frames)
    return Scene(name, np.stack(frames), track, measure(track.points, track.found))


def _files(folder: Path | None, suffixes: Sequence[str], what: str) -> list[Path]:
    """The files of a kind in a folder, by name; none without a folder."""
    if folder is None:
        return []
    found = sorted(path for path in folder.glob("*") if path.suffix.lower() in suffixes)
    if not found:
        raise InputError(f"There are no {what} here", got=str(folder))
    return found
