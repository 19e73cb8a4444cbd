"""The camera of a clip, its movement, and the lights, drawn at random.

Coordinates are metres as in ``anatomy``: the camera looks along +y, at a face that looks along -y.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from curves import drift, ease, shake

__all__ = ["Camera", "Lights", "View"]

SHADOW_REACH = 0.28  # metres that the shadow map shows to each side


@dataclass(frozen=True)
class Camera:
    """Where it stands and how it frames.

    Attributes:
        distance: Metres from the head.
        half: Metres from the picture's centre to its edge, at the head.
        centre: (x, z) in metres that the picture's centre looks at, relative to the head's own.
        tilt: Roll of the camera in radians.
    """

    distance: float
    half: float
    centre: tuple[float, float]
    tilt: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Camera:
        """Draw one: mostly a head that fills the picture, sometimes a smaller one, seldom quite in the middle."""
        half = rng.uniform(0.122, 0.18) if rng.random() < 0.85 else rng.uniform(0.18, 0.25)
        loose = 0.02 + (half - 0.122) * 0.6
        return cls(
            distance=rng.uniform(0.5, 1.6),
            half=half,
            centre=(rng.normal(0, loose * 0.5), rng.normal(-0.25 * loose, loose * 0.45)),
            tilt=rng.normal(0, 0.05),
        )

    def position(self, target: np.ndarray) -> np.ndarray:
        """Find where it stands, 3, to look at a head at ``target`` (3)."""
        place: np.ndarray = target + np.array([self.centre[0], -self.distance, self.centre[1]])
        return place

    def seen(self, rotation: np.ndarray) -> np.ndarray:
        """Take a rotation of the world, 3 3, to one about the picture's axes: x right, y down, z away."""
        c, s = np.cos(self.tilt), np.sin(self.tilt)
        axes = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) @ [[1, 0, 0], [0, 0, -1], [0, 1, 0]]
        seen: np.ndarray = axes @ rotation @ axes.T
        return seen

    def matrix(self, target: np.ndarray) -> np.ndarray:
        """Make the map, 4 4, from world to clip coordinates for a head at ``target`` (3)."""
        f = self.distance / self.half
        near, far = self.distance - 0.4, self.distance + 0.6
        projection = np.zeros((4, 4))
        projection[0, 0] = projection[1, 1] = f
        projection[2, 2:] = -(far + near) / (far - near), -2 * far * near / (far - near)
        projection[3, 2] = -1
        view = np.eye(4)
        view[:3, :3] = [[1, 0, 0], [0, 0, 1], [0, -1, 0]]
        view[:3, 3] = -view[:3, :3] @ self.position(target)
        c, s = np.cos(self.tilt), np.sin(self.tilt)
        roll = np.eye(4)
        roll[:2, :2] = [[c, -s], [s, c]]
        return projection @ roll @ view


@dataclass(frozen=True)
class View:
    """How a camera moves: a similarity of the whole picture in each of T frames. Coordinates as in ``renderer``.

    Attributes:
        shift: T 2, (x, y) by which the picture's contents are moved.
        zoom: T, by how much they are enlarged about the picture's middle.
        roll: T, radians by which they are turned about it, clockwise as one sees it.
        behind: T 2, (x, y) by which the background is moved beyond that: it is farther away.
    """

    shift: np.ndarray
    zoom: np.ndarray
    roll: np.ndarray
    behind: np.ndarray

    @classmethod
    def still(cls, frames: int) -> View:
        """Make that of a camera that stands still for so many ``frames``."""
        return cls(np.zeros((frames, 2)), np.ones(frames), np.zeros(frames), np.zeros((frames, 2)))

    @classmethod
    def draw(cls, rng: np.random.Generator, frames: int, fps: float) -> View:
        """Draw one: it stands, or trembles in a hand, or pans and zooms slowly, or is carried along.

        Args:
            rng: Where all numbers come from.
            frames: T, at least 1.
            fps: Frames a second.
        """
        kind = rng.choice(["stands", "trembles", "pans", "carried"], p=[0.4, 0.3, 0.18, 0.12])
        t = np.arange(frames) / fps
        still = cls.still(frames)
        if kind == "stands":
            return still
        hand = rng.uniform(0.1, 0.6) if kind == "pans" else rng.uniform(0.4, 1.6)
        shift = np.stack([shake(rng, t), shake(rng, t)], 1) * 0.018 * hand
        zoom = np.exp(shake(rng, t) * 0.008 * hand)
        roll = shake(rng, t) * 0.008 * hand
        behind = np.stack([drift(rng, t, 0.6), drift(rng, t, 0.6)], 1) * 0.01 * hand
        if kind == "pans":
            along = ease(np.clip(t / max(t[-1], 1e-3), 0, 1))
            shift = shift + along[:, None] * rng.normal(0, 0.07, 2)
            zoom = zoom * np.exp(along * rng.normal(0, 0.09))
        elif kind == "carried":
            behind = behind + np.stack([drift(rng, t, 0.5) * 0.09, drift(rng, t, 0.5) * 0.04], 1)
        return cls(shift, zoom, roll, behind)

    def matrix(self, frame: int, *, background: bool = False) -> np.ndarray:
        """Make the map, 3 3, from where things would be in a frame if the camera stood still to where they are.

        Args:
            frame: Its number.
            background: Of the background rather than of the person.
        """
        c, s = np.cos(self.roll[frame]) * self.zoom[frame], np.sin(self.roll[frame]) * self.zoom[frame]
        x, y = self.shift[frame] + (self.behind[frame] if background else 0)
        return np.array([[c, -s, x], [s, c, y], [0, 0, 1]])

    def turned(self, frame: int) -> np.ndarray:
        """Make the rotation, 3 3, about the picture's axes (x right, y down, z away) by which all is rolled."""
        c, s = np.cos(self.roll[frame]), np.sin(self.roll[frame])
        return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


@dataclass(frozen=True)
class Lights:
    """A key light that casts soft shadows, one that fills, one from behind, and what comes from above and below.

    Attributes:
        direction: 3 3, unit vectors towards each light, the key light first.
        colour: 3 3, linear RGB of each.
        sky: 3, linear RGB from above.
        ground: 3, linear RGB from below.
        shade: How dark shadows are, in [0, 1].
    """

    direction: np.ndarray
    colour: np.ndarray
    sky: np.ndarray
    ground: np.ndarray
    shade: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Lights:
        """Draw them: all of about one tint, the sky of the opposite one."""
        direction = rng.normal(0, 1, (3, 3)) * [1, 0.6, 0.7] + [[0, -1.0, 0.7], [0, -0.7, 0.2], [0, 0.6, 0.4]]
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        warm = rng.uniform(-0.18, 0.18)
        tint = np.array([1 + warm, 1.0, 1 - warm])
        strength = np.array([rng.uniform(0.7, 1.7), rng.uniform(0, 0.6), rng.uniform(0, 0.8)])
        colour = strength[:, None] * tint * rng.uniform(0.85, 1.15, (3, 3))
        sky = rng.uniform(0.15, 0.6) * tint[::-1] * rng.uniform(0.9, 1.1, 3)
        ground = sky * rng.uniform(0.3, 1.0) * rng.uniform(0.85, 1.15, 3)
        return cls(direction, colour, sky, ground, shade=rng.uniform(0.2, 1.0))

    def matrix(self, target: np.ndarray) -> np.ndarray:
        """Make the orthographic map, 4 4, from world to clip coordinates as the key light sees a head at ``target``."""
        forward = -self.direction[0]
        right = np.cross(forward, [0, 0, 1.0])
        right /= np.linalg.norm(right) + 1e-9
        up = np.cross(right, forward)
        matrix = np.eye(4)
        matrix[:3, :3] = np.stack([right, up, forward]) / SHADOW_REACH
        matrix[:3, 3] = -matrix[:3, :3] @ (target + np.array([0, 0.05, -0.03]))
        return matrix
