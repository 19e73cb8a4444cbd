"""Paths and disks: names, links, folders, targets that are inputs, read-only places, full disks, what stands in the way."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from motionkit.errors import InputError, MediaError
from tests.robustness.fault import Call, Category, Place, Refused, Works
from tests.robustness.giving import OF_NUMBERS, RESULT, played, portrait, read, run_command, shows, tiny
from tests.robustness.making import film

__all__ = ["PATHS"]

PATHS = Category("paths and disks")
add = PATHS.add
H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p")
LONGEST = "x" * 251 + ".mp4"
NUMBERS = shows(8, (64, 48), numbers=range(8))


# Names that people and programs give.
def named(name: str) -> Callable[[Place], Call]:
    def make(place: Place) -> Call:
        (place.given / name).parent.mkdir(parents=True, exist_ok=True)
        film(place.out.parent / "film.mp4", *H264).rename(place.given / name)
        return played(name)(place)

    return make


for what, name in [
    ("blanks", "my holiday clip .mp4"), ("umlauts", "Käse über Öl.mp4"), ("Chinese", "视频.mp4"), ("an emoji", "🎉👩‍👩‍👧.mp4"),
    ("Arabic, from right to left", "فيديو.mp4"), ("a combining accent", "Cafe\u0301.mp4"), ("quotes", "it's \"mine\".mp4"),
    ("a leading dash", "-o.mp4"), ("two leading dashes", "--help.mp4"), ("a colon", "12:30.mp4"), ("a protocol's look", "concat:a|b.mp4"),
    ("an address's look", "http:/localhost/clip.mp4"), ("percent and hash", "100%#1.mp4"), ("wildcards", "shot[1]*?.mp4"),
    ("dots", "..clip..v2..mp4"), ("a dollar and backticks", "$HOME`id`.mp4"), ("a backslash", "C:\\clips\\a.mp4"), ("a leading dot", ".hidden.mp4"),
    ("255 bytes", LONGEST), ("a long path", "/".join(["deep" * 20] * 12) + "/a.mp4"), ("a tilde", "~a.mp4"), ("a comma and equals", "a=1,b=2.mp4"),
]:  # fmt: skip
    add(f"a name with {what}", named(name), NUMBERS)
add("a name with a newline", named("two\nlines.mp4"), NUMBERS)
add("a name with a terminal's escape", named("\x1b[31mred.mp4"), NUMBERS)


def broken(name: str, *, missing: bool = False) -> Callable[[Place], Call]:
    """A file that is no clip, or is not there, under a name that errors must show in one line."""

    def make(place: Place) -> Call:
        if not missing:
            (place.given / name).write_bytes(b"no clip")
        return played(name)(place)

    return make


add(
    "a broken clip whose name has a newline",
    broken("two\nlines.mp4"),
    Refused(MediaError, "lines.mp4", r"This is not a video"),
)
add(
    "a broken clip whose name has an escape",
    broken("\x1b[31mred.mp4"),
    Refused(MediaError, "red.mp4", r"This is not a video"),
)
add(
    "a missing clip whose name has a newline",
    broken("two\nlines.mp4", missing=True),
    Refused(InputError, "lines.mp4", r"There is no such file"),
)
add(
    "a name whose bytes are no UTF-8",
    broken(os.fsdecode(b"K\xe4se.mp4")),
    Refused(MediaError, "se.mp4", r"This is not a video"),
)
add("a name of no UTF-8 for a good clip", named(os.fsdecode(b"K\xe4se.mp4")), NUMBERS)
add(
    "a name of 300 characters",
    broken("x" * 300, missing=True),
    Refused(InputError, "xxx", r"This cannot be the name of a file"),
)
add(
    "a name with a null",
    lambda place: lambda: read("a\0.mp4"),
    Refused(InputError, "a", r"This cannot be the name of a file"),
)
add("no name", played(""), Refused(InputError, "''", r"The name of a file is empty"))
add("blanks for a name", broken("  ", missing=True), Refused(InputError, "  ", r"There is no such file"))
for what, name in [("a web address", "https://127.0.0.1:9/clip.mp4"), ("an address of a bucket", "s3://bucket/clip.mp4"), ("data in an address", "data:video/mp4;base64,AAAA"), ("a camera on the net", "rtsp://127.0.0.1:9/cam")]:  # fmt: skip
    add(
        what,
        broken(name, missing=True),
        Refused(InputError, name[:20], r"This is an address, not a file; got .*Download it first"),
    )
add("a device", played("/dev/zero"), Refused(InputError, "/dev/zero", r"This is no regular file"))
add(
    "nothing, the device",
    played("/dev/null"),
    Refused(InputError, "/dev/null", r"This is no regular file"),
)
add("a folder that is empty", lambda place: ((place.given / "empty").mkdir(), played("empty")(place))[1], Refused(InputError, "empty", r"There are no pictures here"))  # fmt: skip
add(
    "a pattern that fits nothing",
    played("*.png"),
    Refused(InputError, "*.png", r"There are no pictures here"),
)
add("a name nearly right", lambda place: (film(place.given / "holiday.mp4", *H264), played("holliday.mp4")(place))[1], Refused(InputError, "holliday.mp4", r"There is no such file; got holliday.mp4\. Did you mean holiday.mp4\?"))  # fmt: skip


# What a name leads to.
def linked(make: Callable[[Path], object], give: str = "link.mp4") -> Callable[[Place], Call]:
    def build(place: Place) -> Call:
        film(place.given / "a.mp4", *H264)
        make(place.given)
        return played(give)(place)

    return build


add("a link to a clip", linked(lambda folder: (folder / "link.mp4").symlink_to("a.mp4")), NUMBERS)
add(
    "a link to a link",
    linked(lambda folder: ((folder / "one").symlink_to("a.mp4"), (folder / "link.mp4").symlink_to("one"))),
    NUMBERS,
)
add(
    "a link to nothing",
    linked(lambda folder: (folder / "link.mp4").symlink_to("gone.mp4")),
    Refused(InputError, "link.mp4", r"There is no such file"),
)
add(
    "a link to itself",
    linked(lambda folder: (folder / "link.mp4").symlink_to("link.mp4")),
    Refused(InputError, "link.mp4", r"(cannot be the name|no such file|symbolic links)"),
)
add("a second name of a clip", linked(lambda folder: os.link(folder / "a.mp4", folder / "link.mp4")), NUMBERS)
add(
    "a path through a file",
    linked(lambda _: None, "a.mp4/b.mp4"),
    Refused(InputError, "a.mp4/b.mp4", r"There is no such file"),
)
add(
    "a pipe",
    linked(lambda folder: os.mkfifo(folder / "link.mp4")),
    Refused(InputError, "link.mp4", r"This is no regular file"),
)


def listening(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as door:
        door.bind("link.mp4")
    assert folder.is_dir()


add("a socket", linked(listening), Refused(InputError, "link.mp4", r"This is no regular file"))


# Targets.
def to(target: str, prepare: Callable[[Place], object] = lambda _: None, *words: object) -> Callable[[Place], Call]:
    """Animate into a target below the folder of results."""

    def make(place: Place) -> Call:
        portrait(place.given)
        film(place.given / "drive.mp4", *H264)
        model = tiny(place.given)
        prepare(place)
        aim = target.replace("OUT", str(place.out))
        return lambda: run_command("animate", "photo.png", "drive.mp4", f"--output={aim}", "--model", model, *words)

    return make


def target_of(name: str = RESULT, count: int = 8) -> Works:
    def check(_: Any) -> None:
        seen = read(f"../out/{name}", fps=25)  # equal frames are one in a GIF, shown for longer
        assert len(seen.frames) == count, len(seen.frames)

    return Works(check, may_warn=OF_NUMBERS, leaves=(f"out/{name}",))


def write(name: str, data: bytes = b"mine") -> Callable[[Place], object]:
    return lambda place: (place.out / name).write_bytes(data)


def folder(name: str, *files: str) -> Callable[[Place], object]:
    def prepare(place: Place) -> None:
        (place.out / name).mkdir()
        for file in files:
            (place.out / name / file).write_bytes(b"mine")

    return prepare


for name in ("r.mp4", "r.mov", "r.mkv", "r.webm", "r.gif", "R.MP4", "r.tar.mp4"):
    add(f"a result named {name}", to(f"OUT/{name}"), target_of(name))
add("a folder of pictures as the result", to("OUT/frames"), target_of("frames"))
add("an empty folder for the pictures", to("OUT/frames", folder("frames")), target_of("frames"))
add("a result over an older one", to("OUT/r.mp4", write("r.mp4")), target_of())
add("a result whose name has a newline", to("OUT/a\nb.mp4"), target_of("a\nb.mp4"))
add("a result with a leading dash", to("-r.mp4"), Works(lambda _: None, may_warn=OF_NUMBERS, leaves=("given/-r.mp4",)))
add("a result of 255 bytes", to(f"OUT/{LONGEST}"), target_of(LONGEST))
for name, make, error, names, says in [
    ("the driving as the target", to("drive.mp4"), InputError, "drive.mp4", r"The target would overwrite an input"),
    ("the source as the collage", to(f"OUT/{RESULT}", lambda _: None, "--still", "photo.png"), InputError, "photo.png", r"The target would overwrite an input"),
    ("the driving by another name", to("OUT/r.mp4", lambda p: (p.out / "r.mp4").symlink_to(p.given / "drive.mp4")), InputError, "r.mp4", r"The target would overwrite an input"),
    ("the driving by a second name", to("OUT/r.mp4", lambda p: os.link(p.given / "drive.mp4", p.out / "r.mp4")), InputError, "r.mp4", r"The target would overwrite an input"),
    ("result and collage in one file", to("OUT/r.mp4", lambda _: None, "--collage", "../out/r.mp4"), InputError, "r.mp4", r"The target would overwrite an input"),
    ("no name for the result", to(""), InputError, "''", r"(The target has no name|is empty)"),
    ("the current folder as the result", to("."), InputError, ".", r"(has no name|is not empty|folder)"),
    ("the folder above as the result", to(".."), InputError, "..", r"(has no name|is not empty|folder)"),
    ("the root as the result", to("/"), InputError, "/", r"(has no name|is not empty|folder)"),
    ("a picture's suffix", to("OUT/r.png"), InputError, "r.png", r"A clip cannot be written as a picture"),
    ("an unknown suffix", to("OUT/r.xyz"), InputError, "r.xyz", r"Unknown kind of output"),
    ("a folder named MP4", to("OUT/r.mp4", folder("r.mp4")), InputError, "r.mp4", r"The target is a folder where a file belongs"),
    ("a folder with files", to("OUT/frames", folder("frames", "keep.txt")), InputError, "frames", r"The target folder is not empty"),
    ("a file where a folder belongs", to("OUT/frames", write("frames")), InputError, "frames", r"The target is a file where a folder belongs"),
    ("a folder that is not there", to("OUT/none/r.mp4"), MediaError, "none", r"The target's folder is not there"),
    ("a path through a file as the target", to("OUT/file/r.mp4", write("file")), InputError, "file", r"The target cannot be used; got .*Not a directory"),
    ("a name of 256 bytes", to("OUT/" + "x" * 252 + ".mp4"), InputError, "xxx", r"The target's name is too long"),
    ("an address as the target", to("s3://bucket/r.mp4"), InputError, "s3:", r"This is an address"),
    ("a null in the target", to("OUT/a\0.mp4"), InputError, "a", r"The target cannot be used"),
    ("a device as the target", to("/dev/null", lambda _: None), InputError, "/dev/null", r""),
    ("a device as the table", lambda place: keypoints(place, "/dev/null"), InputError, "/dev/null", r"The target is no regular file"),
    ("a pipe as the target", to("OUT/r.mp4", lambda p: os.mkfifo(p.out / "r.mp4")), InputError, "r.mp4", r"The target is no regular file"),
    ("a link to a device as the target", to("OUT/r.mp4", lambda p: (p.out / "r.mp4").symlink_to("/dev/null")), InputError, "r.mp4", r"The target is no regular file"),
    ("a link to itself as the target", to("OUT/r.mp4", lambda p: (p.out / "r.mp4").symlink_to("r.mp4")), InputError, "r.mp4", r"The target cannot be used"),
    ("a folder as the table", lambda place: keypoints(place, str(place.out)), InputError, "out", r"The target is a folder where a file belongs"),
]:  # fmt: skip
    add(name, make, Refused(error, names, says))  # type: ignore[arg-type]


def keypoints(place: Place, table: str) -> Call:
    film(place.given / "drive.mp4", *H264)
    words = ("keypoints", "drive.mp4", "-o", place.out / "k.mp4", "--table", table, "--model", tiny(place.out.parent))
    return lambda: run_command(*words)
