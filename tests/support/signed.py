"""Files as motionkit labels them, and what their signatures say."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from motionkit import media, trust
from motionkit.trust import keys, manifests


def written(path: Path, frame: np.ndarray, seal: trust.Seal | None) -> Path:
    """A picture or clip of this frame, with the metadata that motionkit gives its own."""
    metadata = trust.container_metadata()
    if path.suffix in media.IMAGE_SUFFIXES:
        media.write_image(path, frame, metadata=metadata, seal=seal)
    else:
        with media.VideoWriter(path, fps=Fraction(25), metadata=metadata, seal=seal) as writer:
            for _ in range(3):
                writer.write(frame)
    return path


def found_in(path: Path) -> manifests.ManifestFinding:
    found = manifests.read_manifest(path)
    assert found is not None
    return found


def signing_variables(folder: Path) -> dict[str, str]:
    """Variables that make motionkit sign with a key in this folder, not in its cache; none without the extra."""
    if not manifests.can_sign():
        return {}
    key, begins, certificates = keys._made().partition(keys.CERTIFICATE_BEGINS)
    (folder / "key.pem").write_bytes(key)
    (folder / "chain.pem").write_bytes(begins + certificates)
    return {keys.KEY: str(folder / "key.pem"), keys.CERTIFICATE: str(folder / "chain.pem")}
