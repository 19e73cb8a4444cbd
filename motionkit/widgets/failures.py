"""What a widget says of something that went wrong, or not quite as hoped."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from motionkit.errors import MotionkitError, MotionkitWarning

__all__ = ["explain", "warnings_for_the_page"]

log = logging.getLogger(__name__)


def explain(error: Exception) -> str:
    """What went wrong, in words for the page; what is not a user's mistake is logged with its traceback as well."""
    if isinstance(error, MotionkitError | OSError):
        return str(error)
    log.error("a widget failed", exc_info=error)
    return f"Something is wrong inside motionkit: {error!r}"


@contextmanager
def warnings_for_the_page() -> Iterator[list[str]]:
    """A list of what motionkit warns of meanwhile, each text once; a page's reader does not see the kernel's stderr."""
    said: list[str] = []
    with warnings.catch_warnings():
        other = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
            if not issubclass(category, MotionkitWarning):
                other(message, category, *where, **more)
            elif str(message) not in said:
                said.append(str(message))

        warnings.simplefilter("always", MotionkitWarning)
        warnings.showwarning = show
        yield said
