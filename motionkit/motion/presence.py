"""Whether a driving frame shows anything that the model knows."""

from __future__ import annotations

from collections.abc import Sequence

from motionkit.structures import Keypoints

__all__ = ["lost"]

# A frame is lost where its keypoints are this many times as unsure as the source's own, and unsure beyond what a
# keypoint covers at all: measured with "heads", faces have 0.07 to 0.11 (0.15 at a twentieth of the light), pictures of
# other things 0.18 to 0.6, a picture of one colour 0.44 to 0.57. A detector that knows nothing, which is unsure of the
# source as well, loses no frame.
MORE_UNSURE = 2.0
UNSURE = 0.17


def lost(source: Keypoints, driving: Keypoints, *, sized_by: Sequence[int] | None = None) -> list[bool]:
    """Whether each driving frame shows nothing that the model knows.

    Args:
        source: Batch 1 or B, the source's own.
        driving: Batch B.
        sized_by: The keypoints that count, such as ``ModelConfig.sized_by``; None is all of them.
    """
    if source.confidence is None or driving.confidence is None:
        return [False] * len(driving)
    counted = slice(None) if sized_by is None else list(sized_by)
    usual = 1 - source.confidence[:, counted].mean(dim=1)
    unsure = 1 - driving.confidence[:, counted].mean(dim=1)
    found: list[bool] = ((unsure > UNSURE) & (unsure > MORE_UNSURE * usual)).tolist()
    return found
