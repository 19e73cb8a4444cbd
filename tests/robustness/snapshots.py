"""What lies in a folder, to the last byte, and what has changed of it."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

__all__ = ["differences", "snapshot"]

Snapshot = dict[str, tuple[str, int, str]]


def snapshot(root: Path) -> Snapshot:
    """Name below the folder to kind, permissions, and the content's hash or the link's target."""
    found: Snapshot = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            mode = path.lstat().st_mode
            found[str(path.relative_to(root))] = (_kind(mode), stat.S_IMODE(mode), _content(path, mode))
    return found


def differences(before: Snapshot, after: Snapshot, leaves: set[str]) -> str | None:
    """What changed beside the names that may come, in words; None if nothing did."""
    known = set(before) | leaves
    inside = tuple(f"{leaf}/" for leaf in leaves)  # what lies in a folder that may come may come too
    new = sorted(name for name in after if name not in known and not name.startswith(inside))
    gone = sorted(set(before) - set(after))
    changed = sorted(name for name in set(before) & set(after) - leaves if before[name] != after[name])
    missing = sorted(leaves - set(after))
    said = {"left behind": new, "gone": gone, "changed": changed, "not written": missing}
    return "; ".join(f"{what}: {', '.join(names)}" for what, names in said.items() if names) or None


def _kind(mode: int) -> str:
    kinds = {"file": stat.S_ISREG, "folder": stat.S_ISDIR, "link": stat.S_ISLNK}
    return next((kind for kind, test in kinds.items() if test(mode)), "other")


def _content(path: Path, mode: int) -> str:
    if stat.S_ISLNK(mode):
        return os.readlink(path)
    return hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(mode) else ""
