"""What models are judged by, read from files: clips, portraits, rendered clips and their truth; the judge's command."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import cast

import judge
import numpy as np
import pytest
from safetensors.numpy import save_file

from motionkit import faces, media, samples
from motionkit.errors import InputError
from motionkit.evaluation.subjects import (
    RenderedTruth,
    SubjectOptions,
    read_clip,
    read_portrait,
    read_rendered,
    read_subjects,
)
from motionkit.faces.mesh import Mesh, Track

OPTIONS = SubjectOptions(size=64)


class StandIn:
    """Instead of the networks: sees one made-up face in every frame, and remembers the frames."""

    def __init__(self, score: float = 1.0) -> None:
        self.score = score
        self.shown: list[np.ndarray] = []

    def track(self, frames: Iterable[np.ndarray]) -> Track:
        self.shown = list(frames)
        points = np.random.default_rng(0).normal(32, 9, (470, 3))
        return Track(np.stack([points] * len(self.shown)), np.full(len(self.shown), self.score))


def mesh(score: float = 1.0) -> Mesh:
    return cast("Mesh", StandIn(score))


def ramp(number: int, width: int = 96, height: int = 80) -> np.ndarray:
    """H W 3: brighter to the right, and with each number."""
    values = np.linspace(0, 150, width)[None, :, None] + 10 * number
    return np.broadcast_to(values, (height, width, 3)).astype(np.uint8)


def write_clip(path: Path, frames: int) -> None:
    with media.VideoWriter(path, fps=Fraction(10)) as writer:
        for number in range(frames):
            writer.write(ramp(number))


def test_a_clip_is_read_on_its_face(tmp_path: Path) -> None:
    picture = media.read_image(samples.portrait())
    with media.VideoWriter(tmp_path / "a.mp4", fps=Fraction(10)) as writer:
        for _ in range(2):
            writer.write(picture)
    scene = read_clip(tmp_path / "a.mp4", mesh(), OPTIONS)
    assert scene.name == "a" and scene.frames.shape == (2, 64, 64, 3)
    # About the square around the face in the still picture; not the middle one.
    face = faces.crop(picture, faces.choose_square(picture)[0], size=64)
    middle = faces.crop(picture, faces.centred_square(picture.shape[1], picture.shape[0]), size=64)
    near, far = (np.abs(scene.frames[0].astype(int) - square).mean() for square in (face, middle))
    assert near < 12 and far > 3 * near


def test_a_clip_without_a_face_is_read_in_the_middle(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", 7)
    whole = read_clip(tmp_path / "a.mp4", mesh(), OPTIONS)
    assert len(whole.track.points) == len(whole.signals.yaw) == len(whole.frames) == 7
    third = read_clip(tmp_path / "a.mp4", mesh(), replace(OPTIONS, every=3))
    np.testing.assert_array_equal(third.frames, whole.frames[::3])
    beginning = read_clip(tmp_path / "a.mp4", mesh(), replace(OPTIONS, seconds=0.3))
    np.testing.assert_array_equal(beginning.frames, whole.frames[:3])


def test_a_portrait_is_read_on_its_face_and_kept_without_one() -> None:
    portrait = read_portrait(samples.portrait(), mesh(), OPTIONS)
    picture = media.read_image(samples.portrait())
    expected = faces.crop(picture, faces.choose_square(picture)[0], size=64)
    np.testing.assert_array_equal(portrait.picture, expected)
    assert portrait.found and portrait.points.shape == (470, 3)
    assert not read_portrait(samples.portrait(), mesh(0.1), OPTIONS).found


def test_a_rendered_clip_is_read_whole_with_its_truth(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", 7)
    scene, truth = read_rendered(tmp_path / "a.mp4", mesh(), replace(OPTIONS, every=2))
    assert truth is None and scene.frames.shape == (4, 64, 64, 3)
    # The middle square of 96x80 pixels begins 8 pixels from the left.
    assert abs(int(scene.frames[0, 32, 0, 0]) - 150 * 8 / 95) < 6

    keypoints = np.random.default_rng(0).uniform(-1, 1, (7, 2, 2)).astype(np.float32)
    target = tmp_path / "a.truth.safetensors"
    save_file({"keypoints": keypoints}, target, metadata={"keypoint_names": json.dumps(["nose", "chin"])})
    _, truth = read_rendered(tmp_path / "a.mp4", mesh(), replace(OPTIONS, every=2))
    assert truth is not None and truth.names == ("nose", "chin") and truth.pose is None
    np.testing.assert_array_equal(truth.keypoints, keypoints[::2])
    save_file({"keypoints": keypoints[:5]}, target)
    with pytest.raises(InputError, match="shorter"):
        read_rendered(tmp_path / "a.mp4", mesh(), OPTIONS)


def test_truth_is_read_beside_the_clip(tmp_path: Path) -> None:
    keypoints = np.random.default_rng(0).uniform(-1, 1, (3, 2, 2)).astype(np.float32)
    names = json.dumps(["nose", "chin"])
    pose = np.tile(np.eye(3, dtype=np.float32), (len(keypoints), 1, 1))
    known = {"keypoints": keypoints, "pose": pose}
    save_file(known, tmp_path / "a.truth.safetensors", metadata={"keypoint_names": names})
    truth = RenderedTruth.read(tmp_path / "a.truth.safetensors")
    assert truth is not None and truth.names == ("nose", "chin")
    np.testing.assert_array_equal(truth.keypoints, keypoints)
    assert truth.pose is not None and truth.part(slice(1, 2)).pose.shape == (1, 3, 3)  # type: ignore[union-attr]
    assert RenderedTruth.read(tmp_path / "b.truth.safetensors") is None


def test_folders_are_read_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write_clip(tmp_path / f"{name}.mp4", 3)
    (tmp_path / "notes.txt").write_text("no clip")
    subjects = read_subjects(mesh(), rendered=tmp_path, options=OPTIONS)
    assert [scene.name for scene, _ in subjects.rendered] == ["a", "b"]
    assert subjects.clips == subjects.portraits == ()
    with pytest.raises(InputError, match="no pictures here"):
        read_subjects(mesh(), portraits=tmp_path)


def test_options_out_of_range_are_named() -> None:
    for wrong in ({"every": 0}, {"size": 63}, {"size": 1025}):
        with pytest.raises(InputError, match=f"{next(iter(wrong))} is out of range"):
            SubjectOptions(**wrong)


def test_the_command_names_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert judge.main([]) == 1
    assert "No model was named" in capsys.readouterr().err
    assert judge.main(["heads", "--size", "10"]) == 1
    assert capsys.readouterr().err.startswith("error: size is out of range")
