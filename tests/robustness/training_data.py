"""Training data: folders that hold the wrong things, clips that are short, broken, mixed or of another kind, recipes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from motionkit.errors import ConfigError, InputError, MotionkitError, WeightsError
from motionkit.training import DataConfig, LossConfig, train
from tests.robustness.fault import Call, Category, Place, Refused, UsageError, Works
from tests.robustness.giving import run_command, tiny
from tests.robustness.making import film, numbered
from tests.support.datasets import write_truth
from tests.support.networks import tiny_config
from tests.support.training_runs import small_run

__all__ = ["TRAINING"]

TRAINING = Category("training data", bounds={"seconds": 60.0, "megabytes": 600})
add = TRAINING.add
H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p")
RUN = "../out/run"
Fill = Callable[[Path], object]


def clips(folder: Path, count: int = 4) -> None:
    """Good clips of as many identities."""
    for n in range(count):
        film(folder / f"person{n}#1.mp4", *H264, frames=numbered(6, (64, 64)))


def pictures(folder: Path, count: int = 5, size: tuple[int, int] = (32, 32)) -> None:
    folder.mkdir(parents=True)
    for n in range(count):
        Image.new("RGB", size, (40 * n, 90, 120)).save(folder / f"{n}.png")


def trained(fill: Fill, **changes: Any) -> Callable[[Place], Call]:
    """Two steps of training on good clips and what is put beside them."""

    def make(place: Place) -> Call:
        data = place.given / "data"
        data.mkdir()
        fill(data)
        held = DataConfig(workers=0, test_share=0.0, **changes.get("data", {}))
        others = {name: value for name, value in changes.items() if name != "data"}
        config = small_run(**{"data": held, "epochs": 1, "steps": 2, "batch_size": 2, **others})
        return lambda: train(config, data, RUN, device="cpu", progress=False)

    return make


def among(*extra: Fill, count: int = 4) -> Fill:
    """Good clips, and more."""

    def fill(folder: Path) -> None:
        clips(folder, count)
        for add_to in extra:
            add_to(folder)

    return fill


def trains(broken: int = 0, warns: tuple[str, ...] = ()) -> Works:
    """It trains; so many clips could not be used, which is said of each."""

    def check(result: Any) -> None:
        assert result.path.is_file(), result
        assert len(result.broken) == broken, result.broken

    few = (r"^(There is no clip|There are no test clips|No clip is kept|Only|.*(test|identit)).*",)
    return Works(check, tuple(warns), may_warn=few, leaves=("out/run",))


def refused(error: type[MotionkitError], names: str, says: str) -> Refused:
    return Refused(error, names, says)


def put(name: str, data: bytes | str = b"x") -> Fill:
    return lambda folder: (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())


def cut(name: str, share: float) -> Fill:
    def fill(folder: Path) -> None:
        path = film(folder / name, *H264, frames=12)
        path.write_bytes(path.read_bytes()[: round(path.stat().st_size * share)])

    return fill


# Folders.
add("a folder of clips", trained(among()), trains())
add("one clip alone, seen again and again", trained(lambda folder: clips(folder, 1), data={"repeats": 4}), trains())
add(
    "fewer clips than a batch",
    trained(lambda folder: clips(folder, 1)),
    refused(InputError, "1 pairs", r"The clips do not fill a batch.*Raise repeats"),
)
add(
    "clips of one identity",
    trained(lambda folder: [film(folder / f"me#{n}.mp4", *H264, frames=6) for n in range(3)]),
    trains(),
)
add(
    "folders of pictures and clips",
    trained(among(lambda f: pictures(f / "me#1"), lambda f: pictures(f / "you#1"))),
    trains(),
)
add(
    "train and test as folders",
    trained(lambda f: [(f / name).mkdir() or clips(f / name, 3) for name in ("train", "test")]),
    trains(),
)  # type: ignore[func-returns-value]
for name, fill in [
    (
        "texts, hidden files and thumbnails beside the clips",
        among(put("notes.txt"), put("Thumbs.db"), put(".DS_Store"), put("._person0#1.mp4")),
    ),
    ("an empty folder beside the clips", among(lambda f: (f / "empty").mkdir())),
    ("a folder of texts beside the clips", among(lambda f: ((f / "texts").mkdir(), put("texts/a.txt")(f)))),
    ("a folder of folders beside the clips", among(lambda f: pictures(f / "deep" / "deeper"))),
    ("sounds beside the clips", among(put("song.mp3"), put("voice.wav"))),
    ("a clip of another size and rate", among(lambda f: film(f / "other#1.mp4", *H264, frames=6, fps=50, more=()))),
    ("a clip whose name has a newline", among(lambda f: film(f / "a\nb#1.mp4", *H264, frames=6))),
    ("a clip in capitals", among(lambda f: film(f / "Other#1.MP4", *H264, frames=6))),
    ("a link to a clip", among(lambda f: (f / "linked#1.mp4").symlink_to("person0#1.mp4"))),
]:
    add(name, trained(fill), trains())
NONE = r"The folder holds no clips to train on; got .*; expected videos"
for name, make, error, says in [
    ("a folder that is not there", lambda place: lambda: train(small_run(), place.given / "data", RUN, device="cpu"), InputError, r"There is no such folder of clips"),
    ("a clip where a folder belongs", lambda place: (film(place.given / "data", "-f", "matroska", *H264), lambda: train(small_run(), place.given / "data", RUN, device="cpu"))[1], InputError, r"There is no such folder of clips"),
    ("an empty folder", trained(lambda _: None), InputError, NONE),
    ("a folder of texts", trained(put("a.txt")), InputError, NONE),
    ("pictures that lie in the folder itself", trained(lambda f: [Image.new("RGB", (32, 32)).save(f / f"{n}.png") for n in range(5)]), InputError, NONE),
    ("clips one folder too deep", trained(lambda f: ((f / "a" / "b").mkdir(parents=True), clips(f / "a" / "b"))), InputError, NONE),
    ("a train folder that is empty", trained(lambda f: ((f / "train").mkdir(), clips(f))), InputError, NONE),
    ("hidden clips alone", trained(lambda f: film(f / ".a.mp4", *H264)), InputError, NONE),
]:  # fmt: skip
    add(name, make, refused(error, "data", says))

# Clips that cannot be used are left out, with a warning each; when none is left, that is an error.
LEFT = r"{}.*(left out|cannot be|could not|is not used|skipped|another clip)"
for name, fill, file in [
    ("a broken clip among good ones", put("bad#1.mp4", b"no clip"), "bad#1.mp4"),
    ("an empty clip among good ones", put("bad#1.mp4", b""), "bad#1.mp4"),
    ("a clip of one frame", lambda f: film(f / "bad#1.mp4", *H264, frames=1), "bad#1.mp4"),
    ("a clip without its index", cut("bad#1.mp4", 0.6), "bad#1.mp4"),
    ("a song named MP4", put("bad#1.mp4", b"ID3\4\0\0\0\0\0\0" + bytes(99)), "bad#1.mp4"),
    ("a link to nothing named MP4", lambda f: (f / "bad#1.mp4").symlink_to("gone.mp4"), None),
    ("a folder of one picture", lambda f: pictures(f / "bad#1", 1), "bad#1"),
    ("a folder with a broken picture", lambda f: (pictures(f / "bad#1"), put("bad#1/2.png", b"x")(f)), "bad#1"),
    ("a folder of broken pictures", lambda f: ((f / "bad#1").mkdir(), [put(f"bad#1/{n}.png", b"x")(f) for n in range(4)]), "bad#1"),
    ("a clip with a playlist's content", put("bad#1.mp4", b"#EXTM3U\n/etc/passwd\n"), "bad#1.mp4"),
    ("a bomb of pixels among pictures", lambda f: (pictures(f / "bad#1"), put("bad#1/0.png", _bomb())(f)), "bad#1"),
]:  # fmt: skip
    outcome = trains() if file is None else trains(1, (LEFT.format(file),))
    # Of a folder's pictures only those that are drawn are read.
    add(name, trained(among(fill), data={"repeats": 12}, steps=12), outcome)


def _bomb() -> bytes:
    from tests.robustness.damage import png

    return png(14000, 14000)


def spoilt(folder: Path) -> None:
    for n in range(3):
        put(f"bad{n}#1.mp4", b"no clip")(folder)


# The run's folder and configuration are there by then, for a second try.
NOT_ONE = Refused(InputError, "bad0#1.mp4", r"No clip of the data set can be read; got 3 clips", leaves=("out/run",))
add("broken clips alone", trained(spoilt), NOT_ONE)
add(
    "clips of one frame alone",
    trained(lambda f: [film(f / f"bad{n}#1.mp4", *H264, frames=1) for n in range(3)]),
    NOT_ONE,
)


# Truth beside clips.
def truth(**changes: Any) -> Fill:
    def fill(folder: Path) -> None:
        for path in sorted(folder.glob("*.mp4")):
            arrays = {
                "keypoints": np.zeros((6, 3, 2), np.float32),
                "jacobians": np.tile(np.eye(2, dtype=np.float32), (6, 3, 1, 1)),
            }
            arrays = {name: array for name, array in {**arrays, **changes}.items() if array is not None}
            write_truth(path.with_name(path.stem), arrays, ("nose", "eye_left", "eye_right"))

    return fill


NAMED = {
    "model": tiny_config(keypoint_names=("nose", "eye_left", "eye_right")),
    "loss": LossConfig(network="none", pixel=10.0, keypoints=1.0),
}
add("truth beside the clips", trained(among(truth()), **NAMED), trains())
for name, fill in [
    ("truth of other frames", truth(keypoints=np.zeros((2, 3, 2), np.float32))),
    (
        "truth that is no safetensors",
        lambda f: [put(f"{p.stem}.truth.safetensors", b"x")(f) for p in sorted(f.glob("*.mp4"))],
    ),
    ("truth of no numbers", truth(keypoints=np.full((6, 3, 2), np.nan, np.float32))),
]:
    add(name, trained(among(fill), **NAMED), refused(InputError, "truth.safetensors", r"(The|the) truth of a clip"))


# What to train: recipes, fields, weights.
def command(*words: object, fill: Fill = clips) -> Callable[[Place], Call]:
    def make(place: Place) -> Call:
        (place.given / "data").mkdir()
        fill(place.given / "data")
        tiny(place.given)
        return lambda: run_command("train", "data", "-o", RUN, "--quiet", *words)

    return make


FROM = (
    "--from",
    "tiny.safetensors",
    "--device",
    "cpu",
    "--workers",
    "0",
    "--set",
    "loss.network=none",
    "--set",
    "loss.pixel=1",
)
for name, words, error, names, says in [
    ("nothing that says what to train", (), InputError, "--preset", r"Nothing says what to train"),
    ("an unknown preset", ("--preset", "voks"), InputError, "'voks'", r"Unknown preset; got 'voks'; expected one of"),
    ("a preset and a configuration", ("--preset", "vox", "--config", "a.json"), InputError, "--config", r"There are two recipes"),
    ("a configuration that is not there", ("--config", "a.json"), ConfigError, "a.json", r"Cannot read a training configuration: .*No such file"),
    ("weights that are not there", ("--from", "gone.safetensors"), WeightsError, "gone.safetensors", r"No such weight file"),
    ("a clip as weights", ("--from", "data/person0#1.mp4"), WeightsError, "person0#1.mp4", r"is not a weight file"),
    ("an unknown field", (*FROM, "--set", "colour=red"), InputError, "colour", r"Unknown field 'colour'"),
    ("an unknown group", (*FROM, "--set", "paint.colour=red"), InputError, "paint.colour", r"Unknown group of fields 'paint'"),
    ("a field without a value", (*FROM, "--set", "epochs"), InputError, "'epochs'", r"This sets no field"),
    ("a field of another kind", (*FROM, "--set", "epochs=many"), ConfigError, "epochs", r"epochs is of another kind; got 'many'"),
    ("no epochs", (*FROM, "--epochs", 0), ConfigError, "epochs", r"epochs is out of range; got 0"),
    ("steps below zero", (*FROM, "--steps", -1), ConfigError, "steps", r"steps is out of range; got -1"),
    ("a batch of nothing", (*FROM, "--batch-size", 0), ConfigError, "batch_size", r"batch_size is out of range"),
    ("a batch in unequal parts", (*FROM, "--batch-size", 5, "--accumulate", 2), ConfigError, "batch_size 5", r"A batch must fall into equal parts"),
    ("workers below zero", (*FROM, "--workers", -1), ConfigError, "workers", r"workers is out of range; got -1"),
    ("a million workers", (*FROM, "--workers", 1000000), ConfigError, "workers", r"workers is out of range"),
    ("a seed below zero", (*FROM, "--seed", -1), ConfigError, "seed", r"seed is out of range; got -1"),
    ("an unknown precision", (*FROM, "--precision", "float8"), ConfigError, "precision", r"precision is of another kind; got 'float8'"),
    ("a learning rate of no number", (*FROM, "--set", "lr_generator=NaN"), ConfigError, "lr_generator", r"lr_generator is out of range; got nan"),
    ("a test share above 1", (*FROM, "--set", "data.test_share=2"), ConfigError, "test_share", r"out of range; got 2"),
    ("a size of a million", (*FROM, "--set", "data.size=1000000"), ConfigError, "size", r"out of range|1000000"),
    ("an epoch of words", (*FROM, "--epochs", "ten"), UsageError, "--epochs", r"invalid int value: 'ten'"),
]:  # fmt: skip
    add(name, command(*words), refused(error, names, says))


def prepared(*words: object, files: tuple[str, ...] = ("film.mp4",)) -> Callable[[Place], Call]:
    def make(place: Place) -> Call:
        for file in files:
            (place.given / file).parent.mkdir(exist_ok=True)
            film(place.given / file, *H264, frames=30)
        return lambda: run_command("prepare", *words, "-o", "../out/clips")

    return make


for name, make, error, names, says in [
    ("a film that is not there", prepared("gone.mp4"), InputError, "gone.mp4", r"There is no such file; got gone.mp4"),
    ("two films of one name", prepared("a/film.mp4", "b/film.mp4", files=("a/film.mp4", "b/film.mp4")), InputError, "film.mp4", r"Two videos have one name"),
    ("films: a length of no number", prepared("film.mp4", "--min-seconds", "nan"), InputError, "min_seconds", r"min_seconds is out of range; got nan"),
    ("films: clips of one pixel", prepared("film.mp4", "--size", 1), InputError, "size", r"size is out of range; got 1;"),
    ("films: clips of a million pixels", prepared("film.mp4", "--size", 10**6), InputError, "size", r"size is out of range; got 1000000"),
    ("films: an unknown choice of faces", prepared("film.mp4", "--faces", "some"), UsageError, "--faces", r"invalid choice: 'some'"),
    ("a folder without films", prepared(".", files=()), InputError, ".", r"The folder holds no videos"),
]:  # fmt: skip
    add(name, make, refused(error, names, says))
