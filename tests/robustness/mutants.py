"""Mutated media files: small whole ones of every format, and what becomes of them by seed and number.

Bytes are changed, cut, moved and spliced with another file's; of formats made of chunks, whole chunks are swapped,
doubled, left out, renamed, or given another length, with a PNG's checksums made right again, so that the damage reaches
what lies behind them.
"""

from __future__ import annotations

import random
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, features

from tests.media.damage import make_samples, mutate
from tests.support.clips import ffmpeg, frame

__all__ = ["Mutant", "Sample", "make_all", "mutant"]

PNG_START = b"\x89PNG\r\n\x1a\n"
# Of ISO files and of Matroska: what holds further chunks.
ISO_HOLDERS = (
    b"moov",
    b"trak",
    b"mdia",
    b"minf",
    b"stbl",
    b"edts",
    b"dinf",
    b"udta",
    b"moof",
    b"traf",
    b"mvex",
    b"iprp",
    b"ipco",
    b"jp2h",
)
EBML_HOLDERS = (0x18538067, 0x1654AE6B, 0xAE, 0xE0, 0x1F43B675, 0xA0, 0x1C53BB6B, 0x1254C367, 0x7373, 0x114D9B74)
LENGTHS = (0, 1, 2, 7, 8, 9, 16, 0x7F, 0xFF, 0x100, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


@dataclass(frozen=True)
class Sample:
    """A whole file.

    Attributes:
        name: With the suffix, which is what results are counted by.
        content: Its bytes.
    """

    name: str
    content: bytes

    @property
    def suffix(self) -> str:
        """With the full stop."""
        return self.name[self.name.rindex(".") :]


@dataclass(frozen=True)
class Mutant:
    """A mutated file.

    Attributes:
        number: By which it is made again, with the seed.
        sample: What it was.
        content: What it is now; never empty.
        how: What was done to it, in words.
    """

    number: int
    sample: Sample
    content: bytes
    how: str


@dataclass(frozen=True)
class Chunk:
    """Where a chunk lies, with all its parts, and where and how its length is stored; width 0 where it is not."""

    start: int
    end: int
    name_at: int
    name_width: int
    length_at: int
    width: int
    big: bool = True


def make_all(folder: Path) -> list[Sample]:
    """The samples of the tests of media, and one of each further format that is here."""
    make_samples(folder)
    video = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.24")
    sound = ("-f", "lavfi", "-i", "sine=d=0.24:r=22050")
    for name, options in {
        "hevc.mp4": (*video, "-c:v", "libx265", "-x265-params", "log-level=none:pools=none:frame-threads=1"),
        "av1.mp4": (*video, "-c:v", "libaom-av1", "-cpu-used", 8, "-threads", 1),
        "vp8.webm": (*video, *sound, "-c:v", "libvpx", "-deadline", "realtime"),
        "tenbit.mkv": (*video, "-c:v", "ffv1", "-pix_fmt", "yuv420p10le"),
        "mpeg4.avi": (*video, *sound, "-c:v", "mpeg4", "-c:a", "libmp3lame"),
        "prores.mov": (*video, "-c:v", "prores"),
        "a.mpg": (*video, *sound, "-c:v", "mpeg2video"),
        "a.flv": (*video, "-c:v", "flv"),
        "a.wmv": (*video, *sound, "-c:v", "wmv2"),
        "a.ogv": (*video, *sound, "-c:v", "libtheora", "-c:a", "libvorbis"),
        "a.wav": sound,
        "a.flac": sound,
        "a.mp3": sound,
        "a.ogg": (*sound, "-c:a", "libopus"),
    }.items():
        ffmpeg(*options, *(() if name.endswith((".wav", ".flac", ".mp3", ".ogg")) else ("-threads", 1)), folder / name)
    _make_pictures(folder)
    return [Sample(path.name, path.read_bytes()) for path in sorted(folder.iterdir()) if path.is_file()]


def _make_pictures(folder: Path) -> None:
    picture = Image.fromarray(np.roll(frame(0b1011_0110), 3, 0))
    wide = np.linspace(0, 65535, 48 * 64).astype(np.uint16).reshape(48, 64)
    Image.fromarray(wide).save(folder / "sixteen.png")
    picture.convert("LA").save(folder / "grey.png")
    picture.save(folder / "progressive.jpg", progressive=True)
    picture.save(folder / "a.bmp")
    picture.save(folder / "a.ppm")
    picture.save(folder / "lossless.webp", lossless=True)
    picture.save(folder / "pages.tif", save_all=True, append_images=[picture.convert("L")], compression="tiff_deflate")
    picture.save(folder / "plain.tiff")
    palette = [picture.rotate(n).quantize(8) for n in range(0, 360, 60)]
    palette[0].save(folder / "holes.gif", save_all=True, append_images=palette[1:], transparency=0, disposal=2)
    if features.check("jpg_2000"):
        picture.save(folder / "a.jp2")
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return
    register_heif_opener()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture.save(folder / "a.heic")


def mutant(samples: list[Sample], number: int, seed: int = 0) -> Mutant:
    """The mutated file of this number: always the same one of the same samples, whatever came before."""
    draw = random.Random(f"{seed}:{number}")
    sample = samples[number % len(samples)]
    content, done = sample.content, []
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        content, how = _change(content, samples, draw)
        done.append(how)
    if content.startswith(PNG_START) and draw.random() < 0.7:
        content = _with_checksums(content)
        done.append("checksums made right")
    return Mutant(number, sample, content or b"\0", ", ".join(done))


def _change(content: bytes, samples: list[Sample], draw: random.Random) -> tuple[bytes, str]:
    kind = draw.random()
    if kind < 0.4:
        return mutate(content, draw), "bytes changed"
    if kind < 0.5:
        return _splice(content, draw.choice(samples), draw)
    if kind < 0.55:
        end = draw.randrange(len(content) + 1)
        return content[:end], f"cut off at {end}"
    found = chunks(content)
    if not found or kind < 0.6:
        return _other_number(content, draw)
    return _change_chunk(content, found, draw)


def _splice(content: bytes, other: Sample, draw: random.Random) -> tuple[bytes, str]:
    """The beginning of one file and the end of another, or a piece of the other put in."""
    at, begin = draw.randrange(len(content) + 1), draw.randrange(len(other.content) + 1)
    if draw.random() < 0.5:
        return content[:at] + other.content[begin:], f"from {at} on {other.name} from {begin} on"
    piece = other.content[begin : begin + draw.choice((4, 16, 256, 4096))]
    return content[:at] + piece + content[at:], f"{len(piece)} bytes of {other.name} put in at {at}"


def _other_number(content: bytes, draw: random.Random) -> tuple[bytes, str]:
    """Another value for four bytes that look like a length, a place or a count."""
    order = draw.choice("<>")
    for _ in range(200):
        if len(content) < 5:
            break
        at = draw.randrange(min(len(content) - 4, 4096))
        (value,) = struct.unpack_from(f"{order}I", content, at)
        if 0 < value <= len(content):
            new = draw.choice((*LENGTHS, value - 1, value + 1, value * 2, value // 2)) & 0xFFFFFFFF
            return content[:at] + struct.pack(f"{order}I", new) + content[at + 4 :], f"{value} at {at} becomes {new}"
    return mutate(content, draw), "bytes changed"


def _change_chunk(content: bytes, found: list[Chunk], draw: random.Random) -> tuple[bytes, str]:
    one, other = draw.choice(found), draw.choice(found)
    name = repr(content[one.name_at : one.name_at + one.name_width])
    before, body, after = content[: one.start], content[one.start : one.end], content[one.end :]
    match draw.randrange(7):
        case 0:
            return _swapped(content, one, other), f"{name} swapped with another"
        case 1:
            new, how = before + body + body * draw.choice((1, 1, 30)) + after, "doubled"
        case 2:
            new, how = before + after, "left out"
        case 3:
            named = content[other.name_at : other.name_at + other.name_width]
            new = content[: one.name_at] + named + content[one.name_at + one.name_width :]
            how = f"becomes {named!r}"
        case 4:
            new, how = content[: other.start] + body + content[other.start :], "put elsewhere too"
        case 5:
            inner = one.start + draw.randrange(max(len(body), 1))
            end = min(inner + draw.choice((1, 4, 16)), one.end)
            new, how = content[:inner] + draw.randbytes(end - inner) + content[end:], "filled with others"
        case _:
            value = draw.choice((*LENGTHS, len(body) + 1, max(len(body) - 9, 0), len(content)))
            raw = (value % 256**one.width).to_bytes(one.width, "big" if one.big else "little")
            new = content[: one.length_at] + raw + content[one.length_at + one.width :]
            how = f"gets the length {value}"
    return new, f"{name} {how}"


def _swapped(content: bytes, one: Chunk, other: Chunk) -> bytes:
    """Two chunks, each in the other's place; of one inside the other, the inner one alone is left."""
    first, second = sorted((one, other), key=lambda chunk: (chunk.start, -chunk.end))
    inner = content[second.start : second.end]
    if first.end > second.start:
        return content[: first.start] + inner + content[first.end :]
    between = content[first.end : second.start]
    return content[: first.start] + inner + between + content[first.start : first.end] + content[second.end :]


def chunks(content: bytes) -> list[Chunk]:
    """The chunks of a file, those inside others too; none of a format without."""
    whole = len(content)
    for there, find in (
        (content.startswith(PNG_START), lambda: _png(content)),
        (content[:4] in (b"RIFF", b"RIFX"), lambda: _riff(content, 12, whole)),
        (content[4:8] in (b"ftyp", b"jP  ", b"moov", b"free", b"wide"), lambda: _iso(content, 0, whole)),
        (content.startswith(b"\x1a\x45\xdf\xa3"), lambda: _ebml(content, 0, whole)),
        (content.startswith(b"\xff\xd8"), lambda: _jpeg(content)),
        (content[:4] in (b"II*\0", b"MM\0*"), lambda: _tiff(content)),
    ):
        if there:
            return find()
    return []


def _png(content: bytes) -> list[Chunk]:
    found, at = [], len(PNG_START)
    while at + 12 <= len(content):
        end = at + 12 + int.from_bytes(content[at : at + 4], "big")
        if end > len(content):
            break
        found.append(Chunk(at, end, at + 4, 4, at, 4))
        at = end
    return found


def _with_checksums(content: bytes) -> bytes:
    new = bytearray(content)
    for chunk in _png(content):
        new[chunk.end - 4 : chunk.end] = struct.pack(">I", zlib.crc32(content[chunk.start + 4 : chunk.end - 4]))
    return bytes(new)


def _riff(content: bytes, at: int, limit: int) -> list[Chunk]:
    found = []
    while at + 8 <= limit:
        length = int.from_bytes(content[at + 4 : at + 8], "little")
        end = min(at + 8 + length + length % 2, limit)
        found.append(Chunk(at, end, at, 4, at + 4, 4, big=False))
        if content[at : at + 4] == b"LIST":
            found += _riff(content, at + 12, end)
        at = end
    return found


def _iso(content: bytes, at: int, limit: int) -> list[Chunk]:
    found = []
    while at + 8 <= limit:
        length = int.from_bytes(content[at : at + 4], "big")
        end = min(at + length, limit) if length >= 8 else limit
        found.append(Chunk(at, end, at + 4, 4, at, 4))
        name = content[at + 4 : at + 8]
        if name in ISO_HOLDERS:
            found += _iso(content, at + 8, end)
        elif name in (b"meta", b"stsd", b"dref"):  # a version and flags come first, and of some a count
            found += _iso(content, at + (12 if name == b"meta" else 16), end)
        at = end
    return found


def _ebml(content: bytes, at: int, limit: int) -> list[Chunk]:
    found = []
    while at + 2 <= limit and content[at]:
        width = 9 - content[at].bit_length()
        length_at = at + width
        if length_at >= limit or not content[length_at] or width > 4:
            break
        length_width = 9 - content[length_at].bit_length()
        body = length_at + length_width
        length = int.from_bytes(content[length_at:body], "big") & ((1 << 7 * length_width) - 1)
        end = min(body + length, limit)
        found.append(Chunk(at, end, at, width, length_at, length_width))
        if int.from_bytes(content[at:length_at], "big") in EBML_HOLDERS:
            found += _ebml(content, body, end)
        at = end
    return found


def _jpeg(content: bytes) -> list[Chunk]:
    found, at = [], 2
    while at + 4 <= len(content) and content[at] == 0xFF:
        end = at + 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        found.append(Chunk(at, min(end, len(content)), at + 1, 1, at + 2, 2))
        if content[at + 1] == 0xDA:
            break
        at = end
    return found


def _tiff(content: bytes) -> list[Chunk]:
    """The entries of the first directory; what stands for a length is the count of values."""
    big = content.startswith(b"MM")
    order = ">" if big else "<"
    (at,) = struct.unpack_from(f"{order}I", content, 4) if len(content) >= 8 else (0,)
    if at + 2 > len(content):
        return []
    (count,) = struct.unpack_from(f"{order}H", content, at)
    starts = [at + 2 + 12 * n for n in range(min(count, 50)) if at + 14 + 12 * n <= len(content)]
    return [Chunk(start, start + 12, start, 2, start + 4, 4, big) for start in starts]
