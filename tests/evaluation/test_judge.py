"""The judge of heads models: signals and comparisons on hand-made faces, the landmark networks where they are."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation
from scipy.stats import pearsonr

from motionkit.errors import InputError
from motionkit.model import Model
from tests.conftest import seeded_model, tiny_config

sys.path.insert(0, str(Path(__file__).parents[2] / "weights" / "recipe"))


from motionkit.evaluation import agreement, figures, judging, report, signals, subjects, verdict
from motionkit.faces import mesh as landmarks
from motionkit.faces.mesh import Mesh, Track

SIDE = 64


def face(turn: tuple[float, float, float] = (0, 0, 0), *, mouth: float = 0.0, eyes: float = 3.0, brows: float = 0.0):
    """P 3: a made-up mesh in a picture of SIDE, seen from the front unless turned by (yaw, pitch, roll) degrees.

    `mouth` and `eyes` are the gaps of lips and lids in pixels, the eyes being 10 wide; `brows` raises the brows.
    """
    points = np.random.default_rng(1).normal(0, 1, (468, 3)) * (7, 9, 4)
    points[signals.RIGID] -= points[signals.RIGID].mean(0)
    for corners, lids, x in (
        (signals.RIGHT_CORNERS, signals.RIGHT_LIDS, -9),
        (signals.LEFT_CORNERS, signals.LEFT_LIDS, 9),
    ):
        points[list(corners)] = [(x + 5 * np.sign(x), -4, 0), (x - 5 * np.sign(x), -4, 0)]
        for upper, lower in lids:
            points[[upper, lower]] = [(x, -4 - eyes / 2, 0), (x, -4 + eyes / 2, 0)]
    for upper, lower in signals.LIPS:
        points[[upper, lower]] = [(0, 8, 0), (0, 8 + mouth, 0)]
    for patch, x, y in ((signals.FOREHEAD, 0, -9), (signals.RIGHT_CHEEK, -8, 3), (signals.LEFT_CHEEK, 8, 3)):
        corners = np.linspace(0, 2 * np.pi, len(patch), endpoint=False)
        points[patch, :2] = np.stack([x + 3 * np.cos(corners), y + 3 * np.sin(corners)], axis=1)
    points[signals.RIGHT_BROW + signals.LEFT_BROW, 1] = -8 - brows
    rigid = points[signals.RIGID].mean(0)
    yaw, pitch, roll = turn
    return (points - rigid) @ Rotation.from_euler("ZYX", [roll, yaw, pitch], degrees=True).as_matrix().T + SIDE / 2


def track(*faces: np.ndarray) -> Track:
    return Track(np.stack(faces), np.ones(len(faces)))


def scene(*faces: np.ndarray, frames: np.ndarray | None = None) -> subjects.Scene:
    seen = track(*faces)
    if frames is None:
        frames = np.random.default_rng(0).integers(0, 255, (len(faces), SIDE, SIDE, 3), dtype=np.uint8)
    return subjects.Scene("clip", frames, seen, signals.measure(seen.points, seen.found))


def test_pose_is_the_rotation_that_was_made() -> None:
    turns = [(0, 0, 0), (25, 0, 0), (0, -15, 0), (0, 0, 10), (30, 12, -8)]
    points = np.stack([face(turn) * (1 + i / 3) + 5 * i for i, turn in enumerate(turns)])
    measured = signals.euler(signals.rotations(points, points[0]))
    np.testing.assert_allclose(measured, turns, atol=1e-6)


def test_pose_is_named_as_one_sees_it() -> None:
    """The nose is nearest to the camera (least z): it moves left with yaw, down with pitch; roll is clockwise."""
    nose, right_hand = np.array([0, 0, -1.0]), np.array([1.0, 0, 0])
    reference = face()
    for name, turn in (("yaw", (20, 0, 0)), ("pitch", (0, 20, 0)), ("roll", (0, 0, 20))):
        measured = signals.measure(np.stack([reference, face(turn)]))
        assert getattr(measured, name)[1] == pytest.approx(20)
        rotation = signals.rotations(face(turn)[None], reference)[0]
        seen = rotation @ (right_hand if name == "roll" else nose)
        assert seen[0] < 0 if name == "yaw" else seen[1] > 0


def test_mouth_eyes_and_brows_in_units_of_the_face() -> None:
    points = np.stack([face(), face(mouth=6), face(eyes=1), face(brows=2)])
    scale = np.sqrt((((points[0] - SIDE / 2)[signals.RIGID]) ** 2).sum(1).mean())
    measured = signals.measure(points)
    np.testing.assert_allclose(measured.mouth, [0, 6 / scale, 0, 0], atol=1e-9)
    np.testing.assert_allclose(measured.eyes, [0.3, 0.3, 0.1, 0.3])
    np.testing.assert_allclose(measured.brows - measured.brows[0], [0, 0, 0, 2 / scale], atol=1e-9)


def test_signals_do_not_depend_on_pose_place_and_size() -> None:
    still, moved = face(mouth=4, brows=1), face((30, -20, 15), mouth=4, brows=1) * 1.7 - 20
    measured = signals.measure(np.stack([still, moved]))
    for name in ("mouth", "eyes", "brows"):
        one, other = getattr(measured, name)
        assert one == pytest.approx(other)


def test_the_first_frame_with_a_face_is_the_reference() -> None:
    points = np.stack([np.random.default_rng(0).normal(size=(468, 3)), face((5, 0, 0)), face((12, 0, 0))])
    assert signals.measure(points, np.array([False, True, True])).yaw[1:] == pytest.approx([0, 7])


def test_a_signal_counts_where_the_driver_moves() -> None:
    found = np.ones(40, bool)
    blinking = signals.measure(np.stack([face(eyes=1.7 if i == 20 else 3) for i in range(40)]))
    squinting = signals.measure(np.stack([face(eyes=1.9 if i == 20 else 3) for i in range(40)]))
    assert signals.moves(blinking, "eyes", found)
    assert not signals.moves(squinting, "eyes", found)
    assert not signals.moves(blinking, "eyes", np.arange(40) != 20), "frames without a face do not count"
    turning = signals.measure(np.stack([face((i / 4, i / 40, 0)) for i in range(40)]))
    assert signals.moves(turning, "yaw", found)
    assert not signals.moves(turning, "pitch", found)
    assert not signals.moves(turning, "yaw", ~found)


def test_correlation_and_slope() -> None:
    driver, noise = np.random.default_rng(3).normal(size=(2, 50))
    result = 0.4 * driver + 0.2 * noise
    assert signals.correlation(result, driver) == pytest.approx(pearsonr(result, driver).statistic)
    assert signals.slope(result, driver) == pytest.approx(np.polyfit(driver, result, 1)[0])
    assert signals.correlation(np.ones(50), driver) == signals.correlation(driver[:2], driver[:2]) == 0
    assert signals.slope(driver, np.ones(50)) == 0


def test_landmark_error_is_a_distance_in_the_picture() -> None:
    points = face()[None].repeat(2, 0)
    moved = points + np.array([[[3, 4, 99]], [[0, 1, -5]]])
    np.testing.assert_allclose(signals.landmark_error(points, moved), [5, 1])
    np.testing.assert_allclose(signals.landmark_error(points[:1], moved), [5, 1])


def test_colour_change_is_a_share_of_the_source() -> None:
    assert signals.colour_change(np.array([206.0, 100, 58]), np.array([200.0, 100, 50])) == pytest.approx(
        10 / np.sqrt(200**2 + 100**2 + 50**2)
    )
    black = signals.colour_change(np.full(3, 5.1), np.zeros(3))
    assert black == pytest.approx(5.1 / (0.25 * 255)), "of black, a share of a quarter of white"


def test_masks_take_skin_and_background_alone() -> None:
    points = face()
    skin = signals.skin_mask(points, (SIDE, SIDE))
    centre = SIDE // 2
    offset = np.round(points[signals.RIGHT_CHEEK].mean(0)).astype(int)
    assert skin[offset[1], offset[0]] and not skin[centre + 8, centre], "cheeks, not the mouth"
    assert 40 < skin.sum() < 150
    small = (points - centre) * 0.7 + centre
    border = signals.background_mask(small[None], (SIDE, SIDE))
    assert border[0].all() and border[20, SIDE - 1]
    assert not border[SIDE - 1].any() and not border[centre, centre]
    at_corner = points - [*points[:, :2].min(0), 0]
    assert not signals.background_mask(at_corner[None], (SIDE, SIDE))[0, 0], "a face at the border is left out"


def test_sharpness_falls_with_blur() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
    blurred = gaussian_filter(picture, (1, 1, 0))
    assert signals.sharpness(blurred, face()) < 0.1 * signals.sharpness(picture, face())


def test_likeness_is_lost_by_tearing_and_kept_by_moving() -> None:
    noise = np.random.default_rng(0).normal(size=(2 * SIDE, 2 * SIDE))
    smooth = gaussian_filter(noise, 3)
    grey = np.clip(128 + 200 * smooth / np.abs(smooth).max() / 2, 0, 255).astype(np.uint8)
    picture = np.repeat(grey[..., None], 3, axis=2)
    source = face() + np.array([32, 32, 0])
    moved = np.roll(picture, (7, 4), axis=(0, 1))
    assert signals.likeness(moved, source + np.array([4, 7, 0]), picture, source) > 0.999
    turned = (source - SIDE) @ np.diag([-1, -1, 1]) + SIDE
    assert signals.likeness(np.ascontiguousarray(picture[::-1, ::-1]), turned, picture, source) > 0.999
    assert signals.likeness(np.roll(picture, 12, axis=1), source, picture, source) < 0.6


def test_share_is_of_means() -> None:
    assert verdict.share([1, 3], [4, 4]) == pytest.approx(0.5)
    assert verdict.share([], []) is None


def test_keypoints_are_compared_by_name() -> None:
    truth = subjects.RenderedTruth(np.array([[[0, 0], [0.5, 0], [1, 1]]]), ("chin", "nose", "ear"))
    detected = np.array([[[0.5, 0.2], [-0.4, 0.0], [9, 9]]])  # nose, chin, one that the truth does not know
    error = figures.keypoint_error(detected, ("nose", "chin", "free"), truth, 256)
    assert error == pytest.approx((0.2 + 0.4) / 2 * 255 / 2)
    assert figures.keypoint_error(detected, ("a", "b", "c"), truth, 256) is None


def test_truth_is_read_beside_the_clip(tmp_path: Path) -> None:
    keypoints = np.random.default_rng(0).uniform(-1, 1, (3, 2, 2)).astype(np.float32)
    names = json.dumps(["nose", "chin"])
    pose = np.tile(np.eye(3, dtype=np.float32), (len(keypoints), 1, 1))
    known = {"keypoints": keypoints, "pose": pose}
    save_file(known, tmp_path / "a.truth.safetensors", metadata={"keypoint_names": names})
    truth = subjects.RenderedTruth.read(tmp_path / "a.truth.safetensors")
    assert truth is not None and truth.names == ("nose", "chin")
    np.testing.assert_array_equal(truth.keypoints, keypoints)
    assert truth.pose is not None and truth.part(slice(1, 2)).pose.shape == (1, 3, 3)  # type: ignore[union-attr]
    assert subjects.RenderedTruth.read(tmp_path / "b.truth.safetensors") is None


def test_telling_moments_are_the_extremes() -> None:
    clip = scene(face(), face(mouth=5), face(eyes=1), face((9, 0, 0)), face((-9, 0, 0)), face((0, -9, 0)))
    shown = figures.telling_moments(clip)
    assert list(shown.values())[:5] == [1, 2, 3, 4, 5]


def test_a_result_that_is_the_driver_is_perfect() -> None:
    faces = [face((t, t / 2, -t / 3), mouth=abs(5 * np.sin(t)), brows=t / 12) for t in range(16)]
    clip = scene(*faces, frames=np.full((16, SIDE, SIDE, 3), 90, np.uint8) + np.arange(SIDE, dtype=np.uint8)[:, None])
    portrait = subjects.Portrait("portrait", clip.frames[0], faces[0], True)
    result = figures.compare(portrait, clip, clip.frames, clip.track)
    assert set(result.correlations or {}) == {"mouth", "brows", "yaw", "pitch", "roll"}
    assert list((result.correlations or {}).values()) == pytest.approx([1] * 5)
    assert list((result.slopes or {}).values()) == pytest.approx([1] * 5)
    assert (result.found, result.score, result.background, result.background_moves) == pytest.approx((1, 1, 0, 0))


def test_frames_without_a_face_do_not_count_as_followed() -> None:
    faces = [face((2.0 * t, 0, 0)) for t in range(12)]
    clip, portrait = scene(*faces), subjects.Portrait("portrait", np.zeros((SIDE, SIDE, 3), np.uint8), faces[0], True)
    half = Track(np.stack(faces), np.where(np.arange(12) < 6, 1.0, 0.1))
    result = figures.compare(portrait, clip, clip.frames, half)
    assert result.found == 0.5 and (result.correlations or {})["yaw"] == pytest.approx(1)
    none = figures.compare(portrait, clip, clip.frames, Track(half.points, np.zeros(12)))
    assert none.found == 0 and (none.correlations or {})["yaw"] == 0 and none.skin is None


class StandIn:
    """Instead of the networks: sees prepared faces in whatever is shown."""

    def __init__(self, faces: list[np.ndarray]) -> None:
        self.faces = faces

    def track(self, frames: np.ndarray) -> Track:
        return track(*self.faces[: len(frames)])


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(seeded_model(tiny_config(size=SIDE, picture_size=SIDE)), device="cpu", precision="float32")


def test_judging_a_model_from_frames_to_table(model: Model, tmp_path: Path) -> None:
    faces = [face((2 * t, 0, 0), mouth=t % 4) for t in range(8)]
    clip, mesh = scene(*faces), StandIn(faces)
    itself = figures.judge_self(model, mesh, clip)  # type: ignore[arg-type]
    assert itself.landmarks == 0 < itself.landmarks_still
    first = clip.frames[:1].astype(float)
    assert itself.l1_still == pytest.approx(np.abs(clip.frames[1:] - first).mean() / 255)
    known = subjects.Portrait("known", clip.frames[0], faces[0], True)
    pairs = [
        figures.judge_pair(model, mesh, portrait, clip)  # type: ignore[arg-type]
        for portrait in (known, subjects.Portrait("unknown", clip.frames[1], faces[0], False))
    ]
    assert pairs[0].figures.score == pytest.approx(1) and pairs[1].figures.score is None
    assert [len(pair.results) for pair in pairs] == [6, 6]
    truth = subjects.RenderedTruth(np.zeros((8, 1, 2)), ("nose",))
    rendered = figures.judge_rendered(model, mesh, clip, truth)  # type: ignore[arg-type]
    assert rendered.keypoints is None and rendered.seen == 1

    one = verdict.Judgement("one", "one", [itself], [pair.figures for pair in pairs], [], [rendered])
    two = verdict.Judgement("two", "two", [], [], [], [])
    text = verdict.table([one, two]).splitlines()
    assert text[0] == "| figure | one | two | to reach |"
    assert "| real clips: landmark error, share of standing still | 0 | – | 0.20 |" in text
    assert "| another person: yaw, correlation | 1 | – | 0.9 |" in text
    assert not any("keypoint error" in line for line in text), "what no model has is no line"

    mirrored = verdict.mirrored_figures([{"yaw": 0.2}, {"yaw": 0.4, "pitch": 0.5}], [])
    text = verdict.table([one], mirrored).splitlines()
    assert text[0] == "| figure | one | mirrored driver | to reach |"
    assert "| another person: yaw, correlation | 1 | 0.3 | 0.9 |" in text

    assert verdict.comparison(one, one).startswith("one against one: better in 0 figures")
    changed = replace(itself, l1=itself.l1 / 2, landmarks=itself.landmarks + 1)
    three = replace(one, name="three", selves=[changed])
    lines = verdict.comparison(one, three).splitlines()
    assert lines[0].startswith("three against one: better in 2 figures, equal in ")  # L1, and its share
    assert lines[0].endswith("worse in 2; of those with a goal worse in 1")
    assert [line.split(":")[2] for line in lines[1:]] == [
        " landmark error, share of standing still",
        " landmark error, px",
    ]

    report.write(tmp_path / "out", [one], [pairs], "table")
    content = json.loads((tmp_path / "out" / "judge.json").read_text())
    assert content[0]["summary"]["another person: mouth, correlation"] == pytest.approx(1)
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written >= {"best.jpg", "worst.jpg", "judge.md", "known-clip.jpg", "unknown-clip.jpg"}


def test_landmarks_that_are_right_have_no_error_of_pose() -> None:
    angles = np.array([(3.0 * t, 5 * np.sin(t), -t) for t in range(12)])
    pose = Rotation.from_euler("ZYX", angles[:, [2, 0, 1]], degrees=True).as_matrix()
    # A mesh that sees two thirds of each turn is still in step; one that jumps by 4 degrees of pitch is not.
    weak = scene(*(face(tuple(turn * 2 / 3)) for turn in angles))
    assert max(agreement.pose_errors(weak, pose).values()) < 0.5
    jumping = angles + np.where(np.arange(12) % 2, 2, -2)[:, None] * [0, 1, 0]
    errors = agreement.pose_errors(scene(*(face(tuple(turn)) for turn in jumping)), pose)
    assert errors["pitch"] == pytest.approx(4, abs=0.4) and errors["yaw"] < 0.5 and errors["roll"] < 0.5
    assert agreement.pose_errors(scene(face(), face()), pose[:2]) == {}
    line = verdict.own_errors([{"yaw": 1.0, "pitch": 2.0}, {"yaw": 3.0}, {}])
    assert line.endswith("in degrees: yaw 2, pitch 2") and verdict.own_errors([{}]) == ""


def test_a_mirrored_clip_turns_the_other_way() -> None:
    faces = [face((2 * t, 2 * (t % 3), -t), mouth=t % 4) for t in range(8)]
    clip = scene(*faces)
    same = agreement.judge_mirrored(StandIn(faces), clip)  # type: ignore[arg-type]
    assert same["yaw"] == pytest.approx(-1) and same["roll"] == pytest.approx(-1) and same["mouth"] == pytest.approx(1)
    mirrored = [face((-2 * t, 2 * (t % 3), t), mouth=t % 4) for t in range(8)]
    true = agreement.judge_mirrored(StandIn(mirrored), clip)  # type: ignore[arg-type]
    assert all(value > 0.99 for value in true.values()) and set(true) >= {"yaw", "pitch", "roll", "mouth"}


def test_models_get_names_that_differ() -> None:
    assert judging.short_names(["heads", "runs/a/model.safetensors"]) == ["heads", "model"]
    assert judging.short_names(["runs/a/model.pt", "runs/b/model.pt"]) == ["a-model", "b-model"]
    assert judging.short_names(["heads", "runs/a/heads.pt"]) == ["heads", "a-heads"]
    assert judging.short_names(["heads", "heads"]) == ["1-heads", "2-heads"]


def test_squares_are_level_and_centred() -> None:
    points = face((0, 0, 25))
    square = landmarks.square_around(points)
    seen = np.linalg.solve(square[:, :2], (points[:, :2] - square[:, 2]).T).T
    right, left = seen[landmarks.RIGHT_EYE].mean(0), seen[landmarks.LEFT_EYE].mean(0)
    assert right[1] == pytest.approx(left[1]) and right[0] < left[0]
    low, high = seen.min(0), seen.max(0)
    np.testing.assert_allclose((low + high) / 2, landmarks.FACE_SIDE / 2)
    assert (high - low).max() * landmarks.CROP_PER_FACE == pytest.approx(landmarks.FACE_SIDE)


def test_missing_and_wrong_networks_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"face_landmark\.tflite.*mesh\.fetch\("):
        landmarks.find_folder(tmp_path)
    (tmp_path / landmarks.FACE).write_bytes(b"something else")
    with pytest.raises(InputError, match="another file"):
        landmarks.find_folder(tmp_path)


@pytest.fixture(scope="module")
def mesh() -> Mesh:
    pytest.importorskip("ai_edge_litert", reason="the landmark networks need ai-edge-litert")
    try:
        return Mesh()
    except InputError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    from skimage import data

    return data.astronaut()[:256, 96:352]


def test_the_mesh_finds_a_face_and_only_a_face(mesh: Mesh, astronaut: np.ndarray) -> None:
    noise = np.random.default_rng(0).integers(0, 255, astronaut.shape, dtype=np.uint8)
    seen = mesh.track([astronaut, noise, astronaut])
    assert seen.found.tolist() == [True, False, True]
    # Read off the picture by eye: outer corners of the eyes, corners of the mouth, chin. The face is 90 pixels wide.
    places = {33: (193, 101), 263: (259, 105), 61: (204, 140), 291: (244, 141), 152: (225, 178)}
    for index, (x, y) in places.items():
        np.testing.assert_allclose(seen.points[0, index, :2], (x - 96, y), atol=6)


def test_the_mesh_follows_what_is_done_to_the_picture(mesh: Mesh, astronaut: np.ndarray) -> None:
    from PIL import Image

    picture = Image.fromarray(astronaut)
    angle, middle = 12, np.array([128, 128])
    turned = np.asarray(picture.rotate(-angle, Image.Resampling.BICUBIC))  # clockwise
    small = np.asarray(picture.resize((192, 192), Image.Resampling.LANCZOS))
    points, found = (seen := mesh.track([astronaut, turned])).points, seen.found
    assert found.all()
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    expected = (points[0, :, :2] - middle) @ np.array([[cos, sin], [-sin, cos]]) + middle
    assert np.hypot(*(points[1, :, :2] - expected).T).mean() < 1.5
    assert signals.measure(points).roll[1] == pytest.approx(angle, abs=1.5)
    assert np.hypot(*(mesh.track([small]).points[0, :, :2] - points[0, :, :2] * 0.75).T).mean() < 1.5
