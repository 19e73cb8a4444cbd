"""What people are painted with: kinds of surface, and one person's colours and patterns. All numbers are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

__all__ = ["Kind", "Paint", "surface"]

# Linear RGB. Skin from light to dark; people are between two neighbours.
SKINS = np.array([[0.93, 0.76, 0.66], [0.87, 0.67, 0.55], [0.78, 0.57, 0.44], [0.66, 0.46, 0.34], [0.50, 0.34, 0.24],
                  [0.36, 0.24, 0.17], [0.26, 0.17, 0.12]]) ** 2.2  # fmt: skip
HAIRS = np.array([[0.012, 0.010, 0.009], [0.035, 0.02, 0.012], [0.09, 0.045, 0.022], [0.2, 0.11, 0.05],
                  [0.42, 0.28, 0.13], [0.32, 0.31, 0.30], [0.62, 0.6, 0.57], [0.22, 0.06, 0.02]])  # fmt: skip
IRISES = np.array([[0.10, 0.045, 0.02], [0.05, 0.025, 0.015], [0.12, 0.2, 0.32], [0.12, 0.2, 0.12], [0.22, 0.17, 0.08],
                   [0.26, 0.32, 0.36]])  # fmt: skip
IRIS_SHARES = [0.26, 0.26, 0.16, 0.12, 0.12, 0.08]
TEETH = np.array([[0.86, 0.84, 0.79], [0.70, 0.60, 0.42]])  # whitest and most yellow
LIPSTICK = np.array([0.35, 0.03, 0.05])


class Kind(IntEnum):
    """What a surface is; the shaders know these names too."""

    SKIN = 0
    HAIR = 1
    EYE = 2
    CLOTH = 3  # no mesh of its own: skin below the neckline
    TEETH = 4
    INSIDE = 5  # of the mouth
    GLASSES = 6
    HEADWEAR = 7
    HANGING_HAIR = 8
    LASHES = 9


def surface(
    count: int, kind: Kind, *, detail: np.ndarray | float = 0.0, openness: np.ndarray | float = 1.0
) -> np.ndarray:
    """Describe vertices for the shaders.

    Args:
        count: M, how many.
        kind: What they belong to.
        detail: M or one; teeth: place along the row in [-1, 1]; inside of the mouth: 1 on the tongue.
        openness: M or one, how much of the sky a place sees, in [0, 1].

    Returns:
        M 3: kind, detail, openness.
    """
    columns = np.broadcast_arrays(np.full(count, float(kind)), detail, openness)
    return np.stack(columns, axis=1)


@dataclass(frozen=True, kw_only=True)
class Paint:
    """One person's colours and patterns; every field is a uniform of the shaders, by its name.

    Colours are 3, linear RGB. Shares are in [0, 1], heights are z in metres of template coordinates; what has no unit
    multiplies something in the shaders.

    Attributes:
        skin_colour: Of the skin.
        hair_colour: Of hair and beard.
        lip_colour: Of the lips, painted or not.
        brow_colour: Of the brows.
        iris_colour: Of both irises.
        cloth_colour: Of what is worn below the neckline.
        stripe_colour: Of the stripes in it.
        headwear_colour: Of a hat or scarf.
        frame_colour: Of glasses.
        lash_colour: Of the lashes.
        seed: Of the noise.
        strands: Frequency of strands about the head.
        parting: 1 where the hair is parted, else 0.
        parting_side: Where, in 2 cm to the subject's left.
        ears_free: 1 where hair leaves the ears free, else 0.
        hair_gaps: Share of strands that do not reach the outermost shell.
        hairline_front: Height at which hair begins over the forehead.
        hairline_back: Height at which it begins at the neck.
        hairline_ragged: Metres by which strands over the forehead differ.
        hairline_round: Metres by which it falls from the middle to the temples.
        sideburn: Height at which hair ends in front of the ears.
        hair_end: Height at which hanging hair ends.
        hat_line: Height at which a hat begins.
        scarf: 1 where a scarf is worn, else 0.
        blush: Strength of red cheeks and nose, a share.
        freckles: Strength of freckles, a share.
        eye_circles: Strength of dark circles under the eyes, a share.
        lid_makeup: Strength of paint on the lids, a share.
        lip_fullness: Height of the lips; 1 is usual.
        brow_arch: Height of the brows' arch, in centimetres.
        brow_thickness: Height of the brows; 1 is usual.
        brow_density: Strength of the brows; above 1 they cover the skin.
        brow_slant: How much the brows fall outwards.
        skin_gloss: Strength of highlights on the skin.
        skin_tightness: Exponent of these highlights.
        hair_gloss: Strength of highlights on hair.
        rim: How strongly edges reflect the sky.
        beard: Strength of a beard; above 1 it covers the skin.
        mottle: Strength of the skin's unevenness, a share.
        wrinkles: Strength of wrinkles, a share.
        nostrils: How dark they are, a share.
        nostril_lift: Metres that they reach further up the nose.
        wings: How dark the grooves beside the nose are, a share.
        lid_fold: How dark the folds above the upper lids are, a share.
        lip_seam: How dark the line between the lips is, a share.
        iris_size: Radians from the middle of an iris to its rim, as seen from the eyeball's centre.
        pupil_size: Of the pupil, a share of the iris.
        teeth_colour: Of the teeth.
        gum_colour: Of the gums.
        tongue_colour: Of the tongue; the rest of the mouth is darker.
        teeth_in_row: Teeth from the middle of a row to its end.
        teeth_gap: How uneven teeth are and how far apart, a share.
        teeth_edge: Height of the upper teeth's edge.
        gum_line: Height of a tooth up to its gum, a share of the row's.
        mouth_light: How light it is in the mouth; 1 is usual.
        weave: Frequency of stripes, radians or periods a metre; 0 for none.
        neckline: Height below which there is cloth.
        neckline_slope: How much the neckline rises to the sides.
    """

    skin_colour: np.ndarray
    hair_colour: np.ndarray
    lip_colour: np.ndarray
    brow_colour: np.ndarray
    iris_colour: np.ndarray
    cloth_colour: np.ndarray
    stripe_colour: np.ndarray
    headwear_colour: np.ndarray
    frame_colour: np.ndarray
    lash_colour: np.ndarray
    seed: float
    strands: float
    parting: float
    parting_side: float
    ears_free: float
    hair_gaps: float
    hairline_front: float
    hairline_back: float
    hairline_ragged: float
    hairline_round: float
    sideburn: float
    hair_end: float = 0.0
    hat_line: float = 0.7
    scarf: float = 0.0
    blush: float
    freckles: float
    eye_circles: float
    lid_makeup: float
    lip_fullness: float
    brow_arch: float
    brow_thickness: float
    brow_density: float
    brow_slant: float
    skin_gloss: float
    skin_tightness: float
    hair_gloss: float
    rim: float
    beard: float
    mottle: float
    wrinkles: float
    nostrils: float
    nostril_lift: float
    wings: float
    lid_fold: float
    lip_seam: float
    iris_size: float
    pupil_size: float
    teeth_colour: np.ndarray
    gum_colour: np.ndarray
    tongue_colour: np.ndarray
    teeth_in_row: float
    teeth_gap: float
    teeth_edge: float
    gum_line: float
    mouth_light: float
    weave: float
    neckline: float
    neckline_slope: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Paint:
        """Draw a person's; arguments are evaluated in order, so that their order is part of what a seed means."""
        skin = _skin(rng)
        hair = HAIRS[rng.integers(len(HAIRS))] * rng.uniform(0.7, 1.4)
        if rng.random() < 0.04:  # dyed
            hair = rng.uniform(0.02, 0.5, 3)
        made_up = rng.random() < 0.35
        lips = skin * np.array([1.02, 0.6, 0.6]) * rng.uniform(0.75, 1.1)
        if made_up:
            lips = LIPSTICK * rng.uniform(0.5, 1.6) * rng.uniform(0.7, 1.3, 3)
        fringe = rng.random() < 0.35
        return cls(
            skin_colour=skin,
            hair_colour=hair,
            lip_colour=lips,
            hairline_front=rng.uniform(0.676, 0.70) if fringe else rng.uniform(0.70, 0.735),
            hairline_back=rng.uniform(0.53, 0.58),
            hairline_ragged=rng.uniform(0.004, 0.05 if fringe else 0.02),
            hairline_round=rng.uniform(-0.004, 0.022),
            sideburn=rng.uniform(0.60, 0.665),
            brow_colour=np.minimum(hair * rng.uniform(0.3, 1.1), skin * 0.55),
            iris_colour=IRISES[rng.choice(len(IRISES), p=IRIS_SHARES)] * rng.uniform(0.6, 1.6),
            cloth_colour=_dye(rng),
            stripe_colour=_dye(rng),
            headwear_colour=_dye(rng),
            frame_colour=rng.uniform(0.0, 0.25, 3) ** 1.5,
            lash_colour=np.minimum(hair * 0.3, skin * (0.06 if made_up else rng.uniform(0.06, 0.5))),
            seed=rng.uniform(0, 50),
            strands=rng.uniform(14, 42),
            parting=float(rng.random() < 0.5),
            parting_side=rng.uniform(-1.6, 1.6),
            ears_free=float(rng.random() < 0.6),
            hair_gaps=rng.uniform(0.5, 0.85),
            blush=rng.uniform(0, 1),
            freckles=float(rng.random() < 0.2) * rng.uniform(),
            eye_circles=rng.uniform(),
            lid_makeup=float(made_up) * rng.uniform(0, 0.8),
            lip_fullness=rng.uniform(0.7, 1.35),
            brow_arch=rng.uniform(-0.2, 0.9),
            brow_thickness=rng.uniform(0.7, 1.9),
            brow_density=rng.uniform(0.5, 1.4),
            brow_slant=rng.uniform(-0.8, 0.8),
            skin_gloss=rng.uniform(0.02, 0.28),
            skin_tightness=rng.uniform(10, 45),
            hair_gloss=rng.uniform(0.03, 0.35),
            rim=rng.uniform(0, 1),
            beard=rng.choice([0.0, rng.uniform(0.1, 0.4), rng.uniform(0.6, 1.1)], p=[0.62, 0.2, 0.18]),
            mottle=rng.uniform(0.06, 0.32),
            wrinkles=rng.uniform(0, 1) ** 2,
            nostrils=1 - 0.4 * rng.uniform() ** 2,
            nostril_lift=rng.uniform(0.0, 0.0016),
            wings=rng.uniform(0, 0.6),
            lid_fold=rng.uniform(0, 0.8),
            lip_seam=rng.uniform(0, 0.85),
            **_eyes_and_mouth(rng),
            weave=rng.choice([0.0, rng.uniform(20, 160)]),
            neckline=rng.uniform(0.455, 0.50),
            neckline_slope=rng.uniform(-0.2, 0.9),
        )


def _eyes_and_mouth(rng: np.random.Generator) -> dict[str, Any]:
    """What irises, teeth, gums and tongue are like."""
    return {
        "iris_size": rng.uniform(0.41, 0.52),
        "pupil_size": rng.uniform(0.28, 0.55),
        "teeth_colour": TEETH[0] + (TEETH[1] - TEETH[0]) * rng.uniform() ** 1.5,
        "gum_colour": np.array([0.52, 0.2, 0.19]) * rng.uniform(0.4, 1.15),
        "tongue_colour": np.array([0.50, 0.17, 0.16]) * rng.uniform(0.6, 1.2),
        "teeth_in_row": rng.uniform(4.2, 6.2),
        "teeth_gap": rng.uniform() ** 2,
        "teeth_edge": rng.uniform(0.5775, 0.5822),
        "gum_line": rng.uniform(0.75, 1.15),
        "mouth_light": rng.uniform(0.35, 1.6),
    }


def _skin(rng: np.random.Generator) -> np.ndarray:
    place = rng.uniform(0, len(SKINS) - 1.001)
    skin: np.ndarray = SKINS[int(place)] * (1 - place % 1) + SKINS[int(place) + 1] * (place % 1)
    return skin * rng.uniform(0.85, 1.15, 3)


def _dye(rng: np.random.Generator) -> np.ndarray:
    """A colour of cloth, linear RGB: more often muted than not."""
    colour = rng.uniform(0.01, 0.9, 3) ** 1.5
    muted: np.ndarray = colour.mean() + (colour - colour.mean()) * rng.choice(
        [rng.uniform(0, 0.5), 1.0], p=[0.65, 0.35]
    )
    return muted
