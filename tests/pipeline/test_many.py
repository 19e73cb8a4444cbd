"""Several sources and drivings: each pair has a result of its own name."""

from __future__ import annotations

from pathlib import Path

import pytest

from motionkit.errors import TemplateError
from motionkit.pipeline.driving import open_driving
from motionkit.pipeline.many import pairs_of_files


@pytest.mark.parametrize(
    ("sources", "drivings", "called"),
    [
        (["a.png", "b.png"], ["x.mp4"], ["a-x", "b-x"]),
        (["a.png", "a.jpg"], ["x.mp4", "y.mp4"], ["a-x", "a-y", "a-x-2", "a-y-2"]),
        (["a-b.png", "a.png"], ["c.mp4", "b-c.mp4"], ["a-b-c", "a-b-b-c", "a-c", "a-b-c-2"]),
        # A number is no name that another pair has by itself.
        (["a.png"], ["x.mp4", "x.mov", "x-2.mp4", "x.gif"], ["a-x", "a-x-3", "a-x-2", "a-x-4"]),
        (["a.png"], ["x-2.mp4", "x-2.mov", "x.mp4", "x.gif"], ["a-x-2", "a-x-2-2", "a-x", "a-x-3"]),
    ],
)
def test_no_result_takes_anothers_name(
    sources: list[str], drivings: list[str], called: list[str], tmp_path: Path
) -> None:
    pairs = pairs_of_files(sources, drivings, tmp_path)
    assert [pair.output for pair in pairs] == [tmp_path / f"{name}.mp4" for name in called]
    assert [(str(pair.source), str(pair.driving)) for pair in pairs] == [(s, d) for s in sources for d in drivings]


def test_a_torn_template_is_not_said_to_be_a_video(tmp_path: Path) -> None:
    torn = tmp_path / "nod.motion"
    torn.write_bytes(b"\x40\x00\x00\x00\x00\x00\x00\x00{")
    with pytest.raises(TemplateError, match=r"nod\.motion is not a motion template, or its beginning is damaged"):
        open_driving(torn)
