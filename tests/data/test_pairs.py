"""Finding clips, pairs of frames, their truth, and the order of batches."""

from __future__ import annotations

import gc
import json
from dataclasses import fields
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from motionkit import media
from motionkit.data.batch import Batch
from motionkit.data.clips import find_clips
from motionkit.data.pairs import BatchOrder, PairDataset, Place, collate, loader
from motionkit.errors import ConfigError, InputError, MediaError, MotionkitWarning
from motionkit.modules.grid import identity_grid, warp
from motionkit.tensors import to_frames
from motionkit.training.config import AugmentationConfig, DataConfig, LossConfig
from tests.conftest import tiny_config
from tests.support import clips

MODEL = tiny_config()
AS_IS = AugmentationConfig(horizontal_flip=False, time_flip=False)
EVERYTHING = AugmentationConfig(
    brightness=0.1, contrast=0.1, saturation=0.1, hue=0.1, resize=(0.9, 1.1), shift=0.1, rotation=10, degrade=0.5
)
ALL = DataConfig(test_share=0)
SQUARE = (64, 64)


def video(path: Path, numbers: range) -> Path:
    """A clip whose pictures tell their numbers."""
    with media.VideoWriter(path, fps=Fraction(25)) as writer:
        for n in numbers:
            writer.write(clips.frame(n, SQUARE))
    return path


def pictures(folder: Path, frames: list[np.ndarray]) -> Path:
    folder.mkdir(parents=True)
    for n, frame in enumerate(frames):
        media.write_image(folder / f"{n:04}.png", frame)
    return folder


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


def dataset(folder: Path, augmentation: AugmentationConfig = AS_IS, **options: object) -> PairDataset:
    data = options.pop("data", ALL)
    return PairDataset(find_clips(folder, data).train, MODEL, data, augmentation, **options)


def numbers(batch: Batch) -> list[tuple[int, int]]:
    pairs = [to_frames(part) for part in (batch.source, batch.driving)]
    return [(clips.number(a), clips.number(b)) for a, b in zip(*pairs, strict=True)]


def same(one: Batch, other: Batch) -> bool:
    return all(torch.equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(Batch) if f.name not in ("truth", "warned"))


# What is in a folder


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


# Pairs


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
    one, other = dataset(folder, EVERYTHING), dataset(folder, EVERYTHING)
    late = other[3, 4]
    for place in ((0, 1), (3, 4), (2, 0)):
        assert same(one[place], other[place])
    assert same(one[3, 4], late) and same(one[Place(3, 4)], late)
    assert not same(one[0, 1], one[1, 1])
    assert not same(one[0, 1], dataset(folder, EVERYTHING, seed=1)[0, 1])
    seeds = [int(one[epoch, n].seed) for epoch in range(4) for n in range(5)]
    assert len(set(seeds)) == 20 and min(seeds) >= 0


def test_tests_see_the_same_pairs_as_they_are(folder: Path) -> None:
    data = dataset(folder, EVERYTHING, train=False)
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


# Clips that cannot be read


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


# Decoded frames on disk


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


# Truth


def warped(z: torch.Tensor, t: int) -> torch.Tensor:
    """Where in the first frame that is which frame `t` shows at z."""
    x, y = z.unbind(-1)
    return torch.stack([x + 0.02 * t * torch.sin(2 * y), y - 0.01 * t + 0.015 * t * torch.cos(2 * x)], dim=-1)


def with_truth(
    path: Path, *, names: tuple[str, ...] = ("nose", "eye_left", "eye_right"), side: int = 64, frames: int = 5
) -> dict[str, np.ndarray]:
    """A clip of pictures whose truth is known, and the truth's arrays."""
    places = identity_grid(side, side, like=torch.empty(0))
    x, y = places.unbind(-1)
    first = 0.5 + 0.4 * torch.stack([torch.sin(2 * x + y), torch.cos(x - 2 * y), torch.sin(x * y + y)], dim=1)
    shown = [warp(first, warped(places, t), align_corners=True, padding="reflection") for t in range(frames)]
    pictures(path, list(to_frames(torch.cat(shown))))
    grid = identity_grid(24, 24, like=places)
    flow = torch.cat([warped(grid, t) for t in range(frames)])
    rng = np.random.default_rng(7)
    arrays = {
        "keypoints": rng.uniform(-0.8, 0.8, (frames, len(names), 2)).astype(np.float32),
        "jacobians": rng.normal(size=(frames, len(names), 2, 2)).astype(np.float32),
        "flow": (flow * 16384).round().short().numpy(),
        "visibility": ((flow.abs().amax(-1) <= 1) * 255).to(torch.uint8).numpy(),
    }
    write_truth(path, arrays, names)
    return arrays


def write_truth(path: Path, arrays: dict[str, np.ndarray], names: tuple[str, ...]) -> None:
    target = path.with_name(path.name + ".truth.safetensors")
    save_file(arrays, str(target), metadata={"keypoint_names": json.dumps(names)})


NAMED = tiny_config(keypoint_names=("nose", "eye_left", "eye_right"))


def true_pairs(folder: Path, augmentation: AugmentationConfig = AS_IS, model: object = NAMED) -> PairDataset:
    return PairDataset(find_clips(folder, ALL).train, model, ALL, augmentation)


def test_truth_leads_from_the_first_frame(tmp_path: Path) -> None:
    arrays = with_truth(tmp_path / "a", side=32)
    data = true_pairs(tmp_path)
    drawn = set()
    for epoch in range(12):
        truth = data[epoch, 0].truth
        assert np.array_equal(truth.source.value[0], arrays["keypoints"][0])
        assert np.array_equal(truth.source.jacobian[0], arrays["jacobians"][0])
        t = next(t for t in range(1, 5) if np.array_equal(truth.driving.value[0], arrays["keypoints"][t]))
        assert np.array_equal(truth.driving.jacobian[0], arrays["jacobians"][t])
        assert np.allclose(truth.flow[0], arrays["flow"][t] / 16384)
        assert np.array_equal(truth.visibility[0, 0], arrays["visibility"][t] / 255)
        assert truth.has_flow.tolist() == [True]
        drawn.add(t)
    assert drawn == {1, 2, 3, 4}


@pytest.mark.parametrize("side", [32, 64])
@pytest.mark.parametrize(
    "augmentation", [AS_IS, AugmentationConfig(), AugmentationConfig(resize=(0.9, 1.1), shift=0.1, rotation=15)]
)
def test_true_flow_explains_the_pictures(tmp_path: Path, side: int, augmentation: AugmentationConfig) -> None:
    with_truth(tmp_path / "a", side=side)
    data = true_pairs(tmp_path, augmentation)
    for epoch in range(8):
        item = data[epoch, 0]
        there = identity_grid(24, 24, like=item.source)
        seen = warp(item.driving, there, align_corners=True)
        found = warp(item.source, item.truth.flow, align_corners=True, padding="reflection")
        visible = item.truth.visibility > 0.999
        error = (seen - found).abs().mul(visible)
        assert visible.float().mean() > 0.6
        assert error.quantile(0.95) < 0.02, "to some steps of 8 bits, and interpolation"


def test_resizing_moves_coordinates_with_the_pixels(tmp_path: Path) -> None:
    """A dot at a pixel of a large frame, and where it is after resizing: edges stay, centres of border pixels move."""
    frame = np.zeros((64, 64, 3), np.uint8)
    frame[8:10, 50:52] = 255
    arrays = with_truth(tmp_path / "b", side=64, frames=2)
    for n in range(2):
        media.write_image(tmp_path / "b" / f"{n:04}.png", frame)
    arrays["keypoints"][:, 0] = (50.5 / 63 * 2 - 1, 8.5 / 63 * 2 - 1)
    write_truth(tmp_path / "b", arrays, NAMED.keypoint_names)
    item = true_pairs(tmp_path)[0, 0]
    mass = item.source[0, 0]
    places = identity_grid(32, 32, like=mass)[0]
    centre = (mass[..., None] * places).sum((0, 1)) / mass.sum()
    assert torch.allclose(item.truth.source.value[0, 0], centre, atol=2e-3)


def test_keypoints_are_put_into_the_models_order(tmp_path: Path) -> None:
    arrays = with_truth(tmp_path / "a", side=32)
    model = tiny_config(keypoint_names=("eye_right", "nose", "eye_left"))
    truth = true_pairs(tmp_path, model=model)[0, 0].truth
    assert np.array_equal(truth.source.value[0], arrays["keypoints"][0][[2, 0, 1]])
    assert np.array_equal(truth.source.jacobian[0], arrays["jacobians"][0][[2, 0, 1]])


def test_truth_about_other_keypoints(tmp_path: Path) -> None:
    with_truth(tmp_path / "a", names=("nose", "chin", "eye_right"))
    with pytest.raises(InputError, match="only one of the two has chin, eye_left"):
        true_pairs(tmp_path)
    with pytest.raises(InputError, match="about other keypoints than the model's"):
        true_pairs(tmp_path, model=MODEL)


def test_some_clips_with_truth_and_some_without(folder: Path, tmp_path: Path) -> None:
    with_truth(tmp_path / "a")
    (tmp_path / "eve").symlink_to(folder / "eve")
    with pytest.raises(InputError, match=r"1 of 2 with; without it, for instance, .*eve; expected all or none"):
        true_pairs(tmp_path)


def test_truth_of_the_wrong_form(tmp_path: Path) -> None:
    arrays = with_truth(tmp_path / "a", side=32)
    names = NAMED.keypoint_names
    wrong = {
        "lacks its flow": {k: v for k, v in arrays.items() if k != "flow"},
        "The flow .* wrong shape or type; got F32 5x24x24x2 in .*; expected I16 T h w 2": {
            **arrays,
            "flow": arrays["flow"].astype(np.float32),
        },
        "The visibility .* U8 5x24x12 in .* expected U8 T h w with T 5, K 3, h 24, w 24": {
            **arrays,
            "visibility": arrays["visibility"][:, :, :12].copy(),
        },
        "The jacobians .* F32 4x3x2x2": {**arrays, "jacobians": arrays["jacobians"][:4]},
    }
    for message, parts in wrong.items():
        write_truth(tmp_path / "a", parts, names)
        with pytest.raises(InputError, match=message):
            true_pairs(tmp_path)
    save_file(arrays, str(tmp_path / "a.truth.safetensors"))
    with pytest.raises(InputError, match="does not name its keypoints"):
        true_pairs(tmp_path)
    (tmp_path / "a.truth.safetensors").write_bytes(b"\x00" * 40)
    with pytest.raises(InputError, match="The truth of a clip cannot be read"):
        true_pairs(tmp_path)


def test_truth_of_another_length_or_frames_that_are_not_square(tmp_path: Path) -> None:
    with_truth(tmp_path / "a", side=32)
    (tmp_path / "a" / "0004.png").unlink()
    with_truth(tmp_path / "b", side=32)
    for n in range(5):
        media.write_image(tmp_path / "b" / f"{n:04}.png", np.zeros((32, 40, 3), np.uint8))
    arrays = with_truth(tmp_path / "c", side=32)
    data = true_pairs(tmp_path)
    with pytest.warns(MotionkitWarning) as record:
        items = [data[0, n] for n in range(3)]
    messages = " ".join(str(warning.message) for warning in record)
    assert "it has 4 frames and its truth 5" in messages and "its frames are not square" in messages
    assert all(np.array_equal(item.truth.source.value[0], arrays["keypoints"][0]) for item in items)


def test_truth_may_be_keypoints_alone(tmp_path: Path) -> None:
    arrays = with_truth(tmp_path / "a", side=32)
    write_truth(tmp_path / "a", {"keypoints": arrays["keypoints"]}, NAMED.keypoint_names)
    data = PairDataset(find_clips(tmp_path, ALL).train, NAMED, ALL, EVERYTHING, truth={"keypoints"})
    truth = data[0, 0].truth
    assert truth.source.value.shape == (1, 3, 2) and truth.source.jacobian is None
    assert truth.has_flow.tolist() == [False] and truth.flow.shape == (1, 1, 1, 2) and truth.flow.isfinite().all()
    for part, asked in (("jacobians", {"keypoints", "jacobians"}), ("flow", {"keypoints", "flow"})):
        with pytest.raises(InputError, match=f"lacks its {part}.*weight for {part} to 0"):
            PairDataset(find_clips(tmp_path, ALL).train, NAMED, ALL, AS_IS, truth=asked)


def test_flow_may_be_known_of_some_clips(tmp_path: Path) -> None:
    for name in ("a", "b"):
        arrays = with_truth(tmp_path / name, side=32)
    bare = {name: part for name, part in arrays.items() if name not in ("flow", "visibility")}
    write_truth(tmp_path / "b", bare, NAMED.keypoint_names)
    data = true_pairs(tmp_path)
    truth = collate([data[0, 0], data[0, 1]]).truth
    assert truth.has_flow.tolist() == [True, False]
    assert truth.flow.shape == (2, 24, 24, 2) and truth.visibility.shape == (2, 1, 24, 24)
    assert torch.equal(truth.flow[:1], data[0, 0].truth.flow) and truth.source.jacobian is not None
    del bare["jacobians"]
    write_truth(tmp_path / "b", bare, NAMED.keypoint_names)
    some = PairDataset(find_clips(tmp_path, ALL).train, NAMED, ALL, AS_IS, truth={"keypoints", "flow"})
    assert some[0, 0].truth.source.jacobian is None, "none are used where some are missing"


def test_truth_that_is_not_asked_for_is_left_alone(tmp_path: Path) -> None:
    with_truth(tmp_path / "a", side=32)
    with_truth(tmp_path / "b", side=32)
    (tmp_path / "b.truth.safetensors").write_bytes(b"damaged")
    with_truth(tmp_path / "c", side=32)
    (tmp_path / "c.truth.safetensors").unlink()
    assert LossConfig().truth == frozenset() and LossConfig(hidden=1).truth == {"visibility"}
    # Names are for truth: without it these, which have no counterpart in a mirror, do not matter.
    model = tiny_config(keypoint_names=("tip_left", "b", "c"))
    data = PairDataset(find_clips(tmp_path, ALL).train, model, ALL, AugmentationConfig(), truth=LossConfig().truth)
    assert all(data[0, n].truth is None for n in range(3))
    with_truth(tmp_path / "d" / "a", names=model.keypoint_names, side=32)
    named = find_clips(tmp_path / "d", ALL).train
    with pytest.raises(ConfigError, match="no counterpart in a mirror"):
        PairDataset(named, model, ALL, AugmentationConfig())


# Batches


def test_an_epoch_goes_through_everything_once() -> None:
    order = BatchOrder(23, 5, seed=4)
    batches = list(order)
    assert len(batches) == len(order) == order.steps == 4
    assert {place.epoch for batch in batches for place in batch} == {0}
    drawn = [place.number for batch in batches for place in batch]
    assert len(set(drawn)) == 20 and set(drawn) < set(range(23))
    assert list(BatchOrder(23, 5, seed=4)) == batches
    assert list(BatchOrder(23, 5, seed=5)) != batches
    order.set_epoch(1)
    again = list(order)
    assert [[place.number for place in batch] for batch in again] != [[p.number for p in b] for b in batches]
    assert {place.epoch for batch in again for place in batch} == {1}


def test_an_epoch_is_taken_up_in_the_middle() -> None:
    whole = BatchOrder(40, 4, seed=1, epoch=3)
    rest = BatchOrder(40, 4, seed=1, epoch=3, start_step=6)
    assert list(rest) == list(whole)[6:] and len(rest) == 4
    whole.set_epoch(2)
    rest.set_epoch(2)
    assert list(rest) == list(whole) and len(rest) == 10


def test_processes_share_each_batch() -> None:
    whole = list(BatchOrder(50, 6, seed=2))
    parts = [list(BatchOrder(50, 6, seed=2, rank=rank, world=3)) for rank in range(3)]
    for step, batch in enumerate(whole):
        assert [place for part in parts for place in part[step]] == batch


def test_orders_that_cannot_be() -> None:
    with pytest.raises(InputError, match="do not fill a batch; got 3 pairs an epoch; expected at least 4"):
        BatchOrder(3, 4)
    with pytest.raises(InputError, match="got batch size 4; expected a multiple of 3"):
        BatchOrder(30, 4, world=3)


def epochs(data: PairDataset, workers: int, start: int = 0) -> list[Batch]:
    order = BatchOrder(len(data), 4, seed=9)
    batches = loader(data, order, workers=workers)
    found = []
    for epoch in range(2):
        order.set_epoch(epoch, start if epoch == 0 else 0)
        found += list(batches)
    return found


def test_batches_are_the_same_for_any_number_of_workers(folder: Path) -> None:
    data = dataset(folder, EVERYTHING, data=DataConfig(test_share=0, repeats=3))
    alone = epochs(data, 0)
    assert len(alone) == 6 and len(alone[0]) == 4 and alone[0].source.shape == (4, 3, 32, 32)
    for workers in (1, 2):
        others = epochs(data, workers)
        assert len(others) == 6 and all(map(same, alone, others))
    assert all(map(same, alone[2:], epochs(data, 2, start=2)))
    assert len({int(seed) for batch in alone for seed in batch.seed}) == 24


def test_workers_do_not_wait_for_threads_that_they_do_not_have(folder: Path) -> None:
    """Garbage of decoders with threads, which a worker would otherwise clear away and hang."""

    class Knot:
        def __init__(self) -> None:
            self.me = self
            frames = av.open(str(folder / "bob#1.mp4")).decode(video=0)
            self.frame = next(frames)
            self.frame.reformat(format="rgb24", width=640, height=640)

    data = dataset(folder)
    gc.disable()
    try:
        knots = [Knot() for _ in range(3)]
        del knots
        batches = loader(data, BatchOrder(len(data), 5), workers=1)
        batches.timeout = 300  # seconds; only a hang takes so long
        batches.worker_init_fn = collect_garbage
        assert len(list(batches)) == 1
    finally:
        gc.enable()


def collect_garbage(_: int) -> None:
    gc.collect()


def test_batches_carry_truth(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d"):
        with_truth(tmp_path / name, side=32)
    data = true_pairs(tmp_path, AugmentationConfig(resize=(0.9, 1.1)))
    (batch,) = loader(data, BatchOrder(4, 4), workers=1)
    assert batch.truth.source.value.shape == (4, 3, 2) and batch.truth.driving.jacobian.shape == (4, 3, 2, 2)
    assert batch.truth.flow.shape == (4, 24, 24, 2) and batch.truth.visibility.shape == (4, 1, 24, 24)
    assert batch.truth.has_flow.tolist() == [True] * 4


@pytest.mark.filterwarnings("default::motionkit.errors.MotionkitWarning")
def test_workers_tell_of_broken_clips(spoiled: Path) -> None:
    data = dataset(spoiled)
    assert len(list(loader(data, BatchOrder(len(data), 4), workers=2))) == 2
    assert {path.name for path in data.broken} == {"torn.mp4", "void.mp4", "lone"}
