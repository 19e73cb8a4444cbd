"""A file while it is being downloaded: counted, hashed and checked as it grows, with what is needed to resume it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from motionkit.errors import DownloadError, MotionkitError

__all__ = ["CHUNK", "MirrorError", "PartFile"]

CHUNK = 1 << 16  # bytes; what a dropped connection loses at most


class MirrorError(Exception):
    """This address failed, the next may not. `again`: the same one may be asked once more."""

    def __init__(self, reason: str, *, again: bool = False) -> None:
        super().__init__(reason)
        self.again = again


class PartFile:
    """The file while it is incomplete, with what is needed to resume it. gdown writes to it as to an open file."""

    def __init__(
        self,
        target: Path,
        *,
        size: int | None,
        sha256: str | None,
        check: Callable[[bytes], None] | None,
        progress: bool,
    ) -> None:
        self.path = target.with_name(target.name + ".part")
        self.note = target.with_name(target.name + ".part.json")
        self.size, self.sha256, self.check, self.progress = size, sha256, check, progress
        self.count, self.resumed = 0, False
        self._file: IO[bytes] | None = None
        self._bar: Any = None

    def resume_point(self, url: str) -> tuple[int, str | None]:
        """Bytes already here that may be kept when asking `url`, and the validator to send along."""
        have = self.path.stat().st_size if self.path.is_file() else 0
        if not have or (self.size is not None and have >= self.size):
            return 0, None
        try:
            note = json.loads(self.note.read_text())
        except (OSError, ValueError):
            note = {}
        if note.get("url") == url:
            return have, note["validator"]
        return (have, None) if self.sha256 else (0, None)

    def begin(self, offset: int, *, url: str, validator: str | None, total: int | None) -> None:
        """Open the file to receive bytes from `offset` on; earlier ones are kept and hashed."""
        from tqdm import tqdm

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
            self._file = self.path.open("r+b" if offset else "wb", buffering=0)
            for start in range(0, offset, CHUNK):
                self._digest.update(self._file.read(min(CHUNK, offset - start)))
            self._file.truncate(offset)
            self.note.unlink(missing_ok=True)
            if validator is not None:
                self.note.write_text(json.dumps({"url": url, "validator": validator}))
        except OSError as error:
            raise self._unwritable(error) from error
        self._bar = tqdm(
            total=total,
            initial=offset,
            unit="B",
            unit_scale=True,
            unit_divisor=1024,
            desc=self.path.stem,
            disable=not self.progress,
        )

    def write(self, chunk: bytes) -> int:
        """Take the next bytes, or raise MirrorError where they cannot belong to the file."""
        assert self._file is not None, "begin comes first"
        if self.count == 0 and self.check is not None:
            try:
                self.check(chunk)
            except MotionkitError as error:
                self.discard()
                raise MirrorError(error.what) from error
        self.count += len(chunk)
        if self.size is not None and self.count > self.size:
            self.discard()
            raise MirrorError(f"sent more than the expected {self.size} bytes")
        self._digest.update(chunk)
        try:
            left = memoryview(chunk)
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise self._unwritable(error) from error
        self._bar.update(len(chunk))
        return len(chunk)

    def flush(self) -> None:
        """Nothing is buffered."""

    def finish(self) -> str:
        """Check size and hash, and return the hash. What is wrong is deleted."""
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
        self.note.unlink(missing_ok=True)
        os.replace(self.path, target)

    def keep_only_if_resumable(self) -> None:
        self.close()
        if self.sha256 is None and not self.note.exists():
            self.discard()

    def discard(self) -> None:
        self.close()
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._bar.close() if self._bar is not None else None
        self._file = self._bar = None

    def _unwritable(self, error: OSError) -> DownloadError:
        self.discard()
        return DownloadError(
            f"Cannot write {self.path} after {self.count} bytes: {error.strerror or error}",
            todo="Free some space on the disk, or set MOTIONKIT_CACHE to a folder on another one; nothing was kept",
        )
