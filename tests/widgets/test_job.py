"""A widget's animation: what is warned of meanwhile reaches the page with its result, not the kernel's stderr."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motionkit import media
from motionkit.config import AnimateOptions
from motionkit.widgets.job import Job
from tests.support.networks import tiny_model


def test_warnings_belong_to_the_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    media.write_image(tmp_path / "grey.png", np.full((64, 64, 3), 128, np.uint8))
    with media.VideoWriter(tmp_path / "grey.mp4", fps=Fraction(25)) as writer:
        for _ in range(3):
            writer.write(np.full((64, 64, 3), 128, np.uint8))
    states: list[dict[str, Any]] = []
    job = Job(tiny_model(domain="face"), states.append)
    files = [tmp_path / name for name in ("grey.png", "grey.mp4", "result.mp4", "collage.mp4")]
    job.start(*files, AnimateOptions(lost="follow"))
    job.wait(60)
    assert states[-1]["state"] == "done", states[-1]
    source, driving = states[-1]["warnings"]
    assert "No face was found in the source grey.png" in source
    assert "No face was found in the driving grey.mp4" in driving
    assert "No face" not in capsys.readouterr().err
