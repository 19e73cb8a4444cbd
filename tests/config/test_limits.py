"""Fields of configurations and options are held to bounds, whatever is given."""

from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from motionkit.config import AnimateOptions, ModelConfig
from motionkit.errors import ConfigError, InputError
from motionkit.structures import Box

WILD = (math.nan, math.inf, -math.inf, -1, 10**400, "1", True)


@pytest.mark.parametrize("value", WILD, ids=lambda value: str(value)[:8])
@pytest.mark.parametrize("name", ["strength", "smoothing", "motion_limit", "size", "batch_size"])
def test_numbers_of_an_animation_have_bounds(name: str, value: Any) -> None:
    with pytest.raises(InputError) as caught:
        AnimateOptions(**{name: value})
    message = str(caught.value)
    assert message.startswith(f"{name} is out of range; got ")
    assert len(message) < 200
    assert "\n" not in message


def test_gains_and_boxes_have_bounds() -> None:
    for value in WILD:
        with pytest.raises(InputError, match="gain of 'mouth' is out of range"):
            AnimateOptions(gains={"mouth": value})
    for box in (Box(0, 0, 10**6, 10**6), Box(-(10**9), 0, 5, 5), Box(0, 0, 20000, 20000)):
        for name in ("source_box", "driving_box"):
            with pytest.raises(InputError, match=rf"{name} \w+ is out of range"):
                AnimateOptions(**{name: box})


def test_choices_are_listed() -> None:
    for name in ("crop", "reference", "face"):
        with pytest.raises(InputError, match=f"Unknown {name}; got 'nonsense'; expected '"):
            AnimateOptions(**{name: "nonsense"})  # type: ignore[arg-type]


def test_the_sound_is_a_word_or_names_a_file() -> None:
    for sound in ("auto", "none", "song.mp3", Path("none")):
        assert AnimateOptions(audio=sound).audio == sound
    for wrong in ("", None, 3, True, b"song.mp3"):
        with pytest.raises(InputError, match=r"Unknown audio; got .*; expected auto, driving, source, none, or a file"):
            AnimateOptions(audio=wrong)  # type: ignore[arg-type]


def test_every_default_is_within_its_own_bounds() -> None:
    defaults = AnimateOptions()
    assert AnimateOptions(**{field.name: getattr(defaults, field.name) for field in fields(AnimateOptions)}) == defaults


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("kp_detector_params", "num_blocks", 10**10),
        ("kp_detector_params", "temperature", math.nan),
        ("generator_params", "block_expansion", 10**9),
        ("generator_params", "num_bottleneck_blocks", -1),
        ("common_params", "num_kp", 0),
        pytest.param("common_params", "num_kp", 10**5000, id="5000 digits"),
    ],
)
def test_a_stored_configuration_cannot_ask_for_anything(part: str, name: str, value: Any) -> None:
    stored = ModelConfig().to_dict()
    stored[part][name] = value
    with pytest.raises(ConfigError, match=rf"{name} is out of range") as caught:
        ModelConfig.from_dict(stored)
    assert len(str(caught.value)) < 300


def test_the_picture_side_is_the_models_or_what_it_can_give() -> None:
    plain, blending = ModelConfig(), ModelConfig(blend_warped=True)
    assert plain.picture_side() == plain.picture_size == plain.picture_side(plain.picture_size)
    assert blending.picture_side(640) == 640
    with pytest.raises(InputError, match="gives pictures of one size only; got size 640"):
        plain.picture_side(640)
