"""Whatever is given is accepted and then valid, or refused with one of our errors in one line; examples drawn at random.

`make test` draws the same few examples each time, `make robustness` many others.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from motionkit.cli import animation, shared
from motionkit.config import OVERLAYS, AnimateOptions, ModelConfig
from motionkit.config.bounds import RATES, SECONDS, SIDE
from motionkit.errors import ConfigError, InputError, MotionkitError, TemplateError, WeightsError
from motionkit.faces.crops import crop, paste_back
from motionkit.media.timing import as_rate, as_seconds
from motionkit.motion.templates import MotionTemplate, is_template, load_template, save_template
from motionkit.structures import Box, Keypoints
from motionkit.training import TrainConfig
from motionkit.weights import checkpoints
from tests.support.networks import tiny_config

EXAMPLES = int(os.environ.get("MOTIONKIT_EXAMPLES", "60"))
DRAWN = settings(
    max_examples=EXAMPLES,
    derandomize=EXAMPLES <= 60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
TEXTS = st.text(max_size=30)
# What people and programs give for a value: numbers of every kind, texts, nothing, lists of them.
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.integers(-(10**400), 10**400)
VALUES = PLAIN | st.lists(PLAIN, max_size=4) | st.dictionaries(TEXTS, PLAIN, max_size=3)
JSON = st.recursive(
    PLAIN, lambda part: st.lists(part, max_size=4) | st.dictionaries(TEXTS, part, max_size=4), max_leaves=12
)
WHOLE = st.integers(-(10**6), 10**6)
NUMBERS = st.builds("{}{}{}".format, WHOLE, st.sampled_from(["", ".", "/", "e"]), st.integers(0, 9999))


@contextmanager
def refused_as(*errors: type[MotionkitError]) -> Iterator[None]:
    """What goes wrong inside is one of these errors, in one printable line of a length that can be read."""
    try:
        yield
    except errors as error:
        text = str(error)
        assert len(text.splitlines()) == 1 and text.isprintable() and len(text) < 1500, text


@DRAWN
@given(st.one_of(TEXTS, st.lists(NUMBERS | TEXTS, min_size=3, max_size=6).map(",".join)))
def test_boxes_of_the_command_line(text: str) -> None:
    with refused_as(InputError):
        box = animation._box(text)
        assert box is not None and box.width > 0 and box.height > 0
        options = AnimateOptions(source_box=box)
        assert options.source_box == box and max(box.width, box.height) <= SIDE and -180 <= box.roll <= 180


@DRAWN
@given(st.one_of(TEXTS, NUMBERS))
def test_numbers_of_the_command_line(text: str) -> None:
    try:
        number = shared.number(text)
    except argparse.ArgumentTypeError as error:
        assert "is not a number such as 25" in str(error)
    else:
        assert math.isclose(float(number), float(Fraction(text)))


@DRAWN
@given(VALUES)
def test_rates_and_seconds(value: Any) -> None:
    with refused_as(InputError):
        rate = as_rate(value)
        assert rate is None or RATES[0] * Fraction(99, 100) <= rate <= RATES[1]
    with refused_as(InputError):
        seconds = as_seconds(value)
        assert seconds is None or 0 <= seconds <= SECONDS


FIELDS = sorted(AnimateOptions.__dataclass_fields__)


@DRAWN
@given(st.dictionaries(st.sampled_from(FIELDS), VALUES, min_size=1, max_size=3))
def test_options_of_any_kind(fields: dict[str, Any]) -> None:
    with refused_as(InputError):
        options = AnimateOptions(**fields)
        assert 0 <= options.strength <= 2 and 0 <= options.smoothing <= 1
        assert all(0 <= gain <= 4 for gain in options.gains.values())
        assert isinstance(options.label, bool) and set(options.overlays) <= set(OVERLAYS)
        assert options.replace() == options


@DRAWN
@given(
    st.builds(
        lambda left, top, side, more, roll: Box(left, top, left + side, top + side + more, roll=roll),
        st.integers(-90, 90), st.integers(-90, 90), st.integers(1, 90), st.sampled_from([0] * 9 + [1]), st.floats(-180, 180),
    ),
    st.integers(8, 40), st.integers(8, 40),
)  # fmt: skip
def test_any_box_cuts_out_a_square_and_goes_back(box: Box, width: int, height: int) -> None:
    picture = np.full((height, width, 3), 90, np.uint8)
    with refused_as(InputError):
        square = crop(picture, box, size=16)
        assert square.shape == (16, 16, 3) and square.dtype == np.uint8
        assert np.abs(square.astype(int) - 90).max() <= 1, (
            "nothing but the picture is in it, however far outside it lies"
        )
        back = paste_back(picture, square, box)
        assert back.shape == picture.shape and np.abs(back.astype(int) - 90).max() <= 1


ARRAYS = npst.arrays(
    st.sampled_from([np.float32, np.float64, np.float16, np.int64]),
    npst.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5) | st.just((3, 2, 2)),
)


def _keypoints(value: np.ndarray, jacobian: np.ndarray | None) -> Keypoints:
    return Keypoints(torch.from_numpy(value), None if jacobian is None else torch.from_numpy(jacobian))


@DRAWN
@given(
    value=ARRAYS, jacobian=st.none() | ARRAYS | st.just(np.zeros((3, 2, 2, 2), np.float32)),
    fps=st.fractions(max_denominator=1000), size=st.tuples(st.integers(-5, 20000), st.integers(1, 99)), model=TEXTS,
)  # fmt: skip
def test_templates_of_any_keypoints(
    tmp_path: Path, value: np.ndarray, jacobian: np.ndarray | None, fps: Fraction, size: tuple[int, int], model: str
) -> None:
    with refused_as(TemplateError):
        template = MotionTemplate(_keypoints(value, jacobian), fps, model, "ab", size)
        assert torch.isfinite(template.keypoints.value).all() and len(template) == value.shape[0] > 0
        path = tmp_path / "a.motion"
        save_template(path, template)
        again = load_template(path)
        assert torch.equal(again.keypoints.value, template.keypoints.value)
        assert (again.fps, again.model, again.size) == (fps, model, size)


def _file(path: Path, header: bytes, data: bytes, length: int | None) -> Path:
    path.write_bytes(struct.pack("<Q", len(header) if length is None else length) + header + data)
    return path


KEYS = st.sampled_from(
    ["generator.x", "kp_detector.x", "discriminator.x", "value", "jacobian", "__metadata__", "unet.y", "", "a" * 40]
)
ENTRY = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "F16", "BF16", "I64", "U8", "BOOL", "F8_E4M3", "Q7", ""]) | PLAIN,
        "shape": st.lists(st.integers(-3, 2**63), max_size=4) | PLAIN,
        "data_offsets": st.lists(st.integers(-3, 2**63) | st.integers(0, 64), max_size=3) | PLAIN,
    }
)
SAID = st.dictionaries(
    st.sampled_from(["format", "version", "fps", "size", "model", "model_hash", "config", "crc32"]),
    st.sampled_from(["motionkit.motion", "1", "25/1", "64x64", "1/0", "{}", "[", "00000000"]) | TEXTS,
)
HEADERS = st.dictionaries(KEYS, ENTRY | SAID | JSON, max_size=4).map(lambda said: json.dumps(said).encode())
FILES = st.tuples(HEADERS | st.binary(max_size=80), st.binary(max_size=70), st.none() | st.integers(0, 2**64 - 1))


@DRAWN
@given(FILES)
def test_headers_of_safetensors(tmp_path: Path, parts: tuple[bytes, bytes, int | None]) -> None:
    path = _file(tmp_path / "a.safetensors", *parts)
    with refused_as(WeightsError):
        held = checkpoints.read(path)
        assert held.generator.keys() >= {"x"} and held.kp_detector.keys() >= {"x"}
    with refused_as(TemplateError, InputError):
        assert len(load_template(path)) > 0
    assert is_template(path) in (True, False)


@DRAWN
@given(st.dictionaries(st.sampled_from(sorted(ModelConfig.__dataclass_fields__)) | TEXTS, JSON, max_size=4))
def test_configurations_of_models(values: dict[str, Any]) -> None:
    with refused_as(ConfigError):
        config = ModelConfig.from_dict({**tiny_config().to_dict(), **values})
        assert ModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@DRAWN
@given(st.dictionaries(st.sampled_from(sorted(TrainConfig.__dataclass_fields__)) | TEXTS, JSON, max_size=4))
def test_configurations_of_training(values: dict[str, Any]) -> None:
    with refused_as(ConfigError):
        config = TrainConfig.from_dict({"model": tiny_config().to_dict(), **values})
        assert TrainConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_a_refusal_of_many_lines_would_be_noticed() -> None:
    error = InputError("x")
    error.args = ("two\nlines",)

    def refuse() -> None:
        with refused_as(InputError):
            raise error

    with pytest.raises(AssertionError):
        refuse()
