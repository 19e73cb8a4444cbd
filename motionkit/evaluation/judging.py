"""Several models, judged by the same subjects: animate, measure, compare."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from motionkit.evaluation import report
from motionkit.evaluation.agreement import judge_mirrored, pose_errors
from motionkit.evaluation.figures import Pair, judge_pair, judge_rendered, judge_self
from motionkit.evaluation.subjects import Portrait, Scene, Subjects
from motionkit.evaluation.verdict import Judgement, comparison, mirrored_figures, own_errors, table
from motionkit.faces.mesh import Mesh
from motionkit.model import Model, load_model

__all__ = ["Verdict", "judge_models", "short_names"]


@dataclass(frozen=True)
class Verdict:
    """What the figures of some models come to.

    Attributes:
        judgements: All figures, model by model.
        pairs: Each model's pairs of portrait and clip, in the same order, with their moments.
        table: The figures side by side, in Markdown; below them, how wrong the landmarks themselves are.
    """

    judgements: tuple[Judgement, ...]
    pairs: tuple[tuple[Pair, ...], ...]
    table: str

    @property
    def comparisons(self) -> list[str]:
        """For each model after the first, in which figures it is better or worse than the first."""
        return [comparison(self.judgements[0], judgement) for judgement in self.judgements[1:]]

    def write(self, folder: Path) -> None:
        """Write all figures, the table and contact sheets into a folder; see ``report.write``."""
        report.write(folder, self.judgements, self.pairs, self.table)


def judge_models(
    models: Sequence[str | Path], mesh: Mesh, subjects: Subjects, *, judged: Callable[[str], None] | None = None
) -> Verdict:
    """Measure models on the same subjects.

    Each clip drives itself and each portrait; each rendered clip drives itself and one of the portraits that show a
    face, in turn.

    Args:
        models: Names or files, as ``load_model`` takes them; the first is what the others would replace.
        mesh: Finds the faces in the results.
        subjects: What the models animate.
        judged: Called with a model's short name as soon as it is measured.

    Raises:
        WeightsError: There is no such model, or its file is damaged.
        DownloadError: Its weights cannot be downloaded.
    """
    faces = [portrait for portrait in subjects.portraits if portrait.found]
    crossed = [(faces[i % len(faces)], scene) for i, (scene, _) in enumerate(subjects.rendered)] if faces else []
    judgements, pairs = [], []
    for name, path in zip(short_names(models), models, strict=True):
        judgement, own = _judge(load_model(path), mesh, subjects, crossed, name=name, path=str(path))
        judgements.append(judgement)
        pairs.append(own)
        if judged is not None:
            judged(name)
    mirrored = mirrored_figures(
        [judge_mirrored(mesh, scene) for scene in subjects.clips], [judge_mirrored(mesh, scene) for _, scene in crossed]
    )
    known = [(scene, truth.pose) for scene, truth in subjects.rendered if truth is not None and truth.pose is not None]
    text = table(judgements, mirrored) + own_errors([pose_errors(scene, pose) for scene, pose in known])
    return Verdict(tuple(judgements), tuple(pairs), text)


def _judge(
    model: Model, mesh: Mesh, subjects: Subjects, crossed: Sequence[tuple[Portrait, Scene]], *, name: str, path: str
) -> tuple[Judgement, tuple[Pair, ...]]:
    """All figures of one model, and its pairs: of real clips first, then of rendered ones."""
    selves = [judge_self(model, mesh, scene) for scene in subjects.clips]
    real = [judge_pair(model, mesh, portrait, scene) for portrait in subjects.portraits for scene in subjects.clips]
    made = [judge_pair(model, mesh, portrait, scene) for portrait, scene in crossed]
    figures = [pair.figures for pair in real], [pair.figures for pair in made]
    rendered = [judge_rendered(model, mesh, scene, truth) for scene, truth in subjects.rendered]
    return Judgement(name, path, selves, *figures, rendered), (*real, *made)


def short_names(models: Sequence[str | Path]) -> list[str]:
    """Names of models for columns and files: the file's own, with its folder where several have the same."""
    stems = [Path(model).stem for model in models]
    folders = [Path(model).parent.name for model in models]
    with_folders = [f"{folder}-{stem}" if folder else stem for folder, stem in zip(folders, stems, strict=True)]
    for names in (stems, with_folders):
        if len(set(names)) == len(names):
            return names
    return [f"{i}-{stem}" for i, stem in enumerate(stems, 1)]
