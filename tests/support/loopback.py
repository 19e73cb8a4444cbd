"""A real HTTP server on loopback that misbehaves on request, and ways to fetch from it."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from motionkit.weights.download import download
from tests.support.places import ROOT

CONTENT = random.Random(0).randbytes(600_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
OTHER = random.Random(1).randbytes(len(CONTENT))
Answer = Callable[[BaseHTTPRequestHandler], None]


class Mirror(ThreadingHTTPServer):
    """Answers each path as scripted, and remembers what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.stop = threading.Event()

    def url(self, path: str, answer: Answer | None = None) -> str:
        if answer is not None:
            self.answers[path] = answer
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    def ranges(self, path: str) -> list[str | None]:
        return [headers.get("Range") for asked, headers in self.asked if asked == path]

    def handle_error(self, request: object, client_address: object) -> None:
        """Connections that the client gives up are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))
        self.server.answers[self.path.split("?")[0]](self)

    def log_message(self, *args: object) -> None:
        pass


def start(handler: BaseHTTPRequestHandler, status: int = 200, **headers: object) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), str(value))
    handler.end_headers()


def serving(
    content: bytes = CONTENT,
    *,
    ranges: bool = True,
    etag: str | None = '"v1"',
    honour_if_range: bool = True,
    break_after: int | None = None,
    breaks: int = 1,
    stall: bool = False,
    pause: float = 0.0,
) -> Answer:
    """A file server; the first `breaks` answers end, or stall, after `break_after` bytes."""
    left = [breaks if break_after is not None else 0]

    def answer(handler: BaseHTTPRequestHandler) -> None:
        first, status = 0, 200
        asked, condition = handler.headers.get("Range"), handler.headers.get("If-Range")
        if asked and ranges and (condition in (None, etag) or not honour_if_range):
            first, status = int(asked.removeprefix("bytes=").removesuffix("-")), 206
            if first >= len(content):
                start(handler, 416, Content_Length=0)
                return
        headers: dict[str, object] = {"Content_Length": len(content) - first}
        if etag:
            headers["ETag"] = etag
        if status == 206:
            headers["Content_Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        start(handler, status, **headers)
        body = content[first:]
        if left[0]:
            left[0] -= 1
            body = body[:break_after]
        for i in range(0, len(body), 20_000):
            handler.wfile.write(body[i : i + 20_000])
            time.sleep(pause)
        if stall and len(body) < len(content) - first:
            handler.server.stop.wait(20)

    return answer


def page(handler: BaseHTTPRequestHandler) -> None:
    body = b"<!DOCTYPE html><html><title>Quota exceeded</title></html>"
    start(handler, Content_Type="text/html; charset=utf-8", Content_Length=len(body))
    handler.wfile.write(body)


def redirect(to: str) -> Answer:
    return lambda handler: start(handler, 302, Location=to, Content_Length=0)


def missing(handler: BaseHTTPRequestHandler) -> None:
    start(handler, 404, Content_Length=0)


@contextmanager
def running() -> Iterator[Mirror]:
    """A mirror that serves until the end of the with block."""
    server = Mirror()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.stop.set()
        server.shutdown()
        thread.join()
        server.server_close()


def fetch(urls: list[str], target: Path, **options: object) -> str:
    return download(urls, target, **{"progress": False, "timeout": 5.0, **options})  # type: ignore[arg-type]


def left_over(target: Path) -> list[str]:
    return sorted(p.name for p in target.parent.iterdir() if p.suffix != ".lock")


def script(body: str, *args: object) -> subprocess.Popen:
    code = f"import sys\nfrom pathlib import Path\nfrom motionkit.weights.download import download\n{body}"
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, args)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


FETCH = "print(download([sys.argv[1]], Path(sys.argv[2]), sha256=sys.argv[3] or None))"


def fake_gdown(monkeypatch: pytest.MonkeyPatch, function: Callable) -> None:
    """Put a module with this download function in gdown's place."""
    module = types.ModuleType("gdown")
    module.download = function  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gdown", module)
