"""``motionkit multiply``: each flag sets its own option, the defaults are the library's, and mistakes are one line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from motionkit import AnimateOptions, MultiplyOptions, Variations
from motionkit.cli import multiplication
from motionkit.cli.main import main, make_parser
from tests.support.files import names
from tests.support.multiplied import check_whole, given_files


def parsed(*arguments: str) -> MultiplyOptions:
    words = ["multiply", "--sources", "a", "--drivings", "b", "-o", "c", *arguments]
    return multiplication.options(make_parser().parse_args(words))


def test_nothing_given_is_every_default() -> None:
    assert parsed() == MultiplyOptions()


def test_each_flag_sets_its_option() -> None:
    results = "--pairs random:9 --format webdataset --engine ray --seed 4 --frames 3 --picture webp --labels box,flow"
    more = "--size 64 --no-gate --follow-limit 0.2 --shard 7 --licence CC0 --workers 2 --smoothing 0.3 --reference best"
    vary = "--variations 2 --strength 0.5,1.5 --gain mouth=1,2 --gain 3=0.5 --flip 0.5 --jitter 0.1 --crops 0.2"
    other = "--backgrounds rooms --replaced 0.4 --crop face --finder cascade --driving-face 1"
    assert parsed(*f"{results} {more} {vary} {other}".split()) == MultiplyOptions(
        pairs="random:9",
        format="webdataset",
        engine="ray",
        seed=4,
        frames=3,
        picture="webp",
        labels=("box", "flow"),
        gate=False,
        follow_limit=0.2,
        shard=7,
        licence="CC0",
        workers=2,
        variations=Variations(
            count=2,
            strength=(0.5, 1.5),
            gains={"mouth": (1.0, 2.0), 3: (0.5, 0.5)},
            flip=0.5,
            jitter=0.1,
            crop=0.2,
            backgrounds="rooms",
            replaced=0.4,
        ),
        animate=AnimateOptions(size=64, smoothing=0.3, reference="best", crop="face", finder="cascade", driving_face=1),
    )


def test_a_data_set_and_what_it_would_take(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given_files(folder / "given", sources=2, drivings=1)
    words = [
        "multiply",
        "--sources",
        "given/sources",
        "--drivings",
        "given/drivings",
        "-o",
        "out",
        "--no-gate",
        "--workers",
        "0",
        "--frames",
        "2",
    ]
    before = names(folder)
    assert main([*words, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("pairs    2\nframes   4\nbytes    ") and "\nhours    " in said
    assert names(folder) == before
    assert main(words) == 0
    assert "out/manifest.parquet: 4 ok, 0 rejected, 0 failed\n" in capsys.readouterr().out
    assert len(check_whole(folder / "out")) == 4
    assert main([*words, "--seed", "1"]) == 1
    assert "begun with other arguments; got seed 1 (before 0)" in capsys.readouterr().err


def test_nothing_but_failures_is_a_failure(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given_files(folder / "given", sources=1, drivings=1)
    (folder / "torn.mp4").write_bytes((folder / "given" / "drivings" / "d0.mp4").read_bytes()[:400])
    base = "multiply --sources given/sources --drivings torn.mp4 -o out --workers 0 --no-gate --frames 1"
    assert main(base.split()) == 1
    told = capsys.readouterr()
    assert "0 ok, 0 rejected, 1 failed" in told.out and "0 frames; 1 result made now" in told.out
    assert "motionkit: No result could be made; got 1 failed. Mend" in told.err and "got torn.mp4" in told.out
    shutil.copy(folder / "given" / "drivings" / "d0.mp4", folder / "torn.mp4")
    assert main([*base.split(), "--retry-failed"]) == 0
    assert "1 ok, 0 rejected, 0 failed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--pairs some", "Unknown pairs; got 'some'"),
        ("--strength a,b", "strength is no range; got 'a,b'"),
        ("--gain mouth", "This is not a gain; got 'mouth'"),
        ("--frames 0", "frames is out of range; got 0"),
        ("--labels colour", "label"),
        ("--sources nowhere", "There is no such file; got nowhere"),
    ],
)
def test_mistakes_are_one_line(folder: Path, capsys: pytest.CaptureFixture[str], words: str, said: str) -> None:
    given_files(folder / "given", sources=1, drivings=1)
    base = "multiply --sources given/sources --drivings given/drivings -o out"
    assert main([*base.split(), *words.split()]) == 1
    error = capsys.readouterr().err.strip()
    assert error.startswith("motionkit: ") and said in error and "\n" not in error
    assert not (folder / "out" / "manifest.parquet").exists()
