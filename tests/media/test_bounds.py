"""What a few bytes or a slip of the keyboard can ask for, and the bound that each error says."""

from __future__ import annotations

import argparse
import struct
import time
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from motionkit import media
from motionkit.cli.main import main
from motionkit.cli.shared import number as parse_number
from motionkit.errors import InputError, MediaError
from motionkit.media.seeking import read_frames_at
from tests.support.clips import frame, make, number


def sparse(path: Path, seconds: list[float]) -> Path:
    """A clip whose frames stand at these times."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for n, second in enumerate(seconds):
            picture = av.VideoFrame.from_ndarray(frame(n), format="rgb24")
            picture.pts, picture.time_base = round(second * 1000), Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_a_clip_of_years_is_refused(tmp_path: Path, name: str) -> None:
    path = sparse(tmp_path / name, [0, 0.04, 0.08, 360_000 if name == "a.mkv" else 100_000])
    bound = r"(too many frames; got \d+ of|shown for too long; got \d+ s in) a\.m.*at most \d+ (frames|seconds)\."
    begun = time.process_time()
    with pytest.raises(MediaError, match=bound + r" Cut it .*MOTIONKIT_(FRAMES|GAP)"):
        list(media.open_clip(path, fps=25))
    assert [number(f) for f in media.open_clip(path, fps=25, end=0.2)] == [0, 1, 2, 2, 2]
    assert time.process_time() - begun < 5


def test_a_long_still_moment_needs_a_wish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = sparse(tmp_path / "a.mkv", [0, 1, 700])
    with pytest.raises(MediaError, match=r"shown for too long; got 699 s in a.mkv; expected at most 600 seconds"):
        list(media.open_clip(path, fps=1))
    monkeypatch.setenv("MOTIONKIT_GAP", "1000")
    assert [number(f) for f in media.open_clip(path, fps=1)][-3:] == [1, 1, 2]
    monkeypatch.setenv("MOTIONKIT_FRAMES", "500")
    with pytest.raises(MediaError, match=r"too many frames; got 70\d of a.mkv; expected at most 500 frames"):
        list(media.open_clip(path, fps=1))
    monkeypatch.setenv("MOTIONKIT_FRAMES", "many")
    with pytest.raises(InputError, match=r"MOTIONKIT_FRAMES is no bound; got 'many'; expected a whole number above 0"):
        media.open_clip(path)


def png(path: Path, width: int, height: int) -> Path:
    """An empty PNG of a size, in a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(bytes(height * (1 + (width + 7) // 8)), 9)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", rows) + chunk(b"IEND", b""))
    return path


def test_too_many_pixels_are_refused_by_every_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = png(tmp_path / "a.png", 14_000, 14_000)
    for read in (media.read_image, media.open_clip, media.read_metadata, lambda p: read_frames_at(p, [0])):
        with pytest.raises(MediaError, match=r"too large; got .*a.png; expected at most 178956970 pixels. If it is m"):
            read(path)  # type: ignore[operator]
    monkeypatch.setenv("MOTIONKIT_PICTURE_PIXELS", "100")
    Image.new("RGB", (11, 10)).save(tmp_path / "b.png")
    with pytest.raises(MediaError, match=r"too large; got .*b.png; expected at most 100 pixels"):
        media.read_image(tmp_path / "b.png")


def test_the_bound_of_pixels_can_be_raised_above_pillow_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)
    Image.new("RGB", (11, 10)).save(tmp_path / "b.png")
    assert media.read_image(tmp_path / "b.png").shape == (10, 11, 3)


def test_frames_of_too_many_pixels_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path / "a.mp4", 2)
    monkeypatch.setenv("MOTIONKIT_VIDEO_PIXELS", "3000")
    for read in (media.open_clip, lambda p: read_frames_at(p, [0])):
        with pytest.raises(MediaError, match=r"got .*a.mp4"):
            read(path)  # type: ignore[operator]
    monkeypatch.setenv("MOTIONKIT_VIDEO_PIXELS", "3072")
    assert len(list(media.open_clip(path))) == 2


@pytest.mark.parametrize(
    "fps", [0, -1, 1e9, float("inf"), float("nan"), 10**400, Fraction(1, 10**5), 0.0004, "fast"], ids=lambda _: ""
)
def test_impossible_rates(tmp_path: Path, fps: object) -> None:
    with pytest.raises(
        InputError, match=r"^The frame rate is impossible; got .{1,60}; expected above 0, from 1/100 to"
    ):
        media.open_clip(make(tmp_path / "a.mp4", 2), fps=fps)  # type: ignore[arg-type]


@pytest.mark.parametrize("second", [-1, 1e400, float("nan"), 10**5000, "soon", Fraction(10**9)], ids=lambda _: "")
@pytest.mark.parametrize("which", ["start", "end"])
def test_impossible_cuts(tmp_path: Path, which: str, second: object) -> None:
    with pytest.raises(InputError, match=r"^The cut is impossible; got .{1,60}; expected 0 <= start < end"):
        media.open_clip(make(tmp_path / "a.mp4", 2), **{which: second})  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(0, 1), (10**6, 10), (16385, 1), (5,), (1, 2, 3)])
def test_impossible_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="The size is impossible; got"):
        media.open_clip(make(tmp_path / "a.mp4", 2), size=size)


@pytest.mark.parametrize(
    "text",
    ["1e999999999", "1e-999999999", "1E+100", "9" * 5000, "1/0", "x", "", "nan", "inf"],
    ids=lambda text: text[:20],
)
def test_a_number_is_bounded_before_it_is_computed(text: str) -> None:
    begun = time.process_time()
    with pytest.raises(argparse.ArgumentTypeError, match="is not a number such as 25") as failed:
        parse_number(text)
    assert time.process_time() - begun < 0.1 and len(str(failed.value)) < 150


@pytest.mark.parametrize(("text", "value"), [("25", 25), ("30000/1001", Fraction(30000, 1001)), ("2.5e1", 25)])
def test_numbers_stay_exact(text: str, value: Fraction) -> None:
    assert parse_number(text) == value


@pytest.mark.parametrize(
    "options",
    [
        ["--fps", "1e400"],
        ["--fps", "1e9"],
        ["--fps", "0.0004"],
        ["--start", "1e999999999"],
        ["--end", "99999999999"],
        ["--source-box", "0,0,1000000,1000000"],
        ["--driving-box", "-5000000,-5000000,5000000,5000000"],
        ["--source-box", "0,0,1," + "9" * 5000],
        ["--face", "9" * 5000],
        ["--reference", "9" * 5000],
        ["--audio-track", "3"],
        ["-o", ""],
        ["-o", "/dev/null"],
        ["-o", "x" * 300 + ".mp4"],
    ],
    ids=lambda options: " ".join(options)[:40],
)
def test_the_command_line_says_it_in_one_line(
    tmp_path: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(tmp_path / "face.png")
    driving, output = make(tmp_path / "driving.mp4", 3), str(tmp_path / "out.mp4")
    begun = time.process_time()
    status = main(["animate", str(tmp_path / "face.png"), str(driving), "-o", output, "--crop", "centre", *options])
    said = capsys.readouterr().err
    assert status == 1 and said.startswith("motionkit: "), said
    assert said.count("\n") == 1 and time.process_time() - begun < 20
    assert sorted(p.name for p in tmp_path.iterdir()) == ["driving.mp4", "face.png"]


def test_a_collage_of_absurd_height_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip, out = str(make(tmp_path / "a.mp4", 2)), tmp_path / "b.mp4"
    assert main(["collage", clip, clip, "-o", str(out), "--height", "9999999"]) == 1
    assert "The height of a picture is too large" in (said := capsys.readouterr().err) and said.count("\n") == 1
    assert not out.exists()


def test_no_memory_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("motionkit.pipeline.inspection.collage_files", full)
    assert main(["collage", "a.mp4", "-o", str(tmp_path / "b.mp4")]) == 1
    assert capsys.readouterr().err.startswith("motionkit: There is not enough memory")
