"""Which landmark finder and which embedder is taken, and what is said where there is none."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from motionkit.errors import InputError, MissingPackageError, WeightsError
from motionkit.evaluation.embedders import pick_embedder
from motionkit.evaluation.landmarks import pick_landmarks
from tests.support.evaluations import MeshStandIn, corners, noise


def test_any_function_and_any_finder_will_do() -> None:
    finder, reason = pick_landmarks(corners)
    assert finder is not None and (finder.name, finder.mesh, reason) == ("corners", False, "")
    frame = noise(1)[0]
    np.testing.assert_array_equal(finder.follow()(frame), corners(frame))
    own = MeshStandIn([])
    assert pick_landmarks(own)[0] is own


def test_what_is_not_at_hand_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "facenet_pytorch", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    finder, reason = pick_landmarks("auto", folder=tmp_path)
    assert finder is None and "no landmark finder is at hand" in reason and "fetch()" in reason
    assert pick_landmarks("none")[0] is None
    with pytest.raises(InputError, match=r"landmark network is not there; got .*face_landmark"):
        pick_landmarks("mesh", folder=tmp_path)
    with pytest.raises(MissingPackageError, match="pip install --no-deps facenet-pytorch"):
        pick_landmarks("mtcnn")
    monkeypatch.setitem(sys.modules, "face_alignment", None)
    with pytest.raises(MissingPackageError, match="pip install face-alignment"):
        pick_landmarks("face-alignment")
    with pytest.raises(InputError, match="Unknown landmark finder; got 'haar'; expected one of auto, mesh"):
        pick_landmarks("haar")


def test_mtcnn_sees_five_points_of_a_face() -> None:
    pytest.importorskip("facenet_pytorch", reason="facenet-pytorch is not installed")
    from skimage import data

    finder, _ = pick_landmarks("mtcnn")
    assert finder is not None and not finder.mesh
    look = finder.follow()
    points = look(data.astronaut())
    assert points is not None
    # Read off the picture by eye: the pupils, the tip of the nose, the corners of the mouth.
    places = [(206, 102), (247, 103), (230, 121), (206, 140), (243, 141)]
    np.testing.assert_allclose(points, places, atol=8)
    assert look(np.zeros((128, 128, 3), np.uint8)) is None


def test_embedders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def brightness(frame: np.ndarray) -> np.ndarray:
        return frame.mean((0, 1))

    embedder, reason = pick_embedder(brightness)
    assert embedder is not None and (embedder.name, reason) == ("brightness", "")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    embedder, reason = pick_embedder("auto")
    assert embedder is None and "facenet" in reason
    assert pick_embedder("none") == (None, "no embedder is wanted")
    monkeypatch.setitem(sys.modules, "facenet_pytorch", None)
    with pytest.raises(MissingPackageError, match="pip install --no-deps facenet-pytorch"):
        pick_embedder("facenet")


def test_facenets_weights_by_path(tmp_path: Path) -> None:
    package = pytest.importorskip("facenet_pytorch", reason="facenet-pytorch is not installed")
    with pytest.raises(InputError, match="no such file of weights"):
        pick_embedder(tmp_path / "absent.pt")
    (tmp_path / "other.pt").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="no weights of facenet"):
        pick_embedder(str(tmp_path / "other.pt"))
    network = package.InceptionResnetV1().eval()
    # The published file also has the layer that told its training's people apart.
    torch.save({**network.state_dict(), "logits.weight": torch.zeros(3, 512)}, tmp_path / "facenet.pt")
    embedder, _ = pick_embedder(tmp_path / "facenet.pt")
    assert embedder is not None
    frame = noise(1, side=160)[0]
    with torch.inference_mode():
        expected = network((torch.from_numpy(frame).permute(2, 0, 1)[None].float() - 127.5) / 128)[0]
    np.testing.assert_allclose(embedder.embed(frame), expected, atol=1e-4)
