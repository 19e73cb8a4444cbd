"""Many files named at once: which they are, in which order, and what is said of those that cannot be meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from motionkit.errors import InputError, MediaError
from motionkit.media.collections import FilePair, list_files, read_cells, read_pairs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("10.mp4", "2.MOV", "a.png", ".hidden.mp4", "notes.txt", "walk/1.png", "empty/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


def names(found: list[Path], folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in found]


def test_folders_and_globs_in_natural_order(folder: Path) -> None:
    assert names(list_files(folder), folder) == ["2.MOV", "10.mp4", "a.png", "walk"]
    assert names(list_files(str(folder), kind="clips"), folder) == ["2.MOV", "10.mp4", "walk"]
    assert names(list_files(folder, kind="pictures"), folder) == ["a.png"]
    assert names(list_files(f"{folder}/*.[mM]*"), folder) == ["2.MOV", "10.mp4"]
    assert names(list_files(f"{folder}/**/*.png", kind="pictures"), folder) == ["walk/1.png", "a.png"]
    assert list_files(folder / "notes.txt") == [folder / "notes.txt"], "what is named itself is meant"
    assert list_files(["b.mp4", Path("a.mp4")]) == [Path("b.mp4"), Path("a.mp4")], "a list keeps its order"


def test_tables_are_relative_to_their_own_folder(folder: Path) -> None:
    table = folder / "table.csv"
    table.write_text("label,file\nx, 10.mp4\n\ny,/else/where.mp4\nz,10.mp4\n", encoding="utf-8-sig")
    assert list_files(table) == [folder / "10.mp4", Path("/else/where.mp4"), folder / "10.mp4"]
    table.write_text("2.MOV\n10.mp4\n")
    assert names(list_files(table), folder) == ["2.MOV", "10.mp4"]
    table.write_text('driving,note,source\n"10.mp4",n,a.png\n')
    assert read_pairs(table) == [FilePair(folder / "a.png", folder / "10.mp4")]


@pytest.mark.parametrize(
    "text",
    [
        "\r\nsource;driving\r\na.png;10.mp4\r\n",
        "note\tDriving\t Source\nx\t10.mp4\ta.png\n",
        "\n  , \nSource,Driving,source of it\n , ,\na.png,10.mp4,x\n,,\n",
        '"source";"driving"\n"a.png";"10.mp4"\n',
    ],
)
def test_tables_as_spreadsheets_write_them(text: str, folder: Path) -> None:
    table = folder / "table.csv"
    table.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read_pairs(table) == [FilePair(folder / "a.png", folder / "10.mp4")]


def test_signs_between_cells_may_be_in_names(folder: Path) -> None:
    table = folder / "table.csv"
    table.write_text("file\na;b.mp4\n")
    assert names(list_files(table), folder) == ["a;b.mp4"]
    table.write_text("a;b.mp4\n10.mp4\n")
    assert names(list_files(table), folder) == ["a;b.mp4", "10.mp4"], "a single column without a name"
    table.write_text('file;label\n"a;b.mp4";x,y\n')
    assert names(list_files(table), folder) == ["a;b.mp4"]
    assert read_cells(table, ("label",)) == [("x,y",)]


def test_a_table_of_files_serves_where_another_column_is_meant(folder: Path) -> None:
    table = folder / "table.csv"
    table.write_text("file,label\na.png,x\n")
    assert names(list_files(table, column="source"), folder) == ["a.png"]
    table.write_text("file,source\na.png,2.MOV\n")
    assert names(list_files(table, column="source"), folder) == ["2.MOV"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", r"lacks a column; got .*table.csv \(empty\); expected a first row that names source and driving"),
        ("source,target\na,b\n", "lacks a column; got .*source, target"),
        ("source,driving\n", "The table has no rows"),
        ("source,driving\na.png\n", "A row of the table has no driving; got .*, line 2"),
        ("source,driving\na.png,b\n,c\n", "has no source; got .*, line 3"),
        ('source,driving\na.png,"b\nc"\n,c\n', "has no source; got .*, line 4"),
        ("source,driving,source\na.png,b,c\n", r"has a column twice; got .*table.csv \(source\)"),
    ],
)
def test_tables_that_say_too_little(text: str, reason: str, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text(f"{text}\n")
    with pytest.raises(InputError, match=reason):
        read_pairs(table)


def test_what_cannot_be_meant(folder: Path) -> None:
    with pytest.raises(InputError, match=r"There are no sources here; got .*empty; expected \.mp4"):
        list_files(folder / "empty", what="sources")
    with pytest.raises(InputError, match="There are no files here"):
        list_files(f"{folder}/*.webp")
    with pytest.raises(InputError, match="There are no files here; got an empty list"):
        list_files([])
    with pytest.raises(InputError, match="no such file"):
        list_files(folder / "absent")
    with pytest.raises(InputError, match="an address"):
        list_files("s3://bucket/clips")
    (folder / "latin.csv").write_bytes(b"file\n\xff.mp4\n")
    with pytest.raises(MediaError, match=r"The table cannot be read.*Save it as CSV UTF-8"):
        list_files(folder / "latin.csv")
