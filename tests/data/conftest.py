"""Folders of clips."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import clips
from tests.support.datasets import SQUARE, pictures, video


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five clips of three people: four videos and a folder of pictures; the tens of a frame's number tell the clip."""
    path = tmp_path_factory.mktemp("clips")
    video(path / "ann#1.mp4", range(10))
    video(path / "ann#2.mkv", range(20, 27))
    video(path / "bob#1.mp4", range(40, 52))
    video(path / "bob#2.gif", range(60, 65))
    pictures(path / "eve", [clips.frame(n, SQUARE) for n in range(80, 83)])
    return path


@pytest.fixture
def spoiled(folder: Path, tmp_path: Path) -> Path:
    """The same with a clip that is none, an empty one, a single picture, and things that are no clips."""
    for path in folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "torn.mp4").write_bytes((folder / "ann#1.mp4").read_bytes()[:900])
    (tmp_path / "void.mp4").touch()
    pictures(tmp_path / "lone", [clips.frame(0, SQUARE)])
    (tmp_path / "notes.txt").write_text("no clip")
    (tmp_path / ".hidden.mp4").touch()
    (tmp_path / "empty").mkdir()
    return tmp_path
