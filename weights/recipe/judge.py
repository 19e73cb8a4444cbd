"""How well a model of heads does, measured with landmarks that it has nothing to do with.

    python weights/recipe/judge.py MODEL [MODEL2 …] --clips FOLDER --portraits FOLDER --rendered FOLDER -o OUT

A model is a name or a file, as ``motionkit.load_model`` takes it; the first is what the others would replace. OUT
gets ``judge.json`` with every figure of every clip and pair, ``judge.md`` with the table, and contact sheets. The
column "mirrored driver" tells how well the landmarks agree with themselves: where a figure is near or above it, they
cannot tell. How wrong they are about the known pose of rendered heads stands below the table.
``subjects.py`` holds what is judged, ``figures.py`` measures and says what each figure means, ``verdict.py`` sums up,
``landmarks.py`` finds faces, ``signals.py`` reads them. ``--fetch`` gets the landmark networks.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from motionkit import faces, media, pipeline
from motionkit.config import AnimateOptions, ModelConfig
from motionkit.errors import InputError, MotionkitError, MotionkitWarning
from motionkit.evaluation.figures import judge_mirrored, judge_pair, judge_rendered, judge_self, pose_errors
from motionkit.evaluation.signals import measure
from motionkit.evaluation.subjects import Portrait, Scene, Truth
from motionkit.evaluation.verdict import Judgement, comparison, mirrored_figures, own_errors, table, write
from motionkit.faces.mesh import Mesh, fetch
from motionkit.model import load_model


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    given = _parser().parse_args(arguments)
    try:
        if given.fetch:
            print(fetch())
        if given.models:
            _judge(given)
        elif not given.fetch:
            raise InputError("No model was named", expected="names or files of models, or --fetch")
    except MotionkitError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure models of heads with landmarks they have nothing to do with.")
    parser.add_argument("models", nargs="*", help="names or files, as load_model takes them")
    parser.add_argument("--clips", type=Path, help="folder of real clips: reconstruction, and driving the portraits")
    parser.add_argument("--portraits", type=Path, help="folder of pictures that the clips drive; may be the clips' own")
    parser.add_argument("--rendered", type=Path, help="folder of rendered clips NAME.mp4, with NAME.truth.safetensors")
    parser.add_argument("-o", "--output", type=Path, help="folder for judge.json, judge.md and contact sheets")
    parser.add_argument("--every", type=int, default=1, help="use every n-th frame; 3 still sees a blink")
    parser.add_argument("--size", type=int, default=256, help="side of every picture (default: %(default)s)")
    parser.add_argument("--seconds", type=float, help="use so much of each clip's beginning")
    parser.add_argument("--landmarks", type=Path, help="folder with the landmark networks; default: motionkit's cache")
    parser.add_argument("--fetch", action="store_true", help="get the landmark networks with pip into the cache")
    return parser


def _judge(given: argparse.Namespace) -> None:
    started = time.monotonic()
    if given.every < 1:
        raise InputError("--every is out of range", got=given.every, expected="a whole number from 1")
    if not 64 <= given.size <= 1024:
        raise InputError("--size is out of range", got=given.size, expected="64 to 1024")
    mesh = Mesh(given.landmarks)
    scenes = [read_clip(path, mesh, given) for path in _files(given.clips, media.READ_VIDEO_SUFFIXES, "clips")]
    pictures = _files(given.portraits, media.READ_IMAGE_SUFFIXES, "pictures")
    portraits = [read_portrait(path, mesh, given) for path in pictures]
    rendered = [read_rendered(path, mesh, given) for path in _files(given.rendered, media.READ_VIDEO_SUFFIXES, "clips")]
    judged = [portrait for portrait in portraits if portrait.found]
    crossed = [(judged[i % len(judged)], scene) for i, (scene, _) in enumerate(rendered)] if judged else []
    names = _short_names(given.models)
    judgements, pairs = [], []
    for name, path in zip(names, given.models, strict=True):
        model = load_model(path)
        selves = [judge_self(model, mesh, scene) for scene in scenes]
        real = [judge_pair(model, mesh, portrait, scene) for portrait in portraits for scene in scenes]
        made = [judge_pair(model, mesh, portrait, scene) for portrait, scene in crossed]
        pairs.append([*real, *made])
        figures = [pair.figures for pair in real], [pair.figures for pair in made]
        truths = [judge_rendered(model, mesh, scene, truth) for scene, truth in rendered]
        judgements.append(Judgement(name, str(path), selves, *figures, truths))
        print(f"{name}: judged after {time.monotonic() - started:.0f} s", file=sys.stderr)
    mirrored = mirrored_figures(
        [judge_mirrored(mesh, scene) for scene in scenes], [judge_mirrored(mesh, scene) for _, scene in crossed]
    )
    known = [(scene, truth.pose) for scene, truth in rendered if truth is not None and truth.pose is not None]
    text = table(judgements, mirrored) + own_errors([pose_errors(scene, pose) for scene, pose in known])
    print(text)
    for judgement in judgements[1:]:
        print(comparison(judgements[0], judgement))
    if given.output is not None:
        write(given.output, judgements, pairs, text)


def read_clip(path: Path, mesh: Mesh, given: argparse.Namespace) -> Scene:
    """A clip on the square that ``animate_file`` would see of it, with its face followed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MotionkitWarning)
        clip = media.open_clip(path, end=given.seconds)
        box = pipeline.crop_clip(clip, ModelConfig(domain="face"), AnimateOptions()).box
    frames = [faces.crop(frame, box, size=given.size) for i, frame in enumerate(clip) if i % given.every == 0]
    return _scene(path.stem, frames, mesh)


def read_portrait(path: Path, mesh: Mesh, given: argparse.Namespace) -> Portrait:
    """A picture on the square that ``animate_file`` would see of it; without a face it is only shown, not judged."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MotionkitWarning)  # without a face the centred square is worth a look
        picture = media.read_image(path)
        square = faces.crop(picture, faces.choose_square(picture)[0], size=given.size)
    track = mesh.track([square])
    return Portrait(path.stem, square, track.points[0], bool(track.found[0]))


def read_rendered(path: Path, mesh: Mesh, given: argparse.Namespace) -> tuple[Scene, Truth | None]:
    """A rendered clip as a whole, and the true keypoints beside it, if any."""
    clip = media.open_clip(path, end=given.seconds)
    frames = []
    for i, frame in enumerate(clip):
        if i % given.every == 0:
            frames.append(faces.crop(frame, faces.centred_square(frame.shape[1], frame.shape[0]), size=given.size))
    truth = Truth.read(path.with_suffix(".truth.safetensors"))
    if truth is not None:
        truth = truth.part(slice(None, None, given.every)).part(slice(len(frames)))
        if len(truth.keypoints) < len(frames):
            raise InputError("The truth is shorter than its clip", got=str(path))
    return _scene(path.stem, frames, mesh), truth


def _scene(name: str, frames: list[np.ndarray], mesh: Mesh) -> Scene:
    track = mesh.track(frames)
    return Scene(name, np.stack(frames), track, measure(track.points, track.found))


def _files(folder: Path | None, suffixes: Sequence[str], what: str) -> list[Path]:
    """The files of a kind in a folder, by name; none without a folder."""
    if folder is None:
        return []
    found = sorted(path for path in folder.glob("*") if path.suffix.lower() in suffixes)
    if not found:
        raise InputError(f"There are no {what} here", got=str(folder))
    return found


def _short_names(models: Sequence[str]) -> list[str]:
    """Names for columns and files: the file's own, with its folder where several are called alike."""
    stems = [Path(model).stem for model in models]
    with_folders = [f"{Path(model).parent.name}-{stem}" for model, stem in zip(models, stems, strict=True)]
    for names in (stems, with_folders):
        if len(set(names)) == len(names):
            return names
    return [f"{i}-{stem}" for i, stem in enumerate(stems, 1)]


if __name__ == "__main__":
    raise SystemExit(main())
