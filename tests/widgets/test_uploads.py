"""Files between browser and kernel, piece by piece, with messages as the browser sends them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from motionkit.widgets.uploads import CHUNK, Transfers


class Page:
    """The browser's side: what it is sent, and the files that were received."""

    def __init__(self, folder: Path, files: dict[str, Path] | None = None) -> None:
        self.sent: list[tuple[dict[str, Any], list[bytes]]] = []
        self.received: list[tuple[Path, Any]] = []
        self.transfers = Transfers(
            lambda content, buffers=(): self.sent.append((content, list(buffers))),
            folder=folder,
            find=(files or {}).get,
            received=lambda path, note: self.received.append((path, note)),
        )

    def upload(self, data: bytes, name: str = "face.png", key: str = "k1", offset: int = 0, stop: int | None = None):
        for start in range(offset, len(data) if stop is None else stop, CHUNK):
            piece = memoryview(data[start : start + CHUNK])
            message = {"kind": "upload", "id": key, "name": name, "size": len(data), "offset": start, "note": "source"}
            assert self.transfers.handle(message, [piece])

    def errors(self) -> list[str]:
        return [content["error"] for content, _ in self.sent if content["kind"] == "transfer-failed"]


def test_an_upload_arrives_whole_and_each_piece_is_acknowledged(tmp_path: Path) -> None:
    page, data = Page(tmp_path / "in"), os.urandom(2 * CHUNK + 12_345)
    page.upload(data)
    ((path, note),) = page.received
    assert (path, note) == (tmp_path / "in" / "face.png", "source") and path.read_bytes() == data
    assert [content["done"] for content, _ in page.sent] == [CHUNK, 2 * CHUNK, len(data)]
    assert os.listdir(tmp_path / "in") == ["face.png"]


def test_names_are_made_harmless_and_unlike_each_other(tmp_path: Path) -> None:
    page = Page(tmp_path / "in")
    for key, name in enumerate(("../../a b.png", "C:\\x\\a b.png", "..", "né?.mp4")):
        page.upload(b"x", name, key=f"k{key}")
    assert [path.name for path, _ in page.received] == ["a b.png", "a b-2.png", "upload", "né_.mp4"]
    assert all(path.parent == tmp_path / "in" for path, _ in page.received)


def test_long_names_and_two_kernels_with_one_folder(tmp_path: Path) -> None:
    one, other = Page(tmp_path / "in"), Page(tmp_path / "in")
    for page in (one, other):
        page.upload(b"x", "é" * 500 + ".mp4")
    assert [page.received[0][0].name for page in (one, other)] == ["é" * 60 + ".mp4", "é" * 60 + "-2.mp4"]
    # The same id, as counted by both browsers: neither writes into the other's file.
    mine, theirs = os.urandom(2 * CHUNK), os.urandom(2 * CHUNK)
    one.upload(mine, stop=CHUNK)
    other.upload(theirs, stop=CHUNK)
    one.upload(mine, offset=CHUNK)
    other.upload(theirs, offset=CHUNK)
    assert [page.received[-1][0].read_bytes() for page in (one, other)] == [mine, theirs]


@pytest.mark.parametrize(
    "message",
    [
        {"kind": "upload", "id": "k"},
        {"kind": "upload", "id": "k", "offset": "x", "size": 3},
        {"kind": "upload", "id": "k", "offset": None, "size": []},
        {"kind": "download", "id": "k"},
        {"kind": "download", "id": "k", "name": "result", "offset": -5},
        {"kind": "download", "id": "k", "name": "result", "offset": 10**30},
    ],
)
def test_messages_that_are_malformed_are_answered(tmp_path: Path, message: dict[str, Any]) -> None:
    (tmp_path / "result.mp4").write_bytes(b"r")
    page = Page(tmp_path / "in", {"result": tmp_path / "result.mp4"})
    assert page.transfers.handle(message, [])
    assert len(page.errors()) == 1


def test_an_interrupted_upload_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    page, data = Page(tmp_path / "in"), os.urandom(3 * CHUNK)
    page.upload(data, stop=CHUNK)
    page.upload(data, offset=2 * CHUNK)  # one piece was lost
    assert page.received == [] and "interrupted" in page.errors()[0]
    page.upload(data, key="k2", offset=CHUNK)  # as after a restart of the kernel: never begun
    assert len(page.errors()) >= 2 and os.listdir(tmp_path / "in") == []
    page.upload(data, key="k3", stop=CHUNK)
    page.transfers.handle({"kind": "upload-stop", "id": "k3"}, [])
    page.upload(data, key="k4", stop=CHUNK)
    page.transfers.close()
    assert os.listdir(tmp_path / "in") == []


@pytest.mark.parametrize("size", [1, CHUNK, 2 * CHUNK + 1])
def test_a_download_is_given_piece_by_piece(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "result.mp4").write_bytes(data)
    page = Page(tmp_path, {"result": tmp_path / "result.mp4"})
    got = b""
    while len(got) < size:
        page.transfers.handle({"kind": "download", "id": "d", "name": "result", "offset": len(got)}, [])
        content, (piece,) = page.sent[-1]
        assert content["kind"] == "chunk" and content["offset"] == len(got) and content["size"] == size
        assert 0 < len(piece) <= CHUNK
        got += piece
    assert got == data


def test_only_files_of_the_widget_are_handed_out(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"s")
    page = Page(tmp_path, {"result": tmp_path / "gone.mp4"})
    for name in (str(secret), "../secret", "result"):
        assert page.transfers.handle({"kind": "download", "id": "d", "name": name, "offset": 0}, [])
    assert len(page.errors()) == 3 and all(content["kind"] == "transfer-failed" for content, _ in page.sent)


def test_other_messages_are_left_alone(tmp_path: Path) -> None:
    assert not Page(tmp_path).transfers.handle({"kind": "preview"}, [])
