"""What becomes of the panel's result: other forms of it, made when they are asked for, and copies in another folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from motionkit import drive
from motionkit.errors import InputError
from motionkit.pipeline.copies import copy_clip, copy_frame
from motionkit.widgets.job import Job, save_to_drive
from motionkit.widgets.uploads import Send
from motionkit.widgets.worker import Task

__all__ = ["Exports"]

FORMS = ("gif", "webp", "png")
Content = dict[str, Any]


class Exports:
    """Other forms and copies of one panel's result.

    Args:
        job: Holds the result.
        send: The widget's ``send(content, buffers)``.
        ask: As ``Worker.ask``.
        tell: Called with what went wrong, and "copy".
        note: Called with what has been saved.

    Attributes:
        handlers: What is done with each kind of message.
    """

    def __init__(
        self,
        job: Job,
        *,
        send: Send,
        ask: Callable[[str, Task], None],
        tell: Callable[[Exception, str], None],
        note: Callable[[str], None],
    ) -> None:
        self._job, self._tell, self._note = job, tell, note
        self._ask = ask
        self._send: Send = send
        self._files: dict[str, Path] = {}
        self.handlers: Mapping[str, Callable[[Content], None]] = {
            "copy": lambda content: ask(f"copy-{content.get('form')}", lambda: self._make(content)),
            "save": self._save,
        }

    def file(self, name: str) -> Path | None:
        """The form of this name that was made last: "gif", "webp" or "png"."""
        return self._files.get(name)

    def _save(self, content: Content) -> None:
        folder = str(content["folder"]).strip()
        if not folder:
            raise InputError("No folder was entered", expected="a folder of your Drive, or any other")
        files = self._job.files()
        self._note("Saving…")
        target = drive.prepare_folder(folder)  # mounts a Drive, which asks for leave: not for a thread
        self._ask("save", lambda: self._note(save_to_drive(files, target)))

    def _make(self, content: Content) -> None:
        form = str(content.get("form"))
        try:
            self._files[form] = self._made(form, int(content.get("index", 0)))
        except Exception as error:  # sent in words; the page must not wait for this file
            self._send({"kind": "copy-failed", "form": form})
            self._tell(error, "copy")
            return
        self._send({"kind": "copied", "form": form, "name": self._files[form].name})

    def _made(self, form: str, index: int) -> Path:
        result, model = self._job.result, self._job.made_by
        if form not in FORMS:
            raise InputError("There is no such form", got=form, expected=" or ".join(FORMS))
        if result is None:
            raise InputError("There is no result yet", todo="Animate first")
        named = (model.config.name, model.fingerprint)
        if form == "png":
            target = result.path.with_name(f"{result.path.stem}-{index + 1:04d}.png")
            return copy_frame(result, target, index, model=named)
        return copy_clip(result, result.path.with_suffix(f".{form}"), model=named)
