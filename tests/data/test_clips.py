"""Finding clips, and which of them are for tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from motionkit.data.clips import find_clips
from motionkit.data.pairs import PairDataset
from motionkit.errors import InputError
from motionkit.training.config import DataConfig
from tests.support.datasets import ALL, MODEL


def test_clips_of_every_kind_are_found_and_nothing_else(spoiled: Path) -> None:
    found = find_clips(spoiled, ALL)
    names = [clip.path.name for clip in found.train]
    assert names == ["ann#1.mp4", "ann#2.mkv", "bob#1.mp4", "bob#2.gif", "eve", "lone", "torn.mp4", "void.mp4"]
    assert [clip.identity for clip in found.train][:6] == ["ann", "ann", "bob", "bob", "eve", "lone"]
    assert found.test == ()


def test_identities_are_split_whole_and_stay_where_they_are(tmp_path: Path) -> None:
    for n in range(20):
        (tmp_path / f"person{n}#1.mp4").touch()
        (tmp_path / f"person{n}#2.mp4").touch()
    found = find_clips(tmp_path, DataConfig(test_share=0.25))
    train, test = ({clip.identity for clip in part} for part in (found.train, found.test))
    assert len(test) == 5 and len(train) == 15 and not train & test
    assert len(found.test) == 10 and len(found.train) == 30
    assert find_clips(tmp_path, DataConfig(test_share=0.25)) == found
    assert find_clips(tmp_path, DataConfig(test_share=0.25), seed=1) != found
    (tmp_path / "another.mp4").touch()
    again = {clip.identity for clip in find_clips(tmp_path, DataConfig(test_share=0.25)).test}
    assert len(again ^ test) <= 2, "a new clip does not shuffle the others"


def test_a_split_leaves_something_on_both_sides(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    assert len(find_clips(tmp_path).train) == 1 and not find_clips(tmp_path).test
    (tmp_path / "b.mp4").touch()
    for share in (0.01, 0.99):
        found = find_clips(tmp_path, DataConfig(test_share=share))
        assert len(found.train) == len(found.test) == 1


def test_train_and_test_folders_are_taken_as_they_are(tmp_path: Path) -> None:
    for name in ("train/a.mp4", "train/b.mp4", "test/c.mp4", "d.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find_clips(tmp_path)
    assert [clip.path.name for clip in found.train] == ["a.mp4", "b.mp4"]
    assert [clip.path.name for clip in found.test] == ["c.mp4"]


def test_a_folder_without_clips(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no clips to train on; got .*; expected videos \(.mp4"):
        find_clips(tmp_path)
    with pytest.raises(InputError, match="There is no such folder of clips"):
        find_clips(tmp_path / "nowhere")
    with pytest.raises(InputError, match="There are no clips to draw pairs from"):
        PairDataset((), MODEL)
