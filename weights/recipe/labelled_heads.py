"""The data of ``does_it_help``: rendered people with their true landmarks, and what ``motionkit.multiply`` makes of it.

A folder holds ``people/``, ``drivings/`` and ``test/``, of other identities each, as ``render_heads`` writes them, and
``multiplied/`` and ``itself/``, two multiplied data sets: every person moved by every driving clip, and by its own.
What is there is kept. The embedded weights saw rendered heads too, but none of these: their seed was another.

Legend: N pictures, S their side, K landmarks: the model's keypoints, which the renderer knows.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open

import motionkit as mk
from motionkit import media
from motionkit.data.truth import TruthFile
from motionkit.model import Model
from motionkit.motion.carrying import carry_points
from motionkit.structures import Keypoints
from motionkit.tensors import to_tensor

__all__ = ["FPS", "Heads", "Made", "Sizes", "carried_labels", "render"]

FPS = 1.5  # few, so that a clip's frames differ
EXERCISES = 0.3  # share of the clips with grimaces, as in the recipe's data
DRIVINGS, TEST = 1000, 1_000_000  # first identities; the people's is 0
SEED = 17  # not the 0 of the embedded weights' data


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much is rendered and made.

    Attributes:
        people: Identities with labels, of whom each run sees some.
        own: Frames of each; the first is the labelled portrait.
        drivings: Clips that move them, of other identities.
        driving_frames: Frames of each.
        test: Identities that no network saw.
        test_frames: Frames of each.
        made: Pictures made of each pair of a person and a driving.
        side: Of what is rendered and made, in pixels.
    """

    people: int = 16
    own: int = 6
    drivings: int = 8
    driving_frames: int = 6
    test: int = 52
    test_frames: int = 4
    made: int = 3
    side: int = 128

    def splits(self) -> dict[str, tuple[int, int, int]]:
        """Folder to its first identity, how many there are, and frames of each."""
        return {
            "people": (0, self.people, self.own),
            "drivings": (DRIVINGS, self.drivings, self.driving_frames),
            "test": (TEST, self.test, self.test_frames),
        }


@dataclass(frozen=True)
class Made:
    """Pictures of a multiplied data set.

    Attributes:
        pictures: N 3 S S uint8.
        person: N, whose portrait was moved.
        frame: N, by which frame of the driving.
        asked: N K 2, the keypoints that ``multiply`` labels them with: those that the model was asked for.
        carried: N K 2, the portrait's true landmarks, carried along by the motion.
    """

    pictures: torch.Tensor
    person: torch.Tensor
    frame: torch.Tensor
    asked: torch.Tensor
    carried: torch.Tensor


def render(folder: Path, sizes: Sizes, mesh: Path) -> None:
    """Render what is missing.

    Args:
        folder: Of the data.
        sizes: How much.
        mesh: Where ``anatomy`` keeps the loaded mesh.
    """
    import render_heads  # needs anny and moderngl, which reading does not

    for split, (first, count, frames) in sizes.splits().items():
        for number in range(count):
            path = folder / split / f"{number:05d}.mp4"
            if not path.is_file():
                shots = render_heads.shots(
                    first + number, seed=SEED, frames=frames, fps=FPS, size=sizes.side, cache=mesh, exercises=EXERCISES
                )
                render_heads.write(path, *shots, FPS)


@dataclass(frozen=True)
class Heads:
    """A folder of data, read and multiplied.

    Attributes:
        folder: Which.
        sizes: How much of it.
        model: Moves the portraits.
        side: S, of the pictures that the networks see.
    """

    folder: Path
    sizes: Sizes
    model: Model
    side: int

    @property
    def names(self) -> tuple[str, ...]:
        """The K landmarks: the model's keypoints, all of which the renderer knows."""
        return self.model.config.keypoint_names

    def split(self, name: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Pictures and true landmarks of a split, clip by clip.

        Args:
            name: "people", "drivings" or "test".

        Returns:
            C T 3 S S uint8 and C T K 2, of C clips.
        """
        _, clips, frames = self.sizes.splits()[name]
        pictures, points = [], []
        for number in range(clips):
            path = self.folder / name / f"{number:05d}.mp4"
            known = _names(path.with_suffix(".truth.safetensors"))
            truth = TruthFile(path.with_suffix(".truth.safetensors"), known)
            pictures.append(self._small(list(media.open_clip(path))))
            every = torch.cat([truth.read(t, ()).driving.value for t in range(frames)])
            points.append(every[:, [known.index(name) for name in self.names]])
        return torch.stack(pictures), torch.stack(points)

    @cached_property
    def found(self) -> torch.Tensor:
        """C T K 2, where the model itself finds the test people's landmarks: it knows the renderer well."""
        clips = [
            self.model.detect(to_tensor(list(media.open_clip(path)), size=self.model.config.size)).value
            for path in sorted((self.folder / "test").glob("*.mp4"))
        ]
        return torch.stack(clips)

    def multiplied(self) -> Made:
        """Every portrait moved by every driving clip."""
        return self._made("multiplied", pairs="all", frames=self.sizes.made, reference="best")

    def itself(self) -> Made:
        """Every portrait moved by its own clip, so that the truth of what is made is known: the rendered frame's."""
        table = self.folder / "itself.csv"
        with table.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["source", "driving"])
            rows.writerows([str(self.person(number).resolve())] * 2 for number in range(self.sizes.people))
        return self._made("itself", pairs=str(table), frames=self.sizes.own, reference="first")

    def _made(self, name: str, *, pairs: str, frames: int, reference: str) -> Made:
        import pyarrow.parquet

        every = pairs == "all"
        result = mk.multiply(
            self.folder / "people" if every else None,
            self.folder / "drivings" if every else None,
            self.folder / name,
            model=self.model,
            options=mk.MultiplyOptions(
                pairs=pairs,
                frames=frames,
                labels=("keypoints",),
                workers=1,
                animate=mk.AnimateOptions(crop="none", size=self.sizes.side, reference=reference),  # type: ignore[arg-type]
            ),
        )
        rows = pyarrow.parquet.read_table(result.manifest).to_pylist()
        return self._read(self.folder / name, [row for row in rows if row["status"] == "ok"])

    def _read(self, folder: Path, rows: list[dict[str, object]]) -> Made:
        person = torch.tensor([int(Path(str(row["source"])).stem) for row in rows])
        labels = [np.load(folder / str(row["labels"])) for row in rows]
        asked = torch.tensor(np.concatenate([one["keypoints"] for one in labels]))
        portraits = [next(iter(media.open_clip(self.person(number)))) for number in range(self.sizes.people)]
        truth = self.split("people")[1][:, 0]
        return Made(
            pictures=torch.cat([self._small([media.read_image(folder / str(row["file"]))]) for row in rows]),
            person=person,
            frame=torch.tensor(np.concatenate([one["frame"] for one in labels])).long(),
            asked=asked,
            carried=carried_labels(self.model, portraits, truth, person, labels),
        )

    def person(self, number: int) -> Path:
        """The clip of a person, by number."""
        return self.folder / "people" / f"{number:05d}.mp4"

    def _small(self, frames: list[np.ndarray]) -> torch.Tensor:
        return (to_tensor(frames, size=self.side) * 255).round().to(torch.uint8)


def _names(truth: Path) -> list[str]:
    with safe_open(truth, "np") as file:
        return [str(name) for name in json.loads(file.metadata()["keypoint_names"])]


def carried_labels(
    model: Model,
    portraits: Sequence[np.ndarray],
    truth: torch.Tensor,
    person: torch.Tensor,
    labels: Sequence[Mapping[str, np.ndarray]],
) -> torch.Tensor:
    """Carry labels of portraits to the pictures that were made of them.

    Args:
        model: Moved them.
        portraits: S S 3 uint8, as they were given.
        truth: P K 2, their labels.
        person: N, of which portrait each picture was made.
        labels: What ``multiply`` wrote of each picture.

    Returns:
        N K 2.
    """
    sources = model.detect(to_tensor(portraits, size=model.config.size))
    carried = []
    for number, one in zip(person.tolist(), labels, strict=True):
        moved = Keypoints(torch.tensor(one["keypoints"]), torch.tensor(one["jacobian"]))
        carried.append(carry_points(truth[number], sources[number : number + 1], moved))
    return torch.cat(carried)
