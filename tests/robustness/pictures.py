"""Pictures: modes, depths, orientation, transparency, animations, kinds of file, and what only looks like a picture."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import numpy as np
from PIL import Image, features

from motionkit.errors import MediaError
from tests.robustness.fault import Call, Category, Place, Refused
from tests.robustness.giving import pictured, played, read, shows
from tests.robustness.making import CORNERS, quartered
from tests.support.clips import ffmpeg, frame

__all__ = ["PICTURES"]

PICTURES = Category("pictures")
A, B, C, D = CORNERS
WHITE = (255, 255, 255)
GREY = [[round(0.299 * r + 0.587 * g + 0.114 * b)] * 3 for r, g, b in CORNERS]
add = PICTURES.add


def plain(alpha: int | None = None) -> Image.Image:
    """The quartered picture; with a number, its second quarter is that opaque."""
    picture = quartered(channels=3 if alpha is None else 4)
    if alpha is not None:
        picture[:24, 32:, 3] = alpha
    return Image.fromarray(picture)


def saved(name: str, picture: Callable[[], Image.Image], **options: object) -> Callable[[Place], Call]:
    """A picture that Pillow saves."""

    def make(place: Place) -> Call:
        if name.endswith(".heic"):
            has_heif()  # which adds it to what Pillow knows
        picture().save(place.given / name, **options)
        return pictured(name)(place)

    return make


def has_avif() -> str | None:
    return None if "avif" in features.get_supported_modules() else "this Pillow has no AVIF"


def has_heif() -> str | None:
    try:
        import pillow_heif
    except ImportError:
        return "pillow-heif is not installed"
    pillow_heif.register_heif_opener()
    return None


def lab() -> Image.Image:
    from PIL import ImageCms

    srgb, target = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    made = ImageCms.applyTransform(plain(), ImageCms.buildTransform(srgb, target, "RGB", "LAB"))
    assert made is not None
    return made


# Modes and kinds of file: name, file, picture, options, the colours that are seen.
LOSSLESS, FINE = {"lossless": True}, {"quality": 100, "subsampling": 0}
for name, file, picture, options, colours in [
    ("a photo in JPEG", "a.jpg", plain, FINE, CORNERS),
    ("a progressive JPEG", "a.jpeg", plain, {**FINE, "progressive": True}, CORNERS),
    ("a grey JPEG", "a.jpg", lambda: plain().convert("L"), FINE, GREY),
    ("a JPEG for print, CMYK", "a.jpg", lambda: plain().convert("CMYK"), FINE, CORNERS),
    ("grey with alpha", "a.png", lambda: plain(0).convert("LA"), {}, [GREY[0], WHITE, GREY[2], GREY[3]]),
    ("half transparent", "a.png", lambda: plain(128), {}, [A, [191 - 43, 217, 157], C, D]),
    ("wholly transparent in one quarter", "a.png", lambda: plain(0), {}, [A, WHITE, C, D]),
    ("a palette", "a.png", lambda: plain().quantize(16), {}, CORNERS),
    ("a palette of two colours", "a.png", lambda: plain().convert("L").point(lambda v: 255 * (v > 100)).convert("1"), {}, None),
    ("a palette with a transparent colour", "a.png", lambda: plain().quantize(16), {"transparency": 0}, None),
    ("16 bits of grey", "a.png", lambda: Image.fromarray(np.asarray(plain().convert("L")).astype(np.uint16) * 257), {}, GREY),
    ("32 bits of grey", "a.tif", lambda: Image.fromarray(np.asarray(plain().convert("L")).astype(np.int32) * 257), {}, GREY),
    ("floats from 0 to 1", "a.tif", lambda: Image.fromarray(np.asarray(plain().convert("L")).astype(np.float32) / 255), {}, GREY),
    ("Lab", "a.tif", lab, {}, CORNERS),
    ("CMYK in TIFF", "a.tif", lambda: plain().convert("CMYK"), {}, CORNERS),
    ("TIFF packed by LZW", "a.tiff", plain, {"compression": "tiff_lzw"}, CORNERS),
    ("TIFF packed by Deflate", "a.tiff", plain, {"compression": "tiff_adobe_deflate"}, CORNERS),
    ("TIFF packed as JPEG", "a.tiff", plain, {"compression": "jpeg", "quality": 100}, CORNERS),
    ("a fax", "a.tif", lambda: plain().convert("1"), {"compression": "group4"}, None),
    ("TIFF of several pages", "a.tif", plain, {"save_all": True, "append_images": [Image.new("RGB", (9, 9))]}, CORNERS),
    ("BMP of 24 bits", "a.bmp", plain, {}, CORNERS),
    ("BMP with a palette", "a.bmp", lambda: plain().quantize(16), {}, CORNERS),
    ("BMP of 1 bit", "a.bmp", lambda: plain().convert("1"), {}, None),
    ("BMP with alpha", "a.bmp", lambda: plain(255), {}, CORNERS),
    ("PPM", "a.ppm", plain, {}, CORNERS),
    ("PGM", "a.pgm", lambda: plain().convert("L"), {}, GREY),
    ("PBM", "a.pbm", lambda: plain().convert("1"), {}, None),
    ("WebP", "a.webp", plain, {"quality": 100}, CORNERS),
    ("WebP without loss, with alpha", "a.webp", lambda: plain(0), LOSSLESS, [A, WHITE, C, D]),
    ("JPEG 2000", "a.jp2", plain, {}, CORNERS),
    ("a bare codestream of JPEG 2000", "a.j2k", plain, {}, CORNERS),
    ("QOI", "a.qoi", plain, {}, CORNERS),
    ("two pictures of a stereo camera, MPO", "a.mpo", plain, {"save_all": True, "append_images": [plain()], "quality": 100}, CORNERS),
]:  # fmt: skip
    size = (64, 48)
    add(name, saved(file, picture, **options), shows(1, size, colours=colours))


add("AVIF", saved("a.avif", plain, quality=100), shows(1, (64, 48), colours=CORNERS), needs=has_avif)
add(
    "AVIF with alpha",
    saved("a.avif", lambda: plain(0), quality=100),
    shows(1, (64, 48), colours=[A, WHITE, C, D]),
    needs=has_avif,
)
add("HEIC of a phone", saved("a.heic", plain, quality=100), shows(1, (64, 48), colours=CORNERS), needs=has_heif)

# EXIF: the eight ways in which a camera is held, and what is then seen.
for orientation, size, quarters in [
    (1, (64, 48), (A, B, C, D)), (2, (64, 48), (B, A, D, C)), (3, (64, 48), (D, C, B, A)), (4, (64, 48), (C, D, A, B)),
    (5, (48, 64), (A, C, B, D)), (6, (48, 64), (C, A, D, B)), (7, (48, 64), (D, B, C, A)), (8, (48, 64), (B, D, A, C)),
    (0, (64, 48), CORNERS), (9, (64, 48), CORNERS),
]:  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    add(f"EXIF orientation {orientation}", saved("a.jpg", plain, exif=exif, **FINE), shows(1, size, colours=quarters))
TO_TURN = Image.Exif()
TO_TURN[0x0112] = 6
SIX = TO_TURN.tobytes()
for file, options, needs in [
    ("a.png", {}, None), ("a.webp", LOSSLESS, None), ("a.tif", {}, None), ("a.avif", {"quality": 100}, has_avif), ("a.heic", {"quality": 100}, has_heif),
]:  # fmt: skip
    make = saved(file, plain, exif=SIX, **options)
    add(
        f"EXIF orientation in {file[2:]}",
        make,
        shows(1, (48, 64), colours=(C, A, D, B)),
        **({"needs": needs} if needs else {}),
    )

# Sizes.
for width, height in [(1, 1), (1, 64), (64, 1), (3, 2), (3000, 4), (4, 3000), (2001, 1501)]:
    make = saved("a.png", lambda w=width, h=height: Image.fromarray(quartered((w, h))))  # type: ignore[misc]
    add(
        f"{width}x{height} pixels", make, shows(1, (width, height), colours=CORNERS if min(width, height) > 2 else None)
    )


def huge(place: Place) -> Call:
    Image.new("RGB", (8000, 6000), A).save(place.given / "a.jpg", quality=80)
    return lambda: read("a.jpg")


add("48 million pixels, as a phone takes them", huge, shows(1, (8000, 6000), colours=[A], leaves=()), megabytes=700)
DEEP = "The picture's values have no known meaning"
for name, values in [
    ("floats far beyond 1", np.float32([[0, 5000]])),
    ("floats that are no numbers", np.float32([[0, np.nan]])),
    ("floats without end", np.float32([[0, np.inf]])),
    ("whole numbers below 0", np.int32([[-5, 9]])),
    ("whole numbers beyond 16 bits", np.int32([[0, 1 << 20]])),
]:
    add(
        name,
        saved("a.tif", lambda values=values: Image.fromarray(values.repeat(20, 0))),
        Refused(MediaError, "a.tif", DEEP),
    )  # type: ignore[misc]


def sixteen(place: Place) -> Call:
    """A PNG of 16 bits a channel, which Pillow cannot write."""
    picture = place.out.parent / "plain.png"
    plain().save(picture)
    ffmpeg("-i", picture, "-pix_fmt", "rgb48be", place.given / "a.png")
    return pictured("a.png")(place)


add("16 bits of each colour", sixteen, shows(1, (64, 48), colours=CORNERS))


# Animations, each frame as it is seen: frames that cover a part, are taken away again, or last for a time of their own.
def animated(
    name: str, give: Callable[..., Callable[[Place], Call]] = played, **options: object
) -> Callable[[Place], Call]:
    def make(place: Place) -> Call:
        pictures = [Image.fromarray(frame(n)) for n in range(6)]
        pictures[0].save(place.given / name, save_all=True, append_images=pictures[1:], **options)
        return give(name)(place)

    return make


STEADY = {"duration": 40, "loop": 0}
for name, file, options, outcome, needs in [
    ("animated WebP", "a.webp", {**STEADY, **LOSSLESS}, shows(6, (64, 48), fps=25, numbers=range(6)), None),
    ("animated PNG", "a.png", STEADY, shows(6, (64, 48), fps=25, numbers=range(6)), None),
    ("animated PNG whose first picture is for others", "a.png", {**STEADY, "default_image": True}, shows(5, numbers=range(1, 6)), None),
    ("animated AVIF", "a.avif", {"duration": 40, "quality": 100}, shows(6, fps=25, numbers=range(6)), has_avif),
    ("delays that differ", "a.webp", {"duration": [40, 80, 40, 40, 80, 40], **LOSSLESS}, shows((6, 9), None), None),
    ("delays of nothing", "a.png", {"duration": 0}, shows(6, fps=10, numbers=range(6)), None),
    ("a delay of an hour", "a.png", {"duration": [40, 40, 3_600_000, 40, 40, 40]}, Refused(MediaError, "a.png", "is shown for too long|too many frames|cannot be read"), None),
    ("animated GIF", "a.gif", STEADY, shows(6, (64, 48), fps=25, numbers=range(6)), None),
    ("animated GIF that takes each frame away", "a.gif", {**STEADY, "disposal": 2}, shows(6, numbers=range(6)), None),
    ("GIF without delays", "a.gif", {"loop": 0}, shows(6, fps=10, numbers=range(6)), None),
]:  # fmt: skip
    add(name, animated(file, **options), outcome, **({"needs": needs} if needs else {}))  # type: ignore[arg-type]
TURNED = {**STEADY, **LOSSLESS, "exif": SIX}
add("animated WebP, turned by EXIF", animated("a.webp", **TURNED), shows(6, (48, 64), fps=25))


def gif(*parts: tuple[int, int, int, int, int, int], size: tuple[int, int] = (64, 48), clear: bool = False) -> bytes:
    """A GIF whose frames cover parts: left, top, width, height, which of four colours, disposal."""
    colours = b"".join(bytes(colour) for colour in CORNERS)
    data = b"GIF89a" + struct.pack("<HHBBB", *size, 0x91, 0, 0) + colours
    for left, top, width, height, colour, disposal in parts:
        data += b"\x21\xf9\x04" + struct.pack("<BHBB", disposal << 2 | clear, 4, 3 if clear else 0, 0)
        data += b"\x2c" + struct.pack("<HHHHB", left, top, width, height, 0) + b"\2"
        data += lzw([colour] * (width * height)) + b"\0"
    return data + b";"


def lzw(values: list[int]) -> bytes:
    """Pixels of two bits in GIF's packing, begun anew before its codes grow."""
    codes = [code for n, value in enumerate(values) for code in ([4, value] if n % 2 == 0 else [value])]
    bits, count, out = 0, 0, bytearray()
    for code in [*codes, 5]:
        bits |= code << count
        count += 3
        while count >= 8:
            out.append(bits & 255)
            bits, count = bits >> 8, count - 8
    out.append(bits & 255)
    return b"".join(bytes([len(part)]) + part for part in (bytes(out[n : n + 255]) for n in range(0, len(out), 255)))


def content(name: str, data: bytes, give: Callable[..., Callable[[Place], Call]] = pictured) -> Callable[[Place], Call]:
    def make(place: Place) -> Call:
        (place.given / name).write_bytes(data)
        return give(name)(place)

    return make


WHOLE = (0, 0, 64, 48, 0, 0)
add(
    "GIF whose second frame covers a corner",
    content("a.gif", gif(WHOLE, (32, 0, 32, 24, 1, 0)), lambda name: played(name, start="0.04")),
    shows(1, (64, 48), colours=(A, B, A, A)),
)
add(
    "GIF whose second frame is taken away again",
    content("a.gif", gif(WHOLE, (32, 0, 32, 24, 1, 3), (0, 24, 32, 24, 2, 0)), lambda name: played(name, start="0.08")),
    shows(1, (64, 48), colours=(A, A, C, A)),
)
add(
    "GIF whose first frame is only a part of it",
    content("a.gif", gif((0, 0, 32, 24, 1, 0), (32, 24, 32, 24, 2, 0)), played),
    shows(2, (64, 48)),
)
add("GIF of one pixel", content("a.gif", gif((0, 0, 1, 1, 1, 0), size=(1, 1)), played), shows(1, (1, 1), colours=[B]))

# Under another name, and what is no picture.
JPEG, PNG = io.BytesIO(), io.BytesIO()
plain().save(JPEG, "JPEG", **FINE)
plain().save(PNG, "PNG")
for name, file, data in [
    ("JPEG named PNG", "a.png", JPEG), ("PNG named JPEG", "a.jpg", PNG), ("PNG named HEIC", "a.heic", PNG),
    ("PNG named MP4", "a.mp4", PNG), ("JPEG without a suffix", "photo", JPEG), ("JPEG named text", "a.txt", JPEG),
]:  # fmt: skip
    add(name, content(file, data.getvalue()), shows(1, (64, 48), colours=CORNERS))
NONE = r"(This is not a picture|This is not a video that can be read)"
for name, file, data in [
    ("a drawing in SVG", "a.svg", b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
    ("SVG named PNG", "a.png", b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'),
    (
        "a PostScript program named PNG",
        "a.png",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n",
    ),
    ("a document named JPEG", "a.jpg", b"%PDF-1.4\n%%EOF"),
    ("a web page named JPEG", "a.jpg", b"<html><body>404</body></html>"),
    ("an icon", "a.ico", b"\0\0\1\0\1\0\1\1\0\0\1\0\x18\0\x30\0\0\0\x16\0\0\0" + bytes(48)),
    ("a drawing of Photoshop", "a.psd", b"8BPS\0\1" + bytes(6) + b"\0\3\0\0\0\1\0\0\0\1\0\x08\0\3" + bytes(12)),
    ("the raw data of a camera", "a.cr3", b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(64)),
]:
    add(name, content(file, data), Refused(MediaError, file, NONE))


def folder(place: Place) -> Call:
    """Pictures of a folder, in natural order, beside what is none."""
    pictures = place.given / "pictures"
    pictures.mkdir()
    for n in range(12):
        Image.fromarray(frame(n)).save(pictures / f"shot{n}.png")
    (pictures / "notes.txt").write_text("x", encoding="utf-8")
    (pictures / ".hidden.png").write_bytes(b"x")
    return played("pictures")(place)


def mixed(place: Place) -> Call:
    folder(place)
    Image.new("RGB", (40, 30)).save(place.given / "pictures" / "shot12.png")
    return played("pictures")(place)


def spoilt(place: Place) -> Call:
    folder(place)
    (place.given / "pictures" / "shot3.png").write_bytes(b"no picture")
    return played("pictures")(place)


add("a folder of pictures", folder, shows(12, (64, 48), fps=25, numbers=range(12)))
add(
    "a folder whose last picture is smaller",
    mixed,
    Refused(MediaError, "shot12.png", "The pictures differ in size; got shot12.png: 40x30"),
)
add("a folder with a broken picture", spoilt, Refused(MediaError, "shot3.png", "This is not a picture"))
