"""A local folder mounted as if it were Google Drive."""

import os
import subprocess
from pathlib import Path

from IPython import get_ipython

__all__ = ["flush_and_unmount", "mount"]

SHOWN = "MyDrive"
_mounted: list[Path] = []


def mount(mountpoint: str, force_remount: bool = False, timeout_ms: int = 120000, readonly: bool = False) -> None:
    """Mount Drive; a person's files are under MyDrive of the mount point."""
    _check_kernel()
    if " " in mountpoint:
        raise ValueError("Mountpoint must not contain a space.")
    point = Path(mountpoint).expanduser()
    if (point / SHOWN).is_dir() and not force_remount:
        print(
            f"Drive already mounted at {mountpoint}; to attempt to forcibly remount, "
            f'call drive.mount("{mountpoint}", force_remount=True).'
        )
        return
    if point in _mounted:
        _unmount(point)
    if point.is_symlink():
        raise ValueError("Mountpoint must not be a symlink")
    if point.is_dir() and any(point.iterdir()):
        raise ValueError("Mountpoint must not already contain files")
    if point.exists() and not point.is_dir():
        raise ValueError("Mountpoint must either be a directory or not exist")
    if not point.parent.exists():
        raise ValueError("Mountpoint must be in a directory that exists")
    folder = Path(os.environ.get("MOTIONKIT_COLAB_DRIVE", "nowhere"))
    if not (folder / SHOWN).is_dir():
        raise ValueError("mount failed")
    point.mkdir(exist_ok=True)
    subprocess.run(["mount", "--bind", folder, point], check=True)
    if readonly:
        subprocess.run(["mount", "-o", "remount,bind,ro", point], check=True)
    _mounted.append(point)
    print(f"Mounted at {mountpoint}")


def flush_and_unmount(timeout_ms: int = 24 * 60 * 60 * 1000) -> None:
    """Unmount Drive; all that was written is then there."""
    _check_kernel()
    if not _mounted:
        print("Drive not mounted, so nothing to flush and unmount.")
    for point in list(_mounted):
        _unmount(point)


def _unmount(point: Path) -> None:
    if subprocess.run(["umount", point], check=False).returncode:
        raise ValueError("flush_and_unmount failed")
    _mounted.remove(point)


def _check_kernel() -> None:
    if "COLAB_RELEASE_TAG" not in os.environ or get_ipython() is None:
        raise NotImplementedError(f"{__name__} is unsupported in this environment.")
