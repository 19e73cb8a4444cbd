"""The commands for models: listed, fetched, converted."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from motionkit.cli.main import main
from motionkit.model import load_model
from motionkit.modules.first_order import FirstOrderModel
from tests.support.madeup import published
from tests.support.networks import seeded_model, tiny_config


def test_models_lists_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert lines[0].split() == ["name", "domain", "size", "hash", "licence", "where"]
    assert any(line.startswith("heads") and "embedded" in line for line in lines)


def test_fetch_of_the_embedded_model_needs_no_network(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch", "heads"]) == 0
    assert Path(capsys.readouterr().out.strip()).is_file()


@pytest.mark.parametrize("kind", ["published", "own"])
def test_convert_makes_a_model_that_loads(tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    """Published files are in torch.save's older container and without a configuration."""
    state = published() if kind == "published" else weights_of(seeded_model(tiny_config()))
    given, made = tmp_path / "given.pth.tar", tmp_path / "made.safetensors"
    torch.save(state, given, _use_new_zipfile_serialization=kind == "own")
    assert main(["convert", str(given), str(made)]) == 0, capsys.readouterr().err
    with safe_open(made, "pt") as file:
        assert "config" in file.metadata()
    one, other = (load_model(path, device="cpu") for path in (given, made))
    assert one.config == other.config
    for name, value in one.reference.state_dict().items():
        assert torch.equal(value, other.reference.state_dict()[name]), name


def weights_of(model: FirstOrderModel) -> dict[str, object]:
    return {"generator": model.generator.state_dict(), "kp_detector": model.kp_detector.state_dict()}


def test_a_page_in_place_of_weights_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "page.pth.tar").write_text("<!DOCTYPE html><html>Quota exceeded</html>")
    assert main(["convert", str(tmp_path / "page.pth.tar"), str(tmp_path / "x.safetensors")]) == 1
    assert "page.pth.tar is a web page" in capsys.readouterr().err
