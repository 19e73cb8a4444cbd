"""Time: rates, frames at times of their own, clips that begin late, one frame, edit lists, sound beside, cuts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from motionkit.errors import InputError, MediaError
from tests.robustness.fault import Call, Category, Place, Refused, UsageError
from tests.robustness.giving import command, played, portrait, shows, tiny
from tests.robustness.making import SOUND, edited, film, made

__all__ = ["CLOCKS"]

CLOCKS = Category("time")
H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p")
# Frames of a tenth of a second keep their own times: without this, FFmpeg would put them at a constant rate.
OWN_TIMES = ("-fps_mode", "passthrough", "-enc_time_base", "1/1000", "-video_track_timescale", 1000)
add = CLOCKS.add


def at(times: str, **more: object) -> Callable[[Place], Call]:
    """Numbered frames, each at its own time: an expression of its number N in seconds."""
    name = str(more.pop("name", "a.mp4"))
    options = OWN_TIMES if name.endswith((".mp4", ".mov")) else OWN_TIMES[:4]
    return made(played(name, **more.pop("cut", {})), name, *H264, "-vf", f"setpts='({times})/TB'", *options, **more)  # type: ignore[arg-type]


# Rates of constant clips: none is rounded, and the result has the same.
for rate in ("24000/1001", "30000/1001", "60000/1001", "12.5", "15", "50", "120", "240", "1", "1/2"):
    outcome = shows(8, fps=rate, numbers=range(8))
    add(f"{rate} frames a second", made(played("a.mp4"), "a.mp4", *H264, fps=rate), outcome)
add("1000 frames a second", made(played("a.mkv"), "a.mkv", *H264, fps=1000), shows(8, fps=1000, numbers=range(8)))
add("one frame in MP4", made(played("a.mp4"), "a.mp4", *H264, frames=1), shows(1, (64, 48), numbers=[0]))
add("one frame in WebM", made(played("a.webm"), "a.webm", "-pix_fmt", "yuv420p", frames=1), shows(1, numbers=[0]))
add("one frame in GIF", made(played("a.gif"), "a.gif", frames=1), shows(1, (64, 48), numbers=[0]))
add(
    "one frame with sound",
    made(played("a.mp4"), "a.mp4", *H264, frames=1, sound=True),
    shows(1, numbers=[0], sound=True),
)
add("two frames", made(played("a.mp4"), "a.mp4", *H264, frames=2), shows(2, fps=25, numbers=[0, 1]))

# Variable rates: the clip is resampled to its average, and each frame is shown for its own time.
add("a phone's clip whose rate wavers", at("N*0.04+0.008*mod(N\\,2)"), shows(8, numbers=range(8)))
add(
    "a screen recording that stands still for a second", at("N*0.04+if(gte(N\\,4)\\,1\\,0)", cut={"fps": 25}), shows(33)
)
add("a first frame that stays for half a second", at("N*0.04+if(gte(N\\,1)\\,0.5\\,0)", cut={"fps": 25}), shows(20, numbers=[0] * 13 + list(range(1, 8))))  # fmt: skip
add("a rate that doubles midway", at("if(lt(N\\,4)\\,N*0.08\\,0.32+(N-4)*0.04)", cut={"fps": 25}), shows(12, numbers=[0, 0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7]))  # fmt: skip
add("a wavering rate in Matroska", at("N*0.04+0.008*mod(N\\,2)", name="a.mkv"), shows(8, numbers=range(8)))
add("two frames within a millisecond", at("N*0.04-if(eq(N\\,4)\\,0.039\\,0)", name="a.mkv"), shows((7, 8), fps=None))
add(
    "a still moment of a minute, asked for at 1 a second",
    at("N*0.04+if(gte(N\\,7)\\,60\\,0)", cut={"fps": 1}),
    shows((60, 62)),
)
LONG = "N*0.04+if(gte(N\\,7)\\,{}\\,0)"
add(
    "a still moment of an hour",
    at(LONG.format(3600), name="a.mkv"),
    Refused(MediaError, "a.mkv", r"is shown for too long; got 3600 s .*MOTIONKIT_GAP"),
)
add(
    "a last frame after 100 hours",
    at(LONG.format(360000), name="a.mkv", cut={"fps": 25}),
    Refused(MediaError, "a.mkv", r"(too long|too many frames); got .*Cut it with start and end"),
)
add(
    "the same, cut before it",
    at(LONG.format(360000), name="a.mkv", cut={"fps": 25, "end": "0.2"}),
    shows(5, numbers=range(5)),
)

# Clips that begin later than their container, in every container that can say so.
for name in ("a.mp4", "a.mov", "a.mkv", "a.webm", "a.ts", "a.flv", "a.wmv", "a.ogv", "a.mpg"):
    codec = {
        "webm": ("-c:v", "libvpx"),
        "wmv": ("-c:v", "wmv2"),
        "ogv": ("-c:v", "libtheora"),
        "mpg": ("-c:v", "mpeg2video"),
    }
    options = (*codec.get(name[2:], H264), "-pix_fmt", "yuv420p", "-q:v", 5, "-output_ts_offset", 2)
    add(f"a beginning after 2 s in {name[2:]}", made(played(name), name, *options), shows(8, fps=25, numbers=range(8)))
add(
    "a clock that begins after a day",
    made(played("a.ts"), "a.ts", *H264, "-output_ts_offset", 86000),
    shows(8, numbers=range(8)),
)
add(
    "a clock that begins below zero",
    made(played("a.nut"), "a.nut", *H264, "-output_ts_offset", -1),
    shows(8, numbers=range(8)),
)


def trimmed(path: Path) -> None:
    """Cut without encoding anew: an edit list hides the frames between the key frame and the cut."""
    edited(path, "-c", "copy", before=("-ss", 0.12))


add(
    "an edit list, as a phone's trim leaves it",
    made(played("a.mp4"), "a.mp4", *H264, then=trimmed),
    shows(5, numbers=range(3, 8)),
)
add(
    "the same with sound",
    made(played("a.mov"), "a.mov", *H264, sound=True, then=trimmed),
    shows(5, numbers=range(3, 8), sound=True),
)


def twice(place: Place) -> Call:
    """A recording whose clock goes back midway, as after a restarted broadcast."""
    part = film(place.out.parent / "part.ts", *H264, frames=4).read_bytes()
    (place.given / "a.ts").write_bytes(part + part)
    return played("a.ts")(place)


add("a clock that goes back to its beginning", twice, shows((4, 8), (64, 48)))


def jump(place: Place) -> Call:
    parts = [film(place.out.parent / f"{n}.ts", *H264, "-output_ts_offset", 5 * n, frames=4) for n in range(2)]
    (place.given / "a.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    return played("a.ts", fps=25)(place)


add("a clock that jumps ahead by 5 s", jump, shows((8, 140), (64, 48)))

# Sound beside the pictures.
for name, options, more in [
    ("sound that begins a second late", (), ("-itsoffset", 0.1, *SOUND)),
    ("sound much longer than the film", (), SOUND),
]:
    length = ("-t", 0.32) if "-itsoffset" in more else ()
    make = made(played("a.mkv"), "a.mkv", "-map", "0", "-map", "1", *H264, *options, *length, more=more)
    add(name, make, shows(8, numbers=range(8), sound=True))
add(
    "sound shorter than the film",
    made(played("a.mp4"), "a.mp4", *H264, "-af", "atrim=end=0.08", sound=True, frames=20),
    shows(20, numbers=range(20), sound=True),
)
add(
    "a sound without a sample",
    made(played("a.mkv"), "a.mkv", *H264, "-af", "atrim=end=0", sound=True),
    shows(8, numbers=range(8)),
)

# Cuts and rates that are asked for.
for name, cut, outcome in [
    ("a cut of three frames", {"start": "0.08", "end": "0.2"}, shows(3, numbers=[2, 3, 4])),
    ("a cut that ends after the end", {"end": "100"}, shows(8, numbers=range(8))),
    ("a cut of less than a frame", {"start": "0.1", "end": "0.101"}, shows(1)),
    ("a cut that begins at the end", {"start": "0.32"}, Refused(InputError, "0.32 s", r"The cut starts after the clip's end")),
    ("a cut that begins after the end", {"start": "9"}, Refused(InputError, "9 s", r"The cut starts after the clip's end")),
    ("a cut that ends before it begins", {"start": "0.2", "end": "0.1"}, Refused(InputError, "start 1/5", r"The cut is impossible")),
    ("a cut of nothing", {"start": "0.1", "end": "0.1"}, Refused(InputError, "start 1/10", r"The cut is impossible")),
    ("half the rate", {"fps": "12.5"}, shows(4, fps="12.5", numbers=[0, 2, 4, 6])),
    ("twice the rate", {"fps": "50"}, shows(16, fps=50, numbers=[n // 2 for n in range(16)])),
    ("another rate than a divisor", {"fps": "30000/1001"}, shows((9, 10), fps="30000/1001")),
    ("a rate of nothing", {"fps": "0"}, Refused(InputError, "frame rate", r"got 0; expected above 0")),
    ("a rate below nothing", {"fps": "-25"}, Refused(InputError, "frame rate", r"got -25; expected above 0")),
    ("a rate beyond all cameras", {"fps": "1000000000"}, Refused(InputError, "frame rate", r"expected above 0, from 1/100 to 1000")),
    ("a rate of one frame in an hour", {"fps": "0.0004"}, Refused(InputError, "frame rate", r"expected above 0, from 1/100 to 1000")),
]:  # fmt: skip
    add(name, made(played("a.mp4", **cut), "a.mp4", *H264), outcome)


def asked(*options: object) -> Callable[[Place], Call]:
    """``animate`` with options that only its parser can refuse."""

    def make(place: Place) -> Call:
        film(place.given / "a.mp4", *H264)
        portrait(place.given)
        return command(
            "animate", "photo.png", "a.mp4", "-o", place.out / "r.mp4", "--model", tiny(place.out.parent), *options
        )(place)

    return make


for option, text in [
    ("--fps", "1/0"), ("--fps", "nan"), ("--fps", "inf"), ("--fps", "25fps"), ("--fps", "1e400"), ("--fps", "９９" + "9" * 80),
    ("--start", "1e999999999"), ("--start", "0:10"), ("--start", "-inf"), ("--end", "soon"), ("--end", ""),
]:  # fmt: skip
    add(
        f"{option} {text[:20]!r}", asked(f"{option}={text}"), Refused(UsageError, option, r"is not a number such as 25")
    )
add("--start -1", asked("--start=-1"), Refused(InputError, "-1 s", r"The cut is impossible"))


def template(place: Place) -> Call:
    film(place.given / "a.mp4", *H264)
    model = tiny(place.out.parent)
    extract = command("extract", "a.mp4", "-o", place.given / "a.motion", "--model", model)(place)
    extract()
    portrait(place.given)
    return command("animate", "photo.png", "a.motion", "-o", place.out / "r.mp4", "--model", model, "--end", 1)(place)


add("a cut of a motion template", template, Refused(InputError, "a.motion", r"A motion template cannot be cut"))
