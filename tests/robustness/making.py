"""Clips that the real ffmpeg makes of numbered or coloured frames, for faults."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tests.robustness.fault import Call, Place
from tests.support.clips import FFMPEG, ffmpeg, frame

__all__ = ["CORNERS", "edited", "encoders", "film", "made", "numbered", "quartered"]

CORNERS = ((200, 40, 40), (40, 180, 60), (50, 60, 200), (220, 220, 200))
"""RGB of a quartered picture: top left, top right, bottom left, bottom right."""
SOUND = ("-f", "lavfi", "-i", "sine=frequency=440:duration=4:sample_rate=44100")


def numbered(count: int, size: tuple[int, int] = (64, 48)) -> list[np.ndarray]:
    """Frames that tell their numbers, which survive resizing."""
    return [frame(n, size) for n in range(count)]


def quartered(size: tuple[int, int] = (64, 48), channels: int = 3) -> np.ndarray:
    """A picture of four colours, which shows how it lies; with a fourth channel it is opaque."""
    width, height = size
    picture = np.full((height, width, channels), 255, np.uint8)
    for n, colour in enumerate(CORNERS):
        rows = slice(height // 2, None) if n // 2 else slice(height // 2)
        columns = slice(width // 2, None) if n % 2 else slice(width // 2)
        picture[rows, columns, :3] = colour
    return picture


def film(
    path: Path,
    *options: object,
    frames: Sequence[np.ndarray] | int = 8,
    fps: object = 25,
    sound: bool = False,
    more: Sequence[object] = (),
) -> Path:
    """Encode frames with ffmpeg.

    Args:
        path: The file.
        *options: Of the output.
        frames: H W 3 or H W 4 uint8, or how many numbered ones.
        fps: Rate.
        sound: Whether a tone is the second input, as long as the frames.
        more: Further inputs.
    """
    pictures = numbered(frames) if isinstance(frames, int) else frames
    height, width, channels = pictures[0].shape
    kind = {3: "rgb24", 4: "rgba"}[channels]
    raw = ("-f", "rawvideo", "-pix_fmt", kind, "-s", f"{width}x{height}", "-r", fps, "-i", "-")
    length = ("-t", len(pictures) / float(eval_rate(fps))) if sound else ()
    words = [FFMPEG, "-v", "error", "-y", *raw, *(SOUND if sound else ()), *more, *options, *length, path]
    data = b"".join(np.ascontiguousarray(picture).tobytes() for picture in pictures)
    subprocess.run([str(word) for word in words], input=data, check=True)
    return path


def eval_rate(fps: object) -> float:
    """A rate such as 30000/1001 as a number."""
    numerator, _, denominator = str(fps).partition("/")
    return float(numerator) / float(denominator or 1)


def made(
    give: Callable[[Place], Call],
    name: str,
    *options: object,
    then: Callable[[Path], object] | None = None,
    **film_of: object,
) -> Callable[[Place], Call]:
    """A fault that is a film: encoded in the given folder under a name, then changed, then given."""

    def make(place: Place) -> Call:
        path = film(place.given / name, *options, **film_of)  # type: ignore[arg-type]
        if then is not None:
            then(path)
        return give(place)

    return make


def edited(path: Path, *options: object, before: Sequence[object] = (), suffix: str | None = None) -> Path:
    """Run ffmpeg on a film and put what comes of it into its place, or beside it under another suffix."""
    target = path if suffix is None else path.with_suffix(suffix)
    part = path.with_name(f"edited{target.suffix}")
    ffmpeg(*before, "-i", path, *options, part)
    path.unlink()
    return part.rename(target)


def encoders(*names: str) -> Callable[[], str | None]:
    """Why a film cannot be made here: the ffmpeg at hand lacks one of these encoders."""

    def missing() -> str | None:
        said = subprocess.run([FFMPEG, "-hide_banner", "-encoders"], capture_output=True, text=True, check=True).stdout
        known = {line.split()[1] for line in said.splitlines() if len(line.split()) > 2}
        lacking = [name for name in names if name not in known]
        return f"ffmpeg has no {', '.join(lacking)} here" if lacking else None

    return missing
