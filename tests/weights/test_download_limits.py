"""Downloads that never end, are larger than they may be, or come in drops."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from motionkit.errors import DownloadError
from motionkit.weights.arrivals import Arrivals, StalledError
from tests.support.loopback import CONTENT, SHA256, Mirror, fake_gdown, fetch, left_over, serving, start


def endless(sent: list[int], *, chunked: bool) -> Callable[[BaseHTTPRequestHandler], None]:
    """Without a length, and without an end."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.protocol_version = "HTTP/1.1" if chunked else "HTTP/1.0"
        start(handler, **({"Transfer_Encoding": "chunked"} if chunked else {}))
        handler.close_connection = True
        while True:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(CONTENT), CONTENT) if chunked else CONTENT)
            sent.append(len(CONTENT))

    return answer


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("limit", ["size", "most", "variable"])
def test_an_answer_without_an_end_is_given_up(
    mirror: Mirror, target: Path, monkeypatch: pytest.MonkeyPatch, chunked: bool, limit: str
) -> None:
    sent: list[int] = []
    url = mirror.url("/endless", endless(sent, chunked=chunked))
    options: dict[str, int] = {}
    if limit == "variable":
        monkeypatch.setenv("MOTIONKIT_DOWNLOAD", "5000000")
        reason = "sent more than the 5000000 bytes that are accepted; if it is meant, set MOTIONKIT_DOWNLOAD to"
    else:
        options = {limit: 5_000_000}
        reason = "sent more than the (expected )?5000000 bytes"
    with pytest.raises(DownloadError, match=reason) as caught:
        fetch([url], target, **options)
    assert "\n" not in str(caught.value) and left_over(target) == []
    assert len(mirror.asked) == 1, "it would not end a second time either"
    time.sleep(0.3)
    assert sum(sent) < 5_000_000 + 20 * len(CONTENT), "what was given up is closed"


@pytest.mark.parametrize("length", [10**9, 10**12, 10**17])
def test_a_length_beyond_the_limit_is_refused_at_once(mirror: Mirror, target: Path, length: int) -> None:
    def bomb(handler: BaseHTTPRequestHandler) -> None:
        start(handler, Content_Length=length)
        handler.server.stop.wait(20)

    began = time.monotonic()
    with pytest.raises(DownloadError, match=f"has {length} bytes, more than the 1000000 bytes that are accepted"):
        fetch([mirror.url("/bomb", bomb)], target, most=1_000_000)
    assert time.monotonic() - began < 15 and left_over(target) == []


def test_the_next_mirror_is_asked_after_one_without_an_end(mirror: Mirror, target: Path) -> None:
    urls = [mirror.url("/endless", endless([], chunked=True)), mirror.url("/good", serving())]
    assert fetch(urls, target, most=2 * len(CONTENT)) == SHA256
    assert target.read_bytes() == CONTENT and left_over(target) == [target.name]


def drip(handler: BaseHTTPRequestHandler, data: bytes) -> None:
    """A byte now and then, often enough for the timeout of a connection."""
    for byte in data:
        if handler.server.stop.wait(0.1):
            return
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()


def dripping_body(handler: BaseHTTPRequestHandler) -> None:
    start(handler, Content_Length=len(CONTENT))
    drip(handler, CONTENT)


def dripping_chunks(handler: BaseHTTPRequestHandler) -> None:
    handler.protocol_version = "HTTP/1.1"
    start(handler, Transfer_Encoding="chunked")
    drip(handler, b"1\r\nx\r\n" * 10_000)


def dripping_headers(handler: BaseHTTPRequestHandler) -> None:
    drip(handler, b"HTTP/1.0 200 OK\r\nX-Long: " + b"x" * 60_000)


def dripping_redirect(handler: BaseHTTPRequestHandler) -> None:
    drip(handler, b"HTTP/1.0 302 Found\r\nLocation: " + b"/" * 60_000)


@pytest.mark.parametrize("answer", [dripping_body, dripping_chunks, dripping_headers, dripping_redirect])
def test_what_comes_in_drops_times_out(
    mirror: Mirror, target: Path, answer: Callable[[BaseHTTPRequestHandler], None]
) -> None:
    urls = [mirror.url("/drops", answer), mirror.url("/good", serving())]
    began = time.monotonic()
    with pytest.raises(DownloadError, match=r"/drops \(sent less than 64 KiB in 2 s\)"):
        fetch(urls[:1], target, timeout=0.5)
    assert time.monotonic() - began < 30 and len(mirror.asked) == 1
    assert left_over(target) == []
    assert fetch(urls, target, sha256=SHA256, timeout=0.5) == SHA256
    assert target.read_bytes() == CONTENT


def test_drops_from_google_drive_time_out_too(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()

    def give(url: str, output: object, timeout: float) -> object:
        ended.wait(20)
        output.write(b"late")  # type: ignore[attr-defined]
        return output

    fake_gdown(monkeypatch, give)
    with pytest.raises(DownloadError, match=r"sent less than 64 KiB in 0\.4 s"):
        fetch(["https://drive.google.com/uc?id=abc"], target, timeout=0.1)
    ended.set()
    assert left_over(target) == []


def test_a_thread_that_is_left_behind_ends() -> None:
    made: list[int] = []

    def count(put: Callable[[int], None]) -> None:
        for number in itertools.count():
            made.append(number)
            put(number)

    before = threading.active_count()
    assert list(itertools.islice(Arrivals(count, 5.0), 3)) == [0, 1, 2]
    for _ in range(100):
        time.sleep(0.02)
        if threading.active_count() <= before:
            break
    assert threading.active_count() <= before and len(made) < 20


def test_what_is_raised_in_the_thread_is_raised_here() -> None:
    def fail(put: Callable[[int], None]) -> None:
        put(1)
        raise KeyError("here")

    items = iter(Arrivals(fail, 5.0))
    assert next(items) == 1
    with pytest.raises(KeyError, match="here"):
        next(items)
    with pytest.raises(StalledError):
        next(iter(Arrivals(lambda put: time.sleep(0.5), 0.05)))
