"""Downloads into a cache that others can write to, and from servers that answer with nonsense."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from motionkit.errors import DownloadError, WeightsError
from motionkit.weights.pins import read_pins
from tests.support.loopback import CONTENT, OTHER, SHA256, Mirror, fetch, left_over, redirect, serving, start


def part_of(target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    return target.with_name(target.name + ".part")


def test_a_new_cache_is_private(mirror: Mirror, target: Path) -> None:
    fetch([mirror.url("/m", serving())], target, sha256=SHA256)
    assert target.parent.stat().st_mode & 0o777 == 0o700 and target.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", [".part", ".part.json", ".lock"])
@pytest.mark.parametrize("sha256", [SHA256, None])
def test_links_are_not_written_through(mirror: Mirror, target: Path, tmp_path: Path, name: str, sha256: Any) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(OTHER[:1000])
    part_of(target)
    target.with_name(target.name + name).symlink_to(precious)
    assert fetch([mirror.url("/m", serving())], target, sha256=sha256) == SHA256
    assert precious.read_bytes() == OTHER[:1000] and target.read_bytes() == CONTENT
    assert left_over(target) == [target.name]


@pytest.mark.parametrize("sha256", [SHA256, None])
def test_a_part_of_another_user_or_under_another_name_is_not_gone_on_with(
    mirror: Mirror, target: Path, tmp_path: Path, sha256: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = mirror.url("/m", serving())
    for planted in ("linked", "foreign"):
        part = part_of(target)
        part.write_bytes(OTHER[:1000])
        part.with_name(part.name + ".json").write_text(json.dumps({"url": url, "validator": '"v1"'}))
        if planted == "linked":
            os.link(part, tmp_path / "other name")
        else:
            monkeypatch.setattr(os, "getuid", lambda: 12345)
        assert fetch([url], target, sha256=sha256) == SHA256 and target.read_bytes() == CONTENT
    assert mirror.ranges("/m") == [None, None]
    assert (tmp_path / "other name").read_bytes() == OTHER[:1000]


@pytest.mark.parametrize(
    "note",
    [
        b"", b"[]", b"3", b"{", b'"x"', b"\xff\xfe", b"[" * 100_000,
        b'{"url": URL}', b'{"url": URL, "validator": 5}', b'{"url": URL, "validator": "a\\r\\nHost: evil"}',
        b'{"url": URL, "validator": "' + b"x" * 5000 + b'"}', b'{"url": URL, "validator": ""}',
        b'{"n": ' + b"9" * 6000 + b"}",
    ],
)  # fmt: skip
def test_malformed_notes(mirror: Mirror, target: Path, note: bytes) -> None:
    url = mirror.url("/m", serving())
    part = part_of(target)
    part.write_bytes(CONTENT[:1000])
    part.with_name(part.name + ".json").write_bytes(note.replace(b"URL", json.dumps(url).encode()))
    assert fetch([url], target) == SHA256  # no hash is known, so nothing may be kept
    assert mirror.ranges("/m") == [None] and left_over(target) == [target.name]


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Length": "9" * 5000},
        {"Content_Length": "\u00b2"},
        {"Content_Length": "-5"},
        {"Content_Range": "bytes 0-9/" + "9" * 5000},
        {"ETag": '"' + "x" * 5000 + '"'},
        {"Last_Modified": "\u00ff" * 20},
    ],
)
def test_malformed_headers(mirror: Mirror, target: Path, headers: dict[str, str]) -> None:
    def answer(handler: Any) -> None:
        start(handler, **headers)
        handler.wfile.write(CONTENT)

    try:
        assert fetch([mirror.url("/m", answer)], target, sha256=SHA256) == SHA256
    except DownloadError as error:
        assert "Could not fetch" in str(error) and not target.exists()  # noqa: PT017


@pytest.mark.parametrize(
    "to", ["http://[::1", "https://[x]/", "http://127.0.0.1:99999999/", "//", "https://" + "a" * 70]
)
def test_malformed_addresses(mirror: Mirror, target: Path, to: str) -> None:
    with pytest.raises(DownloadError, match="Could not fetch"):
        fetch([mirror.url("/r", redirect(to))], target)


@pytest.mark.parametrize("body", [b"[" * 100_000, b"{", b"3", b'{"href": 3}', b'{"href": "http://[::1"}', b"9" * 6000])
def test_malformed_answers_of_yandex(mirror: Mirror, target: Path, body: bytes) -> None:
    def answer(handler: Any) -> None:
        start(handler, Content_Length=len(body))
        handler.wfile.write(body)

    with pytest.raises(DownloadError, match="Could not fetch"):
        fetch([mirror.url("/disk/public/resources/download", answer)], target)


@pytest.mark.parametrize("to", ["loopback", "http://192.0.2.1/model"])
def test_https_does_not_lead_to_http(mirror: Mirror, target: Path, to: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even on this machine, unless the download began there."""
    there = mirror.url("/m", serving()) if to == "loopback" else to
    mirror.url("/r", redirect(there))
    send = requests.adapters.HTTPAdapter.send
    monkeypatch.setenv("NO_PROXY", "*")

    def to_loopback(adapter: Any, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        if urlsplit(str(request.url)).hostname == "mirror.example":
            request.url = mirror.url(urlsplit(str(request.url)).path)
        return send(adapter, request, **options)

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", to_loopback)
    with pytest.raises(DownloadError, match="which is not https"):
        fetch(["https://mirror.example/r"], target)
    assert [path for path, _ in mirror.asked] == ["/r"]


def test_pinned_hashes_of_another_user_are_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pins = tmp_path / "pinned.json"
    pins.write_text(json.dumps({"taichi-cpk.pth.tar": SHA256}))
    assert read_pins(pins) == {"taichi-cpk.pth.tar": SHA256}
    for content in ('{"a": 3}', "[" * 100_000, "[]"):
        pins.write_text(content)
        with pytest.raises(WeightsError, match="Cannot read the pinned hashes"):
            read_pins(pins)
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(WeightsError, match="not this user's"):
        read_pins(pins)
