"""Pairs of frames: of one clip, the same ones again, also of clips that break off and from the cache."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from motionkit.data.pairs import Place
from motionkit.errors import InputError, MediaError, MotionkitWarning
from motionkit.tensors import to_frames
from motionkit.training.config import DataConfig
from tests.support import clips
from tests.support.datasets import CHANGED, SQUARE, dataset, numbers, pictures, same, video


def test_a_pair_is_two_moments_of_one_clip(folder: Path) -> None:
    data = dataset(folder, data=DataConfig(test_share=0, repeats=8))
    assert len(data) == 40
    seen = [numbers(data[0, n])[0] for n in range(len(data))]
    for n, (source, driving) in enumerate(seen):
        assert source != driving
        assert source // 20 == driving // 20 == n % 5
    assert {n for pair in seen for n in pair if n >= 80} == {80, 81, 82}
    assert len(set(seen)) > 30


def test_items_have_the_documented_form(folder: Path) -> None:
    item = dataset(folder)[0, 0]
    assert item.source.shape == item.driving.shape == (1, 3, 32, 32)
    assert item.source.dtype == torch.float32 and item.seed.dtype == torch.int64 and item.truth is None
    sized = dataset(folder, data=DataConfig(size=48, test_share=0))[0, 0]
    assert sized.source.shape == (1, 3, 48, 48)


def test_an_item_follows_from_seed_epoch_and_place(folder: Path) -> None:
    one, other = dataset(folder, CHANGED), dataset(folder, CHANGED)
    late = other[3, 4]
    for place in ((0, 1), (3, 4), (2, 0)):
        assert same(one[place], other[place])
    assert same(one[3, 4], late) and same(one[Place(3, 4)], late)
    assert not same(one[0, 1], one[1, 1])
    assert not same(one[0, 1], dataset(folder, CHANGED, seed=1)[0, 1])
    seeds = [int(one[epoch, n].seed) for epoch in range(4) for n in range(5)]
    assert len(set(seeds)) == 20 and min(seeds) >= 0


def test_tests_see_the_same_pairs_as_they_are(folder: Path) -> None:
    data = dataset(folder, CHANGED, train=False)
    assert same(data[0, 2], data[5, 2])
    source, driving = numbers(data[0, 2])[0]
    assert source // 20 == driving // 20 == 2


def test_identities_take_turns(folder: Path) -> None:
    data = dataset(folder, data=DataConfig(test_share=0, id_sampling=True))
    assert len(data) == 3
    drawn = [[numbers(data[epoch, n])[0][0] // 20 for n in range(3)] for epoch in range(12)]
    assert {clip for clip, _, _ in drawn} == {0, 1}
    assert {clip for _, clip, _ in drawn} == {2, 3}
    assert {clip for _, _, clip in drawn} == {4}


def test_a_wide_frame_gives_its_middle_unstretched(tmp_path: Path) -> None:
    wide = np.zeros((40, 90, 3), np.uint8)
    wide[:, 25:65, 2] = 255
    wide[:, 45, 0] = 255
    pictures(tmp_path / "a", [wide, wide])
    picture = to_frames(dataset(tmp_path, data=DataConfig(size=40, test_share=0))[0, 0].source)[0]
    assert np.array_equal(picture, wide[:, 25:65])


def test_broken_clips_are_named_and_replaced(spoiled: Path) -> None:
    data = dataset(spoiled)
    with pytest.warns(MotionkitWarning) as record:
        seen = [numbers(data[0, n])[0] for n in range(len(data))]
    assert all(source // 20 == driving // 20 for source, driving in seen)
    assert {path.name for path in data.broken} == {"torn.mp4", "void.mp4", "lone"}
    messages = [str(warning.message) for warning in record]
    for name in ("torn.mp4 is left out", "void.mp4 is left out", "lone is left out: it has fewer than two frames"):
        assert sum(name in message for message in messages) == 1
    # The substitute follows from the place, not from what was met before.
    fresh = dataset(spoiled)
    with pytest.warns(MotionkitWarning):
        assert numbers(fresh[0, 7])[0] == seen[7]


def test_a_picture_that_breaks_off_is_replaced(folder: Path, tmp_path: Path) -> None:
    pictures(tmp_path / "cut", [clips.frame(n, SQUARE) for n in range(4)])
    for n in range(1, 4):
        (tmp_path / "cut" / f"000{n}.png").write_bytes(b"no picture")
    (tmp_path / "eve").symlink_to(folder / "eve")
    data = dataset(tmp_path)
    with pytest.warns(MotionkitWarning, match="cut is left out: .*000[123].png"):
        assert numbers(data[0, 0])[0][0] >= 80


def test_a_video_that_breaks_off_gives_what_is_there(tmp_path: Path) -> None:
    whole = video(tmp_path / "whole.mkv", range(40, 90)).read_bytes()
    (tmp_path / "whole.mkv").write_bytes(whole[: len(whole) * 8 // 10])
    data = dataset(tmp_path, data=DataConfig(test_share=0, repeats=30))
    with pytest.warns(MotionkitWarning, match=r"whole\.mkv is (cut off|damaged)"):
        seen = {n for place in range(30) for n in numbers(data[0, place])[0]}
    assert data.broken == () and len(seen) > 5 and max(seen) < 85


def test_nothing_can_be_read(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(b"nothing")
    data = dataset(tmp_path)
    with (
        pytest.warns(MotionkitWarning, match=r"[ab]\.mp4 is left out"),
        pytest.raises(InputError, match="No clip of the data set can be read; got 2 clips"),
    ):
        _ = data[0, 0]


def test_cached_frames_are_those_of_the_clip(folder: Path, tmp_path: Path) -> None:
    cached = DataConfig(test_share=0, cache=True)
    plain, kept = dataset(folder), dataset(folder, data=cached, cache=tmp_path / "cache")
    for epoch in range(3):
        for n in range(5):
            assert same(plain[epoch, n], kept[epoch, n])
    files = sorted((tmp_path / "cache").iterdir())
    assert [file.name.split("-")[0] for file in files] == ["ann#1", "ann#2", "bob#1", "bob#2", "eve"]
    assert files[0].stat().st_size == 10 * 32 * 32 * 3
    with pytest.raises(InputError, match="no folder for them is given"):
        dataset(folder, data=cached)


def test_a_clip_is_decoded_once_for_all_runs(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import motionkit.data.clips as module
    import motionkit.data.pairs as owner

    passes: list[Path] = []
    decode = module.ClipFrames._decode_all
    monkeypatch.setattr(module.ClipFrames, "_decode_all", lambda self: passes.append(self._clip.path) or decode(self))
    for _ in range(2):
        owner._frames.cache_clear()
        data = dataset(folder, data=DataConfig(test_share=0, cache=True), cache=tmp_path)
        for n in range(5):
            _ = data[0, n], data[1, n]
    assert len(passes) == 5


def test_a_full_disk_is_no_broken_clip(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("motionkit.wholefile.os.replace", full)
    data = dataset(folder, data=DataConfig(test_share=0, cache=True), cache=tmp_path)
    with pytest.raises(MediaError, match=r"cannot be kept \(No space left on device\)"):
        _ = data[0, 0]
    assert list(tmp_path.iterdir()) == []
