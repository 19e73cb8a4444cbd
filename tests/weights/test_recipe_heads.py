"""The renderer of talking heads: what it draws, and that the truth it tells is true."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import backdrop
import numpy as np
import paint
import pytest
import shaders
from safetensors import safe_open

from motionkit import media
from motionkit.training.presets import HEADS_MODEL
from tests.support.places import ROOT
from tests.support.rendering import SIDE


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
    assert firsts.shape == (4, SIDE, SIDE, 3)
    for a in range(4):
        for b in range(a):
            assert np.abs(firsts[a] - firsts[b]).mean() > 10
    for frames, _ in clips:
        assert np.abs(frames[0].astype(float) - frames[3]).mean() > 1


# Digests of the clips whose numbers are given: of the truth and of the frames.
RENDERED = f"""
import hashlib, sys
from pathlib import Path
import numpy as np
sys.path.insert(0, {str(ROOT / "weights" / "recipe")!r})
import render_heads
for number in map(int, sys.argv[2:]):
    frames, shots = render_heads.shots(number, seed=3, frames=3, fps=2.0, size={SIDE}, cache=Path(sys.argv[1]))
    told = [np.stack([getattr(shot, name) for shot in shots]) for name in ("gaze", "keypoints", "flow", "image")]
    print(number, *(hashlib.sha256(values.tobytes()).hexdigest() for values in (*told, np.stack(frames))))
"""


@pytest.mark.slow
def test_a_number_determines_a_clip(rendering, clips: list) -> None:
    """Whatever was rendered before, in another process: any part of a data set can be made again."""
    _, cache = rendering
    runs = [
        subprocess.Popen([sys.executable, "-c", RENDERED, str(cache), *numbers], stdout=subprocess.PIPE, text=True)
        for numbers in ("01", "1")
    ]
    lines = [line.split() for run in runs for line in run.communicate(timeout=300)[0].splitlines()]
    digests = [line[1:] for line in lines if line[0] in ("0", "1") and len(line) == 6]  # the mesh's library talks, too
    assert len(digests) == 3 and digests[1] == digests[2] != digests[0]


@pytest.mark.slow
def test_a_written_clip_is_what_training_reads(rendering, tmp_path: Path, clips: list) -> None:
    render, _ = rendering
    frames, shots = clips[0]
    render.write(tmp_path / "train" / "00000.mp4", frames, shots, 2.0)
    clip = media.open_clip(tmp_path / "train" / "00000.mp4")
    assert (clip.info.width, clip.info.height, clip.info.fps, clip.info.frames) == (SIDE, SIDE, 2, 6)
    with safe_open(tmp_path / "train" / "00000.truth.safetensors", framework="np") as file:
        assert tuple(json.loads(file.metadata()["keypoint_names"])) == HEADS_MODEL.keypoint_names
        np.testing.assert_allclose(file.get_tensor("flow") / 16384, [s.flow for s in shots], atol=1e-4)
        assert file.get_tensor("visibility").shape == (6, 64, 64)
        assert file.get_tensor("jacobians").shape == (6, len(HEADS_MODEL.keypoint_names), 2, 2)
        np.testing.assert_array_equal(file.get_tensor("gaze"), np.stack([shot.gaze for shot in shots]))
