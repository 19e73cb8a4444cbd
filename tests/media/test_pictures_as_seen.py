"""Pictures as their makers meant them: colour profiles, deep values, animations; each against an independent value."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, features

from motionkit import media
from motionkit.errors import MediaError, MissingPackageError, MotionkitWarning
from motionkit.media import images
from motionkit.media.seeking import read_frames_at, spread_frames
from tests.support.clips import frame, number

# Rows of RGB to XYZ under D50, and the curve's exponent, as the standards give them.
PRIMARIES = {
    "Display P3": ([0.5151, 0.2920, 0.1571, 0.2412, 0.6922, 0.0666, -0.0011, 0.0419, 0.7841], 2.2),
    "Adobe RGB": ([0.6097, 0.2053, 0.1492, 0.3111, 0.6257, 0.0632, 0.0195, 0.0609, 0.7446], 563 / 256),
}
SRGB = np.array([[0.4361, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7142]])


def rgb_profile(name: str) -> bytes:
    """An ICC profile of version 2 with three primaries and one gamma, put together by hand."""
    rows, gamma = PRIMARIES[name]
    matrix = np.array(rows).reshape(3, 3)
    xyz = [b"XYZ \0\0\0\0" + np.round(column * 65536).astype(">i4").tobytes() for column in matrix.T]
    curve = b"curv\0\0\0\0\0\0\0\1" + round(gamma * 256).to_bytes(2, "big") + b"\0\0"
    white = b"XYZ \0\0\0\0" + np.round(np.array([0.9642, 1, 0.8249]) * 65536).astype(">i4").tobytes()
    text = name.encode() + b"\0"
    described = b"desc\0\0\0\0" + len(text).to_bytes(4, "big") + text + bytes(78)
    tags = {b"desc": described, b"wtpt": white, b"rXYZ": xyz[0], b"gXYZ": xyz[1], b"bXYZ": xyz[2]}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    table, body, at = b"", b"", 128 + 4 + 12 * len(tags)
    for tag, data in tags.items():
        data = data + bytes(-len(data) % 4)  # noqa: PLW2901
        table += tag + (at + len(body)).to_bytes(4, "big") + len(data).to_bytes(4, "big")
        body += data
    head = bytearray(128)
    head[8:12], head[12:24], head[36:40] = b"\2\x20\0\0", b"mntrRGB XYZ ", b"acsp"
    head[68:80] = np.round(np.array([0.9642, 1, 0.8249]) * 65536).astype(">i4").tobytes()
    whole = bytes(head) + len(tags).to_bytes(4, "big") + table + body
    return len(whole).to_bytes(4, "big") + whole[4:]


def as_srgb(name: str, picture: np.ndarray) -> np.ndarray:
    """What the profile above means, computed from the standards' numbers alone."""
    rows, gamma = PRIMARIES[name]
    light = (picture / 255) ** gamma @ np.array(rows).reshape(3, 3).T @ np.linalg.inv(SRGB).T
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255


@pytest.mark.parametrize("name", PRIMARIES)
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_a_colour_profile_becomes_srgb(tmp_path: Path, name: str, suffix: str) -> None:
    colours = np.array([[200, 80, 60], [120, 150, 90], [60, 90, 180], [230, 190, 170], [128, 128, 128]], np.uint8)
    picture = colours[:, None, None].repeat(16, 1).repeat(16, 2).reshape(80, 16, 3)
    lossless = {"quality": 100, "lossless": True} if suffix == ".webp" else {"quality": 100, "subsampling": 0}
    Image.fromarray(picture).save(tmp_path / f"a{suffix}", icc_profile=rgb_profile(name), **lossless)
    seen = media.read_image(tmp_path / f"a{suffix}").astype(int)
    wanted = as_srgb(name, picture)
    assert np.abs(wanted - picture).max() > 8, "the profile matters"
    np.testing.assert_allclose(seen[8::16, 8], wanted[8::16, 8], atol=3 if suffix == ".jpg" else 2)


def test_profiles_of_folders_and_beside_transparency(tmp_path: Path) -> None:
    profile = rgb_profile("Display P3")
    picture = np.full((8, 8, 4), (200, 80, 60, 128), np.uint8)
    Image.fromarray(picture).save(tmp_path / "1.png", icc_profile=profile)
    (seen,) = media.open_clip(tmp_path)
    wanted = as_srgb("Display P3", picture[0, 0, :3]) * 128 / 255 + 127
    np.testing.assert_allclose(seen[4, 4], wanted, atol=2)


def test_an_srgb_profile_changes_nothing(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(picture).save(tmp_path / "a.png", icc_profile=profile)
    np.testing.assert_array_equal(media.read_image(tmp_path / "a.png"), picture)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_profile_that_cannot_be_used_is_said(tmp_path: Path, mode: str) -> None:
    picture = Image.new("RGB", (8, 8), (90, 120, 60)).convert(mode)
    profile = b"no profile" if mode != "CMYK" else rgb_profile("Adobe RGB")
    picture.save(tmp_path / "a.tif", icc_profile=profile)
    with pytest.warns(MotionkitWarning, match=r"The colour profile of a.tif cannot be used \(.*\); colours may be off"):
        seen = media.read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(seen, np.asarray(picture.convert("RGB")))


def test_a_grey_picture_may_have_a_profile_for_colours(tmp_path: Path) -> None:
    Image.new("L", (4, 4), 100).save(tmp_path / "a.png", icc_profile=rgb_profile("Adobe RGB"))
    seen = media.read_image(tmp_path / "a.png")
    np.testing.assert_allclose(seen[0, 0], as_srgb("Adobe RGB", np.full(3, 100)), atol=2)


def test_lab_pictures(tmp_path: Path) -> None:
    """L 50 of neutral a and b is the middle grey that sRGB writes as 119."""
    Image.new("LAB", (4, 4), (128, 128, 128)).save(tmp_path / "a.tif")
    np.testing.assert_allclose(media.read_image(tmp_path / "a.tif")[0, 0], (119, 119, 119), atol=2)


@pytest.mark.parametrize(
    ("name", "values", "wanted"),
    [
        ("float.tif", np.array([[0, 0.25, 0.5, 1]], np.float32), (0, 64, 128, 255)),
        ("sixteen.tif", np.array([[0, 257, 32896, 65535]], np.uint16), (0, 1, 128, 255)),
        ("sixteen.png", np.array([[0, 257, 32896, 65535]], np.uint16), (0, 1, 128, 255)),
        ("int.tif", np.array([[0, 257, 32896, 65535]], np.int32), (0, 1, 128, 255)),
        ("big-endian.tif", np.array([[0, 257, 32896, 65535]], ">u2"), (0, 1, 128, 255)),
    ],
)
def test_deep_grey_values(tmp_path: Path, name: str, values: np.ndarray, wanted: tuple[int, ...]) -> None:
    Image.fromarray(values).save(tmp_path / name)
    seen = media.read_image(tmp_path / name)
    np.testing.assert_array_equal(seen, np.array([[(grey,) * 3 for grey in wanted]]))


@pytest.mark.parametrize("values", [[0, 255.0], [-1, 1], [0, np.nan], [0, np.inf]])
def test_floats_without_a_known_meaning_are_refused(tmp_path: Path, values: list[float]) -> None:
    Image.fromarray(np.array([values], np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(MediaError, match=r"values have no known meaning; got .* in a.tif; expected 0 to 1. Save it"):
        media.read_image(tmp_path / "a.tif")


def test_a_transparent_deep_grey_lies_on_white(tmp_path: Path) -> None:
    Image.fromarray(np.array([[100 * 257, 50 * 257]], np.uint16)).save(tmp_path / "a.png", transparency=100 * 257)
    np.testing.assert_array_equal(media.read_image(tmp_path / "a.png"), [[[255] * 3, [50] * 3]])


def animate(path: Path, delays: list[int], **options: object) -> Path:
    pictures = [Image.fromarray(frame(n)) for n in range(len(delays))]
    lossless = {"lossless": True} if path.suffix == ".webp" else {}
    pictures[0].save(
        path,
        save_all=True,
        append_images=pictures[1:],
        duration=delays,
        **lossless,
        **options,  # type: ignore[arg-type]
    )
    return path


KINDS = [".webp", ".png", *([".avif"] if "avif" in features.get_supported_modules() else [])]


@pytest.mark.parametrize("suffix", KINDS)
def test_animated_pictures_are_clips(tmp_path: Path, suffix: str) -> None:
    path = animate(tmp_path / f"a{suffix}", [100, 300, 100, 200])
    assert not media.is_image(path)
    clip = media.open_clip(path, fps=10)
    assert [number(f) for f in clip] == [0, 1, 1, 1, 2, 3, 3]
    assert (clip.info.frames, clip.info.duration, clip.info.fps) == (7, Fraction(7, 10), 10)
    assert [number(f) for f in media.open_clip(path, fps=10, start=0.2, end=0.5)] == [1, 1, 2]
    assert [number(f) for f in clip.every(3)] == [0, 1, 3]
    assert media.open_clip(path, size=(32, 24)).info.width == 32
    assert [number(f) for f in spread_frames(clip, 2)] == [0, 1]
    own = media.open_clip(path)
    assert [number(f) for f in read_frames_at(path, [1, 0])] == [number(list(own)[n]) for n in (1, 0)]
    with pytest.raises(MediaError, match=r"The video ends before; got frame 99 of .*a\."):
        read_frames_at(path, [99])
    assert media.read_metadata(path) is not None


@pytest.mark.parametrize("suffix", [".webp", ".png"])
@pytest.mark.parametrize(
    ("delays", "fps"),
    [([40] * 5, 25), ([33, 33, 34] * 2, 30), ([40, 40, 40, 1000], 25), ([100, 300], 5), ([0, 0, 10], 10)],
)
def test_no_frame_of_an_animation_is_lost(tmp_path: Path, suffix: str, delays: list[int], fps: int) -> None:
    """At the average rate, or where that is too low for a short frame, at the shortest frame's; no delay is 0.1 s."""
    clip = media.open_clip(animate(tmp_path / f"a{suffix}", delays))
    seen = [number(f) for f in clip]
    assert sorted(set(seen)) == list(range(len(delays)))
    assert clip.info.fps == fps and clip.info.frames == len(seen)


def test_the_picture_for_those_who_cannot_animate_is_no_frame(tmp_path: Path) -> None:
    path = animate(tmp_path / "a.png", [100, 100, 100], default_image=True)
    assert [number(f) for f in media.open_clip(path)] == [1, 2]


def test_a_gif_shows_its_last_frame_for_its_time(tmp_path: Path) -> None:
    path = animate(tmp_path / "a.gif", [100, 300, 100, 200])
    assert [number(f) for f in media.open_clip(path, fps=10)] == [0, 1, 1, 1, 2, 3, 3]


def test_a_damaged_animation_is_kept_up_to_the_damage(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pictures = [Image.fromarray(rng.integers(0, 256, (48, 64, 3), np.uint8)) for _ in range(6)]
    pictures[0].save(tmp_path / "a.png", save_all=True, append_images=pictures[1:], duration=100)
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(content[: len(content) * 6 // 10])
    with pytest.warns(MotionkitWarning, match=r"cut.png is damaged after [23] frames \(.*\); these are used"):
        frames = list(media.open_clip(tmp_path / "cut.png"))
    np.testing.assert_array_equal(frames[1], np.asarray(pictures[1]))


@pytest.mark.skipif(".avif" not in KINDS, reason="this Pillow has no AVIF")
def test_avif_is_read_by_pillow(tmp_path: Path) -> None:
    Image.fromarray(frame(5)).save(tmp_path / "photo.jpg", "AVIF", quality=95)
    assert media.is_image(tmp_path / "photo.jpg")
    np.testing.assert_allclose(media.read_image(tmp_path / "photo.jpg"), frame(5), atol=12)


@pytest.mark.parametrize("brands", [b"avif\0\0\0\0mif1miaf", b"mif1\0\0\0\0mif1avif"])
def test_an_older_pillow_says_what_avif_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, brands: bytes) -> None:
    monkeypatch.setattr(features, "get_supported_modules", lambda: ["pil"])
    (tmp_path / "a.avif").write_bytes(b"\0\0\0\x18ftyp" + brands + bytes(64))
    assert images.is_image(tmp_path / "a.avif")
    with pytest.raises(MissingPackageError, match=r"AVIF pictures need Pillow 11.3 .*a.avif. Run: pip install --upgr"):
        media.read_image(tmp_path / "a.avif")


def test_eps_is_no_picture_whatever_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import EpsImagePlugin

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", None)  # it would be called
    Image.new("RGB", (8, 8)).save(tmp_path / "a.eps")
    (tmp_path / "a.eps").rename(tmp_path / "a.png")
    with Image.open(io.BytesIO((tmp_path / "a.png").read_bytes())) as opened:
        assert opened.format == "EPS"
    for read in (media.read_image, media.open_clip):
        with pytest.raises(MediaError, match=r"not a (picture|video).*a.png"):
            read(tmp_path / "a.png")
