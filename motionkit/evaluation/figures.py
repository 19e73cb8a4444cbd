"""The figures of one model: on a clip that drives itself, on a portrait that a clip drives, on a rendered clip.

Legend: T frames, S side of the pictures in pixels, P = 470 points of the mesh, K keypoints of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from motionkit.animation.driving import detect_clip
from motionkit.animation.moments import animate
from motionkit.config import AnimateOptions
from motionkit.evaluation.looks import background_mask, colour_change, likeness, mean_colour, sharpness, skin_mask
from motionkit.evaluation.signals import correlation, followed, landmark_error, measure, slope
from motionkit.evaluation.subjects import Portrait, RenderedTruth, Scene
from motionkit.faces.mesh import Mesh, Track
from motionkit.model import Model
from motionkit.structures import Keypoints

__all__ = [
    "Pair",
    "PairFigures",
    "RenderedFigures",
    "SelfFigures",
    "judge_pair",
    "judge_rendered",
    "judge_self",
    "telling_moments",
]


@dataclass(frozen=True)
class SelfFigures:
    """A clip that drives its own first frame, absolute motion; all over the frames after the first.

    Attributes:
        clip: The clip's name.
        l1: Mean absolute difference of the results from the driving frames, of values in [0, 1].
        l1_still: The same of the first frame, repeated: standing still.
        landmarks: Mean distance of the 468 points in the results from those in the driving frames, in pixels. Over
            the frames in which the mesh finds the driver's face; where it does not find the result's, that frame
            counts as standing still.
        landmarks_still: The same of the first frame's points.
        found: Share of the frames whose result shows a face.
        correlations: Of each signal that the driver moves, between result and driver.
    """

    clip: str
    l1: float
    l1_still: float
    landmarks: float
    landmarks_still: float
    found: float
    correlations: dict[str, float]


@dataclass(frozen=True)
class PairFigures:
    """A portrait that a clip drives, relative motion with the clip's first frame as the reference.

    Attributes:
        portrait: The portrait's name.
        clip: The clip's name.
        judged: Whether the mesh sees a face in the portrait; else the figures below are empty.
        found: Share of the frames whose result shows a face.
        correlations: Pearson's, of each signal that the driver moves (``signals.moves``), between result and driver,
            over the frames that show a face in both; 0 if there are none.
        slopes: By how much the result's signal moves for a unit of the driver's, least squares; 1 is as far.
        skin: Mean over the frames of the skin's colour change from the portrait's (``signals.colour_change``; forehead
            and cheeks, where they are in each).
        background: The same of the border (``signals.background_mask``), one mask for all frames.
        background_moves: Mean absolute difference from the portrait of the pixels under that mask, values in [0, 1].
        likeness: Mean over the frames of ``signals.likeness``: near 1 where the upper face stays what it was, low where
            it is torn; turning the head costs some, too.
        sharpness: Median over the frames of the variance of the Laplacian of the face, as a share of the portrait's.
    """

    portrait: str
    clip: str
    judged: bool
    found: float = 0.0
    correlations: dict[str, float] | None = None
    slopes: dict[str, float] | None = None
    skin: float | None = None
    background: float | None = None
    background_moves: float | None = None
    likeness: float | None = None
    sharpness: float | None = None

    @property
    def score(self) -> float | None:
        """Mean of the correlations, by which pairs are ranked."""
        return float(np.mean(list(self.correlations.values()))) if self.correlations else None


@dataclass(frozen=True)
class Pair:
    """A judged pair with the moments that show most.

    Attributes:
        figures: What was measured.
        source: The portrait, S S 3 uint8.
        labels: What each moment shows.
        driving: Each moment's driving frame, S S 3 uint8.
        results: Each moment's result, S S 3 uint8.
    """

    figures: PairFigures
    source: np.ndarray
    labels: tuple[str, ...]
    driving: list[np.ndarray]
    results: list[np.ndarray]


@dataclass(frozen=True)
class RenderedFigures:
    """A rendered clip that drives itself, and how far the detector's keypoints are from the true ones.

    Attributes:
        reenactment: As for real clips; landmarks where the mesh finds the rendered face.
        keypoints: Mean distance of the model's keypoints from the true ones of the same names, in pixels of a picture
            of S; None if no name agrees.
        seen: Share of the frames in which the mesh finds the rendered face.
    """

    reenactment: SelfFigures
    keypoints: float | None
    seen: float


def judge_self(model: Model, mesh: Mesh, scene: Scene) -> SelfFigures:
    """Let a clip drive its own first frame, with absolute motion.

    Args:
        model: Animates.
        mesh: Finds the face in the results.
        scene: The clip.
    """
    options = AnimateOptions(relative=False, lost="follow", size=scene.frames.shape[1])  # every frame counts
    results = np.stack(list(animate(scene.frames[0], scene.frames, model=model, options=options)))
    track = mesh.track(results)
    seen = scene.track.found[1:]
    still = landmark_error(scene.track.points[1:], scene.track.points[:1])
    error = np.where(track.found[1:], landmark_error(scene.track.points[1:], track.points[1:]), still)
    return SelfFigures(
        clip=scene.name,
        l1=_l1(results[1:], scene.frames[1:]),
        l1_still=_l1(scene.frames[:1], scene.frames[1:]),
        landmarks=_mean(error[seen]),
        landmarks_still=_mean(still[seen]),
        found=_mean(track.found),
        correlations=follow(correlation, scene.track, track),
    )


def judge_pair(model: Model, mesh: Mesh, portrait: Portrait, scene: Scene) -> Pair:
    """Let a clip drive a portrait, with relative motion.

    Args:
        model: Animates.
        mesh: Finds the face in the results.
        portrait: One without a face is animated at the moments alone, and not judged.
        scene: The clip.
    """
    options = AnimateOptions(lost="follow", size=portrait.picture.shape[0])
    shown = telling_moments(scene)
    driving = scene.frames if portrait.found else scene.frames[[0, *shown.values()]]  # the first is the reference
    results = np.stack(list(animate(portrait.picture, driving, model=model, options=options)))
    if portrait.found:
        figures = compare(portrait, scene, results, mesh.track(results))
        results = results[list(shown.values())]
    else:
        figures = PairFigures(portrait=portrait.name, clip=scene.name, judged=False)
        results = results[1:]
    return Pair(figures, portrait.picture, tuple(shown), list(scene.frames[list(shown.values())]), list(results))


def judge_rendered(model: Model, mesh: Mesh, scene: Scene, truth: RenderedTruth | None) -> RenderedFigures:
    """Let a rendered clip drive its own first frame, and compare its true keypoints with the model's.

    Args:
        model: Animates and detects.
        mesh: Finds the face in the results.
        scene: The clip.
        truth: What is known of it; None compares no keypoints.
    """
    error = None
    if truth is not None:
        detected = Keypoints.cat([part.to("cpu") for part in detect_clip(scene.frames, model=model)])
        found = detected.value.double().numpy()
        error = keypoint_error(found, model.config.keypoint_names, truth, scene.frames.shape[1])
    return RenderedFigures(judge_self(model, mesh, scene), error, _mean(scene.track.found))


def compare(portrait: Portrait, scene: Scene, results: np.ndarray, track: Track) -> PairFigures:
    """Compare results with the portrait and the driver that they were made of.

    Args:
        portrait: One that shows a face.
        scene: The clip that drove it.
        results: T S S 3 uint8.
        track: The mesh in the results.
    """
    frames, shape = np.flatnonzero(track.found), results.shape[1:3]
    figures = PairFigures(
        portrait=portrait.name,
        clip=scene.name,
        judged=True,
        found=_mean(track.found),
        correlations=follow(correlation, scene.track, track),
        slopes=follow(slope, scene.track, track),
    )
    if not len(frames):
        return figures
    skin = mean_colour(portrait.picture, skin_mask(portrait.points, shape))
    skins = [mean_colour(results[t], skin_mask(track.points[t], shape)) for t in frames]
    likenesses = [likeness(results[t], track.points[t], portrait.picture, portrait.points) for t in frames]
    sharp = float(np.median([sharpness(results[t], track.points[t]) for t in frames]))
    figures = replace(
        figures,
        skin=_mean([colour_change(colour, skin) for colour in skins]),
        likeness=_mean(likenesses),
        sharpness=sharp / max(sharpness(portrait.picture, portrait.points), 1e-9),
    )
    mask = background_mask(np.concatenate([portrait.points[None], track.points[frames]]), shape)
    if not mask.any():
        return figures
    behind = mean_colour(portrait.picture, mask)
    return replace(
        figures,
        background=_mean([colour_change(mean_colour(frame, mask), behind) for frame in results]),
        background_moves=_l1(portrait.picture[mask][None], results[:, mask]),
    )


def follow(compared: Callable[[np.ndarray, np.ndarray], float], driver: Track, result: Track) -> dict[str, float]:
    """Compare signals as ``signals.followed`` does, of two tracks.

    Args:
        compared: The comparison of two signals of n values, the result's and the driver's.
        driver: The mesh in the driver's frames.
        result: The mesh in the results.

    Returns:
        Signal to figure.
    """
    own, wanted = measure(result.points, result.found), measure(driver.points, driver.found)
    return followed(compared, wanted, own, (driver.found, result.found))


def keypoint_error(detected: np.ndarray, names: Sequence[str], truth: RenderedTruth, side: int) -> float | None:
    """Mean distance of detected keypoints from the true ones of the same names.

    Of one outside the picture, such as a shoulder below it, the place at the edge counts: a detector names no other.

    Args:
        detected: T K 2 in [-1, 1].
        names: Of the K keypoints.
        truth: Of the same T frames.
        side: S.

    Returns:
        Pixels; None if no name agrees.
    """
    known = [name for name in names if name in truth.names]
    if not known:
        return None
    mine = detected[:, [list(names).index(name) for name in known]]
    true = truth.keypoints[:, [truth.names.index(name) for name in known]].clip(-1, 1)
    return float(np.linalg.norm(mine - true, axis=-1).mean() * (side - 1) / 2)


def telling_moments(scene: Scene) -> dict[str, int]:
    """Choose the driver's extremes, which show whether a result follows: label to number of the frame."""
    signals, found = scene.signals, np.flatnonzero(scene.track.found)
    if not len(found):
        found = np.arange(len(scene.frames))
    extremes = {
        "mouth open": -signals.mouth,
        "eyes closed": signals.eyes,
        "turned left": -signals.yaw,
        "turned right": signals.yaw,
        "looks up": signals.pitch,
        "tilted": -np.abs(signals.roll),
    }
    return {label: int(found[np.argmin(values[found])]) for label, values in extremes.items()}


def _l1(one: np.ndarray, other: np.ndarray) -> float:
    """Mean absolute difference of uint8 pictures as values in [0, 1], frame by frame to spare memory."""
    pairs = zip(np.broadcast_to(one, other.shape), other, strict=True)
    return _mean([np.abs(a.astype(np.int16) - b).mean() / 255 for a, b in pairs])


def _mean(values: Sequence[float] | np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else 0.0
