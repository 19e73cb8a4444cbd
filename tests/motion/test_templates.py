"""Motion templates: round trip, sniffing, damage, the wrong model."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from motionkit.errors import InputError, TemplateError
from motionkit.motion.templates import MotionTemplate, check_model, is_template, load_template, save_template
from motionkit.structures import Keypoints


def make(*, frames: int = 7, jacobian: bool = True, **changes: object) -> MotionTemplate:
    keypoints = Keypoints(torch.rand(frames, 5, 2), torch.rand(frames, 5, 2, 2) if jacobian else None)
    fields = {"fps": Fraction(30000, 1001), "model": "vox", "model_hash": "ab" * 32, "size": (1280, 721)}
    return MotionTemplate(**{"keypoints": keypoints, **fields, **changes})  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "smile.motion"


def rewrite(path: Path, **changes: str) -> None:
    """The same tensors with other metadata."""
    with safe_open(path, "pt") as file:
        metadata, value = file.metadata(), file.get_tensor("value")
    save_file({"value": value}, path, {**metadata, **changes})


@pytest.mark.parametrize("jacobian", [True, False])
def test_round_trip(path: Path, jacobian: bool) -> None:
    template = make(jacobian=jacobian)
    save_template(path, template)
    loaded = load_template(path)
    assert is_template(path)
    assert torch.equal(loaded.keypoints.value, template.keypoints.value)
    if jacobian:
        assert torch.equal(loaded.keypoints.jacobian, template.keypoints.jacobian)
    else:
        assert loaded.keypoints.jacobian is None
    for name in ("fps", "model", "model_hash", "size", "version"):
        assert getattr(loaded, name) == getattr(template, name)
    assert isinstance(loaded.fps, Fraction) and len(loaded) == 7


def test_the_file_holds_keypoints_and_nothing_else(path: Path) -> None:
    save_template(path, make(frames=100))
    with safe_open(path, "pt") as file:
        assert set(file.keys()) == {"value", "jacobian"}
        assert set(file.metadata()) == {"format", "version", "fps", "model", "model_hash", "size"}
    assert path.stat().st_size < 100 * 5 * 6 * 4 + 1000


def test_a_strided_view_of_doubles_is_saved(path: Path) -> None:
    keypoints = Keypoints(torch.rand(14, 5, 2, dtype=torch.float64)[::2])
    save_template(path, make(keypoints=keypoints))
    assert torch.equal(load_template(path).keypoints.value, keypoints.value.float())


def test_saving_replaces_whole_files_and_leaves_nothing_else(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_template(path, make(frames=1))
    before = path.read_bytes()

    def full(self: Path, data: bytes) -> int:
        self.touch()
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(InputError, match=r"Cannot write .*smile\.motion; got No space left on device"):
            save_template(path, make(frames=2))
    assert path.read_bytes() == before
    save_template(path, make(frames=2))
    assert len(load_template(path)) == 2
    assert [p.name for p in path.parent.iterdir()] == ["smile.motion"]


def test_targets_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"got smile\.mp4; expected a name ending in \.motion"):
        save_template(tmp_path / "smile.mp4", make())
    with pytest.raises(InputError, match=r"Cannot write .*nowhere.*No such file"):
        save_template(tmp_path / "nowhere" / "smile.motion", make())
    folder = tmp_path / "folder.motion"
    folder.mkdir()
    with pytest.raises(InputError, match="is a folder where a file belongs"):
        save_template(folder, make())
    assert list(tmp_path.iterdir()) == [folder]


def test_a_truncated_file_is_refused_wherever_it_ends(path: Path) -> None:
    save_template(path, make(frames=2))
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 13), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(TemplateError, match=r"is damaged|is not a motion template, or its beginning is damaged"):
            load_template(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\x00\x00\x20ftypisom" + bytes(100),
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"RIFF\x00\x00",
        struct.pack("<Q", 4) + b"null",
        struct.pack("<Q", 12) + b"\xff" * 12,
        struct.pack("<Q", 500_000) + b"[" * 500_000,
        struct.pack("<Q", 1 << 60) + bytes(50),
    ],
)
def test_foreign_files(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert not is_template(path)
    with pytest.raises(TemplateError, match=r"is not a motion template.*motionkit extract clip\.mp4"):
        load_template(path)


def test_safetensors_of_other_kinds_are_not_templates(path: Path) -> None:
    save_file({"value": torch.zeros(1, 5, 2)}, path, {"format": "pt"})
    assert not is_template(path)
    with pytest.raises(TemplateError, match="is not a motion template"):
        load_template(path)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    assert not is_template(tmp_path) and not is_template(tmp_path / "none.motion")
    with pytest.raises(InputError, match=r"Cannot read .*none\.motion; got No such file"):
        load_template(tmp_path / "none.motion")
    with pytest.raises(InputError, match="Cannot read"):
        load_template(tmp_path)


def test_the_name_does_not_matter_to_reading(path: Path) -> None:
    save_template(path, make())
    other = path.rename(path.with_suffix(".bin"))
    assert is_template(other) and len(load_template(other)) == 7


def test_another_version_is_refused(path: Path) -> None:
    save_template(path, make())
    rewrite(path, version="2")
    assert is_template(path)
    with pytest.raises(TemplateError, match=r"got version 2; expected version 1\. Update motionkit"):
        load_template(path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("fps", "fast"), ("fps", "30/0"), ("fps", "-30/1"), ("fps", "1e9/1"), ("size", "0x10"), ("size", "10"),
        ("fps", f"{10**40}/1"), ("fps", f"1/{10**40}"), ("fps", "9" * 10_000 + "/1"), ("fps", "9" * 150 + "/1"),
        ("size", f"64x{10**9}"), ("size", "9" * 10_000 + "x1"), ("model", "m" * 10_000),
    ],
)  # fmt: skip
def test_damaged_metadata(path: Path, name: str, text: str) -> None:
    save_template(path, make())
    rewrite(path, **{name: text})
    with pytest.raises(TemplateError, match="is damaged") as caught:
        load_template(path)
    assert len(str(caught.value)) < 600


def test_missing_metadata_and_tensors(path: Path) -> None:
    save_template(path, make())
    with safe_open(path, "pt") as file:
        metadata, value = file.metadata(), file.get_tensor("value")
    save_file({"points": value}, path, metadata)
    with pytest.raises(TemplateError, match="is damaged; got KeyError: 'value'"):
        load_template(path)
    save_file({"value": value}, path, {k: v for k, v in metadata.items() if k != "model_hash"})
    with pytest.raises(TemplateError, match="is damaged; got KeyError: 'model_hash'"):
        load_template(path)
    save_file({"value": value, "jacobian": torch.zeros(3, 5, 2, 2)}, path, metadata)
    with pytest.raises(
        TemplateError,
        match=r"damaged: .*wrong shape; got value \(7, 5, 2\), jacobian \(3, 5, 2, 2\); expected value \(T",
    ):
        load_template(path)


def test_a_header_that_lies_about_its_tensors(path: Path) -> None:
    header = {"__metadata__": {"format": "motionkit.motion", "version": "1"}}
    header["value"] = {"dtype": "F32", "shape": [9, 5, 2], "data_offsets": [0, 8]}  # type: ignore[dict-item]
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(8))
    with pytest.raises(TemplateError, match="is damaged"):
        load_template(path)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_keypoints_that_are_not_finite_are_refused(path: Path, bad: float) -> None:
    value = torch.rand(7, 5, 2)
    value[4, 2, 1] = bad
    with pytest.raises(TemplateError, match="not all finite; got NaN or infinity in frame 4"):
        make(keypoints=Keypoints(value))
    save_template(path, make(jacobian=False))
    content = bytearray(path.read_bytes())
    content[-4:] = struct.pack("<f", bad)
    path.write_bytes(content)
    with pytest.raises(TemplateError, match=r"is damaged: .*in frame 6"):
        load_template(path)


@pytest.mark.parametrize("shape", [(0, 5, 2), (7, 5, 3), (5, 2), (7, 0, 2), ()])
def test_wrong_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(TemplateError, match=r"wrong shape.*expected value \(T, K, 2\)"):
        make(keypoints=Keypoints(torch.zeros(shape)))


def test_confidence_and_scenes_come_back(path: Path) -> None:
    confidence = torch.rand(7, 5)
    template = make(scenes=[0, 0, 3, 3, 3, 0, 0])
    template = replace(template, keypoints=replace(template.keypoints, confidence=confidence))
    save_template(path, template)
    found = load_template(path)
    assert torch.equal(found.keypoints.confidence, confidence)
    assert list(found.scenes) == [0, 0, 3, 3, 3, 0, 0]
    with safe_open(path, "pt") as file:
        metadata, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    for name, wrong in [
        ("confidence", torch.rand(7, 4)), ("confidence", torch.full((7, 5), 1.5)), ("confidence", confidence / 0),
        ("scene", torch.zeros(6, dtype=torch.int64)), ("scene", torch.zeros(7)), ("scene", torch.zeros(7, 1).long()),
    ]:  # fmt: skip
        save_file({**tensors, name: wrong}, path, metadata)
        with pytest.raises(TemplateError, match="is damaged"):
            load_template(path)


def test_another_models_template_is_refused_with_the_reason() -> None:
    template = make()
    check_model(template, name="vox", model_hash="ab" * 32)
    check_model(template, name="the same weights, renamed", model_hash="ab" * 32)
    with pytest.raises(
        TemplateError, match=r"was made with the model 'vox', whose keypoints are not 'heads''s.*Extract"
    ):
        check_model(template, name="heads", model_hash="cd" * 32)
    with pytest.raises(
        TemplateError, match="made with other weights of the model 'vox'; got weights abababababab; exp"
    ):
        check_model(template, name="vox", model_hash="cd" * 32)
