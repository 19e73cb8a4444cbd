"""Targets that a result cannot be written to are refused before any work."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from motionkit import media
from motionkit.errors import InputError, MediaError
from tests.support.clips import frame, make


def test_bad_targets_are_told_apart(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4", 2)
    (tmp_path / "link.mp4").symlink_to(source)
    (tmp_path / "sub.mp4").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    for name, error, message in (
        ("in.mp4", InputError, "would overwrite an input"),
        ("link.mp4", InputError, "would overwrite an input"),
        ("nowhere/a.mp4", MediaError, "folder is not there"),
        ("a.xyz", InputError, r"Unknown kind of output; got a.xyz; expected .mp4 .mov"),
        ("sub.mp4", InputError, "a folder where a file belongs"),
        ("full", InputError, "The target folder is not empty"),
    ):
        with pytest.raises(error, match=message):
            media.check_target(tmp_path / name, source)
    media.check_target(tmp_path / "fine.webm", source)


def test_an_unwritable_folder_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may write anywhere, so the operating system's answer is given in its place.
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(MediaError, match="folder cannot be written to"):
        media.check_target(tmp_path / "a.mp4")


def test_pictures_of_an_input_folder_are_inputs(tmp_path: Path) -> None:
    media.write_image(tmp_path / "1.png", frame(1))
    for given in (tmp_path, tmp_path / "*.png", tmp_path / "1.png"):
        with pytest.raises(InputError, match=r"would overwrite an input; got .*1.png"):
            media.check_target(tmp_path / "1.png", given)
        media.check_target(tmp_path / "2.png", given)
