"""What a widget says of something that went wrong."""

from __future__ import annotations

import logging

from motionkit.errors import MotionkitError

__all__ = ["explain"]

log = logging.getLogger(__name__)


def explain(error: Exception) -> str:
    """What went wrong, in words for the page; what is not a user's mistake is logged with its traceback as well."""
    if isinstance(error, MotionkitError | OSError):
        return str(error)
    log.error("a widget failed", exc_info=error)
    return f"Something is wrong inside motionkit: {error!r}"
