"""How settings that differ are told."""

from __future__ import annotations

import pytest

from motionkit.config.checks import check_same
from motionkit.errors import ConfigError, InputError


def test_the_same_settings_pass() -> None:
    check_same("They differ", {"a": 1, "b": [2.0, None]}, {"b": [2.0, None], "a": 1}, todo="Take the same")


def test_settings_that_differ_are_named_on_both_sides() -> None:
    with pytest.raises(ConfigError) as told:
        check_same("They differ", {"a": 1, "b": 2, "c": 3}, {"a": 1, "b": "x", "d": 4}, todo="Look", error=ConfigError)
    assert str(told.value) == "They differ; got b 2, c 3, d None; expected b 'x', c None, d 4. Look."


def test_long_values_that_begin_alike_are_shown_where_they_differ() -> None:
    names = [f"keypoint {n}" for n in range(40)]
    with pytest.raises(InputError) as told:
        check_same("They differ", {"names": [*names, "iris"]}, {"names": [*names, "collar", "elbow"]}, todo="Look")
    got, _, expected = str(told.value).partition("; expected ")
    assert "'keypoint 39', 'iris']" in got and "'keypoint 39', 'collar', 'elbow']" in expected and len(got) < 200


def test_whatever_a_file_holds_the_line_is_short() -> None:
    before = {"size": "x" * 10_000, "n" * 10_000: 1, **{f"more{n}": n for n in range(1000)}}
    with pytest.raises(InputError) as told:
        check_same("They differ", {"size": 64}, before, todo="Look")
    said = str(told.value)
    assert len(said) < 1500 and "size 64" in said and "996 more" in said
