"""Errors meant for users: each says what happened, what was given, what was expected and what to do.

Anything else that escapes motionkit is a bug.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = [
    "AnimationCancelled",
    "ConfigError",
    "DeviceError",
    "DivergedError",
    "DownloadError",
    "FaceNotFoundError",
    "InputError",
    "MediaError",
    "MissingPackageError",
    "MotionkitError",
    "MotionkitWarning",
    "OutOfMemoryError",
    "TemplateError",
    "TrainingError",
    "WeightsError",
    "heard_warnings",
    "naming",
    "on_one_line",
]


def on_one_line(text: str) -> str:
    """A text as a terminal may be given it: what would break the line or steer the terminal is spelled as in Python.

    Args:
        text: Any; names of files may hold every character, and bytes that are none.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


class MotionkitError(Exception):
    """Base of every error that a user can cause and mend.

    The message is one printable line: ``what; got …; expected …. todo.``

    Args:
        what: What happened, a clause without a final full stop.
        got: What was given.
        expected: What would have been accepted.
        todo: What to do next.
    """

    def __init__(self, what: str, *, got: object = None, expected: str | None = None, todo: str | None = None) -> None:
        self.what, self.got, self.expected, self.todo = what, got, expected, todo
        message = what
        if got is not None:
            message += f"; got {got}"
        if expected is not None:
            message += f"; expected {expected}"
        message += "."
        if todo is not None:
            message += f" {todo}" if todo.endswith("?") else f" {todo}."
        super().__init__(on_one_line(message))


class InputError(MotionkitError, ValueError):
    """An argument, option or file path that cannot be used as given."""


class ConfigError(MotionkitError, ValueError):
    """A model configuration that is inconsistent or does not fit the input."""


class MediaError(MotionkitError):
    """A picture or video that cannot be read or written."""


class FaceNotFoundError(MotionkitError):
    """No face was found where one was required, or a face was asked for that is not there."""


class WeightsError(MotionkitError):
    """A weights file that cannot be used: unknown, damaged, unsafe, or of another network."""


class DownloadError(WeightsError):
    """Weights could not be fetched; lists every address that was tried."""


class TemplateError(MotionkitError):
    """A motion template that cannot be used with this model."""


class TrainingError(MotionkitError):
    """Training cannot go on; the message names the last good checkpoint, from which it resumes."""


class DivergedError(TrainingError):
    """Training came to a loss, or to weights, that are no finite numbers: a learning rate too high, for instance."""


class DeviceError(MotionkitError):
    """The requested device is not there, or cannot do what was asked."""


class OutOfMemoryError(DeviceError):
    """The device ran out of memory even with a smaller batch."""


class MissingPackageError(MotionkitError, ImportError):
    """An optional package is needed; the message names the extra that installs it."""


class AnimationCancelled(MotionkitError):
    """The user stopped the work; nothing partial was left behind.

    Args:
        done: Number of frames that had been computed; also an attribute.
        total: Number of frames in all, or None if unknown; also an attribute.
        unit: What was counted.
        todo: What to do next.
    """

    def __init__(
        self,
        done: int,
        total: int | None,
        *,
        unit: str = "frames",
        todo: str = "Nothing was written; run it again",
    ) -> None:
        of = "" if total is None else f" of {total}"
        super().__init__(f"Stopped after {done}{of} {unit}", todo=todo)
        self.done, self.total = done, total


class MotionkitWarning(UserWarning):
    """Something was usable but not as good as hoped (no face found, a truncated clip, HDR tone-mapped).

    Args:
        message: What, in one line.
    """

    def __init__(self, message: str) -> None:
        super().__init__(on_one_line(message))


@contextmanager
def heard_warnings(heard: list[str] | None = None) -> Iterator[list[str]]:
    """Collect what motionkit warns of inside, for those who do not see it on stderr.

    What other packages warn of, perhaps from another thread, goes where it would have gone: it is no user's business.

    Args:
        heard: Where the texts go, each once; None is a list of its own, which is given.
    """
    texts = [] if heard is None else heard
    with warnings.catch_warnings():
        other = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
            if not issubclass(category, MotionkitWarning):
                other(message, category, *where, **more)
            elif str(message) not in texts:
                texts.append(str(message))

        warnings.simplefilter("always", MotionkitWarning)
        warnings.showwarning = show
        yield texts


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put a file's name into the errors about what is in it, where they lack it.

    Args:
        path: The file.

    Raises:
        MotionkitError: What was raised inside, with the name.
    """
    try:
        yield
    except MotionkitError as error:
        if path.name in str(error):
            raise
        named = type(error)(f"{path.name}: {error.what}", got=error.got, expected=error.expected, todo=error.todo)
        raise named from error
