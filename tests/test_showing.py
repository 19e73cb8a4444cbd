"""Values and results show themselves: one line of text, and in notebooks the clip or picture."""

from __future__ import annotations

import ast
import base64
import io
import re
from fractions import Fraction
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from IPython.core.formatters import DisplayFormatter
from nbconvert import HTMLExporter, MarkdownExporter
from PIL import Image

from motionkit import AnimationResult, Expression, Generated, Keypoints, MotionTemplate, PoseResult, Take, media
from motionkit.motion.ready import motion
from motionkit.showing import EMBEDDED, file_html, some
from motionkit.training.personal import Personalised
from motionkit.trust.verification import Verification
from tests.support.networks import tiny_model


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "a <b>.mp4"
    with media.VideoWriter(path, fps=Fraction(25)) as writer:
        for shade in range(0, 250, 50):
            writer.write(np.full((32, 32, 3), shade, np.uint8))
    return path


def result(path: Path, collage: Path | None = None) -> AnimationResult:
    return AnimationResult(path, collage, 5, Fraction(30000, 1001), 1.26)


def in_a_notebook(thing: object) -> dict[str, str]:
    """Kinds and contents of what a kernel sends where it is a cell's last line."""
    bundle, _ = DisplayFormatter().format(thing)
    return bundle


def embedded(html: str) -> bytes:
    (data,) = re.findall(r'src="data:[\w/]+;base64,([^"]+)"', html)
    return base64.b64decode(data)


def test_a_result_shows_its_clip_whole(clip: Path) -> None:
    shown = in_a_notebook(result(clip))
    assert embedded(shown["text/html"]) == clip.read_bytes()
    assert "<video controls" in shown["text/html"] and "/a &lt;b&gt;.mp4: " in shown["text/html"]
    assert shown["text/plain"] == f"AnimationResult({str(clip)!r}, frames=5, fps=30000/1001, seconds=1.3)"


def test_a_result_with_a_collage_shows_that(clip: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone.mp4"
    shown = in_a_notebook(result(alone, clip))["text/html"]
    assert embedded(shown) == clip.read_bytes()
    assert f"The result alone is {alone}" in shown and "5 frames at 29.97 a second" in shown


def test_pages_made_of_a_notebook_hold_the_clip(clip: Path) -> None:
    bundle = in_a_notebook(result(clip))
    output = nbformat.v4.new_output("execute_result", bundle, execution_count=1)
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("result", outputs=[output])])
    data = base64.b64encode(clip.read_bytes()).decode()
    for exporter in (HTMLExporter(), MarkdownExporter()):
        page, _ = exporter.from_notebook_node(node)
        assert data in page, "the richest form is taken, and left as it is"


def test_what_is_too_large_is_a_line(clip: Path) -> None:
    size = clip.stat().st_size
    assert "<video" in file_html(clip, most=size)
    line = file_html(clip, "and more", most=size - 1)
    assert "src=" not in line and str(clip).replace("<", "&lt;").replace(">", "&gt;") in line and " kB" in line
    assert "Too large to be shown here" in line and "and more" in line
    with clip.open("r+b") as file:
        file.truncate(EMBEDDED + 1)
    assert f"{EMBEDDED / 1e6:.1f} MB" in in_a_notebook(result(clip))["text/html"]


def test_what_browsers_do_not_show_is_told_in_words(tmp_path: Path) -> None:
    gone = file_html(tmp_path / "gone.mp4")
    assert "gone.mp4 is not there any more" in gone and "src=" not in gone
    folder = tmp_path / "frames"
    folder.mkdir()
    for name in ("0.png", "1.png"):
        media.write_image(folder / name, np.zeros((8, 8, 3), np.uint8))
    assert "frames: 2 files" in file_html(folder)
    other = tmp_path / "a.mkv"
    other.write_bytes(bytes(1500))
    line = file_html(other)
    assert "a.mkv: 2 kB" in line and "src=" not in line and "large" not in line


def test_pictures_are_shown_as_pictures(tmp_path: Path) -> None:
    for name in ("a.png", "a.webp", "a.jpg"):
        media.write_image(tmp_path / name, np.full((8, 8, 3), 90, np.uint8))
        pose = PoseResult(tmp_path / name)
        shown = in_a_notebook(pose)
        assert f'<img alt="{name}"' in shown["text/html"]
        assert np.abs(np.asarray(Image.open(io.BytesIO(embedded(shown["text/html"])))).astype(int) - 90).max() < 3
        assert shown["text/plain"] == f"PoseResult({str(tmp_path / name)!r})"
    mine = Personalised(tmp_path / "me.safetensors", tmp_path / "a.png", 0.7, 0.5, 100, 61)
    assert "<img" in mine._repr_html_() and "0.500 after 100 steps" in mine._repr_html_()


def test_values_say_in_a_line_what_they_are() -> None:
    model = tiny_model()
    keypoints = model.detect(torch.zeros(2, 3, 32, 32))
    count = model.config.num_kp
    assert repr(keypoints) == f"Keypoints(batch=2, keypoints={count}, jacobian=True, device='cpu')"
    assert repr(Keypoints(keypoints.value)).count("jacobian=False") == 1
    template = MotionTemplate(keypoints, Fraction(25), "tiny", "abc", (32, 32))
    assert repr(template) == f"MotionTemplate(frames=2, fps=25, keypoints={count}, model='tiny')"
    generated = model.generate(torch.zeros(1, 3, 32, 32), keypoints[:1], keypoints)
    assert isinstance(generated, Generated)
    assert repr(generated) == "Generated(batch=2, width=32, height=32, device='cpu')"
    assert repr(Verification(Path("a.png"))).startswith("Verification('a.png', labelled=False, meaning='No label")


def test_an_expression_is_shown_as_it_is_written() -> None:
    expression = Expression(jaw_open=0.6, mouth_smile_left=0.85, yaw=-12)
    assert repr(expression) == "Expression(jaw_open=0.6, mouth_smile_left=0.85, yaw=-12)"
    call = ast.parse(repr(expression), mode="eval").body
    assert isinstance(call, ast.Call)
    assert Expression(**{one.arg: ast.literal_eval(one.value) for one in call.keywords}) == expression  # type: ignore[misc]
    assert repr(Expression()) == "Expression()"


def test_a_take_says_what_moves() -> None:
    assert repr(Take([Expression()] * 3, 25)) == "Take(frames=3, fps=25, moving='nothing')"
    assert repr(motion("nod")) == f"Take(frames={len(motion('nod'))}, fps=30, moving='pitch')"
    moving = [f"a{n}" for n in range(5)]
    assert some(moving) == "a0, a1, a2 and 2 more" and some(moving[:3]) == "a0, a1, a2"
