"""Files of every kind that is read, the simplest mutations of them, and every way to read one."""

from __future__ import annotations

import random
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from motionkit import media
from motionkit.errors import MotionkitError
from motionkit.media.seeking import read_frames_at, spread_frames
from tests.support.clips import ffmpeg, frame, make

__all__ = ["make_samples", "mutate", "try_file"]

DELAYS = [40, 80, 120, 40, 40, 80]


def make_samples(folder: Path) -> list[Path]:
    """One small file of each kind, by the real ffmpeg and by Pillow."""
    sound = ("-f", "lavfi", "-i", "sine=d=0.4:r=22050")
    video = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.4")
    title = ("-metadata", "title=Käse", "-metadata:s:v", "language=deu")
    for name, options in {
        "a.mp4": ("-pix_fmt", "yuv420p", "-g", 4, "-movflags", "+faststart"),
        "a.mov": ("-pix_fmt", "yuv420p", "-aspect", "2:1", "-c:a", "pcm_s16le"),
        "fragments.mp4": ("-pix_fmt", "yuv420p", "-movflags", "+frag_keyframe+empty_moov"),
        "a.mkv": ("-pix_fmt", "yuv420p", "-g", 4),
        "a.webm": ("-deadline", "realtime"),
        "a.avi": ("-c:v", "mjpeg"),
        "a.ts": ("-pix_fmt", "yuv420p"),
    }.items():
        ffmpeg(*video, *sound, *title, *options, folder / name)
    ffmpeg("-display_rotation", 90, "-display_hflip", "-i", folder / "a.mp4", "-c", "copy", folder / "turned.mp4")
    make(folder / "a.gif", 6)
    pictures = [Image.fromarray(np.roll(frame(n * 37), n, 1)) for n in range(6)]
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a: b"
    options = {"exif": exif, "icc_profile": _profile()}
    pictures[1].save(folder / "a.png", **options)
    pictures[1].save(folder / "a.jpg", **options)
    pictures[1].convert("CMYK").save(folder / "cmyk.jpg")
    pictures[1].save(folder / "a.webp", **options)
    pictures[1].save(folder / "a.tif", compression="tiff_lzw", **options)
    pictures[1].quantize(16).save(folder / "palette.png")
    Image.fromarray(np.linspace(0, 1, 48 * 64, dtype=np.float32).reshape(48, 64)).save(folder / "float.tif")
    for name in ("moving.webp", "moving.png"):
        pictures[0].save(folder / name, save_all=True, append_images=pictures[1:], duration=DELAYS)
    try:
        pictures[1].save(folder / "a.avif")
        pictures[0].save(folder / "moving.avif", save_all=True, append_images=pictures[1:], duration=DELAYS)
    except (KeyError, OSError, ValueError):  # a Pillow without AVIF
        (folder / "a.avif").unlink(missing_ok=True)
    return sorted(folder.iterdir())


def _profile() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def mutate(content: bytes, draw: random.Random) -> bytes:
    """The content with a few bytes changed, cut, moved or doubled; more of it near the start, where headers stand."""
    data = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 4, 8, 32))):
        at = draw.randrange(len(data) if draw.random() < 0.5 else min(len(data), 1500)) if data else 0
        length = draw.choice((1, 2, 4, 8, 64))
        match draw.randrange(7):
            case 0:
                data[at : at + 1] = bytes([draw.randrange(256)])
            case 1:
                data[at : at + length] = draw.randbytes(length)
            case 2:
                data[at : at + 4] = draw.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\x80\0\0\0"))
            case 3:
                del data[at : at + length]
            case 4:
                data[at:at] = data[max(0, at - length) : at]
            case 5:
                data[at : at + 1] = bytes([data[at] ^ 1 << draw.randrange(8)]) if at < len(data) else b""
            case _:
                if draw.random() < 0.3:
                    del data[at:]
    return bytes(data)


def try_file(path: Path, target: Path) -> str:
    """Read a file in every way, and carry its sound over; returns how it went, raises what is no error for users."""
    outcome = "read"
    for use in (_read, _sample, media.is_image, media.read_metadata, lambda file: _carry(file, target)):
        try:
            use(path)
        except MotionkitError as error:
            outcome = "refused"
            named = path.name in str(error) or target.name in str(error)
            if not named or not str(error).isprintable():
                raise AssertionError(f"not one printable line that names the file: {str(error)!r}") from error
    return outcome


def _read(path: Path) -> None:
    clip = media.open_clip(path, end=3)
    sizes = {picture.shape[:2] for picture in clip}
    assert sizes == {(clip.info.height, clip.info.width)}, sizes


def _sample(path: Path) -> None:
    clip = media.open_clip(path)
    spread_frames(clip, 2)
    if clip.seekable:
        read_frames_at(path, [0, 3])


def _carry(path: Path, target: Path) -> None:
    """Carry the sound over to black frames: that the pictures can be read is seen elsewhere."""
    clip = media.open_clip(path, end=1)
    if clip.info.has_audio:
        with media.VideoWriter(target, fps=Fraction(25), audio=clip) as writer:
            for _ in range(10):
                writer.write(np.zeros((16, 16, 3), np.uint8))
