"""What a person does over time: the face acts, the eyes look, the head turns, the body sways. All curves are drawn.

Legend: T frames, A facial actions, N vertices of everything that is drawn. Times ``t`` are T seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import behaviour
import numpy as np
from curves import drift, ease
from geometry import rotation

__all__ = ["Performance"]

NECK = np.array([0.0, -0.02, 0.53])  # metres; the head turns about it
WAIST = np.array([0.0, 0.0, 0.10])  # the torso turns about it
SHOULDERS = 0.45, 0.57  # heights between which the torso's movement goes over into the head's
LARGEST_YAW = 0.72  # radians


@dataclass(frozen=True)
class Performance:
    """A clip's motion.

    Attributes:
        actions: T A in [0, 1].
        gaze: T 2, radians that the eyes look to the subject's left and up, from straight ahead of the head.
        yaw: T, radians of the head; positive turns to the subject's left.
        pitch: T, radians; positive looks up.
        roll: T, radians; positive tilts the head to the subject's left.
        torso: T 3, yaw, pitch and roll of the torso about the waist; the head is carried along, and keeps its own.
        lean: T 3, metres that the whole person moves, to the subject's left, backwards and up.
        shrug: T 2, metres that the subject's left and right shoulder are lifted.
    """

    actions: np.ndarray
    gaze: np.ndarray
    yaw: np.ndarray
    pitch: np.ndarray
    roll: np.ndarray
    torso: np.ndarray
    lean: np.ndarray
    shrug: np.ndarray

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
        face = behaviour.Face(rng, names, frames)
        if exercises and rng.random() < exercises:
            behaviour.exercise(rng, t, face)
        else:
            behaviour.speak(rng, t, face)
        behaviour.express(rng, t, face)
        behaviour.blink(rng, t, face)
        lively = rng.uniform(0.3, 1.5)
        # Most people face the camera or so; portraits of some are turned well to the side.
        facing = rng.normal(0, 0.12) if rng.random() < 0.7 else rng.uniform(-0.6, 0.6)
        nod = 0.08 * np.sin(2 * np.pi * (rng.uniform(0.8, 2.0) * t + rng.uniform())) * (drift(rng, t, 0.3) > 0.6)
        yaw = drift(rng, t, 0.5) * rng.choice([0.2, 0.35], p=[0.75, 0.25]) * lively + facing
        yaw = np.clip(yaw, -LARGEST_YAW, LARGEST_YAW)
        pitch = np.clip(drift(rng, t, 0.5) * 0.11 * lively + nod + rng.normal(0, 0.07), -0.5, 0.5)
        looks = behaviour.gaze(rng, t, face, yaw, pitch)
        return cls(
            actions=face.actions(),
            gaze=looks,
            yaw=yaw,
            pitch=pitch,
            roll=np.clip(drift(rng, t, 0.4) * 0.09 * lively + rng.normal(0, 0.04), -0.4, 0.4),
            **_draw_body(rng, t, yaw),
        )

    def rotation(self, frame: int) -> np.ndarray:
        """Compute how the head is turned in a frame from looking straight ahead, 3 3: yaw, then pitch, then roll."""
        return rotation(yaw=self.yaw[frame], pitch=self.pitch[frame], roll=self.roll[frame])

    def moved(self, frame: int, place: np.ndarray, rest: np.ndarray) -> np.ndarray:
        """Turn head and torso, lift shoulders, lean; what lies between head and shoulders follows smoothly.

        Args:
            frame: Its number.
            place: N 3, metres, where everything is with facial actions.
            rest: N 3, template coordinates, by which head and shoulders are distinguished.

        Returns:
            N 3 float32.
        """
        low, high = SHOULDERS
        head = ease(np.clip((rest[:, 2:] - low) / (high - low), 0, 1))  # 0 at the shoulders, 1 at the head
        yaw, pitch, roll = self.torso[frame]
        turn = rotation(yaw=yaw, pitch=pitch, roll=roll)
        carried = (NECK - WAIST) @ turn.T + WAIST
        with_torso = (place + self._lifted(frame, rest) - WAIST) @ turn.T + WAIST
        with_head = (place - NECK) @ self.rotation(frame).T + carried
        moved: np.ndarray = with_torso * (1 - head) + with_head * head + self.lean[frame]
        return moved.astype(np.float32)

    def _lifted(self, frame: int, rest: np.ndarray) -> np.ndarray:
        """N 3, metres that lifted shoulders raise what is at them."""
        side = ease(np.clip((np.abs(rest[:, 0]) - 0.03) / 0.09, 0, 1)) * ease(np.clip((0.56 - rest[:, 2]) / 0.06, 0, 1))
        lift = np.zeros(rest.shape)
        lift[:, 2] = side * np.where(rest[:, 0] > 0, *self.shrug[frame])
        return lift


def _draw_body(rng: np.random.Generator, t: np.ndarray, yaw: np.ndarray) -> dict[str, np.ndarray]:
    """Torso, lean and shrug of a clip: some people sit still, others sway, rock or walk."""
    lively = rng.choice([rng.uniform(0, 0.3), rng.uniform(0.4, 1.0), rng.uniform(1.0, 1.4)], p=[0.3, 0.5, 0.2])
    follows = rng.uniform(0.0, 0.5)  # the torso turns a little where the head does
    torso = np.stack([drift(rng, t, 0.4) * 0.09, drift(rng, t, 0.4) * 0.035, drift(rng, t, 0.4) * 0.045], 1) * lively
    torso[:, 0] += follows * (yaw - yaw.mean())
    lean = np.stack([drift(rng, t, 0.4) * 0.016, drift(rng, t, 0.3) * 0.04, drift(rng, t, 0.4) * 0.008], 1) * lively
    if rng.random() < 0.15:  # walks
        step = np.pi * rng.uniform(1.6, 2.1) * t
        lean[:, 2] += 0.012 * np.abs(np.sin(step))
        lean[:, 0] += 0.012 * np.cos(step)
    breath = 0.0015 * np.sin(2 * np.pi * 0.25 * t + rng.uniform(0, 6))
    both = np.clip(drift(rng, t, 0.5) * 0.7 - 0.5, 0, 1) * rng.uniform(0, 0.025)
    each = np.stack([drift(rng, t, 0.5), drift(rng, t, 0.5)], 1) * 0.004 * lively
    return {"torso": torso, "lean": lean, "shrug": each + (both + breath)[:, None]}
