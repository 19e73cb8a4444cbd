"""What faces do: they speak, blink, look about, smile, grimace. All curves are drawn.

Legend: T frames, A facial actions. Times ``t`` are T seconds.
"""

from __future__ import annotations

import numpy as np
from anatomy import FULL_ACROSS, FULL_DOWN, FULL_UP
from curves import bump, drift, ease

__all__ = ["Face", "blink", "closing", "exercise", "express", "follow", "gaze", "speak"]

# What the mouth does while speaking, each with its share of the syllables' strength.
VISEMES = {
    "open": {"jawOpen": 0.75, "mouthLowerDown": 0.5, "mouthUpperUp": 0.3},
    "wide": {"jawOpen": 0.35, "mouthStretch": 0.7, "mouthLowerDown": 0.6, "mouthUpperUp": 0.4},
    "round": {"jawOpen": 0.45, "mouthFunnel": 0.9},
    "pout": {"jawOpen": 0.15, "mouthPucker": 0.9},
    "shut": {"mouthPress": 0.8, "mouthRollLower": 0.3, "mouthRollUpper": 0.3},
}
VISEME_SHARES = [0.36, 0.22, 0.18, 0.1, 0.14]
# Lasting expressions: how strong they can get.
MOODS = {
    "mouthSmile": 1.0, "mouthFrown": 0.6, "browDown": 0.9, "browOuterUp": 1.0, "eyeSquint": 0.7, "cheekSquint": 0.6,
    "noseSneer": 0.5, "mouthDimple": 0.4, "eyeWide": 0.9,
}  # fmt: skip
SINGLE = {"browInnerUp": 1.0, "cheekPuff": 0.5, "mouthLeft": 0.4, "mouthRight": 0.4, "jawLeft": 0.3, "jawRight": 0.3}
GRIMACES = ["jawOpen", "mouthFunnel", "mouthSmile", "browInnerUp"]
# What an exercise poses: how often, and how strongly at least.
EXERCISES = {"jawOpen": (0.65, 0.1), "eyeBlink": (0.35, 0.85), "browInnerUp": (0.4, 0.4)} | dict.fromkeys(
    ("mouthSmile", "mouthFunnel", "mouthPucker", "mouthStretch", "mouthUpperUp", "mouthLowerDown", "eyeWide"),
    (0.3, 0.3),
)
POSES_PER_SECOND = 1.5
SACCADE = 0.05  # seconds
FARTHEST = np.array(
    [[-0.52, -0.42], [0.52, 0.36]]
)  # radians that eyes turn, to the subject's right and down, left and up


class Face:
    """Curves of the facial actions, to which one behaviour after another adds."""

    def __init__(self, rng: np.random.Generator, names: list[str], frames: int) -> None:
        self._rng = rng
        self._curves = {name: np.zeros(frames) for name in names}

    def add(self, name: str, curve: np.ndarray, imbalance: float = 0.0) -> None:
        """Add ``curve`` (T) to an action, or to both sides' if it has sides, which then differ by ``imbalance``."""
        for side in ("", "Left", "Right"):
            if name + side in self._curves:
                wobble = 1 + imbalance * self._rng.normal() if side else 1.0
                self._curves[name + side] = self._curves[name + side] + curve * wobble

    def actions(self) -> np.ndarray:
        """T A in [0, 1]; a closed lid does not go with the gaze as well, which would drive it past the other."""
        for side in ("Left", "Right"):
            is_open = 1 - np.clip(self._curves.get(f"eyeBlink{side}", 0), 0, 1)
            for name in ("eyeLookDown", "eyeLookUp", "eyeWide"):
                if name + side in self._curves:
                    self._curves[name + side] = self._curves[name + side] * is_open
        return np.clip(np.stack(list(self._curves.values()), 1), 0, 1)


def speak(rng: np.random.Generator, t: np.ndarray, face: Face) -> None:
    """Syllables at a natural rate, in phrases with pauses between."""
    loud = np.clip(drift(rng, t, 0.5) * 0.8 + rng.uniform(0.0, 0.9), 0, 1) * rng.uniform(0.5, 1.25)
    rate, now = rng.uniform(3.0, 5.5), rng.uniform(-0.3, 0.2)
    while now < t[-1] + 0.3:
        length = rng.uniform(0.7, 1.5) / rate
        curve = np.exp(-(((t - now) / (0.5 * length)) ** 2)) * loud * rng.uniform(0.4, 1.0)
        viseme = VISEMES[str(rng.choice(list(VISEMES), p=VISEME_SHARES))]
        for action, share in viseme.items():
            face.add(action, curve * share, imbalance=0.05)
        now += length


def exercise(rng: np.random.Generator, t: np.ndarray, face: Face) -> None:
    """One strong pose of mouth, brows and eyes after another: what speech shows seldom, such as wide open mouths."""
    count = int(np.ceil(t[-1] * POSES_PER_SECOND)) + 2
    strengths = {
        name: rng.choice([0.0, 1.0], count, p=[1 - often, often]) * rng.uniform(least, 1.0, count)
        for name, (often, least) in EXERCISES.items()
    }
    # A clip's first frame is the source, and portraits have their eyes open.
    strengths["eyeBlink"][0] = 0.0
    at = t * POSES_PER_SECOND
    i = at.astype(int)
    share = ease(np.clip((at - i) * 2.5, 0, 1))  # moves quickly, then rests
    for name, strength in strengths.items():
        face.add(name, strength[i] * (1 - share) + strength[i + 1] * share)


def express(rng: np.random.Generator, t: np.ndarray, face: Face) -> None:
    """Moods that come and go, and now and then a grimace."""
    for name, most in MOODS.items():
        face.add(name, np.clip(drift(rng, t, 0.4) * 0.6 - rng.uniform(0, 0.5), 0, 1) * most, imbalance=0.2)
    for name, most in SINGLE.items():
        face.add(name, np.clip(drift(rng, t, 0.6) * 0.5 - 0.15, 0, 1) * most)
    if rng.random() < 0.3:
        face.add(str(rng.choice(GRIMACES)), bump(rng, t, 0.5))


def blink(rng: np.random.Generator, t: np.ndarray, face: Face) -> None:
    """Blinks every few seconds, quick to close and slower to open; sometimes eyes that stay shut a while."""
    now, lids = rng.uniform(-2, 2), np.zeros(len(t))
    while now < t[-1] + 0.2:
        hold = 0.08 if rng.random() < 0.75 else rng.uniform(0.3, 1.2)
        most = 1.0 if rng.random() < 0.8 else rng.uniform(0.7, 1.0)  # nearly all close wholly
        lids = np.maximum(lids, closing(t - now, hold) * most)
        now += hold + rng.uniform(0.6, 3.5)
    heavy = np.clip(drift(rng, t, 0.3) * 0.25 - 0.1, 0, 0.5)
    face.add("eyeBlink", np.maximum(lids, heavy))


def gaze(rng: np.random.Generator, t: np.ndarray, face: Face, yaw: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """Eyes that jump from one thing to another and rest there, now and then with a blink; lids follow them.

    Args:
        rng: Where all numbers come from.
        t: T.
        face: Gets the lids' actions.
        yaw: T, how the head is turned; mostly the eyes turn back towards what they look at.
        pitch: T, likewise.

    Returns:
        T 2, radians to the subject's left and up of the head's own direction.
    """
    roaming = rng.choice([0.25, 1.0, 2.0], p=[0.25, 0.45, 0.3])
    ends = np.cumsum(rng.uniform(0.25, 1.6, int(t[-1] * 3) + 3))
    looks = rng.normal(0, [0.17, 0.10], (len(ends) + 1, 2)) * roaming
    at = np.searchsorted(ends, t)
    since = t - np.concatenate([[-1.0], ends])[at]
    share = ease(np.clip(since / SACCADE, 0, 1))[:, None]
    eyes = looks[np.maximum(at - 1, 0)] * (1 - share) + looks[at] * share
    eyes += np.stack([drift(rng, t, 1.5), drift(rng, t, 1.5)], 1) * 0.012
    holding = rng.uniform(0.3, 1.0) if rng.random() < 0.65 else 0.0
    eyes = np.clip(eyes - holding * np.stack([yaw, pitch], 1), *FARTHEST)
    for end, step in zip(ends, np.diff(looks, axis=0), strict=True):
        if np.abs(step).max() > 0.3 and rng.random() < 0.35:
            face.add("eyeBlink", closing(t - end, 0.05))
    follow(face, eyes)
    directions: np.ndarray = eyes
    return directions


def follow(face: Face, eyes: np.ndarray) -> None:
    """Let the lids of a ``face`` follow a gaze, T 2."""
    across, up = eyes.T
    for name, curve in (("InLeft", -across), ("OutRight", -across), ("OutLeft", across), ("InRight", across)):
        face.add(f"eyeLook{name}", np.clip(curve / FULL_ACROSS, 0, 1))
    face.add("eyeLookUp", np.clip(up / FULL_UP, 0, 1))
    face.add("eyeLookDown", np.clip(-up / FULL_DOWN, 0, 1))


def closing(since: np.ndarray, hold: float) -> np.ndarray:
    """How far lids are closed in a blink.

    Args:
        since: T, seconds since it began.
        hold: Seconds that they stay closed.

    Returns:
        T in [0, 1].
    """
    fall, rise = np.clip(since / 0.08, 0, 1), np.clip((since - 0.08 - hold) / 0.16, 0, 1)
    closed: np.ndarray = fall * (1 - rise)
    return closed
