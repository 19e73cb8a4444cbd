"""The truth that the renderer tells of its pictures is true."""

from __future__ import annotations

import numpy as np
import performance
import pytest
import scene
import torch

from motionkit.modules.grid import resize_flow, warp
from motionkit.training.presets import HEADS_MODEL
from tests.support.rendering import SIDE, still


@pytest.mark.slow
def test_flow_leads_from_every_frame_to_the_first(clips: list) -> None:
    """Where the first frame shows it, warping it by the true flow gives the later frame; standing still does not."""
    after, before = [], []
    for _, shots in clips:
        first = torch.from_numpy(shots[0].image).permute(2, 0, 1)[None]
        for shot in shots[1:]:
            flow = resize_flow(torch.from_numpy(shot.flow)[None], SIDE, SIDE, exact=True)
            warped = warp(first, flow, align_corners=True, padding="border")[0].permute(1, 2, 0).numpy()
            moved = np.abs(shot.flow - shots[0].flow).max(-1) > 0.02
            seen = np.kron(shot.visibility & moved, np.ones((SIDE // 64,) * 2)) > 0
            after.append(np.abs(warped - shot.image)[seen])
            before.append(np.abs(shots[0].image - shot.image)[seen])
    assert sum(map(len, after)) > 2000
    assert np.concatenate(after).mean() < 0.7 * np.concatenate(before).mean()
    identity = clips[0][1][0]
    ramp = np.linspace(-1, 1, 64)
    assert np.abs(identity.flow - np.stack(np.meshgrid(ramp, ramp), -1))[identity.visibility].max() < 0.02


@pytest.mark.slow
@pytest.mark.parametrize("what", ["camera", "person", "background"])
def test_flow_of_a_plain_translation(rendering, what: str) -> None:
    """All that moves moves by one vector; what stands still stays; what comes in from outside is hidden."""
    render, cache = rendering
    head = render._anatomy(cache)
    rng = np.random.default_rng(5)
    person = render.Person.draw(head, rng)
    camera = scene.Camera(distance=1e3, half=0.15, centre=(0.0, 0.0), tilt=0.0)
    moves = still(2)
    moves["actions"] = np.zeros((2, len(head.actions)))
    view = scene.View.still(2)
    if what == "person":  # 15 mm to the subject's left, a tenth of the picture's half, towards the picture's right
        moves["lean"][1, 0] = 0.015
    else:
        (view.shift if what == "camera" else view.behind)[1, 0] = 0.1
    background = rng.uniform(0, 255, (160, 160, 3)).astype(np.float32)
    lights = scene.Lights.draw(rng)
    play = performance.Performance(**moves)
    first, second = render._renderer(SIDE).clip(person, play, camera, lights, background, view=view)
    ramp = np.linspace(-1, 1, 64)
    own = np.stack(np.meshgrid(ramp, ramp), -1)
    moved = own - second.flow
    on_person = np.hypot(own[..., 0] - 0.1, own[..., 1] + 0.1) < 0.3  # of the face
    on_wall = (np.abs(own[..., 0]) > 0.9) & (own[..., 1] < -0.7)
    step, edge = 0.1 * SIDE / (SIDE - 1), own[..., 0] < -0.92
    shift = 0.1 if what == "camera" else step  # that of the picture itself, or of the world seen in it
    for region, moves_here in ((on_person, what != "background"), (on_wall, what != "person")):
        expected = shift if moves_here and region is on_person else 0.1 * moves_here
        np.testing.assert_allclose(moved[region], np.broadcast_to([expected, 0], moved[region].shape), atol=2e-3)
    assert second.visibility[on_person].mean() > 0.98
    assert second.visibility[on_wall & edge].mean() == (1.0 if what == "person" else 0.0)
    names = HEADS_MODEL.keypoint_names
    went = second.keypoints - first.keypoints
    wanted = [0.0 if what == "background" else shift, 0]
    np.testing.assert_allclose(went, np.broadcast_to(wanted, went.shape), atol=1e-3)
    assert len(went) == len(names)


@pytest.mark.slow
def test_keypoints_move_as_the_flow_says(clips: list) -> None:
    """Two ways of knowing: a projected vertex, and the rasterised flow at its place."""
    nose = HEADS_MODEL.keypoint_names.index("nose")
    compared = 0
    for _, shots in clips:
        for shot in shots[1:]:
            x, y = shot.keypoints[nose]
            if abs(x) > 0.95 or abs(y) > 0.95:
                continue
            column, row = round((x + 1) / 2 * 63), round((y + 1) / 2 * 63)
            if shot.visibility[row, column]:
                offset = np.array([x - (column / 63 * 2 - 1), y - (row / 63 * 2 - 1)])
                assert np.abs(shot.flow[row, column] + offset - shots[0].keypoints[nose]).max() < 0.04
                compared += 1
    assert compared >= 8


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "bridge",
        "forehead",
        "neck",
        "brow_inner_left",
        "brow_inner_right",
        "brow_outer_left",
        "brow_outer_right",
        "chin",
    ],
)
def test_jacobians_predict_where_neighbours_go(clips: list, name: str) -> None:
    """A · (z - p) with A = J_S · J_D⁻¹ is what the flow does near a point, better than a mere shift.

    Where skin is smooth: around nose, lids, lips and ears another surface lies within the same few pixels.
    """
    point, ramp = HEADS_MODEL.keypoint_names.index(name), np.linspace(-1, 1, 64)
    grid = np.stack(np.meshgrid(ramp, ramp), -1)
    first_order, zeroth_order = [], []
    for _, shots in clips:
        source = shots[0]
        for shot in shots[1:]:
            p = shot.keypoints[point]
            near = (np.linalg.norm(grid - p, axis=-1) < 0.12) & shot.visibility
            if not near.any():  # turned away, or outside
                continue
            offsets = grid[near] - p
            linear = source.jacobians[point] @ np.linalg.inv(shot.jacobians[point])
            first_order.append(np.abs(source.keypoints[point] + offsets @ linear.T - shot.flow[near]).mean())
            zeroth_order.append(np.abs(source.keypoints[point] + offsets - shot.flow[near]).mean())
    assert len(first_order) >= 6
    assert np.mean(first_order) < 0.85 * np.mean(zeroth_order)


@pytest.mark.slow
def test_jacobians_can_be_inverted(clips: list) -> None:
    determinants = np.linalg.det(np.stack([shot.jacobians for _, shots in clips for shot in shots]))
    assert (np.abs(determinants) > 0.02).all()


@pytest.mark.slow
def test_left_is_the_subjects_left(clips: list) -> None:
    names = HEADS_MODEL.keypoint_names
    left, right = names.index("mouth_left"), names.index("mouth_right")
    for _, shots in clips:  # faces look at the camera: their left is the picture's right
        assert np.median([shot.keypoints[left, 0] - shot.keypoints[right, 0] for shot in shots]) > 0.05
