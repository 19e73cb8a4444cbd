"""A file while it is being downloaded: counted, hashed and checked as it grows, with what is needed to resume it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from motionkit import jsontext
from motionkit.config.bounds import DOWNLOAD
from motionkit.errors import DownloadError, MotionkitError

__all__ = ["CHUNK", "FetchProgress", "MirrorError", "PartFile", "is_own", "sound_validator"]

FetchProgress = bool | Callable[[int, int | None], None]
"""Whether to show a bar; or what is called with the bytes that are there and those in all, None if unknown."""

NOTE_BYTES = 8192
CHUNK = 1 << 16  # bytes; what a dropped connection loses at most


def is_own(path: Path) -> bool:
    """Whether this is a regular file of this user's, under no other name: others may write to a shared cache.

    Args:
        path: The file; a link is none.
    """
    try:
        found = path.lstat()
    except OSError:
        return False
    mine = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and mine


def sound_validator(text: object) -> str | None:
    """An ETag or date that may be sent back to a server, or None if it is no such thing.

    Args:
        text: What a server sent, or a note says.
    """
    sound = isinstance(text, str) and 0 < len(text) <= 256 and text.isascii() and text.isprintable()
    return str(text) if sound else None


class MirrorError(Exception):
    """This address failed, the next may not.

    Args:
        reason: Why, a clause that follows the address.
        again: Whether the same address may be asked once more; also an attribute.
    """

    def __init__(self, reason: str, *, again: bool = False) -> None:
        super().__init__(reason)
        self.again = again


class PartFile:
    """The file while it is incomplete, with what is needed to resume it.

    Args:
        target: Where the whole file belongs; the part is beside it.
        size: Exact size in bytes, if known.
        most: Largest size in bytes that is accepted; None is ``size``, or where that is not known ``bounds.DOWNLOAD``.
        sha256: Expected hash in hex, if known.
        check: Called with the first bytes; raises a MotionkitError if they cannot belong to the file.
        progress: Show a bar on stderr; or a function called with the bytes that are there and those in all (None if
            unknown).
    """

    def __init__(
        self,
        target: Path,
        *,
        size: int | None,
        most: int | None = None,
        sha256: str | None,
        check: Callable[[bytes], None] | None,
        progress: FetchProgress,
    ) -> None:
        self.path = target.with_name(target.name + ".part")
        self.note = target.with_name(target.name + ".part.json")
        self.size, self.sha256, self.check, self.progress = size, sha256, check, progress
        self.most = (DOWNLOAD.value if size is None else size) if most is None else most
        self.count, self.resumed = 0, False
        self._file: IO[bytes] | None = None
        self._bar: Any = None
        self._total: int | None = None

    def resume_point(self, url: str) -> tuple[int, str | None]:
        """How many bytes that are here may be kept, and the validator to send along.

        Args:
            url: The address that is asked for the rest.
        """
        have = self.path.lstat().st_size if is_own(self.path) else 0
        if not have or have >= self.most:
            return 0, None
        if (validator := self._noted(url)) is not None:
            return have, validator
        return (have, None) if self.sha256 else (0, None)

    def _noted(self, url: str) -> str | None:
        """The validator that this address sent with the part that is here; None where nothing sound says so."""
        if not is_own(self.note) or self.note.lstat().st_size > NOTE_BYTES:
            return None
        try:
            note = jsontext.parse(self.note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        if not isinstance(note, dict) or note.get("url") != url:
            return None
        return sound_validator(note.get("validator"))

    def begin(self, offset: int, *, url: str, validator: str | None, total: int | None) -> None:
        """Open the file to receive bytes; those before ``offset`` are kept and hashed.

        Args:
            offset: Where in the file the next byte belongs.
            url: The address that sends them.
            validator: What the address sent to recognise this version of the file, None where it sent nothing.
            total: Size in bytes of the whole file, as the address gave it, or None.

        Raises:
            MirrorError: The file is larger than is accepted.
            DownloadError: The disk has not enough space, or cannot be written to.
        """
        from tqdm import tqdm

        if total is not None and self.size is None and total > self.most:
            self.discard()
            raise MirrorError(f"has {total} bytes, {self._too_many}")
        total = self.size if self.size is not None else total
        self.close()
        self._digest, self.count, self.resumed = hashlib.sha256(), offset, offset > 0
        try:
            free = shutil.disk_usage(self.path.parent).free
            if total is not None and total - offset > free:
                raise DownloadError(
                    f"Not enough space on the disk for {self.path.name}",
                    got=f"{free} bytes free in {self.path.parent}",
                    expected=f"{total - offset}",
                    todo="Free some, or set MOTIONKIT_CACHE to a folder on another disk",
                )
            self._file = self._open(offset)
            for start in range(0, offset, CHUNK):
                self._digest.update(self._file.read(min(CHUNK, offset - start)))
            self._file.truncate(offset)
            self.note.unlink(missing_ok=True)
            if validator is not None:
                with self.note.open("x", encoding="utf-8") as file:
                    json.dump({"url": url, "validator": validator}, file)
        except OSError as error:
            raise self._unwritable(error) from error
        self._total = total
        self._bar = tqdm(
            total=total,
            initial=offset,
            unit="B",
            unit_scale=True,
            unit_divisor=1024,
            desc=self.path.stem,
            disable=self.progress is not True,
        )

    @property
    def _too_many(self) -> str:
        raised = f"; {DOWNLOAD.todo[0].lower()}{DOWNLOAD.todo[1:]}" if self.most == DOWNLOAD.value else ""
        return f"more than the {self.most} bytes that are accepted{raised}"

    def _open(self, offset: int) -> IO[bytes]:
        """The part, made anew unless some of it is kept; what others put in its place is never written through."""
        if not offset:
            self.path.unlink(missing_ok=True)
        flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        return os.fdopen(os.open(self.path, flags if offset else flags | os.O_CREAT | os.O_EXCL, 0o600), "r+b", 0)

    def write(self, chunk: bytes) -> None:
        """Append the next bytes.

        Args:
            chunk: The bytes.

        Raises:
            MirrorError: They cannot belong to the file.
            DownloadError: The disk cannot be written to.
        """
        assert self._file is not None, "begin comes first"
        if self.count == 0 and self.check is not None:
            try:
                self.check(chunk)
            except MotionkitError as error:
                self.discard()
                raise MirrorError(error.what) from error
        self.count += len(chunk)
        if self.count > self.most:
            self.discard()
            if self.size is not None:
                raise MirrorError(f"sent more than the expected {self.size} bytes")
            raise MirrorError(f"sent {self._too_many}")
        self._digest.update(chunk)
        try:
            left = memoryview(chunk)
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise self._unwritable(error) from error
        self._bar.update(len(chunk))
        if callable(self.progress):
            self.progress(self.count, self._total)

    def finish(self) -> str:
        """Check size and hash, and return the hash.

        Raises:
            MirrorError: One of them is wrong; the file is deleted.
        """
        self.close()
        digest = self._digest.hexdigest()
        if self.count == 0:
            reason = "sent nothing"
        elif self.size is not None and self.count != self.size:
            reason = f"has {self.count} bytes instead of {self.size}"
        elif self.sha256 is not None and digest != self.sha256:
            reason = f"its sha256 is {digest} instead of {self.sha256}"
        else:
            return digest
        self.discard()
        raise MirrorError(reason, again=self.resumed)

    def move_to(self, target: Path) -> None:
        """Rename the finished file.

        Args:
            target: Replaced if it is there.
        """
        self.note.unlink(missing_ok=True)
        os.replace(self.path, target)

    def keep_only_if_resumable(self) -> None:
        """Close the file, and delete it unless a later download can go on with it."""
        self.close()
        if self.sha256 is None and not self.note.exists():
            self.discard()

    def discard(self) -> None:
        """Close and delete the file."""
        self.close()
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file and the bar; what was written stays."""
        if self._file is not None:
            self._file.close()
            if self._bar is not None:
                self._bar.close()
        self._file = self._bar = None

    def _unwritable(self, error: OSError) -> DownloadError:
        self.discard()
        return DownloadError(
            f"Cannot write {self.path} after {self.count} bytes: {error.strerror or error}",
            todo="Free some space on the disk, or set MOTIONKIT_CACHE to a folder on another one; nothing was kept",
        )
