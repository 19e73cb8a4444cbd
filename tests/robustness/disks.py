"""Disks that are full or may only be read, and permissions; a part of the faults of paths."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from motionkit import media
from motionkit.errors import InputError, MediaError, WeightsError
from tests.robustness.fault import Call, Place, Refused, Skipped
from tests.robustness.giving import RESULT, portrait, run_command, tiny
from tests.robustness.making import film
from tests.robustness.paths import H264, PATHS, target_of, to

__all__ = ["DISKS"]

add = PATHS.add


@contextlib.contextmanager
def disk(folder: Path, size: str, *options: str) -> Iterator[None]:
    """A disk of its own on a folder."""
    try:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", ",".join([f"size={size}", *options]), "tmpfs", str(folder)],
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError):
        raise Skipped("mounting a small disk needs root") from None
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def on_a_disk(size: str, name: str, *options: str, sound: bool = False) -> Callable[[Place], Call]:
    """Write noise, which does not get smaller, to a disk that is soon full or may not be written to."""

    def make(place: Place) -> Call:
        noise = np.random.default_rng(0).integers(0, 256, (4 if name == "r.gif" else 12, 240, 320, 3), np.uint8)
        film(place.given / "loud.mp4", *H264, sound=True)

        def call() -> None:
            with disk(place.out, size, *options):
                try:
                    audio = media.open_clip("loud.mp4") if sound else None
                    with media.VideoWriter(place.out / name, fps=Fraction(25), audio=audio) as writer:
                        for picture in noise:
                            writer.write(picture)
                finally:
                    left = [path.name for path in place.out.iterdir()]
                    assert not left, f"left on the disk: {left}"

        return call

    return make


FULL = r"(The clip cannot be written|The picture cannot be written); got .*No space left on device"
for name in ("r.mp4", "r.mkv", "r.webm", "r.gif", "frames"):
    add(
        f"a full disk while {name} is written",
        on_a_disk("64k", name, sound=name == "r.mp4"),
        Refused(MediaError, name, FULL),
    )
add(
    "a disk that may only be read",
    on_a_disk("1m", "r.mp4", "ro"),
    Refused(MediaError, "out", r"The target's folder cannot be written to"),
)


def full_of(words: tuple[str, ...], size: str = "16k") -> Callable[[Place], Call]:
    """A command whose results come to a full disk."""

    def make(place: Place) -> Call:
        film(place.given / "drive.mp4", *H264, frames=200)
        portrait(place.given)
        tiny(place.given)

        def call() -> None:
            with disk(place.out, size):
                try:
                    run_command(*words)
                finally:
                    left = [path.name for path in place.out.iterdir()]
                    assert not left, f"left on the disk: {left}"

        return call

    return make


add(
    "a full disk while weights are converted",
    full_of(("convert", "tiny.safetensors", "../out/a.safetensors")),
    Refused(WeightsError, "a.safetensors", r"Cannot write .*No space left on device"),
)
add(
    "a full disk while motion is extracted",
    full_of(("extract", "drive.mp4", "-o", "../out/a.motion", "--model", "tiny.safetensors")),
    Refused(InputError, "a.motion", r"Cannot write the motion template .*No space left"),
)


def powerless(make: Callable[[Place], Call]) -> Callable[[Place], Call]:
    """The same by a user for whom permissions hold: root's thread gives up the right to pass over them."""

    def build(place: Place) -> Call:
        call = make(place)

        def run() -> Any:
            box: list[Any] = []

            def inside() -> None:
                try:
                    _drop_rights()
                    box.append(call())
                except BaseException as error:
                    box.append(error)

            thread = threading.Thread(target=inside)
            thread.start()
            thread.join()
            if isinstance(box[0], BaseException):
                raise box[0]
            return box[0]

        return run

    return build


def _drop_rights() -> None:
    """Take CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH from this thread alone."""
    if os.geteuid() != 0:
        return
    if sys.platform != "linux":
        raise Skipped("permissions do not hold for this user")
    libc = ctypes.CDLL(None, use_errno=True)
    head, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    if libc.capget(head, sets):
        raise Skipped("the rights of this thread cannot be read")
    for n in range(3):  # effective, permitted, inheritable
        sets[n] &= ~0b110
    if libc.capset(head, sets):
        raise Skipped("this thread cannot give up its rights")


def locked(path: str, mode: int, base: Callable[[Place], Call]) -> Callable[[Place], Call]:
    """What a call needs, with other permissions on one path."""

    def make(place: Place) -> Call:
        call = base(place)
        (place.given / path).chmod(mode)
        return call

    return powerless(make)


for name, make, error, names, says in [
    ("a clip that may not be read", locked("drive.mp4", 0, to(f"OUT/{RESULT}")), MediaError, "drive.mp4", r"The file cannot be read; got drive.mp4\. Check its permissions"),
    ("a picture that may not be read", locked("photo.png", 0, to(f"OUT/{RESULT}")), MediaError, "photo.png", r"The file cannot be read"),
    ("weights that may not be read", locked("tiny.safetensors", 0, to(f"OUT/{RESULT}")), WeightsError, "tiny.safetensors", r"Cannot read .*Permission denied"),
    ("a folder of results that may not be written to", locked("../out", 0o555, to(f"OUT/{RESULT}")), MediaError, "out", r"The target's folder cannot be written to"),
    ("a folder that may not be entered", locked("../out", 0, to(f"OUT/{RESULT}")), InputError, "out", r"The target cannot be used; got .*Permission denied"),
]:  # fmt: skip
    add(name, make, Refused(error, names, says))
add("inputs that may only be read", locked("drive.mp4", 0o444, to(f"OUT/{RESULT}")), target_of())

DISKS = PATHS
"""The category that these faults are added to."""
