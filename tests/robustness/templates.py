"""Motion templates: wrong headers, shapes, numbers, rates and models, and what only poses as a template."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

import torch
from safetensors.torch import save

from motionkit.errors import InputError, MediaError, TemplateError
from motionkit.model import load_model
from motionkit.motion.templates import load_template
from tests.robustness.fault import Call, Category, Place, Refused, Works
from tests.robustness.giving import RESULT, Seen, portrait, read, run_command, tiny
from tests.robustness.making import film

__all__ = ["TEMPLATES"]

TEMPLATES = Category("templates")
add = TEMPLATES.add
FILE = "a.motion"
FRAMES, POINTS = 5, 3


def driven(place: Place, name: str = FILE) -> Call:
    """Load a template and animate a picture with it by the command line; what refuses one refuses the other."""
    model, photo, target = tiny(place.out.parent), portrait(place.out.parent), place.out / RESULT
    words = ("animate", "-o", target, "--model", model, "--", photo, name)

    def call() -> Seen:
        try:
            load_template(name)
        except (TemplateError, InputError) as error:
            try:
                run_command(*words)
            except (TemplateError, InputError, MediaError):
                raise error from None
            raise AssertionError(f"load_template refuses it ({error}), animate does not") from error
        run_command(*words)
        return read(target)

    return call


def template(
    change: Callable[[dict[str, torch.Tensor], dict[str, Any]], Any] = lambda tensors, said: None, name: str = FILE
) -> Callable[[Place], Call]:
    """A template of the tiny model, with its tensors or its metadata changed."""

    def make(place: Place) -> Call:
        fingerprint = load_model(tiny(place.out.parent), device="cpu", precision="float32").fingerprint
        (place.out.parent / "tiny.safetensors").unlink()
        value = torch.linspace(-0.5, 0.5, FRAMES * POINTS * 2).reshape(FRAMES, POINTS, 2)
        tensors = {"value": value, "jacobian": torch.eye(2).repeat(FRAMES, POINTS, 1, 1)}
        said: dict[str, Any] = {
            "format": "motionkit.motion", "version": "1", "fps": "25/1", "model": "tiny", "model_hash": fingerprint, "size": "64x64",
        }  # fmt: skip
        change(tensors, said)
        contiguous = {key: tensor.contiguous() for key, tensor in tensors.items()}
        (place.given / name).write_bytes(save(contiguous, {key: str(text) for key, text in said.items()}))
        return driven(place, name)

    return make


def raw(data: bytes) -> Callable[[Place], Call]:
    def make(place: Place) -> Call:
        (place.given / FILE).write_bytes(data)
        return driven(place)

    return make


def says(**changes: Any) -> Callable[[Place], Call]:
    return template(lambda _, said: said.update(changes))


def holds(**changes: torch.Tensor | None) -> Callable[[Place], Call]:
    def change(tensors: dict[str, torch.Tensor], _: object) -> None:
        tensors.update({key: tensor for key, tensor in changes.items() if tensor is not None})
        for key in [key for key, tensor in changes.items() if tensor is None]:
            del tensors[key]

    return template(change)


def animated(frames: int, fps: object = 25) -> Works:
    def check(seen: Seen) -> None:
        assert len(seen.frames) == frames, len(seen.frames)
        assert float(seen.info.fps) == float(fps), seen.info.fps  # type: ignore[arg-type]

    return Works(check, leaves=(f"out/{RESULT}",))


def refused(text: str, error: type[TemplateError | InputError] = TemplateError) -> Refused:
    return Refused(error, FILE, text)


add("a template", template(), animated(5))
add("a template under another suffix", template(name="smile.dat"), animated(5))
add("a template of one frame", holds(value=torch.zeros(1, 3, 2), jacobian=torch.eye(2).repeat(1, 3, 1, 1)), animated(1))
add(
    "a template of float16",
    template(lambda tensors, _: tensors.update({k: v.half() for k, v in tensors.items()})),
    animated(5),
)
add("a template of a film of 30000/1001", says(fps="30000/1001"), animated(5, 30000 / 1001))
add("a template of half a frame a second", says(fps="1/2"), animated(5, 0.5))
add("a template with a tensor too many", holds(extra=torch.zeros(3)), animated(5))

SHAPE = r"is damaged: A motion template's keypoints have the wrong shape; got .*; expected value \(T, K, 2\)"
FINITE = r"is damaged: A motion template's keypoints are not all finite; got NaN or infinity in frame \d"
RATE = r"is damaged: A motion template's fps or size is impossible; got .*; expected 1/100 to 1000 fps, sides from 1 to 16384"
BAD = r"is damaged; got \w+: .*\. Extract the motion again\.$"
NAN, INF = (
    torch.zeros(5, 3, 2).index_fill(0, torch.tensor(3), torch.nan),
    torch.zeros(5, 3, 2).index_fill(0, torch.tensor(1), torch.inf),
)
for name, make, text in [
    ("keypoints that are no numbers", holds(value=NAN), FINITE),
    ("keypoints without end", holds(value=INF), FINITE),
    ("Jacobians that are no numbers", holds(jacobian=torch.full((5, 3, 2, 2), torch.nan)), FINITE),
    ("no frame", holds(value=torch.zeros(0, 3, 2), jacobian=torch.zeros(0, 3, 2, 2)), SHAPE),
    ("no keypoint", holds(value=torch.zeros(5, 0, 2), jacobian=torch.zeros(5, 0, 2, 2)), SHAPE),
    ("keypoints in space", holds(value=torch.zeros(5, 3, 3)), SHAPE),
    ("keypoints in a row", holds(value=torch.zeros(30)), SHAPE),
    ("a Jacobian for other frames", holds(jacobian=torch.zeros(4, 3, 2, 2)), SHAPE),
    ("a Jacobian for other keypoints", holds(jacobian=torch.zeros(5, 4, 2, 2)), SHAPE),
    ("no keypoints at all", holds(value=None), BAD),
    ("a thousand and one keypoints", holds(value=torch.zeros(5, 1001, 2), jacobian=None), r"A motion template is too long"),
    ("a rate below zero", says(fps="-25/1"), RATE),
    ("a rate of nothing", says(fps="0/1"), RATE),
    ("a rate of 10^40", says(fps=f"{10**40}/1"), RATE),
    ("a rate of a millionth", says(fps="1/1000000"), RATE),
    ("a rate divided by nothing", says(fps="25/0"), BAD),
    ("a rate that is a float", says(fps="25.0"), BAD),
    ("a rate of words", says(fps="fast/slow"), BAD),
    ("a rate of 5,000 digits", says(fps="9" * 5000 + "/1"), BAD),
    ("a size of nothing", says(size="0x64"), RATE),
    ("a size below zero", says(size="-64x64"), RATE),
    ("a size of a million", says(size="1000000x64"), RATE),
    ("a size of one number", says(size="64"), BAD),
    ("a size of three numbers", says(size="64x64x3"), BAD),
    ("no rate", template(lambda _, said: said.pop("fps")), BAD),
    ("no model", template(lambda _, said: said.pop("model")), BAD),
    ("a newer version", says(version="2"), r"is in a format of another version; got version 2; expected version 1"),
    ("no version", template(lambda _, said: said.pop("version")), r"is in a format of another version"),
    ("a version of words", says(version="one" * 99), r"is in a format of another version; got version one"),
]:  # fmt: skip
    add(name, make, refused(text))


def made_otherwise(**changes: Any) -> Callable[[Place], Call]:
    """A template that is read, of another model than the one that it is used with."""

    def make(place: Place) -> Call:
        says(**changes)(place)
        model, photo = tiny(place.out.parent), portrait(place.out.parent)
        return lambda: run_command("animate", photo, FILE, "-o", place.out / RESULT, "--model", model)

    return make


add(
    "another model's template",
    made_otherwise(model="vox", model_hash="ab" * 32),
    Refused(TemplateError, "'vox'", r"whose keypoints are not 'tiny'.*weights abababababab"),
)
add(
    "a template of other weights",
    made_otherwise(model_hash="cd" * 32),
    Refused(TemplateError, "'tiny'", r"made with other weights of the model 'tiny'; got weights cdcdcdcdcdcd"),
)
NO_TEMPLATE = r"is not a motion template, or its beginning is damaged\. Make one with: motionkit extract"


def header(text: bytes, data: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def claims(*, shape: list[int], end: int, data: int) -> bytes:
    said = {
        "format": "motionkit.motion",
        "version": "1",
        "fps": "25/1",
        "model": "tiny",
        "model_hash": "x",
        "size": "64x64",
    }
    tensor = {"dtype": "F32", "shape": shape, "data_offsets": [0, end]}
    return header(json.dumps({"__metadata__": said, "value": tensor}).encode(), bytes(data))


for name, data, text in [
    ("a text named .motion", b"frame,x,y\n0,0.1,0.2\n", NO_TEMPLATE),
    ("eight bytes", bytes(8), NO_TEMPLATE),
    ("a header of 10^15 bytes", header(b"{}", length=10**15), NO_TEMPLATE),
    ("a header that is a list", header(b"[1,2,3]"), NO_TEMPLATE),
    ("a header of 100,000 brackets", header(b"[" * 100_000), NO_TEMPLATE),
    ("a header whose metadata are a text", header(b'{"__metadata__": "motionkit.motion"}'), NO_TEMPLATE),
    (
        "weights named .motion",
        header(b'{"generator.x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', bytes(4)),
        NO_TEMPLATE,
    ),
    ("keypoints that are not all there", claims(shape=[5, 3, 2], end=120, data=50), BAD),
    ("keypoints of another length than their shape", claims(shape=[5, 3, 2], end=60, data=60), BAD),
    ("keypoints of 10^18 frames", claims(shape=[10**18, 3, 2], end=60, data=60), BAD),
]:
    add(name, raw(data), refused(text))
add("a template of no bytes", raw(b""), refused(NO_TEMPLATE))


def half(place: Place) -> Call:
    call = template()(place)
    data = (place.given / FILE).read_bytes()
    (place.given / FILE).write_bytes(data[: len(data) - 40])
    return call


add("a template cut off", half, refused(BAD))
add(
    "a template that is not there",
    driven,
    Refused(InputError, FILE, r"Cannot read the motion template a.motion; got No such file"),
)


def command(*words: object, clip: bool = True) -> Callable[[Place], Call]:
    """A command with a template, a clip, a picture and a model at hand."""

    def make(place: Place) -> Call:
        template()(place)
        film(place.given / "a.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p")
        portrait(place.given)
        model = tiny(place.given)
        return lambda: run_command(*(str(word).replace("OUT", str(place.out)) for word in words), "--model", model)

    return make


for name, words, outcome in [
    ("extract of a template", ("extract", FILE, "-o", "OUT/b.motion"), Refused(InputError, FILE, r"This is a motion template already")),
    ("extract without a name for it", ("extract", "a.mp4"), Refused(InputError, "-o smile.motion", r"There is nothing to write")),
    ("extract under another suffix", ("extract", "a.mp4", "-o", "OUT/b.txt"), Refused(InputError, "b.txt", r"A motion template needs its own suffix")),
    ("extract into a folder that is not there", ("extract", "a.mp4", "-o", "OUT/none/b.motion"), Refused(MediaError, "none", r"The target's folder is not there")),
    ("extract over its own clip", ("extract", FILE, "-o", FILE), Refused(InputError, FILE, r"would overwrite an input")),
    ("keypoints of a template", ("keypoints", FILE, "-o", "OUT/k.mp4"), Refused(InputError, "A motion template", r"has no pictures to draw on")),
    ("a template as the source", ("animate", FILE, "a.mp4", "-o", "OUT/r.mp4"), Refused(MediaError, FILE, r"This is not a video that can be read")),
]:  # fmt: skip
    add(name, command(*words), outcome)
