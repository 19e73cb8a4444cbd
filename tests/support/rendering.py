"""What tests of the renderer share."""

from __future__ import annotations

import numpy as np

from tests.support.places import ROOT

SIDE = 128
# What render_heads keeps when it is run as its help says; without it, tests load anny themselves.
KEPT = ROOT / "output" / "anny.pkl"


def still(frames: int) -> dict[str, np.ndarray]:
    """What a performance is without movement."""
    sizes = {"actions": 0, "gaze": 2, "torso": 3, "lean": 3, "shrug": 2}
    fields = {name: np.zeros((frames, size)) for name, size in sizes.items()}
    return fields | {name: np.zeros(frames) for name in ("yaw", "pitch", "roll")}
