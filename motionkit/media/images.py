"""Single pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from motionkit.config.bounds import PICTURE_PIXELS
from motionkit.config.checks import check_path
from motionkit.errors import InputError, MediaError, MissingPackageError, MotionkitError
from motionkit.frames import Frame, check_frame
from motionkit.media.files import check_file
from motionkit.media.modes import PILLOW_DAMAGE, to_frame
from motionkit.media.suffixes import IMAGE_SUFFIXES
from motionkit.media.targets import Seal, explain, part_name
from motionkit.wholefile import check_replaceable, replace

if TYPE_CHECKING:
    from PIL import Image, ImageFile

__all__ = ["DESCRIPTION", "described", "is_image", "open_picture", "picture_kind", "read_image", "write_image"]

# What Pillow may take a file for. Not EPS, which it has Ghostscript run, nor film formats of which it reads one frame.
FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "GIF", "TIFF", "BMP", "DIB", "PPM", "JPEG2000", "QOI", "AVIF", "HEIF")
ANIMATED = ("WEBP", "PNG", "AVIF")
HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
AVIF_BRANDS = (b"avif", b"avis")
JPEG_QUALITY = 95
DESCRIPTION = 0x010E  # of EXIF: the one text field that every reader shows


class TooLargeError(MediaError):
    """A picture beyond ``bounds.PICTURE_PIXELS``: it is one, and nothing else tries to read it."""


def is_image(path: str | Path) -> bool:
    """Whether a file holds a still picture, by its content; GIFs and animated pictures count as clips.

    Args:
        path: Any path; one without a file is none.

    Raises:
        MediaError: It is a picture too large to open.
    """
    try:
        file = check_file(path)
    except MotionkitError:
        return False
    return picture_kind(file) == "still"


def picture_kind(file: Path) -> Literal["still", "moving", "gif"] | None:
    """What kind of picture a file holds, by its content: moving are WebP, PNG and AVIF of several frames; None is none.

    Args:
        file: One that ``check_file`` gave.
    """
    kind = _container(file)
    if kind is not None and not _can_read(kind):
        return "still"  # reading it says what is missing
    try:
        with open_picture(file) as picture:
            if picture.format == "GIF":
                return "gif"
            moves = picture.format in ANIMATED and getattr(picture, "n_frames", 1) > 1  # a TIFF has pages
            return "moving" if moves else "still"
    except MediaError as error:
        if isinstance(error, TooLargeError):
            raise
        return None


def read_image(path: str | Path) -> Frame:
    """Read a picture as it is meant to be seen.

    EXIF orientation is applied, colours become sRGB, transparency lies on white, 16 bits become 8, grey, CMYK and
    palettes become RGB. Floats in [0, 1] are scaled. Of an animation it is the first frame.

    Args:
        path: A file that Pillow reads, or HEIC with pillow-heif.

    Returns:
        H W 3 uint8 RGB.

    Raises:
        InputError: No such file, or a folder.
        MediaError: Empty, damaged, too large, or no picture.
        MissingPackageError: HEIC without pillow-heif, AVIF with an older Pillow.
    """
    file = check_file(path)
    kind = _container(file)
    if kind is not None and not _can_read(kind):
        raise _missing(kind, file)
    with open_picture(file) as picture:
        return to_frame(picture, file.name)


@contextmanager
def open_picture(file: Path) -> Iterator[ImageFile.ImageFile]:
    """Open a picture with Pillow; whatever goes wrong inside the block is the file's damage.

    Args:
        file: One that ``check_file`` gave.

    Raises:
        MediaError: It is no picture, damaged or too large.
    """
    from PIL import Image, UnidentifiedImageError

    Image.init()
    formats = [name for name in FORMATS if name in Image.OPEN]
    if Image.MAX_IMAGE_PIXELS is not None and PICTURE_PIXELS.value > 2 * Image.MAX_IMAGE_PIXELS:
        Image.MAX_IMAGE_PIXELS = -(-PICTURE_PIXELS.value // 2)  # Pillow refuses twice as many; someone asked for more
    try:
        with Image.open(file, formats=formats) as picture:
            if picture.width * picture.height > PICTURE_PIXELS.value:
                raise _too_large(file)
            yield picture
    except MotionkitError:
        raise
    except UnidentifiedImageError:
        raise MediaError("This is not a picture", got=str(file), expected="PNG, JPEG, WebP, TIFF, BMP …") from None
    except Image.DecompressionBombError:
        raise _too_large(file) from None
    except PILLOW_DAMAGE as error:
        raise MediaError("The picture cannot be read", got=f"{file} ({explain(error)})") from None


def write_image(
    path: str | Path, frame: Frame, *, metadata: Mapping[str, str] | None = None, seal: Seal | None = None
) -> None:
    """Write a frame as a picture file, whole or not at all.

    Args:
        path: Its suffix, one of ``IMAGE_SUFFIXES``, chooses PNG, JPEG or WebP.
        frame: H W 3 uint8.
        metadata: Name to text; stored as PNG text chunks, or as the EXIF description.
        seal: Called with the finished file, before it gets its name, and with the target.

    Raises:
        InputError: The frame is none, the suffix is another one, or the path is there and no regular file.
        MediaError: The file cannot be written.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    target = check_path("target", path)
    suffix = target.suffix.lower()
    if suffix not in IMAGE_SUFFIXES:
        raise InputError("Unknown kind of picture", got=target.name, expected=" ".join(IMAGE_SUFFIXES))
    check_replaceable(target)
    check_frame(frame, what=f"picture for {target.name}")
    options: dict[str, Any] = {}
    if suffix == ".png":
        info = PngInfo()
        for key, value in (metadata or {}).items():
            info.add_itxt(key, value)
        options["pnginfo"] = info
    else:
        options |= {"exif": described(metadata or {}), "quality": JPEG_QUALITY}
    part = part_name(target)
    try:
        Image.fromarray(frame).save(part, **options)
        if seal is not None:
            seal(part, target)
        replace(part, target)
    except (OSError, ValueError) as error:  # Pillow's for a picture that is too large for its kind
        if isinstance(error, MotionkitError):
            raise
        raise MediaError("The picture cannot be written", got=f"{path} ({explain(error)})") from None
    finally:
        part.unlink(missing_ok=True)


def described(metadata: Mapping[str, str]) -> Image.Exif:
    """EXIF whose description holds metadata, a line for each.

    Args:
        metadata: Name to text.
    """
    from PIL import Image

    exif = Image.Exif()
    if metadata:
        exif[DESCRIPTION] = "\n".join(f"{key}: {value}" for key, value in metadata.items()).encode()
    return exif


def _too_large(file: Path) -> TooLargeError:
    return TooLargeError(
        "The picture is too large", got=str(file), expected=PICTURE_PIXELS.expected, todo=PICTURE_PIXELS.todo
    )


def _container(file: Path) -> str | None:
    """HEIC or AVIF, of a picture in that kind of container; else None."""
    with file.open("rb") as stream:
        start = stream.read(64)
    if start[4:8] != b"ftyp":
        return None
    brand, length = start[8:12], int.from_bytes(start[:4], "big")
    others = [start[at : at + 4] for at in range(16, min(length, len(start)), 4)]
    if brand in AVIF_BRANDS or (brand in (b"mif1", b"msf1") and any(other in AVIF_BRANDS for other in others)):
        return "AVIF"
    return "HEIC" if brand in HEIF_BRANDS else None


def _can_read(kind: str) -> bool:
    """Whether Pillow reads this kind, with its plugin for HEIC where that is there."""
    from PIL import features

    if kind == "AVIF":
        return "avif" in features.get_supported_modules()
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return False
    register_heif_opener()
    return True


def _missing(kind: str, file: Path) -> MissingPackageError:
    if kind == "AVIF":
        from PIL import __version__

        return MissingPackageError(
            "AVIF pictures need Pillow 11.3 or newer",
            got=f"Pillow {__version__} for {file}",
            todo="Run: pip install --upgrade pillow",
        )
    return MissingPackageError(
        "HEIC pictures need another package", got=str(file), todo='Run: pip install "motionkit[heic]"'
    )
