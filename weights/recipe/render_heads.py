"""Renders a data set of talking heads, nobody's face, with the truth about every frame.

    python weights/recipe/render_heads.py OUT --clips 2400 --test 40

writes OUT/train/00000.mp4 … and, of other identities, OUT/test/…, each with NAME.truth.safetensors beside it; README.md
says what that holds. A clip is one identity; its number and the seed determine it, so that any part can be made again.
A clip that is there is kept: the command continues where it was stopped.

Needs: anny, moderngl (and, off-screen on Linux, the packages libegl1 and libgl1-mesa-dri).
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from fractions import Fraction
from functools import cache as remembered
from pathlib import Path

import numpy as np
from anatomy import KEYPOINT_NAMES, Anatomy
from backdrop import backdrop, degrade
from people import Person
from performance import Performance
from renderer import Renderer, Shot
from safetensors.numpy import save_file
from scene import Camera, Lights, View
from tqdm import tqdm

from motionkit.data.truth import FLOW_UNIT
from motionkit.media import VideoWriter

__all__ = ["shots", "write"]

TEST_OFFSET = 1_000_000  # identities of the test clips
MARGIN = 1.3  # side of a backdrop, of the picture's: cameras move

_anatomy = remembered(Anatomy)
_renderer = remembered(Renderer)


def shots(
    identity: int, *, seed: int, frames: int, fps: float, size: int, cache: Path, exercises: float = 0.0
) -> tuple[list[np.ndarray], list[Shot]]:
    """Render one clip.

    Args:
        identity: Number of the person and of all else that is drawn.
        seed: Of the data set.
        frames: How many.
        fps: Frames a second.
        size: Side of the pictures in pixels.
        cache: Where the loaded mesh is kept.
        exercises: Share of the clips with grimaces instead of speech.

    Returns:
        The frames as a camera would record them, H W 3 uint8, and what is known of each.
    """
    rng = np.random.default_rng([seed, identity])
    # The mesh before the renderer: anny's warp and Mesa bring an LLVM each, and loaded the other way round they crash.
    anatomy = _anatomy(cache)
    person = Person.draw(anatomy, rng)
    play = Performance.draw(rng, anatomy.actions, frames, fps, exercises)
    camera, lights, view = Camera.draw(rng), Lights.draw(rng), View.draw(rng, frames, fps)
    background = backdrop(rng, 2 * round(size * MARGIN / 2))
    taken = list(_renderer(size).clip(person, play, camera, lights, background, view=view))
    return degrade(rng, [shot.image for shot in taken]), taken


def write(path: Path, frames: list[np.ndarray], taken: list[Shot], fps: float) -> None:
    """Write a clip and its truth; the clip last, so that one that is there is complete.

    Args:
        path: The clip's; the truth gets the suffix ``.truth.safetensors``.
        frames: H W 3 uint8.
        taken: What is known of each.
        fps: Frames a second.

    Raises:
        MediaError: The clip cannot be written.
    """
    flow = np.stack([shot.flow for shot in taken])
    truth = {
        "keypoints": np.stack([shot.keypoints for shot in taken]),
        "jacobians": np.stack([shot.jacobians for shot in taken]),
        "flow": np.clip(np.round(flow * FLOW_UNIT), -32768, 32767).astype(np.int16),
        "visibility": np.stack([shot.visibility for shot in taken]).astype(np.uint8) * 255,
        "pose": np.stack([shot.pose for shot in taken]),
        "gaze": np.stack([shot.gaze for shot in taken]),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(truth, path.with_suffix(".truth.safetensors"), {"keypoint_names": json.dumps(KEYPOINT_NAMES)})
    with VideoWriter(path, fps=Fraction(fps).limit_denominator(1000)) as writer:
        for frame in frames:
            writer.write(frame)


def _render(path: Path, identity: int, given: argparse.Namespace) -> None:
    frames, taken = shots(
        identity,
        seed=given.seed,
        frames=given.frames,
        fps=given.fps,
        size=given.size,
        cache=given.anny,
        exercises=given.exercises,
    )
    write(path, frames, taken, given.fps)


def _keep_mesh(cache: Path) -> None:
    _anatomy(cache)


def _missing(given: argparse.Namespace) -> Iterator[tuple[Path, int]]:
    """Path and identity of every clip that is not there yet."""
    splits = {"test": range(TEST_OFFSET, TEST_OFFSET + given.test), "train": range(given.first, given.clips)}
    for split, identities in splits.items():
        for identity in identities:
            path = given.output / split / f"{identity % TEST_OFFSET:05d}.mp4"
            if not path.is_file():
                yield path, identity


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("output", type=Path)
    add("--clips", type=int, default=2400, help="training identities (default: %(default)s)")
    add("--first", type=int, default=0, help="first training identity, to split the work (default: %(default)s)")
    add("--test", type=int, default=40, help="test identities (default: %(default)s)")
    add("--frames", type=int, default=10, help="frames a clip (default: %(default)s)")
    add("--fps", type=float, default=1.5, help="frames a second; few, so that they differ (default: %(default)s)")
    add("--size", type=int, default=256, help="side of the pictures (default: %(default)s)")
    add("--exercises", type=float, default=0.0, help="share of clips with grimaces, not speech (default: %(default)s)")
    add("--seed", type=int, default=0, help="of all that is drawn (default: %(default)s)")
    add("--processes", type=int, default=os.cpu_count() or 1, help="at once (default: one a core)")
    add("--anny", type=Path, default=Path("output/anny.pkl"), help="where the loaded mesh is kept (%(default)s)")
    return parser.parse_args()


def main() -> None:
    """Run the command line."""
    given = _arguments()
    os.environ.setdefault("LP_NUM_THREADS", "1")  # processes, not the rasteriser's threads, fill the cores
    todo = list(_missing(given))
    if not given.anny.is_file():
        # Once, not in every process; and not in this one, whose threads the others, forked, would wait for in vain.
        with ProcessPoolExecutor(1) as pool:
            pool.submit(_keep_mesh, given.anny).result()
    with ProcessPoolExecutor(given.processes) as pool, tqdm(total=len(todo) * given.frames, unit="frame") as bar:
        for done in as_completed([pool.submit(_render, path, identity, given) for path, identity in todo]):
            done.result()
            bar.update(given.frames)


if __name__ == "__main__":
    main()
