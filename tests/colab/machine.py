"""Colab's environment, as the tests use it."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.places import ROOT

HERE = Path(__file__).parent
BUILT = ROOT / ".colab"
LAUNCH = ("sh", str(HERE / "machine.sh"))
PYTHON = "3.13"  # Colab's
MOUNTED = "/content/drive/MyDrive"


@dataclass(frozen=True)
class Colab:
    """Colab's environment and the folders that play its disk and Google Drive.

    Attributes:
        content: Seen as /content by what runs there.
        drive: Mounted Drive shows this.
    """

    content: Path
    drive: Path

    @classmethod
    def in_folder(cls, folder: Path) -> Colab:
        """One with an empty disk and an empty Drive."""
        machine = cls(folder / "content", folder / "drive")
        machine.content.mkdir()
        machine.my_drive.mkdir(parents=True)
        return machine

    @property
    def environment(self) -> dict[str, str]:
        """Variables for processes that start Colab's kernels, or run there themselves."""
        return {
            "MOTIONKIT_COLAB_DRIVE": str(self.drive),
            "JUPYTER_PATH": str(BUILT / "kernel" / "share" / "jupyter"),
        }

    @property
    def python(self) -> Path:
        return BUILT / "kernel" / "bin" / "python"

    @property
    def my_drive(self) -> Path:
        return self.drive / "MyDrive"

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Colab's Python on Colab's machine."""
        command = [*LAUNCH, str(self.python), *arguments]
        environment = os.environ | self.environment | {"COLAB_RELEASE_TAG": "release-colab-stand-in"}
        done = subprocess.run(command, cwd=self.content, env=environment, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
        return done

    def packages(self) -> dict[str, str]:
        """Names and versions of what is installed."""
        listed = self.run("-m", "pip", "list", "--format=json", "--disable-pip-version-check").stdout
        return {package["name"].lower(): package["version"] for package in json.loads(listed)}

    def restore(self, before: dict[str, str]) -> None:
        """Remove what was installed since."""
        if added := set(self.packages()) - set(before):
            self.run("-m", "pip", "uninstall", "--quiet", "--yes", "--root-user-action=ignore", *sorted(added))
