"""Single pictures."""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from motionkit.errors import InputError, MediaError, MissingPackageError
from motionkit.frames import Frame
from motionkit.media.suffixes import IMAGE_SUFFIXES
from motionkit.media.targets import explain, part_name

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["DESCRIPTION", "check_file", "is_image", "read_image", "write_image"]

HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif")
JPEG_QUALITY = 95
DESCRIPTION = 0x010E  # of EXIF: the one text field that every reader shows


def check_file(path: str | Path) -> Path:
    """Return the path if it is a file with something in it.

    Args:
        path: What was given for a file.

    Raises:
        InputError: There is no such file, or it is a folder.
        MediaError: The file is empty, or may not be read.
    """
    file = Path(path)
    if file.is_dir():
        raise InputError("This is a folder where a file belongs", got=str(path))
    if not file.exists():
        names = [p.name for p in file.parent.iterdir()] if file.parent.is_dir() else []
        near = get_close_matches(file.name, names, n=1)
        raise InputError("There is no such file", got=str(path), todo=f"Did you mean {near[0]}?" if near else None)
    if not os.access(file, os.R_OK):
        raise MediaError("The file cannot be read", got=str(path), todo="Check its permissions")
    if file.stat().st_size == 0:
        raise MediaError("The file is empty", got=str(path))
    return file


def is_image(path: str | Path) -> bool:
    """Whether a file holds a still picture, by its content; GIFs count as clips.

    Args:
        path: Any path; one without a file is none.
    """
    from PIL import Image, UnidentifiedImageError

    file = Path(path)
    if not file.is_file():
        return False
    if _is_heif(file):
        return True
    try:
        with Image.open(file) as picture:
            kind: str | None = picture.format
            return kind != "GIF"
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False


def read_image(path: str | Path) -> Frame:
    """Read a picture as it is meant to be seen.

    EXIF orientation is applied, transparency lies on white, 16 bits become 8, grey, CMYK and palettes become RGB.

    Args:
        path: A file that Pillow reads, or HEIC with pillow-heif.

    Returns:
        H W 3 uint8 RGB.

    Raises:
        InputError: No such file, or a folder.
        MediaError: Empty, damaged, or no picture.
        MissingPackageError: HEIC without pillow-heif.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    file = check_file(path)
    if _is_heif(file):
        _register_heif(file)
    try:
        with Image.open(file) as picture:
            return np.array(_to_rgb(ImageOps.exif_transpose(picture)))
    except UnidentifiedImageError:
        raise MediaError("This is not a picture", got=str(path), expected="PNG, JPEG, WebP, TIFF, BMP …") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise MediaError("The picture cannot be read", got=f"{path} ({explain(error)})") from None


def write_image(path: str | Path, frame: Frame, *, metadata: Mapping[str, str] | None = None) -> None:
    """Write a frame as a picture file, whole or not at all.

    Args:
        path: Its suffix, one of ``IMAGE_SUFFIXES``, chooses PNG, JPEG or WebP.
        frame: H W 3 uint8.
        metadata: Name to text; stored as PNG text chunks, or as the EXIF description.

    Raises:
        InputError: The suffix is another one.
        MediaError: The file cannot be written.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    target = Path(path)
    suffix = target.suffix.lower()
    if suffix not in IMAGE_SUFFIXES:
        raise InputError("Unknown kind of picture", got=target.name, expected=" ".join(IMAGE_SUFFIXES))
    options: dict[str, Any] = {}
    if suffix == ".png":
        info = PngInfo()
        for key, value in (metadata or {}).items():
            info.add_itxt(key, value)
        options["pnginfo"] = info
    else:
        exif = Image.Exif()
        if metadata:
            exif[DESCRIPTION] = "\n".join(f"{key}: {value}" for key, value in metadata.items()).encode()
        options |= {"exif": exif, "quality": JPEG_QUALITY}
    part = part_name(target)
    try:
        Image.fromarray(frame).save(part, **options)
        os.replace(part, target)
    except OSError as error:
        raise MediaError("The picture cannot be written", got=f"{path} ({explain(error)})") from None
    finally:
        part.unlink(missing_ok=True)


def _to_rgb(picture: Image.Image) -> Image.Image:
    from PIL import Image

    if picture.mode.startswith("I;16") or picture.mode == "I":
        return Image.fromarray((np.asarray(picture).clip(0, 65535) / 257).round().astype(np.uint8)).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return picture.convert("RGB")


def _is_heif(file: Path) -> bool:
    with file.open("rb") as stream:
        start = stream.read(12)
    return start[4:8] == b"ftyp" and start[8:12] in HEIF_BRANDS


def _register_heif(file: Path) -> None:
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        raise MissingPackageError(
            "HEIC pictures need another package", got=str(file), todo='Run: pip install "motionkit[heic]"'
        ) from None
    register_heif_opener()
