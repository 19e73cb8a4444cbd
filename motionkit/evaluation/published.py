"""Figures that others have published, and why they cannot simply be set beside ours."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PUBLISHED", "Published", "differences"]


@dataclass(frozen=True, slots=True)
class Published:
    """Published figures of reconstruction on VoxCeleb.

    Attributes:
        name: Whose.
        source: Where they are printed.
        values: Name of a quantity to its value.
    """

    name: str
    source: str
    values: dict[str, float]


PUBLISHED = (
    Published("FOMM paper", "Siarohin et al. 2019", {"l1": 0.043, "akd": 1.294, "aed": 0.140}),
    Published("FOMM, later", "as measured by Zhao and Zhang 2022", {"l1": 0.041, "akd": 1.29, "aed": 0.133}),
    Published("TPSMM", "Zhao and Zhang 2022", {"l1": 0.039, "akd": 1.22, "aed": 0.125}),
)


def differences(*, landmarks: str, embedder: str, side: int, crop: str, every: int, seconds: float | None) -> list[str]:
    """Say what keeps the published figures from being compared with ours, a sentence each.

    Args:
        landmarks: Name of the landmark finder, "" for none.
        embedder: Name of the embedder, "" for none.
        side: Of the pictures that were compared, in pixels.
        crop: How squares were chosen.
        every: Of how many frames one was used.
        seconds: Used of each clip; None is all.
    """
    found = [
        "Other data: the published column is of VoxCeleb's test set, at 256 pixels; unless yours is that set, compare "
        "models on your own data.",
        "Their means count each frame alike, ours each clip.",
    ]
    if landmarks and not landmarks.startswith("face-alignment"):
        found.append(
            f"AKD: theirs is of face-alignment's 68 points, this of {landmarks}; other points, other distances."
        )
    if embedder:
        found.append(f"AED: theirs is of another network's vectors than {embedder}; the scales have nothing in common.")
    if side != 256:
        found.append(f"L1: theirs is of pictures of 256 pixels, this of {side}.")
    if crop not in ("none", "centre"):
        found.append(f'Squares: theirs are the clips as they are cut, these are cut anew (crop "{crop}").')
    if every > 1 or seconds is not None:
        part = f"one frame in {every}" if every > 1 else "all frames"
        found.append(
            f"Theirs is of whole clips, this of {part}" + (f" of {seconds:g} s." if seconds is not None else ".")
        )
    return found
