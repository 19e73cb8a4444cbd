"""Damage: files that were cut off, overwritten, lied about or put together wrongly; what can be read is read and said."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from motionkit.errors import MediaError
from tests.robustness.fault import Call, Category, Place, Refused, Works
from tests.robustness.giving import pictured, played, shows
from tests.robustness.making import made, quartered

__all__ = ["DAMAGE"]

DAMAGE = Category("damage")
H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", 5)
FAST = (*H264, "-movflags", "+faststart")
add = DAMAGE.add
CUT = r"{} is (cut off|damaged after)"


def cut(share: float) -> Callable[[Path], object]:
    """Keep this share of a file."""

    def change(path: Path) -> None:
        data = path.read_bytes()
        path.write_bytes(data[: max(round(len(data) * share), 1)])

    return change


def over(begin: float, end: float, fill: bytes | None = None, seed: int = 0) -> Callable[[Path], object]:
    """Write over a part of a file, from one share of it to another: with zeros, or at random."""

    def change(path: Path) -> None:
        data = bytearray(path.read_bytes())
        first, last = round(len(data) * begin), round(len(data) * end)
        data[first:last] = (
            random.Random(seed).randbytes(last - first) if fill is None else (fill * (last - first))[: last - first]
        )
        path.write_bytes(data)

    return change


def box(name: bytes, at: int, value: bytes) -> Callable[[Path], object]:
    """Write over a field of an MP4's box, counted from its name's end."""

    def change(path: Path) -> None:
        data = bytearray(path.read_bytes())
        place = data.index(name) + len(name) + at
        data[place : place + len(value)] = value
        path.write_bytes(data)

    return change


def busy(count: int) -> list[np.ndarray]:
    """Frames of noise, so that a file is mostly pictures."""
    noise = np.random.default_rng(0).integers(0, 256, (count, 48, 64, 3), np.uint8)
    return list(noise // 4 + quartered() // 2)


BUSY = {"frames": busy(40)}


def some(low: int, high: int, *, name: str, size: tuple[int, int] | None = (64, 48), optional: bool = False) -> Works:
    """So many frames are read, and it is said that the file is damaged."""
    outcome = shows((low, high), size, warns=[CUT.format(name)])
    if not optional:
        return outcome
    # A decoder may hide the damage: then nothing need be said.
    return replace(outcome, warns=(), may_warn=outcome.warns)


NOT_READ = r"(This is not a video that can be read|No frame of the video can be read|The video is damaged); got "

# Cut off while it was copied, downloaded or recorded.
for name, options in [
    ("a.mp4", FAST), ("a.mkv", H264), ("a.ts", H264), ("a.avi", ("-c:v", "mjpeg")), ("a.webm", ("-c:v", "libvpx", "-g", 5)),
    ("a.flv", H264), ("a.mpg", ("-c:v", "mpeg2video", "-g", 5)), ("a.gif", ()), ("f.mp4", (*H264, "-movflags", "+frag_keyframe+empty_moov")),
]:  # fmt: skip
    silent = name in ("a.ts", "a.flv", "a.mpg", "f.mp4")
    outcome = some(4, 38, name=name, optional=silent)
    add(f"{name}, of which 60% are there", made(played(name), name, *options, **BUSY, then=cut(0.6)), outcome)
add(
    "MP4 cut off before its index",
    made(played("a.mp4"), "a.mp4", *H264, frames=40, then=cut(0.9)),
    Refused(MediaError, "a.mp4", NOT_READ),
)
add(
    "MOV cut off before its index",
    made(played("a.mov"), "a.mov", *H264, frames=40, then=cut(0.5)),
    Refused(MediaError, "a.mov", NOT_READ),
)
add("MP4 of which only the index is there", made(played("a.mp4"), "a.mp4", *FAST, frames=40, then=lambda path: path.write_bytes(path.read_bytes().split(b"mdat")[0] + b"mdat")), Refused(MediaError, "a.mp4", NOT_READ))  # fmt: skip
for share, count in [(0.001, "a few"), (0.02, "2% of")]:
    for name in ("a.mp4", "a.mkv", "a.avi"):
        options = ("-c:v", "mjpeg") if name == "a.avi" else FAST if name == "a.mp4" else H264
        add(
            f"{count} bytes of {name}",
            made(played(name), name, *options, then=cut(share)),
            Refused(MediaError, name, NOT_READ),
        )


def empty(name: str, data: bytes) -> Callable[[Place], Call]:
    def make(place: Place) -> Call:
        (place.given / name).write_bytes(data)
        return played(name)(place)

    return make


add("a clip of no bytes", empty("a.mp4", b""), Refused(MediaError, "a.mp4", r"The file is empty; got a.mp4"))
add("a picture of no bytes", empty("a.png", b""), Refused(MediaError, "a.png", r"The file is empty; got a.png"))
add("a byte", empty("a.mp4", b"\0"), Refused(MediaError, "a.mp4", NOT_READ))
add("a megabyte of zeros", empty("a.mp4", bytes(1 << 20)), Refused(MediaError, "a.mp4", NOT_READ))
add("a megabyte of noise", empty("a.mkv", random.Random(1).randbytes(1 << 20)), Refused(MediaError, "a.mkv", NOT_READ))
FTYP = b"\0\0\0\x18ftypisom\0\0\2\0isomavc1"
add("a header and nothing more", empty("a.mp4", FTYP), Refused(MediaError, "a.mp4", NOT_READ))

# Overwritten.
for name, options in [("a.mp4", FAST), ("a.mkv", H264), ("a.ts", H264), ("a.avi", ("-c:v", "mjpeg"))]:
    read = name in ("a.ts", "a.avi")  # packets and JPEG pictures are found without any header
    outcome = some(1, 40, name=name, optional=True) if read else Refused(MediaError, name, NOT_READ)
    add(
        f"the first tenth of {name} lost", made(played(name), name, *options, **BUSY, then=over(0, 0.1, b"\0")), outcome
    )
for name, options in [("a.mp4", FAST), ("a.mkv", H264), ("a.ts", H264), ("a.avi", ("-c:v", "mjpeg"))]:
    for what, fill in [("zeros", b"\0"), ("noise", None)]:
        make = made(played(name), name, *options, **BUSY, then=over(0.6, 0.7, fill))
        add(f"{what} in the middle of {name}", make, some(3, 41, name=name, optional=True))
# One field of an index that lies.
for name, field, at, value in [
    ("an index that claims 4 thousand million frames", b"stsz", 8, b"\xff\xff\xff\xff"),
    ("an index whose frames lie beyond the file", b"stco", 8, b"\x7f\xff\xff\xff"),
    ("frames that claim two gigabytes", b"stsz", 4, b"\x7f\xff\xff\xff"),
    ("a clock of nothing", b"mdhd", 12, bytes(4)),
]:
    make = made(played("a.mp4"), "a.mp4", *FAST, then=box(field, at, value))
    add(name, make, Refused(MediaError, "a.mp4", NOT_READ))
for name, field, at, value, outcome in [
    ("a length of years", b"mdhd", 16, b"\x7f\xff\xff\xff", shows(8, (64, 48), numbers=range(8))),
    ("a size of 65535 in the container alone", b"avc1", 24, b"\xff\xff\xff\xff", shows(8, (64, 48), numbers=range(8))),
    ("a track that says it has no size", b"tkhd", 76, bytes(8), shows(8, (64, 48), numbers=range(8))),
]:  # fmt: skip
    add(name, made(played("a.mp4"), "a.mp4", *FAST, then=box(field, at, value)), outcome)
add(
    "no parameters of the decoder",
    made(played("a.mp4"), "a.mp4", *FAST, then=box(b"avcC", 0, bytes(24))),
    Refused(MediaError, "a.mp4", NOT_READ),
)
add(
    "two copies one after the other",
    made(played("a.mp4"), "a.mp4", *FAST, then=lambda p: p.write_bytes(p.read_bytes() * 2)),
    shows((8, 16), (64, 48)),
)
add(
    "rubbish after the end",
    made(played("a.mp4"), "a.mp4", *FAST, then=lambda p: p.write_bytes(p.read_bytes() + b"x" * 999)),
    shows(8, numbers=range(8)),
)
add("a broadcast tuned into midway", made(played("a.ts"), "a.ts", *H264, frames=40, then=lambda p: p.write_bytes(p.read_bytes()[188 * 9 + 77 :])), some(20, 40, name="a.ts", optional=True))  # fmt: skip
add(
    "sound that is noise",
    made(played("a.avi"), "a.avi", "-c:v", "mjpeg", "-c:a", "mp3", sound=True, frames=40, then=lambda p: p.write_bytes(p.read_bytes().replace(b"01wb", b"01zz"))),
    shows((40, 42), (64, 48)),
)  # fmt: skip
add("a title that is no UTF-8", made(played("a.mkv"), "a.mkv", *H264, "-metadata", "title=Kxxse", then=lambda p: p.write_bytes(p.read_bytes().replace(b"Kxxse", b"K\xe4\xffse"))), shows(8, numbers=range(8)))  # fmt: skip

# Pictures.
NO_PICTURE = r"(This is not a picture|The picture cannot be read|This is not a video|No frame|The video is damaged)"


def saved(name: str, change: Callable[[Path], object], mode: str = "RGB", **options: object) -> Callable[[Place], Call]:
    """A picture of a kind, then damaged."""

    def make(place: Place) -> Call:
        noise = np.random.default_rng(0).integers(0, 40, (96, 128, 3), np.uint8)
        Image.fromarray(quartered((128, 96)) - noise.clip(0, 30)).convert(mode).save(place.given / name, **options)
        change(place.given / name)
        return pictured(name)(place)

    return make


for name, options in [
    ("a.jpg", {}), ("p.jpg", {"progressive": True}), ("a.png", {}), ("a.webp", {}), ("a.tif", {}), ("a.bmp", {}),
    ("a.avif", {}), ("a.jp2", {}), ("a.ppm", {}),
]:  # fmt: skip
    add(f"half of {name}", saved(name, cut(0.5), **options), Refused(MediaError, name, NO_PICTURE))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *extra: bytes, bits: int = 1, rows: bytes | None = None) -> bytes:
    """A PNG of a size, put together by hand."""
    rows = zlib.compress(bytes(height * (1 + (width * bits + 7) // 8)), 9) if rows is None else rows
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def bytes_of(name: str, data: Callable[[], bytes]) -> Callable[[Place], Call]:
    def make(place: Place) -> Call:
        (place.given / name).write_bytes(data())
        return pictured(name)(place)

    return make


TOO_LARGE = r"too large; got .*; expected at most 178956970 pixels. If it is meant, set MOTIONKIT_PICTURE_PIXELS"
add(
    "a PNG bomb of 14,000 by 14,000",
    bytes_of("a.png", lambda: png(14000, 14000)),
    Refused(MediaError, "a.png", TOO_LARGE),
)
add(
    "a PNG of 2 thousand million by 2 thousand million",
    bytes_of("a.png", lambda: png(2**31 - 1, 2**31 - 1, rows=b"x")),
    Refused(MediaError, "a.png", TOO_LARGE),
)
add("a PNG of no width", bytes_of("a.png", lambda: png(0, 8)), Refused(MediaError, "a.png", NO_PICTURE))
bomb = chunk(b"zTXt", b"comment\0\0" + zlib.compress(bytes(80 << 20), 9))
add(
    "a PNG whose comment unpacks to 80 MB",
    bytes_of("a.png", lambda: png(64, 48, bomb)),
    Refused(MediaError, "a.png", NO_PICTURE),
)
digits = chunk(b"tEXt", b"comment\0" + b"9" * 100_000)
add(
    "a PNG with a comment of 100,000 digits",
    bytes_of("a.png", lambda: png(64, 48, digits)),
    shows(1, (64, 48), colours=[(0, 0, 0)]),
)
wrong = chunk(b"tEXt", b"comment\0x")[:-1] + b"\0"
add(
    "a PNG with a wrong checksum",
    bytes_of("a.png", lambda: png(64, 48, wrong)),
    Refused(MediaError, "a.png", NO_PICTURE),
)
add(
    "a PNG without pixels",
    bytes_of("a.png", lambda: png(64, 48, rows=zlib.compress(b""))),
    Refused(MediaError, "a.png", NO_PICTURE),
)
add("a BMP that claims two thousand million rows", saved("a.bmp", lambda p: p.write_bytes(p.read_bytes()[:22] + struct.pack("<i", 2**31 - 1) + p.read_bytes()[26:])), Refused(MediaError, "a.bmp", r"too large|cannot be read"))  # fmt: skip
add("EXIF data of noise in a JPEG", saved("a.jpg", lambda p: p.write_bytes(p.read_bytes().replace(b"MM\0*", b"QQ\xff\xff")), exif=Image.Exif().tobytes() + b"\1" * 40), shows(1, (128, 96)))  # fmt: skip
add("noise within a JPEG", saved("a.jpg", over(0.5, 0.6)), shows(1, (128, 96)))
add("a JPEG with a web page behind it", saved("a.jpg", lambda p: p.write_bytes(p.read_bytes() + b"<html>" * 99)), shows(1, (128, 96), colours=[(185, 25, 25), (25, 165, 45), (35, 45, 185), (205, 205, 185)], within=40))  # fmt: skip
