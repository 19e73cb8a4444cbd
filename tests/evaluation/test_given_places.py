"""Where clips lie and where an evaluation writes: folders within others, two names of one, full disks."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import motionkit as mk
from motionkit import media
from motionkit.errors import InputError, MediaError
from motionkit.evaluation.intervals import spreads
from motionkit.evaluation.items import Item, list_items
from motionkit.evaluation.options import EvaluateOptions
from motionkit.evaluation.plots import Lane, strip_plot
from motionkit.evaluation.rows import Log, Row, read_logs
from tests.support.evaluations import write_clips
from tests.support.networks import tiny_model
from tests.support.training_runs import small_disk

PLAIN = EvaluateOptions(metrics=["pixels"], landmarks="none", embedder="none", lpips="none")


@pytest.fixture(scope="module")
def model() -> mk.Model:
    return tiny_model("a" * 64, blend_warped=True)


def test_the_clips_own_folder_may_be_the_output(tmp_path: Path, model: mk.Model) -> None:
    clips = write_clips(tmp_path / "clips", 2)
    for given in (clips, clips, f"{clips}/**"):
        found = mk.evaluate(model, given, output=clips, options=PLAIN)
        assert [row.clip for row in found.rows] == ["clip00.mp4", "clip01.mp4"], "its pictures are no clips"
    assert (clips / "report.html").read_text().count("<img") == 2, "and yet they are there"


@pytest.mark.parametrize("name", ["clips.csv", "report.html", "evaluation.json", "clips.parquet"])
def test_no_file_of_others_is_replaced(name: str, tmp_path: Path, model: mk.Model) -> None:
    write_clips(tmp_path, 1)
    table = tmp_path / name
    table.write_text("file\nclip00.mp4\n")
    place = table if name.endswith(".csv") else tmp_path
    with pytest.raises(InputError, match=rf"holds a file that would be replaced; got .*{name}; expected a new folder"):
        mk.evaluate(model, place, output=tmp_path, options=PLAIN)
    assert table.read_text() == "file\nclip00.mp4\n"
    assert {path.name for path in tmp_path.iterdir()} == {name, "clip00.mp4"}


def test_an_output_without_a_name_is_not_the_current_folder(
    tmp_path: Path, model: mk.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = write_clips(tmp_path / "clips", 1)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(InputError, match="The name of the output is empty"):
        mk.evaluate(model, clips, output="", options=PLAIN)
    assert not list(Path().iterdir())


def test_a_file_named_in_several_ways_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clips(tmp_path / "clips", 2)
    (tmp_path / "other").symlink_to(tmp_path / "clips")
    (tmp_path / "clips" / "again.mp4").symlink_to(tmp_path / "clips" / "clip00.mp4")
    monkeypatch.chdir(tmp_path)
    ways = ["clips/clip00.mp4", tmp_path / "clips/clip00.mp4", "clips/../clips/clip00.mp4", "other/clip00.mp4"]
    assert list_items([*ways, "clips/clip01.mp4"]) == [Item(Path("clips/clip00.mp4")), Item(Path("clips/clip01.mp4"))]
    assert len(list_items(["clips/again.mp4", "clips/clip00.mp4"])) == 2, "a link is meant as another"
    (tmp_path / "clips" / "clips").mkdir()
    monkeypatch.chdir(tmp_path / "clips")
    assert len(list_items(["clips/clip00.mp4", tmp_path / "clips/clip00.mp4"])) == 2, (
        "the folder that is current counts"
    )
    monkeypatch.chdir(tmp_path)
    pairs = [(ways[0], ways[1]), (ways[1], ways[0]), ("clips/clip01.mp4", ways[0])]
    assert len(list_items(pairs=pairs)) == 2


def test_what_changed_or_may_be_read_now_is_measured_anew(tmp_path: Path) -> None:
    walk = tmp_path / "walk"
    walk.mkdir()
    for n in range(2):
        media.write_image(walk / f"{n}.png", np.full((16, 16, 3), 50 * n, np.uint8))
    item, before = Item(walk), os.stat(walk)
    states = [item.state]
    with (walk / "1.png").open("ab") as picture:  # in its place, by which the folder's own time stays
        picture.write(b"more")
    assert os.stat(walk).st_mtime_ns == before.st_mtime_ns
    states.append(item.state)
    (walk / "1.png").rename(walk / "2.png")
    (walk / "0.png").unlink()
    states.append(item.state)
    assert len(set(states)) == 3


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_be_read_at_last_is_another(tmp_path: Path) -> None:
    clip = write_clips(tmp_path, 1) / "clip00.mp4"
    clip.chmod(0)
    before = Item(clip).state
    clip.chmod(0o600)
    assert Item(clip).state != before


def test_a_full_disk_is_said_of_the_rows(tmp_path: Path) -> None:
    row = Row(model="m", clip="c" * 100, source="", driving="d")
    with small_disk(tmp_path / "disk", "64k") as disk:
        with Log(disk) as log:
            log.append(row)
            (disk / "junk").write_bytes(bytes(disk_free(disk)))
            with pytest.raises(MediaError, match=r"A row cannot be written; got .*rows-0.*No space"):
                append_many(log, row)
        (disk / "junk").unlink()
        kept = list(read_logs(disk))
        with Log(disk) as log:
            log.append(row)
        assert list(read_logs(disk)) == [*kept, row], "what was half written is written over"


def append_many(log: Log, row: Row) -> None:
    for _ in range(100):
        log.append(row)


def disk_free(disk: Path) -> int:
    room = os.statvfs(disk)
    return room.f_bavail * room.f_frsize


def test_published_figures_stand_beside_those_that_they_are_of(tmp_path: Path, model: mk.Model) -> None:
    clips = write_clips(tmp_path / "clips", 1)
    assert "* Their means" in str(mk.evaluate(model, clips, options=PLAIN))
    other = EvaluateOptions(metrics=["flicker"], landmarks="none", every=2)
    assert "*" not in str(mk.evaluate(model, clips, options=other))


def test_no_dot_is_behind_the_bar() -> None:
    values = np.array([1.0, 2.0, 9.0])
    (spread,) = spreads(values[:, None])
    drawn = strip_plot("l1", [Lane("a", values, spread)])
    assert drawn.count("<circle") == 3, "a dot is a clip, and nothing else is one"
    assert drawn.rindex("<title>") < drawn.index("<circle")
