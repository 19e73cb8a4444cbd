"""Copies of a mounted Drive's files: told apart by path, renewed when edited, never over an upload."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from motionkit import drive
from motionkit.errors import InputError


def test_copying_in(tmp_path: Path) -> None:
    there, local = tmp_path / "drive" / "clips", tmp_path / "local"
    (there / "train" / "ada").mkdir(parents=True)
    (there / "train" / "ada" / "0.png").write_bytes(b"picture")
    (there / "train" / "ben.mp4").write_bytes(b"a video")
    copied = drive.copy_in(there, local)
    assert copied.name == "clips" and copied.parent.parent == local
    copy, kept = copied / "train" / "ben.mp4", copied / "train" / "ada" / "0.png"
    assert copy.read_bytes() == b"a video" and kept.read_bytes() == b"picture"
    # Broken off and gone on with: what is whole stays, what is not is copied again.
    copy.write_bytes(b"a vid")
    node = kept.stat().st_ino
    assert drive.copy_in(there, local) == copied
    assert copy.read_bytes() == b"a video" and kept.stat().st_ino == node
    assert drive.copy_in(there / "train" / "ben.mp4", local).read_bytes() == b"a video"
    assert not list(local.rglob(".*.part"))
    with pytest.raises(InputError, match="no such file or folder"):
        drive.copy_in(tmp_path / "absent", local)


def test_copies_are_told_apart_by_path_and_renewed_when_edited(tmp_path: Path) -> None:
    local, uploaded = tmp_path / "local", tmp_path / "local" / "clip.mp4"
    local.mkdir()
    uploaded.write_bytes(b"uploaded")
    copies = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "clip.mp4").write_bytes(f"clip {name}".encode())
        copies.append(drive.copy_in(tmp_path / name / "clip.mp4", local))
    assert [copy.read_bytes() for copy in copies] == [b"clip a", b"clip b"] and copies[0].name == "clip.mp4"
    assert uploaded.read_bytes() == b"uploaded"
    edited = tmp_path / "a" / "clip.mp4"
    edited.write_bytes(b"CLIP A")  # of the same size
    os.utime(edited, (2_000_000_000, 2_000_000_000))
    assert drive.copy_in(edited, local) == copies[0] and copies[0].read_bytes() == b"CLIP A"
    os.utime(edited, (1_000_000_000, 1_000_000_000))  # an older version was put back
    edited.write_bytes(b"clip a")
    assert drive.copy_in(edited, local).read_bytes() == b"clip a"


@pytest.mark.parametrize("given", ["", "  ", "x" * 5000, "a\0b"])
def test_paths_that_are_none(tmp_path: Path, given: str) -> None:
    with pytest.raises(InputError) as caught:
        drive.copy_in(given, tmp_path / "local")
    assert len(str(caught.value)) < 500 and not (tmp_path / "local").exists()


def test_a_folder_is_not_copied_into_itself(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    with pytest.raises(InputError, match="into itself"):
        drive.copy_in(tmp_path / "clips", tmp_path / "clips" / "local")
