"""Options of the command line and of the library: out of range, no numbers, unknown, of another kind, against each other."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

import motionkit as mk
from motionkit import media
from motionkit.config import AnimateOptions, ModelConfig
from motionkit.errors import ConfigError, DeviceError, FaceNotFoundError, InputError, MediaError, WeightsError
from motionkit.structures import Box
from tests.robustness.fault import Call, Category, Place, Refused, UsageError, Works
from tests.robustness.giving import OF_NUMBERS, RESULT, portrait, read, run_command, shows, tiny
from tests.robustness.making import film
from tests.support.networks import tiny_config, tiny_model

__all__ = ["OPTIONS"]

OPTIONS = Category("options")
add = OPTIONS.add
LONG = "9" * 5000


def files(place: Place) -> None:
    """A picture, a clip and a model to give options beside."""
    portrait(place.given)
    film(place.given / "drive.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p")
    tiny(place.given)


def command(*words: object) -> Callable[[Place], Call]:
    """A command line; OUT stands for the folder of results."""

    def make(place: Place) -> Call:
        files(place)
        return lambda: run_command(*(str(word).replace("OUT", str(place.out)) for word in words))

    return make


ANIMATE = ("animate", "photo.png", "drive.mp4", "-o", f"OUT/{RESULT}", "--model", "tiny.safetensors")


def animate(*words: object) -> Callable[[Place], Call]:
    return command(*ANIMATE, *words)


def refused(names: str, says: str, error: Any = InputError) -> Refused:
    return Refused(error, names, says)


def result(count: int = 8, *, size: tuple[int, int] | None = None, warns: tuple[str, ...] = ()) -> Works:
    """The result has so many frames of that size."""

    def check(said: Any) -> None:
        seen = read(f"../out/{RESULT}")
        assert len(seen.frames) == count and size in (None, seen.size), (len(seen.frames), seen.size)
        assert f"{count} frames in" in said.out, said.out

    return Works(check, tuple(warns), may_warn=OF_NUMBERS, leaves=(f"out/{RESULT}",))


# Numbers of the command line.
RANGE = r"{} is out of range; got .*; expected a (whole )?number (from|above)"
for option, text, error, says in [
    ("--strength", "nan", InputError, RANGE.format("strength")), ("--strength", "inf", InputError, RANGE.format("strength")),
    ("--strength", "-1", InputError, RANGE.format("strength")), ("--strength", "2.01", InputError, RANGE.format("strength")),
    ("--strength", "strong", UsageError, r"invalid float value: 'strong'"), ("--strength", "1,5", UsageError, r"invalid float value"),
    ("--smoothing", "-0.1", InputError, RANGE.format("smoothing")), ("--smoothing", "1e400", InputError, RANGE.format("smoothing")),
    ("--motion-limit", "-1", InputError, RANGE.format("motion_limit")), ("--motion-limit", "nan", InputError, RANGE.format("motion_limit")),
    ("--size", "1", InputError, RANGE.format("size")), ("--size", "1000000", InputError, RANGE.format("size")), ("--size", "0", InputError, RANGE.format("size")),
    ("--size", "-64", InputError, RANGE.format("size")), ("--size", "64.5", UsageError, r"invalid int value"),
    ("--size", LONG, UsageError, r"invalid int value"),
    ("--batch-size", "0", InputError, RANGE.format("batch_size")), ("--batch-size", "1000000", InputError, RANGE.format("batch_size")),
    ("--reference", "-1", InputError, r"Unknown reference; got '-1'"), ("--reference", "nearest", InputError, r"Unknown reference; got 'nearest'"),
    ("--reference", "", InputError, r"Unknown reference; got ''"),
    ("--face", "-1", InputError, r"Unknown face; got '-1'"), ("--face", "smallest", InputError, r"Unknown face; got 'smallest'"),
    ("--face", "all", FaceNotFoundError, r"No face was found in the source photo.png"),
    ("--crop", "square", UsageError, r"invalid choice: 'square'"), ("--finder", "dlib", UsageError, r"invalid choice: 'dlib'"),
    ("--precision", "float8", UsageError, r"invalid choice: 'float8'"), ("--overlay", "depth", UsageError, r"invalid choice: 'depth'"),
    ("--audio-track", "-1", InputError, r"audio_track is out of range; got -1"), ("--audio-track", "3", InputError, r"There is no such audio track; got 3"),
    ("--gain", "mouth", InputError, r"This is not a gain; got 'mouth'; expected NAME=FACTOR"), ("--gain", "mouth=wide", InputError, r"This is not a gain"),
    ("--gain", "=2", InputError, r"Unknown keypoint or group in gains; got ''"), ("--gain", "0=nan", InputError, r"gain of 0 is out of range"),
    ("--gain", "0=-1", InputError, r"gain of 0 is out of range"), ("--gain", "99=1", InputError, r"(Unknown keypoint|gains)"),
    ("--gain", f"{LONG}=1", InputError, r"(Unknown keypoint|gains)"),
    ("--device", "tpu", DeviceError, r"(This device is not here|Unknown device)"), ("--device", "cuda:99", DeviceError, r"This device is not here; got 'cuda:99'"),
    ("--device", "", DeviceError, r"device"),
    ("--model", "haeds", WeightsError, r"No weights of this name; got 'haeds'.*nearest name is 'heads'"), ("--model", "", WeightsError, r""),
    ("--colour", "red", UsageError, r"unrecognized arguments: --colour=red"),
]:  # fmt: skip
    field = option[2:].replace("-", "_")
    name = {"--audio-track": "audio", "--device": "evice", "--model": "ame", "--gain": "gain", "--face": "face"}.get(
        option, field
    )
    names = option if error is UsageError else name
    shown = text if len(text) < 30 else "of 5,000 digits"
    add(f"{option} {shown or 'of nothing'}", animate(f"{option}={text}"), refused(names, says, error))
for option in ("--source-box", "--driving-box"):
    for text, says in [
        ("1,2,3", r"This is not a box; got '1,2,3'; expected LEFT,TOP,RIGHT,BOTTOM"),
        ("a,b,c,d", r"This is not a box"), ("0,0,0,0", r"This is not a box"), ("9,9,1,1", r"This is not a box"),
        ("0,0,10000000,10000000", r"(out of range|This is not a box)"), ("0,0,32,32,nan", r"roll is out of range"),
        ("0,0,32,32,400", r"roll is out of range"), ("", r"This is not a box"), (f"{LONG},0,1,1", r"This is not a box|out of range"),
    ]:  # fmt: skip
        shown = text if len(text) < 30 else "of 5,000 digits"
        add(f"{option} {shown or 'of nothing'}", animate(f"{option}={text}"), refused("box", says))
add("a box half outside", animate("--source-box=-20,-20,20,20"), result())
add("a box wholly outside", animate("--driving-box=500,500,532,532"), result())
add("a box of one pixel", animate("--source-box=3,3,4,4"), result())
add("a turned box", animate("--source-box=4,4,30,30,-77.5"), result())
add("a gain of 0, given as its number", animate("--gain", "0=0"), result())
add("a strength of 0", animate("--strength", "0"), result())
add("no limit of motion, absolute", animate("--motion-limit", "0", "--absolute"), result())
add("a reference after the clip's end", animate("--reference", "99"), refused("reference", r"99"))
add(
    "a face that is insisted on where none is",
    animate("--crop", "face"),
    Refused(FaceNotFoundError, "photo.png", r"No face was found in the source photo.png"),
)
add("the whole picture, which is no square", animate("--crop", "none"), refused("photo.png", r"square", InputError))
add(
    "a result of 64 pixels by a network of 32",
    animate("--size", "64"),
    refused("size", r"gives pictures of one size only; got size 64; expected 32"),
)
add("every overlay twice", animate("--collage", "OUT/c.mp4", *["--overlay=flow", "--overlay=keypoints"] * 2), Works(lambda said: None if "c.mp4" in said.out else 1 / 0, may_warn=OF_NUMBERS, leaves=(f"out/{RESULT}", "out/c.mp4")))  # fmt: skip
add("an option twice", animate("--strength", "0", "--strength", "1"), result())
add(
    "the sound of a clip that has none",
    animate("--audio", "driving"),
    result(warns=(r"The driving has no sound; the result has none either",)),
)

# Words of the command line.
for name, words, error, names, says in [
    ("a command that is none", ("animat", "a", "b"), UsageError, "animat", r"invalid choice: 'animat'"),
    ("no driving", ("animate", "photo.png"), InputError, "driving", r"There is no driving; expected SOURCE DRIVING"),
    ("three inputs and one output", ("animate", "photo.png", "drive.mp4", "more.mp4", "-o", f"OUT/{RESULT}"), InputError, RESULT, r"Several results need a folder"),
    ("source and driving swapped", ("animate", "drive.mp4", "photo.png", "-o", f"OUT/{RESULT}", "--model", "tiny.safetensors"), InputError, "photo.png", r"Source and driving look swapped"),
    ("a folder of sources and one output", ("animate", ".", "drive.mp4", "-o", f"OUT/{RESULT}", "--model", "tiny.safetensors"), InputError, RESULT, r"Several results need a folder"),
    ("a model as the driving", ("animate", "photo.png", "tiny.safetensors", "-o", f"OUT/{RESULT}", "--model", "tiny.safetensors"), MediaError, "tiny.safetensors", r"not a video"),
    ("a picture as the model", (*ANIMATE[:-1], "photo.png"), WeightsError, "photo.png", r"is not a weight file"),
    ("a collage of no height", ("collage", "photo.png", "drive.mp4", "-o", "OUT/c.mp4", "--height", 0), InputError, "height", r"too small; got 0"),
    ("a collage 9,999,999 pixels high", ("collage", "photo.png", "drive.mp4", "-o", "OUT/c.mp4", "--height", 9999999), InputError, "height", r"9999999"),
    ("a sheet of no moments", ("collage", "photo.png", "drive.mp4", "-o", "OUT/c.png", "--moments", 0), InputError, "moments", r"got 0"),
    ("a sheet of a thousand million moments", ("collage", "photo.png", "drive.mp4", "-o", "OUT/c.png", "--moments", 10**9), InputError, "moments", r"got 1000000000"),
    ("a collage of nothing", ("collage", "-o", "OUT/c.mp4"), UsageError, "FILE", r"required"),
    ("a name of weights that is none", ("fetch", "voks"), WeightsError, "'voks'", r"The nearest name is 'vox'"),
    ("a conversion to another kind", ("convert", "tiny.safetensors", "OUT/a.pth"), WeightsError, "a.pth", r"Weights are converted to safetensors"),
    ("a conversion onto itself", ("convert", "tiny.safetensors", "tiny.safetensors"), WeightsError, "tiny.safetensors", r"are the same file"),
    ("a measurement of no rounds", ("bench", "--rounds", 0), InputError, "rounds", r"got 0"),
    ("a measurement of a size that is no number", ("bench", "--sizes", "64,big"), UsageError, "--sizes", r"is not a list such as 1,2,4"),
    ("figures to read that are none", ("bench", "--read", "photo.png"), InputError, "photo.png", r""),
]:  # fmt: skip
    add(name, command(*words), refused(names, says, error))


# The library: options of another kind than their field.
def given(**fields: Any) -> Callable[[Place], Call]:
    return lambda _: lambda: AnimateOptions(**fields)


for name, fields, says in [
    ("strength as a text", {"strength": "1"}, r"strength is out of range; got '1'"),
    ("strength as a truth", {"strength": True}, r"strength is out of range; got True"),
    ("strength of None", {"strength": None}, r"strength is out of range; got None"),
    ("strength of 10^400", {"strength": 10**400}, r"strength is out of range; got a number of some \d+ digits"),
    ("smoothing as a list", {"smoothing": [0.5]}, r"smoothing is out of range; got \[0.5\]"),
    ("smoothing as an array", {"smoothing": np.array([0.1, 0.2])}, r"smoothing is out of range"),
    ("size as a fraction", {"size": 64.0}, r"size is out of range; got 64.0"),
    ("size as a pair", {"size": (64, 64)}, r"size is out of range; got \(64, 64\)"),
    ("batch_size as a truth", {"batch_size": True}, r"batch_size is out of range; got True"),
    ("reference as a fraction", {"reference": 1.5}, r"Unknown reference; got 1.5"),
    ("reference of None", {"reference": None}, r"Unknown reference; got None"),
    ("reference as a list", {"reference": ["best"]}, r"Unknown reference; got \['best'\]"),
    ("crop as a number", {"crop": 1}, r"Unknown crop; got 1"),
    ("an overlay as a text of letters", {"overlays": "flow"}, r"overlay"),
    ("overlays of None", {"overlays": None}, r"overlays"),
    ("gains as a list", {"gains": [("mouth", 1.5)]}, r"gains"),
    ("gains as a number", {"gains": 2}, r"gains"),
    ("a gain as a text", {"gains": {"mouth": "wide"}}, r"gain of 'mouth' is out of range; got 'wide'"),
    ("a gain of a keypoint that is no name", {"gains": {2.5: 1.0}}, r"gain"),
    ("a box as a list", {"source_box": [0, 0, 9, 9]}, r"source_box"),
    ("a box as a text", {"driving_box": "0,0,9,9"}, r"driving_box"),
    ("a box of fractions", {"source_box": Box(0.5, 0, 9.5, 9)}, r"source_box left is out of range; got 0.5"),  # type: ignore[arg-type]
    ("a box of no roll", {"source_box": Box(0, 0, 9, 9, roll=None)}, r"source_box roll is out of range"),  # type: ignore[arg-type]
    ("audio that is a number", {"audio": 7}, r"Unknown audio; got 7"),
    ("audio that is nothing", {"audio": ""}, r"Unknown audio; got ''"),
    ("an audio track as a text", {"audio_track": "first"}, r"audio_track"),
    ("paste_back as a text", {"paste_back": "no"}, r"paste_back"),
    ("label of None", {"label": None}, r"label"),
    ("relative as a number", {"relative": 2}, r"relative"),
]:  # fmt: skip
    add(f"in Python: {name}", given(**fields), refused(next(iter(fields)).rstrip("s"), says))


# The library: pictures and clips of another kind than asked for.
def called(call: Callable[[], Any]) -> Callable[[Place], Call]:
    def make(place: Place) -> Call:
        files(place)
        return call

    return make


PICTURE = np.zeros((32, 32, 3), np.uint8)


def frames_of(source: Any, driving: Any, **fields: Any) -> Callable[[], Any]:
    return lambda: list(mk.animate(source, driving, model=tiny_model(), options=AnimateOptions(**fields)))


for name, call, names, says in [
    ("a source of floats", frames_of(PICTURE / 255, [PICTURE]), "source", r"float64"),
    ("a grey source", frames_of(PICTURE[..., 0], [PICTURE]), "source", r"\(32, 32\)"),
    ("a source with alpha", frames_of(np.zeros((32, 32, 4), np.uint8), [PICTURE]), "source", r"\(32, 32, 4\)"),
    ("a source that is no array", frames_of("photo.png", [PICTURE]), "source", r"str|'photo.png'"),
    ("a source of no pixels", frames_of(np.zeros((0, 0, 3), np.uint8), [PICTURE]), "source", r"\(0, 0, 3\)"),
    ("a source that is no square", frames_of(PICTURE[:20], [PICTURE]), "source", r"square"),
    ("driving frames of floats", frames_of(PICTURE, [PICTURE / 255]), "driving", r"float64"),
    ("driving frames that are texts", frames_of(PICTURE, ["drive.mp4"]), "driving", r"str|'drive.mp4'"),
    ("a driving frame of another size", frames_of(PICTURE, [PICTURE, PICTURE[:20]]), "driving", r"square|20"),
    ("no driving frames", frames_of(PICTURE, []), "driving", r"(no frames|empty|at least one)"),
]:
    add(f"in Python: {name}", called(call), refused(names, says))
for name, cut, names, says in [
    ("a start that is a text", {"start": "soon"}, "cut", r"The cut is impossible; got soon s"),
    ("a start that is no number", {"start": float("nan")}, "cut", r"The cut is impossible; got nan s"),
    ("an end without end", {"end": float("inf")}, "cut", r"The cut is impossible; got inf s"),
    ("a rate that is no number", {"fps": float("nan")}, "frame rate", r"The frame rate is impossible; got nan"),
    ("a rate of 10^5000", {"fps": 10**5000}, "frame rate", r"got a number of thousands of digits"),
    ("a size of one number", {"size": (64,)}, "size", r"The size is impossible; got \(64,\)"),
    ("a size that is a number", {"size": 64}, "size", r"The size is impossible; got 64"),
    ("a size of fractions", {"size": (64.5, 48)}, "size", r"The size is impossible"),
    ("a size of nothing", {"size": (0, 48)}, "size", r"The size is impossible; got \(0, 48\)"),
    ("a size of a million", {"size": (10**6, 10**6)}, "size", r"The size is impossible"),
]:  # fmt: skip
    add(f"in Python: a clip with {name}", called(lambda cut=cut: read("drive.mp4", **cut)), refused(names, says))  # type: ignore[misc]
add("in Python: a clip that is None", called(lambda: read(None)), refused("None", r"got None"))  # type: ignore[arg-type]
add("in Python: a clip that is a number", called(lambda: read(7)), refused("7", r"got 7"))  # type: ignore[arg-type]
add("in Python: a picture that is an array", called(lambda: media.read_image(PICTURE)), refused("array", r"file"))  # type: ignore[arg-type]


def wrote(frame: Any, fps: Any = Fraction(25), name: str = "x.mp4") -> Callable[[Place], Call]:
    def make(place: Place) -> Call:
        def call() -> None:
            with media.VideoWriter(place.out / name, fps=fps) as writer:
                writer.write(PICTURE)
                writer.write(frame)

        return call

    return make


for name, make, names, says in [
    ("a frame of floats", wrote(PICTURE / 255), "x.mp4", r"float64"),
    ("a frame that is grey", wrote(PICTURE[..., 0]), "x.mp4", r"is not a picture; got an array of shape \(32, 32\)"),
    ("a frame of another size", wrote(PICTURE[:20]), "(20, 32, 3)", r"The frames of a clip differ in size"),
    ("a frame that is None", wrote(None), "x.mp4", r"NoneType|None"),
    ("a rate of nothing", wrote(PICTURE, 0), "frame rate", r"The frame rate is impossible; got 0"),
    ("a rate below nothing", wrote(PICTURE, -1), "frame rate", r"The frame rate is impossible; got -1"),
    ("a rate that is no number", wrote(PICTURE, float("nan")), "frame rate", r"The frame rate is impossible; got nan"),
    ("a rate as a text", wrote(PICTURE, "fast"), "frame rate", r"The frame rate is impossible; got fast"),
]:
    add(f"in Python: a clip is written with {name}", make, refused(names, says))
add(
    "in Python: a clip is written at 29.97",
    wrote(PICTURE, 29.97),
    Works(lambda _: shows(2, fps="29970/1000").check(read("../out/x.mp4")), leaves=("out/x.mp4",)),
)

# Configurations of models.
for name, fields in [
    ("no keypoints", {"num_kp": 0}), ("keypoints of a fraction", {"num_kp": 2.5}), ("a size of a million", {"size": 10**6}),
    ("a size that no network sees", {"size": 33}), ("names for other keypoints", {"keypoint_names": ("a", "b")}),
    ("two keypoints of one name", {"keypoint_names": ("a", "a", "b")}), ("an unknown domain", {"domain": "plants"}),
]:  # fmt: skip
    add(
        f"a model of {name}",
        lambda _, fields=fields: lambda: tiny_config(**fields),
        Refused(ConfigError, "", r"expected|got"),
    )  # type: ignore[misc]
for name, values in [
    ("a list", []),
    ("a field of another kind", {"num_kp": "many"}),
    ("an unknown field", {"colour": 1}),
]:
    add(
        f"a model read from {name}",
        lambda _, values=values: lambda: ModelConfig.from_dict(values),
        Refused(ConfigError, "", r"expected|got"),
    )  # type: ignore[misc]
