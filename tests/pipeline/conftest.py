"""What the pipeline is given here."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from motionkit.model import Model
from motionkit.pipeline.run import animate_file
from motionkit.structures import AnimationResult
from tests.support.files import Run, photo_and_clip
from tests.support.networks import tiny_model


@pytest.fixture(scope="module")
def model() -> Model:
    return tiny_model("f" * 64, blend_warped=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """photo.png, 96×64, and drive.mp4, six frames of 80×64 that drift, at 30000/1001 a second."""
    return photo_and_clip(tmp_path, 6, Fraction(30000, 1001))


@pytest.fixture
def run(folder: Path, model: Model) -> Run:
    """`animate_file` on names in `folder`: the output first, the photo and the clip unless others are named."""

    def animated(output: str, source: str = "photo.png", driving: str = "drive.mp4", **more: object) -> AnimationResult:
        for name in ("collage", "still"):
            if name in more:
                more[name] = folder / str(more[name])
        more = {"model": model, **more}
        return animate_file(folder / source, folder / driving, folder / output, **more)  # type: ignore[arg-type]

    return animated
