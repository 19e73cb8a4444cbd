"""What the command line is given here."""

from __future__ import annotations

from pathlib import Path

import pytest

from motionkit import model
from tests.support.files import photo_and_clip
from tests.support.networks import tiny_model


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """photo.png and drive.mp4, five frames at 25 a second, in the working directory; and a small model for any name."""
    tiny = tiny_model("f" * 64, blend_warped=True)
    monkeypatch.setattr(model, "load_model", lambda *_, **__: tiny)
    monkeypatch.chdir(tmp_path)
    return photo_and_clip(tmp_path, 5)
