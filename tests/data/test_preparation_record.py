"""What ``prepare`` wrote down about a video, damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from motionkit.data.preparation import STATE_FOLDER
from motionkit.errors import InputError
from tests.support.films import SWAY, run, write


@pytest.mark.parametrize(
    "change", [{"frame": "7"}, {"frame": -1}, {"clips": None}, {"clips": 1.5}, {"done": "yes"}, {"other": 1}]
)
def test_a_record_of_other_values_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    film = write(tmp_path / "film.mp4", SWAY[:3])
    record = tmp_path / "out" / STATE_FOLDER / "film.json"
    record.parent.mkdir(parents=True)
    settings = {
        "size": 96,
        "min_seconds": 0.5,
        "every": 5,
        "min_side": 48,
        "faces": "all",
        "bytes": film.stat().st_size,
    }
    record.write_text(json.dumps({"settings": settings, **change}))
    with pytest.raises(InputError, match=r"What was written down about film.mp4 cannot be read; got .*film.json"):
        run(film, tmp_path / "out")
    assert json.loads(record.read_text()) == {"settings": settings, **change}
