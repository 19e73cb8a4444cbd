"""``motionkit evaluate``: what it prints, what it writes, and mistakes in one line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from motionkit.cli.main import main, make_parser
from motionkit.evaluation.options import EvaluateOptions
from tests.support.files import names

CHEAP = ["--landmarks", "none", "--embedder", "none", "--lpips", "none", "--metrics", "pixels,colour", "--quiet"]


def test_a_table_and_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "*.mp4", "-o", "out", *CHEAP]) == 0
    out = capsys.readouterr().out
    head, *lines = out.splitlines()
    assert re.split(r"\s{2,}", head) == ["figure", "mean", "median", "95% interval", "FOMM paper *", "clips"]
    assert [line.split()[0] for line in lines[:4]] == ["l1", "l1_still", "psnr", "colour"]
    assert re.search(r"^l1 ↓ +0\.\d+ +0\.\d+ +– +0\.043 +1$", out, re.MULTILINE), "one clip has no interval"
    assert "* Other data: the published column is of VoxCeleb's test set" in out
    assert out.endswith("out: report.html, clips.csv, evaluation.json\n")
    assert {"report.html", "clips.csv", "clips.parquet", "evaluation.json"} <= names(folder / "out")


def test_json_alone_is_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = "evaluate drive.mp4 --sources photo.png --json --seed 3 --every 2 --confidence 0.8 --crop centre --absolute"
    assert main([*words.split(), *CHEAP[:-3], "--metrics", "flicker", "--quiet"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["mode"] == "animation" and content["seed"] == 3 and content["frames"] == 3
    assert content["options"] == {
        "size": None, "crop": "centre", "relative": False, "every": 2, "seconds": None, "batch": 8, "resamples": 2000,
        "confidence": 0.8, "seed": 3, "pictures": 4,
    }  # fmt: skip
    assert names(folder) == {"photo.png", "drive.mp4"}


def test_pairs_and_several_models(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "pairs.csv").write_text("source,driving\nphoto.png,drive.mp4\nphoto.png,photo.png\n")
    words = ["evaluate", "--pairs", "pairs.csv", "--model", "one", "--model", "two", "--crop", "centre"]
    assert main([*words, *CHEAP[:-3], "--metrics", "colour", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "one: mean" in out and "two − one" in out and "FOMM paper" not in out
    assert re.search(r"^colour ↓ .* 0 \(0 … 0\) +2$", out, re.MULTILINE), "any name gives the same model here"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("", "What is evaluated is not clear; got neither clips nor pairs"),
        ("absent", "There is no such file; got absent"),
        ("*.mkv", "There are no clips here; got *.mkv"),
        ("drive.mp4 --every 0", "every is out of range"),
        ("drive.mp4 --metrics l3", "Unknown metric; got l3; expected some of pixels, regions"),
        ("drive.mp4 --landmarks eyes", "Unknown landmark finder; got 'eyes'"),
        ("drive.mp4 --lpips absent.pth", "There is no such file of weights; got absent.pth"),
        ("drive.mp4 --crop tight", "argument --crop: invalid choice"),
        ("drive.mp4 --pairs p.csv", "got clips and pairs"),
        ("drive.mp4 -o photo.png", "The folder cannot be written"),
        ("photo.txt --metrics pixels --landmarks none", "No clip could be measured; got photo.txt ("),
    ],
)
def test_mistakes_are_told_in_a_line(words: str, reason: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "photo.txt").write_text("no clip")
    assert main(["evaluate", "--quiet", *words.split()]) == 1
    err = capsys.readouterr().err
    assert err.startswith("motionkit: ") and err.count("\n") == 1 and reason in err


def test_defaults_are_those_of_the_options(capsys: pytest.CaptureFixture[str]) -> None:
    given = make_parser().parse_args(["evaluate", "clips"])
    assert {f.name: getattr(given, f.name) for f in fields(EvaluateOptions)} == {
        f.name: f.default for f in fields(EvaluateOptions)
    }


def test_what_is_not_installed_is_named(folder: Path) -> None:
    code = """
import sys
for name in ("torchmetrics", "pyarrow", "ai_edge_litert", "facenet_pytorch"):
    sys.modules[name] = None
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "torchmetrics" else found(name, *rest)
from motionkit import model
from tests.support.networks import tiny_model
model.load_model = lambda *_, **__: tiny_model(blend_warped=True)
from motionkit.cli.main import main
sys.exit(main(sys.argv[1:]))
"""
    words = ["evaluate", "drive.mp4", "-o", "out", "--quiet", "--metrics", "pixels,ssim,lpips,akd"]
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False, env={"PYTHONPATH": str(root)}
    )
    assert done.returncode == 0, done.stderr
    assert 'Left out: lpips: torchmetrics is not installed: pip install "motionkit[evaluate]".' in done.stdout
    assert "Left out: akd: no landmark finder is at hand" in done.stdout
    assert "clips.parquet" in done.stdout and "clips.parquet" not in names(folder / "out")
