"""Downloads against a real server on loopback that misbehaves in every way that the mirrors are known for."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from motionkit.errors import DownloadError, WeightsError
from motionkit.weights.download import _by_gdown, sha256_of
from motionkit.weights.partfile import PartFile
from tests.support.loopback import (
    CONTENT,
    FETCH,
    OTHER,
    SHA256,
    Mirror,
    fake_gdown,
    fetch,
    left_over,
    missing,
    page,
    redirect,
    script,
    serving,
    start,
)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")


def test_whole_file(mirror: Mirror, target: Path) -> None:
    assert fetch([mirror.url("/a", serving())], target, size=len(CONTENT), sha256=SHA256) == SHA256
    assert target.read_bytes() == CONTENT and sha256_of(target) == SHA256
    assert left_over(target) == [target.name]


def test_progress_can_be_a_function(mirror: Mirror, target: Path, capsys: pytest.CaptureFixture) -> None:
    told: list[tuple[int, int | None]] = []
    fetch([mirror.url("/a", serving())], target, sha256=SHA256, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (len(CONTENT), len(CONTENT)) and told == sorted(told)
    assert capsys.readouterr().err == ""


def test_progress_shows_rate_and_remaining_time(mirror: Mirror, target: Path, capsys: pytest.CaptureFixture) -> None:
    fetch([mirror.url("/a", serving(pause=0.01))], target, sha256=SHA256, progress=True)
    shown = capsys.readouterr().err
    assert target.name in shown and "B/s" in shown and "100%" in shown and "<" in shown


def test_mirrors_are_tried_in_order_until_one_has_the_right_file(mirror: Mirror, target: Path) -> None:
    urls = [
        mirror.url("/missing", missing),
        mirror.url("/page", page),
        mirror.url("/other", serving(OTHER)),
        mirror.url("/good", serving()),
        mirror.url("/never", serving()),
    ]
    fetch(urls, target, size=len(CONTENT), sha256=SHA256)
    assert [path for path, _ in mirror.asked] == ["/missing", "/page", "/other", "/good"]
    assert target.read_bytes() == CONTENT


def test_failure_lists_every_address_and_how_to_place_the_file(mirror: Mirror, target: Path) -> None:
    urls = [mirror.url("/missing", missing), mirror.url("/page", page), mirror.url("/other", serving(OTHER))]
    with pytest.raises(DownloadError) as caught:
        fetch(urls, target, size=len(CONTENT), sha256=SHA256)
    message = str(caught.value)
    assert f"{urls[0]} (answered 404 Not Found)" in message
    assert f"{urls[1]} (answered with a web page instead of the file" in message
    assert f"{urls[2]} (its sha256 is {hashlib.sha256(OTHER).hexdigest()} instead of {SHA256})" in message
    assert f"save it as {target} ({len(CONTENT)} bytes, sha256 {SHA256})" in message
    assert left_over(target) == []


def test_truncated_file_with_an_honest_length(mirror: Mirror, target: Path) -> None:
    with pytest.raises(DownloadError, match="has 300000 bytes instead of 600000"):
        fetch([mirror.url("/a", serving(CONTENT[:300_000]))], target, size=len(CONTENT), sha256=SHA256)
    assert left_over(target) == []


def test_empty_and_oversized_answers(mirror: Mirror, target: Path) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        start(handler)  # no length
        handler.wfile.write(CONTENT + b"more")

    urls = [mirror.url("/empty", serving(b"")), mirror.url("/endless", endless)]
    with pytest.raises(DownloadError, match=r"sent nothing.*sent more than the expected 600000 bytes"):
        fetch(urls, target, size=len(CONTENT))
    assert left_over(target) == []


def test_first_bytes_are_checked(mirror: Mirror, target: Path) -> None:
    def check(first: bytes) -> None:
        if not first.startswith(CONTENT[:9]):
            raise WeightsError("what it sent is odd")

    with pytest.raises(DownloadError, match=r"/a \(what it sent is odd\)"):
        fetch([mirror.url("/a", serving(OTHER))], target, check=check)
    assert left_over(target) == []
    assert fetch([mirror.url("/b", serving())], target, check=check) == SHA256


def test_dropped_connection_is_resumed(mirror: Mirror, target: Path) -> None:
    url = mirror.url("/a", serving(break_after=400_000))
    assert fetch([url], target, size=len(CONTENT), sha256=SHA256) == SHA256
    first, second = mirror.ranges("/a")
    assert first is None and second is not None and 300_000 < int(second[6:-1]) <= 400_000
    assert mirror.asked[1][1]["If-Range"] == '"v1"'
    assert left_over(target) == [target.name]


def test_dropped_connection_without_ranges_starts_over(mirror: Mirror, target: Path) -> None:
    url = mirror.url("/a", serving(break_after=400_000, ranges=False))
    assert fetch([url], target, sha256=SHA256) == SHA256
    assert len(mirror.asked) == 2 and target.read_bytes() == CONTENT


def test_mirror_that_always_drops_is_given_up(mirror: Mirror, target: Path) -> None:
    url = mirror.url("/a", serving(break_after=100_000, ranges=False, breaks=99, etag=None))
    with pytest.raises(DownloadError, match=r"broke off after \d+ bytes"):
        fetch([url], target)
    assert 1 < len(mirror.asked) <= 5
    assert left_over(target) == []  # without hash and validator nothing may be resumed


def test_stalled_mirror_times_out_and_the_next_one_continues(mirror: Mirror, target: Path) -> None:
    slow = mirror.url("/slow", serving(break_after=200_000, breaks=99, stall=True, ranges=False))
    good = mirror.url("/good", serving())
    began = time.monotonic()
    assert fetch([slow, good], target, sha256=SHA256, timeout=0.3) == SHA256
    assert time.monotonic() - began < 30
    assert mirror.ranges("/good")[0] is not None  # the hash vouches for a part from another mirror
    with pytest.raises(DownloadError, match=r"/slow \(sent nothing for 0.3 s\)"):
        fetch([slow], target, sha256=SHA256, timeout=0.3)


def test_changed_file_is_not_mixed_with_the_old_part(mirror: Mirror, target: Path) -> None:
    old = mirror.url("/a", serving(OTHER, break_after=400_000, breaks=99, ranges=False))
    with pytest.raises(DownloadError):
        fetch([old], target)
    assert left_over(target) == ["model.pth.tar.part", "model.pth.tar.part.json"]
    new = mirror.url("/a", serving(CONTENT, etag='"v2"'))
    assert fetch([new], target) == SHA256  # no hash known: If-Range alone guards
    assert mirror.asked[-1][1]["If-Range"] == '"v1"' and target.read_bytes() == CONTENT
    assert left_over(target) == [target.name]


def test_part_that_does_not_belong_is_dropped_and_fetched_anew(mirror: Mirror, target: Path) -> None:
    target.parent.mkdir()
    target.with_name(target.name + ".part").write_bytes(OTHER[:1000])
    assert fetch([mirror.url("/a", serving(honour_if_range=False))], target, sha256=SHA256) == SHA256
    assert mirror.ranges("/a") == ["bytes=1000-", None]


def test_part_longer_than_the_file(mirror: Mirror, target: Path) -> None:
    target.parent.mkdir()
    target.with_name(target.name + ".part").write_bytes(OTHER + OTHER)
    assert fetch([mirror.url("/a", serving())], target, sha256=SHA256) == SHA256
    assert mirror.ranges("/a") == ["bytes=1200000-", None]  # 416, then from the start


def test_redirects(mirror: Mirror, target: Path) -> None:
    mirror.url("/good", serving(break_after=400_000))
    assert fetch([mirror.url("/r", redirect("/good"))], target, sha256=SHA256) == SHA256
    assert [path for path, _ in mirror.asked] == ["/r", "/good", "/r", "/good"]
    assert mirror.asked[3][1]["Range"]


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        ("http://192.0.2.1/model", "leads to http://192.0.2.1/model, which is not https"),
        ("ftp://127.0.0.1/model", "not https"),
        ("file:///etc/passwd", "not https"),
        ("/loop", "redirects more than 10 times"),
    ],
)
def test_forbidden_redirects(mirror: Mirror, target: Path, to: str, reason: str) -> None:
    with pytest.raises(DownloadError, match=reason):
        fetch([mirror.url("/loop", redirect(to))], target)


@pytest.mark.parametrize("url", ["http://example.org/a", "file:///etc/passwd", "http://127.0.0.1.example.org/a"])
def test_only_https_except_loopback(target: Path, url: str) -> None:
    with pytest.raises(DownloadError, match="not https"):
        fetch([url], target)


def test_yandex_answers_with_the_address(mirror: Mirror, target: Path) -> None:
    def api(handler: BaseHTTPRequestHandler) -> None:
        body = json.dumps({"href": good, "method": "GET"}).encode()
        start(handler, Content_Type="application/json", Content_Length=len(body))
        handler.wfile.write(body)

    good = mirror.url("/good", serving())
    url = mirror.url("/v1/disk/public/resources/download", api) + "?public_key=x&path=%2Fmodel"
    assert fetch([url], target, sha256=SHA256) == SHA256
    mirror.url("/v1/disk/public/resources/download", missing)
    with pytest.raises(DownloadError, match="answered 404"):
        fetch([url], target, sha256=SHA256)


def test_no_network(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DownloadError, match=rf"http://127.0.0.1:{port}/a \(.*refused"):
        fetch([f"http://127.0.0.1:{port}/a"], target)

    def unresolved(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", unresolved)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(DownloadError, match=r"https://weights.example/a \(.*name resolution.*place the file by hand"):
        fetch(["https://weights.example/a"], target)


def test_folder_that_cannot_be_made(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DownloadError, match=f"Cannot write to {tmp_path / 'file' / 'cache'}"):
        fetch([mirror.url("/a", serving())], tmp_path / "file" / "cache" / "model")


DRIVE = "https://drive.google.com/uc?id=abc"


def test_gdown_5(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def give(url=None, output=None, quiet=False, use_cookies=True, id=None, fuzzy=False, resume=False):
        assert url == DRIVE and fuzzy and quiet and not use_cookies
        output.write(CONTENT)
        return output

    fake_gdown(monkeypatch, give)
    assert fetch([DRIVE], target, size=len(CONTENT), sha256=SHA256) == SHA256
    assert target.read_bytes() == CONTENT
    fake_gdown(monkeypatch, lambda url, output, quiet, use_cookies, fuzzy: None)
    with pytest.raises(DownloadError, match="Google Drive does not send it, usually because of a quota"):
        fetch([DRIVE], target)


def test_gdown_6(target: Path, monkeypatch: pytest.MonkeyPatch, mirror: Mirror) -> None:
    def refuse(url=None, output=None, quiet=False, use_cookies=True, timeout=None):
        assert timeout == 5.0
        raise RuntimeError("Cannot retrieve the public link\n of the file.")

    fake_gdown(monkeypatch, refuse)
    with pytest.raises(DownloadError, match=r"gdown: Cannot retrieve the public link of the file\."):
        fetch([DRIVE], target)

    def wrong(url=None, output=None, quiet=False, use_cookies=True, timeout=None):
        output.write(OTHER)
        return output

    fake_gdown(monkeypatch, wrong)
    assert fetch([DRIVE, mirror.url("/good", serving())], target, sha256=SHA256) == SHA256


def test_installed_gdown_writes_to_the_part(mirror: Mirror, target: Path) -> None:
    pytest.importorskip("gdown")
    target.parent.mkdir()
    part = PartFile(target, size=len(CONTENT), sha256=SHA256, check=None, progress=False)
    _by_gdown(mirror.url("/a", serving()), part, 5.0)
    assert part.finish() == SHA256


@pytest.mark.parametrize("sha256", [SHA256, ""])
def test_two_processes_at_once(mirror: Mirror, target: Path, sha256: str) -> None:
    url = mirror.url("/a", serving(pause=0.05))
    first = script(FETCH, url, target, sha256)
    while not mirror.asked:
        assert first.poll() is None
        time.sleep(0.01)
    second = script(FETCH, url, target, sha256)
    for process in (first, second):
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out.strip()) == (0, SHA256), err
    assert target.read_bytes() == CONTENT and left_over(target) == [target.name]
    assert len(mirror.asked) == 1
    assert "Waiting for another process" in err


def test_killed_process_leaves_only_a_part_that_is_resumed(mirror: Mirror, target: Path) -> None:
    url = mirror.url("/a", serving(pause=0.05))
    process = script(FETCH, url, target, SHA256)
    part = target.with_name(target.name + ".part")
    while not (part.exists() and part.stat().st_size > 100_000):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not target.exists()
    assert fetch([url], target, sha256=SHA256) == SHA256
    assert mirror.ranges("/a")[1] is not None and len(mirror.asked) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
def test_write_that_fails_half_way(mirror: Mirror, target: Path) -> None:
    limited = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n{FETCH}"
    _, err = script(limited, mirror.url("/a", serving()), target, SHA256).communicate(timeout=60)
    assert "DownloadError: Cannot write" in err and "File too large" in err and "nothing was kept" in err
    assert left_over(target) == []


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if not hasattr(os, "geteuid") or os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("cannot mount a small disk here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_full_disk(mirror: Mirror, tiny_disk: Path) -> None:
    def unannounced(handler: BaseHTTPRequestHandler) -> None:
        start(handler)  # no length, so that only writing can tell
        handler.wfile.write(CONTENT)

    target = tiny_disk / "model"
    never = mirror.url("/never", serving())
    with pytest.raises(DownloadError, match=r"No space left on device.*nothing was kept"):
        fetch([mirror.url("/a", unannounced), never], target)
    assert left_over(target) == []
    with pytest.raises(DownloadError, match=r"Not enough space on the disk.*bytes free.*expected 600000"):
        fetch([mirror.url("/b", serving()), never], target)
    assert left_over(target) == [] and not mirror.ranges("/never")
