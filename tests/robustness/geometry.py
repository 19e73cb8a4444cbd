"""Geometry and colour of clips: how they lie, sizes, shapes of pixels, depths, matrices, ranges, HDR, interlacing."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.robustness.fault import Call, Category, Place
from tests.robustness.giving import played, shows
from tests.robustness.making import CORNERS, edited, encoders, film, made, quartered

__all__ = ["GEOMETRY"]

GEOMETRY = Category("geometry and colour")
H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-qp", 4)
QUARTERS = {"frames": [quartered()] * 4}
A, B, C, D = CORNERS  # top left, top right, bottom left, bottom right
add = GEOMETRY.add


def laid(*display: object) -> Callable[[Path], object]:
    """Give a film a display matrix."""
    return lambda path: edited(path, "-c", "copy", before=display)


# FFmpeg turns anticlockwise by the angle, after mirroring; what a player then shows of the quarters.
for name, display, size, quarters in [
    ("a phone upright: turned by 90°", ("-display_rotation", 90), (48, 64), (B, D, A, C)),
    ("a phone upright the other way: turned by -90°", ("-display_rotation", -90), (48, 64), (C, A, D, B)),
    ("a phone upside down: turned by 180°", ("-display_rotation", 180), (64, 48), (D, C, B, A)),
    ("a mirrored selfie", ("-display_hflip",), (64, 48), (B, A, D, C)),
    ("mirrored from top to bottom", ("-display_vflip",), (64, 48), (C, D, A, B)),
    ("a mirrored selfie, upright", ("-display_rotation", 90, "-display_hflip"), (48, 64), (D, B, C, A)),
    ("turned by 45°, which is none of the eight ways", ("-display_rotation", 45), None, None),
    ("turned by 5°, as good as upright", ("-display_rotation", 5), (64, 48), CORNERS),
]:
    make = made(played("a.mp4"), "a.mp4", *H264, then=laid(*display), **QUARTERS)
    add(name, make, shows(4, size, colours=quarters))
add(
    "turned in MOV",
    made(played("a.mov"), "a.mov", *H264, then=laid("-display_rotation", 90), **QUARTERS),
    shows(4, (48, 64), colours=(B, D, A, C)),
)
add(
    "turned, with pixels twice as wide",
    made(played("a.mp4"), "a.mp4", *H264, "-vf", "setsar=2", then=laid("-display_rotation", 90), **QUARTERS),
    shows(4, (48, 128), colours=(B, D, A, C)),
)


def sized(width: int, height: int, *options: object, name: str = "a.nut") -> Callable[[Place], Call]:
    return made(played(name), name, *(options or ("-c:v", "rawvideo")), frames=[quartered((width, height))] * 3)


for width, height in [(1, 1), (1, 48), (64, 1), (2, 2), (3, 5), (63, 47), (15, 16), (4096, 16), (16, 4096)]:
    quarters = CORNERS if min(width, height) > 2 else None
    add(f"{width}x{height} pixels", sized(width, height), shows(3, (width, height), colours=quarters))
add(
    "an odd size in H.264",
    sized(63, 47, "-c:v", "libx264", "-pix_fmt", "yuv444p", "-qp", 4, name="a.mkv"),
    shows(3, (63, 47), colours=CORNERS),
)
add(
    "1080 lines, which H.264 pads",
    sized(192, 1080, *H264, "-vf", "scale=out_color_matrix=bt709", name="a.mp4"),
    shows(3, (192, 1080), colours=CORNERS),
    megabytes=400,
)

for name, ratio, size in [
    ("anamorphic: pixels twice as wide", "2", (128, 48)),
    ("pixels half as wide", "1/2", (32, 48)),
    ("NTSC's pixels, 10:11", "10/11", (58, 48)),
    ("PAL wide screen's pixels, 64:45", "64/45", (91, 48)),
    ("a shape of pixels that is not known", "0", (64, 48)),
    ("a shape of pixels of large numbers", "10001/10000", (64, 48)),
]:
    make = made(played("a.mp4"), "a.mp4", *H264, "-vf", f"setsar={ratio}", **QUARTERS)
    add(name, make, shows(4, size, colours=CORNERS))
add(
    "anamorphic in Matroska",
    made(played("a.mkv"), "a.mkv", *H264, "-vf", "setsar=2", **QUARTERS),
    shows(4, (128, 48), colours=CORNERS),
)


def joined(place: Place) -> Call:
    """A broadcast that changes its size midway."""
    parts = [
        film(place.out.parent / f"{n}.ts", *H264, frames=[quartered(size)] * 4)
        for n, size in enumerate([(64, 48), (96, 64)])
    ]
    offset = film(place.out.parent / "late.ts", *H264, "-output_ts_offset", 0.24, frames=[quartered((96, 64))] * 4)
    (place.given / "a.ts").write_bytes(parts[0].read_bytes() + offset.read_bytes())
    return played("a.ts")(place)


add("a size that changes midway", joined, shows(8, (64, 48), colours=CORNERS))
for name, options in [
    ("interlaced, upper field first", ("-flags", "+ildct+ilme", "-x264-params", "tff=1", "-vf", "setfield=tff")),
    ("interlaced, lower field first", ("-flags", "+ildct+ilme", "-x264-params", "bff=1", "-vf", "setfield=bff")),
]:
    add(name, made(played("a.mp4"), "a.mp4", *H264, *options, **QUARTERS), shows(4, (64, 48), colours=CORNERS))

GREY = [[round(0.299 * r + 0.587 * g + 0.114 * b)] * 3 for r, g, b in CORNERS]
X265 = ("-c:v", "libx265", "-x265-params", "log-level=0:lossless=1")
for name, file, options, quarters in [
    ("grey H.264", "a.mp4", ("-c:v", "libx264", "-pix_fmt", "gray", "-qp", 4), GREY),
    ("grey HEVC of 12 bits", "a.mp4", (*X265, "-pix_fmt", "gray12le"), GREY),
    ("grey of 16 bits", "a.mkv", ("-c:v", "ffv1", "-pix_fmt", "gray16le"), GREY),
    ("4:4:4", "a.mp4", ("-c:v", "libx264", "-pix_fmt", "yuv444p", "-qp", 4), CORNERS),
    ("4:2:2", "a.mp4", ("-c:v", "libx264", "-pix_fmt", "yuv422p", "-qp", 4), CORNERS),
    ("4:1:1", "a.mkv", ("-c:v", "ffv1", "-pix_fmt", "yuv411p"), CORNERS),
    ("4:1:0", "a.mkv", ("-c:v", "ffv1", "-pix_fmt", "yuv410p"), CORNERS),
    ("H.264 of 10 bits", "a.mp4", ("-c:v", "libx264", "-pix_fmt", "yuv420p10le", "-qp", 4), CORNERS),
    ("4:2:2 of 10 bits, as cameras write it", "a.mov", ("-c:v", "libx264", "-pix_fmt", "yuv422p10le", "-qp", 4), CORNERS),
    ("HEVC of 10 bits", "a.mp4", (*X265, "-pix_fmt", "yuv420p10le"), CORNERS),
    ("HEVC 4:4:4 of 12 bits", "a.mp4", (*X265, "-pix_fmt", "yuv444p12le"), CORNERS),
    ("RGB in H.264", "a.mp4", ("-c:v", "libx264rgb", "-qp", 0), CORNERS),
    ("planar RGB of 16 bits", "a.mkv", ("-c:v", "ffv1", "-pix_fmt", "gbrp16le"), CORNERS),
    ("RGB of 10 bits, r210", "a.mov", ("-c:v", "r210",), CORNERS),
    ("v210", "a.mov", ("-c:v", "v210", "-pix_fmt", "yuv422p10le"), CORNERS),
    ("a palette in AVI", "a.avi", ("-vf", "split[a][b];[a]palettegen[p];[b][p]paletteuse=dither=none", "-c:v", "rawvideo", "-pix_fmt", "pal8"), CORNERS),
    ("a palette in GIF", "a.gif", ("-vf", "split[a][b];[a]palettegen[p];[b][p]paletteuse=dither=none"), CORNERS),
]:  # fmt: skip
    names = [str(word) for key, word in itertools.pairwise(options) if key == "-c:v"]
    add(
        name,
        made(played(file), file, *options, **QUARTERS),
        shows(4, (64, 48), colours=quarters),
        needs=encoders(*names),
    )


def tagged(matrix: str, spread: str = "tv", tags: str | None = None) -> tuple[object, ...]:
    """Options that convert to a matrix and range and say so, or say something else."""
    say = tags or matrix
    to = f"scale=out_color_matrix={matrix}:out_range={spread}"
    range_of = ("-color_range", spread)
    return (*H264, "-vf", to, "-colorspace", say, "-color_primaries", "bt709", "-color_trc", "bt709", *range_of)


for name, options in [
    ("BT.601, and said so", tagged("smpte170m")),
    ("BT.709, and said so", tagged("bt709")),
    ("BT.2020 without HDR", tagged("bt2020", tags="bt2020nc")),
    ("SMPTE 240M", tagged("smpte240m")),
    ("full range, as phones use it", tagged("bt709", "pc")),
    ("full range of BT.601", tagged("smpte170m", "pc")),
    ("FCC's matrix", tagged("fcc")),
]:
    add(name, made(played("a.mp4"), "a.mp4", *options, **QUARTERS), shows(4, (64, 48), colours=CORNERS))
add(
    "high definition that names no matrix",
    made(
        played("a.mp4"), "a.mp4", *H264, "-vf", "scale=out_color_matrix=bt709:out_range=tv", "-bsf:v",
        "h264_metadata=matrix_coefficients=2:colour_primaries=2:transfer_characteristics=2", frames=[quartered((96, 720))] * 2,
    ),
    shows(2, (96, 720), colours=CORNERS),
)  # fmt: skip
FULL_JPEG = ("-c:v", "mjpeg", "-q:v", 2, "-pix_fmt", "yuvj420p")
add("full range in Motion JPEG", made(played("a.avi"), "a.avi", *FULL_JPEG, **QUARTERS), shows(4, colours=CORNERS))

# Diffuse white of 203 cd/m² is 0.58 of PQ and 0.75 of HLG; here it becomes some 80% of the signal, and black stays.
WHITE, BLACK = (205, 205, 205), (0, 0, 0)


def hdr(transfer: str, level: float, *options: object) -> Callable[[Place], Call]:
    """A phone's HDR clip: black on the left, diffuse white on the right."""
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:, 32:] = round(level * 255)
    tags = f"colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc:range=limited"
    to = "scale=out_color_matrix=bt2020:out_range=tv"
    params = ("-x265-params", f"log-level=0:lossless=1:{tags}")
    return made(
        played("a.mov"),
        "a.mov",
        "-vf",
        to,
        "-c:v",
        "libx265",
        "-pix_fmt",
        "yuv420p10le",
        *params,
        *options,
        frames=[picture] * 3,
    )


for name, transfer, level, curve in [
    ("HDR10", "smpte2084", 0.58, "PQ"),
    ("HLG of a phone", "arib-std-b67", 0.75, "HLG"),
]:
    quarters = (BLACK, WHITE, BLACK, WHITE)
    warned = shows(
        3, (64, 48), colours=quarters, warns=[rf"a.mov is HDR \({curve}\); it is tone-mapped to SDR"], within=25
    )
    add(name, hdr(transfer, level, "-tag:v", "hvc1"), warned)


def turned_hdr(place: Place) -> Call:
    hdr("arib-std-b67", 0.75, "-tag:v", "hvc1")(place)
    edited(place.given / "a.mov", "-c", "copy", before=("-display_rotation", 90))
    return played("a.mov")(place)


# Turned by 90° the right half comes to the top.
add(
    "HLG of a phone, upright",
    turned_hdr,
    shows(3, (48, 64), colours=(WHITE, WHITE, BLACK, BLACK), within=25, warns=[r"a.mov is HDR \(HLG\)"]),
)
for name, mode in [("two views beside each other", "sbsl"), ("a 360° view", None)]:
    tags = ("-metadata:s:v", f"stereo_mode={mode}") if mode else ("-metadata:s:v", "spherical=1")
    add(name, made(played("a.mkv"), "a.mkv", *H264, *tags, **QUARTERS), shows(4, (64, 48), colours=CORNERS))
