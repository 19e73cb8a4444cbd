"""Versions of packages, as pip has them."""

from __future__ import annotations

import json
import platform
import subprocess
import sys

from motionkit.versions import installed, own_version


def test_versions_are_pips() -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "list", "--format", "json"], capture_output=True, check=True, timeout=120
    )
    known = {row["name"].lower(): row["version"] for row in json.loads(listed.stdout)}
    found = installed(["numpy", "no-such-package", "torch"])
    assert found == {"python": platform.python_version(), "numpy": known["numpy"], "torch": known["torch"]}
    assert own_version() == known["motionkit"]
