"""JSON that is none, or too deep to be read."""

from __future__ import annotations

import pytest

from motionkit import jsontext


def test_what_is_sound_is_read() -> None:
    assert jsontext.parse('{"a": [1, "x", null]}') == {"a": [1, "x", None]}
    assert jsontext.parse(b"[]") == []
    deep = "[" * 99 + "{}" + "]" * 99
    assert jsontext.parse(deep) is not None


@pytest.mark.parametrize(
    "text", ["", "{", "9" * 5000, b"\xff", "[" * 101 + "]" * 101, "[" * 100_000, '{"a":' * 100_000]
)
def test_anything_else_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        jsontext.parse(text)
