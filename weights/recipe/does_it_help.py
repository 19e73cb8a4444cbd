"""Does multiplying a few labelled faces help? Trains a small network on them in several ways, and measures it.

    python weights/recipe/does_it_help.py DATA -o OUT

renders into DATA (README.md says what that needs; what is there is kept), multiplies, trains, and writes OUT.json with
every figure and OUT.png with the curves; the tables of docs/does-it-help.md are printed.

The task: the places of the model's named points in a picture of a head. N people are labelled, in one portrait each.
The test is on people that nobody saw, who turn, talk and grimace. Every network takes the same steps, on

    few                   the N portraits
    few+usual             the same, mirrored, turned, scaled, shifted and in other colours as they are drawn
    multiplied            the portraits and what ``motionkit.multiply`` makes of them with clips of other people, which
                          have no labels; the portraits' labels are carried along by the motion
    multiplied+usual      the same, augmented as above
    real+usual            the portraits and further true frames of the same people, all labelled: what one would want

Pictures are small and networks are trained on the CPU.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from help_report import KINDS, Result, Run, draw, tables
from labelled_heads import Heads, Made, Sizes, render
from landmarks import Labelled, Landmarks, Training, errors, mirrored_order, train

import motionkit as mk
from motionkit.errors import MotionkitError
from motionkit.wholefile import write_text

__all__ = ["Study", "experiment", "label_errors"]


@dataclass(frozen=True, kw_only=True)
class Study:
    """What is compared.

    Attributes:
        counts: Numbers of labelled people.
        seeds: Each draws other people, other first weights and another order.
        side: Of the pictures that the networks see.
        sizes: Of the data.
        training: Of every network.
    """

    counts: tuple[int, ...] = (2, 4, 8, 16)
    seeds: int = 5
    side: int = 64
    sizes: Sizes = field(default_factory=Sizes)
    training: Training = field(default_factory=Training)


@dataclass(frozen=True)
class _Data:
    """All pictures, small and in memory: the splits (C T …), and what was made."""

    people: tuple[torch.Tensor, torch.Tensor]
    test: Labelled
    made: Made
    names: tuple[str, ...]

    def of(self, kind: str, who: torch.Tensor) -> Labelled:
        """What a network of this kind sees, given numbers of people."""
        pictures, points = (part[who] for part in self.people)
        portraits = Labelled(pictures[:, 0], points[:, 0])
        if kind.startswith("few"):
            return portraits
        if kind.startswith("real"):
            return Labelled(pictures.flatten(0, 1), points.flatten(0, 1))
        made = Labelled(self.made.pictures, self.made.carried)
        return Labelled.cat([portraits, made[torch.isin(self.made.person, who)]])


def experiment(heads: Heads, study: Study, *, kinds: Iterable[str] = KINDS, processes: int = 1) -> Result:
    """Multiply, train and measure.

    Args:
        heads: The data, rendered.
        study: What is compared.
        kinds: Some of ``KINDS``.
        processes: That train at once.
    """
    people, (pictures, points) = heads.split("people"), heads.split("test")
    made, itself = heads.multiplied(), heads.itself()
    test = Labelled(pictures.flatten(0, 1), points.flatten(0, 1))
    data = _Data(people, test, made, heads.names)
    jobs = [(data, study, tuple(kinds), seed) for seed in range(study.seeds)]
    if processes > 1:
        with ProcessPoolExecutor(processes) as pool:
            done = list(pool.map(_runs_of_seed, jobs))
    else:
        done = [_runs_of_seed(job) for job in jobs]
    middle = points.flatten(0, 1).mean(0).expand_as(test.points)
    return Result(
        study=json.loads(json.dumps(asdict(study))),
        parameters=sum(weights.numel() for weights in Landmarks(test.points[0], study.side).parameters()),
        test=(len(test), len(pictures)),
        labels=label_errors(itself, people[1]),
        detector=float(errors(heads.found.flatten(0, 1), test.points).mean()),
        mean=float(errors(middle, test.points).mean()),
        made=len(made.person),
        runs=[run for runs, _ in done for run in runs],
        seconds=round(sum(seconds for _, seconds in done), 1),
    )


def _runs_of_seed(job: tuple[_Data, Study, tuple[str, ...], int]) -> tuple[list[Run], float]:
    """The networks of one seed, and the processor's time that they took."""
    data, study, kinds, seed = job
    begun, runs = time.process_time(), []
    # More people are the fewer and further ones, so that along the curve nothing else changes.
    who = torch.from_numpy(np.random.default_rng(seed).permutation(study.sizes.people))
    mirrored = mirrored_order(data.names)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for count in study.counts:
        for kind in kinds:
            seen = data.of(kind, who[:count])
            network = train(seen, study.training, seed, mirrored=mirrored if kind.endswith("usual") else None)
            with torch.no_grad():
                found = network(data.test.pictures.float() / 255)
            wrong = [float(errors(found, data.test.points, aligned=aligned).mean()) for aligned in (False, True)]
            runs.append(Run(kind, count, seed, len(seen), *wrong))
    torch.set_num_threads(threads)
    return runs, time.process_time() - begun


def label_errors(made: Made, truth: torch.Tensor) -> dict[str, float]:
    """How wrong labels of made pictures are, where each portrait was moved by its own clip.

    Args:
        made: As ``Heads.itself`` gives it.
        truth: C T K 2, true landmarks of the people's clips.

    Returns:
        Mean error of the labels that were carried along, of the model's keypoints, and of the portraits' labels as they
        were, which is what standing still would give; pictures of the portrait's own moment do not count.
    """
    moved = made.frame > 0
    person, frame = made.person[moved], made.frame[moved]
    labels = {"carried": made.carried[moved], "asked": made.asked[moved], "unmoved": truth[person, 0]}
    return {name: float(errors(label, truth[person, frame]).mean()) for name, label in labels.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status.

    Args:
        arguments: Instead of the command line's.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path, help="folder of the rendered and multiplied data")
    parser.add_argument("-o", "--output", type=Path, required=True, help="path without suffix")
    parser.add_argument("--anny", type=Path, default=Path("output/anny.pkl"), help="where the loaded mesh is kept")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="that train at once (a core each)")
    usual = Study()
    parser.add_argument("--counts", type=int, nargs="+", default=usual.counts, help="labelled people (%(default)s)")
    parser.add_argument("--seeds", type=int, default=usual.seeds, help="default: %(default)s")
    parser.add_argument(
        "--steps", type=int, default=usual.training.steps, help="of each network (default: %(default)s)"
    )
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="default: all")
    given = parser.parse_args(arguments)
    training = replace(usual.training, steps=given.steps)
    study = replace(usual, counts=tuple(given.counts), seeds=given.seeds, training=training)
    try:
        render(given.data, study.sizes, given.anny)
        heads = Heads(given.data, study.sizes, mk.load_model("heads"), study.side)
        result = experiment(heads, study, kinds=given.kinds, processes=given.processes)
        given.output.parent.mkdir(parents=True, exist_ok=True)
        write_text(given.output.with_suffix(".json"), json.dumps(asdict(result), indent=1) + "\n")
        draw(result, given.output.with_suffix(".png"))
    except MotionkitError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(tables(result), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
