"""What a head does over time: it speaks, blinks, looks about, nods, turns, smiles. All curves are drawn.

Legend: T frames, A facial actions, N vertices of everything that is drawn. Times ``t`` are T seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Performance"]

NECK = np.array([0.0, -0.02, 0.53])  # metres; the head turns about it
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
EXERCISES = {"jawOpen": (0.65, 0.1), "eyeBlink": (0.5, 0.8), "browInnerUp": (0.4, 0.4)} | dict.fromkeys(
    ("mouthSmile", "mouthFunnel", "mouthPucker", "mouthStretch", "mouthUpperUp", "mouthLowerDown", "eyeWide"),
    (0.3, 0.3),
)
POSES_PER_SECOND = 1.5


@dataclass(frozen=True)
class Performance:
    """A clip's motion.

    Attributes:
        actions: T A in [0, 1].
        yaw: T, radians; positive turns to the subject's left.
        pitch: T, radians; positive looks up.
        roll: T, radians; positive tilts the head to the subject's left.
        shift: T 2, metres in the picture's plane, to the subject's left and up.
        zoom: T, factor.
        lean: T 2, metres that the whole person moves, to the subject's left and up.
    """

    actions: np.ndarray
    yaw: np.ndarray
    pitch: np.ndarray
    roll: np.ndarray
    shift: np.ndarray
    zoom: np.ndarray
    lean: np.ndarray

    @classmethod
    def draw(
        cls, rng: np.random.Generator, names: list[str], frames: int, fps: float, exercises: float = 0.0
    ) -> Performance:
        """Draw a clip.

        Args:
            rng: Where all numbers come from.
            names: The A facial actions in order.
            frames: T, at least 1.
            fps: Frames a second.
            exercises: Share of the clips in which a face does all it can instead of speaking.
        """
        t = np.arange(frames) / fps
        face = _Face(rng, names, frames)
        if exercises and rng.random() < exercises:
            _exercise(rng, t, face)
        else:
            _speak(rng, t, face)
        _express(rng, t, face)
        _blink(rng, t, face)
        _gaze(rng, t, face)
        lively = rng.uniform(0.3, 1.5)
        # Most people face the camera or so; portraits of some are turned well to the side.
        facing = rng.normal(0, 0.12) if rng.random() < 0.7 else rng.uniform(-0.6, 0.6)
        nod = 0.08 * np.sin(2 * np.pi * (rng.uniform(0.8, 2.0) * t + rng.uniform())) * (_drift(rng, t, 0.3) > 0.6)
        return cls(
            actions=face.actions(),
            yaw=np.clip(_drift(rng, t, 0.5) * 0.2 * lively + facing, -0.72, 0.72),
            pitch=np.clip(_drift(rng, t, 0.5) * 0.11 * lively + nod + rng.normal(0, 0.07), -0.5, 0.5),
            roll=np.clip(_drift(rng, t, 0.4) * 0.09 * lively + rng.normal(0, 0.04), -0.4, 0.4),
            shift=np.stack([_drift(rng, t, 0.4), _drift(rng, t, 0.4)], 1) * 0.007 * lively,
            zoom=np.exp(_drift(rng, t, 0.3) * 0.035 * lively),
            lean=np.stack([_drift(rng, t, 0.3), _drift(rng, t, 0.3)], 1) * 0.006 * lively,
        )

    def rotation(self, frame: int) -> np.ndarray:
        """Compute how the head is turned in a frame from looking straight ahead, 3 3: yaw, then pitch, then roll."""
        cy, sy = np.cos(self.yaw[frame]), np.sin(self.yaw[frame])
        cp, sp = np.cos(self.pitch[frame]), np.sin(self.pitch[frame])
        cr, sr = np.cos(self.roll[frame]), np.sin(self.roll[frame])
        yaw = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
        pitch = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
        roll = np.array([[cr, 0, sr], [0, 1, 0], [-sr, 0, cr]])
        rotation: np.ndarray = roll @ pitch @ yaw
        return rotation

    def turned(self, frame: int, place: np.ndarray, rest: np.ndarray) -> np.ndarray:
        """Turn the head about the neck, lean the person; what lies between head and shoulders follows smoothly.

        Args:
            frame: Its number.
            place: N 3, metres, where everything is with facial actions.
            rest: N 3, template coordinates, by whose height head and shoulders are distinguished.

        Returns:
            N 3 float32.
        """
        share = _ease(np.clip((rest[:, 2:] - 0.45) / 0.12, 0, 1))  # 0 at the shoulders, 1 at the head
        turned = (place - NECK) @ self.rotation(frame).T + NECK
        lean = np.array([self.lean[frame, 0], 0, self.lean[frame, 1]])
        moved: np.ndarray = place * (1 - share) + turned * share + lean
        return moved.astype(np.float32)


class _Face:
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
        """T A in [0, 1]."""
        return np.clip(np.stack(list(self._curves.values()), 1), 0, 1)


def _ease(share: np.ndarray) -> np.ndarray:
    """From 0 to 1 with a gentle start and end."""
    eased: np.ndarray = share * share * (3 - 2 * share)
    return eased


def _drift(rng: np.random.Generator, t: np.ndarray, rate: float) -> np.ndarray:
    """T, a smooth random curve of unit variance or so, with ``rate`` turning points a second."""
    knots = rng.normal(0, 1, int(np.ceil(t[-1] * rate)) + 4)
    at = t * rate + rng.uniform()
    i = at.astype(int)
    share = _ease(at - i)
    curve: np.ndarray = knots[i] * (1 - share) + knots[i + 1] * share
    return curve


def _bump(rng: np.random.Generator, t: np.ndarray, width: float) -> np.ndarray:
    """T, one bump of ``width`` seconds somewhere in the clip."""
    curve: np.ndarray = np.exp(-(((t - rng.uniform(0, t[-1] + 1e-3)) / width) ** 2))
    return curve * rng.uniform(0.5, 1.0)


def _speak(rng: np.random.Generator, t: np.ndarray, face: _Face) -> None:
    """Syllables at a natural rate, in phrases with pauses between."""
    loud = np.clip(_drift(rng, t, 0.5) * 0.8 + rng.uniform(0.0, 0.9), 0, 1) * rng.uniform(0.5, 1.25)
    rate, now = rng.uniform(3.0, 5.5), rng.uniform(-0.3, 0.2)
    while now < t[-1] + 0.3:
        length = rng.uniform(0.7, 1.5) / rate
        curve = np.exp(-(((t - now) / (0.5 * length)) ** 2)) * loud * rng.uniform(0.4, 1.0)
        viseme = VISEMES[str(rng.choice(list(VISEMES), p=VISEME_SHARES))]
        for action, share in viseme.items():
            face.add(action, curve * share, imbalance=0.05)
        now += length


def _exercise(rng: np.random.Generator, t: np.ndarray, face: _Face) -> None:
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
    share = _ease(np.clip((at - i) * 2.5, 0, 1))  # moves quickly, then rests
    for name, strength in strengths.items():
        face.add(name, strength[i] * (1 - share) + strength[i + 1] * share)


def _express(rng: np.random.Generator, t: np.ndarray, face: _Face) -> None:
    """Moods that come and go, and now and then a grimace."""
    for name, most in MOODS.items():
        face.add(name, np.clip(_drift(rng, t, 0.4) * 0.6 - rng.uniform(0, 0.5), 0, 1) * most, imbalance=0.2)
    for name, most in SINGLE.items():
        face.add(name, np.clip(_drift(rng, t, 0.6) * 0.5 - 0.15, 0, 1) * most)
    if rng.random() < 0.3:
        face.add(str(rng.choice(GRIMACES)), _bump(rng, t, 0.5))


def _blink(rng: np.random.Generator, t: np.ndarray, face: _Face) -> None:
    """Blinks every few seconds, quick to close and slower to open; sometimes eyes that stay shut a while."""
    now, lids = rng.uniform(-2, 2), np.zeros(len(t))
    while now < t[-1] + 0.2:
        since = t - now
        hold = 0.08 if rng.random() < 0.75 else rng.uniform(0.3, 1.2)
        fall, rise = np.clip(since / 0.08, 0, 1), np.clip((since - 0.08 - hold) / 0.16, 0, 1)
        lids = np.maximum(lids, fall * (1 - rise) * rng.uniform(0.8, 1.0))
        now += hold + rng.uniform(0.6, 3.5)
    heavy = np.clip(_drift(rng, t, 0.3) * 0.25 - 0.1, 0, 0.5)
    face.add("eyeBlink", np.maximum(lids, heavy))


def _gaze(rng: np.random.Generator, t: np.ndarray, face: _Face) -> None:
    """Eyes that jump from one thing to another and rest there."""
    looks = rng.normal(0, 0.5, (int(t[-1] * 3) + 3, 2))
    at = np.searchsorted(np.cumsum(rng.uniform(0.3, 1.6, len(looks) - 1)), t)
    across, up = looks[at].T  # to the subject's left, up
    face.add("eyeLookInLeft", np.clip(-across, 0, 1))
    face.add("eyeLookOutRight", np.clip(-across, 0, 1))
    face.add("eyeLookOutLeft", np.clip(across, 0, 1))
    face.add("eyeLookInRight", np.clip(across, 0, 1))
    face.add("eyeLookUp", np.clip(up, 0, 1))
    face.add("eyeLookDown", np.clip(-up, 0, 1))
