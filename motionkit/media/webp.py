"""Moving WebP pictures."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from motionkit.errors import InputError, MediaError
from motionkit.frames import Frame
from motionkit.media.images import described
from motionkit.media.targets import Seal, check_target, explain, part_name
from motionkit.wholefile import replace

__all__ = ["write_webp"]

QUALITY = 85


def write_webp(
    path: str | Path,
    frames: Sequence[Frame],
    *,
    fps: Fraction,
    metadata: Mapping[str, str] | None = None,
    seal: Seal | None = None,
) -> None:
    """Write frames as one moving picture that begins anew at its end, whole or not at all.

    Args:
        path: Ends in ``.webp``.
        frames: At least one, H W 3 uint8, of one size.
        fps: Exact rate; WebP counts in milliseconds, and the error is carried along.
        metadata: Name to text, stored as the EXIF description.
        seal: Called with the finished file, before it gets its name, and with the target.

    Raises:
        InputError: There are no frames, or the target cannot be one.
        MediaError: The file cannot be written.
    """
    from PIL import Image

    target = Path(path)
    check_target(target)
    if target.suffix.lower() != ".webp":
        raise InputError("This is no WebP", got=target.name, expected="a name in .webp")
    if not frames:
        raise InputError("A moving picture needs frames", got="none")
    ticks = [round(at * 1000 / fps) for at in range(len(frames) + 1)]
    first, *rest = (Image.fromarray(frame) for frame in frames)
    part = part_name(target)
    try:
        first.save(
            part, save_all=True, append_images=rest, duration=[b - a for a, b in itertools.pairwise(ticks)],
            loop=0, quality=QUALITY, exif=described(metadata or {}),
        )  # fmt: skip
        if seal is not None:
            seal(part, target)
        replace(part, target)
    except (OSError, ValueError) as error:
        raise MediaError("The picture cannot be written", got=f"{path} ({explain(error)})") from None
    finally:
        part.unlink(missing_ok=True)
