"""The rig: what moves in space moves in the picture, on whoever's head."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from fit_rig import Truths, judge

from motionkit.errors import InputError, WeightsError
from motionkit.motion.expressions import ACTIONS, Expression
from motionkit.motion.rig import Head, Rig, load_rig
from motionkit.structures import Keypoints
from motionkit.weights import embedded_file, load
from tests.support.places import ROOT

NAMES = load("heads").config.keypoint_names  # the rig is the embedded weights'


@pytest.fixture(scope="module")
def rig() -> Rig:
    return load_rig(embedded_file("rig.safetensors"), NAMES)


def shown(rig: Rig, head: Head, **values: float) -> Keypoints:
    curves = Expression(**values).curves()
    order = [ACTIONS.index(name) for name in rig.actions]
    return head.show(curves[None, order], curves[None, -3:])


def simple(points: list[list[float]], frames: list[np.ndarray]) -> Head:
    """A head of these points and frames, all turning with it, seen from a kilometre away at a scale of 1."""
    count = len(points)
    rig = Rig(
        names=tuple("abcdefgh"[:count]), actions=("jawOpen",), points=np.array(points), modes=np.zeros((1, count, 3)),
        frames=np.array(frames), moves=np.zeros((1, count, 3)), bends=np.zeros((1, count, 3, 2)),
        share=np.ones(count), slope=np.zeros((count, 2)), pivot=np.zeros(3),
    )  # fmt: skip
    return Head(rig, np.zeros(1), np.zeros(1), np.zeros(3), 1e-3, 1.0, np.zeros(2))


def test_a_turn_goes_through_space() -> None:
    # A point 10 cm before the pivot: turned by 30° to the subject's left, half of that to the picture's right; looking
    # up by 30°, half of it up. Tilted, it stays. By hand.
    flat = np.array([[1.0, 0], [0, 0], [0, -1]])
    head = simple([[0, -0.1, 0]], [flat])
    turns = np.radians([[30, 0, 0], [0, 30, 0], [0, 0, 30]])
    points, frames = head.place(np.zeros((3, 1)), turns)
    assert np.allclose(points[:, 0], [[0.05, 0], [0, -0.05], [0, 0]], atol=1e-4)
    # Seen from the side, the skin's horizontal steps are shorter by the cosine; tilted to the subject's left, its
    # horizontal steps go down in the picture.
    cos, sin = np.cos(np.pi / 6), 0.5
    assert np.allclose(frames[0, 0], [[cos, 0], [0, 1]], atol=1e-3)
    assert np.allclose(frames[2, 0], [[cos, -sin], [sin, cos]], atol=1e-3)


def test_frames_are_the_derivatives_of_points() -> None:
    frame = np.array([[0.1, 0.02], [0.03, -0.01], [0.01, -0.11]])
    step = np.array([0.01, -0.02])
    first = np.array([0.05, -0.12, 0.08])
    points = [first, first + frame @ step]
    head = simple([list(point) for point in points], [frame, frame])
    near = Head(head.rig, head.shape, head.acting, np.array([0.3, -0.2, 0.1]), 1.2, 2.0, np.array([0.1, 0.2]))
    seen, frames = near.place(np.zeros((1, 1)), np.radians([[10.0, 5, -8]]))
    assert np.allclose(frames[0, 0] @ step, seen[0, 1] - seen[0, 0], atol=2e-5)


def test_nothing_asked_leaves_the_source_bit_for_bit(rig: Rig) -> None:
    source = shown(rig, rig.average(), yaw=8, mouth_smile_left=0.5)
    still = shown(rig, rig.fit(source))
    assert torch.equal(still.value, source.value)
    assert source.jacobian is not None and torch.allclose(still.jacobian, source.jacobian, atol=1e-6)  # type: ignore[arg-type]


def test_left_and_right_mirror_each_other(rig: Rig) -> None:
    other = [NAMES.index(name) for name in map(_mirrored, NAMES)]
    left, right = (shown(rig, rig.average(), yaw=angle, mouth_smile_left=a, mouth_smile_right=b).value[0] for
                   angle, a, b in ((12, 0.8, 0), (-12, 0, 0.8)))  # fmt: skip
    assert torch.allclose(left * torch.tensor([-1.0, 1.0]), right[other], atol=0.02)
    assert (left - right).abs().max() > 0.1


def _mirrored(name: str) -> str:
    side = {"left": "right", "right": "left"}
    first, _, last = name.rpartition("_")
    return f"{first}_{side[last]}" if last in side else name


def test_movement_is_in_the_size_of_the_head(rig: Rig) -> None:
    source = shown(rig, rig.average())
    small = Keypoints(source.value * 0.5, source.jacobian)
    large, little = (shown(rig, rig.fit(one), jaw_open=0.8, roll=10).value - one.value for one in (source, small))
    assert torch.allclose(little, large * 0.5, atol=0.01 * float(large.abs().max()))
    assert large.abs().max() > 0.05


def test_a_jaw_opens_downwards_and_lids_close(rig: Rig) -> None:
    rest = shown(rig, rig.average()).value[0]
    jaw = shown(rig, rig.average(), jaw_open=1).value[0] - rest
    lids = shown(rig, rig.average(), eye_blink_left=1).value[0] - rest
    assert jaw[NAMES.index("chin"), 1] > 0.03 and jaw[NAMES.index("brow_inner_left")].abs().max() < 1e-4
    assert lids[NAMES.index("lid_upper_left"), 1] > 0.02 and lids[NAMES.index("lid_upper_right")].abs().max() < 1e-3


def test_heads_that_were_not_fitted_move_as_the_renderer_says() -> None:
    # Truth by weights/recipe/fit_rig.py --truth: other people, in poses, with expressions and cameras of their own.
    with np.load(ROOT / "tests" / "golden" / "rig-truth.npz") as stored:
        truth = dict(stored)
    rig = load_rig(embedded_file("rig.safetensors"), tuple(map(str, truth["names"])))
    assert rig.actions == tuple(truth["order"])
    judged = judge(rig, Truths(*(truth[one.name] for one in fields(Truths))))
    assert judged.points.mean() < 0.01 and (judged.points < 0.02).mean() > 0.9
    assert judged.points.mean() < 0.1 * judged.still.mean()
    assert judged.jacobians.mean() < 0.06


def test_actions_that_cannot_show_are_said(rig: Rig) -> None:
    assert set(rig.still()) == {"tongueOut"}


def test_keypoints_of_other_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"knee without a map"):
        load_rig(embedded_file("rig.safetensors"), ("nose", "knee"))
    with pytest.raises(InputError, match="without names"):
        load_rig(embedded_file("rig.safetensors"), ())
    damaged = tmp_path / "rig.safetensors"
    damaged.write_bytes(embedded_file("rig.safetensors").read_bytes()[:1000])
    with pytest.raises(WeightsError, match="damaged"):
        load_rig(damaged, NAMES)
