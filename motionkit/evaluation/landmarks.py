"""Finders of landmarks, by which results are compared with their drivers: any of them can be put in."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

from motionkit.errors import DownloadError, InputError, MissingPackageError, MotionkitError
from motionkit.faces.mesh import FOUND, Mesh
from motionkit.frames import Frame

__all__ = ["LANDMARKS", "LandmarkFinder", "Landmarks", "LookForPoints", "pick_landmarks"]

LANDMARKS = ("auto", "mesh", "mtcnn", "face-alignment", "none")

LookForPoints = Callable[[Frame], "np.ndarray | None"]
"""From an H W 3 uint8 frame to N 2 (or N 3) points in pixels, always as many; None where it shows no face."""


class LandmarkFinder(Protocol):
    """Finds the points of a face."""

    @property
    def name(self) -> str:
        """What it is called in reports."""

    @property
    def mesh(self) -> bool:
        """Whether the points are those of ``faces.mesh``, of which more can be told than of others."""

    def follow(self) -> LookForPoints:
        """Begin another clip: the function is called with its frames in order."""


@dataclass(frozen=True)
class _MeshFinder:
    network: Mesh
    name: str = "face mesh, 468 points"
    mesh: bool = True

    def follow(self) -> LookForPoints:
        look = self.network.follow()

        def points(frame: Frame) -> np.ndarray | None:
            seen, score = look(frame)
            return seen if score > FOUND else None

        return points


@dataclass(frozen=True)
class _Function:
    look: LookForPoints
    name: str
    mesh: bool = False

    def follow(self) -> LookForPoints:
        return self.look


Landmarks = str | LookForPoints | LandmarkFinder
"""One of ``LANDMARKS``, a function, or a ``LandmarkFinder``."""


def pick_landmarks(asked: Landmarks, *, folder: str | Path | None = None) -> tuple[LandmarkFinder | None, str]:
    """Find what finds landmarks.

    Args:
        asked: "mesh" needs its networks (``faces.mesh.fetch`` gets them); "mtcnn" needs facenet-pytorch, whose five
            points are coarse; "face-alignment" needs the package of that name, the finder of the published figures;
            "auto" takes the first of mesh and mtcnn that is at hand and downloads nothing; "none" is none. A function
            from frame to points, or a ``LandmarkFinder``, is used as it is.
        folder: Of the mesh's networks; None is the folder in motionkit's cache.

    Returns:
        The finder, or None and why there is none.

    Raises:
        InputError: There is no such finder, or the mesh's networks are not there.
        MissingPackageError: A package is missing.
        DownloadError: face-alignment cannot download its networks.
    """
    if not isinstance(asked, str):
        if hasattr(asked, "follow"):
            return cast(LandmarkFinder, asked), ""
        return _Function(asked, getattr(asked, "__name__", type(asked).__name__)), ""
    if asked == "none":
        return None, "no landmark finder is wanted"
    if asked == "auto":
        return _at_hand(folder)
    makers: dict[str, Callable[[], LandmarkFinder]] = {
        "mesh": lambda: _MeshFinder(Mesh(folder)),
        "mtcnn": lambda: _Function(_mtcnn(), "MTCNN, 5 points"),
        "face-alignment": lambda: _Function(_face_alignment(), "face-alignment, 68 points"),
    }
    if asked not in makers:
        expected = f"one of {', '.join(LANDMARKS)}, or a function"
        raise InputError("Unknown landmark finder", got=repr(asked), expected=expected)
    return makers[asked](), ""


def _at_hand(folder: str | Path | None) -> tuple[LandmarkFinder | None, str]:
    try:
        return _MeshFinder(Mesh(folder)), ""
    except MotionkitError as error:
        reason = error
    if importlib.util.find_spec("facenet_pytorch") is not None:
        return _Function(_mtcnn(), "MTCNN, 5 points"), ""
    todo = f" ({reason.todo})" if isinstance(reason, MissingPackageError) else ""
    return None, f"no landmark finder is at hand: the mesh's are not there{todo or '; faces.mesh.fetch() gets them'}"


def _mtcnn() -> LookForPoints:
    try:
        from facenet_pytorch import MTCNN
    except ImportError:
        raise MissingPackageError(
            "MTCNN's landmarks need another package", todo="Run: pip install --no-deps facenet-pytorch"
        ) from None
    from PIL import Image

    network = MTCNN(select_largest=True)

    def points(frame: Frame) -> np.ndarray | None:
        _, _, found = network.detect(Image.fromarray(frame), landmarks=True)
        return None if found is None else np.asarray(found[0], dtype=np.float64)

    return points


def _face_alignment() -> LookForPoints:
    try:
        import face_alignment
    except ImportError:
        raise MissingPackageError(
            "The landmark finder face-alignment is not installed", todo="Run: pip install face-alignment"
        ) from None
    try:
        network: Any = face_alignment.FaceAlignment(face_alignment.LandmarksType.TWO_D)
    except OSError as error:  # URLError is one
        raise DownloadError("face-alignment cannot download its networks", got=str(error)) from error

    def points(frame: Frame) -> np.ndarray | None:
        found = network.get_landmarks(frame)
        return np.asarray(found[0], dtype=np.float64)[:, :2] if found else None

    return points
