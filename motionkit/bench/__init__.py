"""How fast this machine is: the published procedure against the library's, in one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from motionkit.bench.options import BenchOptions

if TYPE_CHECKING:
    from motionkit.bench.report import Report
    from motionkit.progress import ProgressLike

__all__ = ["BenchOptions", "bench"]


def bench(options: BenchOptions | None = None, *, progress: ProgressLike = False) -> Report:
    """Measure what the options ask for.

    Ctrl-C ends it early; the figures until then are returned all the same, marked as not complete.

    Args:
        options: None is the defaults.
        progress: True shows a bar with the time that is left; or a function called with a Progress in hundredths.

    Raises:
        WeightsError: There is no such model, or its file is damaged.
        ConfigError: A model cannot see pictures of a size that is asked for.
        DownloadError: Weights cannot be downloaded.
        DeviceError: The device is not there.
        MotionkitError: A process that animates from file to file failed.
    """
    from motionkit.bench.run import run  # torch is loaded here, not for the command line's help

    return run(options or BenchOptions(), progress=progress)
