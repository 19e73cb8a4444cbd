"""Random changes of a pair of pictures, the same for both; what is known of the pair follows.

Legend: K keypoints, H W picture size, h w size of the stored flow, z a place in [-1, 1]².
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from motionkit.data import colours
from motionkit.data.batch import Truth
from motionkit.data.config import AugmentationConfig
from motionkit.errors import ConfigError
from motionkit.media.jpeg import decode_jpeg, encode_jpeg
from motionkit.modules.grid import identity_grid, warp
from motionkit.structures import Keypoints
from motionkit.tensors import to_frames, to_tensor

__all__ = ["AffineChange", "Augmentation", "mirrored_order", "move_pictures", "move_truth"]

_FILTER_SIDES = (1, 3, 5)  # pixels
_FILTER_NOISE = 0.8  # largest standard deviation of what a random filter adds to the picture's own values
_BLUR = (0.003, 0.01)  # standard deviation in units of the picture's side
_NOISE = (0.01, 0.06)  # standard deviation, of a range of 1
_QUALITY = (25, 85)  # of JPEG


@dataclass(frozen=True, slots=True)
class AffineChange:
    """Where the content of a picture goes: z becomes linear · F · z + shift, with F = diag(-1, 1) if mirrored.

    Attributes:
        flip: Whether the picture is mirrored first.
        linear: 2 2 float32, rotation and magnification.
        shift: 2 float32, in units of half the picture's side.
    """

    flip: bool
    linear: torch.Tensor
    shift: torch.Tensor

    @classmethod
    def of(
        cls, *, flip: bool = False, scale: float = 1, degrees: float = 0, shift: tuple[float, float] = (0, 0)
    ) -> AffineChange:
        """Mirror, then rotate and magnify about the middle, then shift.

        Args:
            flip: Whether to mirror left and right.
            scale: Magnification; above 1 enlarges.
            degrees: Clockwise as seen, since y points down.
            shift: To the right and down, in units of half the picture's side.
        """
        angle = np.deg2rad(degrees)
        rotation = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        return cls(flip, torch.tensor(rotation, dtype=torch.float32) * scale, torch.tensor(shift, dtype=torch.float32))

    @property
    def only_mirrors(self) -> bool:
        """Whether nothing moves except by mirroring, which needs no interpolation."""
        return torch.equal(self.linear, torch.eye(2)) and not self.shift.any()

    @property
    def mirror(self) -> torch.Tensor:
        """F, 2 2."""
        return torch.diag(torch.tensor([-1.0 if self.flip else 1.0, 1.0]))

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """Map … 2 places of content before to those after."""
        return points @ (self.linear @ self.mirror).T + self.shift

    def backward(self, points: torch.Tensor) -> torch.Tensor:
        """Map … 2 places after to those before."""
        inverse: torch.Tensor = torch.linalg.inv(self.linear)
        return (points - self.shift) @ (self.mirror @ inverse).T


def move_pictures(pictures: torch.Tensor, change: AffineChange) -> torch.Tensor:
    """Move the content of pictures; what comes in from outside is a reflection.

    Args:
        pictures: B C H W.
        change: Of all of them.

    Returns:
        B C H W.
    """
    if change.only_mirrors:
        return pictures.flip(-1) if change.flip else pictures
    grid = change.backward(identity_grid(*pictures.shape[-2:], like=pictures))
    return warp(pictures, grid.expand(len(pictures), -1, -1, -1), align_corners=True, padding="reflection")


def move_truth(truth: Truth, change: AffineChange, order: Sequence[int]) -> Truth:
    """Adapt what is known of pictures to what ``move_pictures`` makes of them.

    Args:
        truth: Of a batch.
        change: Of its pictures.
        order: From ``mirrored_order``; the keypoints change places if the pictures are mirrored.
    """
    flow, visibility = truth.flow, truth.visibility
    if truth.has_flow.any():
        flow, visibility = _move_flow(flow, visibility, change)
    return Truth(
        _move_keypoints(truth.source, change, order),
        _move_keypoints(truth.driving, change, order),
        flow,
        visibility,
        truth.has_flow,
    )


def mirrored_order(names: Sequence[str]) -> list[int]:
    """Find for each keypoint the one whose place it takes in a mirror: ``left`` and ``right`` in a name are exchanged.

    Args:
        names: Of the keypoints, words joined by ``_``.

    Returns:
        Indices of keypoints, in the order of ``names``.

    Raises:
        ConfigError: One has no counterpart.
    """
    other = {"left": "right", "right": "left"}
    mirrored = ["_".join(other.get(word, word) for word in name.split("_")) for name in names]
    if unknown := [name for name, image in zip(names, mirrored, strict=True) if image not in names]:
        raise ConfigError(
            "A keypoint has no counterpart in a mirror",
            got=", ".join(unknown),
            expected="names in pairs that differ in left and right",
            todo="Train without horizontal_flip",
        )
    return [list(names).index(image) for image in mirrored]


def _move_keypoints(points: Keypoints, change: AffineChange, order: Sequence[int]) -> Keypoints:
    value, jacobian = change.forward(points.value), points.jacobian
    if jacobian is not None:
        # The tangents that a Jacobian maps to the picture are mirrored with the surface.
        jacobian = change.linear @ change.mirror @ jacobian @ change.mirror
    if change.flip:
        value, jacobian = value[:, order], None if jacobian is None else jacobian[:, order]
    return Keypoints(value, jacobian)


def _move_flow(flow: torch.Tensor, visibility: torch.Tensor, change: AffineChange) -> tuple[torch.Tensor, torch.Tensor]:
    """B h w 2 and B 1 h w on the grid of the moved picture, leading into the moved source."""
    if change.only_mirrors:
        if not change.flip:
            return flow, visibility
        return change.forward(flow.flip(2)), visibility.flip(-1)
    before = change.backward(identity_grid(*flow.shape[1:3], like=flow)).expand(len(flow), -1, -1, -1)
    planes = torch.cat([flow.permute(0, 3, 1, 2), visibility], dim=1)  # B 3 h w
    planes = warp(planes, before, align_corners=True, padding="reflection")
    flow, visibility = planes[:, :2].permute(0, 2, 3, 1), planes[:, 2:]
    # Beside the driving picture lies its reflection; it came from the source's, so that a background that stands
    # still goes on standing still.
    flow = torch.where(before > 1, 2 - flow, torch.where(before < -1, -2 - flow, flow))
    after = change.forward(flow)
    # A source that has moved out of its picture is not seen there; half a pixel is forgiven.
    inside = after.abs().amax(-1, keepdim=True) <= 1 + 1 / min(flow.shape[1:3])
    return after, visibility * inside.permute(0, 3, 1, 2)


class Augmentation:
    """Draws changes and applies them to a pair.

    Args:
        config: Which, and how large.
        names: Of the keypoints, where the pairs carry truth.

    Raises:
        ConfigError: Pairs shall be mirrored and a named keypoint has no counterpart.
    """

    def __init__(self, config: AugmentationConfig, names: Sequence[str] = ()) -> None:
        self._config = config
        self._order = mirrored_order(names) if config.horizontal_flip else list(range(len(names)))

    def __call__(
        self, pictures: torch.Tensor, truth: Truth | None, rng: np.random.Generator
    ) -> tuple[torch.Tensor, Truth | None]:
        """Augment one pair.

        Args:
            pictures: 2 3 H W in [0, 1], source and driving; square.
            truth: What is known of them, B 1, or None.
            rng: Every draw comes from it.

        Returns:
            The same, changed.
        """
        change = self._draw_change(rng)
        pictures = move_pictures(pictures, change)
        if truth is not None:
            truth = move_truth(truth, change, self._order)
        elif self._config.time_flip and rng.random() < 0.5:
            pictures = pictures.flip(0)
        pictures = self._jitter(pictures, rng)
        if rng.random() < self._config.texture:
            pictures = _retexture(pictures, rng)
        if rng.random() < self._config.degrade:
            pictures = _degrade(pictures, rng)
        return pictures.clamp(0, 1), truth

    def _draw_change(self, rng: np.random.Generator) -> AffineChange:
        config = self._config
        flip = config.horizontal_flip and rng.random() < 0.5
        scale = 1.0 if config.resize is None else rng.uniform(*config.resize)
        degrees = rng.uniform(-config.rotation, config.rotation)
        # A side is 2 long in coordinates.
        shift = rng.uniform(-2 * config.shift, 2 * config.shift, 2)
        return AffineChange.of(flip=flip, scale=scale, degrees=degrees, shift=(shift[0], shift[1]))

    def _jitter(self, pictures: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
        """Brightness, contrast, saturation and hue by one set of factors, in random order."""
        config = self._config
        changes = [
            (colours.brighten, config.brightness),
            (colours.contrast, config.contrast),
            (colours.saturate, config.saturation),
            (colours.turn_hue, config.hue),
        ]
        for which in rng.permutation(len(changes)):
            change, most = changes[which]
            if most > 0:
                factor = rng.uniform(-most, most)
                pictures = change(pictures, factor if which == 3 else max(1 + factor, 0))
        return pictures


def _retexture(pictures: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """B 3 H W plus themselves under one random filter over places and colours, as bright and as varied as before.

    After the random convolutions of Xu et al., arXiv 2007.13003.
    """
    side = int(rng.choice(_FILTER_SIDES))
    noise = rng.standard_normal((3, 3, side, side)) / np.sqrt(3 * side * side) * rng.uniform(0, _FILTER_NOISE)
    weight = torch.from_numpy(noise.astype(np.float32))
    mean, spread = pictures.mean(), pictures.std()
    padded = F.pad(pictures - mean, [side // 2] * 4, mode="reflect")
    made = pictures + F.conv2d(padded, weight)
    return (made - made.mean()) * (spread / made.std().clamp(min=1e-6)) + mean


def _degrade(pictures: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """B 3 H W as a poor camera and a thrifty encoder leave them: at least one of blur, noise and JPEG."""
    blur, noise, compress = rng.permutation([True, *(rng.random(2) < 0.5)])
    if blur:
        sigma = rng.uniform(*_BLUR) * pictures.shape[-1]
        size = 2 * int(np.ceil(2 * sigma)) + 1
        pictures = colours.blur(pictures, size, sigma)
    if noise:
        grain = rng.standard_normal(pictures.shape, dtype=np.float32) * np.float32(rng.uniform(*_NOISE))
        pictures = pictures + torch.from_numpy(grain)
    if compress:
        quality = int(rng.integers(*_QUALITY))
        pictures = to_tensor([decode_jpeg(encode_jpeg(frame, quality)) for frame in to_frames(pictures)])
    return pictures
