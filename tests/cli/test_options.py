"""The options of ``animate``: each flag sets its own, and the defaults are the library's."""

from __future__ import annotations

from dataclasses import fields

import pytest

from motionkit.cli import animation
from motionkit.cli.main import main, make_parser
from motionkit.config import AnimateOptions
from motionkit.errors import InputError
from motionkit.structures import Box


def parsed(*arguments: str) -> AnimateOptions:
    return animation.options(make_parser().parse_args(["animate", "a.png", "b.mp4", *arguments]))


def test_each_flag_sets_its_option() -> None:
    motion = "--strength 1.5 --gain 0=0.5 --gain mouth=2 --smoothing 0.3 --motion-limit 0 --reference 4 --absolute"
    crop = "--no-adapt-scale --crop face --source-box 1,2,33,34,-30.5 --driving-box=-4,0,60,64"
    face = "--face all --driving-face 2 --paste-back --finder cascade"
    result = "--size 64 --batch-size 3 --audio none --label none --overlay flow --overlay keypoints"
    assert parsed(*f"{motion} {crop} {face} {result}".split()) == AnimateOptions(
        strength=1.5,
        gains={0: 0.5, "mouth": 2.0},
        smoothing=0.3,
        motion_limit=None,
        reference=4,
        relative=False,
        adapt_scale=False,
        crop="face",
        source_box=Box(1, 2, 33, 34, roll=-30.5),
        driving_box=Box(-4, 0, 60, 64),
        face="all",
        driving_face=2,
        paste_back=True,
        finder="cascade",
        size=64,
        batch_size=3,
        audio="none",
        label=False,
        overlays=("flow", "keypoints"),
    )


def test_the_badge_has_a_text_a_place_and_a_size() -> None:
    given = parsed("--label", "Made by AI", "--label-place", "top-left", "--label-size", "0.1")
    assert given == AnimateOptions(label="Made by AI", label_place="top-left", label_size=0.1)
    for wrong in ({"label": ""}, {"label": "a\nb"}, {"label": "x" * 41}, {"label": 1}, {"label_size": 0.5}):
        with pytest.raises(InputError, match="label"):
            AnimateOptions(**wrong)


def test_nothing_given_is_every_default() -> None:
    assert parsed() == AnimateOptions()


def test_help_covers_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["animate", "--help"]) == 0
    text = capsys.readouterr().out
    flags = {"relative": "absolute", "adapt_scale": "no-adapt-scale", "gains": "gain", "overlays": "overlay"}
    for field in fields(AnimateOptions):
        assert f"--{flags.get(field.name, field.name).replace('_', '-')}" in text


def test_drivings_are_named_in_one_way() -> None:
    def drivings(*arguments: str) -> list[str]:
        return animation._drivings(make_parser().parse_args(["animate", "a.png", *arguments]))

    assert drivings("b.mp4") == ["b.mp4"]
    assert drivings("--driving", "b.mp4", "--driving", "c.mp4", "--face", "all") == ["b.mp4", "c.mp4"]
    with pytest.raises(InputError, match="There is no driving; expected SOURCE DRIVING"):
        drivings()
    with pytest.raises(InputError, match=r"named in two ways; got b\.mp4 and --driving"):
        drivings("b.mp4", "--driving", "c.mp4")
