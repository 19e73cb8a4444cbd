"""Where the data set is written: a folder of this machine, or an address that fsspec writes to."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from motionkit.errors import MediaError
from motionkit.media.addresses import is_address, open_address
from motionkit.wholefile import write_whole

__all__ = ["Storage", "open_storage", "writing"]

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
DISK_TODO = "What is whole is kept: free some space and run the same command again"
TODO = "What is whole is kept: give a folder that can be written, or mend it and run the same command again"


@contextmanager
def writing(place: object) -> Iterator[None]:
    """Say of what cannot be written inside what it is and what to do.

    Args:
        place: The data set's.

    Raises:
        MediaError: The system refused, for instance because the disk is full.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        todo = DISK_TODO if error.errno in FULL else TODO
        raise MediaError("The data set cannot be written", got=f"{place} ({reason})", todo=todo) from error


class Storage:
    """A data set's folder. Names are relative to it, with slashes.

    Args:
        root: A path or an address.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = root
        self._system: Any = None
        self.local: Path | None = None
        if is_address(root):
            self._system, self._base = open_address(str(root).rstrip("/"))
        else:
            self.local = Path(root)

    def __reduce__(self) -> tuple[type[Storage], tuple[str | Path]]:
        return Storage, (self.root,)

    def put(self, file: Path, name: str) -> None:
        """Move a whole file here; it is there whole or not at all.

        Args:
            file: On this machine.
            name: What it is called here.

        Raises:
            MediaError: It cannot be written.
        """
        with writing(self.root):
            if self.local is not None:
                target = self.local / name
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(file, target)
                return
            path = self._path(name)
            self._system.makedirs(str(PurePosixPath(path).parent), exist_ok=True)
            self._system.put_file(str(file), path)
            file.unlink()

    def write(self, name: str, data: bytes) -> None:
        """Write a small file, whole or not at all.

        Args:
            name: The file's.
            data: What it holds.

        Raises:
            MediaError: It cannot be written.
        """
        with writing(self.root):
            if self.local is not None:
                target = self.local / name
                target.parent.mkdir(parents=True, exist_ok=True)
                write_whole(target, lambda part: part.write_bytes(data))
            else:
                path = self._path(name)
                self._system.makedirs(str(PurePosixPath(path).parent), exist_ok=True)
                self._system.pipe_file(path, data)

    def read(self, name: str) -> bytes | None:
        """A file's content; None where it is not there.

        Args:
            name: The file's.

        Raises:
            MediaError: It is there and cannot be read.
        """
        try:
            if self.local is not None:
                return (self.local / name).read_bytes()
            return bytes(self._system.cat_file(self._path(name)))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise MediaError("The data set cannot be read", got=f"{self.root} ({error})") from error

    def has(self, name: str) -> bool:
        """Whether a file is there.

        Args:
            name: The file's.
        """
        if self.local is not None:
            return (self.local / name).exists()
        self._system.invalidate_cache()
        return bool(self._system.exists(self._path(name)))

    def names(self, folder: str) -> list[str]:
        """Names of the files in a folder, sorted; none where there is no such folder.

        Args:
            folder: The folder's.
        """
        if self.local is not None:
            place = self.local / folder
            return sorted(path.name for path in place.iterdir()) if place.is_dir() else []
        path = self._path(folder)
        self._system.invalidate_cache()
        if not self._system.isdir(path):
            return []
        return sorted(PurePosixPath(name).name for name in self._system.ls(path, detail=False))

    def remove(self, folder: str) -> None:
        """Remove a folder with all that is in it, if it is there.

        Args:
            folder: The folder's.
        """
        if self.local is not None:
            shutil.rmtree(self.local / folder, ignore_errors=True)
        elif self._system.exists(self._path(folder)):
            self._system.rm(self._path(folder), recursive=True)

    def free(self) -> int | None:
        """Bytes that are free; None where that cannot be known."""
        if self.local is None:
            return None
        place = self.local.absolute()
        while not place.exists() and place != place.parent:
            place = place.parent
        return shutil.disk_usage(place).free

    def _path(self, name: str) -> str:
        return f"{self._base}/{name}" if name else str(self._base)


def open_storage(root: str | Path) -> Storage:
    """A data set's folder, made if it is not there.

    Args:
        root: A path or an address.

    Raises:
        InputError: The address cannot be used.
        MissingPackageError: The address needs a package.
        MediaError: The folder cannot be made.
    """
    storage = Storage(root)
    if storage.local is not None:
        with writing(root):
            storage.local.mkdir(parents=True, exist_ok=True)
    return storage
