"""Stands in for Colab's package where there is no Colab: the calls that motionkit makes, behaving as documented.

The folder MOTIONKIT_COLAB_DRIVE plays Google Drive. Only where ``machine.sh`` started the kernel can it be mounted.
"""

from typing import Any

from google.colab import drive, files, output

__all__ = ["drive", "files", "output"]


def load_ipython_extension(shell: Any) -> None:
    """Colab's kernels load the package as an extension, so that it is always among the imported modules."""
