"""Files between the browser and the kernel, in small pieces over a widget's own messages.

Colab's channel is slow and ipywidgets' FileUpload fails from 1 MB on; here no message is larger than ``CHUNK``. The
browser leads: it sends the next piece once an earlier one is acknowledged, and asks for each piece that it wants.
``frontend/shared/uploads.js`` is the other side.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from motionkit.errors import InputError, MotionkitError
from motionkit.wholefile import part_path

__all__ = ["CHUNK", "Transfers"]

CHUNK = 256 * 1024  # bytes
MAX_STEM, MAX_SUFFIX = 60, 12  # characters of a name, of which one may take four bytes

Send = Callable[..., None]
Content = dict[str, Any]


class Transfers:
    """Both directions for one widget.

    Args:
        send: The widget's ``send(content, buffers)``.
        folder: Gets uploaded files, under their own names, made unlike those that are there.
        find: The file that a name asked for by the browser stands for, or None; only these are handed out.
        received: Called with the path of a whole uploaded file and the note that the browser gave it.
    """

    def __init__(
        self,
        send: Send,
        *,
        folder: str | Path,
        find: Callable[[str], Path | None],
        received: Callable[[Path, Any], None],
    ) -> None:
        self._send, self._folder, self._find, self._received = send, Path(folder), find, received
        self._open: dict[str, Path] = {}  # unfinished uploads

    def handle(self, content: Content, buffers: Sequence[Any]) -> bool:
        """Take a message from the browser; False if it is about something else."""
        kind, key = content.get("kind"), content.get("id")
        if kind not in ("upload", "upload-stop", "download"):
            return False
        try:
            if kind == "upload":
                self._take(content, bytes(buffers[0]) if buffers else b"")
            elif kind == "upload-stop":
                self._drop(str(key))
            else:
                self._give(content)
        except (MotionkitError, OSError) as error:
            self._fail(key, str(error))
        except (KeyError, ValueError, TypeError, OverflowError):
            self._fail(key, "The browser sent what is no part of a file. Load the page again.")
        return True

    def _fail(self, key: Any, reason: str) -> None:
        self._drop(str(key))
        self._send({"kind": "transfer-failed", "id": key, "error": reason})

    def close(self) -> None:
        """Remove what has been uploaded in part."""
        for key in list(self._open):
            self._drop(key)

    def _take(self, content: Content, data: bytes) -> None:
        key, offset, size = str(content["id"]), int(content["offset"]), int(content["size"])
        if offset == 0:
            self._drop(key)
            self._folder.mkdir(parents=True, exist_ok=True)
            self._open[key] = part_path(self._folder / "upload")
            self._open[key].touch(exist_ok=False)
        part = self._open.get(key)
        if part is None or part.stat().st_size != offset or len(data) > CHUNK:
            raise InputError("The upload was interrupted", todo="Choose the file again")
        with part.open("ab") as file:
            file.write(data)
        done = offset + len(data)
        if done < size:
            self._send({"kind": "upload-ack", "id": key, "done": done})
            return
        target = self._place(part, str(content.get("name", "")))
        del self._open[key]
        self._send({"kind": "upload-ack", "id": key, "done": done})
        self._received(target, content.get("note"))

    def _place(self, part: Path, name: str) -> Path:
        """Give a whole upload a name that is not taken; of its own name, only what no file system minds."""
        plain = Path(re.sub(r"[^\w.\- ]", "_", re.split(r"[/\\]", name)[-1]).strip(". ") or "upload")
        stem, suffix = plain.stem[:MAX_STEM], plain.suffix[:MAX_SUFFIX]
        for number in itertools.count(1):
            path = self._folder / f"{stem}{f'-{number}' if number > 1 else ''}{suffix}"
            try:
                path.touch(exist_ok=False)  # from now on it is taken, for every process
            except FileExistsError:
                continue
            os.replace(part, path)
            return path
        raise AssertionError("numbers do not end")

    def _drop(self, key: str) -> None:
        if (part := self._open.pop(key, None)) is not None:
            part.unlink(missing_ok=True)

    def _give(self, content: Content) -> None:
        path, offset = self._find(str(content["name"])), int(content["offset"])
        if path is None or not path.is_file():
            raise InputError("There is no such file to download", got=content["name"], todo="Animate again")
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(CHUNK)
        answer = {"kind": "chunk", "id": content["id"], "offset": offset, "size": path.stat().st_size}
        self._send(answer, [data])
