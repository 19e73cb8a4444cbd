"""The watermark: not seen, found again after what people do to clips, and not found where it is not."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter
from scipy import stats
from skimage import data

from motionkit import media, samples, trust
from motionkit.frames import decibels
from motionkit.structures import Box
from motionkit.trust.watermark import _in_band, _scores, _tile
from tests.support.clips import ffmpeg
from tests.support.files import frames_of, write_clip

Picture = Image.Image


@pytest.fixture(scope="module")
def clip() -> list[np.ndarray]:
    """One second of a rendered head that nods, 256×256."""
    return frames_of(samples.driving_clip("nod"))[:25]


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    picture = Image.fromarray(media.read_image(samples.portrait()))
    return np.asarray(picture.resize((256, 256), Image.Resampling.LANCZOS, box=(60, 0, 420, 360)))


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """dB."""
    return decibels(float(np.square((one.astype(float) - other) / 255).mean()))


def test_it_changes_little_and_the_least_where_it_would_be_seen(portrait: np.ndarray, clip: list[np.ndarray]) -> None:
    for frame in (portrait, clip[0]):
        marked = trust.mark_frame(frame)
        assert apart(marked, frame) >= 42
        assert np.abs(marked.astype(int) - frame).max() <= 14
    flat = np.full((256, 256, 3), 128, np.uint8)
    change = trust.mark_frame(flat).astype(int) - 128
    assert 0 < np.abs(change).max() <= 2
    assert (change[..., 0] == change[..., 1]).all() and (change[..., 0] == change[..., 2]).all()  # no colour shifts


ATTACKS: dict[str, Callable[[Picture], Picture]] = {
    "as it is": lambda p: p,
    "JPEG 70": lambda p: jpeg(p, 70),
    "mirrored": lambda p: p.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "half as large": lambda p: p.resize((128, 128), Image.Resampling.BICUBIC),
    "half as large again": lambda p: p.resize((384, 384), Image.Resampling.BICUBIC),
    "cropped": lambda p: p.crop((12, 7, 243, 238)),
    "brighter": lambda p: ImageEnhance.Brightness(p).enhance(1.3),
    "blurred": lambda p: p.filter(ImageFilter.GaussianBlur(1)),
    "a screenshot": lambda p: jpeg(p.resize((281, 281), Image.Resampling.BILINEAR), 80),
    "grey": lambda p: p.convert("L").convert("RGB"),
}


def jpeg(picture: Picture, quality: int) -> Picture:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


@pytest.mark.parametrize("name", ATTACKS)
def test_a_single_picture_still_says_it(portrait: np.ndarray, name: str) -> None:
    marked, plain = (np.asarray(ATTACKS[name](Image.fromarray(p))) for p in (trust.mark_frame(portrait), portrait))
    found = trust.find_watermark([marked])
    assert found.found and found.chance <= trust.FALSE_ALARM
    assert found.mirrored == (name == "mirrored")
    assert found.scale == pytest.approx(256 / 231 if name == "cropped" else 1, abs=0.02)
    assert not trust.find_watermark([plain]).found


@pytest.mark.parametrize(
    "arguments",
    [
        ["-crf", "28"],
        ["-crf", "33"],
        ["-crf", "28", "-vf", "scale=128:128"],
        ["-crf", "28", "-vf", "crop=230:230:9:20"],
        ["-r", "12"],
    ],
    ids=" ".join,
)
def test_a_clip_of_a_second_still_says_it(tmp_path: Path, clip: list[np.ndarray], arguments: list[str]) -> None:
    write_clip(tmp_path / "marked.mkv", map(trust.mark_frame, clip))
    ffmpeg("-i", tmp_path / "marked.mkv", "-c:v", "libx264", "-pix_fmt", "yuv420p", *arguments, tmp_path / "again.mp4")
    assert trust.find_watermark(frames_of(tmp_path / "again.mp4")).found


def test_a_gif_still_says_it(tmp_path: Path, clip: list[np.ndarray]) -> None:
    with media.VideoWriter(tmp_path / "a.gif", fps=Fraction(25)) as writer:
        for frame in clip[:8]:
            writer.write(trust.mark_frame(frame))
    assert trust.find_watermark(frames_of(tmp_path / "a.gif")).found


def test_a_marked_part_of_a_larger_picture_is_found(portrait: np.ndarray) -> None:
    row = np.concatenate([portrait, portrait[:, ::-1], trust.mark_frame(portrait)], axis=1)
    assert trust.find_watermark([row]).found
    wide = np.concatenate([portrait] * 3, axis=1)
    marked = trust.mark_frame(wide, region=Box(512, 0, 768, 256))
    assert np.array_equal(marked[:, :512], wide[:, :512])
    assert trust.find_watermark([marked]).found and not trust.find_watermark([wide]).found


@pytest.mark.parametrize("size", [(1, 1), (3, 100), (16, 16), (33, 17), (5, 900)])
def test_pictures_of_any_size_can_be_marked(size: tuple[int, int]) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    assert trust.mark_frame(frame).shape == frame.shape
    assert 0 <= trust.find_watermark([frame]).chance <= 1


def test_unmarked_files_are_as_chance_has_it() -> None:
    """Scores of unmarked pictures are normally distributed, whatever they show: what the limit is reckoned by."""
    random = np.random.default_rng(7)
    names = ("astronaut", "coffee", "chelsea", "rocket", "brick", "grass", "gravel", "page", "coins", "camera")
    pictures = [getattr(data, name)() for name in names]
    scores = []
    for _ in range(60):
        for picture in pictures:
            grey = picture if picture.ndim == 2 else picture[..., 1]
            top, left = (random.integers(0, length - 128) for length in grey.shape)
            plain, _ = _scores(grey[top : top + 128, left : left + 128].astype(np.float32))
            scores.append(plain[0, 0])
    assert stats.kstest(scores, "norm").pvalue > 0.01
    assert np.std(scores) == pytest.approx(1, abs=0.1)


def test_patterns_are_not_taken_for_it() -> None:
    rows, columns = np.mgrid[:256, :256]
    for period in (4, 16, 64):
        for plane in ((rows // period + columns // period) % 2, (rows + columns) // period % 2):
            frame = np.repeat((plane * 255).astype(np.uint8)[..., None], 3, axis=2)
            assert not trust.find_watermark([frame]).found
    assert not trust.find_watermark([np.full((256, 256, 3), 9, np.uint8)]).found
    assert not trust.find_watermark([]).found


def test_the_pattern_is_the_same_for_ever() -> None:
    """Files that were marked are to be found by later versions."""
    tile = _tile()
    assert tile.mean() == pytest.approx(0, abs=1e-5) and tile.std() == pytest.approx(1, abs=1e-5)
    assert [round(float(value), 3) for value in tile[0, :3]] == [-0.593, -1.508, -1.85]
    expected = math.pi * 128**2 * (1 / 49 - 1 / 324)
    assert _in_band().sum() == pytest.approx(expected, rel=0.02)
