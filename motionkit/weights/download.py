"""Fetch one large file from a list of mirrors: resumed, checked while it streams, and in place only when whole.

Knows nothing of networks. https only, also after redirects; a download that begins on loopback may stay there.
"""

from __future__ import annotations

import hashlib
import inspect
import ipaddress
import sys
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from motionkit import jsontext
from motionkit.errors import DownloadError
from motionkit.weights.arrivals import Arrivals, StalledError
from motionkit.weights.partfile import CHUNK, FetchProgress, MirrorError, PartFile, sound_validator

if TYPE_CHECKING:
    import requests

__all__ = ["download", "sha256_of"]

PATIENCE = 4  # times the timeout, for what comes in drops
ATTEMPTS = 5  # for each mirror, as long as every attempt brings something new
MAX_REDIRECTS = 10
DIGITS, ANSWER_BYTES = 18, 1 << 20  # of a size in a header; of an answer that names an address


def download(
    urls: Iterable[str],
    target: Path,
    *,
    size: int | None = None,
    most: int | None = None,
    sha256: str | None = None,
    check: Callable[[bytes], None] | None = None,
    progress: FetchProgress = True,
    timeout: float = 30.0,
) -> str:
    """Fetch a file from the first mirror that sends the right one.

    Written to ``<target>.part`` under a lock (``<target>.lock``) and renamed, replacing ``target``, when size and hash
    are right. An interrupted download is resumed where the server allows and the hash or the server's validator (ETag,
    Last-Modified) guards against mixing two files. If another process fetched the file meanwhile, that one is taken.

    Args:
        urls: Addresses in the order to try. Google Drive's go through gdown; the public API of Yandex Disk
            (``…/disk/public/resources/download?…``) answers with the address to follow.
        target: Where the file belongs; its folder is made.
        size: Exact size in bytes, if known.
        most: Largest size in bytes that is accepted; None is ``size``, or where that is not known ``bounds.DOWNLOAD``
            (``MOTIONKIT_DOWNLOAD``).
        sha256: Expected hash in hex, if known.
        check: Called with the first bytes (up to 64 KiB) of what a mirror sends; the MotionkitError that it raises is
            the reason why that mirror is given up.
        progress: Show a bar with rate and remaining time on stderr; or as for ``PartFile``.
        timeout: Seconds without data after which a connection counts as stalled; so does one that takes four times as
            long for 64 KiB, or for a redirect.

    Returns:
        The file's sha256 in hex.

    Raises:
        DownloadError: No mirror sent the file (the message lists each with its reason, and how to place the file by
            hand), the disk is full, or the folder cannot be written to.
    """
    before = _stamp(target)
    lock = _prepared(target, announce=progress is True)
    with lock, closing(PartFile(target, size=size, most=most, sha256=sha256, check=check, progress=progress)) as part:
        if _stamp(target) != before and target.is_file():
            digest = sha256_of(target)
            if sha256 in (None, digest):
                return digest
        failures = []
        for url in urls:
            try:
                digest = _from_mirror(url, part, timeout)
            except MirrorError as error:
                failures.append(f"{url} ({error})")
                continue
            part.move_to(target)
            return digest
        part.keep_only_if_resumable()
    raise _nowhere(target, failures, size, sha256)


def sha256_of(path: Path) -> str:
    """Hash a file, read in pieces.

    Args:
        path: The file.

    Returns:
        Its sha256 in hex.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _stamp(path: Path) -> tuple[int, int] | None:
    """Something that changes when another process replaces the file."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns


def _prepared(target: Path, *, announce: bool) -> Any:
    """The file's lock, held, in a folder that is there.

    Raises:
        DownloadError: The folder cannot be written to.
    """
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _locked(target, announce=announce)
    except OSError as error:
        raise DownloadError(
            f"Cannot write to {target.parent}: {error.strerror or error}", todo="Choose another folder"
        ) from error


def _locked(target: Path, *, announce: bool) -> Any:
    """The file's lock, held; waits for another process that has it."""
    from filelock import FileLock, Timeout

    path = target.with_name(target.name + ".lock")
    if path.is_symlink():  # taking the lock would empty what it leads to
        path.unlink()
    lock = FileLock(path)
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        if announce:
            print(f"Waiting for another process that is fetching {target.name} …", file=sys.stderr)
        return lock.acquire()


def _nowhere(target: Path, failures: list[str], size: int | None, sha256: str | None) -> DownloadError:
    facts = ", ".join([*([f"{size} bytes"] if size else []), *([f"sha256 {sha256}"] if sha256 else [])])
    return DownloadError(
        f"Could not fetch {target.name}; tried {'; '.join(failures) or 'nothing, for it has no address'}",
        todo="Check the network and try again, or place the file by hand: get it from one of these addresses in a "
        f"browser and save it as {target}" + (f" ({facts})" if facts else ""),
    )


def _from_mirror(url: str, part: PartFile, timeout: float) -> str:
    """Fetch from one address, asking again after a broken connection for as long as that brings something new."""
    transfer = _by_gdown if urlsplit(url).hostname in ("drive.google.com", "docs.google.com") else _by_http
    for attempt in range(1, ATTEMPTS + 1):
        try:
            transfer(url, part, timeout)
            return part.finish()
        except MirrorError as error:
            part.close()
            if not error.again or attempt == ATTEMPTS:
                raise
    raise AssertionError("the loop returns or raises")


def _by_http(url: str, part: PartFile, timeout: float) -> None:
    import requests

    offset, validator = part.resume_point(url)
    headers = _headers(offset, validator)
    start = total = None
    arrivals = Arrivals[Any](lambda put: _ask(url, headers, timeout, put), PATIENCE * timeout, _weight)
    try:
        with closing(iter(arrivals)) as items:
            for item in items:
                if isinstance(item, requests.Response):
                    start, total = _extent(item, offset, part)
                    part.begin(start, url=url, validator=_validator(item), total=total)
                elif isinstance(item, bytes):
                    part.write(item)
                    if total is not None and part.size not in (None, total):
                        part.discard()
                        raise MirrorError(f"has {total} bytes instead of {part.size}")
    except StalledError:
        raise _stalled(timeout) from None
    except requests.RequestException as error:
        # DownloadError is no RequestException, so trouble with the disk passes by here
        raise MirrorError(
            _reason(error, timeout, None if start is None else part.count),
            again=start is not None and part.count > start,
        ) from error
    except ValueError as error:
        raise MirrorError(f"sent an answer that cannot be followed ({str(error)[:120]})") from error
    if start is not None and total is not None and part.count < total:
        raise MirrorError(f"broke off after {part.count} of {total} bytes", again=part.count > start)


def _headers(offset: int, validator: str | None) -> dict[str, str]:
    """Of a request for the bytes from ``offset`` on."""
    headers = {"Accept-Encoding": "identity", "User-Agent": "motionkit"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
        if validator:
            headers["If-Range"] = validator
    return headers


def _ask(url: str, headers: dict[str, str], timeout: float, put: Callable[[Any], None]) -> None:
    """Put each address that the way leads over, then the answer, then its bytes."""
    import requests

    with requests.Session() as session, _get(session, url, headers, timeout, put) as response:
        put(response)
        for chunk in response.iter_content(CHUNK):
            put(chunk)


def _weight(item: object) -> float:
    """Of 64 KiB it is 1, and of anything but bytes."""
    return len(item) / CHUNK if isinstance(item, bytes) else 1.0


def _stalled(timeout: float) -> MirrorError:
    return MirrorError(f"sent less than {CHUNK >> 10} KiB in {PATIENCE * timeout:g} s")


def _get(
    session: requests.Session, url: str, headers: dict[str, str], timeout: float, put: Callable[[Any], None]
) -> requests.Response:
    """The final answer, after redirects that stay on https, or on loopback where the download began there."""
    local = _is_loopback(url)
    for _ in range(MAX_REDIRECTS + 1):
        put(url)
        if urlsplit(url).scheme != "https" and not (local and _is_loopback(url)):
            raise MirrorError(f"leads to {url[:300]}, which is not https")
        response = session.get(url, headers=headers, stream=True, timeout=timeout, allow_redirects=False)
        if response.is_redirect:
            response.close()
            url = urljoin(url, response.headers["Location"])
        elif response.ok and urlsplit(url).path.endswith("/disk/public/resources/download"):
            with response:
                answer = jsontext.parse(response.raw.read(ANSWER_BYTES, decode_content=True))
            if not isinstance(answer, dict) or not isinstance(answer.get("href"), str):
                raise MirrorError("answered without an address to follow")
            url = answer["href"]
        else:
            return response
    raise MirrorError(f"redirects more than {MAX_REDIRECTS} times")


def _is_loopback(url: str) -> bool:
    """Whether this is plain http to this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    return parts.scheme == "http" and loopback


def _count(text: str) -> int | None:
    """A number of bytes in a header, None if it is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= DIGITS else None


def _extent(response: requests.Response, offset: int, part: PartFile) -> tuple[int, int | None]:
    """Where in the file the answer starts, and the whole file's size if the server sends it."""
    if response.status_code == 416:
        part.discard()
        raise MirrorError("cannot continue the part that is here", again=offset > 0)
    if response.status_code not in (200, 206):
        raise MirrorError(f"answered {response.status_code} {response.reason}")
    if response.headers.get("Content-Type", "").startswith("text/html"):
        raise MirrorError("answered with a web page instead of the file, usually about a quota or a sign-in")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise MirrorError("sends the file re-encoded")
    if response.status_code == 200:
        return 0, _count(response.headers.get("Content-Length", ""))
    unit, _, extent = response.headers.get("Content-Range", "").partition(" ")
    span, _, total = extent.partition("/")
    if unit != "bytes" or not span.startswith(f"{offset}-"):
        part.discard()
        raise MirrorError(f"answered with another range than asked for: {unit} {extent}"[:200], again=True)
    return offset, _count(total)


def _validator(response: requests.Response) -> str | None:
    """What If-Range accepts: a strong ETag, or a date."""
    tag = response.headers.get("ETag")
    return sound_validator(tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified"))


def _reason(error: requests.RequestException, timeout: float, received: int | None) -> str:
    """The gist of requests' nested exceptions; ``received`` bytes in, None where no answer had begun."""
    import requests

    if isinstance(error, requests.Timeout) or "timed out" in str(error).lower():
        return f"sent nothing for {timeout:g} s"
    if received is not None:
        return f"broke off after {received} bytes"
    cause: Any = error.args[0] if error.args else error
    return str(getattr(cause, "reason", cause)).split("): ", 1)[-1]


def _by_gdown(url: str, part: PartFile, timeout: float) -> None:
    """Google Drive, whose confirmation pages gdown knows; works with gdown 5.2 and 6."""
    import gdown

    fetch: Callable[..., Any] = gdown.download  # its signature differs from version to version
    accepted = inspect.signature(fetch).parameters
    options = {"quiet": True, "use_cookies": False, "fuzzy": True, "timeout": timeout}
    chosen = {name: value for name, value in options.items() if name in accepted}

    def ask(put: Callable[[bytes], None]) -> None:
        try:
            done = fetch(url, _Output(put), **chosen)
        except Exception as error:
            # gdown raises classes of its own, of requests, and assertions, differing from version to version
            raise MirrorError(f"gdown: {' '.join(str(error).split()) or type(error).__name__}") from error
        if done is None:
            raise MirrorError("gdown: Google Drive does not send it, usually because of a quota")

    part.begin(0, url=url, validator=None, total=None)
    try:
        with closing(iter(Arrivals(ask, PATIENCE * timeout, _weight))) as chunks:
            for chunk in chunks:
                part.write(chunk)
    except StalledError:
        raise _stalled(timeout) from None


class _Output:
    """What gdown writes to as to an open file."""

    def __init__(self, put: Callable[[bytes], None]) -> None:
        self._put = put

    def write(self, chunk: bytes) -> int:
        self._put(chunk)
        return len(chunk)

    def flush(self) -> None:
        """Do nothing: nothing is buffered."""
