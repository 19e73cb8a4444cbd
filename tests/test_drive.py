"""Google Drive: share links with a server in place of Google's, mounting with a module in place of Colab's."""

from __future__ import annotations

import shutil
import sys
import types
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from motionkit import drive, samples
from motionkit.errors import InputError
from tests.support.loopback import CONTENT, Answer, Mirror, fake_gdown, redirect, running, start

KEY = "1aB-cD_eFgHiJkLmNoPqRsTuVwXyZ012"
LINK = f"https://drive.google.com/file/d/{KEY}/view?usp=sharing"
GOOGLE = ("drive.google.com", "docs.google.com", "drive.usercontent.google.com")


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """A server on loopback that requests meant for Google's reach."""
    send = requests.adapters.HTTPAdapter.send
    monkeypatch.setenv("NO_PROXY", "*")

    def to_loopback(adapter: Any, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        asked = str(request.url)
        parts = urlsplit(asked)
        assert parts.scheme == "https" and parts.hostname in GOOGLE, asked
        request.url = server.url(f"{parts.path}?{parts.query}")
        response = send(adapter, request, **options)
        request.url = response.url = asked
        return response

    with running() as server:
        monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", to_loopback)
        yield server


def file(content: bytes = CONTENT, name: str = "a clip.mp4", kind: str = "video/mp4") -> Answer:
    """Google's answer with a file."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        disposition = f"attachment; filename=\"{name}\"; filename*=UTF-8''{name.replace(' ', '%20')}"
        start(handler, Content_Type=kind, Content_Length=len(content), Content_Disposition=disposition)
        handler.wfile.write(content)

    return answer


def page(body: str, status: int = 200) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        text = f"<!DOCTYPE html><html><head>{body}</html>".encode()
        start(handler, status, Content_Type="text/html; charset=utf-8", Content_Length=len(text))
        handler.wfile.write(text)

    return answer


def left_over(folder: Path) -> list[Path]:
    return list(folder.rglob("*"))


@pytest.mark.parametrize(
    "link",
    [
        LINK,
        f"  https://drive.google.com/file/d/{KEY}/edit\n",
        f"https://drive.google.com/file/u/1/d/{KEY}/preview",
        f"https://drive.google.com/open?id={KEY}&usp=drive_copy",
        f"https://drive.google.com/uc?export=download&id={KEY}",
        f"https://drive.usercontent.google.com/download?id={KEY}&export=download",
    ],
)
def test_a_shared_file_is_fetched_once_under_its_name(google: Mirror, tmp_path: Path, link: str) -> None:
    google.answers["/uc"] = file()
    path = drive.fetch_shared(link, tmp_path / "input")
    assert path == tmp_path / "input" / KEY / "a clip.mp4" and path.read_bytes() == CONTENT
    assert set(left_over(tmp_path)) == {tmp_path / "input", path.parent, path}
    assert [asked for asked, _ in google.asked] == [f"/uc?id={KEY}"]
    assert drive.fetch_shared(link, tmp_path / "input") == path and len(google.asked) == 1


def test_a_large_file_comes_after_a_page_that_asks(google: Mirror, tmp_path: Path) -> None:
    form = '<form id="download-form" action="https://drive.usercontent.google.com/download" method="get">'
    hidden = "".join(
        f'<input type="hidden" name="{n}" value="{v}">' for n, v in (("id", KEY), ("confirm", "t"), ("uuid", "u-1"))
    )
    google.answers["/uc"] = page(f"<title>Google Drive - Virus scan warning</title>{form}{hidden}</form>")
    google.answers["/download"] = file()
    assert drive.fetch_shared(LINK, tmp_path).read_bytes() == CONTENT
    assert google.asked[1][0].startswith("/download?") and "confirm=t" in google.asked[1][0]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            page(
                '<title>Google Drive - Quota exceeded</title><p class="uc-error-subcaption">'
                "Too many users have viewed or downloaded this file recently.</p>"
            ),
            "Too many users have viewed or downloaded this file recently",
        ),
        (page("<title>Error 404 (Not Found)!!1</title>", 404), "Cannot retrieve the public link of the file"),
        (redirect(f"https://docs.google.com/signin?continue={KEY}"), "Cannot retrieve the public link of the file"),
        (
            file(b"<!DOCTYPE html><html><title>Google Drive - Quota exceeded</title></html>"),
            r"a web page came instead of the file \(Google Drive - Quota exceeded\)",
        ),
        (file(b""), "a clip.mp4 is empty"),
    ],
    ids=["quota", "gone", "private", "page-as-file", "empty"],
)
def test_what_google_refuses_is_told_and_nothing_is_left(
    google: Mirror, tmp_path: Path, answer: Answer, reason: str
) -> None:
    google.answers["/uc"] = answer
    google.answers["/signin"] = page("<title>Sign in - Google Accounts</title>")
    with pytest.raises(InputError, match=f"does not send the file: .*{reason}.*Anyone with the link") as caught:
        drive.fetch_shared(LINK, tmp_path)
    message = str(caught.value)
    assert "\n" not in message and "gdown" not in message.lower() and LINK in message
    assert left_over(tmp_path) == []


def test_a_broken_connection_leaves_nothing(google: Mirror, tmp_path: Path) -> None:
    def broken(handler: BaseHTTPRequestHandler) -> None:
        start(handler, Content_Type="video/mp4", Content_Length=len(CONTENT), Content_Disposition="attachment")
        handler.wfile.write(CONTENT[:1000])
        handler.wfile.flush()
        handler.connection.close()

    google.answers["/uc"] = broken
    with pytest.raises(InputError, match="does not send the file"):
        drive.fetch_shared(LINK, tmp_path)
    assert left_over(tmp_path) == []


def test_a_shared_folder_comes_with_its_names(google: Mirror, tmp_path: Path) -> None:
    folder, one, two = (f"1{letter * 30}" for letter in "abc")
    links = "".join(
        f'<a href="https://drive.google.com/file/d/{key}/view">{name}</a>'
        for key, name in ((one, "ada#1.mp4"), (two, "ben.mp4"))
    )
    # gdown 6 reads the first page, gdown 5.2 the second.
    google.answers["/embeddedfolderview"] = page(f"<title>clips</title>{links}")
    rows = [[key, ["x"], name, "video/mp4"] for key, name in ((one, "ada#1.mp4"), (two, "ben.mp4"))]
    encoded = str([rows]).replace("'", "\\x22")
    google.answers[f"/drive/folders/{folder}"] = page(
        f"<title>clips - Google Drive</title><script>window['_DRIVE_ivd'] = '{encoded}';</script>"
    )
    google.answers["/uc"] = lambda handler: file(handler.path.encode())(handler)
    path = drive.fetch_shared(f"https://drive.google.com/drive/folders/{folder}?usp=sharing", tmp_path)
    assert path == tmp_path / folder / "clips"
    contents = {file.name: file.read_text() for file in path.iterdir()}
    assert contents == {"ada#1.mp4": f"/uc?id={one}", "ben.mp4": f"/uc?id={two}"}
    google.answers["/uc"] = page("<title>Quota</title>")
    with pytest.raises(InputError, match="does not send the file"):
        drive.fetch_shared(f"https://drive.google.com/drive/u/0/folders/{folder}", tmp_path / "again")
    assert left_over(tmp_path / "again") == []


@pytest.mark.parametrize(
    ("link", "what"),
    [
        ("https://example.org/clip.mp4", "not a Google Drive link"),
        ("https://drive.google.com.example.org/file/d/aaaaaaaaaaaa/view", "not a Google Drive link"),
        ("https://drive.google.com/drive/my-drive", "shows no file or folder"),
        ("https://drive.google.com/open?id=../../etc", "shows no file or folder"),
        (f"https://docs.google.com/document/d/{KEY}/edit", "shows no file or folder"),
    ],
)
def test_links_to_something_else(tmp_path: Path, link: str, what: str) -> None:
    with pytest.raises(InputError, match=what):
        drive.fetch_shared(link, tmp_path)
    assert left_over(tmp_path) == []


def test_no_answer_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_gdown(monkeypatch, lambda url, output, quiet, use_cookies: None)  # as gdown 5.2 in some cases
    with pytest.raises(InputError, match="nothing came"):
        drive.fetch_shared(LINK, tmp_path)
    assert left_over(tmp_path) == []


class Colab:
    """What google.colab.drive does, with a local folder for the user's Drive."""

    def __init__(self, mount_point: Path, files: Path) -> None:
        self.mount_point, self.files = mount_point, files
        self.calls: list[Any] = []
        self.refuses: Exception | None = None

    def mount(self, mountpoint: str, force_remount: bool = False, timeout_ms: int = 120000, readonly: bool = False):
        assert mountpoint == str(self.mount_point)
        if self.refuses:
            raise self.refuses
        self.calls.append(("mount", "again" if force_remount else "first", "read" if readonly else "write"))
        self.mount_point.mkdir(exist_ok=True)
        if not (self.mount_point / "MyDrive").exists():
            (self.mount_point / "MyDrive").symlink_to(self.files)

    def flush_and_unmount(self, timeout_ms: int = 24 * 60 * 60 * 1000) -> None:
        self.calls.append("unmount")
        (self.mount_point / "MyDrive").unlink()


@pytest.fixture
def colab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Colab:
    files = tmp_path / "files"
    files.mkdir()
    stand_in = Colab(tmp_path / "mounted", files)
    google, module = types.ModuleType("google"), types.ModuleType("google.colab")
    google.colab, module.drive = module, stand_in  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "google", google)
    monkeypatch.setitem(sys.modules, "google.colab", module)
    monkeypatch.setattr(drive, "MOUNT_POINT", stand_in.mount_point)
    return stand_in


def test_inputs_come_from_a_drive_mounted_to_be_read(colab: Colab, tmp_path: Path) -> None:
    (colab.files / "face.jpg").write_bytes(b"a face")
    (colab.files / "clip.mp4").write_bytes(b"a clip")
    here = tmp_path / "input"
    for name, content in (("face.jpg", b"a face"), ("clip.mp4", b"a clip")):
        found = drive.find_input(f"{colab.mount_point}/MyDrive/{name}", here)
        assert found.parent.parent == here and found.name == name and found.read_bytes() == content
    assert colab.calls == [("mount", "first", "read")]
    with pytest.raises(InputError, match="no such file or folder"):
        drive.find_input(colab.mount_point / "MyDrive" / "absent.jpg", here)


def test_results_are_copied_out_whole(colab: Colab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result, target = tmp_path / "result.mp4", colab.mount_point / "MyDrive" / "made" / "today"
    result.write_bytes(b"a result")
    drive.mount()
    assert drive.copy_out(result, target) == target / "result.mp4"
    assert (colab.files / "made" / "today" / "result.mp4").read_bytes() == b"a result"
    drive.copy_out(result, target)
    drive.unmount()
    drive.unmount()
    assert colab.calls == [("mount", "first", "read"), ("mount", "again", "write"), "unmount"]

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    # Half-way, the older one is still there.
    monkeypatch.setattr(shutil, "copyfile", full)
    result.write_bytes(b"another one")
    with pytest.raises(InputError, match="Cannot write here: No space left on device"):
        drive.copy_out(result, target)
    assert [path.read_bytes() for path in (colab.files / "made" / "today").iterdir()] == [b"a result"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            NotImplementedError("Mounting drive is unsupported."),
            "cannot be mounted in this runtime",
        ),
        (ValueError("mount failed"), "Google Drive: mount failed: mount failed.*allow the access"),
    ],
)
def test_a_drive_that_is_not_mounted(colab: Colab, tmp_path: Path, error: Exception, told: str) -> None:
    colab.refuses = error
    with pytest.raises(InputError, match=told):
        drive.find_input(colab.mount_point / "MyDrive" / "face.jpg", tmp_path)


def test_elsewhere_there_is_no_drive_to_mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLAB_RELEASE_TAG", raising=False)
    assert not drive.in_colab()
    with pytest.raises(InputError, match="mounted in Colab only"):
        drive.mount()
    with pytest.raises(InputError, match="no such file or folder"):
        drive.find_input("/content/drive/MyDrive/face.jpg", tmp_path)
    drive.unmount()
    (tmp_path / "result.mp4").write_bytes(b"a result")
    assert drive.copy_out(tmp_path / "result.mp4", tmp_path / "local").read_bytes() == b"a result"
    with pytest.raises(InputError, match="no such file to copy"):
        drive.copy_out(tmp_path / "absent.mp4", tmp_path / "local")
    with pytest.raises(InputError, match="Cannot write here"):
        drive.copy_out(tmp_path / "result.mp4", tmp_path / "local" / "result.mp4")
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab-20261101")
    assert drive.in_colab()


def test_other_fields(google: Mirror, tmp_path: Path) -> None:
    assert drive.find_input(" ", tmp_path, sample=samples.portrait()) == samples.portrait()
    assert drive.find_input("face.jpg", tmp_path) == Path("face.jpg")
    assert drive.find_input("~/face.jpg", tmp_path) == Path.home() / "face.jpg"
    google.answers["/uc"] = file()
    assert drive.find_input(LINK, tmp_path).read_bytes() == CONTENT
    with pytest.raises(InputError, match="Nothing is given"):
        drive.find_input("", tmp_path)
