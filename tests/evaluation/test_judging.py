"""A model judged from frames to table, and what the table is made of."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from motionkit.evaluation import figures, judging, report, subjects, verdict
from motionkit.model import Model
from tests.support.meshes import SIDE, StandIn, face, scene
from tests.support.networks import tiny_model


@pytest.fixture(scope="module")
def model() -> Model:
    return tiny_model(size=SIDE, picture_size=SIDE)


def test_judging_a_model_from_frames_to_table(model: Model, tmp_path: Path) -> None:
    faces = [face((2 * t, 0, 0), mouth=t % 4) for t in range(8)]
    clip, mesh = scene(*faces), StandIn(faces)
    itself = figures.judge_self(model, mesh, clip)  # type: ignore[arg-type]
    assert itself.landmarks == 0 < itself.landmarks_still
    first = clip.frames[:1].astype(float)
    assert itself.l1_still == pytest.approx(np.abs(clip.frames[1:] - first).mean() / 255)
    known = subjects.Portrait("known", clip.frames[0], faces[0], True)
    pairs = [
        figures.judge_pair(model, mesh, portrait, clip)  # type: ignore[arg-type]
        for portrait in (known, subjects.Portrait("unknown", clip.frames[1], faces[0], False))
    ]
    assert pairs[0].figures.score == pytest.approx(1) and pairs[1].figures.score is None
    assert [len(pair.results) for pair in pairs] == [6, 6]
    truth = subjects.RenderedTruth(np.zeros((8, 1, 2)), ("nose",))
    rendered = figures.judge_rendered(model, mesh, clip, truth)  # type: ignore[arg-type]
    assert rendered.keypoints is None and rendered.seen == 1

    one = verdict.Judgement("one", "one", [itself], [pair.figures for pair in pairs], [], [rendered])
    two = verdict.Judgement("two", "two", [], [], [], [])
    text = verdict.table([one, two]).splitlines()
    assert text[0] == "| figure | one | two | to reach |"
    assert "| real clips: landmark error, share of standing still | 0 | – | 0.20 |" in text
    assert "| another person: yaw, correlation | 1 | – | 0.9 |" in text
    assert not any("keypoint error" in line for line in text), "what no model has is no line"

    mirrored = verdict.mirrored_figures([{"yaw": 0.2}, {"yaw": 0.4, "pitch": 0.5}], [])
    text = verdict.table([one], mirrored).splitlines()
    assert text[0] == "| figure | one | mirrored driver | to reach |"
    assert "| another person: yaw, correlation | 1 | 0.3 | 0.9 |" in text

    assert verdict.comparison(one, one).startswith("one against one: better in 0 figures")
    changed = replace(itself, l1=itself.l1 / 2, landmarks=itself.landmarks + 1)
    three = replace(one, name="three", selves=[changed])
    lines = verdict.comparison(one, three).splitlines()
    assert lines[0].startswith("three against one: better in 2 figures, equal in ")  # L1, and its share
    assert lines[0].endswith("worse in 2; of those with a goal worse in 1")
    assert [line.split(":")[2] for line in lines[1:]] == [
        " landmark error, share of standing still",
        " landmark error, px",
    ]

    report.write(tmp_path / "out", [one], [pairs], "table")
    content = json.loads((tmp_path / "out" / "judge.json").read_text())
    assert content[0]["summary"]["another person: mouth, correlation"] == pytest.approx(1)
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written >= {"best.jpg", "worst.jpg", "judge.md", "known-clip.jpg", "unknown-clip.jpg"}


def test_share_is_of_means() -> None:
    assert verdict.share([1, 3], [4, 4]) == pytest.approx(0.5)
    assert verdict.share([], []) is None


def test_models_get_names_that_differ() -> None:
    assert judging.short_names(["heads", "runs/a/model.safetensors"]) == ["heads", "model"]
    assert judging.short_names(["runs/a/model.pt", "runs/b/model.pt"]) == ["a-model", "b-model"]
    assert judging.short_names(["heads", "runs/a/heads.pt"]) == ["heads", "a-heads"]
    assert judging.short_names(["heads", "heads"]) == ["1-heads", "2-heads"]
