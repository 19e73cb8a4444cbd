"""What says of a file that it was made, read back: on the command line and in Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import motionkit as mk
from motionkit import media, samples, trust
from motionkit.cli.main import main
from motionkit.config import AnimateOptions
from motionkit.errors import InputError
from tests.support.files import frames_of

MARKED = {"plain.mp4", "collage.mp4", "sheet.png", "pasted.mp4", "clip.gif"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what motionkit writes, with and without the badge, and with files that are none of it."""
    folder = tmp_path_factory.mktemp("made")
    model = mk.load_model("heads", device="cpu")
    media.write_image(folder / "photo.png", media.read_image(samples.portrait()))
    clip = media.open_clip(samples.driving_clip("nod"), end=Fraction(1, 5))
    badgeless = AnimateOptions(label=False)
    mk.animate_file(
        folder / "photo.png", clip, folder / "plain.mp4", model=model, options=badgeless,
        collage=folder / "collage.mp4", still=folder / "sheet.png",
    )  # fmt: skip
    pasted = AnimateOptions(paste_back=True, label="Made by AI", label_place="top-left")
    mk.animate_file(folder / "photo.png", clip, folder / "pasted.mp4", model=model, options=pasted)
    mk.animate_file(folder / "photo.png", clip, folder / "clip.gif", model=model)
    with media.VideoWriter(folder / "bare.mp4", fps=Fraction(25)) as writer:  # its pixels alone, as a repost leaves it
        for frame in frames_of(folder / "plain.mp4"):
            writer.write(frame)
    (folder / "torn.mp4").write_bytes((folder / "plain.mp4").read_bytes()[:900])
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_everything_that_is_written_says_so(made: Path) -> None:
    found = {one.file.name: one for one in mk.verify(made)}
    assert set(found) == MARKED | {"photo.png", "bare.mp4", "torn.mp4"}
    for name in MARKED:
        one = found[name]
        assert one.labelled and one.metadata and one.watermark is not None and one.watermark.found, name
        assert one.software.startswith("motionkit")
    bare = found["bare.mp4"]
    assert bare.labelled and not bare.metadata and "its metadata is gone" in bare.meaning
    assert not found["photo.png"].labelled and "proves nothing" in found["photo.png"].meaning
    assert found["torn.mp4"].watermark is None and "torn.mp4" in found["torn.mp4"].meaning


def test_the_badge_is_on_the_result_alone(made: Path) -> None:
    row = frames_of(made / "collage.mp4")[0]
    plain = frames_of(made / "plain.mp4")[0]
    side = plain.shape[0]
    source = media.read_image(made / "photo.png")
    assert np.abs(row[:side, -side:].astype(int) - plain).mean() < 12  # no badge there: it was left out
    assert row.shape[1] >= 3 * side and source.shape[0] > side


def test_the_command_prints_a_table_or_a_list(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(made / "plain.mp4"), str(made / "photo*.png")]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("yes") and lines[1].endswith("plain.mp4")
    at = next(i for i, line in enumerate(lines) if line.endswith("photo.png"))
    assert lines[at].startswith("no ") and "proves nothing" in lines[at + 1]
    assert main(["verify", "--json", str(made)]) == 1  # one is torn
    found = json.loads(capsys.readouterr().out)
    assert len(found) == 8
    (one,) = [one for one in found if one["file"].endswith("bare.mp4")]
    assert one["labelled"] is True and one["watermark"]["found"] is True and one["metadata"] is False
    assert 0.999999 <= one["watermark"]["confidence"] <= 1
    assert {"present", "valid", "trusted"} <= set(one["manifest"])
    assert main(["verify", str(made / "plain.mp4"), "no.mp4"]) == 1
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("motionkit: There is nothing to verify; got no.mp4")


def test_the_status_says_whether_all_are_labelled(made: Path, tmp_path: Path) -> None:
    def status(*names: str) -> int:
        return main(["verify", *(str(made / name) for name in names)])

    assert status("plain.mp4", "bare.mp4") == 0
    assert status("plain.mp4", "photo.png", "bare.mp4") == 2
    assert status("photo.png", "torn.mp4", "plain.mp4") == 1
    assert status("notes.txt") == 1


def test_rows_are_printed_as_they_are_found(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = mk.verify([made / "photo.png", made / "plain.mp4"])
    assert next(found).file.name == "photo.png", "the second one is not looked at yet"
    program = [sys.executable, "-m", "motionkit", "verify", str(made / "photo.png"), str(made / "plain.mp4")]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        lines = [running.stdout.readline() for _ in range(2)]
        running.kill()
    assert lines[1].startswith("no ") and lines[1].endswith("photo.png\n")


def test_a_file_is_looked_at_once_under_all_names_that_a_glob_gives_it(made: Path, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes((made / "photo.png").read_bytes())
    (tmp_path / "again").symlink_to(tmp_path)
    assert [one.file for one in mk.verify(tmp_path / "**" / "*.png")] == [tmp_path / "photo.png"]


@pytest.mark.parametrize("content", [b"", b"words", b"\0\0\0\x18ftypheic" + bytes(50), None])
def test_what_cannot_be_read_says_so_and_the_next_is_looked_at(
    content: bytes | None, made: Path, tmp_path: Path
) -> None:
    odd = tmp_path / "odd.mp4"
    if content is None:
        os.mkfifo(odd)
    else:
        odd.write_bytes(content)
    broken, whole = mk.verify([odd, made / "plain.mp4"])
    assert "odd.mp4" in broken.problem and broken.watermark is None and not broken.labelled
    assert whole.labelled and not whole.problem


def test_the_largest_pictures_take_seconds(tmp_path: Path) -> None:
    """What is looked at has a bound; a mark over the whole of a large picture is still found."""
    large = Image.fromarray(media.read_image(samples.portrait())).resize((3000, 3000), Image.Resampling.BICUBIC)
    marked = trust.mark_frame(np.asarray(large))
    begun = time.process_time()
    assert trust.find_watermark([marked]).found
    assert not trust.find_watermark([np.zeros((3000, 3000, 3), np.uint8)]).found
    assert time.process_time() - begun < 6


def test_only_what_may_be_verified_is_named() -> None:
    with pytest.raises(InputError, match="The path is no path; got None"):
        mk.verify([None])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "The path is no path; got None"),
        (5, "The path is no path; got 5"),
        (b"a.png", "The path is no path; got b'a.png'"),
        ("", "The name of a file is empty"),
        ("a" * 5000, "There is nothing to verify"),
        ("a" * 5000 + "*", "There is nothing to verify"),
    ],
)
def test_names_that_no_file_can_have(given: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        mk.verify(given)  # type: ignore[arg-type]


def test_a_files_name_cannot_write_rows_of_its_own(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forged = tmp_path / "a\nyes\x1b[31m.png"
    forged.write_bytes((made / "photo.png").read_bytes())
    assert main(["verify", str(forged)]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and lines[1].endswith("a\\nyes\\x1b[31m.png")


def test_without_the_badge_the_command_says_so_and_the_rest_stays(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(made / "photo.png"), str(made / "plain.mp4"), "-o", str(tmp_path / "out.mp4")]
    assert main(["animate", *given, "--label", "none", "--device", "cpu"]) == 0
    assert "No visible badge" in capsys.readouterr().out
    (one,) = mk.verify(tmp_path / "out.mp4")
    assert one.metadata and one.watermark is not None and one.watermark.found


def test_badges_go_where_they_are_put() -> None:
    frame = np.full((200, 300, 3), 128, np.uint8)
    for place, rows, columns in [
        ("top-left", slice(0, 60), slice(0, 150)), ("bottom-left", slice(140, 200), slice(0, 150)),
        ("top-right", slice(0, 60), slice(150, 300)), ("bottom-right", slice(140, 200), slice(150, 300)),
    ]:  # fmt: skip
        changed = (trust.label_frame(frame, place=place, size=0.2) != frame).any(axis=2)
        assert changed[rows, columns].sum() == changed.sum() > 600
    assert trust.label_frame(frame, text=False) is frame
    wide = (trust.label_frame(frame, text="Made by AI") != frame).any(axis=(0, 2)).sum()
    assert wide > 2 * (trust.label_frame(frame) != frame).any(axis=(0, 2)).sum()
