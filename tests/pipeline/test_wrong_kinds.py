"""A model's name for a model, a dict for options: one line from every verb, before anything is read or computed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import motionkit as mk
from motionkit import pipeline
from motionkit.errors import InputError
from motionkit.live.session import LiveSession

PICTURE = np.zeros((64, 64, 3), np.uint8)

VERBS: dict[str, Callable[..., Any]] = {
    "animate": lambda **given: list(mk.animate(PICTURE, [PICTURE], **given)),
    "animate_file": lambda **given: mk.animate_file("face.png", "clip.mp4", "result.mp4", **given),
    "extract": lambda **given: mk.extract("clip.mp4", **given),
    "keypoint_files": lambda **given: pipeline.keypoint_files("clip.mp4", "result.mp4", **given),
    "multiply": lambda **given: mk.multiply("faces", "motions", "set", **given),
    "panel": mk.panel,
    "webcam": mk.webcam,
    "session": lambda model, **given: LiveSession(model, PICTURE, **given),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("model", ["heads", None, 5])
def test_what_is_no_model_is_refused_by_every_verb(verb: str, model: object) -> None:
    with pytest.raises(InputError, match="This is no model") as raised:
        VERBS[verb](model=model)
    assert ("load_model('heads')" in str(raised.value)) == (model == "heads")


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("options", [{}, {"strength": 2}, 0, "strength=2"])
def test_what_are_no_options_are_refused_by_every_verb(verb: str, options: object, model: mk.Model) -> None:
    with pytest.raises(InputError, match=r"options are no \w+Options"):
        VERBS[verb](model=model, options=options)


def test_evaluate_refuses_what_are_no_options(model: mk.Model) -> None:
    with pytest.raises(InputError, match="options are no EvaluateOptions"):
        mk.evaluate(model, "clips", options={"size": 64})  # type: ignore[arg-type]


@pytest.mark.parametrize("progress", [5, "yes", None])
def test_progress_is_a_flag_or_a_function(progress: object, tmp_path: Path, model: mk.Model) -> None:
    from motionkit import samples

    with pytest.raises(InputError, match="progress is neither"):
        mk.animate_file(
            samples.portrait(), samples.driving_clip(), tmp_path / "result.mp4", model=model, progress=progress
        )
    assert not list(tmp_path.iterdir())
