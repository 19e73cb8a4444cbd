"""What is known of a clip's frames follows them into the pairs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from motionkit import media
from motionkit.data.clips import find_clips
from motionkit.data.pairs import PairDataset, collate
from motionkit.errors import ConfigError, InputError, MotionkitWarning
from motionkit.modules.grid import identity_grid, warp
from motionkit.training.config import AugmentationConfig, LossConfig
from tests.support.datasets import ALL, AS_IS, CHANGED, MODEL, NAMED, true_pairs, with_truth, write_truth
from tests.support.networks import tiny_config


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
    data = PairDataset(find_clips(tmp_path, ALL).train, NAMED, ALL, CHANGED, truth={"keypoints"})
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
    with pytest.raises(ConfigError, match="no counterpart in a mirror"):
        PairDataset(find_clips(tmp_path / "d", ALL).train, model, ALL, AugmentationConfig())
