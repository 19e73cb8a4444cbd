"""An animation that runs in a thread, can be cancelled, and reports how far it has come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from motionkit import drive
from motionkit.config import AnimateOptions
from motionkit.errors import AnimationCancelled, InputError, heard_warnings
from motionkit.model import Model
from motionkit.motion.expressions import Take
from motionkit.pipeline.run import animate_file
from motionkit.structures import AnimationResult, Progress
from motionkit.widgets.failures import explain

__all__ = ["Job", "save_to_drive"]

REPORT_EVERY = 0.2  # seconds


class Job:
    """Animations of one widget, one at a time.

    Args:
        model: As ``load_model`` gives it.
        report: Called with a new dict whenever there is something new: ``state`` ("running", "done", "cancelled" or
            "failed"); while it runs ``done``, ``total``, ``rate``, ``remaining``; ``error`` in words; at its end
            ``frames`` and ``seconds``; from then on, also while another runs and if that one fails, ``result`` and
            ``collage`` (paths), ``bytes`` (the collage's), ``at`` (the time), ``warnings`` (texts), ``call``,
            ``fps`` and ``count`` of its frames, ``panels`` of the collage (caption, left, width).

    Attributes:
        result: Of the last animation that was finished, or None.
        made_by: The model that made it.
    """

    def __init__(self, model: Model, report: Callable[[dict[str, Any]], None]) -> None:
        self._model, self._tell = model, report
        self._made: dict[str, Any] = {}  # what is reported of the result
        self._cancel = threading.Event()
        self._thread: threading.Thread | None = None
        self._reported = 0.0
        self.result: AnimationResult | None = None
        self.made_by = model

    @property
    def running(self) -> bool:
        """Whether an animation is under way."""
        return self._thread is not None and self._thread.is_alive()

    def use(self, model: Model) -> None:
        """Animate with another model from the next time on."""
        self._model = model

    def start(
        self,
        source: Path,
        driving: Path | Take,
        result: Path,
        collage: Path,
        options: AnimateOptions,
        *,
        call: str = "",
    ) -> None:
        """Begin; returns at once. ``call`` is reported with the result: the code that makes the same.

        Raises:
            InputError: One is running.
        """
        if self.running:
            raise InputError("An animation is running", todo="Cancel it, or wait")
        self._cancel = threading.Event()
        self._report({"state": "running", "done": 0, "total": None, "rate": 0, "remaining": None})
        model = self._model

        def make() -> AnimationResult:
            result.parent.mkdir(parents=True, exist_ok=True)
            return animate_file(
                source, driving, result, model=model, options=options, collage=collage,
                progress=self._progress, cancel=self._cancel,
            )  # fmt: skip

        self._thread = threading.Thread(target=self._run, args=(make, model, call), name="motionkit-job", daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Ask a running animation to stop."""
        self._cancel.set()

    def wait(self, seconds: float | None = None) -> None:
        """Wait until the animation ends."""
        if self._thread is not None:
            self._thread.join(seconds)

    def file(self, name: str) -> Path | None:
        """The finished "result" or "collage"."""
        if self.result is None:
            return None
        return {"result": self.result.path, "collage": self.result.collage}.get(name)

    def files(self) -> list[Path]:
        """All that was made. Raises InputError if nothing was."""
        if self.result is None:
            raise InputError("There is no result yet", todo="Animate first")
        return [path for path in (self.result.path, self.result.collage) if path is not None]

    def _run(self, make: Callable[[], AnimationResult], model: Model, call: str) -> None:
        try:
            with heard_warnings() as warned:
                made = make()
        except AnimationCancelled as stopped:
            self._report({"state": "cancelled", "done": stopped.done, "total": stopped.total})
        except Exception as error:  # a thread's last line of defence: a bug must not leave the panel waiting
            self._report({"state": "failed", "error": explain(error)})
        else:
            self.result, self.made_by = made, model
            self._made = {
                "result": str(made.path), "collage": str(made.collage), "bytes": Path(str(made.collage)).stat().st_size,
                "at": time.time(), "warnings": warned, "call": call, "fps": float(made.fps), "count": made.frames,
                "panels": [[place.caption, place.left, place.width] for place in made.panels],
            }  # fmt: skip
            self._report({"state": "done", "frames": made.frames, "seconds": made.seconds})

    def _report(self, state: dict[str, Any]) -> None:
        self._tell({**self._made, **state})

    def _progress(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._reported >= REPORT_EVERY:
            self._reported = now
            self._report({
                "state": "running", "done": progress.done, "total": progress.total, "rate": progress.rate,
                "remaining": progress.remaining,
            })  # fmt: skip


def save_to_drive(files: list[Path], folder: Path) -> str:
    """Copy files into a folder of Google Drive, or any other.

    Args:
        files: What was made.
        folder: As ``drive.prepare_folder`` gave it.

    Returns:
        What was done, in words.
    """
    copies = [drive.copy_out(path, folder) for path in files]
    words = "Saved " + " and ".join(path.name for path in copies) + f" to {folder}"
    if folder.absolute().is_relative_to(drive.MOUNT_POINT):
        words += ". It may take Google a while until they are on your Drive."
    return words
