"""Pictures of every mode that turns up, against hand-computed values; their metadata; what is refused."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from motionkit import media
from motionkit.errors import InputError, MediaError, MissingPackageError
from tests.support.clips import frame, make

ORIENTATION = 0x0112


@pytest.mark.parametrize(
    ("tag", "turn"),
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: np.rot90(a, 2)),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.swapaxes(0, 1)),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: np.rot90(a, 2).swapaxes(0, 1)),
        (8, np.rot90),
    ],
)
def test_all_eight_orientations(tmp_path: Path, tag: int, turn: object) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (3, 5, 3), np.uint8)
    exif = Image.Exif()
    exif[ORIENTATION] = tag
    Image.fromarray(picture).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(media.read_image(tmp_path / "a.png"), turn(picture))  # type: ignore[operator]


def test_a_turned_jpeg_is_shown_upright(tmp_path: Path) -> None:
    picture = np.kron(frame(5, (16, 6)), np.ones((4, 4, 1), np.uint8))
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # to be shown turned by 90° clockwise
    Image.fromarray(picture).save(tmp_path / "a.jpg", exif=exif, quality=95)
    np.testing.assert_allclose(media.read_image(tmp_path / "a.jpg"), np.rot90(picture, -1), atol=12)


@pytest.mark.parametrize(
    ("name", "picture", "expected"),
    [
        ("grey.png", Image.new("L", (2, 2), 77), (77, 77, 77)),
        ("grey.jpg", Image.new("L", (8, 8), 77), (77, 77, 77)),
        ("one-bit.png", Image.new("1", (2, 2), 1), (255, 255, 255)),
        ("grey-alpha.png", Image.new("LA", (2, 2), (0, 51)), (204, 204, 204)),
        ("alpha.png", Image.new("RGBA", (2, 2), (255, 0, 0, 51)), (255, 204, 204)),
        ("alpha.webp", Image.new("RGBA", (2, 2), (255, 0, 0, 0)), (255, 255, 255)),
        ("sixteen.png", Image.fromarray(np.full((2, 2), 0x8080, np.uint16)), (128, 128, 128)),
        ("sixteen.tif", Image.fromarray(np.full((2, 2), 65535, np.uint16)), (255, 255, 255)),
        ("cmyk.jpg", Image.new("CMYK", (8, 8), (0, 255, 255, 0)), (255, 0, 0)),
        ("cmyk.tif", Image.new("CMYK", (2, 2), (0, 0, 0, 255)), (0, 0, 0)),
        ("palette.png", Image.new("RGB", (2, 2), (1, 2, 3)).quantize(4), (1, 2, 3)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_mode_becomes_rgb(
    tmp_path: Path, name: str, picture: Image.Image, expected: tuple[int, int, int]
) -> None:
    picture.save(tmp_path / name)
    read = media.read_image(tmp_path / name)
    assert read.dtype == np.uint8 and read.shape == (picture.height, picture.width, 3)
    np.testing.assert_allclose(read.reshape(-1, 3), [expected] * read[..., 0].size, atol=2 if "jpg" in name else 0)


def test_a_transparent_palette_colour_lies_on_white(tmp_path: Path) -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.putpixel((1, 0), 1)
    picture.save(tmp_path / "a.png", transparency=0)
    np.testing.assert_array_equal(media.read_image(tmp_path / "a.png"), [[[255, 255, 255], [40, 50, 60]]])


def test_odd_sizes_stay(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (7, 13, 3), np.uint8)
    media.write_image(tmp_path / "a.png", picture)
    np.testing.assert_array_equal(media.read_image(tmp_path / "a.png"), picture)


def test_heic_is_read_where_its_plugin_is(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    Image.fromarray(frame(5)).save(tmp_path / "a.heic", quality=95)
    np.testing.assert_allclose(media.read_image(tmp_path / "a.heic"), frame(5), atol=12)


def test_heic_without_its_plugin_is_told_apart_from_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    for name, brand in (("photo.jpg", b"mif1"), ("a.heic", b"heic")):  # phones rename what they send
        (tmp_path / name).write_bytes(b"\0\0\0\x18ftyp" + brand + bytes(64))
        assert media.is_image(tmp_path / name)
        for read in (media.open_clip, media.read_image):
            with pytest.raises(MissingPackageError, match=rf"got .*{name}.*pip install \"motionkit\[heic\]\""):
                read(tmp_path / name)


def test_is_image_looks_at_the_content(tmp_path: Path) -> None:
    media.write_image(tmp_path / "a.png", frame(1))
    (tmp_path / "a.png").rename(tmp_path / "a.mp4")
    assert media.is_image(tmp_path / "a.mp4")
    assert not media.is_image(make(tmp_path / "b.mp4", 2)) and not media.is_image(make(tmp_path / "c.gif", 2))
    assert media.open_clip(tmp_path / "a.mp4").info.frames == 1


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm", "a.gif", "a.png", "a.jpg", "a.webp"])
def test_metadata_in_any_script_survives(tmp_path: Path, name: str) -> None:
    given = {"title": "Käse", "comment": '日本 ©: made by "AI"; x=1: yes'}
    if Path(name).suffix in media.IMAGE_SUFFIXES:
        media.write_image(tmp_path / name, frame(1), metadata=given)
        assert media.read_metadata(tmp_path / name).items() >= given.items()
    else:
        make(tmp_path / name, 2, metadata=given)
        assert media.read_metadata(tmp_path / name)["comment"] == given["comment"]


def test_bad_pictures_are_told_apart(tmp_path: Path) -> None:
    media.write_image(tmp_path / "whole.png", np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    content = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "half.png").write_bytes(content[: len(content) // 2])
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "empty.png").touch()
    for name, error, message in (
        ("half.png", MediaError, r"The picture cannot be read; got .*half.png \(.*truncated"),
        ("text.png", MediaError, r"This is not a picture; got .*text.png; expected PNG, JPEG"),
        ("empty.png", MediaError, r"The file is empty; got .*empty.png"),
        ("whole.pgn", InputError, r"There is no such file; got .*whole.pgn. Did you mean whole.png\?"),
        ("none/a.png", InputError, r"There is no such file; got .*none.a.png\.$"),
        (".", InputError, "This is a folder where a file belongs"),
    ):
        with pytest.raises(error, match=message):
            media.read_image(tmp_path / name)


def test_a_picture_that_cannot_be_written_leaves_the_older_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    media.write_image(tmp_path / "a.png", frame(1))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(MediaError, match=r"The picture cannot be written; got .*a.png \(No space left on device\)"):
        media.write_image(tmp_path / "a.png", frame(2))
    np.testing.assert_array_equal(media.read_image(tmp_path / "a.png"), frame(1))
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
    with pytest.raises(InputError, match=r"Unknown kind of picture; got a.bmp; expected .png"):
        media.write_image(tmp_path / "a.bmp", frame(1))
