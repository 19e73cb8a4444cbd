"""Errors and warnings are one printable line, whatever files are called and hold."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from motionkit.errors import InputError, MotionkitWarning, WeightsError, heard_warnings, naming


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("two\nlines", r"two\nlines"),
        ("bell\x07 and \x1b[31mred", r"bell\x07 and \x1b[31mred"),
        ("no UTF-8 \udce4", r"no UTF-8 \udce4"),
        ("right to left \u202egnp.exe", r"right to left \u202egnp.exe"),
        ("Käse · 写真 🎭", "Käse · 写真 🎭"),
    ],
)
def test_what_is_not_printable_is_escaped(given: str, shown: str) -> None:
    error = InputError("This cannot be", got=given, expected=given, todo=given)
    assert str(error) == f"This cannot be; got {shown}; expected {shown}. {shown}."
    assert str(error).isprintable() and error.got == given
    with pytest.warns(MotionkitWarning) as heard:
        warnings.warn(f"{given} is damaged", MotionkitWarning, stacklevel=1)
    assert str(heard[0].message) == f"{shown} is damaged"


def test_an_error_about_a_file_gets_its_name_once() -> None:
    for what, expected in {
        "No weights": "a.bin: No weights; got 3; expected 4. Fetch it.",
        "a.bin has none": "a.bin has none; got 3; expected 4. Fetch it.",
    }.items():
        with pytest.raises(WeightsError) as caught, naming(Path("x/a.bin")):
            raise WeightsError(what, got=3, expected="4", todo="Fetch it")
        assert str(caught.value) == expected


def test_each_text_once_and_what_others_warn_of_as_ever() -> None:
    with pytest.warns(UserWarning, match="of another package") as others, heard_warnings() as said:  # noqa: PT031
        for text in ("first", "second", "first"):
            warnings.warn(MotionkitWarning(text), stacklevel=1)
        warnings.warn("of another package", UserWarning, stacklevel=1)
    assert said == ["first", "second"]
    assert [str(one.message) for one in others] == ["of another package"]
    kept = ["first"]
    with heard_warnings(kept) as same:
        for text in ("first", "third"):
            warnings.warn(MotionkitWarning(text), stacklevel=1)
    assert same is kept == ["first", "third"]
